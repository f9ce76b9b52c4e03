"""Exclusive or: four points that no line separates, and the same after two ReLUs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Try to draw a line with the two full dots on one side and the two open ones on the "
           "other: on the left there is none.")

NAMES = ("Peru", "New Zealand", "Guinea", "Papua New Guinea")
POINTS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # a, b of each name


@dataclass(frozen=True)
class Bent:
    """Each name's two numbers, and what the two ReLUs make of them, each (4, 2); ``wanted`` is
    whether exactly one of the two numbers is 1."""

    before: np.ndarray
    after: np.ndarray
    wanted: np.ndarray


def compute() -> Bent:
    """Send the four points through ReLU(a - b) and ReLU(b - a)."""
    return Bent(POINTS, np.maximum(POINTS @ np.array([[1, -1], [-1, 1]]), 0), POINTS.sum(1) == 1)


def _plane(ax: Axes, points: np.ndarray, wanted: np.ndarray, axes: tuple[str, str],
           title: str) -> None:
    """The names as dots; those that fall on one point stand under each other."""
    for place in sorted({tuple(point) for point in points.tolist()}):
        here = [k for k, point in enumerate(points.tolist()) if tuple(point) == place]
        ax.plot(*place, "o", ms=10, mew=1.8, color=style.INK, zorder=4,
                mfc=style.INK if wanted[here[0]] else style.PAPER)
        ax.text(place[0] - 0.06, place[1] - 0.15, "\n".join(NAMES[k] for k in here), va="top",
                size=style.SMALL, linespacing=1.2)
    ax.set(xlim=(-0.25, 1.85), ylim=(-0.65, 1.2), xlabel=axes[0], ylabel=axes[1], title=title)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 1], ["0", "1"])


@style.styled
def draw(data: Bent, layout: Layout = "wide") -> Figure:
    """Draw the names in the plane of a and b, and in that of the two ReLUs with a line."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.6)
    style.heading(fig, "Two ReLUs bend the plane",
                  "Full dots: exactly one of a and b is 1")
    places = ((0.55, 0.95, 2.75, 1.75), (4.25, 0.95, 2.75, 1.75)) if wide else \
        ((0.55, 0.95, 2.8, 1.65), (0.55, 3.35, 2.8, 1.65))
    left, right = (style.place(fig, *each) for each in places)
    _plane(left, data.before, data.wanted, ("a: New", "b: Guinea"), "No line separates them")
    _plane(right, data.after, data.wanted, ("ReLU(a \u2212 b)", "ReLU(b \u2212 a)"),
           "One line does")
    right.plot([-0.2, 0.6], [0.7, -0.1], "--", color=style.ATTENTION(0.7), lw=1.6)
    return fig


def alt(data: Bent) -> str:
    """Return the figure in words."""
    def places(points: np.ndarray) -> str:
        return ", ".join(f"{name} at ({x}, {y})" for name, (x, y) in zip(NAMES, points.tolist()))
    full = " and ".join(name for name, one in zip(NAMES, data.wanted) if one)
    return (f"In the plane of a and b: {places(data.before)}; no straight line separates {full} "
            f"from the others. After the two ReLUs: {places(data.after)}; a line does.")
