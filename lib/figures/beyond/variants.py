"""LoRA's variants: how far from LoRA's answers each ends, and how many parameters it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Mean differences, the highest first. A mark is filled where the thin line doesn't "
           "reach zero (significant), pale where only the thick one doesn't.")
ROW = 0.25  # inches for each name
T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # of 95%, by the number of seeds


def interval(gains: np.ndarray) -> tuple[float, float]:
    """Return the mean of the seeds' differences, and the margin of its 95% interval."""
    return float(gains.mean()), float(T[len(gains)] * gains.std(ddof=1) / len(gains) ** 0.5)


@dataclass(frozen=True)
class Variants:
    """By name, the shares of answers right, (seeds,), and the trained parameters; the first is
    the baseline. ``times`` is what the correction for many comparisons multiplies a margin by,
    ``seeds`` how many of the seeds count (all of them, if it is None).
    """

    answers: dict[str, np.ndarray]
    sizes: dict[str, int]
    times: float = 1.0
    seeds: int | None = None

    @property
    def baseline(self) -> str:
        """The name of the first method."""
        return next(iter(self.answers))

    def gains(self, name: str) -> np.ndarray:
        """Points above the first method in each of the seeds that count."""
        return 100 * (self.answers[name] - self.answers[self.baseline])[:self.seeds]

    def above(self, name: str) -> tuple[float, float]:
        """Points above the first method, seed by seed: their mean and its margin."""
        return interval(self.gains(name))

    def ordered(self) -> list[str]:
        """All but the first method, the highest mean difference from it first."""
        return sorted(list(self.answers)[1:], key=lambda name: -self.above(name)[0])

    def decided(self, sign: int, times: float | None = None) -> list[str]:
        """The methods whose corrected interval lies above zero (``sign`` 1) or below it (-1)."""
        found = {name: self.above(name) for name in list(self.answers)[1:]}
        times = self.times if times is None else times
        return [name for name, (mean, margin) in found.items() if sign * mean > times * margin]


def compute(runs: Mapping[str, Sequence[Mapping[str, Any]]], times: float = 1.0,
            seeds: int | None = None) -> Variants:
    """Gather runs by name, each with answers and the numbers that it trains; times widens
    intervals for a correction, and of all seeds the first ``seeds`` count.

    Raises:
        ValueError: there is nothing to compare, a method has other seeds than the first one, or
            there are fewer than count.
    """
    if len(runs) < 2:
        raise ValueError(f"there are {len(runs)} methods, there must be two or more")
    counts = {name: len(each) for name, each in runs.items()}
    if len(set(counts.values())) > 1 or next(iter(counts.values())) not in T:
        raise ValueError(f"the seeds are {counts}: all methods must have 2, 3, 4 or 5")
    if seeds is not None and not 2 <= seeds <= max(counts.values()):
        raise ValueError(f"seeds is {seeds}, it must be 2 to {max(counts.values())}")
    return Variants({name: np.array([run["answers"] for run in each], float)
                     for name, each in runs.items()},
                    {name: int(each[0]["numbers"]) for name, each in runs.items()}, times, seeds)


def _differences(ax: Axes, data: Variants) -> None:
    """A method a row: its mean difference from the first one, with both intervals."""
    first, names = data.baseline, data.ordered()
    tone = style.TASK
    ax.axvline(0, color=style.DATA.mark, lw=1.0, ls="--", zorder=2)
    found = [data.above(name) for name in names]
    full = replace(data, seeds=None)  # one axis for any number of seeds, and any correction
    ends = [mean + sign * 2.0 * margin for mean, margin in map(full.above, names)
            for sign in (-1, 1)]
    for row, (mean, margin) in enumerate(found):
        for wide, thick in ((data.times, 1.2), (1.0, 4.0))[data.times == 1:]:
            ax.plot([mean - wide * margin, mean + wide * margin], [row, row], color=tone.mark,
                    lw=thick, solid_capstyle="butt", zorder=3)
        ax.plot([mean], [row], style.MARKER["task"], ms=8, color=tone.ink, mew=1.5, ls="", zorder=4,
                mfc=tone.ink if abs(mean) > data.times * margin
                else tone.tint if abs(mean) > margin else style.PAPER)
    ax.set(xlim=(min(*ends, -1) - 2, max(*ends, 1) + 2), ylim=(len(names) - 0.5, -0.5),
           xlabel=f"points of answers above {first}")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", labelcolor=style.INK)
    ax.grid(axis="x")


@style.styled
def draw(data: Variants, layout: Layout = "wide") -> Figure:
    """Draw every method's difference from the first one, its trained parameters at the right."""
    wide, first, names = layout == "wide", data.baseline, data.ordered()
    high, several = ROW * len(names), data.times > 1
    fig = style.canvas(layout, high + 1.75)
    more, fewer = (len(data.decided(sign)) for sign in (1, -1))
    style.heading(fig, f"{more} of {len(names)} significantly above {first}, {fewer} below"
                  if wide else f"Significant: {more} above {first}, {fewer} below",
                  "Thick: 95% interval." + f" Thin: corrected for {len(names)} comparisons" * wide
                  + " Thin: corrected" * (not wide) if several else "Lines: 95% intervals")
    left, room = 1.2, 1.75 if wide else 0.75
    across = style.WIDTH[layout] - left - room - style.MARGIN
    ax = style.place(fig, left, 1.05, across, high)
    _differences(ax, data)
    at = ax.get_yaxis_transform()
    for row, words, tone in ((-0.95, "parameters" if wide else "trained", style.MUTED), *(
            (row, f"{data.sizes[name]:,}", style.INK) for row, name in enumerate(names))):
        ax.text(1 + room / across, row, words, transform=at, ha="right", va="center_baseline",
                color=tone, size=style.SMALL, clip_on=False)
    for row, words, tone in ((-0.95, "thin, ±" if several else "±", style.MUTED), *(
            (row, f"{data.times * data.above(name)[1]:.1f}", style.INK)
            for row, name in enumerate(names))) if wide else ():
        ax.text(1 + 0.72 / across, row, words, transform=at, ha="right", va="center_baseline",
                color=tone, size=style.SMALL, clip_on=False)
    return fig


def alt(data: Variants) -> str:
    """Return the figure in words."""
    first, *names = data.answers
    parts = []
    for times in sorted({1.0, data.times}):
        more, fewer = (", ".join(data.decided(sign, times)) or "none" for sign in (1, -1))
        by = "after the correction" if times > 1 else "by the 95% interval"
        parts.append(f"above {first} {by}: {more}; below: {fewer}.")
    return (f"Answers right, {len(names)} methods beside {first}, {' '.join(parts)} "
            "The others: not significant."
            + (" Corrected margins: " + ", ".join(
                f"{name} {data.times * data.above(name)[1]:.1f}" for name in data.ordered()) + "."
               if data.times > 1 else ""))
