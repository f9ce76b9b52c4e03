"""One neuron for two tokens that stand together: a sum in the plane, and its ReLU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Follow Peru from left to right: the sum (dashed on the right) gives it \u22121, and "
           "the ReLU makes 0 of that. The other three keep their numbers.")

NAMES = ("Peru", "South Sudan", "North Korea", "South Korea")
POINTS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # a, b of each name


@dataclass(frozen=True)
class Neuron:
    """Each name's a and b, (4, 2), the sum a + b - 1, and its ReLU, each (4,)."""

    points: np.ndarray
    sums: np.ndarray
    active: np.ndarray


def compute() -> Neuron:
    """Send the four points through ReLU(a + b - 1)."""
    sums = POINTS.sum(1) - 1
    return Neuron(POINTS, sums, np.maximum(sums, 0))


def _signed(number: int) -> str:
    return f"{number}".replace("-", "\u2212")


def _dot(ax: Axes, at: tuple[float, float], full: bool) -> None:
    ax.plot(*at, "o", ms=10, mew=1.8, color=style.INK, zorder=4,
            mfc=style.INK if full else style.PAPER, clip_on=False)


def _plane(ax: Axes, data: Neuron) -> None:
    """The names as dots in the plane of a and b, each with its sum."""
    ax.fill([-0.3, 1.3, -0.3], [-0.3, -0.3, 1.3], color=style.FROZEN.tint, lw=0)
    for (a, b), name, total in zip(data.points.tolist(), NAMES, data.sums.tolist()):
        _dot(ax, (a, b), total > 0)
        ax.text(a + 0.04, b + 0.09, f"{name}: {_signed(total)}", va="bottom", size=style.SMALL)
    ax.set(xlim=(-0.3, 2.1), ylim=(-0.3, 1.4), xlabel="a: South", ylabel="b: Korea",
           title="The sum a + b \u2212 1")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 1], ["0", "1"])


def _bend(ax: Axes, data: Neuron) -> None:
    """What the ReLU makes of the sums: those that fall on one point stand beside each other."""
    ax.plot([-1.3, 0], [-1.3, 0], "--", color=style.FROZEN.mark, lw=1.4)
    ax.plot([-1.5, 0, 1.5], [0, 0, 1.5], color=style.ATTENTION(0.7), lw=2)
    for total, active in sorted({*zip(data.sums.tolist(), data.active.tolist())}):
        names = [name for name, its in zip(NAMES, data.sums.tolist()) if its == total]
        if total != active:
            ax.annotate("", (total, active - 0.1), (total, total), zorder=3, arrowprops={
                "arrowstyle": "-|>", "color": style.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0})
        _dot(ax, (total, active), active > 0)
        above = len(names) == 1
        ax.text(total + (-0.15 if above else 0.15), active + (0.16 if above else -0.16),
                "\n".join(names), ha="right" if total > 0 else "left" if not above else "center",
                va="bottom" if above else "top", size=style.SMALL, linespacing=1.2)
    ax.set(xlim=(-1.5, 1.6), ylim=(-1.3, 1.6), xlabel="a + b \u2212 1", ylabel="what comes out",
           title="Its ReLU")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([-1, 0, 1], ["\u22121", "0", "1"])
    ax.grid()


@style.styled
def draw(data: Neuron, layout: Layout = "wide") -> Figure:
    """Draw the sum in the plane of a and b, and beside or below it the bend of the ReLU."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.5 if wide else 6.0)
    style.heading(fig, "One neuron for a pair",
                  "Full dot: the pair. Grey: the sum is negative")
    places = ((0.55, 0.95, 2.95, 1.9), (4.45, 0.95, 2.55, 1.9)) if wide else \
        ((0.55, 0.95, 2.85, 1.8), (0.55, 3.55, 2.85, 1.8))
    left, right = (style.place(fig, *each) for each in places)
    _plane(left, data)
    _bend(right, data)
    return fig


def alt(data: Neuron) -> str:
    """Return the figure in words."""
    def each(values: np.ndarray) -> str:
        return ", ".join(f"{name} {_signed(value)}" for name, value in zip(NAMES, values.tolist()))
    return (f"In the plane of a and b the sum a + b \u2212 1 is: {each(data.sums)}. Its ReLU is: "
            f"{each(data.active)}.")
