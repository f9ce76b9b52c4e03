"""What several methods score in two tasks, by the learning rate of the second training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Lines join the means of two seeds, the small marks. A ring marks the rate with the "
           "lowest loss on the second task's dev set.")
TASKS = (("first task", "s", style.FACTS), ("second task", "o", style.TASK))
HIGH = 1.9  # inches of a method's axes


@dataclass(frozen=True)
class Rates:
    """By method and learning rate the percent right of both tasks, (2, seeds), and the dev loss."""

    old: int
    methods: dict[str, dict[float, np.ndarray]]
    best: dict[str, float]


def compute(found: Mapping[str, Mapping[float, Sequence[tuple[float, float, float]]]],
            old: int) -> Rates:
    """Take method -> rate -> each seed's percent of the first and second task and its dev loss.

    Raises:
        ValueError: a rate was tried with another number of seeds than the rest.
    """
    if len({len(seeds) for rates in found.values() for seeds in rates.values()}) != 1:
        raise ValueError("each method needs the same seeds at each rate")
    methods = {name: {rate: np.array(rates[rate], float).T[:2] for rate in sorted(rates)}
               for name, rates in found.items()}
    best = {name: min(rates, key=lambda rate: np.mean([seed[2] for seed in rates[rate]]))
            for name, rates in found.items()}
    return Rates(old, methods, best)


def _lines(ax: Axes, rates: Mapping[float, np.ndarray], best: float) -> None:
    """A line for each task with its means in numbers, on the side away from the other task."""
    x = np.array(list(rates))
    means = np.array([each.mean(1) for each in rates.values()]).T
    for number, (_, marker, tone) in enumerate(TASKS):
        ax.plot(x, means[number], color=tone.mark, zorder=2, lw=1.4)
        for rate, each, mean, other in zip(x, rates.values(), means[number], means[1 - number],
                                           strict=True):
            style.seeds(ax, np.full(len(each[number]), rate), each[number], marker, tone, 4.0)
            up = mean > other
            top = max(each[number]) if up else min(each[number])
            ax.text(rate, top + (5.5 if up else -5.5), f"{int(mean + 0.5)}", ha="center",
                    va="bottom" if up else "top", color=tone.ink, size=style.SMALL)
    ax.plot(best, means[1, x.tolist().index(best)], "o", ms=13, mfc="none", mec=style.TASK.ink,
            mew=1.1, zorder=4)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw one small chart for each method: both tasks over the learning rate."""
    wide = layout == "wide"
    columns = len(data.methods) if wide else 2
    rows = -(-len(data.methods) // columns)
    fig = style.canvas(layout, 0.98 + rows * (HIGH + 0.72))
    style.heading(fig, f"Both tasks by the learning rate, {data.old} old examples in 16" if wide
                  else f"With {data.old} old examples in 16",
                  "Percent right after the second training. Ring: lowest dev loss of the second "
                  "task" if wide else "Percent right. Ring: second task's best dev loss")
    left = 0.5
    step = (style.WIDTH[layout] - left - 0.1) / columns
    legend = style.board(fig, style.MARGIN, 0.66, style.WIDTH[layout] - 2 * style.MARGIN, 0.25)
    for number, (task, marker, tone) in enumerate(TASKS):
        legend.plot(left + 0.04 + 1.3 * number, 0.12, marker, color=tone.mark, ms=6)
        legend.text(left + 0.16 + 1.3 * number, 0.12, task, va="center", color=tone.ink,
                    weight=600)
    for number, (name, rates) in enumerate(data.methods.items()):
        row, column = divmod(number, columns)
        ax = style.place(fig, left + step * column, 1.2 + row * (HIGH + 0.72), step - 0.12, HIGH)
        ax.set(xscale="log", xlim=(min(rates) / 1.5, max(rates) * 1.5), ylim=(-14, 108),
               title=name, xlabel="learning rate")
        ax.set_xticks(list(rates), [f"{rate:g}" for rate in rates])
        ax.minorticks_off()
        ax.set_yticks((0, 25, 50, 75, 100),
                      [] if column else ("0", "25", "50", "75", "100%"))
        ax.grid(axis="y")
        _lines(ax, rates, data.best[name])
    return fig


def alt(data: Rates) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{name}, " + ", ".join(
        "{:.1f}% and {:.1f}% at {:g}".format(*each.mean(1), rate) for rate, each in rates.items())
        for name, rates in data.methods.items())
    return (f"First and second task right after the second training, {data.old} old examples in a "
            f"batch of 16: {said}.")
