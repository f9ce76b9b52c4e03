"""How two methods are compared at equal learning: one run, a level, all rates, the envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better, ring
from lib.figures.kit.style import Layout
from lib.figures.lora.tradeoff import LOSSES, METHODS, TITLES, facts_axis

CAPTION = ("The rule in four views: one run, two runs at one loss, all learning rates, "
           "and the best of them at each loss.")
STEPS = (1, 2, 3, 4)
SHOWN = {"full": 0.001, "lora": 0.01}  #: the run of each method that the first steps show
SAID = {1: "One run: each mark is a checkpoint",
        2: "Two runs, compared at one loss",
        3: "All learning rates, compared at one loss",
        4: "Upper envelopes: the best rate at each loss"}
FINE = 80  # points of a line
NEAR = 1.2  # a run that ends within this factor above the level misses it narrowly


@dataclass(frozen=True)
class Equal:
    """One data set and seed: by method and rate the measured moments, (times, 3) of step, dev loss
    and facts kept; ``level`` the loss at which the methods are compared, ``kept`` what each rate
    had left there or nan; ``fronts``, the upper envelopes, the most facts at each of ``levels``:
    (levels,); ``base`` and ``blind`` what the base model knows and what a blind guess has.
    """

    task: str
    step: int
    runs: dict[str, dict[float, np.ndarray]]
    level: float
    kept: dict[str, dict[float, float]]
    levels: np.ndarray
    fronts: dict[str, np.ndarray]
    base: float
    blind: float = np.nan

    def at_level(self, method: str) -> float:
        """What the shown run had left at the level, from step 3 on the best of all rates."""
        return (self.kept[method][SHOWN[method]] if self.step < 3
                else float(np.nanmax(list(self.kept[method].values()))))

    def around(self, method: str) -> np.ndarray:
        """The shown run's measured moments about the level, (2, 3), the first at it or below last;
        (1, 3) where that is its first of all, or where it never comes down."""
        run = self.runs[method][SHOWN[method]]
        below = np.flatnonzero(run[:, 1] <= self.level)
        return run[max(below[0] - 1, 0):below[0] + 1] if len(below) else run[-1:]

    def near_miss(self, method: str) -> tuple[float, float, float] | None:
        """Rate, lowest loss and facts kept there of the run that misses the level most narrowly."""
        ends = {rate: run[run[:, 1].argmin(), 1:] for rate, run in self.runs[method].items()}
        missed = [(loss, rate, kept) for rate, (loss, kept) in ends.items()
                  if self.level < loss < NEAR * self.level]
        return None if not missed else (min(missed)[1], min(missed)[0], float(min(missed)[2]))


def left_at(run: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Facts kept when a run, (times, 3), first comes down to each level, else nan: (levels,).

    Between two measurements the facts follow the logarithm of the loss.
    """
    loss, kept = run[:, 1], run[:, 2]
    lowest = np.minimum.accumulate(loss)
    new = np.r_[True, loss[1:] < lowest[:-1]]
    found = np.interp(-np.log(levels), -np.log(loss[new]), kept[new])
    return np.where(levels < lowest[-1], np.nan, np.where(levels > loss[0], kept[0], found))


def compute(lines: Sequence[Mapping[str, Any]], base: float, level: float, step: int,
            blind: float = np.nan) -> Equal:
    """Gather the lines of one data set and one seed, of both methods.

    Raises:
        ValueError: the run of a method that the first steps show is not among the lines.
    """
    runs: dict[str, dict[float, np.ndarray]] = {method: {} for method in METHODS}
    for line in sorted(lines, key=lambda each: each["run"]["learning_rate"]):
        runs[line["run"]["method"]][line["run"]["learning_rate"]] = np.array(
            [[point[0], point[2], point[4]] for point in line["curve"]], float)
    for method, rate in SHOWN.items():
        if rate not in runs[method]:
            raise ValueError(f"no run of {method} at the rate {rate}")
    kept = {method: {rate: float(left_at(run, np.array([level]))[0]) for rate, run in each.items()}
            for method, each in runs.items()}
    lowest = min(run[:, 1].min() for each in runs.values() for run in each.values())
    highest = max(run[0, 1] for each in runs.values() for run in each.values())
    ends = np.array([run[:, 1].min() for each in runs.values() for run in each.values()])
    levels = np.unique([*np.geomspace(lowest, highest, FINE), *ends,
                        *(ends[ends > lowest] * (1 - 1e-9))])  # a run's end is an upright jump
    fronts = {}
    for method, each in runs.items():
        found = np.array([left_at(run, levels) for run in each.values()])
        best = np.where(np.isnan(found), -1, found).max(0)
        fronts[method] = np.where(best < 0, np.nan, best)
    return Equal(lines[0]["run"]["task"], step, runs, level, kept, levels, fronts, base,
                 blind)


def _way(ax: Axes, run: np.ndarray, method: str, strong: bool) -> None:
    """One run: its measured moments, and the line on which it is read between them."""
    _, tone = METHODS[method]
    fine = np.geomspace(run[:, 1].min(), run[0, 1], FINE)
    ax.plot(fine, left_at(run, fine), color=tone.mark if strong else tone.tint,
            lw=1.6 if strong else 1.0, ls="-" if method == "full" else (0, (5, 2)),
            zorder=3 if strong else 2)
    ax.plot(run[:, 1], run[:, 2], style.MARKER[method], ls="", ms=5 if strong else 3.5,
            color=tone.mark if strong else style.PAPER, mew=0.8,
            mec=style.PAPER if strong else tone.mark, zorder=4)


