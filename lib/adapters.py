"""A model's adapters as a whole: merged, dialled, taken out, swapped, saved and loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.checkpoint import check_arrays, load_arrays, save_arrays
from lib.lora import (
    LoRALinear,
    adapted_layers,
    apply_lora_to_model,
    get_lora_parameters,
    merge_lora_weights,
    remove_adapters,
    targets_in,
    targets_of,
)
from lib.model import GPTModel


def merge_adapters(model: GPTModel) -> GPTModel:
    """Let each adapted layer work with one merged matrix, in place: the adapter costs nothing.

    The base is kept beside it, so that ``unmerge_adapters`` is exact, however often.  As long
    as they are merged, adapters can be neither trained nor changed: forward would refuse.
    """
    for layer in adapted_layers(model).values():
        layer.merge()
    return model


def unmerge_adapters(model: GPTModel) -> GPTModel:
    """Go back to base and adapter side by side, in place, without any rounding."""
    for layer in adapted_layers(model).values():
        layer.unmerge()
    return model


def merged_copy(model: GPTModel) -> GPTModel:
    """A plain model with the adapters merged in, to be saved whole; the given one is not changed.
    """
    plain = model.copy(share_arrays=True)
    for layer in adapted_layers(plain).values():
        layer.base_weights, layer.merged = merge_lora_weights(layer), None
    return remove_adapters(plain)


def set_adapter_strength(model: GPTModel, strength: float) -> GPTModel:
    """Multiply every adapter by ``strength``, in place: 0 is the base, 1 as trained.

    Raises:
        ValueError: the strength is not finite, or adapters are merged.
    """
    if not math.isfinite(strength):
        raise ValueError(f"strength is {strength}, it must be a finite number")
    layers = adapted_layers(model).values()
    if any(layer.merged is not None for layer in layers):
        raise ValueError("merged adapters have no strength to set: unmerge_adapters first")
    for layer in layers:
        layer.strength = strength
    return model


@dataclass(frozen=True)
class Adapters:
    """Adapters apart from their base: what is stored, sent and swapped.

    arrays: every lora_A (rank, d_in) and lora_B (d_out, rank) by its dotted name.
    """

    rank: int
    alpha: float
    target_modules: tuple[str, ...]
    arrays: dict[str, np.ndarray]


def get_adapters(model: GPTModel) -> Adapters:
    """The adapters that a model carries: the arrays themselves, not copies.

    Raises:
        ValueError: the model carries none, or has them at another strength than 1.
    """
    adapted = adapted_layers(model)
    if not adapted:
        raise ValueError("the model carries no LoRA adapters: call apply_lora_to_model first")
    for name, layer in adapted.items():
        if layer.strength != 1:
            raise ValueError(f"the adapter of {name} has strength {layer.strength}, which is not "
                             f"stored: set_adapter_strength(model, 1) first")
    targets = tuple(target for target in targets_in(model)
                    if any(isinstance(getattr(owner, attribute), LoRALinear)
                           for owner, attribute in targets_of(model, [target])))
    first = next(iter(adapted.values()))
    return Adapters(first.rank, first.alpha, targets, get_lora_parameters(model))


def attach_adapters(model: GPTModel, adapters: Adapters) -> GPTModel:
    """Put adapters on a model in place of any that it carries; no array is copied.

    Raises:
        ValueError: the adapters do not fit this model, which is then as it was.
    """
    settings = adapters.rank, adapters.alpha, adapters.target_modules
    trial = apply_lora_to_model(remove_adapters(model.copy(share_arrays=True)), *settings)
    check_arrays("the adapter", adapters.arrays,
                 {name: (array.shape, array.dtype)
                  for name, array in get_lora_parameters(trial).items()})
    apply_lora_to_model(remove_adapters(model), *settings)
    for name, layer in adapted_layers(model).items():
        layer.lora_A = adapters.arrays[f"{name}.lora_A"]
        layer.lora_B = adapters.arrays[f"{name}.lora_B"]
    return model


def save_adapters(model: GPTModel, path: str | Path, **extra: Any) -> None:
    """Write a model's adapters, without its base, to one .npz file.

    ``extra`` holds arrays, and values that JSON can express, to keep in the same file.
    """
    adapters = get_adapters(model)
    settings = {"kind": "lora", "rank": int(adapters.rank), "alpha": float(adapters.alpha),
                "target_modules": adapters.target_modules}
    save_arrays(path, adapters.arrays, settings, extra)


def load_adapters(path: str | Path) -> Adapters:
    """Read what ``save_adapters`` wrote, for ``attach_adapters``; never unpickles.

    Raises:
        ValueError: the file is damaged, holds something else, or arrays of another rank.
    """
    arrays, metadata, _ = load_arrays(path, "lora")
    try:
        rank, alpha, targets = (metadata[key] for key in ("rank", "alpha", "target_modules"))
        targets = tuple(targets)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} lacks the settings of its adapters: {error}") from error
    for name, array in arrays.items():
        sides = array.shape if name.endswith("lora_A") else array.shape[::-1]
        if len(sides) != 2 or sides[0] != rank:
            raise ValueError(f"{path}: {name} is {array.shape}, its rank should be {rank!r}")
    return Adapters(rank, alpha, targets, arrays)
