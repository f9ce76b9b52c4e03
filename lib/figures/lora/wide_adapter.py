"""Two adapters side by side as one of twice the rank: whose numbers stand in which half."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Before its first step the new half adds nothing, because its B is zero. Both "
           "halves of A and B are trained.")
LONG, HALF = 1.35, 0.45  # inches of a matrix's long side, and of four of its rows or columns


@dataclass(frozen=True)
class Halves:
    """The rank of either half, and the widths of the layer: in and out."""

    rank: int
    d_in: int
    d_out: int


def compute(rank: int, d_in: int, d_out: int) -> Halves:
    """The sizes to write at the drawing.

    Raises:
        ValueError: a half without a rank.
    """
    if rank < 1:
        raise ValueError(f"the rank is {rank}; allowed are 1 and more")
    return Halves(rank, d_in, d_out)


def _part(ax: Axes, left: float, top: float, size: tuple[float, float], words: str, tone: Tone,
          zero: bool = False) -> None:
    """One half of a matrix, with what it holds at the start."""
    ax.add_patch(Rectangle((left, top), *size, fc=style.PAPER if zero else tone.tint,
                           ec=tone.mark, lw=1.4))
    ax.text(left + size[0] / 2, top + size[1] / 2, words, ha="center", va="center_baseline",
            color=tone.ink, weight=600, size=style.SMALL, rotation=90 if size[1] > size[0] else 0)


def _matrices(ax: Axes, data: Halves, left: float) -> None:
    """B with its halves side by side, times A with its halves one above the other."""
    top, shapes = 0.26, 0.06
    _part(ax, left, top, (HALF, LONG), "first", style.B)
    _part(ax, left + HALF, top, (HALF, LONG), "zero", style.B, zero=True)
    ax.text(left + HALF, shapes, f"B: {data.d_out} × {2 * data.rank}", ha="center",
            va="center_baseline", color=style.B.ink, size=style.SMALL)
    right, middle = left + 2 * HALF + 0.36, top + (LONG - 2 * HALF) / 2
    ax.text(right - 0.18, top + LONG / 2, "×", ha="center", va="center_baseline", weight=600)
    _part(ax, right, middle, (LONG, HALF), "first", style.A)
    _part(ax, right, middle + HALF, (LONG, HALF), "random", style.A)
    ax.text(right + LONG / 2, middle - 0.2, f"A: {2 * data.rank} × {data.d_in}", ha="center",
            va="center_baseline", color=style.A.ink, size=style.SMALL)


def _sum(ax: Axes) -> None:
    """The two products as matrices: the first adapter's update, and zeros."""
    top, middle = 0.26, 0.26 + LONG / 2
    for left, sign, product, words, tone in (
            (0.36, "=", "B first × A first", "the first\nadapter", style.LORA),
            (2.2, "+", "zero × random", "zero:\nnothing yet", style.FROZEN)):
        ax.text(left - 0.22, middle, sign, ha="center", va="center_baseline", weight=600)
        ax.add_patch(Rectangle((left, top), LONG, LONG, ec=tone.mark, lw=1.4,
                               fc=style.PAPER if tone is style.FROZEN else tone.tint))
        ax.text(left + LONG / 2, 0.06, product, ha="center", va="center_baseline",
                color=tone.ink, size=style.SMALL)
        ax.text(left + LONG / 2, middle, words, ha="center", va="center", color=tone.ink,
                weight=600, size=style.SMALL)


@style.styled
def draw(data: Halves, layout: Layout = "wide") -> Figure:
    """Draw both wide matrices, and the two products that they make."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.4 if wide else 3.1)
    style.heading(fig, "Side by side: one adapter of twice the rank" if wide else
                  "Side by side: twice the rank", "What each half holds before the training")
    _matrices(style.board(fig, style.MARGIN, 0.66, 2.9, 1.7), data, 0.05)
    if wide:
        _sum(style.board(fig, 3.2, 0.66, 3.94, 1.7))
        return fig
    ax = style.board(fig, style.MARGIN, 2.4, 3.4, 0.66)
    for at, words, tone in zip((0.14, 0.42), ("= B first × A first: the first adapter",
                                              "+ zero × random: nothing yet"),
                               (style.LORA.ink, style.MUTED), strict=True):
        ax.text(0.05, at, words, va="center_baseline", color=tone, weight=600)
    return fig


def alt(data: Halves) -> str:
    """Return the drawing in words."""
    return (f"A matrix B of {data.d_out} rows and {2 * data.rank} columns, the first adapter's "
            f"{data.rank} beside {data.rank} of zeros, times a matrix A of {2 * data.rank} rows, "
            "the first adapter's above random ones. Their product is the first adapter's update.")
