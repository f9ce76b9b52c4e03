"""The first steps of a LoRA layer: its loss, and how far B and A have come, under one alpha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("B leaves zero in the first step, and A moves from the second on. "
           "A straight line on the left means that each step leaves the same share of the loss.")


@dataclass(frozen=True)
class Steps:
    """alpha -> (steps + 1, 3): loss, norm of B and A's move, at first and after each step.

    beside: the other alphas that are drawn, in grey.
    """

    alpha: float
    courses: dict[float, np.ndarray]
    beside: tuple[float, ...]

    @property
    def now(self) -> np.ndarray:
        """The chosen alpha's course."""
        return self.courses[self.alpha]


def compute(courses: Mapping[float, np.ndarray], alpha: float,
            beside: Sequence[float] | None = None) -> Steps:
    """Choose one alpha of ``courses``, each (steps + 1, 3), and those ``beside`` it (None: all).

    Raises:
        ValueError: nothing was measured for this alpha.
    """
    if alpha not in courses:
        raise ValueError(f"alpha is {alpha}; measured were {', '.join(map(str, courses))}")
    return Steps(alpha, {each: np.array(course, float) for each, course in courses.items()},
                 tuple(courses if beside is None else beside))


def _until(column: np.ndarray, low: float, high: float) -> np.ndarray:
    """Take a line's numbers up to the first that the axes don't hold."""
    out = np.flatnonzero(~((column >= low) & (column <= high)))
    return column[:out[0]] if len(out) else column


def _loss(ax: Axes, data: Steps, least: float) -> list[Named]:
    lines = []
    top = 1 if all(np.isfinite(course).all() for course in data.courses.values()) else 100
    for alpha, course in data.courses.items():
        chosen = alpha == data.alpha
        if not chosen and alpha not in data.beside:
            continue
        tone, seen = style.TASK if chosen else style.FROZEN, _until(course[:, 0], least, top)
        ax.plot(course[:, 0], marker="D" if chosen else None, ms=4, mec=style.PAPER, mew=0.6,
                color=tone.mark, lw=1.5 if chosen else 1, alpha=1 if chosen else 0.55,
                zorder=2 + chosen)
        if data.beside:
            lines.append(Named(np.arange(len(seen)), seen, f"α = {alpha:g}", tone))
    ax.set(yscale="log", ylim=(least, top), xlabel="step", title="Loss, log scale")
    ax.set_yticks([1e-8, 1e-6, 1e-4, 1e-2, 1, 100][:5 + (top > 1)],
                  ["1e-8", "1e-6", "1e-4", "1e-2", "1", "100"][:5 + (top > 1)])
    return lines


def _moves(ax: Axes, data: Steps, top: float) -> list[Named]:
    lines = []
    for column, name, tone, marker in ((1, "B", style.B, "s"), (2, "A", style.A, "o")):
        ax.plot(data.now[:, column], marker=marker, ms=4, mec=style.PAPER, mew=0.6, lw=1.5,
                color=tone.mark, zorder=3)
        seen = _until(data.now[:, column], 0, 1.08 * top)
        lines.append(Named(np.arange(len(seen)), seen, name, tone))
        for alpha in data.beside:
            if alpha != data.alpha:
                course = data.courses[alpha][:, column]
                ax.plot(course, color=style.FROZEN.mark, lw=1, alpha=0.55, zorder=2)
                lines.append(Named(np.arange(len(course)), course, f"{name}, α = {alpha:g}",
                                   style.FROZEN))
    ax.set(ylim=(-0.03 * top, 1.08 * top), xlabel="step", title="Norm of B; how far A has moved")
    return lines


def written(loss: float, digits: int) -> str:
    """Write a loss, if it is still a number; what is left of one that is gone is only rounding."""
    if not np.isfinite(loss):
        return "overflow"
    return "below 1e-12" if loss <= 1e-12 else f"{loss:.{digits}g}"


@style.styled
def draw(data: Steps, layout: Layout = "wide") -> Figure:
    """Draw the loss beside the distances of B and A, the same axes under every alpha."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.1)
    steps, end = len(data.now) - 1, data.now[-1, 0]
    last = written(end, 2)
    late = data.now[1, 2] == 0 < data.now[2, 2]
    style.heading(fig, f"α = {data.alpha:g}: loss {data.now[0, 0]:.2g} to {last}"
                  + (f" in {steps} steps" if wide else ""),
                  ("Gradient descent from B = 0" if wide else f"{steps} steps from B = 0")
                  + (": B moves in the first step, A from the second on" if late and wide
                     else "; A waits for step 2" if late else ""))
    every = np.concatenate([course for course in data.courses.values()
                            if np.isfinite(course).all()] or [np.ones((1, 3))])
    boxes = (((0.62, 0.98, 2.75, 1.75), (4.15, 0.98, 2.75, 1.75)) if wide
             else ((0.62, 0.98, 2.78, 1.45), (0.62, 3.1, 2.78, 1.45)))
    axes = [style.place(fig, *box) for box in boxes]
    named = (_loss(axes[0], data, max(1e-9, 0.3 * every[:, 0].min())),
             _moves(axes[1], data, every[:, 1:].max()))
    for ax, lines in zip(axes, named, strict=True):
        ax.set(xlim=(-0.5, len(data.now) - 0.5))
        ax.set_xticks(range(0, len(data.now), 5))
        ax.minorticks_off()
        ax.grid(axis="y")
        name_lines(ax, lines)
    return fig


def alt(data: Steps) -> str:
    """Return the frame in words."""
    loss, left, right = data.now.T
    last = len(loss) - 1
    return (f"Alpha {data.alpha:g}: the loss goes from {loss[0]:.3g} to "
            f"{written(loss[last], 3)} in {last} steps. After step 1 the norm of B is "
            f"{left[1]:.3f} and A has moved by {right[1]:.3f}; after step {last} "
            + (f"they are {left[last]:.3f} and {right[last]:.3f}." if np.isfinite(loss[last])
               else f"all have overflowed, after the loss rose above {loss[0]:.2g} "
                    f"in step {np.flatnonzero(loss > loss[0])[0]}."))
