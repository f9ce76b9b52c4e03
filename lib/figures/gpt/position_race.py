"""The loss of small models with different positions, over the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Move the rate: their order depends on it, so compare each one's lowest loss, "
           "the ring.")
TONES = {"none": style.FROZEN, "learnt": Tone("#9a6a3c", "#7a5028", "#f0e4d8"),
         "sinusoidal": Tone("#5a62a6", "#4a5296", "#dcdff0"),
         "ALiBi": Tone("#b03a6e", "#962d5b", "#f6dde8"), "rotary": style.DATA}
MARKS = dict(zip(TONES, "^osvD", strict=True))


@dataclass(frozen=True)
class Race:
    """losses: way -> (rates, seeds), in nats; rates: (rates,); one of them is picked out."""

    losses: dict[str, np.ndarray]
    rates: np.ndarray
    rate: float

    def order(self) -> dict[str, float]:
        """Each way's mean loss at the rate, the lowest first."""
        at = int(np.flatnonzero(self.rates == self.rate)[0])
        return dict(sorted(((way, float(each[at].mean())) for way, each in self.losses.items()),
                           key=lambda item: item[1]))


def compute(losses: Mapping[str, np.ndarray], rates: np.ndarray, rate: float) -> Race:
    """Pick one learning rate out.

    Raises:
        ValueError: nothing was run at this rate.
    """
    if rate not in rates:
        raise ValueError(f"nothing was run at {rate}; allowed are {', '.join(map(str, rates))}")
    return Race(dict(losses), np.asarray(rates), rate)


@style.styled
def draw(data: Race, layout: Layout = "wide") -> Figure:
    """Draw a row for each way: all rates, its lowest one, and the chosen one with each seed."""
    fig = style.canvas(layout, 3.3)
    order = list(data.order())
    style.heading(fig, f"At a rate of {data.rate:g}: first {order[0]}, last {order[-1]}",
                  "Strokes: seeds. Pale: other rates. Ring: lowest")
    ax = style.place(fig, 1.0, 0.75, fig.get_size_inches()[0] - 1.2, 2.0)
    every = np.concatenate([each.ravel() for each in data.losses.values()])
    at = int(np.flatnonzero(data.rates == data.rate)[0])
    for row, (way, each) in enumerate(data.losses.items()):
        tone, mean = TONES[way], each.mean(1)
        ax.plot([mean.min(), mean.max()], [row, row], color=style.RULE, lw=style.THIN, zorder=1)
        ax.plot(mean, np.full(len(mean), row), MARKS[way], ms=5, ls="", color=style.RULE, zorder=2)
        ax.plot(mean.min(), row, "o", ms=13, mfc="none", mec=tone.mark, mew=1.2, zorder=3)
        ax.plot(each[at], np.full(each.shape[1], row), "|", ms=10, mew=1.2, color=tone.mark,
                zorder=4)
        ax.plot(mean[at], row, MARKS[way], ms=7, color=tone.mark, zorder=5)
    ax.set(xlim=(every.min() - 0.08, every.max() + 0.08), xlabel="loss on dev, nats",
           ylim=(len(data.losses) - 0.5, -0.5))
    ax.set_yticks(range(len(data.losses)), list(data.losses))
    for label, way in zip(ax.get_yticklabels(), data.losses, strict=True):
        label.set(color=TONES[way].ink, weight=600)
    ax.grid(axis="x")
    return fig


def alt(data: Race) -> str:
    """Return the frame in words."""
    return (f"Loss on dev in nats at a rate of {data.rate:g}, the lowest first: " + ", ".join(
        f"{way} {loss:.2f}" for way, loss in data.order().items()) + ".")
