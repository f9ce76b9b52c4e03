"""Where an adapter that was trained beside rounded weights can be merged."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("Only the first merge computes what was trained. For a small file the sum has to be "
           "rounded: for the second time, or for the first.")
LEFT, ROW = {"wide": 3.0, "narrow": 0.02}, {"wide": 0.56, "narrow": 0.98}  # inches


@dataclass(frozen=True)
class Merge:
    """One way: its name, what it means, its base, and what is kept."""

    name: str
    words: str
    base: str
    kept: str


def compute() -> list[Merge]:
    """The four ways of chapter A3."""
    return [Merge("Rounded W, dequantised", "computes what was trained", "rounded W", "16 bits"),
            Merge("Original W", "a base it never met", "original W", "16 bits"),
            Merge("Rounded twice", "the sum is put on the grid again", "rounded W", "few bits"),
            Merge("Rounded once", "only the sum is put on a grid", "original W", "few bits")]


def _row(ax: Axes, way: Merge, left: float, at: float) -> None:
    """A base and the adapter, and the file that is kept."""
    box(ax, (left + 0.48, at), (0.96, 0.32), way.base, style.FROZEN, letters=style.SMALL)
    ax.text(left + 1.06, at, "+", ha="center", va="center_baseline", weight=600)
    box(ax, (left + 1.45, at), (0.58, 0.32), "s B A", style.LORA, letters=style.SMALL)
    route(ax, (left + 1.76, at), (left + 2.36, at))
    if way.kept == "few bits":
        ax.text(left + 2.03, at - 0.13, "round", va="center_baseline", ha="center",
                color=style.INK, weight=600, size=style.SMALL)
    box(ax, (left + 2.88, at), (0.98, 0.32), f"file, {way.kept}", style.LORA, letters=style.SMALL)


@style.styled
def draw(data: list[Merge], layout: Layout = "wide") -> Figure:
    """Draw every way in a row of its own, its name at the left or above."""
    row, top = ROW[layout], 0.66
    fig = style.canvas(layout, top + row * len(data))
    style.heading(fig, "Where can a QLoRA adapter be merged?",
                  "Trained beside rounded weights, and then added to a base")
    ax = style.board(fig, style.MARGIN, top, style.WIDTH[layout] - 2 * style.MARGIN,
                     row * len(data))
    for number, way in enumerate(data):
        ax.text(0.02, row * number + 0.1, way.name, va="center_baseline", weight=600)
        ax.text(0.02, row * number + 0.29, way.words, va="center_baseline", size=style.SMALL,
                color=style.MUTED)
        _row(ax, way, LEFT[layout], row * number + (0.2 if layout == "wide" else 0.6))
    return fig


def alt(data: list[Merge]) -> str:
    """Return the drawing in words."""
    return "Merges of an adapter that was trained beside rounded weights. " + "; ".join(
        f"{way.name}: {way.base} plus the adapter, kept in {way.kept}, {way.words}"
        for way in data) + "."
