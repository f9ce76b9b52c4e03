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

CAPTION = ("Lines join means, and upright lines span the seeds of the methods in full colour. "
           "Marks of one number stand side by side.")
#: Tone (the control is grey), fill and line of each method; those that the text leaves are pale.
PALE = Tone("#d9bcdc", style.MUTED, style.LORA.tint)
LOOKS: dict[str, tuple[Tone, bool, str | tuple]] = {
    "fresh": (Tone("#5c6672", "#5c6672", style.FROZEN.tint), True, "-"),
    "same": (PALE, False, (0, (1, 1.6))),
    "beside": (style.LORA, False, "-"),
    "merged": (PALE, True, (0, (5, 2))),
    "joint": (Tone("#551a5e", "#551a5e", style.LORA.tint), True, "-")}
TASKS = ("First task", "Second task")
HIGH = {"wide": 2.9, "narrow": 1.85}  # inches of a panel
ASIDE = 0.13  # old examples by which one method's marks stand beside the next's


@dataclass(frozen=True)
class Shares:
    """By method and number of old examples in sixteen: percent of both tasks, (2, seeds)."""

    before: float
    after: dict[str, dict[int, np.ndarray]]


def compute(before: float, after: Mapping[tuple[str, int], Sequence[Sequence[float]]]) -> Shares:
    """Sort what the methods of ``LOOKS`` score by the number of old examples.

    Args:
        before: Percent right of the first task before the second training.
        after: (method, old examples) -> percent right of the first and of the second task, each
            (seeds,).

    Raises:
        ValueError: no method has a look.
    """
    found = {way: {old: np.array(after[way, old], float) for old in sorted(
        old for name, old in after if name == way)} for way in LOOKS}
    if not any(found.values()):
        raise ValueError(f"none of {sorted(dict(after))} is one of {', '.join(LOOKS)}")
    return Shares(before, {way: points for way, points in found.items() if points})


def _panel(ax: Axes, data: Shares, task: int) -> None:
    """A line for each method: how much of one task is right."""
    olds = sorted({old for points in data.after.values() for old in points})
    for number, (way, points) in enumerate(data.after.items()):
        tone, filled, line = LOOKS[way]
        x = np.array(list(points)) + ASIDE * (number - (len(data.after) - 1) / 2)
        y = np.array([each[task].mean() for each in points.values()])
        pale = tone is PALE
        if not pale:
            ax.vlines(x, [each[task].min() for each in points.values()],
                      [each[task].max() for each in points.values()], color=tone.mark, lw=1.0,
                      zorder=2)
        ax.plot(x, y, color=tone.mark, lw=1.5, ls=line, zorder=1 if pale else 2)
        ax.plot(x, y, "o", ls="", ms=5.5, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=1.2, zorder=1 if pale else 3 + number)
    worst = min(each[task].min() for points in data.after.values() for each in points.values())
    low, step = (0, 25) if not task else (10 * int(worst // 10), 10)
    room = 0.04 * (100 - low)
    ax.set(xlim=(min(olds) - 0.6, max(olds) + 0.6), ylim=(low - room, 100 + room),
           title=TASKS[task] + (f", from {low}%" if low else ""),
           xlabel="old examples in a batch of 16")
    ax.set_xticks(olds, list(map(str, olds)))
    ticks = range(low, 101, step)
    ax.set_yticks(ticks, [f"{tick}{'%' * (tick == 100)}" for tick in ticks])
    ax.grid(axis="y")
    if not task:
        ax.axhline(data.before, color=style.FACTS.mark, lw=style.THIN, ls=(0, (4, 3)), zorder=1)
        ax.text(min(olds) - 0.5, data.before + 1.5, f"before: {data.before:.0f}%",
                va="bottom", color=style.FACTS.ink, size=style.SMALL)


def _key(fig: Figure, data: Shares, top: float) -> None:
    """Which look is which method."""
    ax, left = style.board(fig, style.MARGIN, top, None, 0.3), 0.0
    wide = fig.get_size_inches()[0] > 5
    line_of = 0.3 if wide else 0.2
    for way in data.after:
        tone, filled, line = LOOKS[way]
        ax.plot((left, left + line_of), (0.15, 0.15), color=tone.mark, lw=1.5, ls=line)
        ax.plot(left + line_of / 2, 0.15, "o", ms=6, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=1.2)
        ax.text(left + line_of + 0.05, 0.15, way, va="center", color=tone.ink,
                weight=400 if tone is PALE else 600, size=style.SMALL)
        left += line_of + 0.05 + measure(way, style.SMALL, 600) + (0.3 if wide else 0.06)


@style.styled
def draw(data: Shares, layout: Layout = "wide") -> Figure:
    """Draw a panel for each task, side by side or one below the other."""
    wide, high = layout == "wide", HIGH[layout]
    step = 0.0 if wide else high + 0.8
    fig = style.canvas(layout, 1.2 + high + step + 0.5)
    style.heading(fig, "Both tasks, by the number of old examples" if wide
                  else "By the number of old examples",
                  "Exact answers after the second training: means, bold names with ranges" if wide
                  else "Exact answers: means, bold with ranges")
    _key(fig, data, 0.6)
    width = (style.WIDTH[layout] - 1.06) / 2 if wide else style.WIDTH[layout] - 0.66
    for task in range(len(TASKS)):
        ax = style.place(fig, 0.5 + (wide and task * (width + 0.48)), 1.2 + task * step,
                         width - (0.06 if wide else 0), high)
        _panel(ax, data, task)
    return fig


def alt(data: Shares) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way}, " + ", ".join(
        f"{first.mean():.1f}% and {second.mean():.1f}% with {old}"
        for old, (first, second) in points.items()) for way, points in data.after.items())
    return ("First and second task after the second training, by the old examples in a batch of "
            f"16: {said}. Of the first task {data.before:.1f}% were right before.")
