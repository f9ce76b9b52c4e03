"""What is kept when equally much is learnt: a line for each method and rank, level by level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better, ring
from lib.figures.kit.style import Layout, Tone
from lib.figures.lora.tradeoff import LOSSES, TITLES, axis_from, facts_axis, free_end

CAPTION = ("The arrow shows where better is. Compare the lines at one loss: the higher keeps more; "
           "a jump is a change of learning rate.")
#: Tone (a shade of the method's), marker and fill of each contender.
LOOKS: dict[str, tuple[Tone, str, bool]] = {
    "full": (style.FULL, "o", True),
    "confined": (Tone("#0b5142", "#0b5142", style.FULL.tint), "s", False),
    "r = 64": (Tone("#551a5e", "#551a5e", style.LORA.tint), "D", True),
    "r = 8": (style.LORA, "D", False),
    "r = 4": (Tone("#b565bd", "#8f4597", style.LORA.tint), "v", False)}
DOTS = (0, (1, 1.6))
MARKS = 11  # how many of its levels a line marks, evenly in the logarithm, beside its left end
RINGED = ("full", "r = 8")
SLACK = 1.25  # the rings stand near so many times the lowest loss that all reach,
CLEAR, JUMP = 1.05, 0.05  # where within this factor no ringed line changes by more


@dataclass(frozen=True)
class Fronts:
    """For each contender the most facts kept at each level of loss, a mean of its seeds: (levels,).

    It is nan where a seed never learns so much. ``least`` says where a rate below those tried might
    have kept more: the lowest of them reached the level with every seed. ``base`` is what the base
    model knows, ``blind`` what a blind guess has.
    """

    task: str
    levels: np.ndarray
    kept: dict[str, np.ndarray]
    least: dict[str, np.ndarray]
    base: float
    blind: float = np.nan

    @property
    def marked(self) -> np.ndarray:
        """At which levels the lines carry a mark: (levels,), true or false."""
        at = np.log(self.levels)
        nearest = np.abs(at[:, None] - np.linspace(at[0], at[-1], MARKS)).argmin(0)
        return np.isin(np.arange(len(at)), nearest)

    @property
    def example(self) -> tuple[float, dict[str, float]] | None:
        """A level, and what the ringed contenders have kept there, if all reach one with a mark
        beside which no ringed line jumps."""
        reached = ~np.isnan(list(self.kept.values())).any(0)
        there = [at for at in np.flatnonzero(reached & self.marked) if self._is_clear(at)]
        if not there:
            return None
        wanted = SLACK * self.levels[reached.argmax()]
        at = min(there, key=lambda each: abs(np.log(self.levels[each] / wanted)))
        return float(self.levels[at]), {name: float(self.kept[name][at]) for name in RINGED
                                        if name in self.kept}

    def _is_clear(self, at: int) -> bool:
        """Whether no ringed line jumps near a level."""
        near = np.abs(np.log(self.levels / self.levels[at])) < np.log(CLEAR)
        return all(np.ptp(self.kept[name][near]) < JUMP for name in RINGED if name in self.kept)


def compute(found: Mapping[str, np.ndarray], levels: np.ndarray, base: float, task: str,
            blind: float = np.nan) -> Fronts:
    """Take the best of the rates. found[name]: (seeds, rates, levels), facts kept or nan, the
    rates from the lowest on.

    Raises:
        ValueError: a contender has another number of levels.
    """
    for name, each in found.items():
        if each.shape[2:] != levels.shape:
            raise ValueError(f"{name} has the shape {each.shape}, there are {len(levels)} levels")
    best = {name: np.where(np.isnan(each), -1, each).max(1) for name, each in found.items()}
    kept = {name: np.where((each >= 0).all(0), each.mean(0), np.nan) for name, each in best.items()}
    least = {name: ~np.isnan(each[:, 0]).any(0) for name, each in found.items()}
    return Fronts(task, levels, kept, least, base, blind)


def _plot(ax: Axes, data: Fronts) -> None:
    ax.set_xscale("log")
    kept = np.array(list(data.kept.values()))
    end = free_end(np.broadcast_to(data.levels, kept.shape), kept, tuple(data.levels[[0, -1]]),
                   data.blind)
    facts_axis(ax, data.base, data.blind, end, axis_from(kept))
    for name, kept in data.kept.items():
        tone, marker, filled = LOOKS[name]
        ax.plot(data.levels, kept, color=tone.mark, lw=1.1, ls=DOTS, zorder=2)
        ax.plot(data.levels, np.where(data.least[name], np.nan, kept), color=tone.mark, lw=1.4,
                zorder=2)
        marked = data.marked | (np.arange(len(kept)) == np.argmax(~np.isnan(kept)))
        ax.plot(data.levels[marked], kept[marked], marker, ls="", ms=4.6, mew=0.9,
                zorder=3, color=tone.mark if filled else style.PAPER, mec=tone.mark)
    low, high = data.levels[[0, -1]]
    ax.set(xlim=(low / 1.04, high * 1.04), xlabel="loss on dev examples, nats")
    ax.minorticks_off()
    ticks = [tick for tick in (0.005, 0.01, *LOSSES) if low < tick < high]
    ticks = ticks[::-(-len(ticks) // 5)]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    better(ax, "top left", 0.05, 0.93)
    if data.example:
        for kept in data.example[1].values():
            ring(ax, data.example[0], kept)


def ringed(data: Fronts) -> str:
    """Say what the ringed marks say, if there are any."""
    if not data.example:
        return ""
    loss, kept = data.example
    said = ", ".join(f"{name} {style.percent(each)}" for name, each in kept.items())
    return f"Ringed, facts kept at {loss:.3g} nats: {said}."


def _key(fig: Figure, data: Fronts, top: float, wide: bool) -> None:
    """Which mark is which contender, and what a dotted line is."""
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.3 if wide else 0.56)
    lefts = (0.16, 0.62, 1.48, 2.16, 2.78) if wide else (0.16, 0.62, 1.42, 2.1, 2.7)
    for left, (name, (tone, marker, filled)) in zip(lefts, LOOKS.items(), strict=True):
        ax.plot(left, 0.15, marker, ms=5, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=0.9)
        ax.text(left + 0.11, 0.15, name, va="center", color=tone.ink if name in data.kept
                else style.MUTED, weight=600)
    x, y = (3.6, 0.15) if wide else (0.1, 0.41)
    ax.plot((x, x + 0.28), (y, y), color=style.INK, lw=1.0, ls=DOTS)
    ax.text(x + 0.36, y, "at least so much: no lower rate was tried", va="center",
            color=style.MUTED)


@style.styled
def draw(data: Fronts, layout: Layout = "wide") -> Figure:
    """Draw facts kept against the level of loss, a line for each contender."""
    wide, low = layout == "wide", axis_from(np.array(list(data.kept.values())))
    fig = style.canvas(layout, 3.9 if wide else 3.7)
    style.heading(fig, f"{TITLES[data.task]}: facts kept at equal loss",
                  ringed(data) + f" The axis begins at {low:.0%}." * (wide and low > 0))
    _key(fig, data, 0.58, wide)
    top = 0.95 if wide else 1.2
    _plot(style.place(fig, 0.72, top, style.WIDTH[layout] - 0.86, 2.4 if wide else 1.95), data)
    return fig


def alt(data: Fronts) -> str:
    """Return the frame in words: what each keeps at the lowest level that all of them reach."""
    reached = ~np.isnan(list(data.kept.values())).any(0)
    if not reached.any():
        return f"{TITLES[data.task]}: no level of loss is reached by all of {', '.join(data.kept)}."
    at = int(reached.argmax())
    said = [f"{name} {'at least ' * bool(data.least[name][at])}{style.percent(kept[at])}"
            for name, kept in data.kept.items()]
    return (f"{TITLES[data.task]}, facts kept at the lowest loss that all reach, "
            f"{data.levels[at]:.2g} nats: {', '.join(said)}. {ringed(data)}".rstrip())
