"""What models still answer when the words of either task stand in the frame of either task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph
from lib.figures.kit.style import Layout

CAPTION = ("A row is a frame, a column is a task's words. A bar is a mean, and its bracket goes "
           "from the lowest of five seeds to the highest.")
#: A control is grey, like the base, and the first model is dark (``FULL``).
TONES = {"base": style.FROZEN, "first model": style.FACTS, "beside": style.LORA,
         "fresh": style.FROZEN}
FULL = "first model",  # models whose bars are filled with their tone, not with its tint
BAR, GAP = 0.25, 0.2  # inches: a model's bar, and between the parts of the picture
HEAD, OVER = 0.46, 0.26  # inches of the words above the columns, of a frame above its row (narrow)
SIDE = {"wide": 1.78, "narrow": 0.06}  # inches of the frames, left of all else
NAMES = 0.76  # inches of the models' names


@dataclass(frozen=True)
class Crossed:
    """Percent of replies with the right answer, by frame, words and model: (seeds,).

    A frame and words are two lines each: what they are, and how they read.
    """

    frames: tuple[str, ...]
    words: tuple[str, ...]
    found: dict[tuple[str, str], dict[str, np.ndarray]]


def compute(found: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> Crossed:
    """Sort the shares.

    Args:
        found: (frame, words), each of two lines -> model -> percent of replies with the right
            answer, one per seed.

    Raises:
        ValueError: it is not two frames by two kinds of words, or a model has no tone.
    """
    frames, words = (tuple(dict.fromkeys(key[part] for key in found)) for part in range(2))
    models = {name for each in found.values() for name in each}
    if len(frames) != 2 or len(words) != 2 or len(found) != 4 or models - set(TONES):
        raise ValueError(f"there are {len(found)} cells of {sorted(models)}; allowed are 2 x 2 of "
                         f"{', '.join(TONES)}")
    return Crossed(frames, words, {key: {name: np.array(each[name], float) for name in TONES
                                         if name in each} for key, each in found.items()})


def _bracket(ax: Axes, at: int, low: float, high: float, color: str, ends: int = 2) -> None:
    """A line from low to high, with a stroke at its low end, or at both."""
    ax.plot([low, high], [at, at], color=color, lw=1.4, solid_capstyle="butt")
    ax.plot([low, high][:ends], [at] * ends, "|", color=color, ms=6, mew=1.4)


def _cell(ax: Axes, each: Mapping[str, np.ndarray], named: bool) -> None:
    """A bar for each model, with its range as a bracket and its mean as a number."""
    for at, (name, percent) in enumerate(each.items()):
        tone, mean, low, high = TONES[name], percent.mean(), percent.min(), percent.max()
        full = name in FULL
        ax.barh(at, mean, 0.62, color=tone.mark if full else tone.tint, ec=tone.mark, lw=style.THIN)
        if low < high:
            _bracket(ax, at, low, high, tone.mark)
        if full:        # what stands on the bar
            _bracket(ax, at, low, mean, style.PAPER, ends=1)
        ax.text(max(mean, high) + 4, at, f"{mean:.0f}%", va="center_baseline", color=tone.ink,
                size=style.SMALL, weight=600)
    ax.set(xlim=(0, 122), ylim=(len(each) - 0.5, -0.5))
    ax.set_yticks(range(len(each)), list(each) if named else [""] * len(each))
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


def _two_lines(ax: Axes, left: float, top: float, words: str, width: float) -> None:
    """What it is, and under it how it reads."""
    for number, line in enumerate(words.split("\n")):
        paragraph(ax, left, top + 0.19 * number, line, width, 1, style.MUTED if number
                  else style.INK, style.SMALL, 400 if number else 600)


@style.styled
def draw(data: Crossed, layout: Layout = "wide") -> Figure:
    """Draw a row of bars for each frame, and a column for each task's words."""
    wide, side = layout == "wide", SIDE[layout] + NAMES
    high, over = BAR * max(map(len, data.found.values())), 0 if layout == "wide" else OVER
    width = (style.WIDTH[layout] - side - style.MARGIN - 0.15) / 2
    fig = style.canvas(layout, 0.66 + HEAD + 2 * (over + high) + GAP)
    style.heading(fig, "Which part of the prompt brings the answer out?" if wide
                  else "What brings it out?",
                  "Replies with the right answer in any form" if wide
                  else "Replies with the right answer")
    every = style.board(fig)
    for number, frame in enumerate(data.frames):
        top = 0.66 + HEAD + number * (high + over + GAP)
        if wide:
            _two_lines(every, style.MARGIN, top + high / 2 - 0.19, frame, SIDE[layout])
        else:
            paragraph(every, style.MARGIN, top, frame.replace("\n", ": "),
                      style.WIDTH[layout] - 0.12, 1, style.INK, style.SMALL, 600)
        for column, words in enumerate(data.words):
            left = side + column * (width + 0.15)
            if not number:
                _two_lines(every, left, 0.66, words, width)
            _cell(style.place(fig, left, top + over, width, high), data.found[frame, words],
                  not column)
    return fig


def alt(data: Crossed) -> str:
    """Return the picture in words."""
    said = "; ".join(
        f"{words} in the {frame}: ".replace("\n", " ") + ", ".join(
            f"{name} {percent.mean():.0f} ({percent.min():.0f} to {percent.max():.0f})"
            for name, percent in each.items())
        for (frame, words), each in data.found.items())
    return f"Percent of replies with the right answer. {said}."
