"""A merge into few bits: weights on a grid, what an adapter adds, and where rounding puts the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Fewer bits make a coarser grid. Rounded twice, a change of less than half the distance "
           "between two levels is lost; rounded once, some survive.")
#: How often a weight is rounded on its way into the file.
TIMES = ("twice", "once")
SHOWN = 16  # weights
FINEST = 0.02  # levels that are nearer to each other than this are not drawn one by one
TICKS = 6  # at most so many numbers of levels above zero


@dataclass(frozen=True)
class Merge:
    """Weights of one row, with the adapter, and rounded: twice or once.

    ``starts`` is what the adapter is added to, ``sums`` the two together, ``ends`` the sums on the
    grid of the base: (SHOWN,) each.  ``lost``: how many of them end where they were without the
    adapter.  ``left`` is the part of the change that the file has, over all weights of the row: a
    projection.
    """

    starts: np.ndarray
    sums: np.ndarray
    ends: np.ndarray
    lost: int
    left: float


@dataclass(frozen=True)
class Grid:
    """Both merges of a row on the grid of so many bits.

    ``step`` is the distance between two levels, ``without`` the weights on the grid without an
    adapter, ``reach`` the largest weight to show, the same for all bits, ``count`` how many
    weights the row has.
    """

    bits: int
    step: float
    without: np.ndarray
    reach: float
    count: int
    merges: dict[str, Merge]


def compute(row: np.ndarray, change: np.ndarray, bits: int) -> Grid:
    """Add the adapter's change to a row of a matrix, rounded and not, and round both sums.

    Raises:
        ValueError: the two have different shapes.
    """
    if row.shape != change.shape:
        raise ValueError(f"the row has the shape {row.shape}, its change {change.shape}")
    step = float(np.abs(row).max() / (2 ** (bits - 1) - 1))
    without = np.round(row / step) * step
    reach = float(1.12 * np.abs(np.r_[row[:SHOWN], (row + change)[:SHOWN]]).max())
    merges = {}
    for times, starts in zip(TIMES, (without, row), strict=True):
        ends = np.round((starts + change) / step) * step
        still = np.isclose(ends, without, atol=step / 100)[:SHOWN]
        merges[times] = Merge(starts[:SHOWN], (starts + change)[:SHOWN], ends[:SHOWN],
                              int(still.sum()),
                              float(((ends - without) * change).sum() / (change**2).sum()))
    return Grid(bits, step, without[:SHOWN], reach, len(row), merges)


def _plot(ax: Axes, data: Grid, times: str, wide: bool) -> None:
    merge = data.merges[times]
    top = data.reach * 1.25
    ax.set(xlim=(-0.7, SHOWN - 0.3), ylim=(-top, top), ylabel="number of the level")
    ax.set_xticks([])
    ax.set_title(f"Rounded {times}: {merge.lost} of {SHOWN} changes lost, {merge.left:.0%} of the "
                 "whole left" if wide else
                 f"Rounded {times}: {merge.lost} of {SHOWN} lost, {merge.left:.0%} left")
    if times == TIMES[-1]:
        ax.set_xlabel(f"{SHOWN} weights of one row")
    ax.grid(False)
    count = int(top / data.step)  # levels above zero
    stride = next(each for each in (1, 2, 5, 10, 20, 50, 100, count) if count / each <= TICKS)
    ticks = np.arange(-(count // stride), count // stride + 1) * stride
    ax.set_yticks(ticks * data.step, [f"{each}".replace("-", "\u2212") for each in ticks])
    if data.step > FINEST:
        levels = np.arange(-np.floor(top / data.step), np.floor(top / data.step) + 1) * data.step
        ax.hlines(levels, -0.7, SHOWN - 0.3, color=style.FROZEN.tint, lw=0.8, zorder=1)
    for at, (low, high) in enumerate(zip(merge.starts, merge.sums)):
        ax.plot((at, at), (low, high), color=style.LORA.mark, lw=1.2, zorder=2)
    at = np.arange(SHOWN)
    ax.plot(at, data.without, "_", ls="", ms=15 if wide else 11, mew=2.2,
            color=style.FROZEN.ink, zorder=2.5)
    ax.plot(at, merge.starts, "o", ls="", ms=6, color=style.FROZEN.mark, zorder=3)
    ax.plot(at, merge.sums, "D", ls="", ms=4.5, color=style.LORA.mark, zorder=4)
    ax.plot(at, merge.ends, "s", ls="", ms=9, mfc="none", mec=style.INK, mew=1.1, zorder=5)


def key(fig: Figure, top: float, wide: bool, weight: str) -> None:
    """Name the four marks in a row, or narrow in two; ``weight`` says which a dot is."""
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.3 if wide else 0.56)
    places = ((0.2, 0.15), (2.3, 0.15), (3.85, 0.15), (5.4, 0.15)) if wide else \
        ((0.2, 0.13), (0.2, 0.41), (2.2, 0.13), (2.2, 0.41))
    for (x, y), (marker, words, tone) in zip(places, (
            ("o", weight, style.FROZEN), ("D", "with the adapter", style.LORA),
            ("s", "the sum, rounded", None), ("_", "without the adapter", style.FROZEN)),
            strict=True):
        size, edge = {"s": (8, 1.1), "_": (13, 2.2)}.get(marker, (6, 1.1))
        ax.plot(x, y, marker, ms=size, mew=edge,
                color=tone.mark if tone else "none", mec=tone.mark if tone else style.INK)
        ax.text(x + 0.14, y, words, va="center", color=tone.ink if tone else style.INK, weight=600)


@style.styled
def draw(data: Grid, layout: Layout = "wide") -> Figure:
    """Draw the weights, what the adapter adds to them, and where both merges put them."""
    wide = layout == "wide"
    top = 1.14 if wide else 1.38
    fig = style.canvas(layout, top + 4.22)
    style.heading(fig, f"{data.bits} bits: rounded twice, rounded once",
                  f"Levels are {data.step:.3f} apart; what is left is of the row's "
                  f"{data.count} changes" if wide else f"Levels are {data.step:.3f} apart")
    key(fig, 0.58, wide, "weight (top: rounded)")
    for at, times in enumerate(TIMES):
        _plot(style.place(fig, 0.72, top + 2.08 * at, style.WIDTH[layout] - 0.86, 1.7), data, times,
              wide)
    return fig


def alt(data: Grid) -> str:
    """Return the frame in words."""
    return (f"{data.bits} bits, levels {data.step:.3f} apart. Of {SHOWN} changes that an adapter "
            "makes, " + " and ".join(f"{merge.lost} are lost rounded {times}"
                                     for times, merge in data.merges.items())
            + f". Over all {data.count} weights of the row " + " and ".join(
                f"{merge.left:.0%} of the change is left rounded {times}"
                for times, merge in data.merges.items()) + ".")
