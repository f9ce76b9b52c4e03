"""Answers against facts: LoRA and its relatives, each at every learning rate that it was given."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("A line joins the rates of a method, two seeds each. Where lines meet, another rate "
           "makes up for another method.")
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


def _axes(fig: Figure, layout: Layout) -> Axes:
    size = (4.3, 3.0) if layout == "wide" else (2.9, 2.7)
    ax = style.place(fig, 0.55, 0.75, *size)
    ax.set(xlim=(LEFT, 100), ylim=(LOW, 95))
    return ax


@functools.cache
def _places(layout: Layout, lines: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...],
            ) -> dict[str, tuple[float, float]]:
    """Where the names stand, in shares of the axes: the same in all frames, so found once."""
    ax = _axes(style.canvas(layout, 5.4), layout)
    name_lines(ax, [Named(*_inside(np.array(points)).T, name, style.FROZEN)
                    for name, points in lines], style.SMALL)
    return {text.get_text(): text.get_position() for text in ax.texts}


def _mark(ax: Axes, points: np.ndarray, tone: style.Tone, size: float) -> None:
    style.seeds(ax, *_inside(points).T, style.MARKER["lora"], tone, size)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw every method's line in grey, the first one's in black, and the chosen one's on top."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.3 if wide else 5.4)
    style.heading(fig, f"{data.chosen}: {len(data.found[data.chosen])} learning rates",
                  f"Right and up is better. Black: {next(iter(data.found))}. Purple: chosen.")
    ax, first = _axes(fig, layout), next(iter(data.found))
    ax.set(xlabel="facts kept, per cent", ylabel="answers right, per cent")
    for name in sorted(data.found, key=lambda name: (name == data.chosen, name == first)):
        points, chosen = data.points(name), name == data.chosen
        tone = style.LORA if chosen else style.DATA if name == first else style.FROZEN
        ax.plot(*_inside(points).T, color=tone.mark, zorder=2 + chosen,
                lw=2.2 if chosen else 1.4 if name == first else 0.8)
        _mark(ax, points, tone, 7 if chosen else 4)
    for name, (x, y) in _places(layout, tuple(
            (name, tuple(map(tuple, data.points(name)))) for name in data.found)).items():
        tone = (style.LORA if name == data.chosen else style.DATA if name == first
                else style.FROZEN)
        ax.text(x, y, name, transform=ax.transAxes, size=style.SMALL, ha="center", va="center",
                color=tone.ink, weight=600, zorder=4,
                bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})
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
