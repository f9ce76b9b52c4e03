"""Ways to a second task, and two controls: what is right in both tasks afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box
from lib.figures.kit.style import Layout

CAPTION = ("Choose replay: the last two rows, which never had the first task, show how much of it "
           "the replayed rows teach. A mark is a seed, a number a mean.")
#: Way -> what it does, and the parts that stand beside each other: words, and if they are trained.
WAYS = {"same": ("train the same adapter on", (("W", False), ("first", True))),
        "beside": ("put a new one beside it", (("W", False), ("first", True), ("new", True))),
        "merged": ("merge it, train a new one", (("W + first", False), ("new", True))),
        "sum": ("train one alone, then add both", (("W", False), ("new", True), ("first", False))),
        "joint": ("train one on both tasks at once", (("W", False), ("new, rank 8", True))),
        "fresh": ("control: no first task", (("W", False), ("new", True))),
        "fresh 8": ("control of beside's rank", (("W", False), ("new, rank 8", True)))}
REPLAY = ("without", "with")
TASKS = (("first task", "s", style.FACTS), ("second task", "o", style.TASK))
WIDTHS = {"W": 0.42, "W + first": 0.98, "first": 0.56, "new": 0.56,
          "new, rank 8": 1.12}  # inches of a part
STEP = {"wide": 0.76, "narrow": 0.73}  # inches from one way to the next
APART = 0.28  # inches between the marks of the two tasks
TOP = 100.0  # percent


@dataclass(frozen=True)
class Second:
    """Percent right: ``before`` of the first task; by way afterwards of each task, (2, seeds)."""

    replay: str
    before: float
    after: dict[str, np.ndarray]


def compute(before: float, after: Mapping[tuple[str, bool], Sequence[Sequence[float]]],
            replay: str) -> Second:
    """Pick, out of ``after``, what is right with replay or without: (way, with replay) -> percent
    right of the first and of the second task, each (seeds,).

    Raises:
        ValueError: ``replay`` is neither ``with`` nor ``without``.
    """
    if replay not in REPLAY:
        raise ValueError(f"replay is {replay!r}; allowed are {', '.join(REPLAY)}")
    return Second(replay, before,
                  {way: np.array(after[way, replay == "with"], float) for way in WAYS})


def _parts(ax: Axes, way: str, top: float, drawn: bool) -> None:
    """The way's name, and its parts in a row if they are drawn; what is trained has a thick frame.
    """
    ax.text(0.05, top, way, va="center_baseline", weight=600)
    ax.text(0.62, top, WAYS[way][0], va="center_baseline", color=style.MUTED, size=style.SMALL)
    left = 0.05
    for number, (words, trained) in enumerate(WAYS[way][1] if drawn else ()):
        if number:
            ax.text(left + 0.13, top + 0.33, "+", ha="center", va="center_baseline", weight=600)
            left += 0.26
        width = WIDTHS[words]
        box(ax, (left + width / 2, top + 0.33), (width, 0.3), words,
            style.FROZEN if words == "W" else style.LORA, trained)
        left += width


def _scores(ax: Axes, data: Second, tops: Sequence[float]) -> None:
    """A row of marks for each way and task, in inches from the top; the means at the right."""
    for way, top in zip(WAYS, tops, strict=True):
        for number, ((task, marker, tone), found) in enumerate(zip(TASKS, data.after[way],
                                                                   strict=True)):
            at = top + APART * number
            if not number and not way.startswith(("joint", "fresh")):
                ax.plot([data.before] * 2, [at - 0.14, at + 0.14], color=style.FACTS.mark,
                        lw=style.THIN, ls=(0, (3, 2)), zorder=1)
            ax.axhline(at, color=style.GRID, lw=style.THIN, zorder=0)
            style.seeds(ax, found, at + style.fan(found, 0.06), marker, tone)
            ax.text(-6, at, task, ha="right", va="center", color=tone.ink, size=style.SMALL)
            ax.text(TOP + 5, at, f"{found.mean():.0f}%", va="center", color=tone.ink, weight=600)
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
    style.heading(fig, f"The second task, {data.replay} replay",
                  "What is trained (thick frame), and exact answers after it. A mark is a seed"
                  if wide else "Exact answers after it. A mark is a seed")
    board = style.board(fig, style.MARGIN, top, 2.6, high)
    for number, way in enumerate(WAYS):
        _parts(board, way, 0.05 + step * number, wide)
    left, width = (3.62, 2.9) if wide else (0.9, 2.1)
    ax = style.place(fig, left, top, width, high - 0.16)
    ax.set(xlim=(0, TOP), ylim=(high - 0.16, 0))
    _scores(ax, data, [(0.1 if wide else 0.25) + step * number for number in range(len(WAYS))])
    ax.text(data.before, -0.05, f"first task before: {data.before:.0f}%", ha="right",
            va="bottom", color=style.FACTS.ink, size=style.SMALL)
    return fig


def alt(data: Second) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way}, {first.mean():.0f}% of the first task and {second.mean():.0f}% of "
                     "the second" for way, (first, second) in data.after.items())
    return (f"Exact answers after the second task, {data.replay} replay: {said}. Of the first "
            f"task {data.before:.0f}% were right before.")
