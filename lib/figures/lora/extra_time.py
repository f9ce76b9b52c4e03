"""What an unmerged adapter costs in time, over the requests in a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Two products more have to be started in each adapted layer. The more requests share "
           "the start, the less each of them pays.")
CLOCK = "a copy of the base"
#: What has marks, from left to right: its marker, tone, and whether it is filled.
MARKS: dict[str, tuple[str, Tone, bool]] = {
    "merged": ("^", style.FROZEN, True), "unmerged": ("D", style.LORA, True),
    "unmerged, rank 1": ("D", style.LORA, False)}
ASIDE = 0.17  # of the way to the next batch, between two marks


@dataclass(frozen=True)
class Extra:
    """Times as shares of the base's.

    sizes: requests in a batch, (sizes,); times: name -> (sizes, measurements), for the names of
    MARKS and CLOCK; work: multiplications of the unmerged model, as a share of the base's.
    """

    sizes: tuple[int, ...]
    times: dict[str, np.ndarray]
    work: float


def compute(sizes: Sequence[int], times: Mapping[str, Sequence[Sequence[float]]],
            work: float) -> Extra:
    """Take the measurements of each batch size, (sizes, measurements), with base = 1.

    Raises:
        ValueError: a name is missing, or hasn't a row for each batch size.
    """
    found = {name: np.array(times.get(name, ()), float) for name in (*MARKS, CLOCK)}
    for name, each in found.items():
        if each.ndim != 2 or len(each) != len(sizes):
            raise ValueError(f"{name}: one row of measurements for each of the batches "
                             f"{', '.join(map(str, sizes))}")
    return Extra(tuple(sizes), found, work)


def _marks(ax: Axes, data: Extra) -> None:
    """The range of a copy as a band, and a mark with its range for each model and batch."""
    places = np.arange(len(data.sizes))
    clock = data.times[CLOCK]
    edge = np.concatenate([[-0.45], places, [len(places) - 0.55]])
    low, high = (np.pad(each, 1, "edge") for each in (clock.min(1), clock.max(1)))
    ax.fill_between(edge, low, high, color=style.FROZEN.tint, lw=0, zorder=0)
    ax.axhline(data.work, color=style.LORA.mark, lw=style.THIN, ls=(0, (4, 2)), zorder=1)
    for number, (name, (marker, tone, filled)) in enumerate(MARKS.items()):
        at, each = places + ASIDE * (number - 1), data.times[name]
        ax.vlines(at, each.min(1), each.max(1), color=tone.mark, lw=style.THIN, zorder=2)
        ax.plot(at, np.median(each, 1), marker, color=tone.mark if filled else style.PAPER,
                mec=style.PAPER if filled else tone.mark, mew=1.0, ms=7 if filled else 5,
                zorder=3, clip_on=False)


def _legend(fig: Figure, data: Extra, layout: Layout) -> None:
    """Every mark, the line and the band with their names, above the axes."""
    ax = style.board(fig, style.MARGIN, 0.58, None, 0.72)
    entries = [*MARKS, "line", "band"]
    words = {"line": f"multiplications: {data.work - 1:.1%} more",
             "band": f"{CLOCK}: the clock's error"}
    places = [(left, 0.12) for left in (0.1, 0.95, 1.95)] + (
        [(3.5, 0.12), (3.5, 0.34)] if layout == "wide" else [(0.1, 0.34), (0.1, 0.56)])
    for name, (left, at) in zip(entries, places, strict=True):
        if name == "line":
            ax.plot([left - 0.05, left + 0.12], [at, at], color=style.LORA.mark, lw=style.THIN,
                    ls=(0, (4, 2)))
        elif name == "band":
            ax.fill_between([left - 0.05, left + 0.12], at - 0.07, at + 0.07,
                            color=style.FROZEN.tint, lw=0)
        else:
            marker, tone, filled = MARKS[name]
            ax.plot(left + 0.03, at, marker, color=tone.mark if filled else style.PAPER,
                    mec=style.PAPER if filled else tone.mark, mew=1.0, ms=7 if filled else 5)
        ax.text(left + 0.19, at, words.get(name, name), va="center_baseline", size=style.SMALL,
                color=style.MUTED if name in words else MARKS[name][1].ink)


@style.styled
def draw(data: Extra, layout: Layout = "wide") -> Figure:
    """Draw the time of each model over the batch size."""
    wide = layout == "wide"
    top = 1.15 if wide else 1.4
    fig = style.canvas(layout, top + 2.35)
    span = f"lowest to highest of {data.times[CLOCK].shape[1]}"
    style.heading(fig, "Is an unmerged adapter slower?", (
        f"Time of the model, the base's = 1. Vertical lines: {span} measurements" if wide else
        f"Time, the base's = 1. Lines: {span}"))
    _legend(fig, data, layout)
    left = 0.5
    ax = style.place(fig, left, top, style.WIDTH[layout] - left - 0.12, 1.85)
    _marks(ax, data)
    every = np.concatenate([each.ravel() for each in data.times.values()])
    ax.set(xlim=(-0.45, len(data.sizes) - 0.55), xlabel="requests in a batch",
           ylim=(min(0.9, every.min() - 0.01), max(1.2, every.max() + 0.01)))
    ax.set_xticks(np.arange(len(data.sizes)), [str(size) for size in data.sizes])
    ax.set_yticks([tick for tick in np.arange(0.5, 3, 0.1) if ax.get_ylim()[0] - 1e-9 <= tick
                   <= ax.get_ylim()[1] + 1e-9])
    ax.yaxis.set_major_formatter("{x:.1f}")
    ax.grid(axis="y")
    return fig


def alt(data: Extra) -> str:
    """Return the picture in words."""
    said = "; ".join(f"{name} " + ", ".join(f"{np.median(each):.2f}" for each in data.times[name])
                     for name in (*MARKS, CLOCK))
    every, count = data.times[CLOCK], data.times[CLOCK].shape[1]
    return (f"Time of the model, the base's = 1, for batches of {', '.join(map(str, data.sizes))} "
            f"requests, the middle of {count} measurements: {said}. Those of the copy range from "
            f"{every.min():.2f} to {every.max():.2f}. Unmerged there are {data.work - 1:.1%} more "
            f"multiplications.")
