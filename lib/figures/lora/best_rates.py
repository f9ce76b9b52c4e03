"""The best learning rate over the rank, a line for each rule that sets alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Look for the line that stays level from rank 4 on: under that rule the rate can stay "
           "when the rank changes.")

#: The rules in the order of the maps, and how each one is drawn.
DRAWN: tuple[tuple[Tone, str, str, float], ...] = (
    (style.LORA, "-", "D", 2.2), (style.DATA, "--", "o", 1.4), (style.FROZEN, ":", "s", 1.8))


@dataclass(frozen=True)
class BestRates:
    """For each rule the best rate of each rank and seed: (ranks, seeds)."""

    ranks: tuple[int, ...]
    rates: dict[str, np.ndarray]

    def mean(self, rule: str) -> np.ndarray:
        """The geometric mean over the seeds: (ranks,)."""
        return np.exp(np.log(self.rates[rule]).mean(1))


def compute(ranks: tuple[int, ...], rates: Mapping[str, np.ndarray]) -> BestRates:
    """Put the rules beside each other.

    Raises:
        ValueError: a rule's rates are not one row for each rank, or there are too many rules.
    """
    if len(rates) > len(DRAWN):
        raise ValueError(f"there are {len(rates)} rules, at most {len(DRAWN)} can be drawn")
    for rule, each in rates.items():
        if np.ndim(each) != 2 or len(each) != len(ranks):
            raise ValueError(f"{rule} has rates of shape {np.shape(each)}, "
                             f"not one row for each of {len(ranks)} ranks")
    return BestRates(tuple(ranks), {rule: np.asarray(each) for rule, each in rates.items()})


@style.styled
def draw(data: BestRates, layout: Layout = "wide") -> Figure:
    """Draw the lines over the ranks, both axes logarithmic."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.2)
    seeds = next(iter(data.rates.values())).shape[1]
    style.heading(fig, "Best learning rate over the rank",
                  f"Lowest loss on dev. Marks: {seeds} seeds, lines: their mean." if wide else
                  f"Lowest dev loss; marks: {seeds} seeds")
    ax = style.place(fig, 0.72, 0.75, 6.3 if wide else 2.75, 1.9)
    for (rule, rates), (tone, dashes, marker, thick) in zip(data.rates.items(), DRAWN):
        ax.plot(data.ranks, data.mean(rule), dashes, color=tone.mark, lw=thick)
        for rank, each in zip(data.ranks, rates, strict=True):
            style.seeds(ax, rank * np.exp(style.fan(each, 0.06)), each, marker, tone, 4.4)
    every = np.concatenate([each.ravel() for each in data.rates.values()])
    ax.set(xscale="log", yscale="log", xlabel="rank r", ylabel="best learning rate",
           xlim=(min(data.ranks) / 1.25, max(data.ranks) * 1.25),
           ylim=(every.min() / 1.3, every.max() * 1.3))
    ax.set_xticks(data.ranks, [str(rank) for rank in data.ranks])
    ticks = [tick for tick in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
             if every.min() / 1.3 <= tick <= every.max() * 1.3]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y")
    name_lines(ax, [Named(np.array(data.ranks), data.mean(rule), rule, tone)
                    for rule, (tone, *_) in zip(data.rates, DRAWN)])
    return fig


def alt(data: BestRates) -> str:
    """Return the picture in words."""
    said = [f"{rule} from {data.mean(rule)[0]:.4f} at rank {data.ranks[0]} to "
            f"{data.mean(rule)[-1]:.4f} at rank {data.ranks[-1]}" for rule in data.rates]
    return f"Best learning rate over the rank: {'; '.join(said)}."
