"""How one number of an adapter reaches the outputs, and what its gradient is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Follow the coloured lines from left to right: the chosen number, and all outputs that "
           "it reaches.")


@dataclass(frozen=True)
class Pull:
    """One entry of A or B in a layer of one input.

    x (d_in,), z (r,), dy (d_out,): the layer's numbers; A (r, d_in), B (d_out, r); s: the factor;
    matrix: A or B; row, column: the entry, counted from 0.
    """

    x: np.ndarray
    z: np.ndarray
    dy: np.ndarray
    A: np.ndarray
    B: np.ndarray
    s: float
    matrix: str
    row: int
    column: int

    @property
    def name(self) -> str:
        """The entry's name, counted from 1: ``B22``."""
        return f"{self.matrix}{self.row + 1}{self.column + 1}"

    @property
    def gradient(self) -> float:
        """The loss's slope along the entry."""
        if self.matrix == "B":
            return float(self.dy[self.row] * self.s * self.z[self.column])
        return float(self.s * self.x[self.column] * (self.dy @ self.B[:, self.row]))

    @property
    def short(self) -> str:
        """The gradient in three digits."""
        return style.short(self.gradient, 3)

    @property
    def worked(self) -> str:
        """The sum of its gradient, written out."""
        if self.matrix == "B":
            parts = (self.dy[self.row], self.s, self.z[self.column])
            return " · ".join(_signed(part) for part in parts) + f" = {self.short}"
        terms = " + ".join(f"{_signed(miss)} · {_signed(weight)}"
                           for miss, weight in zip(self.dy, self.B[:, self.row]))
        return (f"{_signed(self.s)} · {_signed(self.x[self.column])} · ({terms}) = "
                f"{self.short}")


def _signed(number: float) -> str:
    """Three digits, and brackets around what is below zero."""
    text = style.short(float(number), 3)
    return f"({text})" if number < 0 else text


def compute(x: np.ndarray, A: np.ndarray, B: np.ndarray, dy: np.ndarray, s: float,
            number: str) -> Pull:
    """Choose a number by its name, such as B22.

    Raises:
        ValueError: there is no such number.
    """
    shapes = {"A": A.shape, "B": B.shape}
    names = {f"{each}{i + 1}{j + 1}": (each, i, j) for each, shape in shapes.items()
             for i, j in np.ndindex(*shape)}
    if number not in names:
        raise ValueError(f"number is {number!r}; allowed are {', '.join(names)}")
    return Pull(np.ravel(x), np.ravel(x @ A.T), np.ravel(dy), A, B, s, *names[number])


def _column(ax: Axes, x: float, heights: np.ndarray, values: np.ndarray, lit: set[int],
            tone: Tone, name: str) -> None:
    """A column of numbers in boxes, those that take part in colour."""
    ax.text(x, 0.12, name, ha="center", va="center", size=style.NAME, color=tone.ink)
    for k, (y, value) in enumerate(zip(heights, values)):
        on = k in lit
        ax.text(x, y, style.short(float(value), 3), ha="center", va="center", size=style.BASE,
                weight=600 if on else 400, color=tone.ink if on else style.MUTED, zorder=4,
                bbox={"boxstyle": "round,pad=0.35", "fc": tone.tint if on else style.PAPER,
                      "ec": tone.mark if on else style.RULE, "lw": 1.2 if on else style.HAIR})


def _line(ax: Axes, start: tuple[float, float], end: tuple[float, float], value: float, tone: Tone,
          chosen: str, lit: bool) -> None:
    """An entry of a matrix as a line from what it multiplies to what it adds to.

    The chosen one has its name on it, because its own value is no factor of its gradient.
    """
    ax.plot(*zip(start, end), color=tone.mark if lit else style.RULE, zorder=2 + lit,
            lw=2.6 if chosen else 1.3 if lit else style.HAIR)
    if lit:
        at = 0.62
        ax.text(start[0] + at * (end[0] - start[0]), start[1] + at * (end[1] - start[1]),
                chosen or style.short(float(value), 3), ha="center", va="center",
                size=style.SMALL, weight=600 if chosen else 400, color=tone.ink, zorder=3,
                bbox={"fc": style.PAPER, "ec": "none", "pad": 1.2})


@style.styled
def draw(data: Pull, layout: Layout = "wide") -> Figure:
    """Draw the numbers of the second path, and the lines on which the chosen one acts."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.7)
    reached = {data.row} if data.matrix == "B" else set(range(len(data.dy)))
    count = len(reached)
    style.heading(fig, f"{data.name} reaches {count} output{'s' if count > 1 else ''}: gradient "
                  f"{data.short}", data.worked if wide or data.matrix == "B" else
                  "Sum over all outputs of dy times B, times x and s")
    width = 7.0 if wide else 3.44
    ax = style.board(fig, style.MARGIN, 0.75, width, 2.85)
    left, middle, right = (0.1 * width, 0.48 * width, 0.88 * width)
    tall = {n: np.linspace(0.55, 2.6, n) if n > 2 else np.linspace(1.05, 2.1, n)
            for n in (len(data.x), len(data.z), len(data.dy))}
    xs, zs, ys = (tall[len(each)] for each in (data.x, data.z, data.dy))
    on = data.column if data.matrix == "B" else data.row
    for q, k in np.ndindex(*data.A.shape):
        chosen = data.matrix == "A" and (q, k) == (data.row, data.column)
        _line(ax, (left, xs[k]), (middle, zs[q]), data.A[q, k], style.A,
              data.name if chosen else "", chosen)
    for j, q in np.ndindex(*data.B.shape):
        lit = q == on and j in reached
        _line(ax, (middle, zs[q]), (right, ys[j]), data.B[j, q], style.B,
              data.name if lit and data.matrix == "B" else "", lit)
    _column(ax, left, xs, data.x, {data.column} if data.matrix == "A" else set(), style.DATA, "x")
    _column(ax, middle, zs, data.z, {on} if data.matrix == "B" else set(), style.LORA, "z")
    _column(ax, right, ys, data.dy, reached, style.DATA, "dy")
    for at, words, tone in (((left + middle) / 2, "A", style.A),
                            ((middle + right) / 2, f"B, times {style.short(data.s)}", style.B)):
        ax.text(at, 0.12, words, ha="center", va="center", size=style.NAME if wide else style.BASE,
                color=tone.ink)
    return fig


def alt(data: Pull) -> str:
    """Return the picture in words."""
    count = len(data.dy) if data.matrix == "A" else 1
    return (f"{data.name} reaches {count} output{'s' if count > 1 else ''}. Its gradient: "
            f"{data.worked}.")
