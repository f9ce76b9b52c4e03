"""The loss that a training ends with, for each alpha: a valley between too slow and too far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("From left to right: steps too short to arrive, steps of a good length, and steps that "
           "overshoot the target.")

LEAST = 1e-12  # what is left below it is only rounding


@dataclass(frozen=True)
class Ends:
    """alphas, losses: (alphas,), the loss after the last of ``steps``, as a line over alpha."""

    alphas: np.ndarray
    losses: np.ndarray
    steps: int

    @property
    def gone(self) -> np.ndarray:
        """Which alphas end below ``LEAST``: (alphas,)."""
        return self.losses < LEAST

    @property
    def title(self) -> str:
        """Where the valley lies."""
        best = self.alphas[self.gone]
        if len(best) == 0:
            return f"lowest with α = {self.alphas[self.losses.argmin()]:g}"
        first, last = np.flatnonzero(self.gone)[[0, -1]]
        if 1 < len(best) == last - first + 1:
            return f"below 1e-12 with α = {best[0]:g} to {best[-1]:g}"
        return f"below 1e-12 with α = {', '.join(f'{alpha:g}' for alpha in best)}"


def compute(losses: Mapping[float, float], steps: int = 20) -> Ends:
    """Take alpha -> last loss, and the number of steps it took.

    Raises:
        ValueError: fewer than two alphas.
    """
    if len(losses) < 2:
        raise ValueError(f"{len(losses)} alphas; a line needs two")
    alphas = np.array(sorted(losses), float)
    return Ends(alphas, np.array([losses[alpha] for alpha in alphas], float), steps)


@style.styled
def draw(data: Ends, layout: Layout = "wide") -> Figure:
    """Draw the last loss over alpha; hollow marks at the lower edge are below it."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.0)
    style.heading(fig, f"Loss after {data.steps} steps: {data.title}" if wide
                  else data.title[0].upper() + data.title[1:],
                  "Gradient descent at one learning rate. Hollow: below 1e-12." if wide
                  else f"After {data.steps} steps. Hollow: below 1e-12.")
    ax = style.place(fig, 0.72, 0.92, 6.2 if wide else 2.7, 1.5)
    ax.plot(data.alphas, np.maximum(data.losses, LEAST), color=style.TASK.mark, lw=1.5)
    for gone, face in ((False, style.TASK.mark), (True, style.PAPER)):
        which = data.gone == gone
        ax.plot(data.alphas[which], np.maximum(data.losses[which], LEAST), "D", ms=4.5, mfc=face,
                mec=style.TASK.mark, mew=1, ls="none", clip_on=False, zorder=3)
    ax.set(yscale="log", ylim=(LEAST, 1), xlim=(0, data.alphas[-1] + 0.5), xlabel="α",
           title="Loss, log scale")
    ax.set_yticks([1e-12, 1e-8, 1e-4, 1], ["1e-12", "1e-8", "1e-4", "1"])
    ax.set_xticks(range(0, int(data.alphas[-1]) + 1, 4))
    ax.minorticks_off()
    ax.grid(axis="y")
    return fig


def alt(data: Ends) -> str:
    """Return the picture in words."""
    first, last = data.losses[[0, -1]]
    return (f"Loss after {data.steps} steps: {data.title.replace('α', 'alpha')}; {first:.2g} with "
            f"alpha {data.alphas[0]:g}, and {last:.2g} with alpha {data.alphas[-1]:g}.")
