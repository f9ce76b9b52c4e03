"""LoRA's relatives: how far from LoRA each ends, in answers and in facts kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Bars: 95% intervals of the mean differences, seed by seed, before any correction. "
           "A hollow mark is inconclusive: the seeds don't decide.")
ROW = 0.23  # inches for each name
T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # of 95%, by the number of seeds
PARTS = {"answers": ("Answers right", style.TASK, style.MARKER["task"]),
         "facts": ("Facts kept", style.FACTS, style.MARKER["facts"])}


def interval(gains: np.ndarray) -> tuple[float, float]:
    """Return the mean of the seeds' differences, and the margin of its 95% interval."""
    return float(gains.mean()), float(T[len(gains)] * gains.std(ddof=1) / len(gains) ** 0.5)


@dataclass(frozen=True)
class Relatives:
    """By name, the shares of answers right and of facts kept, (seeds,); the first is the baseline.

    ``times`` is what the correction for many comparisons multiplies a margin by.
    """

    answers: dict[str, np.ndarray]
    facts: dict[str, np.ndarray]
    times: float = 1.0

    def above(self, part: str, name: str) -> tuple[float, float]:
        """Points of ``part`` above the first method, seed by seed: their mean and its margin."""
        values = getattr(self, part)
        return interval(100 * (values[name] - next(iter(values.values()))))

    def decided(self, part: str, sign: int, times: float | None = None) -> list[str]:
        """The methods whose corrected interval lies above zero (``sign`` 1) or below it (-1)."""
        found = {name: self.above(part, name) for name in list(self.answers)[1:]}
        times = self.times if times is None else times
        return [name for name, (mean, margin) in found.items() if sign * mean > times * margin]


def compute(runs: Mapping[str, Sequence[Mapping[str, Any]]], times: float = 1.0) -> Relatives:
    """Gather runs by name, each with answers and facts; times widens intervals for a correction.

    Raises:
        ValueError: there is nothing to compare, or a method has other seeds than the first one.
    """
    if len(runs) < 2:
        raise ValueError(f"there are {len(runs)} methods, there must be two or more")
    counts = {name: len(each) for name, each in runs.items()}
    if len(set(counts.values())) > 1 or next(iter(counts.values())) not in T:
        raise ValueError(f"the seeds are {counts}: all methods must have 2, 3, 4 or 5")
    return Relatives(*({name: np.array([run[part] for run in each], float)
                        for name, each in runs.items()} for part in PARTS), times)


def _differences(ax: Axes, data: Relatives, part: str) -> None:
    """A method a row: its mean difference from the first one, with its interval."""
    first, *names = data.answers
    words, tone, marker = PARTS[part]
    ax.axvline(0, color=style.DATA.mark, lw=1.0, ls="--", zorder=2)
    found = [data.above(part, name) for name in names]
    ends = [mean + sign * margin for mean, margin in found for sign in (-1, 1)]
    for row, (mean, margin) in enumerate(found):
        ax.plot([mean - margin, mean + margin], [row, row], color=tone.mark, lw=1.4, zorder=3)
        full = "full" if not margin < abs(mean) <= data.times * margin else "left"
        ax.plot([mean], [row], marker, ms=7, color=tone.mark, mew=1.3, ls="", zorder=4,
                mfc=tone.mark if abs(mean) > margin else style.PAPER, mfcalt=style.PAPER,
                fillstyle=full)
    ax.set(xlim=(min(*ends, -1) - 2, max(*ends, 1) + 2), ylim=(len(names) - 0.5, -0.5))
    ax.set_title(words, color=tone.ink, weight=600)
    ax.set_xlabel(f"points above {first}")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_yticks(range(len(names)), names if part == "answers" else [""] * len(names))
    ax.tick_params(axis="y", labelcolor=style.INK)
    ax.grid(axis="x")


@style.styled
def draw(data: Relatives, layout: Layout = "wide") -> Figure:
    """Draw every method's differences from the first one: answers on the left, facts beside."""
    wide, first = layout == "wide", next(iter(data.answers))
    high = ROW * (len(data.answers) - 1)
    fig = style.canvas(layout, high + 1.6)
    more, fewer = (data.decided("answers", sign) for sign in (1, -1))
    after = ", corrected" if data.times > 1 else ""
    style.heading(fig, f"Answers{after}: {len(more)} of {len(data.answers) - 1} above {first}, "
                  f"{len(fewer)} below" if wide or not after else
                  f"{len(more)} above {first}, {len(fewer)} below",
                  ("Solid: after the correction, too. Half: only before it. Hollow: inconclusive"
                   if wide else "Solid: corrected. Hollow: unclear") if after
                  else "Hollow: inconclusive")
    left, width, gap = (1.0, 2.8, 0.45) if wide else (0.95, 1.15, 0.2)
    for number, part in enumerate(PARTS):
        _differences(style.place(fig, left + number * (width + gap), 0.95, width, high), data, part)
    return fig


def alt(data: Relatives) -> str:
    """Return the figure in words."""
    first, parts = next(iter(data.answers)), []
    for part, (words, *_) in PARTS.items():
        for times in sorted({1.0, data.times}):
            more, fewer = (", ".join(data.decided(part, sign, times)) or "none"
                           for sign in (1, -1))
            by = "after the correction" if times > 1 else "by the 95% interval"
            parts.append(f"{words}, above {first} {by}: {more}; below: {fewer}.")
    return (f"{len(data.answers) - 1} methods beside {first}. {' '.join(parts)} "
            "The others: inconclusive.")
