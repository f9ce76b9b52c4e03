"""Rank against learning rate under three rules for alpha: where each rank does best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import hatch_empty, score_map
from lib.figures.kit.style import Layout

CAPTION = ("The fuller the colour, the better. Look whether the framed cells stay in one row as "
           "the rank grows: then one rate serves all ranks.")

#: The three rules, which agree at rank 8: each says whether a run belongs to it.
RULES = {"α = 16, α/r": lambda run: run["rule"] == "alpha/r" and run["alpha"] == 16,
         "α = 2r, α/r": lambda run: run["rule"] == "alpha/r" and run["alpha"] == 2 * run["rank"],
         "α = 5.66, α/√r": lambda run: run["rule"] == "alpha/sqrt(r)"}
#: Shares of dev answers closer than this are one result: seeds differ by as much.
TIE = 0.03
FACTORS = ("factor 16/r", "factor 2", "factor 5.66/√r")


@dataclass(frozen=True)
class RateMap:
    """By rule (rates, ranks): the mean share of dev and test answers, NaN where nothing ran.

    Means are over the seeds that all rates of a rank have: a rate is not better because its seeds
    are easier.
    """

    ranks: tuple[int, ...]
    rates: tuple[float, ...]
    dev: dict[str, np.ndarray]
    test: dict[str, np.ndarray]

    def good(self, rule: str) -> np.ndarray:
        """Which rates are as good on dev as that rank's best, but for TIE: (rates, ranks)."""
        dev = np.nan_to_num(self.dev[rule], nan=-1)
        return dev > dev.max(0) - TIE

    def largest(self, rule: str) -> list[float]:
        """The largest of the good rates at each rank: (ranks,)."""
        return [self.rates[np.flatnonzero(column).max()] for column in self.good(rule).T]

    def at_edge(self, rule: str) -> list[bool]:
        """Whether that is the highest rate tried at each rank, so that a larger may be good too."""
        tried = np.isfinite(self.dev[rule])
        return [rate == self.rates[np.flatnonzero(column).max()]
                for rate, column in zip(self.largest(rule), tried.T, strict=True)]


def compute(lines: Sequence[Mapping[str, Any]]) -> RateMap:
    """Average the recorded runs over their seeds.

    Raises:
        ValueError: there are no runs.
    """
    if not lines:
        raise ValueError("there are no runs to draw")
    ranks = tuple(sorted({line["run"]["rank"] for line in lines}))
    rates = tuple(sorted({line["run"]["learning_rate"] for line in lines}))
    found: dict[str, dict[str, np.ndarray]] = {"dev_answers": {}, "answers": {}}
    for what, (rule, belongs) in ((w, each) for w in found for each in RULES.items()):
        cells: dict[tuple[int, int], dict[int, float]] = {}
        for line in lines:
            run = line["run"]
            if belongs(run):
                place = rates.index(run["learning_rate"]), ranks.index(run["rank"])
                cells.setdefault(place, {})[run.get("seed", 0)] = line[what]
        found[what][rule] = np.full((len(rates), len(ranks)), np.nan)
        for place, values in cells.items():
            shared = set.intersection(*(set(cells[each]) for each in cells if each[1] == place[1]))
            if shared:
                found[what][rule][place] = np.mean([values[seed] for seed in shared])
    return RateMap(ranks, rates, found["dev_answers"], found["answers"])


def _map(ax: Axes, data: RateMap, rule: str, note: str, first: bool) -> None:
    """Test answers in each cell; the rates that dev finds good are framed, an asterisk marks the
    highest that was tried.
    """
    score_map(ax, data.test[rule], [str(rank) for rank in data.ranks],
              [f"{rate:g}" if first else "" for rate in data.rates], style.SMALL)
    hatch_empty(ax, data.test[rule])
    for i, j in np.argwhere(data.good(rule)):
        ax.add_artist(Rectangle((j + 0.06, i + 0.08), 0.88, 0.84, fc="none", ec=style.LORA.mark,
                               lw=1.6, zorder=3))
    for j in np.flatnonzero(data.at_edge(rule)):
        i = data.rates.index(data.largest(rule)[j])
        ax.text(j + 0.82, i + 0.5, "*", ha="center", va="center_baseline", size=style.BASE,
                color=style.LORA.ink)
    ax.set(xlabel="rank r", ylabel="learning rate" if first else "")
    ax.set_title(f"{rule}: {note}", size=style.SMALL, color=style.MUTED, weight=400)


@style.styled
def draw(data: RateMap, layout: Layout = "wide") -> Figure:
    """Draw one map for each rule."""
    wide = layout == "wide"
    high = 0.26 * len(data.rates)
    fig = style.canvas(layout, 0.98 + high + 0.62 if wide else 0.9 + 3 * (high + 0.72))
    style.heading(fig, "Which learning rate for which rank?",
                  f"Held-out answers, %; framed: within {100 * TIE:.0f} points of the best on dev; "
                  "* the highest rate tried; hatched: not run"
                  if wide else
                  "Answers, %; framed: good; * highest tried")
    for k, (rule, note) in enumerate(zip(RULES, FACTORS)):
        left, top = (0.78 + 2.17 * k, 0.98) if wide else (0.8, 0.9 + k * (high + 0.72))
        ax = style.place(fig, left, top, 2.0 if wide else 2.66, high)
        _map(ax, data, rule, note, k == 0 or not wide)
    return fig


def alt(data: RateMap) -> str:
    """Return the picture in words."""
    ends = {rule: [f"{rate:g}{', the highest tried,' * edge} at rank {rank}" for rate, edge, rank in
                   zip(data.largest(rule), data.at_edge(rule), data.ranks, strict=True)]
            for rule in RULES}
    parts = [f"{rule}: {each[0]}, {each[-1]}" for rule, each in ends.items()]
    return (f"Held-out answers for {len(data.ranks)} ranks and {len(data.rates)} learning rates "
            f"under three rules. Framed are the rates whose dev answers are within {100 * TIE:.0f} "
            f"points of that rank's best; the largest of them: {'; '.join(parts)}.")
