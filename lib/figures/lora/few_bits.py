"""Adapters with updates of different sizes on a base of few bits: unmerged, and merged twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each row: the same adapters in three ways; small marks are seeds. Updates above the "
           "dashed line are smaller than the rounding error.")
#: The ways, with the face of each one's mark.
WAYS = {"unmerged": style.LORA.mark, "rounded once": style.PAPER,
        "rounded twice": style.LORA.tint}
MARKS = {"unmerged": "D", "rounded once": "D", "rounded twice": "X"}
APART = 0.28  # rows between two marks


@dataclass(frozen=True)
class Sizes:
    """Adapters in the order of their updates, and what rounding changes, as parts of ``W``.

    ``shares``: right answers (seeds, 3) of each adapter, in the three ways; ``whole``: beside the
    original weights.
    """

    bits: int
    error: float
    names: tuple[str, ...]
    sizes: np.ndarray
    shares: tuple[np.ndarray, ...]
    whole: np.ndarray

    @property
    def below(self) -> int:
        """How many updates are smaller than the rounding error."""
        return int((self.sizes < self.error).sum())


def compute(bits: int, error: float, adapters: Mapping[
        str, tuple[Sequence[float], Sequence[float], Sequence[Sequence[float]]]]) -> Sizes:
    """Gather each adapter's sizes, its answers as it is and in the three ways, seed by seed.

    Raises:
        ValueError: a seed that has not three shares.
    """
    if wrong := [name for name, (*_, each) in adapters.items()
                 if np.shape(each)[1:] != (len(WAYS),)]:
        raise ValueError(f"{wrong[0]}: each seed has {len(WAYS)} shares")
    order = sorted(adapters, key=lambda name: float(np.mean(adapters[name][0])))
    sizes, whole = (np.array([np.mean(adapters[name][part]) for name in order])
                    for part in (0, 1))
    return Sizes(bits, float(error), tuple(order), sizes, tuple(
        np.array(adapters[name][2], float) for name in order), whole)


def _rows(ax: Axes, data: Sizes) -> None:
    for row, (seeds, whole) in enumerate(zip(data.shares, data.whole)):
        ax.vlines(whole, row - 0.42, row + 0.42, color=style.FROZEN.mark, lw=2)
        for number, way in enumerate(WAYS):
            at, mean = row + APART * (number - 1), seeds[:, number].mean()
            if len(seeds) > 1:
                ax.plot(seeds[:, number], np.full(len(seeds), at), MARKS[way], ms=3.5,
                        mfc=WAYS[way], mec=style.LORA.mark, mew=0.7, clip_on=False)
            ax.plot(mean, at, MARKS[way], ms=7, mfc=WAYS[way], mec=style.LORA.mark, mew=1.4,
                    zorder=3, clip_on=False)
            left = seeds[:, number].min() > 1 - seeds[:, number].max()  # where there is more room
            word = "" if row and way == "unmerged" else way.removeprefix("rounded ") + " "
            ax.annotate(f"{word}{mean:.0%}",
                        (seeds[:, number].min() if left else seeds[:, number].max(), at),
                        xytext=(-9 if left else 9, 0), textcoords="offset points", va="center",
                        ha="right" if left else "left", color=style.LORA.ink, weight=600,
                        size=style.SMALL)
    ax.axhline(data.below - 0.5, color=style.TASK.mark, ls="--", lw=1.2, clip_on=False)
    ax.text(0.01, data.below - 0.46, f"rounding error {data.error:.1%} of W", va="top",
            color=style.TASK.ink, weight=600, size=style.SMALL)
    ax.set(xlim=(0, 1), ylim=(len(data.names) - 0.2, -0.55), xlabel="questions answered")
    ax.set_yticks(range(len(data.names)), [
        f"{size:.1%} of W\n{name}\n{len(seeds)} seeds"
        for name, size, seeds in zip(data.names, data.sizes, data.shares)])
    ax.tick_params(axis="y", length=0, pad=9, labelcolor=style.INK, labelsize=style.SMALL)
    style.share_ticks(ax.xaxis, 0)
    ax.grid(axis="x")


def _key(fig: Figure, wide: bool) -> None:
    """The marks with their names, above the rows."""
    across, high = (6.2, 0.26) if wide else (3.5, 0.52)
    ax = style.bare(style.place(fig, style.MARGIN, 0.6, across, high))
    ax.set(xlim=(0, across), ylim=(high, 0))
    places = ((0.1, 0.13), (1.2, 0.13), (2.65, 0.13), (4.1, 0.13)) if wide else \
        ((0.1, 0.13), (1.6, 0.13), (0.1, 0.39), (1.6, 0.39))
    for (left, at), name in zip(places, WAYS):
        ax.plot(left, at, MARKS[name], ms=7, mfc=WAYS[name], mec=style.LORA.mark, mew=1.4)
        ax.text(left + 0.13, at, name, va="center", color=style.LORA.ink, weight=600)
    left, at = places[-1]
    ax.plot([left, left], [at - 0.1, at + 0.1], color=style.FROZEN.mark, lw=2)
    ax.text(left + 0.13, at, "original weights", va="center", color=style.FROZEN.ink, weight=600)


@style.styled
def draw(data: Sizes, layout: Layout = "wide") -> Figure:
    """Draw a row for each adapter, small updates first: unmerged, and after either merge."""
    wide, high = layout == "wide", 0.8 * (len(data.names) + 0.35)
    top = 1.0 if wide else 1.24
    fig = style.canvas(layout, top + 0.6 + high)
    style.heading(fig, f"{data.bits} bits: unmerged, rounded once, rounded twice",
                  "Adapters by the norm of their update, the smallest at the top"
                  if wide else "By the norm of the update")
    _key(fig, wide)
    left = 1.35
    _rows(style.place(fig, left, top, style.WIDTH[layout] - left - 0.25, high), data)
    return fig


def alt(data: Sizes) -> str:
    """Return the picture in words."""
    return (f"Questions answered at {data.bits} bits; rounding changes the weights by "
            f"{data.error:.1%} of their norm. " + " ".join(
                f"Update of {size:.1%} ({name}, {len(seeds)} seeds): original weights {whole:.1%}, "
                + ", ".join(f"{way} {share:.1%}" for way, share in zip(WAYS, seeds.mean(0))) + "."
                for name, size, whole, seeds in zip(data.names, data.sizes, data.whole,
                                                    data.shares)))
