"""Answers of many settings, over the learning rate or over a product with it, marked by rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.laboratory.results import TRIED

CAPTION = ("A mark is a setting of rank, α and rate on qa, 150 steps. Look for the axis on which "
           "marks of all ranks come closest to one curve.")

#: What may stand on the horizontal axis, each from a run's rank, alpha and learning rate.
AXES = {"rate": lambda rank, alpha, rate: rate,
        "α/r × rate": lambda rank, alpha, rate: alpha / rank * rate,
        "α × rate": lambda rank, alpha, rate: alpha * rate}
#: The ranks' marks, from the lowest rank up.
LOOKS = (("^", style.FROZEN), ("s", style.TASK), ("o", style.FULL), ("v", style.A),
         ("D", style.LORA))
GOOD = 0.9
ASIDE = 1.035


@dataclass(frozen=True)
class Settings:
    """A setting is a rank, an alpha and a rate; all arrays are (settings,), by place on the axis.

    answers: mean share on test of the seeds that went through all rates.
    """

    axis: str
    ranks: np.ndarray
    places: np.ndarray
    answers: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """The longest stretch on which every setting answers GOOD: its settings.

        A place that has no neighbour of its kind is no stretch.
        """
        longest: list[int] = []
        here: list[int] = []
        for place in np.unique(self.places):
            now = np.flatnonzero(self.places == place)
            here = [*here, *now] if (self.answers[now] >= GOOD).all() else []
            longest = max(longest, here, key=len)
        return np.array(longest if len({*self.places[longest]}) > 1 else [], int)


def compute(lines: Sequence[Mapping[str, Any]], axis: str) -> Settings:
    """Average each setting's seeds, of the runs under the rule alpha/r.

    Raises:
        ValueError: the axis is unknown, there are no such runs, or more ranks than marks.
    """
    if axis not in AXES:
        raise ValueError(f"axis is {axis!r}; allowed are {', '.join(AXES)}")
    found: dict[tuple[int, float, float], list[float]] = {}
    for line in lines:
        run = line["run"]
        if run["rule"] == "alpha/r" and run["seed"] < TRIED:
            key = run["rank"], run["alpha"], run["learning_rate"]
            found.setdefault(key, []).append(line["answers"])
    if not found:
        raise ValueError("there are no runs under alpha/r")
    if (count := len({rank for rank, *_ in found})) > len(LOOKS):
        raise ValueError(f"there are {count} ranks, at most {len(LOOKS)} can be told apart")
    order = sorted(found, key=lambda each: AXES[axis](*each))
    places = [float(f"{AXES[axis](*each):.6g}") for each in order]
    return Settings(axis, np.array([rank for rank, *_ in order]), np.array(places),
                    np.array([np.mean(found[each]) for each in order]))


@style.styled
def draw(data: Settings, layout: Layout = "wide") -> Figure:
    """Draw a mark for each setting; behind them, the longest stretch of good answers."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9 if wide else 3.6)
    good = data.good
    if not len(good):
        words = (f"There is no stretch where every setting answers {GOOD:.0%} or more" if wide else
                 f"No stretch has {GOOD:.0%} or more")
    elif wide:
        words = (f"Shaded: the longest stretch where every setting answers {GOOD:.0%} or more, "
                 f"{len(good)} of {len(data.ranks)} settings")
    else:
        words = f"{GOOD:.0%} or more, in a row: {len(good)} of {len(data.ranks)}"
    style.heading(fig, f"Answers over {data.axis}", words)
    ax = style.place(fig, 0.62, 1.1, 6.4 if wide else 2.85, 2.2 if wide else 1.9)
    if len(good):
        ends = data.places[good]
        ax.axvspan(ends.min() / 1.14, ends.max() * 1.1, color=style.LORA.tint, lw=0, zorder=0)
    tied = (data.places[:, None] == data.places).sum(1) > 1  # these marks stand side by side
    for at, (rank, (marker, tone)) in enumerate(zip(np.unique(data.ranks), LOOKS)):
        mine = data.ranks == rank
        places = data.places[mine] * ASIDE ** ((at - len(LOOKS) // 2) * tied[mine])
        ax.plot(places, data.answers[mine], marker, ms=6, color=tone.mark,
                mec=style.PAPER, mew=0.7, zorder=3, label=f"{'rank ' * wide}{rank}")
    ax.set(xscale="log", ylim=(-0.06, 1.06), xlabel=data.axis,
           xlim=(data.places.min() / 1.5, data.places.max() * 1.5))
    ticks = [tick for tick in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1)
             if data.places.min() / 1.5 <= tick <= data.places.max() * 1.5]
    ticks = ticks if wide else ticks[::2]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    style.share_ticks(ax.yaxis)
    if wide:
        ax.set_ylabel("questions answered")
    ax.grid(axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02 if wide else -0.2, 1.0), ncols=len(LOOKS),
              fontsize=style.SMALL, handletextpad=0.1, columnspacing=1.2, frameon=False,
              **({} if wide else {"title": "rank", "title_fontsize": style.SMALL}))
    return fig


def alt(data: Settings) -> str:
    """Return the frame in words: the good stretch, and what lies beside it."""
    good, words = data.good, f" There is no stretch where all answer {GOOD:.0%} or more."
    if len(good):
        places, answers = data.places[good], data.answers[good]
        words = (f" The longest stretch where all answer {GOOD:.0%} or more has {len(good)} "
                 f"setting{'s' * (len(good) > 1)}, from {places.min():.2g} to {places.max():.2g}: "
                 f"{answers.min():.0%} to {answers.max():.0%}.")
    top = np.unique(data.ranks)[-1]
    highest = ", ".join(f"{share:.0%} at {place:.2g}" for rank, place, share
                        in zip(data.ranks, data.places, data.answers) if rank == top)
    return (f"Answers of {len(data.ranks)} settings over {data.axis}.{words} "
            f"Rank {top}: {highest}.")
