"""How many directions of a change a task needs: its score when the others are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Follow each line from the right, where the change is whole, and see where it begins to "
           "fall.")

DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)))
MARKERS = ("o", "s", "^")
LOW = -0.4  # where the axis of lifts begins: a model may do worse than a guess
WHOLE = 128  # all directions of a matrix of the model
#: What is measured, and what stands below the heading: wide, narrow.
MEASURES = {"lift": ("Lift of the model with the change: 0 for a blind guess, 1 for all right",
                     "Lift: 0 for a blind guess, 1 for all right"),
            "answers": ("Questions answered by the model with a cut change",
                        "Questions answered with a cut change")}


@dataclass(frozen=True)
class Enough:
    """For each task the ranks that its change was cut to, and the scores there: (ranks, seeds)."""

    tasks: dict[str, tuple[tuple[int, ...], np.ndarray]]
    measure: str = "lift"
    title: str = "How many directions are enough?"

    def mean(self, task: str, rank: int) -> float:
        """The mean score at this rank."""
        ranks, scores = self.tasks[task]
        return float(scores[ranks.index(rank)].mean())


def compute(scores: Mapping[str, Mapping[int, Sequence[float]]],
            measure: str = "lift", title: str = Enough.title) -> Enough:
    """Gather the scores: lifts, 0 for a blind guess and 1 for all right, or shares of answers.

    scores: for each task, for each rank, that of every seed.
    measure: one of ``MEASURES``.
    title: the heading, where the caller knows what the scores say.

    Raises:
        ValueError: another measure, a task without the whole change or with a rank below 1, which
            a logarithmic axis has no place for, too many or no tasks.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; allowed are {', '.join(MEASURES)}")
    if not 1 <= len(scores) <= len(DASHES):
        raise ValueError(f"there are {len(scores)} tasks, there must be from 1 to {len(DASHES)}")
    for task, ranks in scores.items():
        if WHOLE not in ranks:
            raise ValueError(f"{task} has the ranks {', '.join(map(str, ranks))}: {WHOLE}, the "
                             f"whole change, has to be one of them")
        if min(ranks) < 1:
            raise ValueError(f"{task} has the rank {min(ranks)}, the least to be drawn is 1")
    return Enough({task: (tuple(sorted(ranks)), np.array([ranks[rank] for rank in sorted(ranks)]))
                   for task, ranks in scores.items()}, measure, title)


@style.styled
def draw(data: Enough, layout: Layout = "wide") -> Figure:
    """Draw a line for each task over the directions that are kept, and a small mark a seed."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95)
    style.heading(fig, data.title, MEASURES[data.measure][not wide])
    ax = style.place(fig, 0.6, 0.75, 6.3 if wide else 2.85, 1.75)
    kept = sorted({rank for ranks, _ in data.tasks.values() for rank in ranks})
    named = []
    for (task, (ranks, scores)), dash, marker in zip(data.tasks.items(), DASHES, MARKERS):
        x, means = np.log2(ranks), scores.mean(1)
        ax.plot(x, means, color=style.TASK.mark, ls=dash, clip_on=False)
        for seed in scores.T:
            ax.plot(x, seed, color=style.TASK.mark, ls="", marker=marker, ms=4,
                    mec=style.PAPER, mew=0.6, clip_on=False)
        named.append(Named(x, means, task, style.TASK))
    ax.axhline(0, color=style.RULE, lw=1, zorder=1)
    lift = data.measure == "lift"
    first, last = np.log2([kept[0], WHOLE])
    ax.set(xlim=(first - 0.04 * (last - first), last + 0.04 * (last - first)),
           ylim=(LOW if lift else -0.02, 1.06),
           xlabel=f"directions kept in each matrix, of {WHOLE}")
    ax.set_xticks(np.log2(kept), [str(rank) for rank in kept])
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if lift else ["0%", "50%", "100%"])
    ax.grid(axis="y")
    name_lines(ax, named)
    return fig


def alt(data: Enough) -> str:
    """Return the picture in words."""
    lift = data.measure == "lift"
    parts = [f"{task}: " + ", ".join(
        f"{data.mean(task, rank):{'.2f' if lift else '.0%'}} at rank {rank}" for rank in ranks)
             for task, (ranks, _) in data.tasks.items()]
    what = "The mean lift" if lift else "The mean share of questions answered by"
    return (f"{what} {'of the' if lift else 'the'} model with a change cut to a rank. "
            f"{'; '.join(parts)}.")
