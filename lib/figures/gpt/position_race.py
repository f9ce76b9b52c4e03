"""The loss of small models with different positions, over the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Move the rate: the order of the encodings depends on it. So compare their lowest "
           "losses, the rings.")
TONES = {"none": style.FROZEN, "learnt": Tone("#9a6a3c", "#7a5028", "#f0e4d8"),
         "sinusoidal": Tone("#5a62a6", "#4a5296", "#dcdff0"),
         "ALiBi": Tone("#b03a6e", "#962d5b", "#f6dde8"), "rotary": style.DATA}
DASHES = dict.fromkeys(TONES, "-") | {"none": "--"}


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


def apart(ends: Mapping[str, float], low: float, high: float) -> list[tuple[str, float]]:
    """Heights for the names at the ends of lines: near them and a line of text apart.

    Names that would overlap share out their distance around the mean of their ends.
    """
    names, gap = sorted(ends, key=lambda name: ends[name]), 0.08 * (high - low)
    groups: list[list[float]] = []  # each: the middle, and how many names stand around it
    for name in names:
        groups.append([ends[name], 1])
        while len(groups) > 1 and (groups[-1][0] - groups[-2][0]
                                   < gap * (groups[-1][1] + groups[-2][1]) / 2):
            (above, more), (below, few) = groups.pop(), groups.pop()
            groups.append([(above * more + below * few) / (more + few), more + few])
    heights = [middle + gap * (k - (count - 1) / 2)
               for middle, count in groups for k in range(int(count))]
    heights[-1] = min(heights[-1], high - gap / 2)
    for k in reversed(range(len(names) - 1)):
        heights[k] = min(heights[k], heights[k + 1] - gap)
    return list(zip(names, heights, strict=True))


@style.styled
def draw(data: Race, layout: Layout = "wide") -> Figure:
    """Draw each way's loss over the rate, a ring at its lowest, and pick one rate out."""
    fig = style.canvas(layout, 3.7)
    (first, low), (second, next_low) = list(data.order().items())[:2]
    at_rate = "At a rate of" if layout == "wide" else "At"
    at = int(np.flatnonzero(data.rates == data.rate)[0])
    count = next(iter(data.losses.values())).shape[1]
    spread = max(float(np.ptp(each[at])) for each in data.losses.values())
    style.heading(fig, f"{at_rate} {data.rate:g}: {first} leads {second} by "
                  f"{next_low - low:.2f} nats",
                  f"Lines: mean of {count} seeds, at this rate at most {spread:.2f} nats apart")
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 1.65, 2.4)
    every = np.concatenate([each.mean(1) for each in data.losses.values()])
    places = np.arange(len(data.rates))
    ax.set(xlim=(-0.15, places[-1] + 0.15), ylim=(every.min() - 0.08, every.max() + 0.08),
           xlabel="learning rate", ylabel="loss on dev, nats")
    ax.axvspan(at - 0.1, at + 0.1, color=style.GRID, lw=0, zorder=0)
    for way, each in data.losses.items():
        tone, mean = TONES[way], each.mean(1)
        ax.plot(places, mean, color=tone.mark, lw=1.8, ls=DASHES[way], zorder=2)
        ax.plot(mean.argmin(), mean.min(), "o", ms=9, mfc="none", mec=tone.mark, mew=1.2, zorder=3)
    for way, high in apart({way: each[-1].mean() for way, each in data.losses.items()},
                           *ax.get_ylim()):
        ax.text(places[-1] + 0.19, high, way, va="center", color=TONES[way].ink, weight=600,
                size=style.SMALL)
    ax.set_xticks(places, [f"{rate:g}" for rate in data.rates])
    ax.grid(axis="y")
    return fig


def alt(data: Race) -> str:
    """Return the frame in words."""
    return (f"Loss on dev in nats at a rate of {data.rate:g}, the lowest first: " + ", ".join(
        f"{way} {loss:.2f}" for way, loss in data.order().items()) + ".")
