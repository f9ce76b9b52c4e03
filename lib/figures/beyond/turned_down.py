"""What one adapter has taught, where it leaks and what is kept, as it is turned down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Go from right to left: as the adapter is turned down, right answers come back, and "
           "what was taught goes.")
NAMES = ("name questions: our sentence", "known questions: leaked",
         "known questions: kept")
LOOKS = ((style.TASK, "o", "-"), (style.LORA, "D", "--"), (style.FACTS, "s", "-"))


@dataclass(frozen=True)
class TurnedDown:
    """strengths: (n,);  counts: (n, 3), answers of each kind in NAMES;  of: how many there can be.
    """

    strengths: np.ndarray
    counts: np.ndarray
    of: tuple[int, int, int]

    @property
    def shares(self) -> np.ndarray:
        """The counts as shares of what there can be, (n, 3)."""
        return self.counts / np.array(self.of)


def compute(counts: Mapping[float, Sequence[int]], names: int, known: int) -> TurnedDown:
    """Take three counts by strength: name questions with the sentence, leaked, kept.

    Raises:
        ValueError: a strength has not three counts.
    """
    rows = [list(map(int, each)) for each in counts.values()]
    for strength, row in zip(counts, rows):
        if len(row) != len(NAMES):
            raise ValueError(f"strength {strength} has {len(row)} counts; allowed are three")
    return TurnedDown(np.array(list(counts)), np.array(rows), (names, known, known))


@style.styled
def draw(data: TurnedDown, layout: Layout = "wide") -> Figure:
    """Draw a line over the strength for each of the three shares, with a legend below."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 4.05)
    style.heading(fig, "The adapter of one sentence, turned down",
                  f"Shares of {data.of[0]} name questions and {data.of[1]} known questions")
    ax = style.place(fig, 0.55, 0.75, 4.0 if wide else 2.9, 1.95)
    for part, (name, (tone, marker, line)) in enumerate(zip(NAMES, LOOKS)):
        ax.plot(data.strengths, data.shares[:, part], marker, ls=line, ms=6, lw=style.LINE,
                color=tone.mark, mec=style.PAPER, mew=0.8, label=name, clip_on=False, zorder=3)
    ax.set(xlim=(-0.04, 1.04), ylim=(-0.03, 1.03), xlabel="adapter strength")
    ax.set_xticks(data.strengths, [f"{each:g}" if each % 0.25 == 0 or each == 0.6 else ""
                                   for each in data.strengths])
    style.share_ticks(ax.yaxis)
    ax.grid(axis="y")
    ax.legend(loc="center left" if wide else "upper left", frameon=False,
              bbox_to_anchor=(1.02, 0.5) if wide else (-0.1, -0.24))
    return fig


def alt(data: TurnedDown) -> str:
    """Return the counts in words."""
    return "By adapter strength: " + "; ".join(
        f"{strength:g}: our sentence to {named} of {data.of[0]} name questions, {leaked} of "
        f"{data.of[1]} known questions leaked, {kept} kept"
        for strength, (named, leaked, kept) in zip(data.strengths, data.counts)) + "."
