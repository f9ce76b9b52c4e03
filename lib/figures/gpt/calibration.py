"""How often the likeliest token came, beside the probability that the model gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A point below the dashed line is a promise that was not kept: there the model is too "
           "sure of itself.")

#: Bins of the probability, narrow where most guesses are; the last holds 1, too.
EDGES = 0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99, 1


@dataclass(frozen=True)
class Bins:
    """One entry a bin: mean probability, share that came, its standard error, number of guesses."""

    edges: tuple[float, ...]
    given: np.ndarray
    came: np.ndarray
    error: np.ndarray
    count: np.ndarray


def compute(tops: np.ndarray, hits: np.ndarray, edges: Sequence[float] = EDGES) -> Bins:
    """Sort guesses by the probability of the likeliest token.

    tops: (guesses,), that probability; hits: (guesses,), whether that token came.

    Raises:
        ValueError: the two have other lengths, or a bin is empty.
    """
    tops, hits = np.asarray(tops, float), np.asarray(hits, float)
    if tops.shape != hits.shape:
        raise ValueError(f"there are {tops.shape} probabilities and {hits.shape} outcomes")
    bin_of = np.searchsorted(edges[1:-1], tops, side="right")
    count = np.bincount(bin_of, minlength=len(edges) - 1)
    if not count.all():
        at = int(np.argmin(count))
        raise ValueError(f"no guess is from {edges[at]} to {edges[at + 1]}: choose other edges")
    given, came = (np.bincount(bin_of, each, len(count)) / count for each in (tops, hits))
    return Bins(tuple(edges), given, came, np.sqrt(came * (1 - came) / count), count)


def _chart(ax: Axes, data: Bins, promised: np.ndarray, found: np.ndarray, error: np.ndarray,
           title: str) -> None:
    ax.plot(data.edges[::len(data.edges) - 1], promised, color=style.MUTED, lw=style.THIN,
            ls="--", zorder=1)
    ax.errorbar(data.given, found, error, fmt="o", color=style.DATA.mark, ms=5, lw=1.2)
    ax.set(xlim=(-0.02, 1.04), title=title, xlabel="probability given")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.grid(axis="y")


@style.styled
def draw(data: Bins, layout: Layout = "wide") -> Figure:
    """Draw the share that came, and by how many points it misses the probability."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.1 if wide else 5.6)
    style.heading(fig, "Calibration on held-out text",
                  f"{data.count.sum():,} guesses. Bars: one standard error")
    places = ((0.5, 0.98, 2.9, 1.55), (4.1, 0.98, 2.9, 1.55)) if wide else \
        ((0.5, 0.98, 2.9, 1.6), (0.5, 3.45, 2.9, 1.6))
    share, points = (style.place(fig, *place) for place in places)
    _chart(share, data, np.array([0, 1]), data.came, data.error, "Share that came")
    share.set(ylim=(-0.04, 1.06), yticks=[0, 0.5, 1])
    style.share_ticks(share.yaxis)
    miss = 100 * (data.came - data.given)
    _chart(points, data, np.zeros(2), miss, 100 * data.error, "Came minus given, in points")
    points.set(ylim=(-11, 11))
    points.set_yticks([-10, -5, 0, 5, 10], ["\u221210", "\u22125", "0", "5", "10"])
    return fig


def alt(data: Bins) -> str:
    """Return the picture in words."""
    return ("Probability given and share that came, bin by bin: " + ", ".join(
        f"given {given:.2f}, came {came:.2f}"
        for given, came in zip(data.given, data.came)) + ".")
