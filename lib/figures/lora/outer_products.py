"""What a matrix of rank two is: the sum of two outer products, with every number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import cells
from lib.figures.kit.style import Layout

CAPTION = "A column times a row makes a whole board; a board of rank two is the sum of two of them."

CELL = (0.27, 0.245)


@dataclass(frozen=True)
class Outer:
    """Columns B (d_out, 2) and rows A (2, d_in), whose products are added."""

    B: np.ndarray
    A: np.ndarray

    @property
    def terms(self) -> list[np.ndarray]:
        """The outer product of each column with its row: (d_out, d_in)."""
        return [np.outer(column, row) for column, row in zip(self.B.T, self.A)]

    @property
    def total(self) -> np.ndarray:
        """Their sum, B A: (d_out, d_in)."""
        return self.B @ self.A


def compute(B: np.ndarray, A: np.ndarray) -> Outer:
    """Pair the columns of B with the rows of A.

    Raises:
        ValueError: They are not two and two.
    """
    B, A = np.asarray(B, float), np.asarray(A, float)
    if B.ndim != 2 or A.ndim != 2 or B.shape[1] != 2 or A.shape[0] != 2:
        raise ValueError(f"B and A have shapes {B.shape} and {A.shape}; "
                         f"they must be (d_out, 2) and (2, d_in)")
    return Outer(B, A)


def _term(ax: Axes, left: float, top: float, data: Outer, k: int) -> None:
    """One column, one row, and all products of their numbers."""
    wide, high = CELL
    inner = left + wide + 0.06, top + high + 0.06
    cells(ax, left, inner[1], data.B[:, k:k + 1], style.B, CELL, f"$b_{k + 1}$")
    cells(ax, inner[0], top, data.A[k:k + 1], style.A, CELL, f"$a_{k + 1}$")
    cells(ax, *inner, data.terms[k], style.LORA, CELL)


@style.styled
def draw(data: Outer, layout: Layout = "wide") -> Figure:
    """Draw both outer products and their sum, in one row or one above the other."""
    wide = layout == "wide"
    rows, columns = data.total.shape
    width, height = (columns + 1) * CELL[0] + 0.06, (rows + 1) * CELL[1] + 0.06
    step = width + 0.3 if wide else height + 0.34
    fig = style.canvas(layout, height + 1.0 if wide else 3 * height + 1.58)
    note = ("In the first two boards every number is one beside it times one above it." if wide
            else "First two boards: one beside, times one above.")
    style.heading(fig, f"Rank 2: {data.total.size} numbers made from {data.B.size + data.A.size}",
                  note)
    ax = style.board(fig)
    for k in range(3):
        left = (style.MARGIN + k * step) if wide else 0.75
        top = 0.9 if wide else 0.84 + k * step
        if k < 2:
            _term(ax, left, top, data, k)
        else:
            inner = left + (0.06 if wide else CELL[0] + 0.06)
            cells(ax, inner, top + CELL[1] + 0.06, data.total, style.LORA, CELL,
                  "$b_1 a_1 + b_2 a_2$")
        if k:
            at = left - 0.15 if wide else 0.35
            ax.text(at, top + (height + CELL[1]) / 2, "+" if k == 1 else "=", size=style.TITLE,
                    ha="center", va="center_baseline")
    return fig


def alt(data: Outer) -> str:
    """Return the figure in words."""
    rows, columns = data.total.shape
    return (f"A column of {rows} numbers times a row of {columns} gives a board of {rows} by "
            f"{columns}; a second column and row give another. Their sum has "
            f"{data.total.size} numbers, made from {data.B.size + data.A.size}.")
