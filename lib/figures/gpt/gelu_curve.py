"""GELU beside ReLU, and its slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.layers import gelu_with_slope

CAPTION = ("Compare the two at zero: ReLU has a corner and its slope jumps, GELU bends and its "
           "slope does not.")


@dataclass(frozen=True)
class Curve:
    """Inputs, outputs and slopes, each (points,)."""

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray


def compute() -> Curve:
    """Ask the library for value and slope between -4 and 4."""
    x = np.linspace(-4, 4, 801)
    return Curve(x, *gelu_with_slope(x))


def _axis(ax: Axes, title: str, low: float, high: float) -> None:
    ax.set(xlim=(-4, 4), ylim=(low, high), xticks=[-4, -2, 0, 2, 4], xlabel="input x", title=title)
    ax.set_xticks([-4, -2, 0, 2, 4], ["\u22124", "\u22122", "0", "2", "4"])
    ax.grid(axis="y")


@style.styled
def draw(data: Curve, layout: Layout = "wide") -> Figure:
    """Draw the output, ReLU's in grey under it, and the slopes of both."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.9 if wide else 4.6)
    style.heading(fig, "GELU is a rounded ReLU", "Black: GELU. Grey: ReLU")
    places = ((0.3, 0.95, 3.0, 1.4), (4.0, 0.95, 3.0, 1.4)) if wide else \
        ((0.45, 0.95, 3.0, 1.1), (0.45, 2.85, 3.0, 1.1))
    value, slope = (style.place(fig, *each) for each in places)
    value.plot(data.x, np.maximum(data.x, 0), color=style.FROZEN.mark)
    value.plot(data.x, data.y, color=style.INK)
    _axis(value, "What comes out", -0.5, 4.1)
    slope.plot([-4, 0, 0, 4], [0, 0, 1, 1], color=style.FROZEN.mark)
    slope.plot(data.x, data.slope, color=style.INK)
    _axis(slope, "Its slope", -0.25, 1.25)
    value.set_yticks([0, 2, 4])
    slope.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    return fig


def alt(data: Curve) -> str:
    """Return the figure in words."""
    low, steep = data.y.argmin(), data.slope.argmax()
    return (f"GELU is near 0 for very negative inputs and near its input for large ones, with a "
            f"dip to {style.short(data.y[low])} at {style.short(data.x[low])} between. Its slope "
            f"has no jump: from 0 it falls to {style.short(data.slope.min())}, rises to "
            f"{style.short(data.slope[steep])} at {style.short(data.x[steep])} and ends at 1.")
