"""Old facts kept over the loss, a curve for each rank and a point for each learning rate.

An arrow leads from one setting's rate to another's: it says which of the two runs learnt more and
kept more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout
from lib.laboratory.results import TRIED

CAPTION = ("An arrow that points up and to the left leads to a run that has learnt more and kept "
           "more.")

#: Each curve's marker, its name for the eye, colour, and whether it is filled.
LOOKS = (("o", "circles", style.FROZEN, True), ("D", "diamonds", style.LORA, True),
         ("s", "squares, dashed", style.FULL, False))
#: Losses are shown up to so many times a data set's lowest.
SHOWN = 11
#: Where a curve's rates are written beside its points, in points of type; each further rate
#: of the second curve, which is steep, is FURTHER lower.
BESIDE = ((7, -8, "left"), (-7, 5, "right"), (0, 7, "center"))
FURTHER = 7
LOSSES = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True)
class RankFacts:
    """By data set and curve: (rates, 3), rate, loss on dev in nats, facts kept.

    From the lowest rate up to that of the lowest loss: at higher ones both get worse.  Means of
    the seeds that went through all rates.  ends: where the arrow begins and ends, each a curve
    and its rate.
    """

    curves: dict[str, dict[str, np.ndarray]]
    ends: tuple[tuple[str, float], ...] = ()

    def limits(self, task: str) -> tuple[float, float]:
        """The losses that a data set's panel shows."""
        lowest = min(points[:, 1].min() for points in self.curves[task].values())
        return 0.7 * lowest, SHOWN * lowest

    def arrow(self, task: str) -> np.ndarray:
        """(2, 2): loss and facts kept where a data set's arrow begins and ends."""
        return np.array([[point[1:] for point in self.curves[task][name]
                          if point[0] == rate][0] for name, rate in self.ends])

    @property
    def better(self) -> int:
        """On how many data sets the arrow leads to a lower loss and to more facts."""
        steps = np.array([np.diff(self.arrow(task), axis=0)[0] for task in self.curves])
        return int(((steps[:, 0] < 0) & (steps[:, 1] > 0)).sum())


def compute(lines: Mapping[str, Sequence[Mapping[str, Any]]], tasks: Sequence[str],
            ends: Sequence[tuple[str, float]] = ()) -> RankFacts:
    """Average the lines of each curve at each rate; the arrow leads between two of these points.

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
                    run["learning_rate"], []).append((line["dev_loss"], line["facts"]))
    if empty := [task for task in tasks if not found[task]]:
        raise ValueError(f"there are no runs on {', '.join(empty)}")
    return RankFacts({task: {name: _to_best(each) for name, each in of.items()}
                      for task, of in found.items()}, tuple(ends))


def _to_best(each: Mapping[float, list]) -> np.ndarray:
    """The mean at each rate, up to the rate of the lowest loss: (rates, 3)."""
    points = np.array([[rate, *np.mean(each[rate], 0)] for rate in sorted(each)])
    return points[:points[:, 1].argmin() + 1]


def _panel(ax: Axes, data: RankFacts, task: str, names: Sequence[str],
           wide: bool) -> None:
    """One data set's curves, on losses of its own; narrow, only the arrow's ends have rates."""
    low, high = data.limits(task)
    for name, points in data.curves[task].items():
        at = names.index(name)
        (marker, _, tone, full), (right, up, ha) = LOOKS[at], BESIDE[at]
        ax.plot(points[:, 1], points[:, 2], marker, ls="-" if full else (0, (3, 2)), lw=1.4, ms=5,
                color=tone.mark, mfc=tone.mark if full else style.PAPER)
        for further, (rate, loss, kept) in enumerate(points):
            if loss < high and (wide or (name, rate) in data.ends):
                ax.annotate(f"{rate:g}", (loss, kept), (right, up - FURTHER * further * (at == 1)),
                            fontsize=style.SMALL, textcoords="offset points", color=tone.ink,
                            ha=ha, path_effects=[withStroke(linewidth=3, foreground=style.PAPER)])
    if data.ends:
        start, end = data.arrow(task)
        ax.annotate("", end, start, zorder=4, arrowprops={
            "arrowstyle": "-|>", "color": style.INK, "lw": 1.6, "shrinkA": 4, "shrinkB": 4})
    ticks = [tick for tick in LOSSES if low < tick < high]
    ax.set(xscale="log", xlim=(low, high), ylim=(-0.15, 1.08), title=task)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.minorticks_off()
    ax.grid(axis="y")


def _heading(data: RankFacts, wide: bool) -> tuple[str, str]:
    """What the arrows show, where there are any, and what a point is."""
    if not data.ends:
        return "Old facts kept, over the loss", "A point is a rate, mean of two seeds"
    count = f"{data.better} of {len(data.curves)}"
    if not wide:
        return f"Lower loss, more facts: {count}", "Arrow: to the higher rank, at a lower rate"
    ends = " to ".join(f"{name} at {rate:g}" for name, rate in data.ends)
    return (f"A lower loss and more old facts kept on {count} data sets",
            f"Arrow: {ends}. A point is a learning rate, mean of two seeds.")


@style.styled
def draw(data: RankFacts, layout: Layout = "wide") -> Figure:
    """Draw a panel for each data set, two in a row."""
    wide = layout == "wide"
    columns, step, high = (2, 2.35, 1.6) if wide else (2, 1.95, 1.3)
    rows = -(-len(data.curves) // columns)
    names = list(dict.fromkeys(name for of in data.curves.values() for name in of))
    top = 1.25 if wide else 0.95 + 0.2 * len(names)
    fig = style.canvas(layout, top + rows * step - (step - high) + 0.55)
    style.heading(fig, *_heading(data, wide))
    for at, name in enumerate(names):
        _, words, tone, _ = LOOKS[at]
        style.write(fig, style.MARGIN + 2.35 * at * wide, 0.82 if wide else 0.82 + 0.2 * at,
                    f"{name}: {words}", tone.ink, style.SMALL, va="baseline", weight=600)
    left, width, gap = (0.62, 3.0, 0.5) if wide else (0.45, 1.25, 0.4)
    for at, task in enumerate(data.curves):
        row, column = divmod(at, columns)
        ax = style.place(fig, left + column * (width + gap), top + row * step, width, high)
        _panel(ax, data, task, names, wide)
        ax.set(xlabel="dev loss, nats" if at + columns >= len(data.curves) else "",
               ylabel="" if column or not wide else "old facts kept")
        if at == columns - 1:
            better(ax, "top left", 0.75 if wide else 0.62, 1.12 if wide else 1.15)
    return fig


def alt(data: RankFacts) -> str:
    """Return the picture in words: each curve's points within the losses shown."""
    parts = []
    for task, of in data.curves.items():
        high = data.limits(task)[1]
        parts.append(f"{task}: " + ", ".join(f"{name} " + " ".join(
            f"{kept:.0%} at {loss:.2f}" for _, loss, kept in points if loss < high)
            for name, points in of.items()))
    (first, low), (other, rate) = data.ends or (("", 0), ("", 0))
    arrow = (f" The arrow leads from {first} at {low:g} to {other} at {rate:g}: to a lower loss "
             f"and to more facts on {data.better} of {len(parts)}.") if data.ends else ""
    return f"Old facts kept at each dev loss in nats, by learning rate. {'; '.join(parts)}.{arrow}"
