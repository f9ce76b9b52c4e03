"""Both tasks after a second training in which the first model's own replies are replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A mark is one of five seeds, a number their mean. Compare the squares with the dashed "
           "line.")
TASKS = (("first task", "s", style.FACTS), ("second task", "o", style.TASK))
STEP = {"wide": 0.58, "narrow": 0.76}  # inches from one training to the next
APART = 0.22  # inches between the marks of the two tasks
TOP = 100.0  # percent
Row = tuple[str, str, Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Replayed:
    """A row for each training: its method, what is replayed, percent right of both tasks, each
    (2, seeds). The rows after the first ``known`` ones are left to guess."""

    rows: tuple[tuple[str, str, np.ndarray], ...]
    known: int


def compute(rows: Sequence[Row], guessed: range | None = None) -> Replayed:
    """Take the trainings in the order of their rows.

    Args:
        rows: Method, what is replayed, and percent right of the first and of the second task,
            each (seeds,).
        guessed: Places of the rows that are left to guess, the last ones shown; ``None`` shows all.

    Raises:
        ValueError: no row stands before those left to guess, or there are no such rows.
    """
    if guessed is not None and not 0 < guessed.start < guessed.stop <= len(rows):
        raise ValueError(f"rows {guessed.start} to {guessed.stop - 1} are left to guess; allowed "
                         f"are 1 to {len(rows) - 1}")
    return Replayed(tuple((way, words, np.array([first, second], float))
                          for way, words, first, second in (
                              rows if guessed is None else rows[:guessed.stop])),
                    len(rows) if guessed is None else guessed.start)


def _scores(ax: Axes, data: Replayed, step: float, lead: float) -> None:
    """Two rows of marks for each training, ``lead`` inches below its top; means at the right."""
    for number, (_, _, after) in enumerate(data.rows):
        for task, ((_, marker, tone), found) in enumerate(zip(TASKS, after, strict=True)):
            at, told = step * number + lead + APART * task, number < data.known
            ax.axhline(at, color=style.GRID, lw=style.THIN, zorder=0)
            if told:
                style.seeds(ax, found, at + style.fan(found, 0.05), marker, tone)
            ax.text(TOP + 5, at, f"{found.mean():.0f}%" if told else "?", va="center",
                    color=tone.ink, weight=600)
    (way, words, (first, _)) = data.rows[0]
    ax.axvline(first.mean(), color=style.FACTS.mark, lw=style.THIN, ls=(0, (3, 2)), zorder=1)
    ax.text(first.mean(), -0.03, f"{way}, {words}: {first.mean():.0f}%",
            ha="left" if first.mean() < TOP / 2 else "right", va="bottom", color=style.FACTS.ink,
            size=style.SMALL)
    ax.spines["bottom"].set_visible(False)
    ax.set_yticks([])
    ax.set_xticks((0, 25, 50, 75, 100), ("0", "25", "50", "75", "100%"))


@style.styled
def draw(data: Replayed, layout: Layout = "wide") -> Figure:
    """Draw the trainings one under the other: what is replayed, and what is right afterwards."""
    wide, step = layout == "wide", STEP[layout]
    high, top = step * len(data.rows), 1.14
    fig = style.canvas(layout, top + high + 0.24)
    style.heading(fig, ("What is left with own replies?" if data.known < len(data.rows) else
                        "What is left with own replies"),
                  "Exact answers after the second training; four replies in sixteen" if wide
                  else "Exact answers, four replies in 16")
    key = style.board(fig, 2.2 if wide else style.MARGIN, 0.62, None, 0.25)
    for number, (task, marker, tone) in enumerate(TASKS):
        key.plot(0.08 + 1.15 * number, 0.12, marker, color=tone.mark, ms=6)
        key.text(0.2 + 1.15 * number, 0.12, task, va="center", color=tone.ink, weight=600,
                 size=style.SMALL)
    board = style.board(fig, style.MARGIN, top, 2.2 if wide else 2.9, high)
    for number, (way, words, _) in enumerate(data.rows):
        at = step * number + 0.14
        board.text(0.05, at, way, va="center_baseline", weight=600)
        board.text(0.05 if wide else 0.75, at + (0.22 if wide else 0), words,
                   va="center_baseline", color=style.MUTED, size=style.SMALL)
    left, width = (2.2, 4.3) if wide else (style.MARGIN + 0.1, 2.7)
    ax = style.place(fig, left, top, width, high)
    ax.set(xlim=(0, TOP), ylim=(high, 0))
    _scores(ax, data, step, 0.14 if wide else 0.35)
    return fig


def alt(data: Replayed) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way}, {words}, " + (
        f"{after[0].mean():.0f}% of the first task and {after[1].mean():.0f}% of the second"
        if number < data.known else "left to guess")
        for number, (way, words, after) in enumerate(data.rows))
    return f"Exact answers after the second training, with four replies in sixteen: {said}."
