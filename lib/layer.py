"""Layer: what every part of the model shares: named arrays, gradients, freezing, copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import numpy as np


class Layer:
    """What all layers share: named arrays, their gradients, freezing, parts, copies.

    A leaf names its arrays in ``array_names``.  A composite just holds other layers, or
    lists of layers, as attributes: they are found by ``walk``.
    """

    array_names: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.frozen = False
        self.grads: dict[str, np.ndarray] = {}
        self.cache: Any = None  # what backward needs from the last training forward

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer and all layers in it, each with the prefix of its arrays' names."""
        yield prefix, self
        for name, value in vars(self).items():
            if isinstance(value, Layer):
                yield from value.walk(f"{prefix}{name}.")
            elif isinstance(value, list):
                for number, part in enumerate(value):
                    yield from part.walk(f"{prefix}{name}.{number}.")

    def trained_names(self) -> tuple[str, ...]:
        """Names of this layer's own arrays that training changes."""
        return () if self.frozen else self.array_names

    def is_trainable(self) -> bool:
        """Whether training changes anything in this layer or its parts."""
        return any(layer.trained_names() for _, layer in self.walk())

    def parameters(self) -> dict[str, np.ndarray]:
        """All arrays by dotted name, frozen ones too: the arrays themselves, not copies."""
        return {prefix + name: getattr(layer, name) for prefix, layer in self.walk()
                for name in layer.array_names if getattr(layer, name) is not None}

    def trainable_parameters(self) -> dict[str, np.ndarray]:
        """The arrays that training changes, by dotted name: not copies."""
        return {prefix + name: getattr(layer, name) for prefix, layer in self.walk()
                for name in layer.trained_names() if getattr(layer, name) is not None}

    def gradients(self) -> dict[str, np.ndarray]:
        """Gradients of the last backward, under the names of the trained arrays."""
        return {prefix + name: grad for prefix, layer in self.walk()
                for name, grad in layer.grads.items()}

    def freeze(self, frozen: bool = True) -> None:
        """Stop training this layer and its parts, or start again; gradients are dropped."""
        for _, layer in self.walk():
            layer.frozen, layer.grads, layer.cache = frozen, {}, None

    def copy(self, share_arrays: bool = False) -> Self:
        """An independent layer; with ``share_arrays`` it reads the very same arrays."""
        arrays = self.parameters().values() if share_arrays else ()
        return copy.deepcopy(self, {id(array): array for array in arrays})

    def astype(self, dtype: type) -> Self:
        """A copy in which every array of real numbers is float32 or float64, as ``dtype`` says."""
        other, made = self.copy(), {}
        for _, layer in other.walk():
            for name, value in vars(layer).items():
                if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
                    # One array under two names stays one, a read-only one stays read-only.
                    array = made.setdefault(id(value), value.astype(dtype))
                    array.flags.writeable = value.flags.writeable
                    setattr(layer, name, array)
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "grads": {}, "cache": None}  # a copy starts without a past
