"""The same factor s at each rank, or divided by the root of r or by r: how far first steps go.

Dashed guides start where the measured lines do: a fall like r, a length like the root of r.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Add the two rules: which line is level on the left, and which on the right? All three "
           "meet at rank 1. Then take more steps.")

#: The three rules for s, and the power of the rank that each divides alpha by.
RULES = {"alpha": 0.0, "alpha/sqrt(r)": 0.5, "alpha/r": 1.0}
TONES: dict[str, tuple[Tone, str]] = {
    "alpha": (style.DATA, "o"), "alpha/sqrt(r)": (style.TASK, "s"), "alpha/r": (style.LORA, "D")}

GAP = 10.5  # points from the name of one line to the next, at least

#: (rank, factor) -> (norms (steps,), losses (steps + 1,)), see ``compute``.
Measured = Mapping[tuple[int, float], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Scaling:
    """What was measured at every rank under the three rules, after a number of steps."""

    step: int
    alpha: float
    ranks: tuple[int, ...]
    norms: dict[str, np.ndarray]  # rule -> (ranks,), after this step
    losses: dict[str, np.ndarray]  # rule -> (ranks,), after this step
    base: float  # loss before the first step
    span: tuple[float, float]  # norms from the smallest to the largest, of all steps
    least: float  # by how far the loss has fallen at least, where it has, of all steps
    shown: tuple[str, ...] = tuple(RULES)  # rules whose lines are drawn


def factor(rank: int, alpha: float, rule: str) -> float:
    """Return the factor before B A, in digits few enough to be a key.

    Raises:
        ValueError: the rule is unknown.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; allowed are {', '.join(RULES)}")
    return round(alpha / rank ** RULES[rule], 4)


def written(rule: str, alpha: float) -> str:
    """Write what s is under a rule with this alpha: ``2``, ``2/√r`` or ``2/r``."""
    return f"{alpha:g}{rule.removeprefix('alpha').replace('sqrt(r)', '√r')}"


def compute(measured: Measured, alpha: float, step: int = 1,
            shown: Sequence[str] = tuple(RULES)) -> Scaling:
    """Gather what ``step`` steps do at every rank under each rule, and show some of the rules.

    ``measured`` holds, for each rank and factor, the norm of the change of W after each step,
    relative to that of W, and the loss in nats before the first step and after each.

    Raises:
        ValueError: a rule was not measured at each rank with this alpha, or not for so many steps;
            "alpha" isn't among the rules shown, or another name is.
    """
    if "alpha" not in shown or set(shown) - set(RULES):
        raise ValueError(f"shown are {', '.join(shown)}; they must be alpha and some of "
                         f"{', '.join(RULES)}")
    ranks = tuple(sorted({rank for rank, _ in measured}))
    missing = [f"{rank} and {factor(rank, alpha, rule):g}" for rank in ranks for rule in RULES
               if (rank, factor(rank, alpha, rule)) not in measured]
    if missing or not ranks:
        raise ValueError(f"with alpha = {alpha:g} nothing was measured at rank and factor "
                         f"{', '.join(missing) or 'of any kind'}")
    rows = {rule: [measured[rank, factor(rank, alpha, rule)] for rank in ranks] for rule in RULES}
    norms = {rule: np.array([row[0] for row in each]) for rule, each in rows.items()}
    if not 1 <= step <= norms["alpha"].shape[1]:
        raise ValueError(f"step is {step}; measured are 1 to {norms['alpha'].shape[1]}")
    losses = {rule: np.array([row[1] for row in each]) for rule, each in rows.items()}
    base = float(losses["alpha"][0, 0])
    every = np.concatenate([each.ravel() for each in norms.values()])
    fallen = base - np.concatenate([each[:, 1:].ravel() for each in losses.values()])
    return Scaling(step, alpha, ranks, {rule: each[:, step - 1] for rule, each in norms.items()},
                   {rule: each[:, step] for rule, each in losses.items()}, base,
                   (float(every.min()), float(every.max())),
                   float(fallen[fallen > 0].min(initial=base)),
                   tuple(rule for rule in RULES if rule in shown))


