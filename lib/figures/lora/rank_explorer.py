"""Rank, rule and learning rate: the scores of one rule's runs, and one rate of them in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import gauge, hatch_empty, score_map
from lib.figures.kit.labels import Named, better, name_lines
from lib.figures.kit.style import Layout, Tone
from lib.figures.lora import rate_map, scaling
from lib.laboratory import best_rate
from lib.laboratory.results import TRIED

CAPTION = ("In the map a fuller colour is better, and a dot is a rank's best rate. Compare ranks "
           "at those, not at one rate for all.")

#: How alpha follows the rank, and which runs follow that rule.
RULES = dict(zip(("α = 16", "α = 2r", "α/√r"), rate_map.RULES.values(), strict=True))


#: For each rate and rank the seeds' shares.
Table = tuple[tuple[np.ndarray, ...], ...]


@dataclass(frozen=True)
class Explorer:
    """One rule's runs; scores, facts: shares on test, for each rate and rank (seeds,).

    Only the seeds count that went through all rates: a cell is not better because its seeds are
    easier.

    best: for each rank the place of the rate that does best on dev; at, column: the places of
    the chosen rate and rank; factor: before BA at the chosen rank; floors: the lowest score and
    share of facts of all rules; bars: whether the chosen cell's shares stand below the map, too.
    """

    rule: str
    ranks: tuple[int, ...]
    rates: tuple[float, ...]
    scores: Table
    facts: Table
    best: tuple[int, ...]
    at: int
    column: int
    factor: float
    floors: tuple[float, float]
    bars: bool = True

    @property
    def here(self) -> np.ndarray:
        """The chosen cell's scores: (seeds,)."""
        return self.scores[self.at][self.column]


