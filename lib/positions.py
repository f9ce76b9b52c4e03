"""How the model knows the order of its tokens, without parameters: sinusoids, or rotations."""

from __future__ import annotations

import functools

import numpy as np


def sinusoidal_positions(context_length: int, size: int) -> np.ndarray:
    """(context_length, size): sine in even, cosine in odd dimensions.

    Dimension 2i turns with wavelength 2 pi 10000^(2i / size).  Vaswani et al. 2017, section 3.5.
    """
    angles = np.arange(context_length)[:, None] / 10_000.0 ** (np.arange(0, size, 2) / size)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(context_length, size)


def rotary_angles(context_length: int, head_size: int, base: float = 10_000.0) -> np.ndarray:
    """(context_length, head_size / 2): pair i at position t turns by t / base^(2i / head_size).

    Su et al. 2021, section 3.2.2.
    """
    frequencies = base ** (-np.arange(0, head_size, 2) / head_size)
    return np.arange(context_length)[:, None] * frequencies


def rotate(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn each pair of entries (2i, 2i + 1) of x (..., time, head_size) by its angle.

    angles: (time, head_size / 2).  A rotation's transpose turns back: dx = rotate(dy, -angles).
    """
    cos, sin = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    even, odd, y = x[..., 0::2], x[..., 1::2], np.empty_like(x)
    y[..., 0::2] = even * cos - odd * sin
    y[..., 1::2] = even * sin + odd * cos
    return y


@functools.lru_cache(8)
def rotations(context: int, head_size: int, base: float, dtype: type) -> np.ndarray:
    """(context, head_size / 2): the angles of ``rotary_angles`` as complex numbers of length 1."""
    turns = np.exp(1j * rotary_angles(context, head_size, base))
    return turns.astype(np.result_type(dtype, np.complex64))


def turn(x: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """As ``rotate``, in half the time: pairs are complex numbers, which are multiplied by turns.

    x: (..., time, head_size), turns: (time, head_size / 2) -> a new array of x's shape.
    """
    return np.multiply(x.view(turns.dtype), turns, order="C").view(x.dtype)
