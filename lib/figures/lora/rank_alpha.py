"""Rank against alpha: the scores of all recorded runs, and one choice of both in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import frame, gauge, score_map
from lib.figures.kit.labels import LEADING, paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("The fuller the colour, the better. Follow a diagonal, where alpha is in proportion to "
           "the rank, and then a row, where it is held.")


@dataclass(frozen=True)
class Grid:
    """All scores, and the chosen cell; ``scores[alpha][rank]`` holds one score for each seed."""

    ranks: tuple[int, ...]
    alphas: tuple[float, ...]
    scores: dict[float, dict[int, np.ndarray]]
    rank: int
    alpha: float
    parameters: int
    total: int | None
    loss: float
    facts: float
    answers: dict[str, str]

    @property
    def means(self) -> np.ndarray:
        """Mean score over the seeds: (alphas, ranks); not a number where nothing was run."""
        return np.array([[self.scores[alpha][rank].mean() if rank in self.scores[alpha]
                          else np.nan for rank in self.ranks] for alpha in self.alphas])

    @property
    def here(self) -> np.ndarray:
        """The chosen cell's scores: (seeds,)."""
        return self.scores[self.alpha][self.rank]

    @property
    def low(self) -> float:
        """Where the seeds' axis begins: below the lowest of all scores, so alike in every frame."""
        least = min(each.min() for row in self.scores.values() for each in row.values())
        return 0.1 * np.floor(min(least, 0.99) / 0.1)


def compute(runs: Sequence[Mapping[str, Any]], rank: int, alpha: float,
            total: int | None = None, truth: Mapping[str, str] | None = None) -> Grid:
    """Gather the runs, each with rank, alpha, seed, parameters, score, loss, facts and answers.

    The answers are those of the chosen cell's first seed; ``total`` is the number of the model's
    parameters, for the share that is trained; an answer that is not the ``truth`` is called wrong.

    Raises:
        ValueError: No run has this rank and alpha.
    """
    chosen = sorted((run for run in runs if (run["rank"], run["alpha"]) == (rank, alpha)),
                    key=lambda run: run["seed"])
    if not chosen:
        known = sorted({(run["rank"], run["alpha"]) for run in runs})
        raise ValueError(f"rank and alpha are {(rank, alpha)}; allowed are "
                         f"{', '.join(map(str, known))}")
    scores: dict[float, dict[int, list[float]]] = {}
    for run in runs:
        scores.setdefault(run["alpha"], {}).setdefault(run["rank"], []).append(run["score"])
    return Grid(tuple(sorted({run["rank"] for run in runs})), tuple(sorted(scores)),
                {a: {r: np.array(each) for r, each in row.items()} for a, row in scores.items()},
                rank, alpha, chosen[0]["parameters"], total,
                float(np.mean([run["loss"] for run in chosen])),
                float(np.mean([run["facts"] for run in chosen])),
                {question: _judged(answer, (truth or {}).get(question))
                 for question, answer in chosen[0]["answers"].items()})


def _judged(answer: str, truth: str | None) -> str:
    """The answer, and what would have been right if it is wrong."""
    if truth is None or answer.strip() == truth.strip():
        return answer
    return f"{answer.strip() or '(nothing)'} (wrong: {truth.strip()})"


def _map(ax: Axes, data: Grid) -> None:
    """The mean score of each rank and alpha, the chosen one framed."""
    score_map(ax, data.means, [str(rank) for rank in data.ranks],
              [f"α = {style.short(alpha)}" for alpha in data.alphas],
              low=np.nanmin(data.means) - 0.03, high=np.nanmax(data.means))
    frame(ax, data.alphas.index(data.alpha), data.ranks.index(data.rank))
    ax.set(xlabel="rank r", title="Held-out score, %: mean of the seeds")


