"""How many steps each learning rate takes down to one loss, and the old facts that it keeps there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout
from lib.figures.lora.tradeoff import METHODS, facts_axis

CAPTION = ("Follow a line from its upper right end: each next mark has a higher rate. "
           "A pale mark needs more steps than a lower rate, and keeps less.")
TICKS = (0, 50, 100, 150)
BELOW = 0.05  #: a mark with fewer facts has its rate below it
ROOM = 1.12  #: of the most steps, to the right end of the axis
PALE = 0.4  #: how much is seen of a line beyond the front


@dataclass(frozen=True)
class Ways:
    """By method the rates, rising, that come down to the ``level``: (rates, 3), each with its rate,
    its steps to that loss and the facts kept there; ``base`` and ``blind`` are what the base model
    and a blind guess have.
    """

    ways: dict[str, np.ndarray]
    level: float
    base: float
    blind: float

    @property
    def title(self) -> str:
        """The loss down to which each mark has come."""
        return f"Down to {self.level:.2f} nats on recipes"

    def front(self, method: str) -> np.ndarray:
        """Which rates no lower one beats in both, fewer steps and more facts: (rates,)."""
        way = self.ways[method]
        return np.array([not any(lower[1] < each[1] and lower[2] > each[2] for lower in way[:at])
                         for at, each in enumerate(way)])


def compute(ways: Mapping[str, Mapping[float, tuple[float, float]]], level: float, base: float,
            blind: float) -> Ways:
    """Take for each method, by rate, the steps and the facts kept, nan where it never comes down.

    Raises:
        ValueError: a method has no rate that comes down to the level.
    """
    found = {}
    for method in METHODS:
        there = [(rate, *way) for rate, way in sorted(ways.get(method, {}).items())
                 if not np.isnan(way).any()]
        if not there:
            raise ValueError(f"no rate of {method!r} comes down to {level:.3g} nats")
        found[method] = np.array(there, float)
    return Ways(found, level, base, blind)


def _beside(way: np.ndarray, at: int, blind: float) -> tuple[float, float, str, str]:
    """Where a rate stands beside its mark, in points, and how it is aligned."""
    if way[at, 2] < BELOW:
        return 0, -6, "center", "top"
    if at == 0:  # the upper right end: nothing is below it
        return 3, -6, "center", "top"
    return -6, 5 if way[at, 2] > blind else -6, "right", "center"  # not on the blind guess


def _plot(ax: Axes, data: Ways) -> None:
    facts_axis(ax, data.base, data.blind)
    most = max(way[:, 1].max() for way in data.ways.values())
    ax.set(xlim=(0, ROOM * most), ylim=(-0.16, 1.24),
           xlabel=f"steps down to {data.level:.2f} nats")
    ax.set_xticks([tick for tick in TICKS if tick < ROOM * most])
    for method, way in data.ways.items():
        name, tone = METHODS[method]
        dash, front = "-" if method == "full" else (0, (5, 2)), data.front(method)
        for at in range(1, len(way)):  # a piece is pale where it leads off the front
            ax.plot(way[at - 1:at + 1, 1], way[at - 1:at + 1, 2], color=tone.mark, lw=1.6,
                    zorder=2, ls=dash, alpha=1 if front[at] else PALE)
        for at, (rate, steps, kept) in enumerate(way):
            ax.plot(steps, kept, style.MARKER[method], color=tone.mark if front[at] else tone.tint,
                    ms=7, mec=style.PAPER if front[at] else tone.mark, mew=0.8, zorder=4,
                    clip_on=False)
            *shift, across, up = _beside(way, at, data.blind)
            ax.annotate(f"{rate:g}", (steps, kept), shift, textcoords="offset points", ha=across,
                        va=up, color=tone.ink, size=style.SMALL, zorder=5)
        first = way[:2, 1:].mean(0) if len(way) > 1 else way[0, 1:]
        ax.annotate(name, first, (-4, 5), textcoords="offset points", ha="right", va="bottom",
                    color=tone.ink, weight=600, zorder=5)
    better(ax, "top left", 0.05, 0.93)


@style.styled
def draw(data: Ways, layout: Layout = "wide") -> Figure:
    """Draw a line for each method, with a mark for each rate that comes down, pale off the front.
    """
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9)
    style.heading(fig, data.title, "Facts kept there, by the steps that it took. "
                  "Beside each mark: the learning rate" if wide
                  else "Beside each mark: the learning rate")
    _plot(style.place(fig, 0.72, 0.62, style.WIDTH[layout] - 0.86, 2.7), data)
    return fig


def alt(data: Ways) -> str:
    """Return the picture in words."""
    said = (f"{METHODS[method][0]} " + ", ".join(
        f"at {rate:g}{'' if best else ' (pale)'} takes {steps:.0f} steps and keeps "
        f"{style.percent(kept)}" for (rate, steps, kept), best in zip(way, data.front(method)))
        for method, way in data.ways.items())
    return f"{data.title}: {'; '.join(said)} of the facts."
