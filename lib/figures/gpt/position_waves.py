"""The product of a rotated query and key over their distance, as a mean of the pairs taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Left: near tokens; right: far ones. Dot: the highest product of each range."
TURN, NEAR = 6, 128  # the fastest pair's first turn; where the far range begins


@dataclass(frozen=True)
class Waves:
    """every: (pairs, distances), the cosine of each pair; those ``taken`` are taken."""

    name: str
    every: np.ndarray = field(repr=False)
    taken: tuple[int, ...]

    @property
    def mean(self) -> np.ndarray:
        """The mean of the waves taken, (distances,)."""
        return self.every[list(self.taken)].mean(0)

    @property
    def rivals(self) -> tuple[int, int]:
        """The distances of the highest product after one turn: in the near and the far range."""
        mean = self.mean
        return TURN + int(mean[TURN:NEAR].argmax()), NEAR + int(mean[NEAR:].argmax())


def compute(omega: np.ndarray, name: str, taken: Sequence[int], distances: int = 2048) -> Waves:
    """Take some of these frequencies, in radians a token, fastest first.

    Raises:
        ValueError: there is no such pair, or no far range.
    """
    if not taken or not set(taken) <= set(range(len(omega))):
        raise ValueError(f"taken is {list(taken)}; allowed are pairs from 0 to {len(omega) - 1}")
    if distances <= NEAR:
        raise ValueError(f"distances is {distances}; allowed are more than {NEAR}")
    return Waves(name, np.cos(omega[:, None] * np.arange(distances)), tuple(taken))


@style.styled
def draw(data: Waves, layout: Layout = "wide") -> Figure:
    """Draw the mean over near and over far distances, and in each the most like distance 0."""
    fig = style.canvas(layout, 3.05)
    mean, last = data.mean, data.every.shape[1] - 1
    near, far = data.rivals
    style.heading(fig, f"{data.name}: up to {mean[near]:.2f} near, up to {mean[far]:.2f} far",
                  f"From distance {TURN} on. Distance 0 has 1" if layout == "wide"
                  else "Distance 0 has 1")
    room = (fig.get_size_inches()[0] - 1.15) / 2
    for left, (low, high), at, ticks in (
            (0.65, (0, NEAR - 1), near, (0, 32, 64, 96, NEAR - 1)),
            (0.95 + room, (NEAR, last), far, (NEAR, (NEAR + last) // 2, last))):
        ax = style.place(fig, left, 0.75, room, 1.75)
        ax.axhline(0, color=style.RULE, lw=style.THIN)
        ax.plot(np.arange(low, high + 1), mean[low:high + 1], color=style.DATA.mark,
                lw=2.0 if low == 0 else 0.4, zorder=3, clip_on=False)
        style.point(ax, at, mean[at], "o", style.LORA, 7)
        ax.set(xlim=(low, high), ylim=(-1.1, 1.1), yticks=[-1, 0, 1])
        ax.set_xticks(ticks if layout == "wide" else (ticks[0], ticks[-1]))
        ax.set_xlabel("distance, in tokens" + (", near" if low == 0 else ", far")
                      if layout == "wide" else "distance, tokens")
        if low:
            ax.set_yticklabels([])
        else:
            ax.set_ylabel("q \u00b7 k, scaled to 1")
    return fig


def alt(data: Waves) -> str:
    """Return the frame in words."""
    mean, (near, far) = data.mean, data.rivals
    return (f"{data.name}: the product over the distance is 1 at distance 0 and {mean[1]:.2f} at "
            f"1. From {TURN} to {NEAR - 1} it is at most {mean[near]:.2f}, at {near}; from {NEAR} "
            f"to {len(mean) - 1} at most {mean[far]:.2f}, at {far}.")
