"""A matrix taken apart: its two strongest outer products, and the sum of all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import outline
from lib.figures.kit.style import Layout, Tone

CAPTION = "Compare the boards after the equals sign: the first two hold nearly all of the colour."

CELL = 0.22
GAP = 0.05  # between a board and the column and the row beside it
JOIN = 0.35  # where a sign stands


@dataclass(frozen=True)
class Split:
    """A matrix (d_out, d_in) and its singular value decomposition, largest value first."""

    matrix: np.ndarray
    u: np.ndarray
    values: np.ndarray
    vt: np.ndarray

    def term(self, k: int) -> np.ndarray:
        """The k-th outer product with its size: (d_out, d_in)."""
        return self.values[k] * np.outer(self.u[:, k], self.vt[k])

    @property
    def rest(self) -> np.ndarray:
        """What the two strongest leave over."""
        return self.matrix - self.term(0) - self.term(1)


def compute(matrix: np.ndarray) -> Split:
    """Take a matrix apart; the largest entry of each row v is positive on every machine.

    Raises:
        ValueError: It has fewer than three outer products, so that no rest would be left.
    """
    matrix = np.asarray(matrix, float)
    if matrix.ndim != 2 or min(matrix.shape) < 3:
        raise ValueError(f"the matrix has the shape {matrix.shape}; "
                         f"it needs at least three rows and three columns")
    u, values, vt = np.linalg.svd(matrix, full_matrices=False)
    sign = np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(1)])
    return Split(matrix, u * sign, values, vt * sign[:, None])


def _shades(ax: Axes, left: float, top: float, numbers: np.ndarray, most: float,
            tone: Tone) -> None:
    """A board whose cells are blue below zero and brown above, full at ``most``."""
    for i, j in np.ndindex(*numbers.shape):
        ax.add_artist(Rectangle((left + j * CELL, top + i * CELL), CELL, CELL, lw=0.5,
                                ec=style.GRID, fc=style.WEIGHTS(0.5 + numbers[i, j] / most / 2)))
    outline(ax, left, top, numbers.shape, (CELL, CELL), tone, True)


def _part(ax: Axes, left: float, top: float, data: Split, part: int | None) -> float:
    """The matrix (None), one of its products (0, 1) or the rest (2); return its right edge."""
    most, (rows, columns) = np.abs(data.matrix).max(), data.matrix.shape
    if part in (0, 1):
        longest = max(np.abs(data.u[:, :2]).max(), np.abs(data.vt[:2]).max())
        low = left + CELL + GAP
        _shades(ax, left, top, data.u[:, part:part + 1], longest, style.B)
        _shades(ax, low, top - CELL - GAP, data.vt[part:part + 1], longest, style.A)
        for x, y, name, tone in ((left + CELL / 2, top - 0.05, f"$u_{part + 1}$", style.B),
                                 (low + columns * CELL / 2, top - CELL - GAP - 0.05,
                                  f"$v_{part + 1}^{{\\rm T}}$", style.A)):
            ax.text(x, y, name, ha="center", va="bottom", color=tone.ink, size=style.NAME)
        left, board = low, data.term(part)
        words = f"size {data.values[part]:.2f}"
    else:
        board = data.matrix if part is None else data.rest
        words = "the board" if part is None else "the rest: sizes\n" + ", ".join(
            f"{value:.2f}" for value in data.values[2:])
    _shades(ax, left, top, board, most, style.FROZEN if part == 2 else style.LORA)
    ax.text(left + columns * CELL / 2, top + rows * CELL + 0.07, words, ha="center", va="top",
            color=style.MUTED if part == 2 else style.INK, linespacing=1.3)
    return left + columns * CELL


@style.styled
def draw(data: Split, layout: Layout = "wide") -> Figure:
    """Draw the matrix, its two strongest products and the rest, in one row or in two."""
    wide = layout == "wide"
    high = CELL * len(data.matrix)
    down = high + CELL + GAP + 0.86
    fig = style.canvas(layout, 0.72 + down * (1 if wide else 2))
    style.heading(fig, f"Split into {len(data.values)} products: the two largest, and the rest",
                  "Each is a column times a row, times its size. Blue is below zero, brown above."
                  if wide else "Column times row times size. Brown is above 0.")
    ax = style.board(fig)
    left, top = style.MARGIN, 0.72 + 0.3 + CELL + GAP
    for part, sign in ((None, "="), (0, "+"), (1, "+"), (2, "")):
        if part == 1 and not wide:
            left, top = style.MARGIN, top + down
        right = _part(ax, left, top, data, part)
        if sign:
            ax.text(right + JOIN / 2, top + high / 2, sign, size=style.TITLE, ha="center",
                    va="center_baseline")
        left = right + JOIN
    return fig


def alt(data: Split) -> str:
    """Return the figure in words."""
    sizes = [f"{value:.2f}" for value in data.values]
    return (f"A board of {len(data.matrix)} by {data.matrix.shape[1]} is the sum of a column u "
            f"times a row v with size {sizes[0]}, a second one with size {sizes[1]}, and a rest "
            f"of {len(sizes) - 2} more with sizes {', '.join(sizes[2:])}.")
