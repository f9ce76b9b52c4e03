"""Pre-train once, fine-tune often: squares whose areas are the tokens that each one reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph
from lib.figures.kit.style import Layout

CAPTION = "The areas are tokens read: the large square is paid for once, each small one for a task."

SIDE = {"wide": 1.9, "narrow": 1.5}  # inches of the square of pre-training
ROW = {"wide": 0.62, "narrow": 0.94}


@dataclass(frozen=True)
class Job:
    """Training of one kind: how much it reads, what it is good for, and whether that is right."""

    examples: int
    steps: int
    tokens: int
    use: str
    right: bool = True


@dataclass(frozen=True)
class Pipeline:
    """Pre-training, and the jobs that start from its result, by title."""

    base: Job
    jobs: dict[str, Job]


def compute(base: Job, jobs: Mapping[str, Job]) -> Pipeline:
    """Gather the stages.

    Raises:
        ValueError: There is no job, or one reads nothing.
    """
    if not jobs:
        raise ValueError("the pipeline needs at least one job to fine-tune for")
    for name, job in (("pre-training", base), *jobs.items()):
        if job.tokens < 1:
            raise ValueError(f"{name} reads {job.tokens} tokens; at least 1 is needed")
    return Pipeline(base, dict(jobs))


def _amount(tokens: int) -> str:
    return f"{tokens / 1e6:.2f} million" if tokens >= 1e6 else f"{tokens / 1e3:,.0f},000"


def _square(ax: Axes, left: float, middle: float, side: float, tone: style.Tone) -> None:
    ax.add_artist(Rectangle((left, middle - side / 2), side, side, fc=tone.tint, ec=tone.mark,
                           lw=1.2))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": style.FROZEN.mark,
                                            "lw": style.THIN, "shrinkA": 0, "shrinkB": 2})


def _jobs(ax: Axes, data: Pipeline, start: tuple[float, float], left: float, top: float,
          layout: Layout) -> None:
    """A small square for each job, what it reads, and what it writes when it is used."""
    wide, row, scale = layout == "wide", ROW[layout], SIDE[layout] / data.base.tokens**0.5
    for k, (title, job) in enumerate(data.jobs.items()):
        middle, side = top + (k + 0.5) * row, scale * job.tokens**0.5
        if not wide:
            ax.plot([start[0]] * 2, [start[1], middle], color=style.FROZEN.mark, lw=style.THIN)
        _arrow(ax, start if wide else (start[0], middle), (left, middle))
        _square(ax, left, middle, side, style.TASK)
        words = left + scale * max(each.tokens for each in data.jobs.values())**0.5 + 0.12
        ax.text(words, middle - 0.11, title, va="center", weight=600)
        ax.text(words, middle + 0.09, f"{job.steps} steps, {_amount(job.tokens)} tokens",
                va="center", color=style.MUTED)
        tone = style.TASK if job.right else style.B
        if wide:
            _arrow(ax, (words + 1.62, middle), (words + 1.88, middle))
            paragraph(ax, words + 1.95, middle - 0.19, job.use, 7.15 - words - 1.95, 2,
                      tone.ink, weight=400 if job.right else 600)
        else:
            paragraph(ax, words, middle + 0.18, job.use, 3.5 - words, 2, tone.ink,
                      weight=400 if job.right else 600)


@style.styled
def draw(data: Pipeline, layout: Layout = "wide") -> Figure:
    """Draw the large square, the small ones that follow from it, and their use."""
    wide, side, rows = layout == "wide", SIDE[layout], ROW[layout] * len(data.jobs)
    fig = style.canvas(layout, 0.8 + (max(side + 0.5, rows) if wide else side + 0.12 + rows))
    style.heading(fig, "Pre-train once, fine-tune often", "Areas are tokens read in training")
    ax = style.board(fig)
    top = 0.72 + (max(0, rows - side - 0.5) / 2 if wide else 0)
    middle = top + side / 2
    _square(ax, style.MARGIN, middle, side, style.FROZEN)
    lines = ("Pre-training", f"{data.base.examples:,} documents", f"{data.base.steps:,} steps",
             f"{_amount(data.base.tokens)} tokens")
    for k, line in enumerate(lines):
        ax.text(style.MARGIN + side / 2, middle + 0.2 * (k - 1.5), line, ha="center", va="center",
                weight=400 if k else 600)
    if wide:
        _jobs(ax, data, (style.MARGIN + side, middle), 2.75, 0.72, layout)
        style.write(fig, style.MARGIN, top + side + 0.1, "any text, no job yet", style.MUTED)
    else:
        style.write(fig, style.MARGIN + side + 0.15, middle - 0.08, "any text, no job yet",
                    style.MUTED)
        _jobs(ax, data, (0.26, top + side), 0.5, top + side + 0.12, layout)
    return fig


def alt(data: Pipeline) -> str:
    """Return the figure in words."""
    times = np.array([data.base.tokens / job.tokens for job in data.jobs.values()])
    return (f"Pre-training reads {_amount(data.base.tokens)} tokens in {data.base.steps:,} steps. "
            f"From its result {len(data.jobs)} fine-tunings start, each of which reads "
            f"{times.min():.0f} to {times.max():.0f} times fewer.")
