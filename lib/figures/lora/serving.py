"""Where a trained adapter can live: in the weights, beside them, or one for each row of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("Merged, the adapter is part of the matrix. Unmerged, it is a path of its own, and the "
           "rows of one batch may take different ones.")
PANEL = (2.3, 2.0)  # inches of one way
COLUMNS = {"wide": 3, "narrow": 1}
LEFT, FORK, JOIN, END = 0.14, 0.4, 1.86, 2.16  # where x, the fork, the sum and y are
ROWS = (0.86, 1.16, 1.46)  # heights of three requests


@dataclass(frozen=True)
class Way:
    """One way to serve: its name, what it means, and whose adapter each row takes, if any."""

    name: str
    words: str
    rows: tuple[str, ...]
    merged: bool = False


def compute() -> list[Way]:
    """The three ways of chapter 17."""
    return [Way("Merged", "one matrix, nothing more to do", ("",), merged=True),
            Way("Unmerged", "can be swapped, costs two products", ("s A B",)),
            Way("Mixed batch", "one product with W, one adapter per row", ("qa", "none", "pirate"))]


def _panel(ax: Axes, way: Way) -> None:
    """One way: rows of the batch from left to right, through the base and what stands beside it."""
    ax.text(0.06, 0.1, way.name, va="center_baseline", weight=600, size=style.BASE)
    ax.text(0.06, 0.28, way.words, va="center_baseline", size=style.SMALL, color=style.MUTED)
    heights = ROWS if len(way.rows) > 1 else (1.3,)
    for number, (name, at) in enumerate(zip(way.rows, heights, strict=True), 1):
        mark = f"{number}" if len(heights) > 1 else ""
        route(ax, (LEFT + 0.11, at), (END - 0.1, at))
        for letter, left in ((f"x{mark}", LEFT), (f"y{mark}", END)):
            ax.text(left, at, letter, ha="center", va="center_baseline", style="italic")
        if name and name != "none":
            side = 1 if number > 1 else -1  # the last row's adapter is below it
            away = at + side * (0.36 if mark else 0.5)
            route(ax, (FORK, at), (FORK, away), (JOIN, away), (JOIN, at + side * 0.07))
            if mark:
                box(ax, (1.13, away), (0.62, 0.2), name, style.LORA)
            else:
                box(ax, (0.82, away), (0.36, 0.26), "A", style.A)
                box(ax, (1.44, away), (0.36, 0.26), "s B", style.B)
            ax.plot(JOIN, at, "o", ms=10, mfc=style.PAPER, mec=style.INK, mew=1.0, zorder=4)
            ax.text(JOIN, at, "+", ha="center", va="center_baseline", weight=600, zorder=5)
    tall = heights[-1] - heights[0] + (0.24 if len(heights) > 1 else 0.4)
    box(ax, (1.13, np.mean(heights)), (1.0 if way.merged else 0.62, tall),
        "W + s B A" if way.merged else "W", style.LORA if way.merged else style.FROZEN)


@style.styled
def draw(data: list[Way], layout: Layout = "wide") -> Figure:
    """Draw every way in a panel of its own."""
    wide, high = PANEL
    columns, top = COLUMNS[layout], 0.6
    fig = style.canvas(layout, top + high * -(-len(data) // columns))
    style.heading(fig, "Where an adapter can live",
                  "Grey is the base; colour has the adapter in it")
    for k, way in enumerate(data):
        row, column = divmod(k, columns)
        _panel(style.board(fig, style.MARGIN + column * (wide + 0.06), top + row * high, wide,
                           high), way)
    return fig


def alt(data: list[Way]) -> str:
    """Return the drawing in words."""
    return ("Three ways to serve an adapter. " + "; ".join(
        f"{way.name}: {way.words}" for way in data) + f". In the mixed batch {len(data[-1].rows)} "
        "rows go through one matrix W, the first and the last also through adapters of their own.")
