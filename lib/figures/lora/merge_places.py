"""Where an adapter that was trained beside rounded weights can be merged."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("Only the first merge is what was trained. The second changes the base under the "
           "adapter, the third changes their sum.")
PANEL = (2.3, 1.6)  # inches of one way
COLUMNS = {"wide": 3, "narrow": 1}


@dataclass(frozen=True)
class Merge:
    """One way: its name, what it means, its base, and what is kept."""

    name: str
    words: str
    base: str
    kept: str


def compute() -> list[Merge]:
    """The three ways of chapter A3."""
    return [Merge("Unpacked", "computes what was trained", "rounded W", "16 bits"),
            Merge("Original weights", "a base it never met", "original W", "16 bits"),
            Merge("Rounded again", "the sum is not on the grid", "rounded W", "4 bits")]


def _panel(ax: Axes, way: Merge) -> None:
    """A base and the adapter, their sum, and the file that is kept."""
    ax.text(0.06, 0.1, way.name, va="center_baseline", weight=600)
    ax.text(0.06, 0.29, way.words, va="center_baseline", size=style.SMALL, color=style.MUTED)
    box(ax, (0.58, 0.65), (0.98, 0.32), way.base, style.FROZEN, letters=style.SMALL)
    ax.text(1.24, 0.65, "+", ha="center", va="center_baseline", weight=600)
    box(ax, (1.7, 0.65), (0.7, 0.32), "s B A", style.LORA, letters=style.SMALL)
    route(ax, (1.12, 0.84), (1.12, 1.14))
    if way.kept == "4 bits":
        ax.text(1.2, 0.98, "round", va="center_baseline", color=style.INK, weight=600,
                size=style.SMALL)
    box(ax, (1.12, 1.32), (1.3, 0.34), f"file, {way.kept}", style.LORA, letters=style.SMALL)


@style.styled
def draw(data: list[Merge], layout: Layout = "wide") -> Figure:
    """Draw every way in a panel of its own."""
    wide, high = PANEL
    columns, top = COLUMNS[layout], 0.66
    fig = style.canvas(layout, top + high * -(-len(data) // columns))
    style.heading(fig, "Three places for one adapter",
                  "Trained beside rounded weights, and then merged")
    for k, way in enumerate(data):
        row, column = divmod(k, columns)
        _panel(style.board(fig, style.MARGIN + column * (wide + 0.06), top + row * high, wide,
                           high), way)
    return fig


def alt(data: list[Merge]) -> str:
    """Return the drawing in words."""
    return "Merges of an adapter that was trained beside rounded weights. " + "; ".join(
        f"{way.name}: {way.base} plus the adapter, kept in {way.kept}, {way.words}"
        for way in data) + "."
