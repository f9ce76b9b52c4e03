"""Rank, alpha and the rule between them: the factor, and what the first steps of training do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "Change the rule and look which curves stay level over the ranks."

#: Both rules, and the power of the rank that each divides alpha by.
RULES = {"alpha/r": 1.0, "alpha/sqrt(r)": 0.5}
FADING = (0.3, 0.42, 0.56, 0.75, 1.0)  # strength of the lines, from the first step to the last

#: (rank, factor) -> (norms (steps,), losses (steps + 1,)), see ``compute``.
Measured = Mapping[tuple[int, float], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Scaling:
    """What was measured at every rank under one alpha and rule; one rank is chosen."""

    rank: int
    alpha: float
    rule: str
    ranks: tuple[int, ...]
    norms: np.ndarray  # (ranks, steps)
    losses: np.ndarray  # (ranks, steps + 1)
    losses_span: tuple[float, float]
    predicted: np.ndarray | None  # (ranks,): loss after the first step, to first order

    @property
    def factor(self) -> float:
        """What B A is multiplied by."""
        return factor(self.rank, self.alpha, self.rule)

    @property
    def at(self) -> int:
        """The chosen rank's row."""
        return self.ranks.index(self.rank)


def factor(rank: int, alpha: float, rule: str) -> float:
    """Return the factor before B A, in digits few enough to be a key.

    Raises:
        ValueError: the rule is unknown.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; allowed are {', '.join(RULES)}")
    return round(alpha / rank ** RULES[rule], 4)


def compute(measured: Measured, rank: int, alpha: float, rule: str,
            slopes: Mapping[int, float] | None = None) -> Scaling:
    """Gather the first steps under one alpha and rule.

    ``measured`` holds, for each rank and factor, the norm of the change of W after each step,
    relative to that of W, and the loss in nats before the first step and after each.  ``slopes``
    holds for each rank how far the first step lowers the loss to first order, at a factor of 1.

    Raises:
        ValueError: nothing was measured at this rank and factor, or the rule is unknown.
    """
    if (rank, factor(rank, alpha, rule)) not in measured:
        raise ValueError(f"nothing was measured at rank {rank} with a factor of "
                         f"{factor(rank, alpha, rule):g}")
    ranks = tuple(sorted({each for each, _ in measured
                          if (each, factor(each, alpha, rule)) in measured}))
    rows = [measured[each, factor(each, alpha, rule)] for each in ranks]
    every = np.concatenate([losses for _, losses in measured.values()])
    predicted = np.array([row[1][0] - factor(each, alpha, rule) * slopes[each]
                          for each, row in zip(ranks, rows)]) if slopes else None
    return Scaling(rank, alpha, rule, ranks, np.array([row[0] for row in rows]),
                   np.array([row[1] for row in rows]), (0.0, float(np.ceil(every.max()))),
                   predicted)


def _lines(ax: Axes, data: Scaling, columns: np.ndarray, tone: Tone) -> None:
    """One line for each step over the ranks, the later the stronger; first and last are named."""
    places = np.log2(data.ranks)
    count = columns.shape[1]
    for k in range(count):
        ax.plot(places, columns[:, k], color=tone.mark, lw=1.5,
                alpha=FADING[round(k * (len(FADING) - 1) / max(1, count - 1))], zorder=2)
        ax.plot(places[data.at], columns[data.at, k], style.MARKER["lora"], color=tone.mark, ms=6,
                mec=style.PAPER, mew=1, zorder=4)
    ax.axvline(places[data.at], color=style.FROZEN.mark, lw=style.THIN, zorder=1)
    for k, name in ((0, "1 step"), (count - 1, f"{count} steps")):
        ax.annotate(name, (places[-1], columns[-1, k]), (6, 0), textcoords="offset points",
                    va="center", color=tone.ink, weight=600, annotation_clip=False)
    ax.set(xlim=(places[0] - 0.4, places[-1] + 0.4), xlabel="rank r")
    ax.set_xticks(places, [str(rank) for rank in data.ranks])
    ax.grid(axis="y")


def _norms(ax: Axes, data: Scaling) -> None:
    ax.set(yscale="log", ylim=(4e-4, 0.3), title="Norm of ΔW, share of W's")
    _lines(ax, data, data.norms, style.LORA)
    ticks = (0.001, 0.01, 0.1)
    ax.yaxis.set_ticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
    ax.minorticks_off()


def _losses(ax: Axes, data: Scaling) -> None:
    ax.set(ylim=data.losses_span, title="Loss on the same batch, in nats")
    _lines(ax, data, data.losses[:, 1:], style.TASK)
    if data.predicted is not None:
        ax.plot(np.log2(data.ranks), data.predicted, color=style.INK, lw=1.5, ls=(0, (1, 1.2)),
                zorder=3)
    ax.axhline(data.losses[0, 0], color=style.FROZEN.mark, lw=style.THIN, ls=(0, (3, 2)))
    ax.text(np.log2(data.ranks[-1]), data.losses[0, 0], "base", ha="right", va="bottom",
            color=style.FROZEN.ink)


@style.styled
def draw(data: Scaling, layout: Layout = "wide") -> Figure:
    """Draw the norm of the change and the loss after every step, over all ranks."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.05 if wide else 4.55)
    style.heading(fig, head(data, wide), f"Rank {data.rank}, α = {data.alpha:g}: {written(data)}" +
                  (f". {len(data.norms[0])} steps of AdamW on one batch" if wide else "") +
                  ("" if data.predicted is None else
                   "; dotted: the first, as predicted" if wide else "; dotted: predicted"))
    width = 2.45 if wide else 2.35
    _norms(style.place(fig, 0.55, 0.98, width, 1.5 if wide else 1.2), data)
    left, top = (4.1, 0.98) if wide else (0.55, 2.85)
    _losses(style.place(fig, left, top, width, 1.5 if wide else 1.2), data)
    return fig


def head(data: Scaling, wide: bool) -> str:
    """Say how far the ranks lie apart after one step, in the loss and in the change of W."""
    losses, norms = data.losses[:, 1], data.norms[:, 0]
    apart, times = losses.max() - losses.min(), norms.max() / norms.min()
    rule = "α/r" if RULES[data.rule] == 1 else "α/√r"
    if wide:
        return (f"{rule}: after a step the ranks differ by {apart:.2f} nats in the loss, "
                f"{times:.1f} times in ΔW")
    return f"{rule}, ranks: {apart:.2f} nats, ΔW {times:.1f}×"


def written(data: Scaling) -> str:
    """Write the factor out: ``factor 8/16 = 0.5``."""
    below = f"{data.rank}" if RULES[data.rule] == 1 else f"√{data.rank}"
    return f"factor {data.alpha:g}/{below} = {data.factor:.3g}"


def alt(data: Scaling) -> str:
    """Return the frame in words."""
    norms, losses = data.norms[data.at], data.losses[data.at]
    spread = data.norms[0, 0] / data.norms[-1, 0]
    return (f"Rank {data.rank}, alpha {data.alpha:g}, {data.rule}: {written(data)}. The first "
            f"step changes W by {norms[0]:.2%} of its norm, {len(norms)} steps by "
            f"{norms[-1]:.1%}; the loss goes from {losses[0]:.1f} to {losses[1]:.1f} and "
            f"{losses[-1]:.1f} nats. From rank {data.ranks[0]} to {data.ranks[-1]} the first "
            f"step's change {'shrinks' if spread > 1 else 'grows'} "
            f"{max(spread, 1 / spread):.1f} times." +
            ("" if data.predicted is None else f" To first order the loss would be "
             f"{data.predicted[data.at]:.1f} nats after the first step."))
