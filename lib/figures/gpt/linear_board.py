"""A linear layer and its backward as a board of numbers: every entry with the sum that makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import cells, term
from lib.figures.kit.style import Layout

CAPTION = ("The entry in the frame is made of the row and the column that are picked out. Entries "
           "that come later are still empty.")

#: Array, row, column: what the board can pick out; db has one row.
Entry = tuple[str, int, int]
MEANS = {"y": "what goes out", "dW": "what the weight could do about it",
         "db": "what the bias could do about it", "dx": "what the input could do about it"}


@dataclass(frozen=True)
class Board:
    """One layer's numbers: x (n, d_in), W (d_out, d_in), b (d_out,), dy and y (n, d_out)."""

    x: np.ndarray
    W: np.ndarray
    b: np.ndarray
    dy: np.ndarray
    y: np.ndarray
    dW: np.ndarray
    db: np.ndarray
    dx: np.ndarray

    def entries(self) -> list[Entry]:
        """All entries that the board can work out, in the order of the computation."""
        return [(name, *at) for name in MEANS
                for at in np.ndindex(*np.atleast_2d(getattr(self, name)).shape)]


def known(data: Board, entry: Entry, name: str) -> np.ndarray:
    """A result as far as it is worked out when ``entry`` is: what comes later is NaN."""
    order = data.entries()
    found = np.atleast_2d(getattr(data, name)).astype(float)
    for later in order[order.index(entry) + 1:]:
        if later[0] == name:
            found[later[1:]] = np.nan
    return found


def compute(x: np.ndarray, W: np.ndarray, b: np.ndarray, dy: np.ndarray) -> Board:
    """Work out y = x W^T + b, dW = dy^T x, db = the column sums of dy, and dx = dy W.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    shapes = x.shape, W.shape, b.shape, dy.shape
    if x.shape[1:] != W.shape[1:] or b.shape != W.shape[:1] or dy.shape != (len(x), len(W)):
        raise ValueError(f"x, W, b and dy have shapes {shapes}, which make no layer")
    return Board(x, W, b, dy, x @ W.T + b, dy.T @ x, dy.sum(0), dy @ W)


def worked(data: Board, entry: Entry) -> str:
    """Return the sum that gives an entry, with its numbers."""
    name, i, j = entry
    pairs = {"y": lambda: zip(data.x[i], data.W[j]), "dx": lambda: zip(data.dy[i], data.W[:, j]),
             "dW": lambda: zip(data.dy[:, i], data.x[:, j]),
             "db": lambda: ((value,) for value in data.dy[:, j])}[name]()
    terms = [" \u00b7 ".join(term(value) for value in factors) for factors in pairs]
    terms += [term(data.b[j])] if name == "y" else []
    return f"{'  +  '.join(terms)}  =  {style.short(np.atleast_2d(getattr(data, name))[i, j], 3)}"


def place_name(data: Board, entry: Entry) -> str:
    """Return an entry's name as in ``dW, row 2, column 1``."""
    name, i, j = entry
    rows = "" if name == "db" else f" row {i + 1},"
    return f"{name},{rows} column {j + 1}"


def _forward(ax: Axes, data: Board, entry: Entry, left: float, top: float,
             cell: tuple[float, float], gap: float) -> None:
    """x beside, and W transposed above, their product; b under it."""
    name, i, j = entry
    lit, (n, d_in), d_out = name == "y", data.x.shape, len(data.W)
    low, right = top + d_in * cell[1] + gap, left + d_in * cell[0] + gap
    cells(ax, left, low, data.x, style.DATA, cell, "$x$", lit=lit, row=i)
    cells(ax, right, top, data.W.T, style.FROZEN, cell, "$W^{\\rm T}$", lit=lit, column=j)
    cells(ax, right, low, known(data, entry, "y"), style.DATA, cell, "", lit=lit, row=i, column=j)
    low += n * cell[1]
    cells(ax, right, low + 0.1, data.b, style.FROZEN, cell, "", lit=lit, column=j)
    for words, at in (("$y$", -n * cell[1] / 2), ("$b$", 0.1 + cell[1] / 2)):
        ax.text(right + d_out * cell[0] + 0.09, low + at, words, va="center", color=style.INK,
                size=style.NAME)


def _weights(ax: Axes, data: Board, entry: Entry, left: float, top: float,
             cell: tuple[float, float], gap: float) -> None:
    """dy transposed beside, and x above, their product dW."""
    name, i, j = entry
    n = len(data.x)
    low, right = top + n * cell[1] + gap, left + n * cell[0] + gap
    lit = name == "dW"
    cells(ax, left, low, data.dy.T, style.DATA, cell, "$dy^{\\rm T}$", lit=lit, row=i)
    cells(ax, right, top, data.x, style.DATA, cell, "$x$", lit=lit, column=j)
    cells(ax, right, low, known(data, entry, "dW"), style.FULL, cell, "$dW$", lit=lit, row=i,
          column=j, side="below")


def _input(ax: Axes, data: Board, entry: Entry, left: float, top: float,
           cell: tuple[float, float], gap: float) -> None:
    """dy beside, and W above, their product dx; under dy its column sums, db."""
    name, i, j = entry
    (n, d_out), lit = data.dy.shape, name in ("dx", "db")
    low, right = top + d_out * cell[1] + gap, left + d_out * cell[0] + gap
    cells(ax, left, low, data.dy, style.DATA, cell, "$dy$", lit=lit,
          row=i if name == "dx" else None, column=j if name == "db" else None)
    cells(ax, right, top, data.W, style.FROZEN, cell, "$W$", lit=name == "dx", column=j)
    cells(ax, right, low, known(data, entry, "dx"), style.DATA, cell, "$dx$", lit=name == "dx",
          row=i, column=j, side="below")
    cells(ax, left, low + n * cell[1] + 0.1, known(data, entry, "db"), style.FULL, cell, "$db$",
          lit=name == "db", column=j, side="below")


@style.styled
def draw(data: Board, entry: Entry, layout: Layout = "wide") -> Figure:
    """Draw forward and backward up to one entry, picked out, and the sum that gives it.

    Raises:
        ValueError: there is no such entry.
    """
    if entry not in data.entries():
        raise ValueError(f"entry is {entry}; allowed are {data.entries()}")
    wide = layout == "wide"
    fig = style.canvas(layout, 3.15 if wide else 4.75)
    ax = style.board(fig)
    style.heading(fig, place_name(data, entry), worked(data, entry))
    cell, gap = ((0.4, 0.29), 0.1) if wide else ((0.315, 0.255), 0.07)
    right = fig.get_size_inches()[0] - 0.06
    if wide:
        _forward(ax, data, entry, 0.06, 0.95, cell, gap)
        _weights(ax, data, entry, 2.63, 0.95 + cell[1], cell, gap)
        _input(ax, data, entry, right - 5 * cell[0] - gap, 0.95 + cell[1], cell, gap)
    else:
        _forward(ax, data, entry, 0.06, 0.85, cell, gap)
        _weights(ax, data, entry, 0.06, 3.05, cell, gap)
        _input(ax, data, entry, right - 5 * cell[0] - gap, 3.05, cell, gap)
    return fig


def alt(data: Board, entry: Entry) -> str:
    """Return the frame in words."""
    return (f"{place_name(data, entry)}, {MEANS[entry[0]]}: {worked(data, entry)}. The row and "
            f"the column that it comes from are picked out.")
