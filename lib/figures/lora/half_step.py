"""The sizes of an update's entries beside half a step of the grid: by number and by energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Fewer bits move all bars to the left. What lies left of the line is lost when a sum is "
           "rounded twice on the same grid.")
EDGES = 2.0 ** np.arange(-7, 6.5, 0.5)  # of the bars, in half steps; what lies outside is added


@dataclass(frozen=True)
class Sizes:
    """The shares in each bar, (bars,), of the entries and of their energy, and those below 1."""

    bits: int
    entries: np.ndarray
    energy: np.ndarray
    below: tuple[float, float]


def compute(D: np.ndarray, step: np.ndarray, bits: int) -> Sizes:
    """Sort the entries of an update D by their size in half steps; step can be broadcast to D.

    Raises:
        ValueError: the update is zero.
    """
    size, energy = 2 * np.abs(D) / step, np.asarray(D, float) ** 2
    if not energy.any():
        raise ValueError("the update is zero; allowed is one with an energy")
    inside = np.clip(size, EDGES[0], EDGES[-1])
    counts, weights = (np.histogram(inside, EDGES, weights=each)[0] / each.sum()
                       for each in (np.ones(D.shape), energy))
    small = size < 1
    return Sizes(bits, counts, weights, (float(small.mean()),
                                         float(energy[small].sum() / energy.sum())))


def _bars(ax: Axes, shares: np.ndarray, below: float, what: str) -> None:
    """One histogram, its part below half a step in the strong tone."""
    small = EDGES[1:] <= 1
    for part, color in ((small, style.LORA.mark), (~small, style.LORA.tint)):
        ax.bar(EDGES[:-1][part], shares[part], np.diff(EDGES)[part], align="edge", color=color,
               edgecolor=style.PAPER, lw=0.5)
    ax.axvline(1, color=style.INK, lw=1.2)
    ax.set(xscale="log", xlim=(EDGES[0], EDGES[-1]), ylim=(0, 0.32),
           xlabel="size of an entry, in half steps", ylabel=f"share of the {what}")
    ax.minorticks_off()
    ax.set_xticks([1 / 64, 1 / 8, 1, 8], ["1/64", "1/8", "1", "8"])
    ax.set_yticks([0, 0.1, 0.2, 0.3], ["0%", "10%", "20%", "30%"])
    ax.grid(axis="y")
    for x, share, side, tone in ((0.85, below, "right", style.LORA.ink),
                                 (1.18, 1 - below, "left", style.MUTED)):
        ax.text(x, 0.305, f"{share:.0%}", ha=side, va="top", color=tone, weight=600)


@style.styled
def draw(data: Sizes, layout: Layout = "wide") -> Figure:
    """Draw the entries and their energy over the size, with a line at half a step."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.5)
    style.heading(fig, f"{data.bits} bits: which entries are below half a step?",
                  f"{data.below[0]:.0%} of the entries, with {data.below[1]:.0%} of the energy")
    for k, (shares, below, what) in enumerate(zip((data.entries, data.energy), data.below,
                                                  ("entries", "energy"), strict=True)):
        box = (0.68 + 3.55 * k, 0.72, 2.8, 1.95) if wide else (0.68, 0.75 + 2.4 * k, 2.7, 1.7)
        _bars(style.place(fig, *box), shares, below, what)
    return fig


def alt(data: Sizes) -> str:
    """Return the frame in words."""
    return (f"{data.bits} bits: {data.below[0]:.0%} of the entries of the update are below half a "
            f"step, and they hold {data.below[1]:.0%} of its energy.")
