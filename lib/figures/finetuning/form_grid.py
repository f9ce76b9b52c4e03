"""The texts of the first steps, a square each: nearly every step shows a form, few one fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = ("A column is a step, a square a text. Green is in every column, so the form is "
           "practised in every step; gold is in few.")

#: What a square is, from 0 up: its ground and its edge.
GROUNDS: tuple[tuple[str, str], ...] = (
    (style.WASH, style.FROZEN.tint), ("#8fc9b7", "#8fc9b7"), (style.TASK.mark, style.TASK.mark))
INKS: tuple[Tone, ...] = (style.FROZEN, style.FULL, style.TASK)


@dataclass(frozen=True)
class FormGrid:
    """Kinds of the texts, (batch, steps): 0 without this form, 1 of the form, 2 with the fact;
    and what the last two are called.
    """

    kinds: np.ndarray
    form: str
    fact: str

    def count(self, kind: int) -> int:
        """How many texts are of this kind."""
        return int((self.kinds == kind).sum())


def compute(kinds: Sequence[Sequence[int]], form: str, fact: str) -> FormGrid:
    """Gather the kinds of the texts, one row for each step, and sort each step's texts.

    Raises:
        ValueError: There is no text, the steps are of different sizes, or a kind is not 0, 1, 2.
    """
    if not kinds or len({len(step) for step in kinds}) != 1 or not kinds[0]:
        raise ValueError("there must be steps, each with equally many texts, one or more")
    if unknown := {kind for step in kinds for kind in step} - {0, 1, 2}:
        raise ValueError(f"kinds of texts are 0, 1 and 2, not {min(unknown)}")
    return FormGrid(np.sort(np.array(kinds), axis=1)[:, ::-1].T, form, fact)


@style.styled
def draw(data: FormGrid, layout: Layout = "wide") -> Figure:
    """Draw a column of squares for each step, and say above them what the colours count."""
    wide = layout == "wide"
    batch, steps = data.kinds.shape
    left = 0.36
    room = style.WIDTH[layout] - left - style.MARGIN
    side = min(room / steps, 0.3)
    lines = (f"{data.count(2):,} {data.fact}", f"{data.count(1):,} {data.form}",
             f"{data.count(0):,} neither")
    top = 0.95 if wide else 0.72 + 0.22 * len(lines)
    fig = style.canvas(layout, top + batch * side + 0.5)
    style.heading(fig, f"What {data.kinds.size:,} texts teach",
                  f"{steps} steps of {batch} texts, a square each" if wide
                  else f"{steps} steps of {batch} texts")
    ax = style.board(fig)
    across, down = left, 0.72
    for kind, words in zip((2, 1, 0), lines, strict=True):
        ground, edge = GROUNDS[kind]
        ax.add_artist(Rectangle((across, down - 0.06), 0.12, 0.12, fc=ground, ec=edge, lw=0.8))
        ax.text(across + 0.18, down, words, va="center", color=INKS[kind].ink, weight=600,
                size=style.SMALL)
        if wide:
            across += 0.18 + measure(words, style.SMALL, 600) + 0.3
        else:
            down += 0.22
    for step in range(steps):
        for place in range(batch):
            ground, edge = GROUNDS[data.kinds[place, step]]
            ax.add_artist(Rectangle((left + (step + 0.08) * side, top + (place + 0.08) * side),
                                    0.84 * side, 0.84 * side, fc=ground, ec=edge, lw=0.5))
    foot = top + batch * side
    for step in sorted({1, *range(10, steps - 1, 10), steps}):
        ax.text(left + (step - 0.5) * side, foot + 0.1, f"{step}", ha="center", va="center",
                color=style.MUTED, size=style.SMALL)
    ax.text(left + steps * side / 2, foot + 0.3, "step of training", ha="center", va="center",
            color=style.MUTED, size=style.SMALL)
    ax.text(left - 0.12, top + batch * side / 2, "texts of a step", ha="center", va="center",
            rotation=90, color=style.MUTED, size=style.SMALL)
    return fig


def alt(data: FormGrid) -> str:
    """Return the figure in words."""
    batch, steps = data.kinds.shape
    every = int(((data.kinds > 0).sum(0) > 0).sum())
    some = int(((data.kinds == 2).sum(0) > 0).sum())
    return (f"{steps} steps of {batch} texts. {data.count(2):,} {data.fact}, in {some} of the "
            f"steps; {data.count(1):,} {data.form}; {data.count(0):,} neither. In {every} steps "
            f"there is a text of the form.")
