"""Linear, Embedding, LayerNorm and GELU: each forward beside its hand-written backward.

Every backward takes ``dy``, the gradient of the loss with respect to the layer's output,
stores the gradients of the layer's own arrays in ``grads``, and returns ``dx``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lib.layer import Layer

EPSILON = 1e-5                  # of LayerNorm: keeps the division finite on a constant row
GELU_SLOPE = 0.7978845608028654  # sqrt(2 / pi) as a Python float: a NumPy scalar would
GELU_CUBIC = 0.044715            # turn every float32 array that it meets into float64
BLOCK = 65_536  # numbers that GELU works on at a time: so many stay in the processor's cache


def check_last_axis(x: np.ndarray, size: int, layer: str) -> None:
    """Raise ValueError unless ``x`` is (..., size)."""
    if x.ndim == 0 or x.shape[-1] != size:
        raise ValueError(f"{layer} expects input of shape (..., {size}), got {x.shape}")


def column_sums(rows: np.ndarray) -> np.ndarray:
    """(n, d) -> (d,), as a product with ones: faster and more exact in float32 than a sum."""
    return np.ones(len(rows), rows.dtype) @ rows


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

    def backward(self, dy: np.ndarray, to_input: bool = True) -> np.ndarray | None:
        """dW = dy^T x,  db = sum of dy,  dx = dy W  (None unless ``to_input``)."""
        d_out, d_in = self.weights.shape
        rows = dy.reshape(-1, d_out)
        if not self.frozen:
            self.grads = {"weights": rows.T @ self.cache}
            if self.bias is not None:
                self.grads["bias"] = column_sums(rows)
        return (rows @ self.weights).reshape(*dy.shape[:-1], d_in) if to_input else None


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
        size = self.gamma.size
        check_last_axis(x, size, "LayerNorm")
        if x.size == size and not training:
            return self._one_row(x.reshape(size)).reshape(x.shape)
        x_hat = x - x.sum(-1, keepdims=True) / size
        inv_std = 1 / np.sqrt(np.vecdot(x_hat, x_hat) / size + EPSILON)[..., None]
        x_hat *= inv_std
        self.cache = (x_hat, inv_std) if training else None
        y = x_hat * self.gamma
        y += self.beta
        return y

    def _one_row(self, x: np.ndarray) -> np.ndarray:
        """(d,) -> (d,): the same with plain numbers, in half the time when tokens come singly."""
        x_hat = x - x.sum() / x.size
        x_hat *= 1 / math.sqrt(x_hat @ x_hat / x.size + EPSILON)
        return x_hat * self.gamma + self.beta

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = (d_hat - mean(d_hat) - x_hat mean(d_hat x_hat)) / std, with d_hat = dy gamma.

        The two means are the parts of the gradient that shifting and stretching the
        row would undo: the normalisation does not see them.
        """
        x_hat, inv_std = self.cache
        size = dy.shape[-1]
        product = dy * x_hat
        if not self.frozen:
            self.grads = {"gamma": column_sums(product.reshape(-1, size)),
                          "beta": column_sums(dy.reshape(-1, size))}
        share = self.gamma / size            # both means are products with this one vector
        mean, along = (dy @ share)[..., None], (product @ share)[..., None]
        dx = dy * self.gamma
        dx -= mean
        dx -= np.multiply(x_hat, along, out=product)
        dx *= inv_std
        return dx


def gelu(x: np.ndarray) -> np.ndarray:
    """GELU in its tanh form, any shape.  Hendrycks and Gimpel 2016, section 2."""
    if x.size <= BLOCK:
        return x * _gate(x, x * x)
    y = np.empty(x.shape, x.dtype)
    for part, out in _blocks(x, y):
        np.multiply(part, _gate(part, part * part), out=out)
    return y


def gelu_with_slope(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """GELU and its derivative at ``x``, both of x's shape; dx = dy * slope."""
    y, slopes = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    for part, out, slope in _blocks(x, y, slopes):
        np.multiply(part, part, out=slope)
        gate = _gate(part, slope)
        np.multiply(part, gate, out=out)
        # d(x g)/dx = g + x g', and tanh's slope makes g' = g (1 - g) 2 c (1 + 3 a x^2)
        slope *= 6 * GELU_CUBIC * GELU_SLOPE
        slope += 2 * GELU_SLOPE
        slope *= out
        slope *= 1 - gate
        slope += gate
    return y, slopes


def _blocks(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Arrays of one shape, BLOCK numbers at a time, as views."""
    flat = [array.reshape(-1) for array in arrays]
    for at in range(0, flat[0].size, BLOCK):
        yield [array[at:at + BLOCK] for array in flat]


def _gate(x: np.ndarray, square: np.ndarray) -> np.ndarray:
    """How much of x GELU lets through: (1 + tanh(c (x + a x^3))) / 2."""
    gate = square * (GELU_SLOPE * GELU_CUBIC)  # x**3 would cost five times as much
    gate += GELU_SLOPE
    gate *= x
    np.tanh(gate, out=gate)
    gate += 1
    gate *= 0.5
    return gate
