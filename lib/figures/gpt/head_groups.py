"""What is lost without heads, one at a time and together, by zeros and by means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Compare the single heads with the groups below the line, and then the two sides: "
           "the heads are the same.")

ROW = 0.26  # inches from one bar to the next
SIDES = ("replaced by zeros", "by the mean")


@dataclass(frozen=True)
class Groups:
    """Facts lost of ``known`` by zeros and by means; the first ``single`` names are one head each.

    ``place`` is the token at which the heads are ablated.
    """

    names: tuple[str, ...]
    lost: tuple[tuple[int, int], ...]
    single: int
    known: int
    place: str


def compute(lost: Mapping[str, tuple[int, int]], single: int, known: int, place: str) -> Groups:
    """Take what is lost without each group, by zeros and by means; single heads come first.

    Raises:
        ValueError: there are no single heads, or nothing but single heads.
    """
    if not 0 < single < len(lost):
        raise ValueError(f"{single} of {len(lost)} rows are single heads; there must be some of "
                         f"both kinds")
    return Groups(tuple(lost), tuple((int(zeros), int(means)) for zeros, means in lost.values()),
                  single, known, place)


def _bars(ax: Axes, data: Groups, side: int) -> None:
    """A bar for each group, with its number; a line below the single heads."""
    values = [each[side] for each in data.lost]
    rows = [row + 0.5 * (row >= data.single) for row in range(len(values))]
    ax.barh(rows, values, 0.62, color=style.ATTENTION(0.7))
    for row, value in zip(rows, values):
        ax.text(max(value, 0) + 0.03 * data.known, row, str(value), va="center_baseline",
                size=style.SMALL)
    ax.axhline(data.single - 0.25, color=style.RULE, lw=style.THIN)
    ax.set(xlim=(0, 1.2 * data.known), ylim=(rows[-1] + 0.5, -0.5), title=SIDES[side])
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_yticks(rows, ["" if side else name for name in data.names])


@style.styled
def draw(data: Groups, layout: Layout = "wide") -> Figure:
    """Draw the bars by zeros and by means side by side, with the names on the left."""
    wide, high = layout == "wide", ROW * (len(data.names) + 0.5)
    fig = style.canvas(layout, high + 1.15)
    style.heading(fig, f"Heads ablated at \u201c{data.place}\u201d",
                  f"Capitals lost, of {data.known}")
    left, across, step = (1.4, 2.5, 2.9) if wide else (1.15, 1.05, 1.2)
    for side in (0, 1):
        _bars(style.place(fig, left + step * side, 0.98, across, high), data, side)
    return fig


def alt(data: Groups) -> str:
    """Return the figure in words."""
    rows = "; ".join(f"{name} {zeros} and {means}" for name, (zeros, means)
                     in zip(data.names, data.lost))
    return (f"Capitals of {data.known} that are lost if heads are ablated at {data.place!r}, by "
            f"zeros and by the mean: {rows}.")
