"""The r changes of an adapter as arrows laid end to end, along the way of steepest fall and across.

All three lengths are true: each arrow's own, the sum's along the way, and the sum's across it.
Across there are thousands of directions; the picture has two, so each arrow turns left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("On the left you look down along −dW, on the right from the side. Raise the rank: "
           "the sum turns upwards, towards −dW.")


@dataclass(frozen=True)
class Arrows:
    """Sums of 0 to r changes, in units of a typical change's length; ``rank`` of them are shown."""

    along: np.ndarray  # (r + 1,): length of the sum along the way
    across: np.ndarray  # (r + 1,): length of the rest, at a right angle to it
    above: np.ndarray  # (r + 1, 2): where the sum ends, seen down the way
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
    """Lay the changes end to end.

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
    out = np.sqrt(np.maximum(whole - up**2, 0))
    own = np.sqrt(np.maximum(np.diag(dots) - along**2, 0)) / unit  # of each change, across
    # Three sides of a triangle: the sum before, the change, and the sum after it.
    before, after = out[1:-1], out[2:]
    turn = (before**2 + after**2 - own[1:]**2) / (2 * before * after)
    angle = np.concatenate([[0, 0], np.cumsum(np.arccos(np.clip(turn, -1, 1)))])
    return Arrows(up, out, np.stack([out * np.cos(angle), out * np.sin(angle)], axis=1), rank)


def short(length: float) -> str:
    """Two digits: ``0.05``, ``3.1``."""
    return f"{length:.2f}" if length < 0.995 else f"{length:.1f}"


def counted(rank: int) -> str:
    """Write ``1 change`` or ``64 changes``."""
    return f"{rank} change{'s' * (rank > 1)}"


def _chain(ax: Axes, data: Arrows, places: np.ndarray) -> None:
    """Every change as an arrow, from the end of the one before; those to come as a thin line."""
    ax.plot(*places.T, color=style.RULE, lw=style.THIN, zorder=1)
    shown = places[:data.rank + 1]
    ax.quiver(*shown[:-1].T, *np.diff(shown, axis=0).T, angles="xy", scale_units="xy", scale=1,
              color="#b785bb", units="inches", width=0.013, headwidth=5, headlength=5,
              headaxislength=4.5, minlength=0.1, zorder=2)


def _sum(ax: Axes, place: np.ndarray) -> None:
    ax.annotate("", place, (0, 0), zorder=4, arrowprops={
        "arrowstyle": "-|>,head_width=.22,head_length=.45", "color": style.LORA.mark,
        "lw": 2.2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14})


def _above(fig: Figure, data: Arrows, left: float, top: float, side: float) -> None:
    ax = style.bare(style.place(fig, left, top, side, side))
    low, high = data.above.min(0), data.above.max(0)
    middle, half = (low + high) / 2, (high - low).max() / 2 + 0.4
    ax.set(xlim=middle[0] + half * np.array([-1, 1]), ylim=middle[1] + half * np.array([-1, 1]))
    _chain(ax, data, data.above)
    _sum(ax, data.above[data.rank])
    ax.plot(0, 0, "o", ms=6.5, mfc=style.PAPER, mec=style.FULL.mark, mew=1.5, zorder=5)
    ax.plot(0, 0, "o", ms=2, color=style.FULL.mark, zorder=6)


def _side(fig: Figure, data: Arrows, left: float, top: float, scale: float) -> None:
    """``scale``: inches for the length of a change."""
    right, high = data.across.max() + 0.3, data.along.max() + 0.9
    ax = style.bare(style.place(fig, left, top, right * scale, high * scale))
    ax.set(xlim=(0, right), ylim=(0, high))
    up, out = data.ends
    ax.annotate("", (0, high), (0, 0), arrowprops={
        "arrowstyle": "-|>", "color": style.FULL.mark, "lw": 1.5, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=False)
    ax.annotate("−dW", (0, high), (7, -6), textcoords="offset points", color=style.FULL.ink,
                weight=600, va="center")
    ax.plot((0, right), (0, 0), color=style.RULE, lw=1.5, clip_on=False)
    _chain(ax, data, np.stack([data.across, data.along], axis=1))
    ax.plot((out, out), (0, up), color=style.MUTED, lw=style.THIN, ls=(0, (2, 2)), zorder=3)
    ax.plot((0, out), (0, 0), color=style.MUTED, lw=1.8, zorder=3, clip_on=False)
    _sum(ax, np.array((out, up)))
    ax.annotate(f"across: {short(out)}", (out / 2, 0), (0, -5), textcoords="offset points",
                ha="left" if out < 3 else "center", va="top", color=style.MUTED,
                annotation_clip=False)
    ax.annotate(f"along −dW: {short(up)}", (out, max(up / 2, 8.5 / 72 / scale)), (7, 0),
                textcoords="offset points", va="center", color=style.FULL.ink,
                annotation_clip=False, bbox={"fc": style.PAPER, "ec": "none", "pad": 0.8})


@style.styled
def draw(data: Arrows, layout: Layout = "wide") -> Figure:
    """Draw the chain of arrows from above and from the side, with its sum."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.35 if wide else 5.05)
    up, name = data.ends[0], counted(data.rank)
    style.heading(fig, f"The sum of {name} is {short(data.size)} long, and reaches {short(up)} "
                  f"along −dW: aim {data.aim:.2f}" if wide else
                  f"{name}: {short(data.size)} long, aim {data.aim:.2f}",
                  "Unit: the length of a typical change; the dark arrow is the sum" if wide else
                  "Unit: a typical change; dark: the sum")
    titled = {"weight": 600, "parse_math": False}
    style.write(fig, 0.15, 0.78 if wide else 0.7, "From above, down along −dW", **titled)
    _above(fig, data, 0.15 if wide else 0.55, 1.05 if wide else 0.97, 2.2 if wide else 1.95)
    style.write(fig, *((2.75, 0.78) if wide else (0.15, 3.1)), "From the side", **titled)
    scale = (3.45 if wide else 2.5) / (data.across.max() + 0.3)
    height = (data.along.max() + 0.9) * scale
    _side(fig, data, 2.75 if wide else 0.15, (2.9 if wide else 4.7) - height, scale)
    return fig


def alt(data: Arrows) -> str:
    """Return the picture in words."""
    up, out = data.ends
    return (f"{counted(data.rank)} of W as arrows laid end to end, in units of a typical one's "
            f"length. The sum is {short(data.size)} long: {short(up)} along -dW and {short(out)} "
            f"across it, so its cosine with -dW, the aim, is {data.aim:.2f}.")
