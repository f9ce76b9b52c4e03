"""The changes of an adapter of rank 1, 2, 4, ..., each a sum of small ones, seen from the side.

The upright axis is the way of steepest fall, the level one how far a sum leads away from that way,
in whichever of the thousands of other directions. Both lengths of each sum are true, in a unit that
fits the sum shown to the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Raise the rank to 64 (the picture zooms out), and see which length grows faster: along "
           "−dW, or across it, which is another direction for each sum.")
LIGHT = "#b785bb"  # the sums of lower ranks


@dataclass(frozen=True)
class Arrows:
    """Sums of 0 to r changes, in units of a typical change's length; ``rank`` of them are shown."""

    along: np.ndarray  # (r + 1,): length of the sum along the way
    across: np.ndarray  # (r + 1,): length of the rest, at a right angle to it
    rank: int

    @property
    def ends(self) -> tuple[float, float]:
        """Length along the way, and across it."""
        return float(self.along[self.rank]), float(self.across[self.rank])

    @property
    def size(self) -> float:
        """Length of the sum."""
        return float(np.hypot(*self.ends))

    @property
    def aim(self) -> float:
        """Cosine of the sum with the way."""
        return self.ends[0] / self.size


def compute(dots: np.ndarray, along: np.ndarray, rank: int) -> Arrows:
    """Add the changes up.

    dots (r, r) has the dot product of each pair of changes, along (r,) that of each with the way,
    whose length is 1. The first ``rank`` changes are added.

    Raises:
        ValueError: there are not so many changes.
    """
    if not 1 <= rank <= len(along):
        raise ValueError(f"rank is {rank}, it must be from 1 to {len(along)}")
    unit = np.sqrt(np.diag(dots).mean())
    up = np.append(0, np.cumsum(along)) / unit
    whole = np.array([dots[:k, :k].sum() for k in range(len(along) + 1)]) / unit**2
    return Arrows(up, np.sqrt(np.maximum(whole - up**2, 0)), rank)


def short(length: float) -> str:
    """Two digits: ``0.05``, ``3.1``."""
    return f"{length:.2f}" if length < 0.995 else f"{length:.1f}"


def counted(rank: int) -> str:
    """Write ``1 change`` or ``64 changes``."""
    return f"{rank} change{'s' * (rank > 1)}"


def _arrow(ax: Axes, place: tuple[float, float], color: str, width: float) -> None:
    ax.annotate("", place, (0, 0), zorder=3 + width, arrowprops={
        "arrowstyle": "-|>,head_width=.2,head_length=.42", "color": color, "lw": width,
        "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6 + 3.5 * width})


def _side(fig: Figure, data: Arrows, left: float, top: float, size: tuple[float, float]) -> None:
    """``size``: width and height in inches, into which the longest arrow has to fit."""
    up, out = data.ends
    scale = min(size[0] / out, (size[1] - 0.35) / up)  # inches for the length of a change
    right, high = size[0] / scale, size[1] / scale
    ax = style.bare(style.place(fig, left, top, *size))
    ax.set(xlim=(0, right), ylim=(0, high))
    ax.annotate("", (0, high), (0, 0), arrowprops={
        "arrowstyle": "-|>", "color": style.FULL.mark, "lw": 1.5, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=False)
    ax.annotate("−dW", (0, high), (7, -6), textcoords="offset points", color=style.FULL.ink,
                weight=600, va="center")
    ax.plot((0, right), (0, 0), color=style.RULE, lw=1.5, clip_on=False)
    for rank in (2**power for power in range(data.rank.bit_length())):
        if rank < data.rank:
            place = (float(data.across[rank]), float(data.along[rank]))
            _arrow(ax, place, LIGHT, 1.2)
            low = rank < 4 or place[1] * scale < 0.08  # no room beside the arrow's head
            ax.annotate(f"{rank}", (place[0], 0) if low else place, (0, -5) if low else (4, -2),
                        textcoords="offset points", color=style.LORA.ink, annotation_clip=False,
                        ha="center" if low else "left", va="top" if low else "center")
    ax.plot((out, out), (0, up), color=style.MUTED, lw=style.THIN, ls=(0, (2, 2)), zorder=3,
            clip_on=False)
    ax.plot((0, out), (0, 0), color=style.MUTED, lw=1.8, zorder=3, clip_on=False)
    _arrow(ax, (out, up), style.LORA.mark, 2.2)
    ax.annotate(f"rank {data.rank}", (out, up), (0, 6), textcoords="offset points",
                ha="right", color=style.LORA.ink, weight=600)
    aside = data.rank > 4  # right of the numbers 1 and 2 below the axis
    ax.annotate(f"across: {short(out)}", (out * aside, 0), (0, -5), textcoords="offset points",
                ha="right" if aside else "left", va="top", color=style.MUTED,
                annotation_clip=False)
    ax.annotate(f"along −dW: {short(up)}", (out, max(up / 2, 8.5 / 72 / scale)), (7, 0),
                textcoords="offset points", va="center", color=style.FULL.ink,
                annotation_clip=False, bbox={"fc": style.PAPER, "ec": "none", "pad": 0.8})


@style.styled
def draw(data: Arrows, layout: Layout = "wide") -> Figure:
    """Draw the sum of each rank up to the chosen one, from the side."""
    wide = layout == "wide"
    size = (5.4, 2.1) if wide else (2.3, 1.3)
    fig = style.canvas(layout, size[1] + (1.15 if wide else 1.1))
    up, name = data.ends[0], counted(data.rank)
    style.heading(fig, f"The sum of {name} is {short(data.size)} long, and reaches {short(up)} "
                  f"along −dW: aim {data.aim:.2f}" if wide else
                  f"{name}: {short(data.size)} long, aim {data.aim:.2f}",
                  "Unit: the length of a typical change; light arrows: the sums of lower ranks"
                  if wide else "Unit: a typical change; light: lower ranks")
    _side(fig, data, 0.15, 0.8, size)
    return fig


def alt(data: Arrows) -> str:
    """Return the picture in words."""
    up, out = data.ends
    return (f"The sum of {counted(data.rank)} of W as an arrow seen from the side, in units of a "
            f"typical change's length. It is {short(data.size)} long: {short(up)} along -dW and "
            f"{short(out)} across it, so its cosine with -dW, the aim, is {data.aim:.2f}.")
