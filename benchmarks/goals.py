"""What is measured, and what it should reach: data that needs neither NumPy nor PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

AVX512, HASWELL = "AVX-512", "Haswell"
#: OpenBLAS's names of its kernels -> the kernel that an aim is set for.
FAMILIES = {"skylakex": AVX512, "cooperlake": AVX512, "sapphirerapids": AVX512,
            "haswell": HASWELL, "zen": HASWELL}

BATCH, TIME = 16, 128      # of every workload whose name gives no other
NEW_TOKENS, LONG_CONTEXT = 128, 256
RANK, ALPHA = 4, 8.0
IN_BLOCK = ("query", "key", "value", "output", "ffn_up", "ffn_down")

#: Workload -> (batch, time).
FULL = {"full-16x128": (16, 128), "full-32x64": (32, 64), "full-8x64": (8, 64)}
#: Workload -> (target modules, lowest adapted block).
LORA = {"lora-qv": (("query", "value"), 0), "lora-qkv": (("query", "key", "value"), 0),
        "lora-all": (IN_BLOCK, 0), "lora-top": (("query", "value"), 2)}
#: SmolLM2, if its weights are installed: a LoRA step of (batch, time), and tokens written.
REAL_LORA, REAL_TOKENS = (4, 64), 32
REAL_RANK, REAL_ALPHA = 8, 16.0


@dataclass(frozen=True)
class Goal:
    """One row of the table.

    ``kind`` says what is judged: "less" (time, memory: PyTorch / NumPy), "more" (speed:
    NumPy / PyTorch), "share" (the NumPy figure itself, the higher the better) or "cost" (the
    NumPy figure itself, the lower the better).  ``aim`` may differ from kernel to kernel.
    A missed floor fails the run; a missed aim is only said.
    """

    what: str
    unit: str = "ms"
    kind: str = "less"
    aim: float | dict[str, float] | None = None
    floor: float | None = None

    def aim_on(self, kernel: str) -> float | None:
        """The aim on a BLAS kernel, by the name that the BLAS gives it."""
        if isinstance(self.aim, dict):
            return self.aim.get(FAMILIES.get(kernel.lower(), kernel))
        return self.aim


def _step(what: str, avx512: float, haswell: float | None = None) -> Goal:
    aim = {AVX512: avx512} | ({HASWELL: haswell} if haswell else {})
    return Goal(what, aim=aim, floor=1.0)


GOALS = {
    "full-16x128": _step("full step, B=16 T=128", 2.0, 1.3),
    "full-32x64": _step("full step, B=32 T=64", 2.0, 1.3),
    "full-8x64": _step("full step, B=8 T=64", 2.0, 1.3),
    "lora-qv": _step("LoRA step, q v, against PEFT", 2.1),
    "lora-qkv": _step("LoRA step, q k v, against PEFT", 2.1),
    "lora-all": _step("LoRA step, all six linear layers, against PEFT", 2.1),
    "lora-top": _step("LoRA step, q v of the top half, against PEFT", 2.1),
    "cost-lora-qv": Goal("LoRA step / full step, q v", "", "cost", aim=0.75),
    "cost-lora-qkv": Goal("LoRA step / full step, q k v", "", "cost"),
    "cost-lora-all": Goal("LoRA step / full step, all six", "", "cost"),
    "cost-lora-top": Goal("LoRA step / full step, q v of the top half", "", "cost", aim=0.60),
    "limit": Goal("full step: share of the GEMM limit", "", "share", aim=0.62),
    "forward": Goal("forward only, B=16 T=128", aim={AVX512: 1.6}, floor=0.85),
    "generate-twin": Goal("128 tokens, against a plain PyTorch loop",
                          aim={AVX512: 2.2}, floor=1.5),
    "generate-hf": Goal("128 tokens, against Hugging Face generate",
                        aim={AVX512: 5.5}, floor=4.0),
    "cores-full": Goal("two cores, wall time: full step", "tokens/s", "more",
                       aim={AVX512: 2.2}),
    "cores-lora": Goal("two cores, wall time: LoRA step, q v", "tokens/s", "more",
                       aim={AVX512: 2.2}),
    "memory-full": Goal("peak memory, full training", "MB", aim=3.0, floor=2.0),
    "memory-lora": Goal("peak memory, LoRA q v, against PEFT", "MB", floor=2.0),
    "real-decode": Goal("SmolLM2: 32 tokens, one row, against a transformers loop", aim=1.2,
                        floor=1.0),
    "real-lora-qv": Goal("SmolLM2: LoRA step, q v, B=4 T=64, against PEFT", aim=0.95, floor=0.85),
    "startup-torch": Goal("fresh process to first logits", floor=8.0),
    "startup-peft": Goal("fresh process to first logits, against PEFT", floor=25.0),
}


def chosen(names: list[str]) -> list[str]:
    """The rows whose name is or starts with one of ``names``, in the table's order; all for [].

    Raises ValueError naming the first that no row starts with.
    """
    for name in names:
        if not any(key.startswith(name) for key in GOALS):
            raise ValueError(f"no row is called {name!r}: there are {', '.join(GOALS)}")
    return [key for key in GOALS if not names or key.startswith(tuple(names))]


def needed(rows: list[str]) -> list[str]:
    """The rows and the workloads that rows of shares are computed from, in the table's order."""
    wanted = {*rows}
    for row in rows:
        if row.startswith("cost-"):
            wanted |= {row.removeprefix("cost-"), "full-16x128"}
        elif row == "limit":
            wanted.add("full-16x128")
    return [key for key in GOALS if key in wanted]
