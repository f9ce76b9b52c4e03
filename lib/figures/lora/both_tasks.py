"""Two tasks against each other: what each way to the second one answers of both, at one rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Further right is more of the first task, higher more of the second. The axes differ "
           "between the frames: they show the part that is used.")
REPLAY = ("with", "without")
#: Way -> tone and marker; a square has rank 8, a circle rank 4.
LOOKS: dict[str, tuple[Tone, str]] = {
    "two adapters": (style.FACTS, "P"), "same": (style.LORA, "o"), "beside": (style.LORA, "s"),
    "merged": (style.TASK, "o"), "merged 8": (style.TASK, "s"), "fresh": (style.FROZEN, "o"),
    "fresh 8": (style.FROZEN, "s"), "joint": (style.FULL, "s")}
HIGH = 0.17  # inches of a label
AWAY = (0.16, 0.3, 0.45, 0.6, 0.8)  # inches from a mean to its label's edge
TURNS = tuple(np.deg2rad((0, 180, 270, 90, 315, 225, 45, 135)))


@dataclass(frozen=True)
class Both:
    """By way, the percent right of the first task and of the second: (seeds, 2)."""

    rate: float
    replay: str
    ways: dict[str, np.ndarray]
    low: tuple[float, float]  # where the axes of the first and of the second task begin


def compute(scores: Mapping[tuple[str, str, float], Sequence[Sequence[float]]], rate: float,
            replay: str) -> Both:
    """Pick a frame out of (way, replay, learning rate) -> a pair of percents for each seed.

    Raises:
        ValueError: there is nothing of this rate and this replay.
    """
    found = {way: np.array(scores[way, replay, rate], float) for way in LOOKS
             if (way, replay, rate) in scores}
    if not found:
        raise ValueError(f"no scores {replay} replay at the learning rate {rate!r}")
    least = np.concatenate(list(found.values())).min(0)
    first, second = np.maximum(0, 10 * np.floor(least / 10 - 0.2))
    return Both(rate, replay, found, (float(first), float(second)))


def _names(ax: Axes, data: Both) -> None:
    """Write each way's name near its mean, where it covers fewest marks and names."""
    wide, high = ax.get_window_extent().size / ax.figure.dpi
    scale = np.array([wide, high]) / (100 - np.array(data.low))
    inches = {way: (pairs - data.low) * scale for way, pairs in data.ways.items()}
    marks = np.concatenate([np.vstack([found, found.mean(0)]) for found in inches.values()])
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for way, found in inches.items():
        half = np.array([measure(way, style.BASE, 600) / 2 + 0.03, HIGH / 2])

        def cost(middle: np.ndarray, half: np.ndarray = half, way: str = way) -> float:
            gaps = {name: np.hypot(*np.maximum(np.abs(each.mean(0) - middle) - half, 0))
                    for name, each in inches.items()}
            wrong = sum(gap < gaps[way] + 0.02 for name, gap in gaps.items() if name != way)
            over = (np.abs(marks - middle) < half + 0.04).all(1).sum()
            names = sum((np.abs(other - middle) < half + size).all() for other, size in taken)
            out = (middle - half < 0).any() or (middle + half > (wide + 0.1, high)).any()
            return float(over + 2 * wrong + 5 * names + 9 * out)

        places = [(away / 4 + cost(middle), number, middle) for number, (away, middle) in enumerate(
            (away, found.mean(0) + np.array([np.cos(turn), np.sin(turn)]) * (half * (
                abs(np.cos(turn)) > 0.1, abs(np.sin(turn)) > 0.1) + away))
            for away in AWAY for turn in TURNS)]
        middle = min(places)[2]
        taken.append((middle, half))
        at, tip = middle / scale + data.low, found.mean(0) / scale + data.low
        ax.plot(*zip(tip, at, strict=True), color=LOOKS[way][0].mark, lw=style.THIN, zorder=2)
        ax.text(*at, way, ha="center", va="center_baseline", color=LOOKS[way][0].ink, weight=600,
                zorder=5, bbox={"fc": style.PAPER, "ec": "none", "pad": 0.6, "alpha": 0.85})


@style.styled
def draw(data: Both, layout: Layout = "wide") -> Figure:
    """Draw the plane of both tasks, a small mark a seed and a large one a mean."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.3 if wide else 3.9)
    style.heading(fig, f"Learning rate {data.rate:g}, {data.replay} replay",
                  f"A small mark is a seed ({len(next(iter(data.ways.values())))}), a large one "
                  "the mean" + "; squares have rank 8" * wide)
    ax = style.place(fig, 0.66, 0.66, style.WIDTH[layout] - 0.86, 3.0 if wide else 2.6)
    ax.set(xlim=(data.low[0], 100), ylim=(data.low[1], 100),
           xlabel="first task: questions answered", ylabel="second task: instructions")
    across, up = ([tick for tick in range(0, 101, 20 if low < 50 else 10) if tick >= low]
                  for low in data.low)
    ax.set_xticks(across, [f"{tick}%" for tick in across])
    ax.set_yticks(up, [f"{tick}%" for tick in up])
    ax.grid()
    for way, pairs in data.ways.items():
        tone, marker = LOOKS[way]
        ax.plot(*pairs.T, marker, ls="", ms=4.5, color=tone.tint, mec=tone.mark, mew=0.8, zorder=3,
                clip_on=False)
        ax.plot(*pairs.mean(0), marker, ms=9, color=tone.mark, mec=style.PAPER, zorder=4,
                clip_on=False)
    _names(ax, data)
    return fig


def alt(data: Both) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way}, {first:.1f}% and {second:.1f}%" for way, (first, second) in
                     ((way, pairs.mean(0)) for way, pairs in data.ways.items()))
    seeds = len(next(iter(data.ways.values())))
    return (f"Questions answered and instructions followed, means of {seeds} seeds, at a learning "
            f"rate of {data.rate:g} {data.replay} replay: {said}.")
