"""Where an adapter that was trained beside rounded weights can be merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("Only the first merge computes what was trained. For a small file the sum has to be "
           "rounded: for the second time, or for the first.")
LEFT, ROW = {"wide": 2.25, "narrow": 0.02}, {"wide": 0.56, "narrow": 0.98}  # inches
COLUMNS = {"wide": (5.82, 6.5), "narrow": (2.22, 2.9)}  # where the bars begin
BAR = 0.54  # inches for all questions


@dataclass(frozen=True)
class Merge:
    """One way: its name, what it means, its base, what is kept, and each seed's answers by bits."""

    name: str
    words: str
    base: str
    kept: str
    answers: dict[str, np.ndarray] = field(default_factory=dict)


def compute(answers: Mapping[str, Sequence[Sequence[float]]] | None = None) -> list[Merge]:
    """The four ways of chapter A3; by bits, at most two, every seed's share of right answers.

    Raises:
        ValueError: not every way has an answer, or there are more than two columns.
    """
    ways = [Merge("Rounded W, dequantised", "computes what was trained", "rounded W", "16 bits"),
            Merge("Original W", "a base it never met", "original W", "16 bits"),
            Merge("Rounded twice", "on a new grid, for the second time", "rounded W", "few bits"),
            Merge("Rounded once", "on a new grid, for the first time", "original W", "few bits")]
    columns = dict(answers or {})
    if len(columns) > 2 or any(len(each) != len(ways) for each in columns.values()):
        raise ValueError(f"at most two columns of {len(ways)} shares, one for each way")
    return [replace(way, answers={bits: np.array(each[number]) for bits, each in columns.items()})
            for number, way in enumerate(ways)]


def _row(ax: Axes, way: Merge, left: float, at: float) -> None:
    """A base and the adapter, and the file that is kept."""
    box(ax, (left + 0.48, at), (0.96, 0.32), way.base, style.FROZEN, letters=style.SMALL)
    ax.text(left + 1.06, at, "+", ha="center", va="center_baseline", weight=600)
    box(ax, (left + 1.45, at), (0.58, 0.32), "s B A", style.LORA, letters=style.SMALL)
    route(ax, (left + 1.76, at), (left + 2.36, at))
    if way.kept == "few bits":
        ax.text(left + 2.03, at - 0.13, "round", va="center_baseline", ha="center",
                color=style.INK, weight=600, size=style.SMALL)
    box(ax, (left + 2.88, at), (0.98, 0.32), f"file, {way.kept}", style.LORA, letters=style.SMALL)


def _bar(ax: Axes, left: float, at: float, answers: np.ndarray) -> None:
    """The mean as a figure and as a bar, and a point for each seed."""
    mean = float(answers.mean())
    ax.text(left, at - 0.15, f"{mean:.1%}", va="center_baseline", color=style.TASK.ink, weight=600)
    ax.plot([left, left + BAR], [at + 0.08] * 2, color=style.RULE, lw=1, solid_capstyle="butt")
    ax.plot([left, left + BAR * mean], [at + 0.08] * 2, color=style.TASK.tint, lw=9,
            solid_capstyle="butt")
    ax.plot(left + BAR * answers, np.full(len(answers), at + 0.08), "o", ms=2.6, mew=0,
            color=style.TASK.mark)


@style.styled
def draw(data: list[Merge], layout: Layout = "wide") -> Figure:
    """Draw every way in a row of its own, its name at the left or above."""
    row, top = ROW[layout], 0.92 if data[0].answers else 0.66
    fig = style.canvas(layout, top + row * len(data))
    style.heading(fig, "Where can a QLoRA adapter be merged?",
                  "Trained beside rounded weights, and then added to a base"
                  + ("; at the right: answers" if data[0].answers and layout == "wide" else ""))
    ax = style.board(fig, style.MARGIN, top, style.WIDTH[layout] - 2 * style.MARGIN,
                     row * len(data))
    for at, bits in zip(COLUMNS[layout], data[0].answers):
        ax.text(at, -0.14, bits, va="center_baseline", color=style.TASK.ink, weight=600)
    for number, way in enumerate(data):
        for left, seeds in zip(COLUMNS[layout], way.answers.values()):
            _bar(ax, left, row * number + (0.2 if layout == "wide" else 0.25), seeds)
        ax.text(0.02, row * number + 0.1, way.name, va="center_baseline", weight=600)
        ax.text(0.02, row * number + 0.29, way.words, va="center_baseline", size=style.SMALL,
                color=style.MUTED)
        _row(ax, way, LEFT[layout], row * number + (0.2 if layout == "wide" else 0.6))
    return fig


def alt(data: list[Merge]) -> str:
    """Return the drawing in words."""
    return "Merges of an adapter that was trained beside rounded weights. " + "; ".join(
        f"{way.name}: {way.base} plus the adapter, kept in {way.kept}, {way.words}"
        + "".join(f", {seeds.mean():.1%} at {bits}" for bits, seeds in way.answers.items())
        for way in data) + "."
