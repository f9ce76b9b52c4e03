"""What runs in a process of its own: ``python -m benchmarks.process PART [SETTINGS]``.

SETTINGS is JSON; the last line of the output is the result, in JSON too.  The parts import what
they need and nothing else, since import time and memory are among the things measured.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.goals import BATCH, LORA, TIME


def one_thread(rows: list[str], rounds: int) -> dict[str, Any]:
    """The machine, both GEMM rates (operations/s) and both CPU times (s) of each workload."""
    from benchmarks import pairs
    from benchmarks.machine import describe
    from benchmarks.timing import interleave
    pairs.one_thread_each()
    machine = describe()
    calls = pairs.matrix_products() | pairs.workloads(rows)
    seconds = interleave(calls, rounds)
    rates = pairs.rates(seconds)
    for side in (0, 1):
        machine[("numpy", "torch")[side]]["gflops"] = round(rates[side] / 1e9, 1)
    return {"machine": machine, "rates": rates,
            "seconds": {row: seconds[row] for row in rows if row in seconds}}


def two_cores(rows: list[str], rounds: int) -> dict[str, Any]:
    """Tokens per second of wall time, on two cores each."""
    from benchmarks import pairs
    from benchmarks.timing import interleave
    seconds = interleave(pairs.on_two_cores(rows), rounds, time.perf_counter, pause=0.05)
    return {row: [BATCH * TIME / each for each in both] for row, both in seconds.items()}


def training_memory(side: str, workload: str, steps: int) -> float:
    """Most memory (MB) of a process that builds a model and trains it some steps."""
    from benchmarks.timing import token_batch
    module = side_of(side)
    model = module.new_model()
    if workload in LORA:
        model = module.adapt(model, workload)
    step = module.training_step(model, *token_batch(BATCH, TIME))
    for _ in range(steps):
        step()
    return peak_megabytes()


def side_of(side: str) -> Any:
    """The module of one side, on one thread."""
    if side == "numpy":
        from benchmarks import numpy_side
        return numpy_side
    import torch

    from benchmarks import torch_side
    torch.set_num_threads(1)
    return torch_side


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)


PARTS = {part.__name__: part for part in (one_thread, two_cores, training_memory)}

if __name__ == "__main__":
    settings = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    print(json.dumps(PARTS[sys.argv[1]](**settings)), flush=True)
