"""What rounding the weights to 16 bits costs an adapter, by the size of its update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("With rounded weights alone, a merge loses more of a smaller update. If the layers "
           "compute in 16 bits too, both ways do.")
SPAN = (0.0017, 0.55)  # of the sizes
LIMITS, TICKS = (3e-4, 2.0), (0.001, 0.01, 0.1, 1)  # of the errors
WAYS = (("merged", style.LORA.mark, "-"), ("unmerged", style.PAPER, (0, (3, 1.5))))


@dataclass(frozen=True)
class Rounding:
    """Sizes of the update beside W, (sizes,), and the errors of both ways, (sizes, 2).

    An error is a share of the adapter's effect, merged and unmerged: with ``weights`` rounded
    alone, and with the layers ``computing`` in 16 bits too.
    """

    sizes: np.ndarray
    weights: np.ndarray
    computing: np.ndarray


def compute(sizes: Sequence[float], weights: Sequence[Sequence[float]],
            computing: Sequence[Sequence[float]]) -> Rounding:
    """Take two errors a size, merged and unmerged, for rounded weights and for computing too.

    Raises:
        ValueError: a size has not two of each.
    """
    for name, each in (("weights", weights), ("computing", computing)):
        if np.shape(each) != (len(sizes), 2):
            raise ValueError(f"the errors of {name} have shape {np.shape(each)}; allowed is "
                             f"{(len(sizes), 2)}")
    return Rounding(np.array(sizes, float), np.array(weights, float), np.array(computing, float))


def _lines(ax: Axes, data: Rounding, values: np.ndarray) -> None:
    """Both ways over the size of the update, and where the whole adapter stands."""
    for column, (_, face, dash) in enumerate(WAYS):
        ax.plot(data.sizes, values[:, column], ls=dash, color=style.LORA.mark, marker="D", ms=5.5,
                mfc=face, mec=style.LORA.mark, zorder=3 - column, clip_on=False)
    ax.set(xscale="log", xlim=SPAN, xlabel="size of the update beside W")
    ax.minorticks_off()
    ax.set_xticks([0.003, 0.01, 0.03, 0.1, 0.3], ["0.3%", "1%", "3%", "10%", "30%"])
    ax.grid(axis="y")


def _names(ax: Axes, data: Rounding, values: np.ndarray, words: Sequence[Sequence[str]]) -> None:
    """Each way's name and its value at the smallest update, and the value at the largest."""
    least, most = np.argmin(data.sizes), np.argmax(data.sizes)
    alike = values[least].max() < 1.2 * values[least].min()  # then one label says both
    for column, (name, *_) in enumerate(WAYS):
        side = 1 if column == 0 else -1
        first = (", ".join(f"{word} {way}" for word, (way, *_) in zip(words[least], WAYS))
                 if alike else f"{words[least][column]} {name}")
        for row, text, where in ((least, first, "left"), (most, words[most][column], "right")):
            if column and (alike if row == least else words[most][0] == words[most][1]):
                continue
            ax.annotate(text, (data.sizes[row], values[row, column]), (-5 if row == least else 5,
                        9 * side), textcoords="offset points", ha=where,
                        va="bottom" if side > 0 else "top", color=style.LORA.ink, weight=600,
                        size=style.SMALL)


@style.styled
def draw(data: Rounding, layout: Layout = "wide") -> Figure:
    """Draw the errors over the size of the update, for both kinds of rounding."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.8)
    style.heading(fig, "Error in bfloat16, as a share of the adapter's effect",
                  "Right on each axis: our whole adapter; left: a hundredth of it")
    for k, (values, title) in enumerate(((data.weights, "Only the weights are rounded"),
                                         (data.computing, "The layers compute in bfloat16 too"))):
        ax = style.place(fig, *((0.55 + 3.5 * k, 1.0, 3.0, 1.75) if wide else
                                (0.55, 1.0 + 2.45 * k, 2.85, 1.7)))
        _lines(ax, data, values)
        ax.set(yscale="log", ylim=LIMITS, title=title)
        ax.minorticks_off()
        ax.set_yticks(TICKS, [style.percent(tick, 1 if tick < 0.01 else 0) for tick in TICKS])
        _names(ax, data, values, [[style.percent(error, 1) for error in pair] for pair in values])
    return fig


def alt(data: Rounding) -> str:
    """Return the picture in words."""
    return "Errors as shares of the adapter's effect. " + " ".join(
        f"Update of {size:.1%} of W: weights in bfloat16, {one:.1%} merged and {two:.1%} "
        f"unmerged; computing in bfloat16 too, {few:.1%} and {many:.1%}."
        for size, (one, two), (few, many) in zip(data.sizes, data.weights, data.computing))
