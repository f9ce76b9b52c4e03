"""Answers by the two settings that an unclipped LoRA has: A's rate, and alpha times B's rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import frame, hatch_empty, score_map
from lib.figures.kit.style import Layout

CAPTION = ("Hatched squares were not run. In a divided one two runs have the same settings: "
           "above, plain LoRA with a larger α, below, LoRA+.")
LOW = 0.3  # the share at which the colours start
#: A's rate, and alpha times B's rate
Spot = tuple[float, float]


@dataclass(frozen=True)
class TwoKnobs:
    """Every method's share of right answers by its spots, and the method that is shown.

    ``twins`` are the shares of second runs in spots that a method has as well.
    """

    spots: dict[str, dict[Spot, float]]
    method: str
    twins: dict[Spot, float]

    @property
    def axes(self) -> tuple[list[float], list[float]]:
        """All rates of A, and all products of alpha and B's rate, in order."""
        every = [spot for each in self.spots.values() for spot in each]
        across, up = (sorted(set(values)) for values in zip(*every, strict=True))
        return across, up

    @property
    def shares(self) -> np.ndarray:
        """The answers, (up, across); NaN where nothing was run."""
        across, up = self.axes
        found = np.full((len(up), len(across)), np.nan)
        for each in self.spots.values():
            for (rate, product), share in each.items():
                found[up.index(product), across.index(rate)] = share
        return found

    @property
    def gap(self) -> float:
        """By how much two runs in one square differ at most."""
        across, up = self.axes
        return max((abs(share - self.shares[up.index(product), across.index(rate)])
                    for (rate, product), share in self.twins.items()), default=0.0)

    @property
    def best(self) -> tuple[Spot, float]:
        """The shown method's best spot, and its share there."""
        mine = self.spots[self.method]
        spot = max(mine, key=mine.__getitem__)
        return spot, mine[spot]


def compute(spots: Mapping[str, Mapping[Spot, float]], method: str,
            twins: Mapping[Spot, float] | None = None) -> TwoKnobs:
    """Show one method's spots among those of all, and a second run in the spots of the twins.

    Raises:
        ValueError: there is no such method, two of them were run in the same spot, or a twin has
            a spot of its own.
    """
    if method not in spots:
        raise ValueError(f"unknown method {method!r}: allowed are {', '.join(spots)}")

    def tidy(shares: Mapping[Spot, float]) -> dict[Spot, float]:
        return {(round(rate, 9), round(product, 9)): share
                for (rate, product), share in shares.items()}

    found, second = {name: tidy(each) for name, each in spots.items()}, tidy(twins or {})
    every = [spot for each in found.values() for spot in each]
    if twice := sorted({spot for spot in every if every.count(spot) > 1}):
        raise ValueError(f"two methods were run at {twice}")
    if alone := sorted(second.keys() - set(every)):
        raise ValueError(f"no method was run at {alone}, where a twin was")
    return TwoKnobs(found, method, second)


def _gap(data: TwoKnobs) -> str:
    """How far two runs in one square are apart."""
    points = f"{100 * data.gap:.1f}"
    return (f"differ by up to {points} points" if float(points) else "answer alike")


def _framed(data: TwoKnobs) -> str:
    """Whose squares have a frame, and, of two methods, whose have none."""
    rest = [name for name in data.spots if name != data.method]
    return f"Framed: {data.method}" + (f". The others: {rest[0]}" if len(rest) == 1 else "")


@style.styled
def draw(data: TwoKnobs, layout: Layout = "wide") -> Figure:
    """Draw the map, with the shown method's squares framed."""
    wide, (across, up), (_, share) = layout == "wide", data.axes, data.best
    fig = style.canvas(layout, 3.7)
    style.heading(fig, f"{data.method}: at best {style.percent(share)} of the answers",
                  _framed(data) if not data.twins
                  else f"{_framed(data)}. Two runs in one square {_gap(data)}" if wide
                  else f"Two in one square {_gap(data)}")
    ax = style.place(fig, 0.72, 0.85, style.WIDTH[layout] - 0.85, 2.1)
    whole = data.shares
    for rate, product in data.twins:
        whole[up.index(product), across.index(rate)] = np.nan
    score_map(ax, whole, [f"{1000 * rate:.3g}" for rate in across],
              [f"{1000 * product:.3g}" for product in up], low=LOW)
    hatch_empty(ax, data.shares)
    for (rate, product), second in data.twins.items():
        i, j = up.index(product), across.index(rate)
        for bottom, here in ((i, data.shares[i, j]), (i + 0.5, second)):
            ax.add_artist(Rectangle((j, bottom), 1, 0.5, fc=style.SCORE((here - LOW) / (1 - LOW)),
                                    ec=style.PAPER, lw=1.2))
            ax.text(j + 0.5, bottom + 0.25, f"{100 * here:.0f}", ha="center",
                    va="center_baseline", size=style.SMALL)
    for rate, product in data.spots[data.method]:
        frame(ax, up.index(product), across.index(rate))
    ax.tick_params(axis="x", labelsize=style.BASE if wide else style.SMALL)
    ax.set(xlabel="1,000 × learning rate of A", ylabel="1,000 × α × rate of B")
    return fig


def alt(data: TwoKnobs) -> str:
    """Return the frame in words."""
    (rate, product), share = data.best
    return (f"A map of right answers over the learning rate of A and α times that of B. "
            f"{data.method} is best with A's rate at {rate:g} and α times B's rate at {product:g}: "
            f"{style.percent(share)}. The best square of all has "
            f"{style.percent(max(np.nanmax(data.shares), *data.twins.values(), 0.0))}."
            + (f" Two runs in one square {_gap(data)}." if data.twins else ""))
