"""How many directions of a change a task needs: what is left of it when the others are dropped."""

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
LOW = -0.35  # where the axis begins: a model may do worse than a guess
WHOLE = 128  # all directions of a matrix of the model


@dataclass(frozen=True)
class Enough:
    """For each task the ranks that its change was cut to, and the mean share of it that is left."""

    tasks: dict[str, tuple[tuple[int, ...], np.ndarray]]

    def left(self, task: str, rank: int) -> float:
        """The share of what the whole change can do, at this rank."""
        ranks, shares = self.tasks[task]
        return float(shares[ranks.index(rank)])


def compute(scores: Mapping[str, Mapping[int, Sequence[float]]]) -> Enough:
    """Divide the mean score at each rank by that of the whole change.

    scores: for each task, for each rank, a score of every seed.

    Raises:
        ValueError: a task lacks the whole change, or there are too many or no tasks.
    """
    if not 1 <= len(scores) <= len(DASHES):
        raise ValueError(f"there are {len(scores)} tasks, there must be from 1 to {len(DASHES)}")
    for task, ranks in scores.items():
        if WHOLE not in ranks:
            raise ValueError(f"{task} has the ranks {', '.join(map(str, ranks))}: {WHOLE}, the "
                             f"whole change, has to be one of them")
    return Enough({task: (tuple(sorted(ranks)), np.array(
        [np.mean(ranks[rank]) / np.mean(ranks[WHOLE]) for rank in sorted(ranks)]))
        for task, ranks in scores.items()})


@style.styled
def draw(data: Enough, layout: Layout = "wide") -> Figure:
    """Draw a line for each task over the directions that are kept."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95)
    style.heading(fig, "How many directions are enough?",
                  "What a cut change can still do, as a share of the whole change" if wide
                  else "What a cut change can still do")
    ax = style.place(fig, 0.6, 0.75, 6.3 if wide else 2.85, 1.75)
    kept = sorted({rank for ranks, _ in data.tasks.values() for rank in ranks})
    named = []
    for (task, (ranks, shares)), dash, marker in zip(data.tasks.items(), DASHES, MARKERS):
        x = np.array([kept.index(rank) for rank in ranks])
        ax.plot(x, shares, color=style.TASK.mark, ls=dash, marker=marker, ms=5.5,
                mec=style.PAPER, mew=0.8, clip_on=False)
        named.append(Named(x, shares, task, style.TASK))
    ax.axhline(0, color=style.RULE, lw=1, zorder=1)
    ax.set(xlim=(-0.3, len(kept) - 0.7), ylim=(LOW, 1.06),
           xlabel=f"directions kept in each matrix, of {WHOLE}")
    ax.set_xticks(range(len(kept)), [str(rank) for rank in kept])
    ax.set_yticks([0, 0.5, 1], ["0%", "50%", "100%"])
    ax.grid(axis="y")
    name_lines(ax, named)
    return fig


def alt(data: Enough) -> str:
    """Return the picture in words."""
    parts = [f"{task}: " + ", ".join(f"{style.percent(share)} at rank {rank}"
                                     for rank, share in zip(ranks, shares))
             for task, (ranks, shares) in data.tasks.items()]
    return f"What is left of what the whole change can do. {'; '.join(parts)}."
