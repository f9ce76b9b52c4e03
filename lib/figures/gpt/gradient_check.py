"""A gradient beside central differences: where the two differ, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import cells
from lib.figures.kit.style import Layout

CAPTION = ("The check compares a gradient with central differences, entry by entry. Entries that "
           "differ are filled.")

#: Beyond this relative error a gradient is wrong.
ALLOWED = 1e-6
CELL: dict[Layout, tuple[float, float]] = {"wide": (0.56, 0.3), "narrow": (0.36, 0.28)}


@dataclass(frozen=True)
class Check:
    """A gradient as a formula gives it and as it is measured, both (rows, columns)."""

    formula: str
    found: np.ndarray
    measured: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """Formula less measurement; zero where the two agree but for rounding."""
        gap = self.found - self.measured
        return np.where(np.abs(gap) > ALLOWED * np.abs(self.measured).max(), gap, 0.0)

    @property
    def error(self) -> float:
        """The length of the difference, relative to that of the measured gradient."""
        return float(np.linalg.norm(self.difference) / np.linalg.norm(self.measured))


def compute(formula: str, found: np.ndarray, measured: np.ndarray) -> Check:
    """Put a formula's gradient beside the measured one.

    Raises:
        ValueError: the two have different shapes, or the measured one is zero.
    """
    if found.shape != measured.shape or not measured.any():
        raise ValueError(f"gradients of shapes {found.shape} and {measured.shape} can't be "
                         f"compared, or the measured one is zero")
    return Check(formula, np.atleast_2d(found), np.atleast_2d(measured))


def verdict(data: Check) -> str:
    """Return what the check says."""
    if not data.error:
        return "The check passes: equal but for rounding"
    return f"Caught: off by {style.percent(data.error)}"


@style.styled
def draw(data: Check, layout: Layout = "wide") -> Figure:
    """Draw the formula's gradient, the measured one and their difference."""
    wide, high = CELL[layout]
    fig = style.canvas(layout, 1.06 + 2 * high)
    style.heading(fig, verdict(data), data.formula)
    ax, columns = style.board(fig), data.found.shape[1]
    room = (style.WIDTH[layout] - 2 * style.MARGIN) / 3
    for place, (name, matrix) in enumerate((("formula", data.found), ("measured", data.measured),
                                            ("difference", data.difference))):
        left = style.MARGIN + place * room + (room - columns * wide) / 2
        filled = (place == 2) & (matrix != 0)
        cells(ax, left, 0.98, np.where(filled, np.nan, matrix.round(2)), style.DATA, (wide, high),
              name, lit=place < 2)
        for i, j in np.argwhere(filled):
            cells(ax, left + j * wide, 0.98 + i * high, matrix[i, j].round(2), style.DATA,
                  (wide, high), row=0, column=0)
    return fig


def alt(data: Check) -> str:
    """Return the frame in words."""
    return (f"{data.formula} beside central differences. {verdict(data)}. Entries that differ: "
            f"{np.count_nonzero(data.difference)} of {data.found.size}.")
