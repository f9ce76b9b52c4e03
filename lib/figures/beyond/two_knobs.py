"""Answers by the two settings that a LoRA of one rank has: A's rate, and alpha times B's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import frame, hatch_empty, score_map
from lib.figures.kit.style import Layout

CAPTION = ("Each number is the per cent of right answers, and each diagonal one method. Colours "
           "start at 60%; below it a square is grey.")
LOW = 0.6  # the share at which the colours start: the good squares are what the map is about
MANY = 6  # columns: with more of them, only every second has room for its rate where it's narrow
#: A's rate, and alpha times B's rate
Spot = tuple[float, float]


@dataclass(frozen=True)
class TwoKnobs:
    """Every method's share of right answers by its spots, and the method that is shown.

    With a ``rank``, a thin line joins the squares of every row, alpha times B's rate, that has two
    or more; ``chosen`` has the spots with the lowest loss, by method, whose numbers are bold.
    """

    spots: dict[str, dict[Spot, float]]
    method: str
    rank: int | None = None
    chosen: dict[str, Spot] = field(default_factory=dict)

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
    def best(self) -> tuple[Spot, float]:
        """The shown method's best spot, and its share there."""
        mine = self.spots[self.method]
        spot = max(mine, key=mine.__getitem__)
        return spot, mine[spot]

    @property
    def joined(self) -> dict[float, list[tuple[float, float]]]:
        """Each row with a line: A's rates in order, and their shares."""
        rows = {up: sorted((rate, share) for each in self.spots.values()
                           for (rate, product), share in each.items() if product == up)
                for up in self.axes[1] if self.rank}
        return {up: row for up, row in rows.items() if len(row) > 1}


def compute(spots: Mapping[str, Mapping[Spot, float]], method: str, rank: int | None = None,
            chosen: Mapping[str, Spot] | None = None) -> TwoKnobs:
    """Show one method's spots among those of all; with their ``rank``, the rows that they share.

    With a ``rank``, ``chosen`` needs each method's spot with the lowest loss.

    Raises:
        ValueError: there is no such method, two of them were run in the same spot, no row is
            shared, or a chosen spot wasn't run.
    """
    if method not in spots:
        raise ValueError(f"unknown method {method!r}: allowed are {', '.join(spots)}")
    found = {name: {_spot(*spot): share for spot, share in shares.items()}
             for name, shares in spots.items()}
    every = [spot for each in found.values() for spot in each]
    if twice := sorted({spot for spot in every if every.count(spot) > 1}):
        raise ValueError(f"two methods were run at {twice}")
    lowest = {name: _spot(*spot) for name, spot in (chosen or {}).items()}
    if rank and (lowest.keys() != found.keys()
                 or any(spot not in found[name] for name, spot in lowest.items())):
        raise ValueError(f"each method needs a chosen spot that was run: {lowest}")
    data = TwoKnobs(found, method, rank, lowest)
    if rank and not data.joined:
        raise ValueError("no row is shared: allowed are maps with two squares or more in a row")
    return data


def _spot(rate: float, product: float) -> Spot:
    """A spot without what multiplying has left of rounding."""
    return round(rate, 9), round(product, 9)


@style.styled
def draw(data: TwoKnobs, layout: Layout = "wide") -> Figure:
    """Draw the map, with the shown method framed; if wide, each one's name at its lowest rate."""
    wide, (across, up), (_, share) = layout == "wide", data.axes, data.best
    fig = style.canvas(layout, 3.7)
    title = f"{data.method}: at best {style.percent(share)} of the answers"
    legend = f"Framed: {data.method}. Hatched: not run" + wide * ". Each diagonal is a method"
    if data.rank:
        title = f"Rank {data.rank}: " + ", ".join(
            f"{style.percent(data.spots[name][data.chosen[name]])} with {name}"
            for name in sorted(data.spots, key=lambda name: name != data.method))
        legend = f"Framed: {data.method}. Bold: lowest loss on dev" + wide * ". Hatched: not run"
    style.heading(fig, title, legend)
    ax = style.place(fig, 0.72, 0.85, style.WIDTH[layout] - 0.85, 2.1)
    apart = 1 if wide or len(across) <= MANY else 2
    score_map(ax, data.shares, [style.short(rate, 6) * (k % apart == 0)
                                for k, rate in enumerate(across)],
              [style.short(product) for product in up], middle=0.62 if wide else 0.5, low=LOW)
    hatch_empty(ax, data.shares)
    for product, row in data.joined.items():  # over the hatching
        for (rate, _), (after, _) in pairwise(row):
            ax.plot([across.index(rate) + 1, across.index(after)], [up.index(product) + 0.5] * 2,
                    color=style.MUTED, lw=1.2, solid_capstyle="butt")
    for rate, product in data.chosen.values():
        at = (across.index(rate) + 0.5, up.index(product) + (0.62 if wide else 0.5))
        next(text for text in ax.texts if text.get_position() == at).set(weight=700)
    for i, j in np.argwhere(data.shares < LOW):  # not white, which would look like a hole
        ax.add_artist(Rectangle((j, i), 1, 1, fc=style.FROZEN.tint, ec=style.PAPER, lw=1.2))
    for name, spots in data.spots.items() if wide else ():  # a narrow square has no room
        rate, product = min(spots)
        mine = name == data.method
        ax.text(across.index(rate) + 0.5, up.index(product) + 0.26, name, ha="center",
                va="center_baseline", size=style.SMALL, zorder=5,
                color=style.LORA.ink if mine else style.INK, weight=600 if mine else 400)
    for rate, product in data.spots[data.method]:
        frame(ax, up.index(product), across.index(rate))
    ax.tick_params(axis="x", labelsize=style.BASE if wide else style.SMALL)
    ax.set(xlabel="learning rate of A", ylabel="α × learning rate of B")
    return fig


def alt(data: TwoKnobs) -> str:
    """Return the frame in words."""
    (rate, product), share = data.best
    rows = "".join(f" In the row {up:g} A's rate of " + ", and ".join(
        f"{rate:g} has {style.percent(share)}" for rate, share in row) + "."
        for up, row in data.joined.items())
    rank = f" at rank {data.rank}" if data.rank else ""
    lowest = "".join(f" {name} has its lowest loss with A's rate at {spot[0]:g}: "
                     f"{style.percent(data.spots[name][spot])}."
                     for name, spot in data.chosen.items())
    return (f"A map of right answers{rank} over the learning rate of A and α times that of B. "
            f"{data.method} is best with A's rate at {rate:g} and α times B's rate at {product:g}: "
            f"{style.percent(share)}. The best square of all has "
            f"{style.percent(np.nanmax(data.shares))}." + lowest + rows)
