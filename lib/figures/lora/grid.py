"""A merge into few bits: weights on a grid, what an adapter adds, and where rounding puts the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Fewer bits make a coarser grid. Rounded twice, a change below half a step is lost; "
           "rounded once, some survive.")
#: How often a weight is rounded on its way into the file -> what the adapter is added to.
TIMES = {"twice": "weight on the grid", "once": "original weight"}
SHOWN = 16  # weights
FINEST = 0.02  # levels that are nearer to each other than this are not drawn one by one
TICKS = 6  # at most so many numbers of levels above zero


@dataclass(frozen=True)
class Grid:
    """Weights of one row, with the adapter, and on the grid of so many bits.

    ``starts`` is what the adapter is added to, ``sums`` the two together, ``ends`` the sums on the
    grid of the base, ``without`` the weights there without an adapter: (SHOWN,) each; ``step`` is
    the grid's, ``reach`` the largest weight to show, the same for all bits.  ``left`` is the part
    of the change that the file has, over all ``count`` weights of the row: a projection.
    """

    bits: int
    times: str
    step: float
    starts: np.ndarray
    sums: np.ndarray
    ends: np.ndarray
    without: np.ndarray
    reach: float
    left: float
    count: int

    @property
    def lost(self) -> int:
        """How many of the changes are lost: the weight ends where it was without them."""
        return int(np.isclose(self.ends, self.without, atol=self.step / 100).sum())


def compute(row: np.ndarray, change: np.ndarray, bits: int, times: str = "twice") -> Grid:
    """Add the adapter's change to a row of a matrix, rounded or not, and round the sum.

    Raises:
        ValueError: the two have different shapes, or are to be rounded neither once nor twice.
    """
    if row.shape != change.shape:
        raise ValueError(f"the row has the shape {row.shape}, its change {change.shape}")
    if times not in TIMES:
        raise ValueError(f"times is {times!r}; allowed are {', '.join(TIMES)}")
    step = float(np.abs(row).max() / (2 ** (bits - 1) - 1))
    without = np.round(row / step) * step
    starts = without if times == "twice" else row
    sums = starts + change
    ends = np.round(sums / step) * step
    reach = float(1.12 * np.abs(np.r_[row[:SHOWN], (row + change)[:SHOWN]]).max())
    left = float(((ends - without) * change).sum() / (change**2).sum())
    return Grid(bits, times, step, starts[:SHOWN], sums[:SHOWN], ends[:SHOWN], without[:SHOWN],
                reach, left, len(row))


def _plot(ax: Axes, data: Grid, wide: bool) -> None:
    top = data.reach * 1.25
    ax.set(xlim=(-0.7, SHOWN - 0.3), ylim=(-top, top), ylabel="number of the level")
    ax.set_xticks([])
    ax.set_xlabel(f"{SHOWN} weights of one row")
    ax.grid(False)
    count = int(top / data.step)  # levels above zero
    stride = next(each for each in (1, 2, 5, 10, 20, 50, 100, count) if count / each <= TICKS)
    ticks = np.arange(-(count // stride), count // stride + 1) * stride
    ax.set_yticks(ticks * data.step, [f"{each}".replace("-", "\u2212") for each in ticks])
    if data.step > FINEST:
        levels = np.arange(-np.floor(top / data.step), np.floor(top / data.step) + 1) * data.step
        ax.hlines(levels, -0.7, SHOWN - 0.3, color=style.FROZEN.tint, lw=0.8, zorder=1)
    for at, (low, high) in enumerate(zip(data.starts, data.sums)):
        ax.plot((at, at), (low, high), color=style.LORA.mark, lw=1.2, zorder=2)
    at = np.arange(SHOWN)
    ax.plot(at, data.without, "_", ls="", ms=15 if wide else 11, mew=2.2,
            color=style.FROZEN.ink, zorder=2.5)
    ax.plot(at, data.starts, "o", ls="", ms=6, color=style.FROZEN.mark, zorder=3)
    ax.plot(at, data.sums, "D", ls="", ms=4.5, color=style.LORA.mark, zorder=4)
    ax.plot(at, data.ends, "s", ls="", ms=9, mfc="none", mec=style.INK, mew=1.1, zorder=5)


def _key(fig: Figure, top: float, wide: bool, start: str) -> None:
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.3 if wide else 0.56)
    places = ((0.2, 0.15), (1.9, 0.15), (3.5, 0.15), (5.1, 0.15)) if wide else \
        ((0.2, 0.13), (1.95, 0.13), (0.2, 0.41), (1.95, 0.41))
    for (x, y), (marker, words, tone) in zip(places, (
            ("o", start, style.FROZEN), ("D", "with the adapter", style.LORA),
            ("s", "the sum, rounded", None), ("_", "without the adapter", style.FROZEN)),
            strict=True):
        size, edge = {"s": (8, 1.1), "_": (13, 2.2)}.get(marker, (6, 1.1))
        ax.plot(x, y, marker, ms=size, mew=edge,
                color=tone.mark if tone else "none", mec=tone.mark if tone else style.INK)
        ax.text(x + 0.14, y, words, va="center", color=tone.ink if tone else style.INK, weight=600)


@style.styled
def draw(data: Grid, layout: Layout = "wide") -> Figure:
    """Draw the weights, what the adapter adds to them, and where they end with and without it."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.8)
    style.heading(fig, f"{data.bits} bits, rounded {data.times}: "
                       f"{data.lost} of {SHOWN} changes are lost",
                  f"Levels are {data.step:.3f} apart" + (
                      f"; on average over the row, {data.left:.0%} of the change is left"
                      if wide else f"; {data.left:.0%} is left on average"))
    _key(fig, 0.58, wide, TIMES[data.times])
    _plot(style.place(fig, 0.72, 1.0 if wide else 1.22, style.WIDTH[layout] - 0.86,
                      2.4 if wide else 2.15), data, wide)
    return fig


def alt(data: Grid) -> str:
    """Return the frame in words."""
    return (f"{data.bits} bits, levels {data.step:.3f} apart, rounded {data.times}: of {SHOWN} "
            f"changes that an adapter makes, {data.lost} are lost in the merged weights. Over all "
            f"{data.count} weights of the row {data.left:.0%} of the change is left.")
