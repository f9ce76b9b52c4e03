"""Answers against facts: LoRA and its relatives, each at every learning rate that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("A line joins a method's four rates. Where two lines cross or lie on each other, a rate "
           "makes up for the method.")
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


def _mark(ax: Axes, points: np.ndarray, tone: style.Tone, size: float) -> None:
    style.seeds(ax, *_inside(points).T, style.MARKER["lora"], tone, size)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw every method's line in grey, the first one's in black, and the chosen one's on top."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.3 if wide else 5.4)
    style.heading(fig, f"{data.chosen}: {len(data.found[data.chosen])} learning rates",
                  f"Right and up is better. Black: {next(iter(data.found))}. Purple: chosen.")
    ax = style.place(fig, 0.55, 0.75, 4.3 if wide else 2.9, 3.0 if wide else 2.7)
    ax.set(xlim=(LEFT, 100), ylim=(LOW, 95), xlabel="facts kept, per cent",
           ylabel="answers right, per cent")
    first, lines = next(iter(data.found)), []
    for name in sorted(data.found, key=lambda name: (name == data.chosen, name == first)):
        points, chosen = data.points(name), name == data.chosen
        tone = style.LORA if chosen else style.DATA if name == first else style.FROZEN
        ax.plot(*_inside(points).T, color=tone.mark, zorder=2 + chosen,
                lw=2.2 if chosen else 1.4 if name == first else 0.8)
        _mark(ax, points, tone, 7 if chosen else 4)
    for name in data.found:  # in one order, so that no name moves
        tone = (style.LORA if name == data.chosen else style.DATA if name == first
                else style.FROZEN)
        lines.append(Named(*_inside(data.points(name)).T, name, tone))
    name_lines(ax, lines, style.SMALL)
    ax.grid()
    _board(fig, *((5.05, 0.85) if wide else (0.55, 3.95)), data)
    return fig


def _inside(points: np.ndarray) -> np.ndarray:
    """Those of the points that the axes show."""
    return points[(points[:, 0] >= LEFT) & (points[:, 1] >= LOW)]


def alt(data: Rates) -> str:
    """Return the frame in words."""
    return (f"{data.chosen}, answers right and facts kept by learning rate: " + "; ".join(
        f"{rate:g}, {right:.0f}% and {kept:.0f}%" for rate, (kept, right) in zip(
            sorted(data.found[data.chosen]), data.points(data.chosen), strict=True))
        + f". The lines of {len(data.found)} methods are drawn.")
