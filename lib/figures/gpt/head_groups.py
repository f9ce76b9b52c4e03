"""What is lost without heads, one at a time and together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Above the line one head is removed, below it several at once."

ROW = 0.26  # inches from one bar to the next


@dataclass(frozen=True)
class Groups:
    """Facts lost of ``known`` without each group; the first ``single`` names are one head each.

    ``place`` is the token at which the heads are removed.
    """

    names: tuple[str, ...]
    lost: tuple[int, ...]
    single: int
    known: int
    place: str


def compute(lost: Mapping[str, int], single: int, known: int, place: str) -> Groups:
    """Take what is lost without each group; single heads come first.

    Raises:
        ValueError: there are no single heads, or nothing but single heads.
    """
    if not 0 < single < len(lost):
        raise ValueError(f"{single} of {len(lost)} rows are single heads; there must be some of "
                         f"both kinds")
    return Groups(tuple(lost), tuple(map(int, lost.values())), single, known, place)


@style.styled
def draw(data: Groups, layout: Layout = "wide") -> Figure:
    """Draw a bar for each group with its number, and a line below the single heads."""
    wide, high = layout == "wide", ROW * (len(data.names) + 0.5)
    fig = style.canvas(layout, high + 1.0)
    single, groups = data.lost[:data.single], data.lost[data.single:]
    style.heading(fig, f"One head: {max(single)} lost at most. Several: up to {max(groups)}",
                  f"Capitals lost of {data.known}, heads removed at \u201c{data.place}\u201d")
    ax = style.place(fig, 1.3, 0.88, 4.4 if wide else 2.1, high)
    rows = [row + 0.5 * (row >= data.single) for row in range(len(data.lost))]
    ax.barh(rows, data.lost, 0.62, color=[style.ATTENTION(0.7)] * len(rows))
    for row, value in zip(rows, data.lost):
        ax.text(max(value, 0) + 0.02 * data.known, row, str(value), va="center_baseline",
                size=style.SMALL)
    ax.axhline(data.single - 0.25, color=style.RULE, lw=style.THIN)
    ax.set(xlim=(0, 1.15 * data.known), ylim=(rows[-1] + 0.5, -0.5))
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_yticks(rows, data.names)
    return fig


def alt(data: Groups) -> str:
    """Return the figure in words."""
    rows = "; ".join(f"{name} {lost}" for name, lost in zip(data.names, data.lost))
    return (f"Capitals of {data.known} that are lost if heads are removed at {data.place!r}: "
            f"{rows}.")