def _plot(ax: Axes, data: Equal) -> None:
    ax.set_xscale("log")
    facts_axis(ax, data.base, data.blind)
    low, high = 0.85 * data.levels[0], 1.4 * data.levels[-1]
    ax.set(xlim=(low, high), xlabel="loss on dev examples, nats")
    ax.minorticks_off()
    ticks = [tick for tick in (0.01, *LOSSES) if low < tick < high]
    ticks = ticks[::-(-len(ticks) // 6)]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    if data.step > 1:
        ax.axvline(data.level, color=style.INK, lw=1.0, ls=(0, (2, 2)), zorder=1)
    for method, each in data.runs.items():
        if data.step == 1 and method != "full":
            continue
        if data.step == 4:
            ax.plot(data.levels, data.fronts[method], color=METHODS[method][1].mark, lw=2.4,
                    ls="-" if method == "full" else (0, (5, 2)), zorder=3)
        for rate, run in each.items():
            if data.step > 2 or rate == SHOWN[method]:
                _way(ax, run, method, data.step < 3)
        if data.step > 1 and not np.isnan(data.at_level(method)):
            ring(ax, data.level, data.at_level(method))
    if data.step == 1:
        named = []  # where names stand: a third one close by would cover them
        for step, loss, kept in data.runs["full"][SHOWN["full"]]:
            up = step == 75  # its neighbour's name stands below
            inch = np.log(high / low) * ax.figure.dpi / ax.bbox.width
            if any(up == other and abs(np.log(loss / at)) < 0.42 * inch for other, at in named):
                continue
            named.append((up, loss))
            ax.annotate(f"step {step:.0f}", (loss, kept), (0, 6 if up else -6),
                        va="bottom" if up else "top", textcoords="offset points",
                        size=style.SMALL, color=METHODS["full"][1].ink)
    better(ax, "top left", 0.3, 0.93)


def _key(fig: Figure, data: Equal, top: float, wide: bool) -> None:
    """What each method had left at the level."""
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.52)
    for row, (method, (name, tone)) in enumerate(METHODS.items()):
        y = 0.13 + 0.25 * row
        ax.plot(0.2, y, style.MARKER[method], ms=5, color=tone.mark)
        ax.text(0.34, y, name, va="center", color=tone.ink, weight=600)
        if data.step == 1:
            words = f"learning rate {SHOWN[method]:g}" if method == "full" else "from view 2 on"
        else:
            words = _asked(data, method) if data.step == 2 else _left(data, method)
            if data.step > 2 and wide:
                words += _missed(data, method, "; rate {:g} just misses it: {} at {:.3g}")
        ax.text(1.45, y, words, va="center")


def _title(data: Equal) -> str:
    """The data set, and the loss at which the methods are compared once it is."""
    at = f" at a dev loss of {data.level:.3g} nats" if data.step > 1 else ""
    return f"{TITLES[data.task]}{at}"


def _left(data: Equal, method: str) -> str:
    """Facts left at the level, in words."""
    kept = data.at_level(method)
    return (f"not down to {data.level:.3g} nats at a rate of {SHOWN[method]:g}" if np.isnan(kept)
            else f"{style.percent(kept)} of the facts left at {data.level:.3g} nats")


def _asked(data: Equal, method: str) -> str:
    """Facts left at the level, for the reader to read off."""
    return (_left(data, method) if np.isnan(data.at_level(method))
            else f"?% of the facts left at {data.level:.3g} nats")


def _moments(data: Equal, method: str) -> str:
    """The measured moments between which the shown run is to be read, in words."""
    return " and ".join(f"{style.percent(kept)} of the facts left at {loss:.3g} nats"
                        for _, loss, kept in data.around(method))


def _missed(data: Equal, method: str, form: str) -> str:
    """The rate that just misses the level, what it kept and where it ended, if there is one."""
    near = data.near_miss(method)
    return form.format(near[0], style.percent(near[2]), near[1]) if near else ""


@style.styled
def draw(data: Equal, layout: Layout = "wide") -> Figure:
    """Draw what the step shows, and what each method has left at the level."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.1 if wide else 3.9)
    style.heading(fig, _title(data), SAID[data.step])
    _key(fig, data, 0.58, wide)
    _plot(style.place(fig, 0.72, 1.2, style.WIDTH[layout] - 0.86, 2.35 if wide else 2.15), data)
    return fig


def alt(data: Equal) -> str:
    """Return the step in words."""
    before = f"{_title(data)}. {SAID[data.step]}."
    if data.step == 1:
        said = [f"{loss:.2f} nats and {style.percent(kept)} of the facts at step {step:.0f}"
                for step, loss, kept in data.runs["full"][SHOWN["full"]]]
        return f"{before} Full fine-tuning at a rate of {SHOWN['full']:g} has {', '.join(said)}."
    if data.step == 2:
        return f"{before} Read at the ring between two checkpoints. " + " ".join(
            f"{name[0].upper()}{name[1:]} at a rate of {SHOWN[method]:g}: {_moments(data, method)}."
            for method, (name, _) in METHODS.items())
    return f"{before} " + " ".join(
        f"{name[0].upper()}{name[1:]}: {_left(data, method)}"
        + _missed(data, method, ", and the rate {:g} just misses it with {} at {:.3g} nats")
        + "." for method, (name, _) in METHODS.items())
