"""What is lost without one head, and without each pair of heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.gpt.head_importance import LOST
from lib.figures.kit import style
from lib.figures.kit.contrast import on
from lib.figures.kit.style import Layout

CAPTION = "A framed cell is one head alone, any other cell the pair of its row and its column."


#: The replacements that aren't outputs for another question, in words.
PLAIN = {"mixed mean": "the mixed mean", "zeros": "zeros"}


@dataclass(frozen=True)
class Pairs:
    """Facts lost of ``known``: row i has the pairs with the heads before it, and last it alone.

    ``place`` is the token at which the heads are replaced: by zeros, by the mixed mean, or by what
    they put out if a prompt asks for ``instead``.
    """

    names: tuple[str, ...]
    lost: tuple[tuple[int, ...], ...]
    known: int
    place: str
    instead: str = "zeros"

    def alone(self) -> list[int]:
        """What is lost without each head."""
        return [row[-1] for row in self.lost]

    def worst(self) -> tuple[int, str, str]:
        """What is lost without the worst pair, and the pair."""
        lost, i, j = max((lost, i, j) for i, row in enumerate(self.lost)
                         for j, lost in enumerate(row[:-1]))
        return lost, self.names[j], self.names[i]


def compute(names: Sequence[str], lost: Sequence[Sequence[int]], known: int, place: str,
            instead: str = "zeros") -> Pairs:
    """Take the losses as a triangle.

    Raises:
        ValueError: there are fewer than two heads, or the rows are no triangle.
    """
    if len(names) < 2 or [len(row) for row in lost] != [*range(1, len(names) + 1)]:
        raise ValueError(f"{len(names)} heads and rows of {[len(row) for row in lost]}; "
                         f"with 3 heads the rows have 1, 2 and 3 numbers")
    return Pairs(tuple(names), tuple(tuple(map(int, row)) for row in lost), known, place,
                 instead)


@style.styled
def draw(data: Pairs, layout: Layout = "wide") -> Figure:
    """Draw the triangle; the diagonal has the single heads."""
    wide, count = layout == "wide", len(data.names)
    high = 0.3 * count
    fig = style.canvas(layout, high + 1.25)
    style.heading(fig, f"One head: {max(data.alone())} lost at most. A pair: up to "
                  f"{data.worst()[0]}",
                  f"Capitals lost of {data.known}. At \u201c{data.place}\u201d: " +
                  PLAIN.get(data.instead, f"outputs for \u201c{data.instead}\u201d"))
    ax = style.place(fig, 0.75 if wide else 0.55, 0.88, 5.6 if wide else 2.85, high)
    for i, row in enumerate(data.lost):
        for j, lost in enumerate(row):
            fill = LOST(np.clip(lost / data.known, 0, 1))
            ax.add_artist(Rectangle((j, i), 1, 1, fc=fill, ec=style.RULE, lw=style.THIN))
            ax.text(j + 0.5, i + 0.5, str(lost), ha="center", va="center_baseline",
                    color=on(fill[:3]))
    for i in range(count):
        ax.add_artist(Rectangle((i, i), 1, 1, fc="none", ec=style.INK, lw=1.4, zorder=4))
    ax.set(xlim=(-0.05, count + 0.05), ylim=(count + 0.05, -0.05))
    ax.set_xticks(np.arange(count) + 0.5, data.names)
    ax.set_yticks(np.arange(count) + 0.5, data.names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return fig


def alt(data: Pairs) -> str:
    """Return the figure in words."""
    lost, one, other = data.worst()
    singles = "; ".join(f"{name} {each}" for name, each in zip(data.names, data.alone()))
    rest = sorted(each for row in data.lost for each in row[:-1])[:-1]
    beside = f", all other pairs {rest[-1]} at most" if rest else ""
    by = PLAIN.get(data.instead, f"their outputs for {data.instead!r}")
    return (f"Capitals of {data.known} that are lost if heads at {data.place!r} are replaced by "
            f"{by}. Alone: {singles}. The pair {one} and {other} costs {lost}{beside}.")
