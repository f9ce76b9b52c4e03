"""The product of a rotated query and key over their distance, as a mean of few or many waves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Thick: the mean of the pairs taken, the fastest first; thin: up to five of them; "
           "dot: the highest later peak.")
THIN_LINES = 5


@dataclass(frozen=True)
class Waves:
    """every_wave: (pairs, distances), the cosine of each pair; the first ``taken`` are taken."""

    every_wave: np.ndarray = field(repr=False)
    taken: int

    @property
    def waves(self) -> np.ndarray:
        """The waves of the pairs taken, (taken, distances)."""
        return self.every_wave[:self.taken]

    @property
    def every(self) -> int:
        """How many pairs there are."""
        return len(self.every_wave)

    @property
    def mean(self) -> np.ndarray:
        """The mean of the waves, (distances,)."""
        return self.waves.mean(0)

    @property
    def rival(self) -> int:
        """The distance of the highest peak after 0, or the last one if there is none."""
        mean = self.mean
        peaks = np.flatnonzero((mean[1:-1] > mean[:-2]) & (mean[1:-1] >= mean[2:])) + 1
        return int(peaks[mean[peaks].argmax()]) if len(peaks) else len(mean) - 1


def compute(omega: np.ndarray, pairs: int, distances: int = 128) -> Waves:
    """Take the first pairs of these frequencies, in radians a token.

    Raises:
        ValueError: there are not so many pairs.
    """
    if not 1 <= pairs <= len(omega):
        raise ValueError(f"pairs is {pairs}; allowed are 1 to {len(omega)}")
    return Waves(np.cos(omega[:, None] * np.arange(distances)), pairs)


@style.styled
def draw(data: Waves, layout: Layout = "wide") -> Figure:
    """Draw some waves thin, their mean thick, and the peak that is most like distance 0."""
    fig = style.canvas(layout, 3.05)
    taken, rival = data.taken, data.rival
    style.heading(fig, f"{taken} of {data.every} pairs: the highest peak is {data.mean[rival]:.2f}",
                  f"At distance {rival}" + (". Distance 0 has 1" if layout == "wide" else "")
                  + (f". Dashed: all {data.every} pairs" if taken < data.every else ""))
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 0.85, 1.75)
    ax.axhline(0, color=style.RULE, lw=style.THIN)
    some = np.unique(np.linspace(0, taken - 1, THIN_LINES).astype(int))
    ax.plot(data.waves[some].T, color=style.FROZEN.mark, lw=0.7, alpha=0.3, zorder=2)
    if taken < data.every:
        ax.plot(data.every_wave.mean(0), color=style.LORA.mark, lw=1.8, ls="--", zorder=4)
    ax.plot(data.mean, color=style.DATA.mark, lw=2.2, zorder=3, clip_on=False)
    style.point(ax, rival, data.mean[rival], "o", style.DATA, 7)
    ax.set(xlim=(0, data.waves.shape[1] - 1), ylim=(-1.1, 1.1), yticks=[-1, 0, 1],
           xlabel="distance of the two positions, in tokens", ylabel="q \u00b7 k, scaled to 1")
    ax.set_xticks([0, 32, 64, 96, data.waves.shape[1] - 1])
    return fig


def alt(data: Waves) -> str:
    """Return the frame in words."""
    return (f"The mean of {data.taken} of {data.every} waves over the distance: 1 at distance "
            f"0, {data.mean[1]:.2f} at 1, {data.mean[10]:.2f} at 10, {data.mean[-1]:.2f} at "
            f"{len(data.mean) - 1}; the highest peak after 0 "
            f"is {data.mean[data.rival]:.2f}, at {data.rival}.")
