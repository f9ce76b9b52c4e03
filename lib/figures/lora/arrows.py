"""The changes of an adapter of rank 1, 2, 4, ..., each a sum of small ones, seen from two places.

From the side, the upright axis is the way of steepest fall, the level one how far a sum leads away
from that way, in whichever of the thousands of other directions. Both lengths of each sum are true,
in a unit that fits the sum shown to the paper. From above, along that way, each change is set end
to end with the last, as long as it is across the way, and at its true angle to the sum so far. So
the distance of each end from the middle is the true length of that sum, across the way.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Raise the rank to 64 (the picture zooms out), and see which length grows faster, along "
           "−dW, or across it, where each change turns off.")
LIGHT = "#b785bb"  # the sums of lower ranks


@dataclass(frozen=True)
class Arrows:
    """Sums of 0 to r changes, in units of a typical change's length; ``rank`` of them are shown."""

    along: np.ndarray  # (r + 1,): length of the sum along the way
    across: np.ndarray  # (r + 1,): length of the rest, at a right angle to it
    rank: int
    chain: np.ndarray  # (r + 1, 2): the rests end to end, each sum turned off from the last

    @property
    def ends(self) -> tuple[float, float]:
        """Length along the way, and across it."""
        return float(self.along[self.rank]), float(self.across[self.rank])

    @property
    def size(self) -> float:
        """Length of the sum."""
        return float(np.hypot(*self.ends))

    @property
    def turns(self) -> np.ndarray:
        """Angles (rank - 1,) of each change after the first with the sum so far, degrees."""
        ends = self.chain[1:self.rank + 1]
        back, on = ends[:-1], np.diff(ends, axis=0)
        cosines = (back * on).sum(1) / np.linalg.norm(back, axis=1) / np.linalg.norm(on, axis=1)
        return np.degrees(np.arccos(np.clip(cosines, -1, 1)))

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
    across = np.sqrt(np.maximum(whole - up**2, 0))
    return Arrows(up, across, rank, _end_to_end((dots - np.outer(along, along)) / unit**2, across))


def _end_to_end(dots: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Ends (r + 1, 2) of the sums of 0 to r changes, each turned left by its angle with the last.

    dots (r, r) has the dot product of each pair, lengths (r + 1,) are those of the sums.
    """
    ends, direction = np.zeros((len(lengths), 2)), 0.0
    for k, length in enumerate(lengths[1:]):
        if lengths[k] > 0:
            with_last = lengths[k] ** 2 + dots[:k, k].sum()  # of this sum and the one before
            direction += np.arccos(np.clip(with_last / (lengths[k] * length), -1, 1))
        ends[k + 1] = length * np.cos(direction), length * np.sin(direction)
    return ends


def short(length: float) -> str:
    """Two digits: ``0.05``, ``3.1``."""
    return f"{length:.2f}" if length < 0.995 else f"{length:.1f}"


def counted(rank: int) -> str:
    """Write ``1 change`` or ``64 changes``."""
    return f"{rank} change{'s' * (rank > 1)}"


def _arrow(ax: Axes, place: tuple[float, float], color: str, width: float,
           start: tuple[float, float] = (0, 0)) -> None:
    ax.annotate("", place, start, zorder=3 + width, arrowprops={
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


def _above(fig: Figure, data: Arrows, left: float, top: float, side: float) -> None:
    """All changes end to end, and their sum, in a square of ``side`` inches."""
    ends = data.chain[:data.rank + 1]
    low, high = ends.min(0), ends.max(0)
    half = max(high - low) / 2 * (1.12 if data.rank > 1 else 1.3)
    ax = style.bare(style.place(fig, left, top, side, side))
    ax.set(**{f"{axis}lim": (middle - half, middle + half)
              for axis, middle in zip("xy", (low + high) / 2, strict=True)})
    for before, after in itertools.pairwise(ends):
        if data.rank > 16:
            ax.plot(*zip(before, after, strict=True), color=style.MUTED, lw=1.2, zorder=3)
        else:
            _arrow(ax, tuple(after), style.MUTED, 1.2, tuple(before))
    if data.rank > 1:
        if 2 < data.rank <= 4:  # the sums so far, at right angles to the changes
            for end in ends[1:-1]:
                ax.plot((0, end[0]), (0, end[1]), color=style.LORA.mark, lw=1.1, ls=(0, (2, 2)))
        _arrow(ax, tuple(ends[-1]), style.LORA.mark, 2.2)


def note(rank: int) -> tuple[str, str]:
    """Two lines about the view from above: what is grey there, and what is dotted."""
    if rank == 1:
        return "Grey: the only change", ""
    dotted = " (dotted)" * (2 < rank <= 4)
    return "Grey: each change, at a right angle", f"to the sum so far{dotted}"


@style.styled
def draw(data: Arrows, layout: Layout = "wide") -> Figure:
    """Draw the sum of each rank up to the chosen one from the side, and its changes from above."""
    wide = layout == "wide"
    size = (3.0, 1.75) if wide else (2.3, 1.2)
    fig = style.canvas(layout, 3.75 if wide else 5.3)
    up, name = data.ends[0], counted(data.rank)
    style.heading(fig, f"The sum of {name} is {short(data.size)} long, and reaches {short(up)} "
                  f"along −dW: aim {data.aim:.2f}" if wide else
                  f"{name}: {short(data.size)} long, aim {data.aim:.2f}",
                  "Unit: a typical change's length; light: the sums of lower ranks"
                  if wide else "Unit: one change; light: lower ranks")
    names = style.board(fig)
    left, top = (4.8, 0.98) if wide else (0.5, 2.95)
    for place, words in (((style.MARGIN, 0.86), "From the side"),
                         ((left if wide else style.MARGIN, top - 0.12),
                          f"From above: across {short(data.ends[1])}")):
        names.text(*place, words, weight=600)
    for line, words in enumerate(note(data.rank)):
        names.text(left if wide else style.MARGIN, top + 0.06 + 0.17 * line, words,
                   color=style.MUTED)
    _side(fig, data, 0.15, 1.2 if wide else 1.05, size)
    _above(fig, data, left, top + 0.4, 2.2 if wide else 1.85)
    return fig


def alt(data: Arrows) -> str:
    """Return the picture in words."""
    up, out = data.ends
    return (f"The sum of {counted(data.rank)} of W as an arrow seen from the side, in units of a "
            f"typical change's length. It is {short(data.size)} long: {short(up)} along -dW and "
            f"{short(out)} across it, so its cosine with -dW, the aim, is {data.aim:.2f}." + (
                " From above, its changes end to end: each turns off from the sum so far at a "
                f"right angle, to within {abs(90 - data.turns).max():.1f} degrees."
                if data.rank > 1 else ""))
