"""A full training step beside a LoRA step, to scale: its products, and the numbers it stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("At width 128, raise the rank until LoRA's row of each pair is the longer one. At the "
           "larger widths this slider ends before that.")

#: What each large product of a full step gives, and what is stored for each weight.
PRODUCTS = ("$y$", "$dx$", "$dW$")
STORED = ("$W$", "$dW$", "$m$", "$v$")
KEPT = (2, 1)  # how many of these LoRA keeps
THIN = (6, 8)  # how many thin products or matrices it adds
SIDE = {"wide": 0.5, "narrow": 0.48}  # inches, of a large product or of W


@dataclass(frozen=True)
class Cost:
    """A square weight of this width, and an adapter of this rank beside it."""

    rank: int
    width: int

    @property
    def thin(self) -> float:
        """One thin product over a large one, or the numbers of A over those of W."""
        return self.rank / self.width

    @property
    def work(self) -> float:
        """Multiplications of a LoRA step, over those of a full one."""
        return (KEPT[0] + THIN[0] * self.thin) / len(PRODUCTS)

    @property
    def memory(self) -> float:
        """Numbers that LoRA stores, over those of full fine-tuning."""
        return (KEPT[1] + THIN[1] * self.thin) / len(STORED)

    @property
    def numbers(self) -> tuple[int, int]:
        """Numbers stored by full fine-tuning and by LoRA."""
        square = self.width**2
        return (len(STORED) * square, KEPT[1] * square + THIN[1] * self.rank * self.width)


def compute(rank: int, width: int) -> Cost:
    """Count a step with W of shape (width, width) and an adapter of this rank.

    Raises:
        ValueError: the rank is below 1 or more than half the width, which has no room.
    """
    if not 1 <= rank <= width // 2:
        raise ValueError(f"rank is {rank}, it must be from 1 to {width // 2}")
    return Cost(rank, width)


def _row(ax: Axes, top: float, name: str, boxes: Sequence[tuple[float, Tone, str]], side: float,
         end: str) -> None:
    """A row of boxes without gaps, so that its length is what they hold together."""
    ax.text(0, top + side / 2, name, va="center", color=style.INK, size=style.SMALL)
    left = 0.46
    for share, tone, words in boxes:
        ax.add_artist(Rectangle((left, top), share * side, side, fc=tone.tint, ec=tone.mark,
                                lw=1 if share > 0.2 else 0.5))
        ax.text(left + share * side / 2, top + side / 2, words, ha="center", va="center",
                color=tone.ink, size=style.SMALL)
        left += share * side
    ax.text(left + 0.07, top + side / 2, end, va="center", weight=600)


def _pair(ax: Axes, data: Cost, which: int, title: str, ends: Sequence[str], side: float) -> None:
    """Full fine-tuning above LoRA."""
    ax.text(0, 0.14, title, weight=600, va="bottom")
    names, kept = (PRODUCTS, STORED)[which], KEPT[which]
    full = [(1.0, style.FROZEN if k < kept else style.FULL, name) for k, name in enumerate(names)]
    thin = [(data.thin, tone, "") for tone in (style.A, style.B) * (THIN[which] // 2)]
    _row(ax, 0.26, "full", full, side, ends[0])
    _row(ax, 0.26 + side + 0.16, "LoRA", full[:kept] + thin, side, ends[1])


@style.styled
def draw(data: Cost, layout: Layout = "wide") -> Figure:
    """Draw the products of a step, and the numbers that are stored, for both methods."""
    wide, side = layout == "wide", SIDE[layout]
    fig = style.canvas(layout, 2.4 if wide else 4.0)
    style.heading(fig, f"Rank {data.rank} beside {data.width:,} × {data.width:,}: {data.work:.2f} "
                  f"of the multiplications, {data.memory:.2f} of the numbers stored" if wide else
                  f"{data.work:.2f} of the work, {data.memory:.2f} stored",
                  "Grey stays, green is what LoRA leaves out; blue and orange come with A and B"
                  if wide else f"Rank {data.rank} beside {data.width:,} × {data.width:,}")
    tall, across = 1.6, 3.5
    work = style.board(fig, style.MARGIN, 0.72, across, tall)
    stored = style.board(fig, 3.72 if wide else style.MARGIN, 0.72 if wide else 2.36,
                         3.42 if wide else across, tall)
    _pair(work, data, 0, "Multiplications of a step", ("1", f"{data.work:.2f}"), side)
    _pair(stored, data, 1, "Numbers stored, with AdamW", ("1", f"{data.memory:.2f}"), side)
    return fig


def alt(data: Cost) -> str:
    """Return the frame in words."""
    full, lora = data.numbers
    return (f"Rank {data.rank}, W of shape {data.width:,} by {data.width:,}. A full step has three "
            f"large products, a LoRA step two of them and six thin ones: {data.work:.2f} of the "
            f"multiplications. Full fine-tuning stores W, its gradient and two moments, "
            f"{full:,} numbers; LoRA W, and four for each of A's and B's, {lora:,}: "
            f"{data.memory:.2f}.")
