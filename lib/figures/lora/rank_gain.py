"""How much another rank changes the loss: each data set's loss over that of one middle rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout

CAPTION = ("Look for marks that are far from the upright line: there the rank matters. Left of it "
           "the loss is lower.")

#: The lower and the higher rank, in this order.
DRAWN = (("s", style.FROZEN), ("D", style.LORA))


@dataclass(frozen=True)
class Gain:
    """ratios: data set -> rank -> loss over that at ``base``, by seed: (seeds,).

    means: the same of the mean losses; at_base: the mean loss at ``base`` in nats.
    """

    base: int
    ratios: dict[str, dict[int, np.ndarray]]
    means: dict[str, dict[int, float]]
    at_base: dict[str, float]


def compute(losses: Mapping[str, Mapping[int, np.ndarray]], base: int) -> Gain:
    """Divide each rank's losses, (seeds,) in the same order, by those of the rank ``base``.

    Raises:
        ValueError: a data set has no runs at ``base``, or not two other ranks.
    """
    ratios, means = {}, {}
    for task, each in losses.items():
        if base not in each or len(each) != 1 + len(DRAWN):
            raise ValueError(f"{task} has the ranks {', '.join(map(str, each))}, "
                             f"not {base} and {len(DRAWN)} others")
        others = sorted(set(each) - {base})
        ratios[task] = {rank: np.asarray(each[rank]) / each[base] for rank in others}
        means[task] = {rank: float(np.mean(each[rank]) / np.mean(each[base])) for rank in others}
    return Gain(base, ratios, means, {task: float(np.mean(each[base]))
                                      for task, each in losses.items()})


@style.styled
def draw(data: Gain, layout: Layout = "wide") -> Figure:
    """Draw a row for each data set, every seed a mark."""
    wide = layout == "wide"
    step = 0.3
    fig = style.canvas(layout, 1.1 + step * len(data.ratios) + 0.55)
    low, high = next(iter(data.ratios.values()))
    style.heading(fig, f"Loss at ranks {low} and {high} over the loss at rank {data.base}" if wide
                  else f"Loss over that of rank {data.base}",
                  "Each rank at its best rate, α = 2r. A mark is a seed; "
                  f"in brackets is the loss at rank {data.base}." if wide else
                  "Own best rates, α = 2r; a mark is a seed")
    for at, (rank, (_, tone)) in enumerate(zip((low, high), DRAWN)):
        style.write(fig, style.MARGIN + 1.5 * at, 0.8, f"rank {rank}: "
                    f"{('grey squares', 'diamonds')[at]}", tone.ink, style.SMALL, va="baseline",
                    weight=600)
    left = 1.75 if wide else 1.05
    ax = style.place(fig, left, 1.05, fig.get_size_inches()[0] - left - 0.25,
                     step * len(data.ratios))
    ax.axvline(1, color=style.INK, lw=1)
    for row, each in enumerate(data.ratios.values()):
        ax.axhline(row, color=style.GRID, lw=style.THIN, zorder=0)
        for values, (marker, tone) in zip(each.values(), DRAWN):
            style.seeds(ax, values, row + style.fan(values, 0.16), marker, tone, 4.8)
    every = np.concatenate([v for each in data.ratios.values() for v in each.values()])
    ax.set(xscale="log", xlim=(min(every.min() / 1.1, 0.9), max(every.max() * 1.1, 1.1)),
           ylim=(len(data.ratios) - 0.5, -0.5),
           xlabel=f"loss over that of rank {data.base}")
    ticks = [tick for tick in (0.25, 0.5, 1, 2, 4)
             if every.min() / 1.1 <= tick <= every.max() * 1.1]
    ax.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(data.ratios)), [
        f"{task} ({loss:.3f} nats)" if wide else task for task, loss in data.at_base.items()])
    better(ax, "left", 0.84 if wide else 0.72, 1.08)
    return fig


def alt(data: Gain) -> str:
    """Return the picture in words."""
    low, high = next(iter(data.ratios.values()))
    said = [f"{task} {each[low]:.2f} and {each[high]:.2f}" for task, each in data.means.items()]
    return (f"Held-out loss at ranks {low} and {high} over that at rank {data.base}: "
            f"{', '.join(said)}.")
