"""Where a position can enter a score: at the token vectors, at query and key, or at the score."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.labels import route
from lib.figures.kit.style import Layout

CAPTION = "From the token vectors to the softmax of one head. A model has one of the dark boxes."
#: Where it enters, from the top: the dark box, who does so, and how often.
WAYS = ((0.62, "+ position vector", "sinusoids, learnt", "added once"),
        (1.47, "rotation", "rotary", "in each layer"),
        (2.27, "\u2212 slope \u00b7 distance", "ALiBi", "in each layer"))
BOXES = ((0.1, "token vectors"), (1.05, "query and key"), (1.87, "scores q \u00b7 k"))


def _box(ax: Axes, left: float, top: float, wide: float, words: str, own: bool) -> None:
    ax.add_patch(FancyBboxPatch(
        (left, top), wide, 0.3, zorder=3, fc=style.INK if own else style.FROZEN.tint,
        ec=style.INK if own else style.FROZEN.mark, lw=style.THIN,
        boxstyle="round,pad=0,rounding_size=.05"))
    ax.text(left + wide / 2, top + 0.15, words, ha="center", va="center_baseline", weight=600,
            color=style.PAPER if own else style.FROZEN.ink, zorder=4)


def compute() -> list[tuple[float, str, str, str]]:
    """The places from the top: height in inches, what enters, in which encodings, how often."""
    return list(WAYS)


@style.styled
def draw(data: list[tuple[float, str, str, str]], layout: Layout = "wide") -> Figure:
    """Draw the path of a score from top to bottom, and the three boxes that can enter it."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.85)
    style.heading(fig, "A position can enter in three places", "Dark: what tells the position"
                  + (", in one of the three places" if wide else ""))
    ax = style.board(fig, 0.1, 0.65, fig.get_size_inches()[0] - 0.2, 3.1)
    left, own, size = (0.2, 2.35, 1.65) if wide else (0.02, 1.62, 1.6)
    middle, broad = left + (0.7 if wide else 0.6), 1.4 if wide else 1.2
    route(ax, (middle, 0.15), (middle, 2.75))
    for top, words in BOXES:
        _box(ax, left, top, broad, words, False)
    ax.text(middle, 2.9, "softmax", ha="center", va="center_baseline", color=style.MUTED)
    for top, words, who, often in data:
        _box(ax, own, top, size, words, True)
        ax.annotate("", (middle, top + 0.15), (own, top + 0.15), zorder=5, arrowprops={
            "arrowstyle": "-|>", "color": style.INK, "lw": 1.6, "shrinkA": 0, "shrinkB": 0})
        at = (own + size + 0.15, top + 0.15) if wide else (own, top + 0.42)
        ax.text(*at, f"{who}: {often}", va="center_baseline", color=style.MUTED,
                size=style.BASE if wide else style.SMALL)
    return fig


def alt(data: list[tuple[float, str, str, str]]) -> str:
    """Return the picture in words."""
    return ("On the way to a score of attention, a position can enter in three places: "
            + "; ".join(f"{words} ({who}, {often})" for _, words, who, often in data) + ".")
