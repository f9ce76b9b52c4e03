"""Losses of several models, each with several seeds at the learning rate that suits it best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each dot is one seed, and the mean is of these. Left of the dashed line is better than "
           "the first model.")

ROW: dict[Layout, float] = {"wide": 0.3, "narrow": 0.5}  # inches from one model to the next


@dataclass(frozen=True)
class Losses:
    """The losses of all seeds in nats, for each model by rate; the first model is compared with."""

    found: dict[str, dict[float, list[float]]]

    def best(self, name: str) -> float:
        """Return the rate at which a model's mean is lowest."""
        return min(self.found[name], key=lambda rate: float(np.mean(self.found[name][rate])))

    def at_best(self, name: str) -> list[float]:
        """Return the losses at that rate."""
        return self.found[name][self.best(name)]


def compute(found: Mapping[str, Mapping[float, Sequence[float]]]) -> Losses:
    """Take the losses by model and rate."""
    return Losses({name: {rate: [float(x) for x in losses] for rate, losses in each.items()}
                   for name, each in found.items()})


@style.styled
def draw(data: Losses, layout: Layout = "wide") -> Figure:
    """Draw a row of dots for each model, its best rate and its mean beside it."""
    wide, high = layout == "wide", ROW[layout] * len(data.found)
    fig = style.canvas(layout, high + 1.5)
    first = next(iter(data.found))
    several = all(len(each) > 1 for each in data.found.values())
    style.heading(fig, "Each model at its best rate" if several else
                  "Each model at the rate beside it", f"Dashed line: {first}")
    left, across = (2.2, 3.6) if wide else (0.12, 2.3)
    mean, rate = (1 + inches / across for inches in ((0.55, 1.2) if wide else (0.4, 0.95)))
    ax = style.place(fig, left, 0.95, across, high)
    every = [loss for name in data.found for loss in data.at_best(name)]
    ax.axvline(float(np.mean(data.at_best(first))), color=style.MUTED, ls="--", lw=1.1, zorder=1)
    for row, name in enumerate(data.found):
        losses = data.at_best(name)
        ax.plot(losses, row + np.linspace(-0.16, 0.16, len(losses)), "o", color=style.INK,
                mec=style.PAPER, mew=0.8, ms=7, zorder=4, clip_on=False)
        for x, text, weight in ((mean, f"{np.mean(losses):.2f}", 600),
                                (rate, f"{data.best(name):g}", 400)):
            ax.text(x, row, text, transform=ax.get_yaxis_transform(), va="center_baseline",
                    ha="right", weight=weight)
        if not wide:
            ax.text(min(every) - 0.04, row - 0.44, name, va="center_baseline", size=style.SMALL,
                    bbox={"fc": style.PAPER, "ec": "none", "pad": 1})
    for x, text in ((mean, "mean"), (rate, "rate")):
        ax.text(x, -0.95, text, transform=ax.get_yaxis_transform(), va="center_baseline",
                ha="right", color=style.MUTED, size=style.SMALL)
    ax.set(xlim=(min(every) - 0.06, max(every) + 0.06), ylim=(len(data.found) - 0.5, -0.6),
           xlabel="held-out loss in nats")
    ax.set_yticks(range(len(data.found)), list(data.found) if wide else [""] * len(data.found))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    return fig


def alt(data: Losses) -> str:
    """Return the figure in words."""
    rows = "; ".join(
        f"{name} " + ", ".join(f"{np.mean(losses):.2f} at {rate:g}"
                               for rate, losses in sorted(each.items()))
        + f", so {np.mean(each[data.best(name)]):.2f} at its best"
        for name, each in data.found.items())
    return f"Mean losses of the seeds, in nats, by learning rate: {rows}."
