"""What rounding the weights to 16 bits costs an adapter, by the size of its update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("The smaller the update is beside W, the more of it a merge in 16 bits loses. Few "
           "replies change.")
SPAN = (0.0017, 0.55)  # of the sizes
LIMITS, TICKS = (3e-4, 1.0), (0.001, 0.01, 0.1, 1)  # of the errors
WAYS = (("merged", style.LORA.mark, "-"), ("unmerged", style.PAPER, (0, (3, 1.5))))


@dataclass(frozen=True)
class Rounding:
    """Sizes of the update beside W, (sizes,), and of both ways, (sizes, 2): merged and unmerged.

    An error is a share of the adapter's effect; ``changed`` counts replies, of ``total``.
    """

    sizes: np.ndarray
    errors: np.ndarray
    changed: np.ndarray
    total: int


def compute(sizes: Sequence[float], errors: Sequence[Sequence[float]],
            changed: Sequence[Sequence[int]], total: int) -> Rounding:
    """Take two errors and two counts of changed replies a size: merged and unmerged.

    Raises:
        ValueError: a size has not two of each.
    """
    for name, each in (("errors", errors), ("counts", changed)):
        if np.shape(each) != (len(sizes), 2):
            raise ValueError(f"the {name} have shape {np.shape(each)}; allowed is "
                             f"{(len(sizes), 2)}")
    return Rounding(np.array(sizes, float), np.array(errors, float), np.array(changed), total)


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
    for column, (name, *_) in enumerate(WAYS):
        side = 1 if column == 0 else -1
        for row, text, where in ((least, f"{words[least][column]} {name}", "left"),
                                 (most, words[most][column], "right")):
            if row == most and words[most][0] == words[most][1] and column:
                continue
            ax.annotate(text, (data.sizes[row], values[row, column]), (-5 if row == least else 5,
                        9 * side), textcoords="offset points", ha=where,
                        va="bottom" if side > 0 else "top", color=style.LORA.ink, weight=600,
                        size=style.SMALL)


@style.styled
def draw(data: Rounding, layout: Layout = "wide") -> Figure:
    """Draw the errors, and the replies that change, over the size of the update."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.8)
    style.heading(fig, "What a merge in bfloat16 loses",
                  "Right on each axis: our whole adapter; left: a hundredth of it")
    left, right = (style.place(fig, *((0.55 + 3.5 * k, 1.0, 3.0, 1.75) if wide else
                                      (0.55, 1.0 + 2.45 * k, 2.85, 1.7))) for k in (0, 1))
    _lines(left, data, data.errors)
    left.set(yscale="log", ylim=LIMITS, title="Error, as a share of the adapter's effect")
    left.minorticks_off()
    left.set_yticks(TICKS, [style.percent(tick, 1 if tick < 0.01 else 0) for tick in TICKS])
    _names(left, data, data.errors,
           [[style.percent(error, 1) for error in pair] for pair in data.errors])
    _lines(right, data, data.changed)
    top = max(10, 1.35 * data.changed.max())
    right.set(ylim=(-0.2 * top, top), title=f"Replies that change, of {data.total}")
    right.set_yticks(range(0, int(top) + 1, max(5, 5 * int(top / 20))))
    _names(right, data, data.changed, [[str(count) for count in pair] for pair in data.changed])
    return fig


def alt(data: Rounding) -> str:
    """Return the picture in words."""
    return "Weights in bfloat16. " + " ".join(
        f"Update of {size:.1%} of W: error merged {one:.1%}, unmerged {two:.1%} of the adapter's "
        f"effect; of {data.total} replies {few} and {many} change." for size, (one, two),
        (few, many) in zip(data.sizes, data.errors, data.changed))
