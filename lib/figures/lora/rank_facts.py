"""Old facts kept over the loss, a curve for each rank and a point for each learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout
from lib.laboratory.results import TRIED

CAPTION = ("Compare the curves at one loss, along an upright line: the higher one keeps more of "
           "the old facts.")

#: Each curve's marker, its name for the eye, colour, and whether it is filled.
LOOKS = (("o", "circles", style.FROZEN, True), ("D", "diamonds", style.LORA, True),
         ("s", "squares, dashed", style.FULL, False))
#: Losses are shown up to so many times a data set's lowest.
SHOWN = 8
LOSSES = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True)
class RankFacts:
    """By data set and curve: (rates, 3), rate, loss in nats, facts kept.

    From the lowest rate up to that of the lowest loss: at higher ones both get worse.  Means of
    the seeds that went through all rates.
    """

    curves: dict[str, dict[str, np.ndarray]]

    def limits(self, task: str) -> tuple[float, float]:
        """The losses that a data set's panel shows."""
        lowest = min(points[:, 1].min() for points in self.curves[task].values())
        return 0.85 * lowest, SHOWN * lowest


def compute(lines: Mapping[str, Sequence[Mapping[str, Any]]], tasks: Sequence[str]) -> RankFacts:
    """Average the lines of each curve at each rate.

    Raises:
        ValueError: there are more curves than looks, or a data set has no curve.
    """
    if len(lines) > len(LOOKS):
        raise ValueError(f"{len(lines)} curves, at most {len(LOOKS)} can be told apart")
    found: dict[str, dict[str, dict[float, list]]] = {task: {} for task in tasks}
    for name, each in lines.items():
        for line in each:
            run = line["run"]
            if run["task"] in found and run["seed"] < TRIED:
                found[run["task"]].setdefault(name, {}).setdefault(
                    run["learning_rate"], []).append((line["loss"], line["facts"]))
    if empty := [task for task in tasks if not found[task]]:
        raise ValueError(f"there are no runs on {', '.join(empty)}")
    return RankFacts({task: {name: _to_best(each) for name, each in of.items()}
                      for task, of in found.items()})


def _to_best(each: Mapping[float, list]) -> np.ndarray:
    """The mean at each rate, up to the rate of the lowest loss: (rates, 3)."""
    points = np.array([[rate, *np.mean(each[rate], 0)] for rate in sorted(each)])
    return points[:points[:, 1].argmin() + 1]


def _panel(ax: Axes, data: RankFacts, task: str, names: Sequence[str]) -> None:
    """One data set's curves, on losses of its own."""
    for name, points in data.curves[task].items():
        marker, _, tone, full = LOOKS[names.index(name)]
        ax.plot(points[:, 1], points[:, 2], marker, ls="-" if full else (0, (3, 2)), lw=1.4, ms=5,
                color=tone.mark, mfc=tone.mark if full else style.PAPER)
    low, high = data.limits(task)
    ticks = [tick for tick in LOSSES if low < tick < high]
    ax.set(xscale="log", xlim=(low, high), ylim=(-0.05, 1.05), title=task)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.minorticks_off()
    ax.grid(axis="y")


@style.styled
def draw(data: RankFacts, layout: Layout = "wide") -> Figure:
    """Draw a panel for each data set, three in a row or two."""
    wide = layout == "wide"
    columns, step, high = (3, 1.95, 1.2) if wide else (2, 1.57, 0.92)
    rows = -(-len(data.curves) // columns)
    names = list(dict.fromkeys(name for of in data.curves.values() for name in of))
    top = 1.25 if wide else 0.9 + 0.2 * len(names)
    fig = style.canvas(layout, top + rows * step - (step - high) + 0.6)
    style.heading(fig, "Old facts kept, over the loss",
                  "A point is a learning rate, up to a curve's best; mean of two seeds"
                  if wide else "A point is a rate, mean of two seeds")
    for at, name in enumerate(names):
        _, words, tone, _ = LOOKS[at]
        style.write(fig, style.MARGIN + 2.35 * at * wide, 0.82 if wide else 0.82 + 0.2 * at,
                    f"{name}: {words}", tone.ink, style.SMALL, va="baseline", weight=600)
    left, width = (0.62, 1.78) if wide else (0.42, 1.28)
    for at, task in enumerate(data.curves):
        row, column = divmod(at, columns)
        ax = style.place(fig, left + column * (width + 0.45), top + row * step, width, high)
        _panel(ax, data, task, names)
        last = at + columns >= len(data.curves)
        ax.set(xlabel="loss, nats" if last else "",
               ylabel="" if column or not wide else "old facts kept")
        if at == columns - 1:
            better(ax, "top left", 0.66, 1.15 if wide else 1.18)
    return fig


def alt(data: RankFacts) -> str:
    """Return the picture in words: each curve's points within the losses shown."""
    parts = []
    for task, of in data.curves.items():
        high = data.limits(task)[1]
        parts.append(f"{task}: " + ", ".join(f"{name} " + " ".join(
            f"{kept:.0%} at {loss:.2f}" for _, loss, kept in points if loss < high)
            for name, points in of.items()))
    return f"Old facts kept at each loss in nats, by learning rate. {'; '.join(parts)}."
