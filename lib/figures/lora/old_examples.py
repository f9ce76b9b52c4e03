"""Both tasks after the second training, by how many of a batch's examples are old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = ("At 0 on the left, the purple dot is beside; joint always has old examples. "
           "A line goes from the lowest seed to the highest.")
#: Tone (the control is grey), marker and fill of each method, in the order of a field.
LOOKS: dict[str, tuple[Tone, str, bool]] = {
    "fresh": (Tone("#5c6672", "#5c6672", style.FROZEN.tint), "o", True),
    "same": (style.LORA, "s", False),
    "beside": (style.LORA, "o", True),
    "joint": (Tone("#551a5e", "#551a5e", style.LORA.tint), "^", True)}
STEPS = {"joint": 300}  # of the second training, where they aren't those of the other methods
SIZES = {"o": 5.5, "s": 5.0, "^": 6.2}  # points
#: Methods whose means of the first task stand below their ranges, and where if there is no room
#: (points, aligned). Of the second task one has them, above, as the marks lie close together.
NUMBERED = {"fresh": ((0, 5), "center", "bottom"), "beside": ((6, 0), "left", "center"),
            "joint": ((0, 5), "center", "bottom")}
NUMBERED_SECOND = ("beside",)
LEADS = "fresh", "beside"  # the lead of the second one over the first is bracketed
TASKS = ("First task", "Second task")
DASHED = 0, (4, 3)
HIGH = {"wide": 2.9, "narrow": 1.74}  # inches of a panel
SPREAD = 0.66  # of a field's width, from the first method's marks to the last one's


@dataclass(frozen=True)
class Shares:
    """By method and number of old examples in sixteen: percent of both tasks, (2, seeds).

    ``apart``: percent of the second task with an adapter for each; none where it isn't drawn.
    Unless ``shown``, what comes with old examples is left to guess. ``lead``: old examples at
    which the lead of the first task is bracketed; or none.
    """

    before: float
    after: dict[str, dict[int, np.ndarray]]
    apart: float | None = None
    shown: bool = True
    lead: int | None = None


def compute(before: float, after: Mapping[tuple[str, int], Sequence[Sequence[float]]],
            apart: float | None = None, shown: bool = True, lead: int | None = None) -> Shares:
    """Sort what the methods of ``LOOKS`` score by the number of old examples.

    Args:
        before: Percent right of the first task before the second training.
        after: (method, old examples) -> percent right of the first and of the second task, each
            (seeds,).
        apart: Percent right of the second task with an adapter of its own, for a line.
        shown: Whether to show what comes with old examples, or question marks in its place.
        lead: Old examples at which *beside*'s lead over *fresh* is bracketed, if shown.

    Raises:
        ValueError: no method has a look.
    """
    found = {way: {old: np.array(after[way, old], float) for old in sorted(
        old for name, old in after if name == way)} for way in LOOKS}
    if not any(found.values()):
        raise ValueError(f"none of {sorted(dict(after))} is one of {', '.join(LOOKS)}")
    return Shares(before, {way: points for way, points in found.items() if points}, apart, shown,
                  lead if shown else None)


def _mark(ax: Axes, way: str, x: float | np.ndarray, y: float | np.ndarray) -> None:
    """The marks of a method; a hollow one shows what stands behind it as paper."""
    tone, marker, filled = LOOKS[way]
    ax.plot(x, y, marker, ls="", ms=SIZES[marker], color=tone.mark if filled else style.PAPER,
            mec=tone.mark, mew=1.2, zorder=3)


def _lead(ax: Axes, data: Shares, field: int) -> None:
    """A bracket between the means of two methods, with the points from one to the other."""
    low, high = (data.after[way][data.lead][0].mean() for way in LEADS)
    ways, count = list(data.after), max(1, len(data.after) - 1)
    left, right = (field + SPREAD * (ways.index(way) / count - 0.5) for way in LEADS)
    middle = (left + right) / 2
    ax.plot([left + 0.06, middle, middle, right - 0.06], [low, low, high, high],
            color=style.INK, lw=1.1, zorder=2)
    ax.annotate(f"+{high - low:.0f}", (middle, high), (0, 3), textcoords="offset points",
                ha="right", va="bottom", color=style.INK, size=style.SMALL, weight=600)


def _panel(ax: Axes, data: Shares, task: int) -> None:
    """A field for each number of old examples, with a mark for each method."""
    olds = sorted({old for points in data.after.values() for old in points})
    for field in range(0, len(olds), 2):
        ax.axvspan(field - 0.5, field + 0.5, color=style.FROZEN.tint, lw=0, zorder=0)
    worst = min(each[task].min() for points in data.after.values() for each in points.values())
    low, step = (0, 25) if not task else (10 * int(worst // 10), 10)
    for field in range(1, len(olds)) if not data.shown else ():
        ax.text(field, (low + 100) / 2, "?", ha="center", va="center", color=style.MUTED,
                size=style.TITLE)
    for number, (way, every) in enumerate(data.after.items()):
        points = {old: each for old, each in every.items() if data.shown or not old}
        if not points:
            continue
        tone = LOOKS[way][0]
        x = np.array([olds.index(old) for old in points]) + SPREAD * (
            number / max(1, len(data.after) - 1) - 0.5)
        least, mean, most = np.array([(each[task].min(), each[task].mean(), each[task].max())
                                      for each in points.values()]).T
        ax.vlines(x, least, most, color=tone.mark, lw=1.0, zorder=2)
        _mark(ax, way, x, mean)
        for at, low_end, high_end, middle in zip(x, least, most, mean) if way in (
                NUMBERED_SECOND if task else NUMBERED) else ():
            place, moved, across, along = (
                (high_end, (0, 3), "center", "bottom") if task else
                (low_end, (0, -5), "center", "top") if low_end > 20 else (middle, *NUMBERED[way]))
            ax.annotate(f"{middle:.0f}", (at, place), moved,
                        textcoords="offset points", ha=across, va=along, color=tone.ink,
                        size=style.SMALL, weight=600)
    if data.lead is not None and not task:
        _lead(ax, data, olds.index(data.lead))
    room = 0.04 * (100 - low)
    ax.set(xlim=(-0.5, len(olds) - 0.5), ylim=(low - room, 100 + room),
           title=TASKS[task] + (f", from {low}%" if low else ""),
           xlabel="old examples in a batch of 16")
    ax.set_xticks(range(len(olds)), list(map(str, olds)))
    ticks = range(low, 101, step)
    ax.set_yticks(ticks, [f"{tick}{'%' * (tick == 100)}" for tick in ticks])
    ax.grid(axis="y")
    for level in (data.apart if task else data.before,):
        if level is not None:
            ax.axhline(level, color=style.FACTS.mark, lw=style.THIN, ls=DASHED, zorder=1)
    if not task:
        words = f"before{', and two adapters' * (data.apart is not None)}: {data.before:.0f}%"
        ax.text(-0.42, data.before + 1.5, words, va="bottom", color=style.FACTS.ink,
                size=style.SMALL)
    elif data.apart is not None:  # marks stand along its line, so a stroke of it goes before them
        top = 100 - 0.4 * room
        ax.plot([-0.42, -0.02], [top] * 2, color=style.FACTS.mark, lw=style.THIN, ls=DASHED)
        ax.text(0.06, top, f"two adapters: {data.apart:.0f}%", va="center_baseline",
                color=style.FACTS.ink, size=style.SMALL)


def _key(fig: Figure, data: Shares, top: float) -> None:
    """Which look is which method, in the order of a field; narrow pages have two rows."""
    wide = fig.get_size_inches()[0] > 5
    ax, left, row = style.board(fig, style.MARGIN, top, None, 0.55), 0.08, 0.15
    for way in data.after:
        words = f"{way}, {STEPS[way]} steps" if way in STEPS else way
        if not wide and left + measure(words, style.SMALL, 600) > style.WIDTH["narrow"] - 0.4:
            left, row = 0.08, row + 0.24
        _mark(ax, way, left, row)
        ax.text(left + 0.12, row, words, va="center_baseline", color=LOOKS[way][0].ink, weight=600,
                size=style.SMALL)
        left += 0.12 + measure(words, style.SMALL, 600) + (0.35 if wide else 0.22)


@style.styled
def draw(data: Shares, layout: Layout = "wide") -> Figure:
    """Draw a panel for each task, side by side or one below the other."""
    wide, high = layout == "wide", HIGH[layout]
    step, top = (0.0, 1.2) if wide else (high + 0.8, 1.44)
    fig = style.canvas(layout, top + high + step + 0.5)
    style.heading(fig, "Both tasks, by the number of old examples" if wide
                  else "By the number of old examples",
                  "Exact answers after the second training: means, and ranges of five seeds" if wide
                  else "Exact answers: means and ranges of seeds")
    _key(fig, data, 0.6)
    width = (style.WIDTH[layout] - 1.06) / 2 if wide else style.WIDTH[layout] - 0.66
    for task in range(len(TASKS)):
        ax = style.place(fig, 0.5 + (wide and task * (width + 0.48)), top + task * step,
                         width - (0.06 if wide else 0), high)
        _panel(ax, data, task)
    return fig


def alt(data: Shares) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way}, " + ", ".join(
        f"{first.mean():.1f}% and {second.mean():.1f}% with {old}"
        for old, (first, second) in points.items()) for way, points in data.after.items())
    end = "" if data.apart is None else (
        f" With two adapters {data.apart:.1f}% of the second task are right.")
    if not data.shown:
        return ("Both tasks by the old examples in a batch of 16; what comes with old examples "
                f"is left to guess. Of the first task {data.before:.1f}% were right before.{end}")
    return ("First and second task after the second training, by the old examples in a batch of "
            f"16: {said}. Of the first task {data.before:.1f}% were right before.{end}")
