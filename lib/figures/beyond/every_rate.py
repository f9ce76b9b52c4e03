"""Answers against facts: LoRA and its relatives, each at every learning rate that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("A line joins a method's rates, and a dot is a rate of another one, two seeds each. "
           "Where lines meet, another rate makes up for another method.")
LEFT, LOW = 65, 55  # per cent of the facts, and of the answers, where the axes begin


@dataclass(frozen=True)
class Rates:
    """By method and rate, the shares of answers right and of facts kept; one is chosen."""

    found: dict[str, dict[float, tuple[float, float]]]
    chosen: str

    def points(self, name: str) -> np.ndarray:
        """(rates, 2): facts kept and answers right, in per cent, from the lowest rate on."""
        mine = self.found[name]
        return np.array([(100 * mine[rate][1], 100 * mine[rate][0]) for rate in sorted(mine)])

    def outside(self, name: str) -> tuple[int, int]:
        """How many rates a method has, and how many of them the axes don't show."""
        points = self.points(name)
        return len(points), len(points) - len(_inside(points))


def compute(found: Mapping[str, Mapping[float, tuple[float, float]]], method: str) -> Rates:
    """Choose a method; all of them are drawn.

    Raises:
        ValueError: there are no results of this method.
    """
    if method not in found:
        raise ValueError(f"there are no results of {method!r}; there are {', '.join(found)}")
    return Rates({name: dict(each) for name, each in found.items()}, method)


def _board(fig: Figure, left: float, top: float, data: Rates) -> None:
    """The numbers of the chosen method, from the lowest rate on."""
    ax = style.card(fig, left, top, 2.05, 1.35)
    for column, words in zip((0.75, 1.35, 1.95), ("rate", "right", "kept"), strict=True):
        ax.text(column, 0.17, words, ha="right", va="center_baseline", color=style.MUTED,
                size=style.SMALL)
    for row, (rate, point) in enumerate(zip(sorted(data.found[data.chosen]),
                                            data.points(data.chosen), strict=True)):
        for column, words in zip((0.75, 1.35, 1.95), (f"{rate:g}", *(
                f"{each:.0f}%" for each in point[::-1])), strict=True):
            ax.text(column, 0.43 + 0.24 * row, words, ha="right", va="center_baseline",
                    color=style.LORA.ink, weight=600)


def _inside(points: np.ndarray) -> np.ndarray:
    """Those of the points that the axes show."""
    return points[(points[:, 0] >= LEFT) & (points[:, 1] >= LOW)]


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw the chosen method's line and the first one's, and every other rate as a grey dot."""
    wide, first = layout == "wide", next(iter(data.found))
    fig = style.canvas(layout, 4.3 if wide else 5.4)
    rates, outside = data.outside(data.chosen)
    dots, away = np.sum([data.outside(name) for name in data.found
                         if name not in (first, data.chosen)] or [(0, 0)], 0)
    style.heading(fig, f"{data.chosen}: {rates} rates" + f", {outside} outside" * (outside > 0),
                  "Right and up is better. " * wide + f"Thicker: {first}. Dots: others"
                  + (f", {away} of {dots} outside." if away else "."))
    ax = style.place(fig, 0.55, 0.75, *((4.3, 3.0) if wide else (2.9, 2.7)))
    ax.set(xlim=(LEFT, 100), ylim=(LOW, 95), xlabel="facts kept, per cent",
           ylabel="answers right, per cent")
    lines = []
    for name in sorted(data.found, key=lambda name: (name == first, name == data.chosen)):
        points = _inside(data.points(name))
        if name not in (first, data.chosen):
            style.seeds(ax, *points.T, "o", style.FROZEN, 4)
            continue
        tone = style.LORA if name == data.chosen else style.DATA
        ax.plot(*points.T, color=tone.mark, lw=3.0 if name == first else 1.5, zorder=3)
        style.seeds(ax, *points.T, style.MARKER["lora"], tone, 7)
        lines.append(Named(*points.T, name, tone))
    ax.grid()
    name_lines(ax, lines)
    _board(fig, *((5.05, 0.85) if wide else (0.55, 3.95)), data)
    return fig


def alt(data: Rates) -> str:
    """Return the frame in words."""
    (rates, outside), first = data.outside(data.chosen), next(iter(data.found))
    every, away = np.sum([data.outside(name) for name in data.found], 0)
    return (f"{data.chosen}, answers right and facts kept by learning rate: " + "; ".join(
        f"{rate:g}, {right:.0f}% and {kept:.0f}%" for rate, (kept, right) in zip(
            sorted(data.found[data.chosen]), data.points(data.chosen), strict=True))
        + f". Beside it {first}'s line. Outside of the picture lie {outside} of these {rates} "
          f"points, and {away} of all {every}.")
