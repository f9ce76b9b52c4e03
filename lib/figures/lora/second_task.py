"""Four methods to teach a second task, and a control: what is trained, and what is right then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box
from lib.figures.kit.style import Layout

CAPTION = ("What has a thick frame is trained in the second training. In the result a mark is one "
           "of five seeds, a number their mean.")
#: Method -> what it does, and the parts that stand beside each other: words, and if they are
#: trained.
WAYS = {"same": ("train the same adapter on", (("W", False), ("first, rank 4", True))),
        "beside": ("put a new one beside it, train both",
                   (("W", False), ("first, rank 4", True), ("new, rank 4", True))),
        "merged": ("merge it, train a new one", (("W + first", False), ("new, rank 8", True))),
        "joint": ("train one on both tasks at once", (("W", False), ("new, rank 8", True))),
        "fresh": ("control: no first training", (("W", False), ("new, rank 8", True)))}
OLD = (0, 2, 4, 8)  # of the sixteen examples in a batch
#: Methods that are never trained without old examples, and how many are shown then.
ALWAYS = {"joint": 4}
TASKS = (("first task", "s", style.FACTS), ("second task", "o", style.TASK))
WIDTHS = {"W": 0.34, "W + first": 0.86, "first, rank 4": 0.94, "new, rank 4": 0.94,
          "new, rank 8": 0.94}  # inches of a part
STEP = {"wide": 0.76, "narrow": 0.73}  # inches from one way to the next
APART = 0.28  # inches between the marks of the two tasks
TOP = 100.0  # percent


@dataclass(frozen=True)
class Second:
    """Percent right: ``before`` of the first task; by method afterwards of each task, (2, seeds).

    A method of ``ALWAYS`` has old examples where ``old`` is 0, and then ``given`` names it. Unless
    ``shown``, the result of all others is left to guess.
    """

    old: int
    shown: bool
    before: float
    after: dict[str, np.ndarray]
    given: tuple[str, ...] = ()


def compute(before: float, after: Mapping[tuple[str, int], Sequence[Sequence[float]]],
            old: int, shown: bool = True) -> Second:
    """Pick, out of ``after``, what is right with so many old examples in a batch of sixteen:
    (method, old examples) -> percent right of the first and of the second task, each (seeds,).
    With none, a method of ``ALWAYS`` has its own number. Without ``shown``, question marks stand
    for the result of the others.

    Raises:
        ValueError: nothing was trained with ``old`` old examples.
    """
    given = tuple(way for way, always in ALWAYS.items() if not old and (way, always) in after)
    found = {way: np.array(after[way, ALWAYS[way] if way in given else old], float)
             for way in WAYS if way in given or (way, old) in after}
    if len(found) == len(given):
        raise ValueError(f"nothing was trained with {old!r} old examples in sixteen")
    return Second(old, shown, before, found, given)


def _parts(ax: Axes, way: str, top: float, drawn: bool) -> None:
    """The way's name, and its parts in a row if they are drawn; what is trained has a thick frame.
    """
    ax.text(0.05, top, way, va="center_baseline", weight=600)
    ax.text(0.62, top, WAYS[way][0], va="center_baseline", color=style.MUTED, size=style.SMALL)
    left = 0.05
    for number, (words, trained) in enumerate(WAYS[way][1] if drawn else ()):
        if number:
            ax.text(left + 0.1, top + 0.33, "+", ha="center", va="center_baseline", weight=600)
            left += 0.2
        width = WIDTHS[words]
        box(ax, (left + width / 2, top + 0.33), (width, 0.3), words,
            style.FROZEN if words == "W" else style.LORA, trained)
        left += width


def _scores(ax: Axes, data: Second, tops: Sequence[float]) -> None:
    """A row of marks for each way and task, in inches from the top; the means at the right."""
    for way, top in zip(WAYS, tops, strict=True):
        if way not in data.after:
            continue
        told = data.shown or way in data.given
        for number, ((task, marker, tone), found) in enumerate(zip(TASKS, data.after[way],
                                                                   strict=True)):
            at = top + APART * number
            if not number and way not in ("joint", "fresh"):
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
    alone = f"old examples for {' and '.join(data.given)} alone"
    olds = alone if data.given else f"{data.old} old examples in 16"
    if data.shown:
        title = "After the second training" + f", with {olds}" * wide
    else:
        title = "Four methods and a control: what will be left?" if wide else "What will be left?"
    note = ("What the second training trains (thick frame), and exact answers after it. "
            "A mark is a seed" if wide else f"Exact answers, with {olds}")
    style.heading(fig, title, note)
    board = style.board(fig, style.MARGIN, top, 2.7, high)
    for number, way in enumerate(WAYS):
        _parts(board, way, 0.05 + step * number, wide)
    left, width = (3.7, 2.82) if wide else (0.9, 2.1)
    ax = style.place(fig, left, top, width, high - 0.16)
    ax.set(xlim=(0, TOP), ylim=(high - 0.16, 0))
    _scores(ax, data, [(0.1 if wide else 0.25) + step * number for number in range(len(WAYS))])
    ax.text(data.before, -0.05, f"first task before: {data.before:.0f}%", ha="right",
            va="bottom", color=style.FACTS.ink, size=style.SMALL)
    return fig


def alt(data: Second) -> str:
    """Return the frame in words."""
    given = "".join(
        f" {way.capitalize()}, with {ALWAYS[way]} old examples, answers {first.mean():.0f}% of it "
        f"and {second.mean():.0f}% of the second."
        for way, (first, second) in data.after.items() if way in data.given)
    before = f". Of the first task {data.before:.0f}% were right before.{given}"
    if not data.shown:
        return ("What the second training trains: " + "; ".join(
            f"{way}: {words}" for way, (words, _) in WAYS.items()) + before)
    said = "; ".join(f"{way}, {first.mean():.0f}% of the first task and {second.mean():.0f}% of "
                     "the second" for way, (first, second) in data.after.items()
                     if way not in data.given)
    return (f"Exact answers after the second training, with {data.old} old examples in a batch of "
            f"16: {said}{before}")
