"""Initializations of an adapter: what each adds before training, what is left, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "Compare the left column with the right one, then change the learning rate."


@dataclass(frozen=True)
class Starts:
    """By start: what is added to W and the facts known, at first; the seeds' answers, at last."""

    added: dict[str, float]  # norms, as shares of W's
    known: dict[str, float]
    answers: dict[str, np.ndarray]  # (seeds,)
    rate: float

    def mean(self, name: str) -> float:
        """The answers right after training, the mean of the seeds."""
        return float(self.answers[name].mean())


def compute(before: Mapping[str, tuple[float, float]],
            runs: Mapping[tuple[str, float], Sequence[Mapping[str, Any]]], rate: float) -> Starts:
    """Gather what was measured of each start, trained at one rate.

    ``before`` holds by start the norm of what it adds to W, relative to that of W, and the share
    of the facts that is known then; ``runs`` by start and rate the answers of each seed.

    Raises:
        ValueError: a start was not run at this rate.
    """
    for name in before:
        if (name, rate) not in runs:
            raise ValueError(f"no run of the start {name!r} at the rate {rate:g}")
    return Starts({name: added for name, (added, _) in before.items()},
                  {name: known for name, (_, known) in before.items()},
                  {name: np.array([run["answers"] for run in runs[name, rate]])
                   for name in before}, rate)


def _column(ax: Axes, data: Starts, title: str, named: bool, high: float) -> None:
    """The axes of one column: a row for each start, shares along."""
    rows = len(data.added)
    ax.set(ylim=(rows - 0.5, -0.5), xlim=(0, high))
    ax.set_title(title, color=style.INK)
    ax.set_yticks(range(rows), list(data.added) if named else [""] * rows)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(True)


def _bars(ax: Axes, values: Mapping[str, float], tone: Tone, ticks: Sequence[float]) -> None:
    """A bar for each start, with its figure at the end."""
    for row, value in enumerate(values.values()):
        ax.barh(row, value, 0.5, color=tone.tint, edgecolor=tone.mark, linewidth=1)
        ax.annotate(style.percent(value, 1) if value else "0%", (value, row), (4, 0),
                    textcoords="offset points", va="center", color=tone.ink, size=style.SMALL,
                    annotation_clip=False)
    ax.set_xticks(ticks, [f"{100 * each:g}%" for each in ticks])


def _answers(ax: Axes, data: Starts) -> None:
    """Every seed's answers, and the mean at the right."""
    for row, (name, values) in enumerate(data.answers.items()):
        style.seeds(ax, values, row + style.fan(values, 0.2), style.MARKER["task"], style.TASK)
        ax.text(1.05, row, style.percent(data.mean(name), 1), va="center", color=style.TASK.ink,
                size=style.SMALL, weight=600, clip_on=False)
    ax.set_xticks((0, 0.5, 1), ["0%", "50%", "100%"])


@style.styled
def draw(data: Starts, layout: Layout = "wide") -> Figure:
    """Draw three columns: added to W, facts known at first, answers right at last."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95 if wide else 6.05)
    far = max(data.added, key=lambda name: data.added[name])
    head = f"{style.percent(data.added[far])} of W's norm added, {style.percent(data.mean(far))}"
    seeds = len(data.answers[far])
    style.heading(fig, f"Furthest from the base, fewest answers: {head} right"
                  if wide and data.mean(far) == min(map(data.mean, data.answers)) else
                  f"{head} right", f"Learning rate {data.rate:g}; a dot is one of {seeds} seeds, "
                  "the figure beside them their mean" if wide else
                  f"Rate {data.rate:g}; {seeds} seeds and their mean")
    titles = ("Added to W at the start", "Facts left at the start", "Answers after training")
    tall = 1.45 if wide else 1.2
    places = ((1.55, 1.0, 1.15, tall), (3.35, 1.0, 1.15, tall), (5.15, 1.0, 1.4, tall)) if wide \
        else ((1.5, 0.9, 1.45, tall), (1.5, 2.65, 1.45, tall), (1.5, 4.4, 1.45, tall))
    columns = [style.place(fig, *each) for each in places]
    for ax, title, high in zip(columns, titles, (0.55, 1, 1)):
        _column(ax, data, title, ax is columns[0] or not wide, high)
    _bars(columns[0], data.added, style.LORA, (0, 0.25, 0.5))
    _bars(columns[1], data.known, style.FACTS, (0, 0.5, 1))
    _answers(columns[2], data)
    return fig


def alt(data: Starts) -> str:
    """Return the frame in words."""
    rows = "; ".join(f"{name}: {data.added[name]:.1%} added, {data.known[name]:.1%} of the facts "
                     f"known, {data.mean(name):.1%} right after training" for name in data.added)
    return f"{len(data.added)} initializations at a learning rate of {data.rate:g}. {rows}."
