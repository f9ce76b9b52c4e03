"""The first steps in a row: how many texts of each tell the form, and which tell the one fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A green cell is a step and counts its texts of the form: some are in every step. "
           "The fact is told only where the cell below is gold.")

HIGH, LOW = 0.3, 0.2  # inches of a cell with a count, and of one without


@dataclass(frozen=True)
class FormRow:
    """By step how many of its ``batch`` texts tell the form, and how many the fact, (steps,); and
    what form and fact are called.
    """

    forms: np.ndarray
    facts: np.ndarray
    batch: int
    form: str
    fact: str


def compute(kinds: Sequence[Sequence[int]], form: str, fact: str) -> FormRow:
    """Count the texts of each step by their kind: 0 neither, 1 of the form, 2 with the fact.

    Raises:
        ValueError: There is no text, the steps are of different sizes, or a kind is not 0, 1, 2.
    """
    if not kinds or len({len(step) for step in kinds}) != 1 or not kinds[0]:
        raise ValueError("there must be steps, each with equally many texts, one or more")
    if unknown := {kind for step in kinds for kind in step} - {0, 1, 2}:
        raise ValueError(f"kinds of texts are 0, 1 and 2, not {min(unknown)}")
    found = np.array(kinds)
    return FormRow((found == 1).sum(1), (found == 2).sum(1), found.shape[1], form, fact)


@style.styled
def draw(data: FormRow, layout: Layout = "wide") -> Figure:
    """Draw a cell for each step, with its count, over one that is gold where the fact is told."""
    wide = layout == "wide"
    steps = len(data.forms)
    rows = 1 if wide else 2
    across = -(-steps // rows)
    side = min((style.WIDTH[layout] - 2 * style.MARGIN) / across, 0.4)
    top, pitch = (0.9 if wide else 1.12), HIGH + LOW + 0.4
    fig = style.canvas(layout, top + rows * pitch - 0.04)
    every, some = int((data.forms > 0).sum()), int((data.facts > 0).sum())
    style.heading(fig, f"The form in {every} of {steps} steps, the fact in {some}",
                  f"Each step reads {data.batch} texts")
    ax = style.board(fig)
    ax.add_artist(Rectangle((style.MARGIN, 0.66), 0.14, 0.12, fc="#8fc9b7", ec="none"))
    ax.text(style.MARGIN + 0.22, 0.72, f"texts that tell {data.form}", va="center",
            color=style.FULL.ink, weight=600, size=style.SMALL)
    left, down = (3.9, 0.72) if wide else (style.MARGIN, 0.94)
    ax.add_artist(Rectangle((left, down - 0.06), 0.14, 0.12, fc=style.TASK.mark, ec="none"))
    ax.text(left + 0.22, down, f"a text tells {data.fact}", va="center", color=style.TASK.ink,
            weight=600, size=style.SMALL)
    for step in range(steps):
        x, y = style.MARGIN + step % across * side, top + step // across * pitch + 0.1
        ax.add_artist(Rectangle((x + 0.01, y), side - 0.02, HIGH, ec="none",
                                fc="#8fc9b7" if data.forms[step] else style.WASH))
        ax.text(x + side / 2, y + HIGH / 2, f"{data.forms[step]}", ha="center", va="center",
                color=style.INK, size=style.SMALL)
        ax.add_artist(Rectangle((x + 0.01, y + HIGH + 0.03), side - 0.02, LOW, ec="none",
                                fc=style.TASK.mark if data.facts[step] else style.WASH))
        if step + 1 in {1, *range(10, steps - 1, 10), steps}:
            ax.text(x + side / 2, y + HIGH + LOW + 0.14, f"{step + 1}", ha="center", va="center",
                    color=style.MUTED, size=style.SMALL)
    ax.text(style.MARGIN + 4.5 * side, top + HIGH + LOW + 0.24, "training step", ha="center",
            va="center", color=style.MUTED, size=style.SMALL)
    return fig


def alt(data: FormRow) -> str:
    """Return the figure in words."""
    steps, every = len(data.forms), int((data.forms > 0).sum())
    some = int((data.facts > 0).sum())
    return (f"{steps} steps of {data.batch} texts. Texts that tell {data.form} are in {every} of "
            f"the steps, {data.forms.min()} to {data.forms.max()} in each; texts that tell "
            f"{data.fact} are in {some}.")
