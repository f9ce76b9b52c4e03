"""The same work twice: each workload as (NumPy call, PyTorch call), checked to be the same."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from benchmarks import numpy_side, torch_side
from benchmarks.flops import product
from benchmarks.goals import BATCH, FULL, LONG_CONTEXT, LORA, NEW_TOKENS, REAL_LORA, TIME
from benchmarks.timing import Call, token_batch
from lib.chat import chat_prompt
from lib.lora import adapted_layers
from lib.losses import cross_entropy_loss
from lib.model import GPTModel
from lib.smollm2 import PACKAGE, load_smollm2
from parity.llama_twin import llama_name, llama_twin
from parity.twin import twin_of

Pair = tuple[Call, Call]
TOLERANCE = 1e-4  # relative, of the loss
COMPARED = 3      # steps: the second and third loss show that the first updates were the same
PRODUCTS = [(2048, 128, 128), (2048, 128, 512), (2048, 512, 512), (1024, 1024, 1024)]


def one_thread_each() -> None:
    """Importing lib has limited NumPy's BLAS already."""
    torch.set_num_threads(1)


def check_same(what: str, ours: float, theirs: float) -> None:
    """Raise RuntimeError unless both losses agree: else the comparison would mean nothing."""
    if not math.isclose(ours, theirs, rel_tol=TOLERANCE):
        raise RuntimeError(f"{what}: NumPy's loss is {ours}, PyTorch's {theirs}: not the same work")


def workloads(rows: list[str]) -> dict[str, Pair]:
    """All one-thread workloads among the rows."""
    builders = {**dict.fromkeys([*FULL, *LORA], training), "forward": forward,
                "generate-twin": written_loop, "generate-hf": hugging_face,
                "real-decode": real_decode, "real-lora-qv": real_lora}
    if not find_spec(PACKAGE):  # the weights of SmolLM2 are not installed
        rows = [row for row in rows if not row.startswith("real-")]
    return {row: builders[row](row) for row in rows if row in builders}


def on_two_cores(rows: list[str]) -> dict[str, Pair]:
    """Workloads for two cores: two workers here, two threads there."""
    torch.set_num_threads(2)
    named = {"cores-full": "full-16x128", "cores-lora": "lora-qv"}
    return {row: training(named[row], numpy_side.parallel_step) for row in rows if row in named}


def twins(context: int = 128) -> tuple[GPTModel, torch.nn.Module]:
    """Both models with the same weights, which neither shares with the other."""
    model = numpy_side.new_model(context)
    return model, twin_of(model)


def training(workload: str, numpy_step: Any = numpy_side.training_step) -> Pair:
    """A step of either, after some steps in which the losses have to agree."""
    model, twin = twins()
    if workload in LORA:
        model, twin = numpy_side.adapt(model, workload), torch_side.adapt(twin, workload)
        torch_side.copy_adapters({name: (layer.lora_A, layer.lora_B)
                                  for name, layer in adapted_layers(model).items()}, twin)
    batch = token_batch(*FULL.get(workload, (BATCH, TIME)))
    ours, theirs = numpy_step(model, *batch), torch_side.training_step(twin, *batch)
    for _ in range(COMPARED):
        check_same(workload, ours(), theirs())
    return ours, theirs


def forward(row: str) -> Pair:
    """The logits alone."""
    model, twin = twins()
    inputs, targets = token_batch(BATCH, TIME)
    ours, theirs = numpy_side.forward(model, inputs), torch_side.forward(twin, inputs)
    check_same(row, cross_entropy_loss(ours(), targets), cross_entropy_loss(theirs(), targets))
    return ours, theirs


def written_loop(row: str) -> Pair:
    """Both write the same tokens."""
    model, twin = twins(LONG_CONTEXT)
    ours, theirs = numpy_side.generation(model), torch_side.generation(twin)
    if not np.array_equal(ours(), theirs()):
        raise RuntimeError(f"{row}: the two sides wrote different tokens")
    return ours, theirs


def hugging_face(row: str) -> Pair:
    """Its model has weights of its own, so only the number of tokens can be compared."""
    ours = numpy_side.generation(numpy_side.new_model(LONG_CONTEXT))
    theirs = torch_side.huggingface_generation()
    if not ours().shape == theirs().shape == (1, 1 + NEW_TOKENS):
        raise RuntimeError(f"{row}: the two sides wrote different numbers of tokens")
    return ours, theirs


def real_decode(row: str) -> Pair:
    """SmolLM2 writes the same tokens after a question on either side."""
    model, tokenizer = load_smollm2()
    twin, start = llama_twin(model), chat_prompt(tokenizer, "Who are you?")
    ours = numpy_side.real_generation(model, start)
    theirs = torch_side.real_generation(twin, start)
    if not np.array_equal(ours(), theirs()):
        raise RuntimeError(f"{row}: the two sides wrote different tokens")
    return ours, theirs


def real_lora(row: str) -> Pair:
    """A step of adapters on SmolLM2's queries and values; every target counts."""
    model, _ = load_smollm2()
    twin = torch_side.real_adapt(llama_twin(model))
    model = numpy_side.real_adapt(model)
    torch_side.copy_adapters(
        {llama_name(f"{name}.weights").removesuffix(".weight"): (layer.lora_A, layer.lora_B)
         for name, layer in adapted_layers(model).items()}, twin)
    batch = token_batch(*REAL_LORA)
    ours = numpy_side.training_step(model, *batch)
    theirs = torch_side.training_step(torch_side.Logits(twin), *batch)
    for _ in range(COMPARED):
        check_same(row, ours(), theirs())
    return ours, theirs


def matrix_products() -> dict[str, Pair]:
    """Products of the model's shapes and a large one, into arrays that are there already."""
    rng, calls = np.random.default_rng(0), {}
    for n, k, m in PRODUCTS:
        a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((n, k), (k, m)))
        c = np.empty((n, m), np.float32)
        shared = [torch.from_numpy(array) for array in (a, b, c)]
        calls[f"gemm-{n}x{k}x{m}"] = (
            lambda a=a, b=b, c=c: np.matmul(a, b, out=c),
            lambda a=shared[0], b=shared[1], c=shared[2]: torch.mm(a, b, out=c))
    return calls


def rates(seconds: dict[str, tuple[float, float]]) -> tuple[float, float]:
    """The best rate of either side, in operations per second, over all of PRODUCTS."""
    measured = [(product(*sizes), seconds["gemm-{}x{}x{}".format(*sizes)]) for sizes in PRODUCTS]
    return tuple(max(count / both[side] for count, both in measured) for side in (0, 1))
