"""Linear, Embedding, LayerNorm and GELU: each forward beside its hand-written backward.

Every backward takes ``dy``, the gradient of the loss with respect to the layer's output,
stores the gradients of the layer's own arrays in ``grads``, and returns ``dx``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lib.layer import Layer

EPSILON = 1e-5  # of LayerNorm: keeps the division finite on a constant row
C, A = math.sqrt(2 / math.pi), 0.044715  # of GELU
FEW, LARGE = 32, 2**17  # rows, and numbers of a matrix: see ``product``
BLOCK = 32_768  # numbers that GELU works on at a time: so many fit the processor's cache


def check_last_axis(x: np.ndarray, size: int, layer: str) -> None:
    """Raise ValueError unless ``x`` is (..., size)."""
    if x.ndim == 0 or x.shape[-1] != size:
        raise ValueError(f"{layer} expects input of shape (..., {size}), got {x.shape}")


def column_sums(rows: np.ndarray) -> np.ndarray:
    """(n, d) -> (d,), as a product with ones: faster and more exact in float32 than a sum."""
    return np.ones(len(rows), rows.dtype) @ rows


def product(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """x W^T: (n, d_in), (d_out, d_in) -> (n, d_out).

    Where a few rows meet a large matrix, BLAS is faster the other way round.
    """
    if 2 <= len(rows) <= FEW and weights.size > LARGE:
        return np.ascontiguousarray((weights @ rows.T).T)
    return rows @ weights.T


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
        y = product(rows, self.weights)
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
                self.grads["bias"] = column_sums(rows)
        return (rows @ self.weights).reshape(*dy.shape[:-1], d_in)


class TiedLinear(Linear):
    """An output projection on the very table of the embedding, under whose name it counts.

    x: (..., d_model) -> logits: (..., vocabulary).  Press and Wolf 2016, section 2.  The model adds
    its gradient to the embedding's.
    """

    array_names = ()


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
        ones = np.ones((size, 1), x.dtype)  # x @ ones sums each row, faster than x.sum
        centred = x - x @ ones / size
        std = np.sqrt(np.vecdot(centred, centred)[..., None] / size + EPSILON)
        x_hat = np.divide(centred, std, out=centred)  # fresh memory costs more than the division
        self.cache = (x_hat, std) if training else None
        y = x_hat * self.gamma
        y += self.beta
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / std, with dx_hat = dy gamma.

        The two means are the parts of the gradient that shifting and stretching the
        row would undo: the normalisation does not see them.
        """
        x_hat, std = self.cache
        size = self.gamma.size
        product = dy * x_hat
        if not self.frozen:
            self.grads = {"gamma": column_sums(product.reshape(-1, size)),
                          "beta": column_sums(dy.reshape(-1, size))}
        # A sum of dx_hat over a row is dy @ gamma: no need to multiply first and add up then.
        mean, along = dy @ self.gamma / size, product @ self.gamma / size
        dx = dy * self.gamma
        dx -= mean[..., None]
        dx -= np.multiply(x_hat, along[..., None], out=product)
        dx /= std
        return dx


@np.errstate(over="ignore")  # far below zero exp is infinite, and 1 / infinity the 0 wanted
def gelu(x: np.ndarray) -> np.ndarray:
    """x (1 + tanh(z)) / 2 with z = c (x + a x^3), any shape.  Hendrycks and Gimpel 2016, section 2.

    (1 + tanh(z)) / 2 is 1 / (1 + exp(-2 z)), which takes half the time.
    """
    y = np.empty(x.shape, x.dtype)
    for part, out in blocks(x, y):
        np.multiply(part, gate_of(part, part * part), out=out)
    return y


def gate_of(x: np.ndarray, square: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-2 z)), in one array that each operation writes to."""
    gate = square * (-2 * C * A)
    gate -= 2 * C
    gate *= x
    np.exp(gate, out=gate)
    gate += 1
    return np.divide(1, gate, out=gate)


@np.errstate(over="ignore")
def gelu_with_slope(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """GELU and its derivative at ``x``, both of x's shape; dx = dy * slope.

    GELU is x g with the gate g = 1 / (1 + exp(-2 z)), so its slope is g + x g', where
    g' = g (1 - g) 2 z' and z' = c (1 + 3 a x^2).
    """
    y, slopes = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    for part, out, slope in blocks(x, y, slopes):
        square = part * part
        gate = gate_of(part, square)
        np.multiply(part, gate, out=out)
        square *= 6 * C * A
        square += 2 * C
        square *= out
        square *= 1 - gate
        np.add(gate, square, out=slope)
    return y, slopes


def blocks(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Arrays of one shape, BLOCK numbers at a time: what is computed of so few stays in the cache.
    """
    flat = [array.reshape(-1) for array in arrays]
    for at in range(0, flat[0].size, BLOCK):
        yield [array[at:at + BLOCK] for array in flat]
