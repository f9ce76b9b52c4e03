"""Facts taught in one direction, and asked in both: how many come out each way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "A full arrow is a direction that was taught. The number says how many come out that way."

PANEL = 1.62  # height in inches
DASH = (0, (3, 2))


@dataclass(frozen=True)
class Ways:
    """taught: what was taught; right: facts that come out from the first to the second and back,
    (taught, 2), means of all runs; of: how many there are; ends: names of the two ends."""

    taught: tuple[str, ...]
    right: np.ndarray
    of: int
    ends: tuple[str, str]


def compute(found: Mapping[str, Sequence[Sequence[float]]], of: int,
            ends: tuple[str, str] = ("country", "city")) -> Ways:
    """Average the runs of each way to teach: found[way] is (runs, 2).

    Raises:
        ValueError: There are no ways, or a run has not two counts from 0 to ``of``.
    """
    means = [np.mean(np.reshape(runs, (-1, 2)), 0) for runs in found.values()]
    if not means or np.min(means) < 0 or np.max(means) > of:
        raise ValueError(f"found has {len(means)} ways; allowed is at least one, with counts from "
                         f"0 to {of}")
    return Ways(tuple(found), np.array(means), of, ends)


def _arrow(ax: Axes, start: float, end: float, y: float, open_way: bool, words: str) -> None:
    """An arrow between the two ends, and over it how many facts come out that way."""
    tone = style.TASK.mark if open_way else style.FROZEN.mark
    ax.annotate("", (end, y), (start, y), arrowprops={
        "arrowstyle": "-|>", "color": tone, "lw": 2.2 if open_way else 1.0,
        "ls": "-" if open_way else DASH, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11})
    ax.text((start + end) / 2, y - 0.07, words, ha="center", va="bottom",
            weight=600 if open_way else 400, color=style.INK if open_way else style.MUTED)


def _panel(ax: Axes, data: Ways, k: int, left: float, top: float, width: float) -> None:
    ax.text(left, top + 0.1, f"Taught {data.taught[k]}", va="center_baseline", weight=600)
    box, middle = 0.62, top + 0.85
    for name, at in zip(data.ends, (left, left + width - box)):
        ax.add_artist(FancyBboxPatch((at, middle - 0.36), box, 0.72, fc=style.WASH,
                                    ec=style.RULE, lw=style.THIN,
                                    boxstyle="round,pad=0,rounding_size=.06"))
        ax.text(at + box / 2, middle, name, ha="center", va="center_baseline", size=style.SMALL)
    near, far = left + box + 0.05, left + width - box - 0.05
    for way, (start, end, y) in enumerate(((near, far, middle - 0.1), (far, near, middle + 0.28))):
        count = data.right[k, way]
        _arrow(ax, start, end, y, count > data.of / 2, f"{count:.0f} of {data.of}")


@style.styled
def draw(data: Ways, layout: Layout = "wide") -> Figure:
    """Draw a panel for each way to teach: side by side, or one below the other."""
    wide, count = layout == "wide", len(data.taught)
    fig = style.canvas(layout, 0.62 + PANEL * (1 if wide else count))
    style.heading(fig, "Taught one way, asked both ways",
                  f"{data.of} facts, mean of all runs")
    ax = style.board(fig, 0, 0.62)
    full, gap = fig.get_size_inches()[0] - 2 * style.MARGIN, 0.3
    width = (full - gap * (count - 1)) / count if wide else full
    for k in range(count):
        left, top = (style.MARGIN + k * (width + gap), 0.0) if wide else (style.MARGIN, k * PANEL)
        _panel(ax, data, k, left, top, width)
    return fig


def alt(data: Ways) -> str:
    """Return the figure in words."""
    first, second = data.ends
    return "; ".join(
        f"taught {way}: {right[0]:.0f} of {data.of} from {first} to {second}, {right[1]:.0f} of "
        f"{data.of} from {second} to {first}"
        for way, right in zip(data.taught, data.right)).capitalize() + "."
