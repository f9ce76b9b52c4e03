"""Rotary positions in one pair of dimensions: query and key rotate, their product stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "Move the query and hold the distance: both arrows rotate, and their product stays."

FARTHEST = 20  # distance up to which the product is drawn, where no other is given


@dataclass(frozen=True)
class Turned:
    """q, k: (2,), as they are; q_turned, k_turned: (2,), at their positions; frequency in rad;
    farthest: the distance, in tokens, up to which the product is drawn.
    """

    q: np.ndarray
    k: np.ndarray
    query_at: int
    distance: int
    frequency: float
    q_turned: np.ndarray
    k_turned: np.ndarray
    farthest: int = FARTHEST

    @property
    def product(self) -> float:
        """The product of both after turning."""
        return float(self.q_turned @ self.k_turned)


def _turn(pair: np.ndarray, angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ pair


def compute(q: np.ndarray, k: np.ndarray, query_at: int, distance: int,
            frequency: float, farthest: int = FARTHEST) -> Turned:
    """Turn a query at ``query_at`` and a key ``distance`` places before it.

    Su et al. 2021, section 3.2.1.

    Raises:
        ValueError: the distance is not 0 to ``farthest``.
    """
    if not 0 <= distance <= farthest:
        raise ValueError(f"distance is {distance}; allowed are 0 to {farthest}")
    return Turned(q, k, query_at, distance, frequency, _turn(q, query_at * frequency),
                  _turn(k, (query_at - distance) * frequency), farthest)


def _arrow(ax: Axes, tip: np.ndarray, tone: Tone, lit: bool) -> None:
    ax.annotate("", tip, (0, 0), zorder=3 if lit else 2,
                arrowprops={"arrowstyle": "-|>", "lw": 2.2 if lit else 1.2, "shrinkA": 0,
                            "shrinkB": 0, "color": tone.mark if lit else style.RULE,
                            "mutation_scale": 14 if lit else 9, "ls": "-"})


def _name(ax: Axes, tip: np.ndarray, side: float, tone: Tone, name: str) -> None:
    """Write a name beyond an arrow's tip, to its left (1) or right (-1), away from the other."""
    along = tip / np.linalg.norm(tip)
    ax.text(*(tip + 0.1 * along + 0.12 * side * _turn(along, np.pi / 2)), name, ha="center",
            va="center", color=tone.ink, weight=600, zorder=4, size=style.LARGE)


def _circle(ax: Axes, data: Turned) -> None:
    """Both arrows before (thin) and after turning, with the angle between them."""
    style.bare(ax)
    ax.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
    around = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(around), np.sin(around), color=style.RULE, lw=style.THIN, zorder=1)
    ends = [np.arctan2(*each[::-1]) for each in (data.k_turned, data.q_turned)]
    between = ends[0] + np.linspace(0, (ends[1] - ends[0] + np.pi) % (2 * np.pi) - np.pi, 40)
    ax.plot(0.3 * np.cos(between), 0.3 * np.sin(between), color=style.INK, lw=1.4, zorder=3)
    for tip, tone, name in ((data.q, style.DATA, "q"), (data.k, style.FROZEN, "k")):
        _arrow(ax, tip, tone, False)
        along = tip / np.linalg.norm(tip)
        if all(along @ each < 0.7 * np.linalg.norm(each)
               for each in (data.q_turned, data.k_turned)):  # no other name stands there
            ax.text(*(tip + 0.14 * along), name, color=style.MUTED, size=style.SMALL, ha="center",
                    va="center", zorder=4)
    left = 1.0 if np.sin(ends[1] - ends[0]) >= 0 else -1.0
    for tip, side, tone, name in ((data.k_turned, -left, style.FROZEN, "k"),
                                  (data.q_turned, left, style.DATA, "q")):
        _arrow(ax, tip, tone, True)
        _name(ax, tip, side, tone, name)


def _curve(ax: Axes, data: Turned) -> None:
    """The product over the distance: a wave that does not know where the query stands."""
    far = np.linspace(0, data.farthest, 200)
    values = [data.q @ _turn(data.k, -each * data.frequency) for each in far]
    most = np.linalg.norm(data.q) * np.linalg.norm(data.k)
    ax.axhline(0, color=style.RULE, lw=style.THIN)
    ax.axvline(data.distance, color=style.FROZEN.mark, lw=style.THIN)
    ax.plot(far, values, color=style.DATA.mark)
    style.point(ax, data.distance, data.product, "o", style.DATA, 7)
    ax.set(xlim=(0, data.farthest), ylim=(-1.15 * most, 1.15 * most),
           xticks=range(0, data.farthest + 1, 5), yticks=[-0.5, 0, 0.5],
           xlabel="distance from the key to the query, in tokens",
           title="Product q \u00b7 k after the rotation")
    ax.grid(axis="y")


@style.styled
def draw(data: Turned, layout: Layout = "wide") -> Figure:
    """Draw the turned pair in the plane, and its product on the curve over the distance."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.35 if wide else 4.75)
    style.heading(fig, f"Query at {data.query_at}, key at {data.query_at - data.distance}",
                  f"Product {data.product:.2f} at distance {data.distance}. "
                  "Pale: before the rotation")
    if wide:
        _circle(style.place(fig, 0.1, 0.66, 2.6, 2.6), data)
        _curve(style.place(fig, 3.4, 1.0, 3.6, 1.7), data)
    else:
        _circle(style.place(fig, 0.6, 0.6, 2.4, 2.4), data)
        _curve(style.place(fig, 0.5, 3.3, 2.95, 0.95), data)
    return fig


def alt(data: Turned) -> str:
    """Return the frame in words."""
    return (f"Query at position {data.query_at}, key at {data.query_at - data.distance}: both "
            f"arrows are rotated, the query by {data.query_at * data.frequency:.2f} rad. Their "
            f"product is {data.product:.2f}, as it is wherever the distance is {data.distance}.")
