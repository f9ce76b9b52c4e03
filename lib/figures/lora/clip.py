"""A grid that ends before a row's largest weight: its levels among the weights, and the error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Drag the ratio down at 3 bits: the levels move to where the weights are. "
           "Too far, and the cut ones cost more.")
PARTS = np.linspace(0.3, 1.0, 29)  # of a row's largest weight: the curve of errors


@dataclass(frozen=True)
class Clip:
    """One row's weights, the levels of its grid, and the error of the whole matrix.

    ``weights`` (d_in,) are parts of the row's largest; ``errors`` belong to ``PARTS``, and
    ``error`` to ``end``: the norm of what rounding changes, over the norm of the matrix.
    """

    bits: int
    end: float
    weights: np.ndarray
    levels: np.ndarray
    errors: np.ndarray
    error: float

    @property
    def cut(self) -> int:
        """How many weights of the row lie beyond the grid's end."""
        return int((np.abs(self.weights) > self.end).sum())


def error_of(W: np.ndarray, bits: int, end: float) -> float:
    """What a grid changes of W, each row on its own, as a part of W's norm."""
    top = end * np.abs(W).max(1, keepdims=True)
    step = top / (2 ** (bits - 1) - 1)
    return float(np.linalg.norm(np.clip(np.round(W / step) * step, -top, top) - W)
                 / np.linalg.norm(W))


def compute(W: np.ndarray, row: int, bits: int, end: float) -> Clip:
    """Put W (d_out, d_in) on a grid that ends at a part of each row's largest weight.

    Raises:
        ValueError: the grid would end at zero or beyond the largest weight.
    """
    if not 0 < end <= 1:
        raise ValueError(f"the grid ends at {end} of the largest weight; allowed are 0 to 1")
    count = 2 ** (bits - 1) - 1
    errors = np.array([error_of(W, bits, part) for part in PARTS])
    return Clip(bits, end, W[row] / np.abs(W[row]).max(),
                np.arange(-count, count + 1) / count * end, errors, error_of(W, bits, end))


def _weights(ax: Axes, data: Clip) -> None:
    ax.set(xlim=(-1.06, 1.06), ylim=(0, 30), xlabel="weight, as a part of the row's largest",
           ylabel="weights of one row")
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.set_yticks([0, 10, 20, 30])
    ax.hist(data.weights, np.linspace(-1, 1, 22), color=style.FROZEN.tint)
    ax.vlines(data.levels, 0, 25, color=style.FROZEN.mark, lw=1.2)
    ax.plot(data.levels, np.full(len(data.levels), 25.0), "v", ms=4, color=style.FROZEN.mark)
    ax.text(0, 27.2, f"{len(data.levels)} levels", ha="center", color=style.FROZEN.ink, weight=600)


def _errors(ax: Axes, data: Clip) -> None:
    ax.set(xlim=(0.26, 1.04), ylim=(0, 0.6), xlabel="clipping ratio",
           ylabel="error of the matrix")
    ax.set_xticks([0.4, 0.6, 0.8, 1.0])
    ax.set_yticks([0, 0.2, 0.4, 0.6], ["0%", "20%", "40%", "60%"])
    ax.plot(PARTS, data.errors, color=style.FROZEN.mark)
    style.point(ax, data.end, data.error, "o", style.FROZEN)
    ax.text(data.end, data.error + 0.06, f"{data.error:.0%}", ha="center", color=style.FROZEN.ink,
            weight=600)


@style.styled
def draw(data: Clip, layout: Layout = "wide") -> Figure:
    """Draw the levels among a row's weights, and the error for every end of the grid."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.3)
    style.heading(fig, f"{data.bits} bits, the grid ends at {data.end:.2f}: error {data.error:.0%}",
                  f"{data.cut} of this row's {len(data.weights)} weights lie beyond its end.")
    _weights(style.place(fig, 0.62, 0.7, 3.6 if wide else 2.75, 1.95 if wide else 1.75), data)
    _errors(style.place(fig, 5.05 if wide else 0.62, 0.7 if wide else 3.1,
                        1.95 if wide else 2.75, 1.95 if wide else 1.6), data)
    return fig


def alt(data: Clip) -> str:
    """Return the frame in words."""
    return (f"{data.bits} bits, a grid that ends at {data.end:.2f} of each row's largest weight: "
            f"{data.cut} of one row's {len(data.weights)} weights lie beyond its end, and rounding "
            f"changes the matrix by {data.error:.1%} of its norm.")
