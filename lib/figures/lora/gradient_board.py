"""The backward pass of a LoRA layer as a board of numbers: who gets a gradient, and from what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import cells, dot, term, times
from lib.figures.kit.style import Layout
from lib.figures.lora.matrix_board import EXAMPLE, Example

CAPTION = "Go through the steps: the gradient reaches A only through B, and B only through A."

STEPS = {
    1: "dy: the gradient of each output",
    2: "g: α/r times dy reaches the adapter",
    3: "dB: g times what A made of x",
    4: "B takes g back to r numbers",
    5: "dA: the r numbers of step 4 times x",
}

#: An upstream gradient dL/dy that the pages use when they need one: (d_out,).
UPSTREAM = np.array([0.5, -1.0, 0.25, 0.2])

G, X_A, B_G = "$g^{\\rm T}$", "$z = x A^{\\rm T}$", "$B^{\\rm T} g^{\\rm T}$"


@dataclass(frozen=True)
class Gradients:
    """All numbers of the backward pass; ``g`` is dy times alpha / r, ``message`` is B^T g^T."""

    inputs: Example
    alpha: float
    dy: np.ndarray
    g: np.ndarray
    squeezed: np.ndarray
    dB: np.ndarray
    message: np.ndarray
    dA: np.ndarray

    @property
    def scale(self) -> float:
        """alpha / r."""
        return self.alpha / len(self.inputs.A)


def compute(dy: np.ndarray = UPSTREAM, alpha: float = 4.0, training: float = 1.0,
            example: Example = EXAMPLE) -> Gradients:
    """Work out dB = s dy^T (x A^T) and dA = s (B^T dy^T) x, with s = alpha / r.

    dy: (d_out,), dB: (d_out, r), dA: (r, d_in); the formulas of Hu et al. 2021's layer for one row.

    Raises:
        ValueError: ``dy`` has another shape than the layer's output, or ``training`` is not
            between 0 and 1.
    """
    dy = np.asarray(dy, dtype=float)
    if dy.shape != (len(example.W),):
        raise ValueError(f"dy has the shape {dy.shape}; allowed is ({len(example.W)},)")
    if not 0 <= training <= 1:
        raise ValueError(f"training is {training}; allowed are 0 to 1")
    now = Example(example.x, example.W, example.A, training * example.B)
    g = alpha / len(now.A) * dy
    squeezed, message = now.x @ now.A.T, now.B.T @ g
    return Gradients(now, alpha, dy, g, squeezed, np.outer(g, squeezed), message,
                     np.outer(message, now.x))


def _arrival(ax: Axes, data: Gradients, step: int, left: float, top: float,
             cell: tuple[float, float]) -> None:
    """W, which gets nothing; under it dy, and dy scaled."""
    cells(ax, left, top, data.inputs.W, style.FROZEN, cell, "$W$ frozen", lit=False)
    ax.text(left + 2 * cell[0], top + 4 * cell[1] + 0.05, "gets no gradient", ha="center",
            va="top", color=style.FROZEN.ink, size=style.BASE)
    low = top + 4 * cell[1] + 0.58
    factor = style.short(data.scale) if step >= 2 else "α/r"
    for k, (row, tone, name) in enumerate(((data.dy, style.DATA, "$dy$"),
                                           (data.g, style.LORA, f"$g$ = {factor} · $dy$"))):
        at = low + k * (cell[1] + 0.37)
        cells(ax, left, at, row, tone, cell, name, lit=step in (k + 1, 2), blank=step <= k,
              column=1)


def _down(ax: Axes, data: Gradients, step: int, left: float, top: float,
          cell: tuple[float, float], gap: float) -> None:
    """dB where the column g and the row x A^T meet."""
    low, right = top + cell[1] + gap, left + cell[0] + gap
    cells(ax, right, top, data.squeezed, style.LORA, cell, X_A, lit=step == 3, column=1)
    cells(ax, left, low, data.g[:, None], style.LORA, cell, G, lit=step == 3, blank=step < 2,
          row=1, side="below")
    cells(ax, right, low, data.dB, style.B, cell, "$dB$", lit=step == 3, blank=step < 3, row=1,
          column=1, side="below")


def _up(ax: Axes, data: Gradients, step: int, left: float, top: float,
        cell: tuple[float, float], gap: float) -> None:
    """B^T, the column g above its product, and dA where that product and the row x meet."""
    wide, high = cell
    low, middle = top + 4 * high + gap, left + 4 * wide + gap
    right = middle + wide + gap
    cells(ax, left, low, data.inputs.B.T, style.B, cell, "$B^{\\rm T}$", lit=step == 4, row=1)
    cells(ax, middle, top, data.g[:, None], style.LORA, cell, G, lit=step == 4, blank=step < 2,
          column=0)
    cells(ax, middle, low, data.message[:, None], style.LORA, cell, B_G, lit=step in (4, 5),
          blank=step < 4, row=1, side="below")
    cells(ax, right, low - high - gap, data.inputs.x, style.DATA, cell, "$x$", lit=step == 5,
          column=0)
    cells(ax, right, low, data.dA, style.A, cell, "$dA$", lit=step == 5, blank=step < 5, row=1,
          column=0, side="below")


def worked(data: Gradients, step: int) -> str:
    """Return the one number that the step picks out: which it is, and how it comes about."""
    s = style.short
    return {1: f"dy of the second output is {s(data.dy[1], 3)}",
            2: f"{s(data.alpha)} / {len(data.inputs.A)}  ·  {term(data.dy[1])}  =  "
               f"{s(data.g[1], 3)}",
            3: f"row 2, column 2:  {times(data.g[1], data.squeezed[1])}",
            4: dot(data.inputs.B[:, 1], data.g),
            5: f"row 2, column 1:  {times(data.message[1], data.inputs.x[0])}"}[step]


@style.styled
def draw(data: Gradients, step: int = 5, layout: Layout = "wide") -> Figure:
    """Draw the board with one of the five steps lit.

    Raises:
        ValueError: ``step`` is not 1 to 5.
    """
    if step not in STEPS:
        raise ValueError(f"step is {step}; allowed are 1 to {len(STEPS)}")
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9 if wide else 5.7)
    ax = style.board(fig)
    cell, gap = ((0.38, 0.29), 0.12) if wide else ((0.355, 0.255), 0.1)
    style.write(fig, 0.06, 0.05, f"{step}", style.MUTED, style.TITLE)
    style.write(fig, 0.27, 0.05, STEPS[step], size=style.TITLE, weight=600)
    style.write(fig, 0.27, 0.31, worked(data, step), style.MUTED)
    right, top = fig.get_size_inches()[0] - 0.06, 0.98 if wide else 0.88
    _arrival(ax, data, step, 0.06, top, cell)
    if wide:
        _down(ax, data, step, 2.06, top, cell, gap)
        _up(ax, data, step, right - 9 * cell[0] - 2 * gap, top, cell, gap)
    else:
        _down(ax, data, step, right - 3 * cell[0] - gap, top, cell, gap)
        _up(ax, data, step, right - 9 * cell[0] - 2 * gap, 3.7, cell, gap)
    return fig


def alt(data: Gradients, step: int) -> str:
    """Return the frame in words."""
    words = STEPS[step].replace("α", "alpha")
    still = "" if data.inputs.B.any() or step < 4 else \
        " B is zero, so A gets no gradient yet: only B moves in the first step."
    return f"Step {step} of 5: {words}; {worked(data, step)}. W gets no gradient.{still}"