def _seeds(ax: Axes, data: Grid) -> None:
    """Each seed's score over the ranks, at the chosen alpha."""
    row = data.scores[data.alpha]
    ranks = [rank for rank in data.ranks if rank in row]
    places = np.array([data.ranks.index(rank) for rank in ranks])
    ax.axvline(data.ranks.index(data.rank), color=style.LORA.mark, lw=1.2, zorder=0)
    ax.plot(places, [row[rank].mean() for rank in ranks], color=style.TASK.mark, zorder=1)
    for place, rank in zip(places, ranks):
        here = rank == data.rank
        style.seeds(ax, place + style.fan(row[rank], 0.13), row[rank], "D",
                    style.LORA if here else style.FROZEN, 5.2 if here else 4.2)
    room = 0.04 * (1 - data.low)
    ax.set(xlim=(-0.4, len(data.ranks) - 0.6), ylim=(data.low - room, 1 + room), xlabel="rank r",
           title=f"Every seed at α = {style.short(data.alpha)}")
    ax.set_xticks(range(len(data.ranks)), [str(rank) for rank in data.ranks])
    style.share_ticks(ax.yaxis, data.low)
    ax.grid(axis="y")


def _gauges(fig: Figure, data: Grid, top: float, width: float, loss: bool) -> None:
    """The chosen cell's score and facts as bars, and its loss where there is room."""
    bars = [("Held-out score", data.here.mean(), style.TASK),
            ("Old facts kept", data.facts, style.FACTS)]
    for k, (label, share, tone) in enumerate(bars):
        gauge(fig, style.MARGIN + k * (width + 0.2), top, width, share, tone, label,
              style.percent(share))
    if loss:
        left = style.MARGIN + 2 * (width + 0.2)
        style.write(fig, left, top + 0.14, "Held-out loss", style.MUTED, style.SMALL,
                    va="baseline")
        style.write(fig, left + width, top + 0.14, f"{data.loss:.3f}", ha="right", va="baseline",
                    weight=600)


def _answers(fig: Figure, data: Grid, top: float, rows: int, wide: bool) -> None:
    """What the first seed's model answers: beside its question, or under it."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING
    high = _row(wide)
    ax = style.card(fig, style.MARGIN, top, width, rows * high + 0.2)
    split = 0.52 * width if wide else 0.15
    for k, (question, answer) in enumerate(list(data.answers.items())[:rows]):
        at = 0.12 + k * high
        paragraph(ax, 0.15, at, question, split - 0.25 if wide else width - 0.3, 1, style.MUTED)
        paragraph(ax, split, at if wide else at + line, answer.strip() or "(nothing)",
                  width - split - 0.15, 1, style.LORA.ink, weight=600)


def _row(wide: bool) -> float:
    """Height of one question with its answer."""
    return (1 if wide else 2) * style.BASE * LEADING + 0.06


@style.styled
def draw(data: Grid, layout: Layout = "wide") -> Figure:
    """Draw the grid, the seeds, the chosen cell's numbers, and its answers."""
    wide = layout == "wide"
    rows = min(len(data.answers), 3 if wide else 2)
    top = 3.3 if wide else 4.5
    fig = style.canvas(layout, top + rows * _row(wide) + 0.26)
    style.heading(fig, f"Rank {data.rank}, α = {style.short(data.alpha)}",
                  f"Factor α/r = {data.alpha / data.rank:.4g}.  {counted(data)}")
    if wide:
        _map(style.place(fig, 0.7, 0.94, 2.95, 1.2), data)
        _seeds(style.place(fig, 4.45, 0.94, 2.6, 1.2), data)
        _gauges(fig, data, 2.78, 2.226, True)
    else:
        _map(style.place(fig, 0.7, 0.9, 2.78, 1.05), data)
        _seeds(style.place(fig, 0.62, 2.68, 2.82, 0.8), data)
        _gauges(fig, data, 4.0, 1.64, False)
    _answers(fig, data, top, rows, wide)
    return fig


def counted(data: Grid) -> str:
    """Return how many parameters are trained, with their share where the total is known."""
    share = f" ({style.percent(data.parameters / data.total, 2)})" if data.total else ""
    return f"{data.parameters:,} trainable{share}"


def alt(data: Grid) -> str:
    """Return the frame in words."""
    low, high = data.here.min(), data.here.max()
    question, answer = next(iter(data.answers.items()), ("", ""))
    says = f" Asked '{question}' it answers '{visible(answer)}'." if question else ""
    return (f"Rank {data.rank}, alpha {data.alpha:g}: alpha/r is {data.alpha / data.rank:.4g}, "
            f"{counted(data)}. Held-out score {style.percent(data.here.mean())} "
            f"({style.percent(low)} to {style.percent(high)} over {len(data.here)} seeds), "
            f"loss {data.loss:.3f}, facts kept {style.percent(data.facts)}.{says}")
