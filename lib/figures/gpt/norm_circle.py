"""Layer norm on rows of three numbers: every row lands on one circle, gradients run along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.layers import LayerNorm

CAPTION = ("Black = (grey − dashed) / σ. A stretch changes the gradient and leaves the output on "
           "the circle, a shift moves only the bars of x.")

#: The plane of the rows whose mean is zero, seen along (1, 1, 1): two axes, (2, 3).
PLANE = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
#: A row of mean 0 and variance 1, and the gradient that comes back to its output.
ROW = np.sqrt(3) * np.array([np.cos(0.6), np.sin(0.6)]) @ PLANE
UPSTREAM = 0.4 + 0.7 * ROW + 1.5 * np.array([-np.sin(0.6), np.cos(0.6)]) @ PLANE
LIMIT = 6.2


@dataclass(frozen=True)
class Normed:
    """Rows and gradients, each (3,): ``x`` goes in, ``x_hat`` comes out, ``dx`` goes back."""

    stretch: float
    shift: float
    x: np.ndarray
    x_hat: np.ndarray
    upstream: np.ndarray
    along: np.ndarray
    dx: np.ndarray

    @property
    def length(self) -> float:
        """Length of the gradient that reaches the row."""
        return float(np.linalg.norm(self.dx))


def compute(stretch: float = 1.0, shift: float = 0.0) -> Normed:
    """Normalise ``shift + stretch * ROW`` with the library's layer, forward and back.

    Raises:
        ValueError: ``stretch`` is not above 0: the row would have no direction.
    """
    if stretch <= 0:
        raise ValueError(f"stretch is {stretch}, it must be above 0")
    x = shift + stretch * ROW
    layer = LayerNorm(3, np.float64)
    x_hat = layer.forward(x[None])[0]
    return Normed(stretch, shift, x, x_hat, UPSTREAM, x_hat * (UPSTREAM @ x_hat) / 3,
                  layer.backward(UPSTREAM[None])[0])


def _arrow(ax: Axes, start: np.ndarray, change: np.ndarray, colour: str, width: float,
           dash: str = "-") -> None:
    ax.annotate("", start + change, start, zorder=4, arrowprops={
        "arrowstyle": "-|>", "color": colour, "lw": width, "ls": dash, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 10})


def _plane(ax: Axes, data: Normed) -> None:
    """The circle of all outputs, the row, and the gradients at both."""
    out, row, centre = PLANE @ data.x_hat, PLANE @ data.x, np.zeros(2)
    upstream, along, dx = (PLANE @ each for each in (data.upstream, data.along, data.dx))
    far = LIMIT * out / np.linalg.norm(out)
    ax.plot(*zip(centre, 0.97 * far), color=style.RULE, lw=style.THIN, zorder=1)
    ax.add_artist(Circle(centre, np.sqrt(3), fc="none", ec=style.FROZEN.mark, lw=1.4, zorder=2))
    ax.plot(0, 0, "+", color=style.FROZEN.mark, ms=7, zorder=2)
    _arrow(ax, out, upstream, style.FROZEN.mark, 1.3)
    _arrow(ax, out, along, style.FROZEN.mark, 1.3, "--")
    _arrow(ax, row, dx, style.INK, 2.0)
    ax.plot(*out, "o", color=style.PAPER, mec=style.FROZEN.ink, ms=13, mew=1.6, zorder=5)
    ax.plot(*row, "o", color=style.INK, ms=7, zorder=6)
    ax.text(0, -0.3, "all outputs lie\non this circle\n(γ = 1, β = 0)", ha="center", va="top",
            color=style.MUTED, size=style.SMALL)
    ax.text(LIMIT, -1.9, "plane of vectors with mean 0", ha="right", color=style.MUTED,
            size=style.SMALL)
    style.bare(ax).set(xlim=(-2.2, LIMIT), ylim=(-2.2, LIMIT - 1.4), aspect="equal")


def _bars(ax: Axes, values: np.ndarray, title: str, colour: str) -> None:
    """The three numbers of a row."""
    ax.axhline(0, color=style.RULE, lw=style.THIN)
    ax.bar(range(3), values, 0.55, color=colour)
    ax.set(ylim=(-8, 8), xlim=(-0.6, 2.6), yticks=[-5, 0, 5])
    ax.set_xticks(range(3), ["1st", "2nd", "3rd"])
    ax.set_yticks([-5, 0, 5], ["\u22125", "0", "5"])
    ax.tick_params(length=0)
    ax.spines["bottom"].set_visible(False)
    ax.set_title(title)
    ax.grid(axis="y")


@style.styled
def draw(data: Normed, layout: Layout = "wide") -> Figure:
    """Draw the plane of centred rows, and the row's numbers before and after."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.1 if wide else 5.6)
    style.heading(fig, f"Vector × {data.stretch:g}, shifted by {style.short(data.shift)}",
                  f"Gradient that reaches it: length {data.length:.2f}")
    side = 3.2 if wide else 3.0
    _plane(style.place(fig, 0.1 if wide else 0.3, 0.62, side, side * 7 / 8.4), data)
    keys = ((style.INK, "o", "vector x, and the gradient dx that reaches it"),
            (style.FROZEN.ink, "o", "output, and the gradient that arrives there"),
            (style.FROZEN.ink, "--", "its part along the output, which is removed"))
    left, top = (0.2, 3.36) if wide else (0.2, 3.18)
    ax = style.board(fig, left, top, 3.3, 0.68)
    for k, (colour, mark, words) in enumerate(keys):
        hollow = {"mfc": style.PAPER, "mew": 1.6} if k == 1 else {}
        ax.plot([0.02, 0.2] if mark == "--" else 0.11, [0.11 + 0.22 * k] * (1 + (mark == "--")),
                mark, color=colour, ms=7, lw=1.3, **hollow)
        ax.text(0.32, 0.11 + 0.22 * k, words, va="center_baseline", size=style.SMALL)
    places = ((3.95, 0.98, 3.0, 1.1), (3.95, 2.6, 3.0, 1.1)) if wide else \
        ((0.35, 4.28, 1.35, 0.95), (2.1, 4.28, 1.35, 0.95))
    _bars(style.place(fig, *places[0]), data.x, "vector x", style.INK)
    _bars(style.place(fig, *places[1]), data.x_hat, "output", style.FROZEN.mark)
    return fig


def alt(data: Normed) -> str:
    """Return the frame in words."""
    def numbers(row: np.ndarray) -> str:
        return ", ".join(style.short(value) for value in row)
    return (f"Vector × {data.stretch:g}, shifted by {style.short(data.shift)}: "
            f"({numbers(data.x)}) becomes ({numbers(data.x_hat)}), on the circle of radius 1.73. "
            f"The gradient that reaches the vector runs parallel to the circle and is "
            f"{data.length:.2f} long; for the vector × 1 it is {compute().length:.2f}.")