def _lines(ax: Axes, data: Scaling, lines: Mapping[str, np.ndarray], power: float,
           top: float) -> None:
    """One line for each rule over the ranks, named at its end; dashed, to top, s * r**power."""
    places = np.log2(data.ranks)
    for rule, values in lines.items():
        tone, marker = TONES[rule]
        way = np.linspace(places[0], places[-1], 200)
        guide = values[0] * 2 ** ((way - places[0]) * (power - RULES[rule]))
        ax.plot(way[guide <= top], guide[guide <= top], color=tone.mark, lw=style.THIN,
                ls=(0, (4, 3)), zorder=2)
        ax.plot(places, values, color=tone.mark, lw=1.8, marker=marker, ms=5, mec=style.PAPER,
                mew=0.8, zorder=3)
    ax.set(xlim=(places[0] - 0.4, places[-1] + 0.4), xlabel="rank r")
    ax.set_xticks(places, [str(rank) for rank in data.ranks])
    ax.grid(axis="y")
    ends = ax.transData.transform([(places[-1], values[-1]) for values in lines.values()])[:, 1]
    ends, last = ends * 72 / ax.figure.dpi, -np.inf
    for place, rule in sorted(zip(ends, lines, strict=True)):
        last = max(place, last + GAP)
        name = "s = " * (rule == "alpha") + written(rule, data.alpha)
        ax.annotate(name, (places[-1], lines[rule][-1]), (7, last - place),
                    textcoords="offset points", va="center", color=TONES[rule][0].ink, weight=600,
                    annotation_clip=False)


def _norms(ax: Axes, data: Scaling) -> None:
    ax.set(yscale="log", ylim=(data.span[0] / 1.5, data.span[1] * 1.5),
           title="Norm of ΔW, share of W's (dashed: like s√r)")
    _lines(ax, data, {rule: data.norms[rule] for rule in data.shown}, 0.5, np.inf)
    low, high = ax.get_ylim()
    ticks = [tick for tick in (0.0001, 0.001, 0.01, 0.1) if low < tick < high]
    ax.yaxis.set_ticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
    ax.minorticks_off()


def _losses(ax: Axes, data: Scaling) -> None:
    low, high = data.least / 1.5, data.base * 1.6
    ax.set(yscale="log", ylim=(low, high), title="Fall of the loss, nats (dashed: like s·r)")
    _lines(ax, data, {rule: data.base - data.losses[rule] for rule in data.shown}, 1,
           data.base)
    ticks = [tick for tick in (0.01, 0.03, 0.1, 0.3, 1, 3, 10) if low < tick < high]
    ax.yaxis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.axhline(data.base, color=style.FROZEN.mark, lw=style.THIN, ls=(0, (3, 2)))
    ax.text(-0.2, data.base, f"down to zero: {data.base:.2f}", va="bottom", color=style.FROZEN.ink)


@style.styled
def draw(data: Scaling, layout: Layout = "wide") -> Figure:
    """Draw the norm of the change and the fall of the loss after the step, over all ranks."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.05 if wide else 4.55)
    style.heading(fig, head(data, wide), f"Ranks {data.ranks[0]} to {data.ranks[-1]}, "
                  f"{'steps of AdamW on one batch; ' * wide}all axes logarithmic")
    width = 2.45 if wide else 2.35
    _norms(style.place(fig, 0.55, 0.98, width, 1.5 if wide else 1.2), data)
    left, top = (4.1, 0.98) if wide else (0.55, 2.85)
    _losses(style.place(fig, left, top, width, 1.5 if wide else 1.2), data)
    return fig


def counted(step: int) -> str:
    """Write ``1 step`` or ``3 steps``."""
    return f"{step} step{'s' * (step > 1)}"


def head(data: Scaling, wide: bool) -> str:
    """Say how far apart the losses of the ranks lie with s divided by r, and with s the same.

    Without the rule that divides by r, say how much further the loss has fallen at the last rank.
    """
    if "alpha/r" not in data.shown:
        first, *_, last = data.base - data.losses["alpha"]
        return (f"After {counted(data.step)} with s = {written('alpha', data.alpha)}, the loss at "
                f"rank {data.ranks[-1]} has fallen by {last:.2f} nats, at rank {data.ranks[0]} by "
                f"{first:.2f}" if wide else
                f"{counted(data.step)}: the loss fell by {first:.2f} to {last:.2f}")
    apart = {rule: np.ptp(each) for rule, each in data.losses.items()}
    if wide:
        return (f"After {counted(data.step)}, the ranks' losses lie {apart['alpha/r']:.2f} nats "
                f"apart with s = {written('alpha/r', data.alpha)}, {apart['alpha']:.2f} with "
                f"s = {written('alpha', data.alpha)}")
    return (f"{counted(data.step)}: losses {apart['alpha/r']:.2f} nats apart with "
            f"{written('alpha/r', data.alpha)}")


def alt(data: Scaling) -> str:
    """Return the frame in words."""
    first, last = data.ranks[0], data.ranks[-1]
    said = "; ".join(
        f"s = {written(rule, data.alpha)}, {data.norms[rule][0]:.2%} and "
        f"{data.norms[rule][-1]:.2%}, by {data.base - data.losses[rule][0]:.2f} and "
        f"{data.base - data.losses[rule][-1]:.2f} nats"
        for rule in data.shown)
    return (f"After {counted(data.step)}: the norm of the change as a share of W's at ranks "
            f"{first} and {last}, and how far the loss has fallen from {data.base:.2f} nats: "
            f"{said}.")
