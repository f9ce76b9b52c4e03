"""Five methods to teach a second task: what each trains, and what is right of both tasks then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box
from lib.figures.kit.style import Layout

CAPTION = ("The second training trains what has a thick frame. In the result a mark is one "
           "of five seeds, a number their mean.")
#: Method -> what it does, and the parts of the model: the sign before it, its words, if the second
#: training trains it.
WAYS = {"same": ("train it further", (("", "W", False), ("+", "first, rank 4", True))),
        "beside": ("put a new half beside it, train both", (
            ("", "W", False), ("+", "first, rank 4", True), ("+", "new, rank 4", True))),
        "frozen": ("train only the new half", (
            ("", "W", False), ("+", "first, rank 4", False), ("+", "new, rank 4", True))),
        "joint": ("train one on both data sets", (("", "W", False), ("+", "new, rank 8", True))),
        "two adapters": ("keep it, train another", (
            ("", "W", False), ("+", "first, rank 4", False), ("or", "new, rank 4", True)))}
#: What leaves the first adapter's numbers alone, in a model that serves both tasks: left to guess.
GUESSED = ("frozen",)
TASKS = (("first task", "s", style.FACTS), ("second task", "o", style.TASK))
WIDTHS = {"W": 0.34, "first, rank 4": 0.94, "new, rank 4": 0.94,
          "new, rank 8": 0.94}  # inches of a part
SIGNS = {"": 0.0, "+": 0.2, "or": 0.26}  # inches of what stands between two parts
STEP = {"wide": 0.74, "narrow": 0.72}  # inches from one way to the next
APART = 0.28  # inches between the marks of the two tasks
TOP = 100.0  # percent


@dataclass(frozen=True)
class Second:
    """Percent right: ``before`` of the first task; by method afterwards of each task, (2, seeds).

    Unless ``shown``, the results of the methods ``GUESSED`` are left to guess.
    """

    shown: bool
    before: float
    after: dict[str, np.ndarray]


def compute(before: float, after: Mapping[str, Sequence[Sequence[float]]],
            shown: bool = True) -> Second:
    """Sort what the methods of ``WAYS`` score.

    Args:
        before: Percent right of the first task before the second training.
        after: Method -> percent right of the first and of the second task, each (seeds,).
        shown: Whether to show the results of ``GUESSED``, or question marks in their place.

    Raises:
        ValueError: a method has no result.
    """
    if missing := [way for way in WAYS if way not in after]:
        raise ValueError(f"there is no result of {', '.join(missing)}")
    return Second(shown, before, {way: np.array(after[way], float) for way in WAYS})


def _told(data: Second, way: str) -> bool:
    """Whether a method's result is shown."""
    return data.shown or way not in GUESSED


def _parts(ax: Axes, way: str, top: float, drawn: bool) -> None:
    """The way's name, and its parts in a row if they are drawn; what is trained has a thick frame.
    """
    words, parts = WAYS[way]
    ax.text(0.05, top, way, va="center_baseline", weight=600)
    ax.text(0.68 if way != "two adapters" else 1.12, top, words,
            va="center_baseline", color=style.MUTED, size=style.SMALL)
    left = 0.05
    for sign, part, trained in parts if drawn else ():
        ax.text(left + SIGNS[sign] / 2, top + 0.33, sign, ha="center", va="center_baseline",
                weight=600)
        left += SIGNS[sign]
        width = WIDTHS[part]
        box(ax, (left + width / 2, top + 0.33), (width, 0.3), part,
            style.FROZEN if part == "W" else style.LORA, trained)
        left += width


def _scores(ax: Axes, data: Second, tops: Sequence[float]) -> None:
    """A row of marks for each way and task, in inches from the top; the means at the right."""
    for way, top in zip(WAYS, tops, strict=True):
        told = _told(data, way)
        for number, ((task, marker, tone), found) in enumerate(zip(TASKS, data.after[way],
                                                                   strict=True)):
            at = top + APART * number
            if not number:
                ax.plot([data.before] * 2, [at - 0.14, at + 0.14], color=style.FACTS.mark,
                        lw=style.THIN, ls=(0, (3, 2)), zorder=1)
            ax.axhline(at, color=style.GRID, lw=style.THIN, zorder=0)
            if told:
                style.seeds(ax, found, at + style.fan(found, 0.06), marker, tone)
            ax.text(-6, at, task, ha="right", va="center", color=tone.ink, size=style.SMALL)
            ax.text(TOP + 5, at, f"{found.mean():.0f}%" if told else "?", va="center",
                    color=tone.ink, weight=600)
    ax.spines["bottom"].set_visible(False)
    ax.set_yticks([])
    ax.set_xticks((0, 25, 50, 75, 100), ("0", "25", "50", "75", "100%"))


@style.styled
def draw(data: Second, layout: Layout = "wide") -> Figure:
    """Draw the ways one under the other, and beside each what is right afterwards."""
    wide = layout == "wide"
    step, top = STEP[layout], 0.86
    high = step * len(WAYS)
    fig = style.canvas(layout, top + high + 0.24)
    if data.shown:
        title = "Five methods: what is left after the second training" if wide else "What is left"
    else:
        title = "Five methods: what will be left?" if wide else "What will be left?"
    note = ("What the second training trains (thick frame), and exact answers after it. "
            "A mark is a seed" if wide else "Exact answers after the second training")
    style.heading(fig, title, note)
    board = style.board(fig, style.MARGIN, top, 2.76, high)
    for number, way in enumerate(WAYS):
        _parts(board, way, 0.05 + step * number, wide)
    left, width = (3.76, 2.76) if wide else (0.9, 2.1)
    ax = style.place(fig, left, top, width, high - 0.16)
    ax.set(xlim=(0, TOP), ylim=(high - 0.16, 0))
    _scores(ax, data, [(0.1 if wide else 0.25) + step * number for number in range(len(WAYS))])
    ax.text(data.before, -0.05, f"first task before: {data.before:.0f}%", ha="right",
            va="bottom", color=style.FACTS.ink, size=style.SMALL)
    return fig


def alt(data: Second) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way} ({WAYS[way][0]}), " + (
        f"{first.mean():.0f}% of the first task and {second.mean():.0f}% of the second"
        if _told(data, way) else "left to guess") for way, (first, second) in data.after.items())
    return (f"What each method trains, and exact answers after the second training: {said}. "
            f"Of the first task {data.before:.0f}% were right before.")
