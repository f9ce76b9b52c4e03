"""Losses of several models, each at several learning rates and with several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A mark is one seed. Full marks are at the model's best rate, whose mean is on the "
           "right, faint marks at its other rates.")

ROW: dict[Layout, float] = {"wide": 0.3, "narrow": 0.5}  # inches from one model to the next
MARKS = ("o", "s", "D", "^", "v")  # one for each rate


@dataclass(frozen=True)
class Losses:
    """The losses of all seeds in nats, for each model by rate."""

    found: dict[str, dict[float, list[float]]]

    def rates(self) -> list[float]:
        """Return all rates that were tried."""
        return sorted({rate for each in self.found.values() for rate in each})

    def best(self, name: str) -> float:
        """Return the rate at which a model's mean is lowest."""
        return min(self.found[name], key=lambda rate: float(np.mean(self.found[name][rate])))

    def mean(self, name: str) -> float:
        """Return a model's mean over the seeds at its best rate."""
        return float(np.mean(self.found[name][self.best(name)]))

    def title(self) -> str:
        """Return the name of the model with the lowest mean, with that mean."""
        lowest = min(self.found, key=self.mean)
        return f"Lowest: {lowest}, {self.mean(lowest):.2f} nats"


def compute(found: Mapping[str, Mapping[float, Sequence[float]]]) -> Losses:
    """Take the losses by model and rate.

    Raises ValueError: more rates than there are marks.
    """
    data = Losses({name: {rate: [float(x) for x in losses] for rate, losses in each.items()}
                   for name, each in found.items()})
    if len(data.rates()) > len(MARKS):
        raise ValueError(f"{len(data.rates())} rates, and marks for {len(MARKS)}")
    return data


@style.styled
def draw(data: Losses, layout: Layout = "wide") -> Figure:
    """Draw a row of dots for each model, and the mean at its best rate beside it."""
    wide, rates, high = layout == "wide", data.rates(), ROW[layout] * len(data.found)
    fig = style.canvas(layout, high + 1.55)
    style.heading(fig, data.title(), "Held-out loss in nats; on the right, mean at the best rate"
                  if wide else "Held-out loss in nats; right: mean at best")
    left, across = (2.0, 4.2) if wide else (0.12, 2.75)
    ax = style.place(fig, left, 0.7, across, high)
    every = [loss for each in data.found.values() for losses in each.values() for loss in losses]
    for row, (name, each) in enumerate(data.found.items()):
        best = data.best(name)
        for rate in sorted(each, key=lambda rate: rate == best):  # the best one on top
            tone = style.INK if rate == best else style.RULE
            ax.plot(each[rate], [row] * len(each[rate]), MARKS[rates.index(rate)], color=tone,
                    mec=style.PAPER if rate == best else style.MUTED, mew=0.8, ms=7,
                    zorder=4 if rate == best else 3, clip_on=False)
        ax.text(1.03, row, f"{data.mean(name):.2f}", transform=ax.get_yaxis_transform(),
                va="center_baseline", weight=600)
        if not wide:
            ax.text(min(every) - 0.04, row - 0.44, name, va="center_baseline", size=style.SMALL)
    ax.set(xlim=(min(every) - 0.06, max(every) + 0.06), ylim=(len(data.found) - 0.5, -0.6))
    ax.set_yticks(range(len(data.found)), list(data.found) if wide else [""] * len(data.found))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    keys = style.board(fig, left, high + 1.1, across, 0.4)
    keys.text(0, 0.2, "rate", va="center_baseline", size=style.SMALL)
    for k, rate in enumerate(rates):
        x = 0.5 + k * (across - 0.4) / len(rates)
        keys.plot(x, 0.2, MARKS[k], color=style.RULE, mec=style.MUTED, mew=0.8, ms=7)
        keys.text(x + 0.12, 0.2, f"{rate:g}", va="center_baseline", size=style.SMALL)
    return fig


def alt(data: Losses) -> str:
    """Return the figure in words."""
    rows = "; ".join(
        f"{name} " + ", ".join(f"{np.mean(losses):.2f} at {rate:g}"
                               for rate, losses in sorted(each.items()))
        + f", so {data.mean(name):.2f} at its best"
        for name, each in data.found.items())
    return f"{data.title()}. Mean losses of the seeds, by learning rate: {rows}."
