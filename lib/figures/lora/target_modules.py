"""Which layers to adapt: every recorded run of each place, at one rank or at one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout, Tone
from lib.laboratory import best_rate
from lib.laboratory.results import TRIED

CAPTION = ("A mark is one run, with α = 2r. Compare the rows at equal rank, and then at an equal "
           "number of parameters.")

#: The rank of the first of the two ways to compare.
RANK = 8
BUDGETS = ("equal rank", "equal parameters")
BEST = "own best"
#: Points of a hundred by which a place may be behind the best and still be near it.
NEAR = 5
NAMES = {("query",): "query", ("value",): "value", ("query", "value"): "query, value",
         ("query", "key", "value"): "query, key, value",
         ("query", "key", "value", "output"): "all of attention",
         ("ffn_up", "ffn_down"): "feed-forward",
         ("token_embedding", "output_projection"): "embedding, output"}


def name_of(place: Sequence[str]) -> str:
    """Return a place's short name; six and eight kinds are 'all six' and 'all eight'."""
    return NAMES.get(tuple(place)) or {6: "all six", 8: "all eight"}[len(place)]


@dataclass(frozen=True)
class Row:
    """One place: rank, trained numbers, the rate shown, and each seed's shares on test."""

    name: str
    rank: int
    parameters: int
    rate: float
    scores: np.ndarray
    facts: np.ndarray


@dataclass(frozen=True)
class Places:
    """All places under one budget and at one rate, and the floors of the axes over all runs."""

    budget: str
    rate: float | str
    rows: tuple[Row, ...]
    floors: tuple[float, float]

    @property
    def near(self) -> int:
        """How many places are near the best one in answers and near the best one in facts."""
        means = np.array([[row.scores.mean(), row.facts.mean()] for row in self.rows])
        return int((means.max(0) - means < NEAR / 100).all(1).sum())


def compute(lines: Sequence[Mapping[str, Any]], budget: str, rate: float | str) -> Places:
    """Gather the laboratory's lines by place; ``rate`` is a learning rate or ``BEST``.

    The best rate of a place is the laboratory's: that of the lowest mean loss on dev.  At one rate
    for all only the seeds count that went through all rates, so that all places have the same.

    Raises:
        ValueError: The budget is not one of ``BUDGETS``, or a place has no run at this rate.
    """
    if budget not in BUDGETS:
        raise ValueError(f"budget is {budget!r}; allowed are {', '.join(BUDGETS)}")
    rows = []
    for place in dict.fromkeys(tuple(line["run"]["target_modules"]) for line in lines):
        mine = [line for line in lines if tuple(line["run"]["target_modules"]) == place
                and (line["run"]["rank"] == RANK) == (budget == BUDGETS[0])]
        chosen = rate if rate != BEST else best_rate(mine)
        here = [line for line in mine if line["run"]["learning_rate"] == chosen
                and (rate == BEST or line["run"]["seed"] < TRIED)]
        if not here:
            rates = sorted({line["run"]["learning_rate"] for line in mine})
            raise ValueError(f"rate is {rate}; allowed are {BEST}, "
                             f"{', '.join(f'{each:g}' for each in rates)}")
        rows.append(Row(name_of(place), here[0]["run"]["rank"], here[0]["parameters"], chosen,
                        *(np.array([line[name] for line in here])
                          for name in ("answers", "facts"))))
    return Places(budget, rate, tuple(rows), (min(line["answers"] for line in lines),
                                              min(line["facts"] for line in lines)))


def _dots(ax: Axes, data: Places, name: str, tone: Tone, marker: str, floor: float, title: str,
          wide: bool) -> None:
    """Every seed of every place, with a short upright line and a figure for the mean."""
    room = 0.12 if wide else 0.06
    for at, row in enumerate(data.rows):
        values = getattr(row, name)
        style.seeds(ax, values, at + style.fan(values, room), marker, tone)
        ax.plot([values.mean()] * 2, [at - 2.5 * room, at + 2.5 * room], color=style.INK,
                lw=1.4, zorder=2)
        ax.annotate(style.percent(values.mean()), (1, at), (28 if wide else 24, 0),
                    xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
                    va="center_baseline", fontsize=style.SMALL, color=tone.ink)
    low = 0.1 * np.floor(floor / 0.1 + 1e-9)
    ax.set(xlim=(low - 0.02 * (1 - low), 1.02), title=title,
           ylim=(len(data.rows) - 0.5, -0.5) if wide else (len(data.rows) - 0.7, -0.7))
    style.share_ticks(ax.xaxis, low)
    ax.set(yticks=[])
    ax.hlines(np.arange(len(data.rows)), low, 1, color=style.GRID, lw=style.THIN, zorder=0)


def _row_names(fig: Figure, data: Places, top: float, step: float, wide: bool) -> None:
    """Each place with its rank, and what it trains or, at its best rate, which rate that is."""
    for at, row in enumerate(data.rows):
        y = top + (at + (0.5 if wide else 0.17)) * step
        more = f"at {row.rate:g}" if data.rate == BEST else f"{row.parameters:,}"
        style.write(fig, style.MARGIN, y, row.name, va="center_baseline", weight=600)
        style.write(fig, 2.28 if wide else 3.54, y, f"r = {row.rank}, {more}", style.MUTED,
                    style.SMALL, va="center_baseline", ha="right")


@style.styled
def draw(data: Places, layout: Layout = "wide") -> Figure:
    """Draw a row for each place: questions answered to the left, facts kept to the right."""
    wide = layout == "wide"
    top, step = (0.95, 0.27) if wide else (1.06, 0.48)
    height = len(data.rows) * step
    fig = style.canvas(layout, top + height + 0.4)
    at = "own best rates" if data.rate == BEST else f"learning rate {data.rate:g}"
    style.heading(fig, f"{data.budget.capitalize()}, {at}",
                  f"{data.near} of {len(data.rows)} are within {NEAR} points of the best in both. "
                  "A mark is a seed; line and figure: the mean." if wide else
                  f"{data.near} of {len(data.rows)} within {NEAR} points of the best in both")
    _row_names(fig, data, top, step, wide)
    left, right, width = (2.5, 4.88, 1.86) if wide else (0.22, 1.95, 1.2)
    _dots(style.place(fig, left, top, width, height), data, "scores", style.TASK, "D",
          data.floors[0], "Questions answered" if wide else "Answered", wide)
    _dots(style.place(fig, right, top, width, height), data, "facts", style.FACTS, "s",
          data.floors[1], "Old facts kept", wide)
    for ax in fig.axes[-2:] if wide else fig.axes[-2:-1]:
        better(ax, "right", 0.79 if wide else 0.66, 1 + 0.155 / height)
    return fig


def alt(data: Places) -> str:
    """Return the frame in words."""
    at = "each choice at its own best rate" if data.rate == BEST else \
        f"learning rate {data.rate:g}"
    most = max(data.rows, key=lambda row: row.scores.mean())
    least = min(data.rows, key=lambda row: row.scores.mean())
    return (f"{data.budget.capitalize()}, {at}: most answers with {most.name} "
            f"({style.percent(most.scores.mean())}), fewest with {least.name} "
            f"({style.percent(least.scores.mean())}).")
