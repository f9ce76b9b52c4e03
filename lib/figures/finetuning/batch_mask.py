"""A batch of examples as a map: which of its targets carry loss, and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout

CAPTION = "Only answers carry loss. Prompts are read, and padding only fills the rows."

PADDING, PROMPT, ANSWER = range(3)
#: What a place holds, and its tone; padding is left white.
KINDS = {PROMPT: ("prompt: no loss", style.FROZEN), ANSWER: ("answer: loss", style.TASK),
         PADDING: ("padding: no loss", None)}


@dataclass(frozen=True)
class Mask:
    """kinds: (batch, time) of PADDING, PROMPT and ANSWER; first: the targets of row 1 in words."""

    kinds: np.ndarray
    first: tuple[str, str]

    def count(self, kind: int) -> int:
        """Return how many places are of a kind."""
        return int((self.kinds == kind).sum())


def compute(examples: Sequence[tuple[Sequence[int], Sequence[int]]], targets: np.ndarray,
            ignore: int, first: tuple[str, str] = ("", "")) -> Mask:
    """Sort the places of a batch: ``examples`` as (prompt, answer) ids, targets: (batch, time).

    first: what is to be predicted in row 1, of the prompt and of the answer.

    Raises:
        ValueError: There is not one row of targets for each example.
    """
    if len(examples) != len(targets):
        raise ValueError(f"there are {len(examples)} examples and {len(targets)} rows of targets")
    kinds = np.full(targets.shape, PADDING)
    for row, (prompt, answer) in zip(kinds, examples):
        row[:len(prompt) + len(answer) - 1] = PROMPT
    kinds[targets != ignore] = ANSWER
    return Mask(kinds, first)


@style.styled
def draw(data: Mask, layout: Layout = "wide") -> Figure:
    """Draw the map, a row for each example, under the key of its three kinds of place."""
    wide = layout == "wide"
    rows, columns = data.kinds.shape
    left, top, high = 0.62, 0.98 if wide else 1.42, 0.13
    foot = (0.3 if wide else 0.5) * any(data.first)
    fig = style.canvas(layout, top + rows * high + 0.6 + foot)
    width = fig.get_size_inches()[0] - left - 0.12
    style.heading(fig, "What the loss looks at",
                  f"{data.count(ANSWER)} of {data.kinds.size} targets, in a batch of {rows}")
    x, y = style.MARGIN, 0.64
    key = style.board(fig)
    for name, tone in KINDS.values():
        key.add_patch(Rectangle((x, y), 0.14, 0.14, ec=style.FROZEN.mark, lw=style.THIN,
                                fc=tone.mark if tone else style.PAPER))
        style.write(fig, x + 0.22, y + 0.12, name, style.MUTED, va="baseline")
        x, y = (x + 0.5 + measure(name, style.BASE), y) if wide else (x, y + 0.24)
    ax = style.place(fig, left, top, width, rows * high)
    for row, column in np.ndindex(rows, columns):
        tone = KINDS[int(data.kinds[row, column])][1]
        if tone:
            ax.add_artist(Rectangle((column, row), 1, 1, fc=tone.mark, ec=style.PAPER, lw=1))
    ax.set(xlim=(0, columns), ylim=(rows, 0), xlabel="place in the row (tokens)", ylabel="example")
    ax.set_xticks(np.arange(0, columns, 5) + 0.5, [str(k) for k in range(0, columns, 5)])
    ax.set_yticks(np.array([0, rows - 1]) + 0.5, ["1", str(rows)])
    ax.add_artist(Rectangle((0, 0), columns, rows, fc="none", ec=style.RULE, lw=style.THIN))
    if any(data.first):
        y, asked = top + rows * high + 0.72, f"1: {data.first[0]} "
        style.write(fig, style.MARGIN, y, asked, style.FROZEN.ink, va="baseline")
        x = style.MARGIN + measure(asked, style.BASE) + 0.06 if wide else style.MARGIN
        style.write(fig, x, y if wide else y + 0.2, data.first[1], style.TASK.ink, weight=600,
                    va="baseline")
    return fig


def alt(data: Mask) -> str:
    """Return the picture in words."""
    rows, columns = data.kinds.shape
    return (f"A map of a batch, {rows} rows of {columns} places. In each row the prompt comes "
            f"first, then the answer, then padding. Only the {data.count(ANSWER)} places of "
            f"answers carry loss; {data.count(PROMPT)} of prompts and {data.count(PADDING)} of "
            f"padding do not." + any(data.first) * (
                f" In row 1 the targets are {data.first[0]}, ignored, and then {data.first[1]}."))
