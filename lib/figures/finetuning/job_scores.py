"""What five jobs reach: right answers and old facts of the base and of two methods, in one board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Full fine-tuning and LoRA, five seeds each, beside the base. The bar is what a blind "
           "guess of the test gets right.")

NAMES = {"base": ("base", style.FROZEN), "full": ("full", style.FULL), "lora": ("LoRA", style.LORA)}
#: How far above the middle of its row a model's marks stand, in rows.
ASIDE = {"base": -0.27, "full": 0.0, "lora": 0.27}


@dataclass(frozen=True)
class Scores:
    """By title of the job and model, the shares of all seeds; ``guess`` is one share a job."""

    right: dict[str, dict[str, np.ndarray]]
    facts: dict[str, dict[str, np.ndarray]]
    guess: dict[str, float]


def compute(right: Mapping[str, Mapping[str, object]], facts: Mapping[str, Mapping[str, object]],
            guess: Mapping[str, float]) -> Scores:
    """Gather the shares.

    Raises:
        ValueError: The three are not about the same jobs, or a job lacks a model.
    """
    if not right or not (list(right) == list(facts) == list(guess)):
        raise ValueError("right, facts and guess must be about the same jobs, at least one")
    for title in right:
        for each in (right, facts):
            if set(each[title]) != set(NAMES):
                raise ValueError(f"{title!r} has {', '.join(each[title])}; needed are "
                                 f"{', '.join(NAMES)}")

    def arrays(shares: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, np.ndarray]]:
        return {title: {name: np.atleast_1d(np.asarray(each[name], float)) for name in NAMES}
                for title, each in shares.items()}
    return Scores(arrays(right), arrays(facts), dict(guess))


def _panel(ax: Axes, shares: dict[str, dict[str, np.ndarray]], title: str,
           guess: dict[str, float] | None = None) -> None:
    """A row for each job, in it a line of marks for each model, with the mean beside them."""
    for row, (job, each) in enumerate(shares.items()):
        if row % 2 == 0:
            ax.axhspan(row - 0.5, row + 0.5, color=style.WASH, lw=0, zorder=0)
        if guess:
            ax.plot([guess[job]] * 2, [row - 0.42, row + 0.42], color=style.INK, lw=1.6, zorder=2,
                    clip_on=False)
        for name, values in each.items():
            _, tone = NAMES[name]
            style.seeds(ax, values, np.full(len(values), row + ASIDE[name]), style.MARKER[name],
                        tone, 5.5)
            ax.text(1.04, row + ASIDE[name], style.percent(values.mean()), va="center",
                    color=tone.ink, size=style.SMALL)
    ax.set(xlim=(0, 1), ylim=(len(shares) - 0.5, -0.5), title=title)
    ax.set_xticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.set_yticks([])
    ax.grid(axis="x")


def _key(fig: Figure, top: float) -> None:
    """The marks in words, in one line."""
    ax, at = style.board(fig, 0, top, height=0.22), style.MARGIN + 0.08
    for name, (label, tone) in NAMES.items():
        ax.plot(at, 0.11, style.MARKER[name], color=tone.mark, ms=6)
        ax.text(at + 0.12, 0.11, label, va="center", color=tone.ink, weight=600)
        at += 0.72
    ax.plot([at, at], [0.02, 0.2], color=style.INK, lw=1.6)
    ax.text(at + 0.1, 0.11, "a blind guess", va="center")


@style.styled
def draw(data: Scores, layout: Layout = "wide") -> Figure:
    """Draw both panels, side by side or one under the other."""
    wide, rows = layout == "wide", len(data.right)
    high = rows * 0.56
    fig = style.canvas(layout, 1.45 + high if wide else 2.15 + 2 * high)
    style.heading(fig, "Four jobs are learnt; the new facts cost the old" if wide
                  else "Four of five jobs are learnt",
                  "Shares of the test and of 640 old facts, each seed"
                  if wide else "Test answers, and old facts; each seed")
    _key(fig, 0.56)
    left = 1.6 if wide else 1.3
    tops = (1.1, 1.1) if wide else (1.1, 1.72 + high)
    for k, top in enumerate(tops):
        width = 2.2 if wide else 1.75
        start = left + k * 2.95 if wide else left
        ax = style.place(fig, start, top, width, high)
        _panel(ax, data.facts if k else data.right,
               "old facts still told" if k else "test answers right", None if k else data.guess)
        if not (wide and k):
            for row, job in enumerate(data.right):
                words = style.board(fig, 0, top + row * 0.56, left, 0.56)
                words.text(style.MARGIN, 0.28, job if wide else job.replace(" ", "\n", 1)
                           if len(job) > 15 else job, va="center", weight=600,
                           size=style.SMALL, linespacing=1.2)
    return fig


def alt(data: Scores) -> str:
    """Return the figure in words."""
    def means(shares: dict[str, np.ndarray]) -> str:
        return " and ".join(style.percent(shares[name].mean()) for name in ("full", "lora"))

    rows = "; ".join(f"{title} {means(each)}, guess {style.percent(data.guess[title])}, old facts "
                     f"{means(data.facts[title])}" for title, each in data.right.items())
    return f"Right answers of full fine-tuning and LoRA: {rows}."
