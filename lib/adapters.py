"""A model's adapters as a whole: merged, dialled, taken out, swapped, saved and loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.checkpoint import check_arrays, load_arrays, save_arrays
from lib.layers import Embedding
from lib.lora import (
    TARGETS,
    adapted_places,
    get_lora_parameters,
    merge_lora_weights,
    new_adapters,
    places_of,
    put,
    remove_adapters,
)
from lib.model import GPTModel


def merge_adapters(model: GPTModel) -> GPTModel:
    """Let each adapted layer work with one merged matrix, in place: the adapter costs nothing.

    The base is kept beside it, so that ``unmerge_adapters`` is exact, however often.
    """
    for place in adapted_places(model):
        place.layer.merged = merge_lora_weights(place.layer)
    return model


def unmerge_adapters(model: GPTModel) -> GPTModel:
    """Go back to base and adapter side by side, in place, without any rounding."""
    for place in adapted_places(model):
        place.layer.merged = None
    return model


def merged_copy(model: GPTModel) -> GPTModel:
    """A plain model with the adapters merged in, to be saved whole; the given one is not changed.
    """
    plain = model.copy(share_arrays=True)
    merged = {place.path: merge_lora_weights(place.layer) for place in adapted_places(plain)}
    remove_adapters(plain)
    for place in places_of(plain, TARGETS):
        if place.path in merged:
            weights = merged[place.path]
            place.layer.weights = weights.T if isinstance(place.layer, Embedding) else weights
    return plain


def set_adapter_strength(model: GPTModel, strength: float) -> GPTModel:
    """Multiply every adapter by ``strength``, in place: 0 is the base, 1 as trained.

    Raises:
        ValueError: the strength is not finite, or adapters are merged.
    """
    if not math.isfinite(strength):
        raise ValueError(f"strength is {strength}, it must be a finite number")
    layers = [place.layer for place in adapted_places(model)]
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
    adapted = adapted_places(model)
    if not adapted:
        raise ValueError("the model carries no LoRA adapters: call apply_lora_to_model first")
    for place in adapted:
        if place.layer.strength != 1:
            raise ValueError(f"the adapter of {place.path} has strength {place.layer.strength}, "
                             f"which is not stored: set_adapter_strength(model, 1) first")
    paths = {place.path for place in adapted}
    targets = tuple(target for target in TARGETS
                    if any(place.path in paths for place in places_of(model, [target])))
    layer = adapted[0].layer
    return Adapters(layer.rank, layer.alpha, targets, get_lora_parameters(model))


def attach_adapters(model: GPTModel, adapters: Adapters) -> GPTModel:
    """Put adapters on a model in place of any that it carries; no array is copied.

    Raises:
        ValueError: the adapters do not fit this model, which is then as it was.
    """
    places = new_adapters(model, adapters.rank, adapters.alpha, adapters.target_modules,
                          np.random.default_rng(0))
    wanted = {f"{place.path}.{name}": getattr(place.layer, name)
              for place in places for name in ("lora_A", "lora_B")}
    check_arrays("the adapter", adapters.arrays,
                 {name: (array.shape, array.dtype) for name, array in wanted.items()})
    for place in places:
        place.layer.lora_A = adapters.arrays[f"{place.path}.lora_A"]
        place.layer.lora_B = adapters.arrays[f"{place.path}.lora_B"]
    remove_adapters(model)
    model.freeze()
    put(places)
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
