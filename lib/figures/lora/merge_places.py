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
LEFT, ROW = {"wide": 1.72, "narrow": 0.02}, {"wide": 0.56, "narrow": 1.34}  # inches
COLUMNS = {"wide": (4.56, 5.98), "narrow": (0.12, 1.86)}  # where the bars begin
BAR = {"wide": 1.0, "narrow": 1.4}  # inches for all questions
BARS = {"wide": 0.2, "narrow": 0.98}  # inches below a row's top


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
            Merge("Rounded twice", "the weights, and then the sum", "rounded W", "4 bits"),
            Merge("Rounded once", "only the sum", "original W", "4 bits")]
    columns = dict(answers or {})
    if len(columns) > 2 or any(len(each) != len(ways) for each in columns.values()):
        raise ValueError(f"at most two columns of {len(ways)} shares, one for each way")
    return [replace(way, answers={bits: np.array(each[number]) for bits, each in columns.items()})
            for number, way in enumerate(ways)]


def _row(ax: Axes, way: Merge, left: float, at: float) -> None:
    """A base and the adapter, and the file that is kept."""
    box(ax, (left + 0.44, at), (0.88, 0.32), way.base, style.FROZEN, letters=style.SMALL)
    ax.text(left + 0.97, at, "+", ha="center", va="center_baseline", weight=600)
    box(ax, (left + 1.28, at), (0.46, 0.32), "s B A", style.LORA, letters=style.SMALL)
    route(ax, (left + 1.52, at), (left + 2.0, at))
    if way.kept == "4 bits":
        ax.text(left + 1.74, at - 0.13, "round", va="center_baseline", ha="center",
                color=style.INK, weight=600, size=style.SMALL)
    box(ax, (left + 2.35, at), (0.68, 0.32), way.kept, style.LORA, letters=style.SMALL)


def _bar(ax: Axes, left: float, at: float, width: float, answers: np.ndarray) -> None:
    """The mean as a bar and as a figure above its end, and a point for each seed."""
    mean = float(answers.mean())
    ax.text(left + width * mean, at - 0.15, f"{mean:.1%}", va="center_baseline",
            ha="right" if mean > 0.4 else "center", color=style.TASK.ink, weight=600)
    ax.plot([left, left + width * mean], [at + 0.08] * 2, color=style.TASK.tint, lw=11,
            solid_capstyle="butt", zorder=1)
    ax.plot(left + width * answers, np.full(len(answers), at + 0.08), "o", ms=3, mew=0,
            color=style.TASK.mark, zorder=3)


def _axis(ax: Axes, left: float, width: float, bars: list[float], bottom: float) -> None:
    """Lines at no question, half of them and all, behind each bar; their shares below."""
    for part in (0, 0.5, 1):
        ax.vlines([left + width * part] * len(bars), [at - 0.04 for at in bars],
                  [at + 0.2 for at in bars], color=style.RULE, lw=style.THIN, zorder=0)
        ax.text(left + width * part, bottom + 0.12, f"{part:.0%}", ha="center",
                va="center_baseline", color=style.MUTED, size=style.SMALL)


@style.styled
def draw(data: list[Merge], layout: Layout = "wide") -> Figure:
    """Draw every way in a row of its own, its name at the left or above."""
    row, scored = ROW[layout], bool(data[0].answers)
    if layout == "narrow" and not scored:
        row -= 0.44
    top, foot = (0.98, 0.3) if scored else (0.66, 0.0)
    fig = style.canvas(layout, top + row * len(data) + foot)
    style.heading(fig, "Where can a QLoRA adapter be merged?",
                  "Trained beside rounded weights, and then added to a base"
                  + ("; at the right: questions answered" if scored and layout == "wide" else ""))
    ax = style.board(fig, style.MARGIN, top, style.WIDTH[layout] - 2 * style.MARGIN,
                     row * len(data) + foot)
    for left, bits in zip(COLUMNS[layout], data[0].answers):
        ax.text(left, -0.16, bits, va="center_baseline", color=style.TASK.ink, weight=600)
        _axis(ax, left, BAR[layout], [row * k + BARS[layout] for k in range(len(data))],
              row * len(data) - (0.08 if layout == "wide" else 0.12))
    for number, way in enumerate(data):
        for left, seeds in zip(COLUMNS[layout], way.answers.values()):
            _bar(ax, left, row * number + BARS[layout], BAR[layout], seeds)
        ax.text(0.02, row * number + 0.1, way.name, va="center_baseline", weight=600)
        ax.text(0.02, row * number + 0.29, way.words, va="center_baseline", size=style.SMALL,
                color=style.MUTED)
        _row(ax, way, LEFT[layout], row * number + (0.2 if layout == "wide" else 0.56))
    return fig


def alt(data: list[Merge]) -> str:
    """Return the drawing in words."""
    return "Merges of an adapter that was trained beside rounded weights. " + "; ".join(
        f"{way.name}: {way.base} plus the adapter, kept in {way.kept}, {way.words}"
        + "".join(f", {seeds.mean():.1%} at {bits}" for bits, seeds in way.answers.items())
        for way in data) + "."
