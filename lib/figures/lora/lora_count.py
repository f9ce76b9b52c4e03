"""W beside A and B, to scale, and what share their numbers are at every rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("The slim rectangles are A and B beside W, to scale; the curve says what share they "
           "are at every rank.")

RANKS = np.array([1, 2, 4, 8, 16, 32, 64, 128])
LEAST, MOST = 3e-4, 5.0  # the axis of shares, alike in every frame
THINNEST = 0.025  # inches: a rank of 1 beside 4,096 would vanish


@dataclass(frozen=True)
class Count:
    """One weight of shape (d_out, d_in), and an adapter of this rank beside it."""

    rank: int
    d_in: int
    d_out: int

    @property
    def full(self) -> int:
        """Numbers in W."""
        return self.d_in * self.d_out

    @property
    def low(self) -> int:
        """Numbers in A and B."""
        return self.rank * (self.d_in + self.d_out)

    @property
    def share(self) -> float:
        """A and B over W."""
        return self.low / self.full

    @property
    def break_even(self) -> float:
        """The rank at which A and B hold as many numbers as W."""
        return self.full / (self.d_in + self.d_out)


def compute(rank: int, d_in: int, d_out: int) -> Count:
    """Count the numbers of one adapter.

    Raises:
        ValueError: the rank is not between 1 and the smaller side.
    """
    if not 1 <= rank <= min(d_in, d_out):
        raise ValueError(f"rank is {rank}, it must be from 1 to {min(d_in, d_out)}")
    return Count(rank, d_in, d_out)


def _box(ax: Axes, left: float, top: float, width: float, height: float, tone: Tone) -> None:
    ax.add_artist(Rectangle((left, top), width, height, fc=tone.tint, ec=tone.mark, lw=1.2))


def _shapes(ax: Axes, data: Count, side: float) -> None:
    """W, B and A with their sides to scale, the longer side of W as long as ``side`` inches."""
    unit = side / max(data.d_in, data.d_out)
    high, wide = data.d_out * unit, data.d_in * unit
    thin = max(data.rank * unit, THINNEST)
    line = 0.21
    _box(ax, 0, line, wide, high, style.FROZEN)
    ax.text(0, line - 0.05, "W", color=style.FROZEN.ink, weight=600, va="bottom")
    left = side + 0.34
    _box(ax, left, line, thin, high, style.B)
    ax.text(left, line - 0.05, "B", color=style.B.ink, weight=600, va="bottom")
    beside = left + thin + 0.16
    _box(ax, beside, line, wide, thin, style.A)
    ax.text(beside, line - 0.05, "A", color=style.A.ink, weight=600, va="bottom")


def _chart(ax: Axes, data: Count) -> None:
    """Share over rank: a straight line on these axes, which the width moves down."""
    ranks = RANKS[min(data.d_in, data.d_out) >= RANKS]
    ax.set(xscale="log", yscale="log", xlim=(0.85, 150), ylim=(LEAST, MOST), xlabel="rank r",
           title="A and B, as a share of W")
    ax.axhline(1, color=style.FROZEN.mark, lw=style.THIN, zorder=1)
    ax.text(1, 1.15, "as many as W", color=style.FROZEN.ink, size=style.SMALL, va="bottom")
    ax.plot(ranks, ranks * (data.d_in + data.d_out) / data.full, color=style.LORA.mark, zorder=2)
    style.point(ax, data.rank, data.share, style.MARKER["lora"], style.LORA, 7.5)
    ax.xaxis.set_ticks(RANKS, [str(rank) for rank in RANKS])
    ticks = (0.001, 0.01, 0.1, 1)
    ax.yaxis.set_ticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y")


@style.styled
def draw(data: Count, layout: Layout = "wide") -> Figure:
    """Draw the three matrices to scale, and what was counted at every rank."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95 if wide else 4.3)
    beside = f"Rank {data.rank} beside {data.d_out:,} × {data.d_in:,}"
    style.heading(fig, beside, f"{data.low:,} numbers in A and B, {data.full:,} in W" if wide
                  else f"{data.low:,} numbers, not {data.full:,}")
    side = 1.05
    _shapes(style.board(fig, 0.1, 0.75, 3.4, 1.7), data, side)
    left, top = (4.25, 0.98) if wide else (0.62, 2.75)
    _chart(style.place(fig, left, top, 2.75 if wide else 2.82, 1.4 if wide else 1.05), data)
    return fig


def saving(data: Count) -> str:
    """Say what is saved, or that nothing is."""
    if data.share >= 1:
        return "nothing is saved"
    return f"{1 / data.share:.4g} times fewer"


def alt(data: Count) -> str:
    """Return the frame in words."""
    return (f"Rank {data.rank}, W of shape {data.d_out:,} by {data.d_in:,}: A and B hold "
            f"{data.low:,} numbers, W {data.full:,}. That is {100 * data.share:.3g}%, "
            f"{saving(data)}; at rank {data.break_even:.4g} they would hold as many as W.")
