"""Linear, Embedding, LayerNorm and GELU: each forward beside its hand-written backward.

Every backward takes ``dy``, the gradient of the loss with respect to the layer's output,
stores the gradients of the layer's own arrays in ``grads``, and returns ``dx``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

EPSILON = 1e-5                  # of LayerNorm: keeps the division finite on a constant row
GELU_SLOPE = 0.7978845608028654  # sqrt(2 / pi) as a Python float: a NumPy scalar would
GELU_CUBIC = 0.044715            # turn every float32 array that it meets into float64


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
        other = self.copy()
        for _, layer in other.walk():
            for name, value in vars(layer).items():
                if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
                    setattr(layer, name, value.astype(dtype))
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "grads": {}, "cache": None}  # a copy starts without a past


def check_last_axis(x: np.ndarray, size: int, layer: str) -> None:
    """Raise ValueError unless ``x`` is (..., size)."""
    if x.ndim == 0 or x.shape[-1] != size:
        raise ValueError(f"{layer} expects input of shape (..., {size}), got {x.shape}")


class Linear(Layer):
    """y = x W^T + b.

    x: (..., d_in) -> y: (..., d_out);  weights: (d_out, d_in);  bias: (d_out,) or None.
    Rows are folded to (n, d_in): one large product is faster than many small ones.
    """

    array_names = ("weights", "bias")

    def __init__(self, weights: np.ndarray, bias: np.ndarray | None = None) -> None:
        super().__init__()
        self.weights, self.bias = weights, bias

    @classmethod
    def random(cls, input_features: int, output_features: int, std: float,
               rng: np.random.Generator, dtype: type = np.float32) -> Linear:
        """Weights from N(0, std^2), no bias."""
        weights = std * rng.standard_normal((output_features, input_features))
        return cls(weights.astype(dtype))

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        d_out, d_in = self.weights.shape
        check_last_axis(x, d_in, "Linear")
        rows = x.reshape(-1, d_in)
        self.cache = rows if training and not self.frozen else None
        y = rows @ self.weights.T
        if self.bias is not None:
            y += self.bias
        return y.reshape(*x.shape[:-1], d_out)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dW = dy^T x,  db = sum of dy,  dx = dy W."""
        d_out, d_in = self.weights.shape
        rows = dy.reshape(-1, d_out)
        if not self.frozen:
            self.grads = {"weights": rows.T @ self.cache}
            if self.bias is not None:
                self.grads["bias"] = rows.sum(0)
        return (rows @ self.weights).reshape(*dy.shape[:-1], d_in)


class Embedding(Layer):
    """One row of a table for each token.

    tokens: (batch, time) of integers -> (batch, time, d_model);  weights: (vocabulary, d_model).
    """

    array_names = ("weights",)

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, tokens: np.ndarray, training: bool = True) -> np.ndarray:
        self.cache = tokens if training and not self.frozen else None
        return self.weights[tokens]

    def backward(self, dy: np.ndarray) -> None:
        """A row's gradient is the sum over all places where its token stood."""
        if not self.frozen:
            rows = dy.reshape(-1, dy.shape[-1])
            self.grads = {"weights": sum_by_row(self.cache, rows, len(self.weights))}


def sum_by_row(tokens: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Add each of the rows (n, d) to the row of its token: -> (count, d)."""
    width = rows.shape[1]
    total = np.zeros((count, width), rows.dtype)
    # Adding at flat places is several times as fast as np.add.at on whole rows.
    places = tokens.reshape(-1, 1) * width + np.arange(width)
    np.add.at(total.reshape(-1), places.reshape(-1), rows.reshape(-1))
    return total


class LayerNorm(Layer):
    """Normalise each row to mean 0 and variance 1, then scale and shift.

    x: (..., d) -> y: (..., d);  gamma, beta: (d,).  Ba et al. 2016, eq. 4.
    """

    array_names = ("gamma", "beta")

    def __init__(self, size: int, dtype: type = np.float32) -> None:
        super().__init__()
        self.gamma, self.beta = np.ones(size, dtype), np.zeros(size, dtype)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        check_last_axis(x, self.gamma.size, "LayerNorm")
        x_hat = x - x.mean(-1, keepdims=True)
        variance = np.einsum("...i,...i->...", x_hat, x_hat)[..., None] / x.shape[-1]
        inv_std = 1 / np.sqrt(variance + EPSILON)
        x_hat *= inv_std
        self.cache = (x_hat, inv_std) if training else None
        y = x_hat * self.gamma
        y += self.beta
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = (d_hat - mean(d_hat) - x_hat mean(d_hat x_hat)) / std, with d_hat = dy gamma.

        The two means are the parts of the gradient that shifting and stretching the
        row would undo: the normalisation does not see them.
        """
        x_hat, inv_std = self.cache
        size = dy.shape[-1]
        if not self.frozen:
            self.grads = {"gamma": (dy * x_hat).reshape(-1, size).sum(0),
                          "beta": dy.reshape(-1, size).sum(0)}
        dx = dy * self.gamma
        along = np.einsum("...i,...i->...", dx, x_hat)[..., None] / size
        dx -= dx.mean(-1, keepdims=True)
        dx -= x_hat * along
        dx *= inv_std
        return dx


def gelu(x: np.ndarray) -> np.ndarray:
    """GELU in its tanh form, any shape.  Hendrycks and Gimpel 2016, section 2."""
    return _gelu_and_tanh(x)[0]


def gelu_with_slope(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """GELU and its derivative at ``x``, both of x's shape; dx = dy * slope."""
    y, tanh = _gelu_and_tanh(x)
    # d/dx 0.5 x (1 + t) = 0.5 (1 + t) + 0.5 x (1 - t^2) c (1 + 3 a x^2)
    slope = x * x
    slope *= 3 * GELU_CUBIC * GELU_SLOPE
    slope += GELU_SLOPE
    slope *= x
    slope *= 1 - tanh * tanh
    slope += tanh
    slope += 1
    slope *= 0.5
    return y, slope


def _gelu_and_tanh(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tanh = x * x           # in place from here; x**3 would cost five times as much
    tanh *= GELU_SLOPE * GELU_CUBIC
    tanh += GELU_SLOPE
    tanh *= x
    np.tanh(tanh, out=tanh)
    y = tanh + 1
    y *= x
    y *= 0.5
    return y, tanh