def compute(lines: Sequence[Mapping[str, Any]], rule: str, rank: int, rate: float,
            bars: bool = True) -> Explorer:
    """Gather the laboratory's lines of one of ``RULES``; without ``bars`` the map is larger.

    Raises:
        ValueError: The rule is unknown, or no run has this rank and rate.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; allowed are {', '.join(RULES)}")
    mine = [line for line in lines if RULES[rule](line["run"]) and line["run"]["seed"] < TRIED]
    ranks, rates = (tuple(sorted({line["run"][name] for line in mine}))
                    for name in ("rank", "learning_rate"))
    for name, value, known in (("rank", rank, ranks), ("rate", rate, rates)):
        if value not in known:
            raise ValueError(f"{name} is {value}; allowed are {', '.join(map(str, known))}")

    def of(name: str) -> Table:
        return tuple(tuple(np.array([line[name] for line in mine if line["run"]["rank"] == r
                                     and line["run"]["learning_rate"] == each]) for r in ranks)
                     for each in rates)

    by_rank = [[line for line in mine if line["run"]["rank"] == each] for each in ranks]
    run = by_rank[ranks.index(rank)][0]["run"]
    return Explorer(rule, ranks, rates, of("answers"), of("facts"),
                    tuple(rates.index(best_rate(each)) for each in by_rank), rates.index(rate),
                    ranks.index(rank), run["alpha"] / rank ** scaling.RULES[run["rule"]],
                    (min(line["answers"] for line in lines), min(line["facts"] for line in lines)),
                    bars)


def means(table: Table) -> np.ndarray:
    """The mean over the seeds: (rates, ranks)."""
    return np.array([[seeds.mean() if len(seeds) else np.nan for seeds in row] for row in table])


def _map(ax: Axes, data: Explorer) -> None:
    """The mean score of each rank and rate: the chosen cell framed, the best rates dotted."""
    score_map(ax, means(data.scores), [str(rank) for rank in data.ranks],
              [f"{rate:g}" for rate in data.rates])
    hatch_empty(ax, means(data.scores))
    ax.plot(np.arange(len(data.ranks)) + 0.84, np.array(data.best) + 0.5, "o", ms=3.6,
            color=style.INK)
    for (left, wide), tone in (((0, len(data.ranks)), style.TASK), ((data.column, 1), style.LORA)):
        ax.add_patch(Rectangle((left, data.at), wide, 1, fc="none", ec=tone.mark, lw=2.4, zorder=3,
                               clip_on=False))
    ax.set(xlabel="rank r", ylabel="learning rate",
           title="Answered, %; dot: lowest dev loss")


def _seeds(ax: Axes, data: Explorer, values: Table, tone: Tone, marker: str, floor: float,
           title: str, last: bool) -> None:
    """Every seed over the ranks at the chosen rate, their mean, and each rank at its best rate."""
    places, found = np.arange(len(data.ranks)), means(values)
    best = found[list(data.best), places]
    ax.plot(places, best, "--", color=style.FROZEN.mark, lw=1.4, zorder=1)
    ax.plot(places, found[data.at], color=tone.mark, zorder=2)
    for place in places:
        here, each = place == data.column, values[data.at][place]
        style.seeds(ax, place + style.fan(each, 0.13), each, marker, style.LORA if here else tone,
                    5.4 if here else 4.2)
    low = 0.5 * np.floor(floor / 0.5)
    ax.set(xlim=(-0.4, len(places) - 0.6), ylim=(low - 0.04, 1.06), title=title)
    style.share_ticks(ax.yaxis, low)
    ax.set_xticks(places, [str(rank) for rank in data.ranks] if last else [])
    ax.set_xlabel("rank r" if last else "")
    ax.grid(axis="y")
    better(ax, "up", 0.8, 1.17)
    if np.abs(best - found[data.at]).max() > 0.06:
        name_lines(ax, [Named(places, best, "own best rates", style.FROZEN),
                        Named(places, found[data.at], f"{data.rates[data.at]:g}", tone)],
                   style.SMALL)


def _title(data: Explorer, wide: bool) -> str:
    """What the lowest and the chosen rank answer at the chosen rate, ``?`` where it was not run."""
    rate, row = f"{data.rates[data.at]:g}", means(data.scores)[data.at]
    lowest, chosen = (f"rank {data.ranks[at]}{' answers' if wide else ':'} "
                      f"{style.percent(row[at]) if np.isfinite(row[at]) else '?'}"
                      for at in (0, data.column))
    return f"Rate {rate}: {lowest}" + (f", {chosen}" if data.column else "")


@style.styled
def draw(data: Explorer, layout: Layout = "wide") -> Figure:
    """Draw the rule's map, the chosen rate's row of it with every seed, and the facts kept."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9 if wide else 6.1 if data.bars else 5.45)
    style.heading(fig, _title(data, wide), f"{data.rule}. Each mark is a seed.")
    if wide:
        places = ((0.8, 0.95, 2.67, 1.4 if data.bars else 2.43), (4.05, 0.95, 3.0, 1.0),
                  (4.05, 2.38, 3.0, 1.0))
        gauges = ((style.MARGIN, 3.0, 3.4), (style.MARGIN, 3.42, 3.4))
    else:
        places = ((0.8, 0.9, 2.65, 1.15), (0.6, 2.85, 2.85, 0.95), (0.6, 4.15, 2.85, 0.8))
        gauges = ((style.MARGIN, 5.6, 1.64), (style.MARGIN + 1.84, 5.6, 1.64))
    _map(style.place(fig, *places[0]), data)
    _seeds(style.place(fig, *places[1]), data, data.scores, style.TASK, "D", data.floors[0],
           "Questions answered", False)
    _seeds(style.place(fig, *places[2]), data, data.facts, style.FACTS, "s", data.floors[1],
           "Old facts kept", True)
    if not data.bars:
        return fig
    here = data.facts[data.at][data.column]
    for place, values, tone, name in zip(gauges, (data.here, here), (style.TASK, style.FACTS),
                                         ("answered", "facts kept")):
        gauge(fig, *place, values.mean(), tone, f"Rank {data.ranks[data.column]}: {name}",
              spread(values) if wide else style.percent(values.mean()))
    return fig


def spread(values: np.ndarray) -> str:
    """Write a mean with its range: ``97% (96–98)``."""
    return f"{style.percent(values.mean())} ({100 * values.min():.0f}–{100 * values.max():.0f})"


def alt(data: Explorer) -> str:
    """Return the frame in words."""
    facts = data.facts[data.at][data.column]
    best = data.rates[data.best[data.column]]
    return (f"Rule {data.rule}, rank {data.ranks[data.column]}, learning rate "
            f"{data.rates[data.at]:g}: {style.percent(data.here.mean())} of the questions answered "
            f"({style.percent(data.here.min())} to {style.percent(data.here.max())} over "
            f"{len(data.here)} seeds), facts kept {facts.mean():.1%}. "
            f"This rank does best at {best:g}: "
            f"{style.percent(data.scores[data.best[data.column]][data.column].mean())}.")
