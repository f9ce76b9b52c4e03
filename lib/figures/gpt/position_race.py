"""The loss of small models with different positions, over the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Move the rate, and see whether the order of the ways changes. A fair comparison takes "
           "each way at its lowest point.")
TONES = {"none": style.FROZEN, "learnt": Tone("#9a6a3c", "#7a5028", "#f0e4d8"),
         "sinusoidal": Tone("#5a62a6", "#4a5296", "#dcdff0"),
         "ALiBi": Tone("#b03a6e", "#962d5b", "#f6dde8"), "rotary": style.DATA}
MARKS = dict(zip(TONES, "^osvD", strict=True))
DASHES = dict(zip(TONES, ("-", ":", "--", "-.", "-"), strict=True))


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
    """Draw a line for each way: the mean of the seeds, and each seed."""
    fig = style.canvas(layout, 3.7)
    style.heading(fig, f"A rate of {data.rate:g}", f"Best first: {', '.join(data.order())}")
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 0.8, 2.4)
    every = np.concatenate([each.ravel() for each in data.losses.values()])
    ax.set(xscale="log", xlim=(data.rates[0] / 1.3, data.rates[-1] * 1.3), xlabel="learning rate",
           ylim=(every.min() - 0.1, every.max() + 0.1), ylabel="loss on dev, nats")
    ax.axvline(data.rate, color=style.INK, lw=style.THIN, zorder=1)
    lines = []
    for way, each in data.losses.items():
        tone, mean = TONES[way], each.mean(1)
        ax.plot(data.rates, mean, color=tone.mark, marker=MARKS[way], ms=5, ls=DASHES[way],
                lw=4.5 if way == "none" else style.LINE)  # what lies on it is seen
        for column in each.T:
            ax.plot(data.rates, column, MARKS[way], ms=2.5, ls="", color=tone.mark)
        lines.append(Named(data.rates, mean, way, tone))
    style.number_ticks(ax.xaxis, data.rates, 4)
    ax.grid(axis="y")
    name_lines(ax, lines, style.SMALL)
    return fig


def alt(data: Race) -> str:
    """Return the frame in words."""
    return (f"Loss on dev in nats at a rate of {data.rate:g}, the lowest first: " + ", ".join(
        f"{way} {loss:.2f}" for way, loss in data.order().items()) + ".")
