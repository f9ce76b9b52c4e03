"""A LoRA layer as a board of numbers, one step of the product at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import cells, dot, term
from lib.figures.kit.style import Layout

CAPTION = "Go through the steps: the input takes two paths, and their results are added."

FOLLOWED = 1  # the output whose sums are written out: the second

STEPS = {
    1: "The frozen layer answers",
    2: "A squeezes four numbers into two",
    3: "B spreads the two over four",
    4: "α/r scales the answer of the pair A, B",
    5: "The two paths are added",
}

X_W, X_A, X_A_B = "$x W^{\\rm T}$", "$z = x A^{\\rm T}$", "$z B^{\\rm T}$"


@dataclass(frozen=True)
class Example:
    """The inputs: x (d_in,), W (d_out, d_in), A (r, d_in) and the trained B (d_out, r)."""

    x: np.ndarray
    W: np.ndarray
    A: np.ndarray
    B: np.ndarray


EXAMPLE = Example(
    x=np.array([1.0, 0.5, -0.5, 0.2]),
    W=np.array([[0.5, 0.2, -0.1, 0.3], [0.1, 0.4, 0.2, -0.2],
                [-0.3, 0.1, 0.5, 0.1], [0.2, -0.1, 0.3, 0.4]]),
    A=np.array([[0.1, -0.1, 0.2, 0.15], [0.05, 0.12, -0.08, 0.1]]),
    B=np.array([[0.3, -0.1], [0.2, 0.4], [-0.1, 0.2], [0.15, 0.1]]),
)


@dataclass(frozen=True)
class Board:
    """All numbers of the forward pass; the products have one row."""

    inputs: Example
    alpha: float
    frozen: np.ndarray
    squeezed: np.ndarray
    update: np.ndarray
    scaled: np.ndarray
    y: np.ndarray

    @property
    def rank(self) -> int:
        """The number of rows of A."""
        return len(self.inputs.A)


def compute(alpha: float = 4.0, training: float = 1.0, example: Example = EXAMPLE) -> Board:
    """Work out y = x W^T + (alpha / r) x A^T B^T (Hu et al. 2021, section 4.1, for rows).

    ``training`` moves B from its start, zero, at 0 to its trained numbers at 1.

    Raises:
        ValueError: ``training`` is not between 0 and 1.
    """
    if not 0 <= training <= 1:
        raise ValueError(f"training is {training}; allowed are 0 to 1")
    now = Example(example.x, example.W, example.A, training * example.B)
    frozen, squeezed = now.x @ now.W.T, now.x @ now.A.T
    update = squeezed @ now.B.T
    scaled = alpha / len(now.A) * update
    return Board(now, alpha, frozen, squeezed, update, scaled, frozen + scaled)


def _frozen_path(ax: Axes, data: Board, step: int, left: float, top: float,
                 cell: tuple[float, float], gap: float) -> None:
    """x beside, and W transposed above, their product."""
    low, now, seen = top + 4 * cell[1] + gap, step == 1, step in (1, 5)
    cells(ax, left, low, data.inputs.x, style.DATA, cell, "$x$", lit=now, row=0)
    left += 4 * cell[0] + gap
    cells(ax, left, top, data.inputs.W.T, style.FROZEN, cell, "$W^{\\rm T}$ frozen", lit=now,
          column=FOLLOWED)
    cells(ax, left, low, data.frozen, style.FROZEN, cell, X_W, lit=seen, column=FOLLOWED,
          side="below")


def _adapter_path(ax: Axes, data: Board, step: int, left: float, top: float,
                  cell: tuple[float, float], gap: float) -> None:
    """x, A transposed, B transposed: each product stands under its right factor."""
    wide, high = cell
    low = top + 4 * high + gap
    cells(ax, left, low, data.inputs.x, style.DATA, cell, "$x$", lit=step == 2, row=0)
    left += 4 * wide + gap
    cells(ax, left, top, data.inputs.A.T, style.A, cell, "$A^{\\rm T}$", lit=step == 2, column=1)
    cells(ax, left, low, data.squeezed, style.LORA, cell, X_A, lit=step in (2, 3), blank=step < 2,
          side="below", column=1 if step == 2 else None, row=0 if step == 3 else None)
    left += 2 * wide + gap
    cells(ax, left, top + 2 * high, data.inputs.B.T, style.B, cell, "$B^{\\rm T}$",
          lit=step == 3, column=FOLLOWED)
    cells(ax, left, low, data.update, style.LORA, cell, X_A_B, lit=step in (3, 4),
          blank=step < 3, side="below", column=FOLLOWED)


def _sum(ax: Axes, data: Board, step: int, left: float, top: float, cell: tuple[float, float],
         whole: bool) -> float:
    """Add the paths as on paper, with the first line again if ``whole``; return where BA joins."""
    factor = style.short(data.alpha / data.rank) if step >= 4 else "α/r"
    lines = [(X_W, data.frozen, style.FROZEN, step in (1, 5), 1),
             (f"+ {factor} · {X_A_B}", data.scaled, style.LORA, step >= 4, 4),
             ("= $y$", data.y, style.DATA, step == 5, 5)]
    at, joined = top, top
    for name, row, tone, lit, since in lines[0 if whole else 1:]:
        if since == 5:
            ax.plot([left, left + 4 * cell[0]], [at, at], color=style.INK, lw=1.2)
            at += 0.06
        joined = at + cell[1] / 2 if since == 4 else joined
        cells(ax, left, at, row, tone, cell, lit=lit, blank=step < since, column=FOLLOWED)
        ax.text(left - 0.1, at + cell[1] / 2, name, ha="right", va="center", color=tone.ink,
                size=style.NAME)
        at += cell[1] + 0.06
    return joined


def _elbow(ax: Axes, data: Board, lit: bool, start: tuple[float, float],
           end: tuple[float, float]) -> None:
    """An arrow from the update, past alpha / r, to the row that it joins."""
    ax.annotate("", end, start,
                arrowprops={"arrowstyle": "-|>", "lw": 1.4, "shrinkA": 0, "shrinkB": 0,
                            "color": style.LORA.mark if lit else style.RULE,
                            "connectionstyle": "angle,angleA=90,angleB=0,rad=6"})
    words = (f"times  α/r = {style.short(data.alpha)}/{data.rank} = "
             f"{style.short(data.alpha / data.rank)}") if lit else "times  α/r"
    ax.text((start[0] + end[0]) / 2, end[1] - 0.07, words, ha="center", va="bottom",
            color=style.LORA.ink if lit else style.MUTED)


def worked(data: Board, step: int) -> str:
    """Return the one product that the step picks out, with its numbers."""
    s, k = style.short, FOLLOWED
    return {1: dot(data.inputs.x, data.inputs.W[k]),
            2: dot(data.inputs.x, data.inputs.A[1]),
            3: dot(data.squeezed, data.inputs.B[k]),
            4: f"{s(data.alpha)} / {data.rank}  ·  {term(data.update[k])}  =  "
               f"{s(data.scaled[k], 3)}",
            5: f"{s(data.frozen[k], 3)}  +  {term(data.scaled[k])}  =  {s(data.y[k], 3)}"}[step]


@style.styled
def draw(data: Board, step: int = 5, layout: Layout = "wide") -> Figure:
    """Draw the board with one of the five steps lit.

    Raises:
        ValueError: ``step`` is not 1 to 5.
    """
    if step not in STEPS:
        raise ValueError(f"step is {step}; allowed are 1 to {len(STEPS)}")
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9 if wide else 5.72)
    ax = style.board(fig)
    cell, gap = ((0.36, 0.29), 0.12) if wide else ((0.328, 0.255), 0.1)
    style.write(fig, 0.06, 0.05, f"{step}", style.MUTED, style.TITLE)
    style.write(fig, 0.27, 0.05, STEPS[step], size=style.TITLE, weight=600)
    style.write(fig, 0.27, 0.31, worked(data, step), style.MUTED)
    outputs, right = 0.06 + 4 * cell[0] + gap, fig.get_size_inches()[0] - 0.06
    top = 0.98 if wide else 0.86
    _frozen_path(ax, data, step, 0.06, top, cell, gap)
    if wide:
        _adapter_path(ax, data, step, right - 10 * cell[0] - 2 * gap, top, cell, gap)
        row = _sum(ax, data, step, outputs, top + 5 * cell[1] + 0.64, cell, False)
        _elbow(ax, data, step >= 4, (right - 2 * cell[0], row - 0.24),
               (outputs + 4 * cell[0] + 0.06, row))
    else:
        _adapter_path(ax, data, step, 0.06, top + 5 * cell[1] + 0.66, cell, gap)
        _sum(ax, data, step, right - 4 * cell[0], 4.74, cell, True)
    return fig


def alt(data: Board, step: int) -> str:
    """Return the frame in words."""
    words = STEPS[step].replace("α", "alpha")
    loud = f" with alpha {data.alpha:g}" if step >= 4 else ""
    still = "" if data.inputs.B.any() or step < 3 else \
        " B is zero, so the pair adds nothing and y is the frozen layer's answer."
    return f"Step {step} of 5{loud}: {words}. Second output: {worked(data, step)}.{still}"
