"""Adapters with updates of different sizes on a base of few bits: unmerged, and after a merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Rounding twice costs most where the update is smaller than the rounding error, above "
           "the dashed line. Small marks are seeds.")
#: The ways, with the face of each one's mark.
WAYS = {"unmerged": style.LORA.mark, "rounded once": style.PAPER,
        "rounded twice": style.LORA.tint}
MERGES = tuple(WAYS)[1:]
APART = 0.32  # rows between the two marks


@dataclass(frozen=True)
class Sizes:
    """Adapters in the order of their updates, and what rounding changes, as parts of ``W``.

    ``shares``: right answers (seeds, 2) of each adapter, unmerged and after the merge; ``whole``:
    beside the original weights.
    """

    bits: int
    error: float
    names: tuple[str, ...]
    sizes: np.ndarray
    shares: tuple[np.ndarray, ...]
    whole: np.ndarray
    merge: str

    @property
    def below(self) -> int:
        """How many updates are smaller than the rounding error."""
        return int((self.sizes < self.error).sum())


def compute(bits: int, error: float, adapters: Mapping[
        str, tuple[Sequence[float], Sequence[float], Sequence[Sequence[float]]]],
        merge: str = MERGES[1]) -> Sizes:
    """Gather each adapter's sizes, its answers as it is and in the three ways, seed by seed.

    Raises:
        ValueError: an unknown merge, or a seed that has not three shares.
    """
    if merge not in MERGES:
        raise ValueError(f"merge is {merge!r}; allowed are {', '.join(MERGES)}")
    if wrong := [name for name, (*_, each) in adapters.items()
                 if np.shape(each)[1:] != (len(WAYS),)]:
        raise ValueError(f"{wrong[0]}: each seed has {len(WAYS)} shares")
    order = sorted(adapters, key=lambda name: float(np.mean(adapters[name][0])))
    sizes, whole = (np.array([np.mean(adapters[name][part]) for name in order])
                    for part in (0, 1))
    kept = [0, list(WAYS).index(merge)]
    return Sizes(bits, float(error), tuple(order), sizes, tuple(
        np.array(adapters[name][2], float)[:, kept] for name in order), whole, merge)


def _rows(ax: Axes, data: Sizes) -> None:
    for row, (seeds, whole) in enumerate(zip(data.shares, data.whole)):
        ax.vlines(whole, row - 0.36, row + 0.36, color=style.FROZEN.mark, lw=2)
        for number, way in enumerate(("unmerged", data.merge)):
            at, mean = row + APART * (number - 0.5), seeds[:, number].mean()
            if len(seeds) > 1:
                ax.plot(seeds[:, number], np.full(len(seeds), at), "D", ms=3.5, mfc=WAYS[way],
                        mec=style.LORA.mark, mew=0.7, clip_on=False)
            ax.plot(mean, at, "D", ms=7, mfc=WAYS[way], mec=style.LORA.mark, mew=1.4, zorder=3,
                    clip_on=False)
        left = seeds[:, -1].min() > 1 - seeds[:, -1].max()  # where there is more room
        ax.annotate(f"{data.merge.removeprefix('rounded ')} {mean:.0%}",
                    (seeds[:, -1].min() if left else seeds[:, -1].max(), at),
                    xytext=(-9 if left else 9, 0), textcoords="offset points", va="center",
                    ha="right" if left else "left", color=style.LORA.ink, weight=600)
    ax.axhline(data.below - 0.5, color=style.TASK.mark, ls="--", lw=1.2, clip_on=False)
    ax.text(0.01, data.below - 0.46, f"rounding error {data.error:.1%} of W", va="top",
            color=style.TASK.ink, weight=600)
    ax.set(xlim=(0, 1), ylim=(len(data.names) - 0.1, -0.6), xlabel="questions answered")
    ax.set_yticks(range(len(data.names)), [f"{size:.1%} of W\n{name}"
                                           for name, size in zip(data.names, data.sizes)])
    ax.tick_params(axis="y", length=0, pad=9, labelcolor=style.INK, labelsize=style.BASE)
    style.share_ticks(ax.xaxis, 0)
    ax.grid(axis="x")


def _key(fig: Figure, merge: str) -> None:
    """The marks with their names, above the rows."""
    ax = style.bare(style.place(fig, style.MARGIN, 0.6, 3.5, 0.26))
    ax.set(xlim=(0, 3.5), ylim=(0, 1))
    for left, name in ((0.1, "unmerged"), (1.0, merge)):
        ax.plot(left, 0.5, "D", ms=7, mfc=WAYS[name], mec=style.LORA.mark, mew=1.4)
        ax.text(left + 0.11, 0.5, name, va="center", color=style.LORA.ink, weight=600)
    ax.plot([2.2, 2.2], [0.1, 0.9], color=style.FROZEN.mark, lw=2)
    ax.text(2.3, 0.5, "original weights", va="center", color=style.FROZEN.ink, weight=600)


@style.styled
def draw(data: Sizes, layout: Layout = "wide") -> Figure:
    """Draw a row for each adapter, small updates first: unmerged, and after the merge."""
    high = 0.66 * (len(data.names) + 0.5)
    fig = style.canvas(layout, 1.6 + high)
    style.heading(fig, f"{data.bits} bits, {data.merge}: what is left?",
                  "Adapters by the norm of their update, the smallest at the top"
                  if layout == "wide" else "By the norm of the update")
    _key(fig, data.merge)
    left = 1.35
    _rows(style.place(fig, left, 1.0, style.WIDTH[layout] - left - 0.25, high), data)
    return fig


def alt(data: Sizes) -> str:
    """Return the picture in words."""
    return (f"Questions answered at {data.bits} bits; rounding changes the weights by "
            f"{data.error:.1%} of their norm. " + " ".join(
                f"Update of {size:.1%} ({name}): original weights {whole:.1%}, unmerged "
                f"{seeds[:, 0].mean():.1%}, {data.merge} {seeds[:, 1].mean():.1%}."
                for name, size, whole, seeds in zip(data.names, data.sizes, data.whole,
                                                    data.shares)))
