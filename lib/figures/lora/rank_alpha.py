"""Rank against alpha: answers and facts of all recorded runs, and one choice in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import frame, score_map
from lib.figures.kit.labels import LEADING, paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("The fuller the colour, the better. All runs have the same learning rate and number of "
           "steps, so a pale cell may only want another rate.")


@dataclass(frozen=True)
class Grid:
    """All cells, and the chosen one; ``scores[alpha][rank]`` and ``facts`` hold one for a seed."""

    ranks: tuple[int, ...]
    alphas: tuple[float, ...]
    scores: dict[float, dict[int, np.ndarray]]
    facts: dict[float, dict[int, np.ndarray]]
    rank: int
    alpha: float
    parameters: int
    total: int | None
    loss: float
    answers: dict[str, str]

    def means(self, values: dict[float, dict[int, np.ndarray]]) -> np.ndarray:
        """Means over the seeds: (alphas, ranks); not a number where nothing was run."""
        return np.array([[values[alpha][rank].mean() if rank in values[alpha] else np.nan
                          for rank in self.ranks] for alpha in self.alphas])

    @property
    def here(self) -> np.ndarray:
        """The chosen cell's scores: (seeds,)."""
        return self.scores[self.alpha][self.rank]

    @property
    def kept(self) -> np.ndarray:
        """The facts that the chosen cell keeps: (seeds,)."""
        return self.facts[self.alpha][self.rank]


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
    cells: dict[str, dict[float, dict[int, np.ndarray]]] = {"score": {}, "facts": {}}
    for name, at in cells.items():
        for run in sorted(runs, key=lambda run: run["seed"]):
            row = at.setdefault(run["alpha"], {})
            row[run["rank"]] = np.append(row.get(run["rank"], []), run[name])
    scores = cells["score"]
    return Grid(tuple(sorted({run["rank"] for run in runs})), tuple(sorted(scores)),
                scores, cells["facts"], rank, alpha, chosen[0]["parameters"], total,
                float(np.mean([run["loss"] for run in chosen])),
                {question: _judged(answer, (truth or {}).get(question))
                 for question, answer in chosen[0]["answers"].items()})


def _judged(answer: str, truth: str | None) -> str:
    """The answer, and what would have been right if it is wrong."""
    if truth is None or answer.strip() == truth.strip():
        return answer
    return f"{answer.strip() or '(nothing)'} (wrong: {truth.strip()})"


def _map(ax: Axes, data: Grid, facts: bool) -> None:
    """The mean answers, or facts kept, of each rank and alpha, the chosen cell framed."""
    means = data.means(data.facts if facts else data.scores)
    score_map(ax, means, [str(rank) for rank in data.ranks],
              [f"α = {style.short(alpha)}" for alpha in data.alphas],
              low=np.nanmin(means) - 0.03, high=np.nanmax(means),
              colours=style.KEPT if facts else style.SCORE)
    frame(ax, data.alphas.index(data.alpha), data.ranks.index(data.rank))
    ax.set(xlabel="rank r", title="Old facts kept, %" if facts else "Questions answered, %")


def _each(values: np.ndarray) -> str:
    """The seeds one by one, in per cent."""
    return ", ".join(f"{100 * value:.0f}" for value in values) + "%"


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
    """Draw the map of answers and that of facts, the chosen cell's seeds, and its answers."""
    wide = layout == "wide"
    rows = min(len(data.answers), 3 if wide else 2)
    top = 2.86 if wide else 4.44
    fig = style.canvas(layout, top + rows * _row(wide) + 0.26)
    kept = f", {style.percent(data.kept.mean())} of the facts kept" if wide else ""
    style.heading(fig, f"Rank {data.rank}, α = {style.short(data.alpha)}: "
                       f"{style.percent(data.here.mean())} answered{kept}",
                  f"Factor α/r = {data.alpha / data.rank:.4g}.  {counted(data)}"
                  + ".  Answers below: first seed" * wide)
    if wide:
        _map(style.place(fig, 0.7, 0.94, 2.75, 1.2), data, False)
        _map(style.place(fig, 4.35, 0.94, 2.75, 1.2), data, True)
    else:
        _map(style.place(fig, 0.7, 0.9, 2.78, 1.05), data, False)
        _map(style.place(fig, 0.7, 2.6, 2.78, 1.05), data, True)
    for words, left in ((f"Its seeds: {_each(data.here)}", 0.7),
                        (f"Its seeds: {_each(data.kept)}", 4.35)) if wide else (
            (f"Its seeds: {_each(data.here)} answered, {_each(data.kept)} kept", style.MARGIN),):
        style.write(fig, left, top - 0.27, words, style.LORA.ink)
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
            f"{counted(data)}. Questions answered {style.percent(data.here.mean())} "
            f"({style.percent(low)} to {style.percent(high)} over {len(data.here)} seeds), "
            f"loss {data.loss:.3f}, facts kept {style.percent(data.kept.mean())}.{says}")
