"""Losses of several models, each at several learning rates and with several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each dot is one seed: full at its model's best rate (mean on the right), open at other "
           "rates, and a triangle where it ended beyond the edge.")

BEYOND = 0.4  # nats above the worst of the best means: runs that failed would squeeze all others
ROW: dict[Layout, float] = {"wide": 0.3, "narrow": 0.5}  # inches from one model to the next


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


def compute(found: Mapping[str, Mapping[float, Sequence[float]]]) -> Losses:
    """Take the losses by model and rate."""
    return Losses({name: {rate: [float(x) for x in losses] for rate, losses in each.items()}
                   for name, each in found.items()})


@style.styled
def draw(data: Losses, layout: Layout = "wide") -> Figure:
    """Draw a row of dots for each model, and the mean at its best rate beside it."""
    wide, high = layout == "wide", ROW[layout] * len(data.found)
    fig = style.canvas(layout, high + 1.5)
    style.heading(fig, "Each model at its best rate",
                  "Full dots: best rate. Open: other rates")
    left, across = (2.0, 4.2) if wide else (0.12, 2.75)
    ax = style.place(fig, left, 0.95, across, high)
    every = [loss for each in data.found.values() for losses in each.values() for loss in losses]
    edge = BEYOND + max(float(np.mean(each[data.best(name)])) for name, each in data.found.items())
    edge = min(edge, max(every))
    for row, (name, each) in enumerate(data.found.items()):
        best = data.best(name)
        for rate in sorted(each, key=lambda rate: rate == best):  # the best one on top
            full = rate == best
            inside = [loss for loss in each[rate] if loss <= edge]
            ax.plot(inside, [row] * len(inside), "o", color=style.INK if full else "none",
                    mec=style.PAPER if full else style.FROZEN.mark, mew=0.8 if full else 1.1,
                    ms=8 if full else 5.5, zorder=4 if full else 3, clip_on=False)
        if max(max(losses) for losses in each.values()) > edge:
            ax.plot(edge, row, ">", color="none", mec=style.FROZEN.mark, mew=1.1, ms=6,
                    clip_on=False)
        ax.text(1.03, row, f"{np.mean(each[best]):.2f}", transform=ax.get_yaxis_transform(),
                va="center_baseline", weight=600)
        if not wide:
            ax.text(min(every) - 0.04, row - 0.44, name, va="center_baseline", size=style.SMALL)
    ax.text(1.03, -0.95, "mean", transform=ax.get_yaxis_transform(), va="center_baseline",
            color=style.MUTED, size=style.SMALL)
    ax.set(xlim=(min(every) - 0.06, edge + 0.06), ylim=(len(data.found) - 0.5, -0.6),
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
