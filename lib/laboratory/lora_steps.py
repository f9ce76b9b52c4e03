"""One training step of LoRA, taken apart: what is added, kept, moved, stored and merged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.adapters import merged_copy, save_adapters
from lib.lora import LoRALinear, apply_lora_to_model
from lib.model import GPTModel
from lib.optim import AdamW
from lib.training import loss_and_gradients, train_step_lora

ADAPTED = ("query", "key", "value")
ROWS = ("rest", "W", "A", "B")


@dataclass(frozen=True)
class Measured:
    """One batch through the adapted model, once forward and back, one step, one file, merged.

    The dictionaries go by ROWS: the rest of the base, the adapted matrices, all A, all B.
    ``shapes`` is of one array, ``counts`` of all numbers, ``gradients`` and ``moved`` are lengths
    over all of them, ``stored`` counts the numbers that the adapter's file holds, which take
    ``stored_bytes``; ``files`` is the sizes of that file and of the base's, in bytes. ``gap`` and
    ``merged_gap`` are largest differences of a logit, ``kept`` the shapes of x and x A^T that an
    adapter keeps.
    """

    rank: int
    scaling: float
    matrices: int
    shapes: dict[str, tuple[int, int]]
    counts: dict[str, int]
    gap: float
    kept: tuple[tuple[int, int], tuple[int, int]]
    with_gradient: tuple[int, int]
    gradients: dict[str, float]
    losses: tuple[float, float]
    moved: dict[str, float]
    stored: dict[str, int]
    stored_bytes: int
    files: tuple[int, int]
    merged_count: int
    merged_gap: float

    @property
    def base(self) -> int:
        """The parameters of the base model."""
        return self.counts["rest"] + self.counts["W"]

    @property
    def added(self) -> int:
        """The numbers of A and B."""
        return self.counts["A"] + self.counts["B"]


def _row(name: str) -> str:
    """To which row of the table an array of the adapted model belongs."""
    return {"base_weights": "W", "lora_A": "A", "lora_B": "B"}.get(name.split(".")[-1], "rest")


def _lengths(arrays: dict[str, np.ndarray]) -> dict[str, float]:
    squares = dict.fromkeys(ROWS, 0.0)
    for name, array in arrays.items():
        squares[_row(name)] += float(np.square(array, dtype=np.float64).sum())
    return {row: square**0.5 for row, square in squares.items()}


def _counts(arrays: dict[str, np.ndarray]) -> dict[str, int]:
    return {row: sum(array.size for name, array in arrays.items() if _row(name) == row)
            for row in ROWS}


def measure_step(base: GPTModel, inputs: np.ndarray, targets: np.ndarray, rank: int, alpha: float,
                 learning_rate: float) -> Measured:
    """Do all steps on a copy of the base; inputs, targets: (batch, time)."""
    model = apply_lora_to_model(base.copy(), rank, alpha, ADAPTED)
    logits = base.forward(inputs, training=False)
    gap = float(np.abs(model.forward(inputs, training=False) - logits).max())
    _, gradients = loss_and_gradients(model, inputs, targets)
    layer: LoRALinear = model.transformer_stack.layers[0].self_attention.query_linear
    before = {name: array.copy() for name, array in model.parameters().items()}
    kept = tuple(array.shape for array in layer.cache)
    first = train_step_lora(model, AdamW(), inputs, targets, learning_rate)
    after, merged = model.parameters(), merged_copy(model)
    logits = model.forward(inputs, training=False)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "adapter.npz", Path(folder) / "model.npz"
        save_adapters(model, small)
        base.save(large)
        with np.load(small) as file:
            arrays = {name: file[name] for name in file.files if "lora_" in name}
        files = small.stat().st_size, large.stat().st_size
    return Measured(
        rank, layer.scaling, sum(name.endswith("lora_A") for name in before),
        {"W": layer.base_weights.shape, "A": layer.lora_A.shape, "B": layer.lora_B.shape},
        _counts(before), gap, kept, (len(gradients), len(before)), _lengths(gradients),
        (first, loss_and_gradients(model, inputs, targets)[0]),
        _lengths({name: after[name] - before[name] for name in before}), _counts(arrays),
        sum(array.nbytes for array in arrays.values()), files,
        sum(array.size for array in merged.parameters().values()),
        float(np.abs(merged.forward(inputs, training=False) - logits).max()))
