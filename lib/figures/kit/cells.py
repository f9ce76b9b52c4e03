"""Numbers in cells and bars: matrices on a board, maps of shares, slim gauges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Tone


def cells(ax: Axes, left: float, top: float, matrix: np.ndarray, tone: Tone,
          cell: tuple[float, float], name: str = "", *, lit: bool = True,
          row: int | Sequence[int] | None = None, column: int | None = None, blank: bool = False,
          side: str = "above") -> None:
    """Draw a matrix; ``row`` (or several) or ``column`` is picked out, or the one cell of both.

    ``left`` and ``top`` are inches on a board, ``cell`` is a cell's width and height. What is not
    ``lit`` steps back, its numbers still readable; ``blank`` hides them. NaN is left empty.
    """
    matrix = np.atleast_2d(matrix)
    wide, high = cell
    chosen = range(len(matrix)) if row is None else np.atleast_1d(row).tolist()
    for i, j in np.ndindex(*matrix.shape):
        picked = lit and (row, column) != (None, None) and i in chosen and column in (j, None)
        at = (left + j * wide, top + i * high)
        fill = tone.ink if picked else tone.tint
        ax.add_artist(Rectangle(at, wide, high, lw=0.9, ec=style.PAPER, fc=fill,
                               alpha=1 if lit else 0.5))
        if not blank and not np.isnan(matrix[i, j]):
            ax.text(at[0] + wide / 2, at[1] + high / 2, style.short(matrix[i, j], 3), ha="center",
                    va="center_baseline", size=style.SMALL, weight=600 if picked else 400,
                    color=style.PAPER if picked else style.INK if lit else style.MUTED)
    outline(ax, left, top, matrix.shape, cell, tone, lit)
    middle = left + matrix.shape[1] * wide / 2
    if name:
        below = side == "below"
        ax.text(middle, top + (matrix.shape[0] * high + 0.05 if below else -0.06), name,
                ha="center", va="top" if below else "bottom", color=tone.ink, size=style.NAME)


def outline(ax: Axes, left: float, top: float, shape: tuple[int, ...], cell: tuple[float, float],
            tone: Tone, lit: bool) -> None:
    """Draw a frame around the cells, bolder where they are lit."""
    ax.add_artist(Rectangle((left, top), shape[1] * cell[0], shape[0] * cell[1], fc="none",
                           ec=tone.mark, lw=1.6 if lit else 0.7, alpha=1 if lit else 0.7))


def score_map(ax: Axes, shares: np.ndarray, across: Sequence[str], up: Sequence[str],
              size: float = style.BASE, middle: float = 0.5, low: float = 0.0,
              high: float = 1.0, colours: Colormap = style.SCORE) -> None:
    """Draw shares (up, across) in percent, the first row at the bottom; NaN is left empty.

    ``middle`` is the height of a number in its cell; ``colours`` go from ``low`` to ``high``.
    """
    for i, j in np.argwhere(np.isfinite(shares)):
        ax.add_artist(Rectangle((j, i), 1, 1,
                               fc=colours((shares[i, j] - low) / (high - low)),
                               ec=style.PAPER, lw=1.2))
        ax.text(j + 0.5, i + middle, f"{100 * shares[i, j]:.0f}", ha="center",
                va="center_baseline", size=size)
    ax.set(xlim=(0, len(across)), ylim=(0, len(up)))
    ax.set_xticks(np.arange(len(across)) + 0.5, across)
    ax.set_yticks(np.arange(len(up)) + 0.5, up)
    ax.tick_params(length=0)
    ax.spines["bottom"].set_visible(False)


def hatch_empty(ax: Axes, shares: np.ndarray) -> None:
    """Hatch the cells of a ``score_map`` that were not run (NaN)."""
    for i, j in np.argwhere(np.isnan(shares)):
        ax.add_artist(Rectangle((j, i), 1, 1, fc="none", ec=style.GRID, lw=0, hatch="////"))


def frame(ax: Axes, row: int, column: int) -> None:
    """Frame a cell of a ``score_map``."""
    for colour, width, order in ((style.PAPER, 5, 3), (style.LORA.mark, 2.6, 4)):
        ax.add_artist(Rectangle((column, row), 1, 1, fc="none", ec=colour, lw=width, zorder=order,
                               clip_on=False))


def gauge(fig: Figure, left: float, top: float, width: float, share: float, tone: style.Tone,
          label: str, value: str) -> None:
    """Draw a slim bar from 0 to 1 under its label and its value."""
    style.write(fig, left, top + 0.14, label, style.MUTED, style.SMALL, va="baseline")
    style.write(fig, left + width, top + 0.14, value, tone.ink, ha="right", va="baseline",
                weight=600)
    ax = style.bare(style.place(fig, left, top + 0.21, width, 0.1))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.barh(0.5, 1, 1, color=style.FROZEN.tint)
    ax.barh(0.5, share, 1, color=tone.mark)


def term(number: float) -> str:
    """Write a number inside a product or sum: negative ones in brackets."""
    return style.short(number, 3) if number >= 0 else f"({style.short(number, 3)})"


def dot(first: np.ndarray, second: np.ndarray) -> str:
    """Write out the product of a row and a column: ``.3 · .5 + .2 · 1 = .35``."""
    terms = "  +  ".join(f"{term(p)} · {term(q)}" for p, q in zip(first, second))
    return f"{terms}  =  {style.short(float(np.dot(first, second)), 3)}"


def times(first: float, second: float, digits: int = 3) -> str:
    """Write out one product: ``.3 · .5 = .15``."""
    return (f"{term(first)} · {term(second)}  =  "
            f"{style.short(first * second, digits)}")
