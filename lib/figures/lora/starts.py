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

CAPTION = "Compare each row with the first, then change the learning rate."


@dataclass(frozen=True)
class Starts:
    """By start: what is added to W and the facts known, at first; the seeds' results, at last."""

    added: dict[str, float]  # norms, as shares of W's
    known: dict[str, float]
    kept: dict[str, np.ndarray]  # (seeds,): the facts known after training
    answers: dict[str, np.ndarray]  # (seeds,)
    rate: float

    def mean(self, name: str) -> float:
        """The answers right after training, the mean of the seeds."""
        return float(self.answers[name].mean())

    def furthest(self) -> list[str]:
        """The starts that add the most to W, but for rounding."""
        most = max(self.added.values())
        return [name for name, added in self.added.items() if added > 0.99 * most]


def compute(before: Mapping[str, tuple[float, float]],
            runs: Mapping[tuple[str, float], Sequence[Mapping[str, Any]]], rate: float) -> Starts:
    """Gather what was measured of each start, trained at one rate.

    ``before`` holds by start the norm of what it adds to W, relative to that of W, and the share
    of the facts that is known then; ``runs`` by start and rate each seed's answers and facts.

    Raises:
        ValueError: a start was not run at this rate.
    """
    for name in before:
        if (name, rate) not in runs:
            raise ValueError(f"no run of the start {name!r} at the rate {rate:g}")
    return Starts({name: added for name, (added, _) in before.items()},
                  {name: known for name, (_, known) in before.items()},
                  *({name: np.array([run[what] for run in runs[name, rate]]) for name in before}
                    for what in ("facts", "answers")), rate)


def _column(ax: Axes, data: Starts, title: str, named: bool, high: float) -> None:
    """The axes of one column: a row for each start, shares along."""
    rows = len(data.added)
    ax.set(ylim=(rows - 0.5, -0.5), xlim=(0, high))
    ax.set_title(title, color=style.INK)
    ax.set_yticks(range(rows), list(data.added) if named else [""] * rows)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(True)


def _added(ax: Axes, data: Starts) -> None:
    """A bar for each start, with its figure at the end."""
    for row, value in enumerate(data.added.values()):
        ax.barh(row, value, 0.5, color=style.LORA.tint, edgecolor=style.LORA.mark, linewidth=1)
        _figure(ax, row, value, style.percent(value, 1) if value else "0%", style.LORA)
    ax.set_xticks((0, 0.25, 0.5), ["0%", "25%", "50%"])


def _facts(ax: Axes, data: Starts) -> None:
    """A ring for the facts known at first, a dot for each seed's in the end; a key below."""
    for row, (name, first) in enumerate(data.known.items()):
        after = data.kept[name]
        ax.plot(first, row, "o", ms=8, mfc="none", mec=style.FACTS.mark, mew=1.2, clip_on=False)
        style.seeds(ax, after, np.full(len(after), row), style.MARKER["task"], style.FACTS, 4)
        _figure(ax, row, max(1, first), f"{100 * first:.1f} → "
                f"{style.percent(float(after.mean()), 1)}", style.FACTS)
    ax.set_xticks((0, 0.5, 1), ["0%", "50%", "100%"])
    key: dict[str, Any] = {
        "marker": "o", "ls": "none", "transform": ax.transAxes, "clip_on": False}
    below = -0.4 / ax.get_figure().get_size_inches()[1] / ax.get_position().height
    ax.plot(0.05, below, ms=8, mfc="none", mec=style.FACTS.mark, mew=1.2, **key)
    ax.plot(0.58, below, ms=4, color=style.FACTS.mark, **key)
    for place, words in ((0.15, "start"), (0.65, "end")):
        ax.text(place, below, words, transform=ax.transAxes, va="center", color=style.FACTS.ink,
                size=style.SMALL)


def _figure(ax: Axes, row: int, end: float, words: str, tone: Tone) -> None:
    """A row's figure, to the right of its mark."""
    ax.annotate(words, (end, row), (7, 0), textcoords="offset points", va="center",
                color=tone.ink, size=style.SMALL, annotation_clip=False)


def _answers(ax: Axes, data: Starts) -> None:
    """Every seed's answers, and the mean at the right."""
    for row, (name, values) in enumerate(data.answers.items()):
        style.seeds(ax, values, np.full(len(values), row), style.MARKER["task"], style.TASK)
        ax.text(1.05, row, style.percent(data.mean(name), 1), va="center", color=style.TASK.ink,
                size=style.SMALL, weight=600, clip_on=False)
    ax.set_xticks((0, 0.5, 1), ["0%", "50%", "100%"])


@style.styled
def draw(data: Starts, layout: Layout = "wide") -> Figure:
    """Draw three columns: added to W, facts known at first and at last, answers at last."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.25 if wide else 6.2)
    far, seeds = data.furthest(), len(next(iter(data.answers.values())))
    right = " and ".join(style.percent(data.mean(name)) for name in far)
    added = style.percent(data.added[far[0]])
    fewest = max(map(data.mean, far)) < min(
        data.mean(name) for name in data.added if name not in far)
    style.heading(fig, f"The furthest of these {len(data.added)} starts answers fewest: {right}"
                  if wide and fewest else f"{added} of W added: {right} right",
                  f"Learning rate {data.rate:g}; a dot is one of {seeds} seeds, "
                  "the figure beside them their mean" if wide else
                  f"Rate {data.rate:g}; {seeds} seeds and their mean")
    titles = ("Added to W at the start", "Facts: start → end", "Answers at the end")
    tall = 1.6 if wide else 1.15
    places = ((1.55, 1.0, 1.0, tall), (3.2, 1.0, 1.05, tall), (5.25, 1.0, 1.3, tall)) if wide \
        else ((1.5, 0.9, 1.1, tall), (1.5, 2.55, 1.1, tall), (1.5, 4.6, 1.1, tall))
    columns = [style.place(fig, *each) for each in places]
    for ax, title, high in zip(columns, titles, (0.55, 1, 1)):
        _column(ax, data, title, ax is columns[0] or not wide, high)
    _added(columns[0], data)
    _facts(columns[1], data)
    _answers(columns[2], data)
    return fig


def alt(data: Starts) -> str:
    """Return the frame in words."""
    rows = "; ".join(f"{name}: {data.added[name]:.1%} added, {data.known[name]:.1%} of the facts "
                     f"known and {data.kept[name].mean():.1%} after training, "
                     f"{data.mean(name):.1%} answers right" for name in data.added)
    return f"{len(data.added)} initializations at a learning rate of {data.rate:g}. {rows}."
