"""Where rank runs out: a task's score over rank, for few and many examples."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.laboratory.results import CRITERION

CAPTION = ("Where the curve has become flat more rank brings no more; the mark at the end is "
           "full fine-tuning.")

SCORES = {"loss": "Held-out loss, nats", "answers": "Answers right"}
#: Of the axes, the same for every task and size: nats on a logarithmic axis, and a share.
LIMITS = {"loss": (0.004, 6.0), "answers": (0.0, 1.0)}
TICKS = {"loss": ([0.01, 0.1, 1], [".01", ".1", "1"]),
         "answers": ([0, 0.5, 1], ["0%", "50%", "100%"])}


@dataclass(frozen=True)
class Capacity:
    """The runs of one task and one number of examples.

    ``scores[key][rank]`` holds one number for each seed, with rank None for full fine-tuning;
    edges: the ranks whose rate is the lowest or highest of those tried.
    """

    title: str
    examples: int
    scores: Mapping[str, Mapping[int | None, np.ndarray]]
    edges: frozenset[int | None] = frozenset()

    @property
    def ranks(self) -> list[int]:
        """The ranks of the LoRA runs, ascending."""
        return sorted(rank for rank in self.scores["loss"] if rank is not None)


def compute(settings: Sequence[Sequence[Mapping[str, Any]]], title: str,
            examples: int | None, whole: int, edges: Collection[int | None] = ()) -> Capacity:
    """Gather what each rank reached with so many examples; all lines are of one task.

    settings: recorded lines, those that differ only in their seed together, each at one learning
    rate; examples: as in the runs, None for all ``whole`` of them; edges: ranks whose rate is at
    the edge of those tried.

    Raises:
        ValueError: No run has so many examples.
    """
    sizes = {lines[0]["run"]["examples"] for lines in settings}
    if examples not in sizes:
        raise ValueError(f"examples is {examples}; allowed are {', '.join(map(str, sizes))}")
    here = [lines for lines in settings if lines[0]["run"]["examples"] == examples]
    scores = {key: {lines[0]["run"]["rank"] if lines[0]["run"]["method"] == "lora" else None:
                    np.array([line[key] for line in lines]) for lines in here} for key in SCORES}
    return Capacity(title, examples or whole, scores, frozenset(edges))


def _panel(ax: Axes, data: Capacity, key: str) -> None:
    """Every seed at every rank, a line through their means, and full fine-tuning as a band."""
    ranks, found = data.ranks, data.scores[key]
    ax.plot([found[rank].mean() for rank in ranks], color=style.LORA.mark, zorder=2)
    for place, rank in enumerate(ranks):
        style.seeds(ax, place + style.fan(found[rank], 0.1), found[rank], style.MARKER["lora"],
                    style.LORA)
    full = found[None]
    end = len(ranks)
    style.seeds(ax, end + style.fan(full, 0.1), full, style.MARKER["full"], style.FULL, 5.5)
    ax.axhline(full.mean(), color=style.FULL.mark, lw=1, ls=(0, (4, 2)), zorder=1)
    ax.set(xlim=(-0.4, end + 0.4), yscale="log" if key == "loss" else "linear", title=SCORES[key],
           xlabel="LoRA's rank r, or full fine-tuning")
    ax.set_yticks(*TICKS[key])
    ax.set_ylim(*LIMITS[key])
    ax.minorticks_off()
    ax.set_xticks(range(end + 1), [f"{rank or 'full'}{'*' * (rank in data.edges)}"
                                   for rank in (*ranks, None)])
    ax.get_xticklabels()[-1].set_color(style.FULL.ink)
    ax.grid(axis="y")


@style.styled
def draw(data: Capacity, layout: Layout = "wide") -> Figure:
    """Draw both scores over rank."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.2 if wide else 5.4)
    star = ("; * a rate at the edge of those tried" if wide else "; * edge") if data.edges else ""
    style.heading(fig, f"{data.title}: {data.examples:,} examples",
                  (f"One mark a seed, at the learning rate with the {CRITERION}" if wide else
                   f"One mark a seed; rate: {CRITERION}") + star)
    for k, key in enumerate(SCORES):
        place = (0.5 + 3.6 * k, 0.95, 2.95, 1.65) if wide else (0.55, 0.95 + 2.3 * k, 2.95, 1.45)
        _panel(style.place(fig, *place), data, key)
    return fig


def alt(data: Capacity) -> str:
    """Return the frame in words."""
    loss = data.scores["loss"]
    least, most = data.ranks[0], data.ranks[-1]
    edges = [f"rank {rank}" for rank in data.ranks if rank in data.edges]
    edges += ["full fine-tuning"] if None in data.edges else []
    note = f" (at the edge of those tried: {', '.join(edges)})" if edges else ""
    return (f"{data.title}, {data.examples:,} examples: the held-out loss is "
            f"{loss[least].mean():.2f} nats at rank {least}, {loss[most].mean():.2f} at rank "
            f"{most}, and {loss[None].mean():.2f} after full fine-tuning, each at the rate of "
            f"{CRITERION}{note}.")
