"""An embedding and its backward: which rows of the table go out, and what comes back to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from lib.figures.kit import style
from lib.figures.kit.cells import cells, term
from lib.figures.kit.style import Layout

CAPTION = ("Choose a token: its row is copied to every position where the token stands, and its "
           "gradient is the sum of what comes back from there.")


@dataclass(frozen=True)
class Rows:
    """table, gradient: (vocabulary, d); tokens: (positions,); rows, dy: (positions, d)."""

    table: np.ndarray
    tokens: np.ndarray
    rows: np.ndarray
    dy: np.ndarray
    gradient: np.ndarray
    token: int


def compute(table: np.ndarray, tokens: np.ndarray, dy: np.ndarray, token: int) -> Rows:
    """Look up the rows of all tokens, and add up what comes back to each row of the table.

    Raises:
        ValueError: the table has no such row, or the shapes do not fit each other.
    """
    flat, back = tokens.reshape(-1), dy.reshape(-1, dy.shape[-1])
    if back.shape != (flat.size, table.shape[1]):
        raise ValueError(f"dy has shape {dy.shape}, which does not fit tokens {tokens.shape} and "
                         f"a table {table.shape}")
    if not 0 <= token < len(table):
        raise ValueError(f"token is {token}; allowed are 0 to {len(table) - 1}")
    gradient = np.zeros(table.shape)
    np.add.at(gradient, flat, back)
    return Rows(table, flat, table[flat], back, gradient, token)


def worked(data: Rows) -> str:
    """Return the sum that gives the first number of the token's gradient."""
    terms = [term(value) for value in data.dy[data.tokens == data.token, 0]]
    result = style.short(data.gradient[data.token, 0], 3)
    return f"{'  +  '.join(terms)}  =  {result}" if len(terms) > 1 else result


def _half(ax: Axes, data: Rows, names: tuple[str, str], left: float, top: float, gap: float,
          cell: tuple[float, float], back: bool) -> None:
    """The table beside the positions, with an arrow for each of the token's positions.

    Forward the table is at the left, and arrows lead from it; ``back`` it is at the right.
    """
    here = np.flatnonzero(data.tokens == data.token)
    width = data.table.shape[1] * cell[0]
    shift = (len(data.tokens) - len(data.table)) * cell[1] / 2
    ends = (left, left + width + gap)
    at_table, at_rows = ends[::-1] if back else ends
    table, rows = (data.gradient, data.dy) if back else (data.table, data.rows)
    cells(ax, at_table, top + shift, table, style.FULL if back else style.FROZEN, cell, names[0],
          row=data.token)
    cells(ax, at_rows, top, rows, style.DATA, cell, names[1], row=here.tolist())
    x, side = (at_rows - 0.07, "right") if back else (at_rows + width + 0.07, "left")
    ax.text(x, top - 0.09, "token", ha=side, va="bottom", size=style.SMALL, color=style.MUTED)
    for at, token in enumerate(data.tokens):
        lit = token == data.token
        ax.text(x, top + (at + 0.5) * cell[1], str(token), ha=side, va="center_baseline",
                size=style.SMALL, weight=600 if lit else 400,
                color=style.INK if lit else style.MUTED)
    for at in here:
        points = [(ends[0] + width + 0.03, top + shift + (data.token + 0.5) * cell[1]),
                  (ends[1] - 0.03, top + (at + 0.5) * cell[1])]
        if back:
            points = [(points[0][0], points[1][1]), (points[1][0], points[0][1])]
        ax.add_artist(ConnectionPatch(*points, "data", "data", arrowstyle="->", lw=1.3,
                                      mutation_scale=9, color=style.INK))


@style.styled
def draw(data: Rows, layout: Layout = "wide") -> Figure:
    """Draw forward beside, or in the narrow layout above, backward."""
    wide = layout == "wide"
    count, cell = len(data.tokens), (0.4, 0.29) if wide else (0.38, 0.26)
    fig = style.canvas(layout, 1.15 + count * cell[1] + (0 if wide else 0.55 + count * cell[1]))
    ax = style.board(fig)
    found = int((data.tokens == data.token).sum())
    times = {0: "at no position", 1: "at one position"}.get(found, f"at {found} positions")
    style.heading(fig, f"Token {data.token} stands {times}",
                  f"first number of its gradient: {worked(data)}")
    width, gap = data.table.shape[1] * cell[0], 0.62
    right = fig.get_size_inches()[0] - style.MARGIN - 2 * width - gap
    _half(ax, data, ("$E$", "$y$"), style.MARGIN, 0.95, gap, cell, back=False)
    low = 0.95 if wide else 0.95 + 0.5 + count * cell[1]
    _half(ax, data, ("$dE$", "$dy$"), right, low, gap, cell, back=True)
    return fig


def alt(data: Rows) -> str:
    """Return the frame in words."""
    places = [str(at + 1) for at in np.flatnonzero(data.tokens == data.token)]
    if not places:
        return (f"Token {data.token} stands at no position: no arrow leaves its row of the table, "
                f"none comes back, and its gradient is zero.")
    return (f"Of {len(data.tokens)} positions, token {data.token} stands at {', '.join(places)}: "
            f"arrows lead there from its row of the table. What comes back from there is added "
            f"up; the first number of its gradient is {worked(data)}.")
