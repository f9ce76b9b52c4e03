"""W beside A and B, to scale: their numbers or the products of a training step, at every rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
STAYS = 2 / 3  # of a full step's products, those for the output and for the layer below
THINNEST = 0.025  # inches: a rank of 1 beside 4,096 would vanish


@dataclass(frozen=True)
class Count:
    """One weight of shape (d_out, d_in), and an adapter of this rank beside it."""

    rank: int
    d_in: int
    d_out: int
    step: bool = False  # whether to count a step's multiplications instead of numbers

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
    def of_full(self) -> float:
        """Multiplications of a LoRA step over those of a full step, for a square W."""
        return STAYS + self.share

    @property
    def break_even(self) -> float:
        """The rank at which A and B hold as many numbers as W."""
        return self.full / (self.d_in + self.d_out)


def compute(rank: int, d_in: int, d_out: int, step: bool = False) -> Count:
    """Count the numbers of one adapter, or the multiplications of a training step with it.

    Raises:
        ValueError: the rank is not between 1 and the smaller side, or W isn't square for a step.
    """
    if step and d_in != d_out:
        raise ValueError(f"W is {d_out} by {d_in}, a step is counted for a square one")
    if not 1 <= rank <= min(d_in, d_out):
        raise ValueError(f"rank is {rank}, it must be from 1 to {min(d_in, d_out)}")
    return Count(rank, d_in, d_out, step)


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


def _over_rank(ax: Axes, data: Count, curve: tuple[np.ndarray, np.ndarray], here: float,
               one: tuple[float, str], ticks: tuple[Sequence[float], Sequence[str]],
               **axes: Any) -> None:
    """A curve over the rank with the point of this rank; ``one`` is the height and the words of
    the line at 1."""
    ax.set(xscale="log", xlim=(0.85, 150), xlabel="rank r", **axes)
    ax.axhline(1, color=style.FROZEN.mark, lw=style.THIN, zorder=1)
    ax.text(1, *one, color=style.FROZEN.ink, size=style.SMALL, va="bottom")
    ax.plot(*curve, color=style.LORA.mark, zorder=2)
    style.point(ax, data.rank, here, style.MARKER["lora"], style.LORA, 7.5)
    ax.xaxis.set_ticks(RANKS, [str(rank) for rank in RANKS])
    ax.yaxis.set_ticks(*ticks)
    ax.minorticks_off()
    ax.grid(axis="y")


def _chart(ax: Axes, data: Count) -> None:
    """Share over rank: a straight line on these axes, which the width moves down."""
    ranks = RANKS[min(data.d_in, data.d_out) >= RANKS]
    ticks = (0.001, 0.01, 0.1, 1)
    _over_rank(ax, data, (ranks, ranks * (data.d_in + data.d_out) / data.full), data.share,
               (1.15, "as many as W"), (ticks, [f"{100 * tick:g}%" for tick in ticks]),
               yscale="log", ylim=(LEAST, MOST), title="A and B, as a share of W")


def _steps(ax: Axes, data: Count) -> None:
    """A step's multiplications over rank: the products that stay, and the thin ones on them."""
    ranks = np.geomspace(RANKS[0], RANKS[-1])
    _over_rank(ax, data, (ranks, STAYS + ranks * (data.d_in + data.d_out) / data.full),
               data.of_full, (1.06, "full fine-tuning"), ((0, STAYS, 1, 2), ("0", "2/3", "1", "2")),
               ylim=(0, 2.05), title="A LoRA step, as a share of a full one")


@style.styled
def draw(data: Count, layout: Layout = "wide") -> Figure:
    """Draw the three matrices to scale, and what was counted at every rank."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95 if wide else 4.3)
    beside = f"Rank {data.rank} beside {data.d_out:,} × {data.d_in:,}"
    if data.step:
        style.heading(fig, f"{beside}: {data.of_full:.2f} of a full step" if wide else
                      f"{data.of_full:.2f} of a full step",
                      "Multiplications: two large products stay, six thin ones come" if wide else
                      beside)
    else:
        style.heading(fig, beside, f"{data.low:,} numbers in A and B, {data.full:,} in W" if wide
                      else f"{data.low:,} numbers, not {data.full:,}")
    side = 1.05
    _shapes(style.board(fig, 0.1, 0.75, 3.4, 1.7), data, side)
    left, top = (4.25, 0.98) if wide else (0.62, 2.75)
    ax = style.place(fig, left, top, 2.75 if wide else 2.82, 1.4 if wide else 1.05)
    (_steps if data.step else _chart)(ax, data)
    return fig


def saving(data: Count) -> str:
    """Say what is saved, or that nothing is."""
    if data.share >= 1:
        return "nothing is saved"
    return f"{1 / data.share:.4g} times fewer"


def alt(data: Count) -> str:
    """Return the frame in words."""
    if data.step:
        return (f"Rank {data.rank}, W of shape {data.d_out:,} by {data.d_in:,}: a LoRA step takes "
                f"{data.of_full:.2f} of a full one's multiplications, two thirds for the products "
                f"that stay and {data.share:.3f} for the thin ones of A and B.")
    return (f"Rank {data.rank}, W of shape {data.d_out:,} by {data.d_in:,}: A and B hold "
            f"{data.low:,} numbers, W {data.full:,}. That is {100 * data.share:.3g}%, "
            f"{saving(data)}; at rank {data.break_even:.4g} they would hold as many as W.")
