"""Forgetting watched: what a fine-tuned model still says, knows and has learnt, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, SPACE, measure, visible, wrap
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Move the step and watch three things at once: what the model says, the old facts, "
           "and the loss on the new text.")

PROMPT = "The capital of France is"
RIGHT = " Paris."

GREYS = LinearSegmentedColormap.from_list("rates", [style.RULE, style.MUTED])  # low to high rates
ONE, APART = 0.06, 0.15  # inches: ends nearer than the first share a name; names are so far apart


@dataclass(frozen=True)
class Forgetting:
    """Curves of all seeds at each learning rate, and what each seed says at one place.

    steps: (measurements,), the first of them 0; facts (shares) and loss (nats): by learning rate,
    (seeds, measurements) each; says: one text a seed, at ``rate`` and ``step``; guess: the share of
    the facts that a blind guess has, None to draw no line there.
    """

    steps: np.ndarray
    facts: dict[float, np.ndarray]
    loss: dict[float, np.ndarray]
    rate: float
    step: int
    says: tuple[str, ...]
    guess: float | None = None

    def now(self, curves: Mapping[float, np.ndarray]) -> np.ndarray:
        """Every seed's value at the chosen rate and step: (seeds,)."""
        return curves[self.rate][:, np.searchsorted(self.steps, self.step)]

    @property
    def right(self) -> int:
        """How many seeds still go on with Paris and nothing else."""
        return sum(text.startswith(RIGHT) for text in self.says)


def compute(lines: Sequence[Mapping[str, Any]], rate: float, step: int,
            start: tuple[float, float, str], guess: float | None = None) -> Forgetting:
    """Gather the curves of the laboratory's lines, all of one task and one method.

    start: loss, share of facts and what is said of the model before any step, which the lines
    lack; guess: the share of facts that a blind guess has.

    Raises:
        ValueError: No line has this learning rate, or no measurement was taken at this step.
    """
    by_rate: dict[float, list[list[list[Any]]]] = {}
    for line in lines:
        first = [[0, None, start[0], None, start[1], start[2]]]
        by_rate.setdefault(line["run"]["learning_rate"], []).append(first + line["curve"])
    if rate not in by_rate:
        raise ValueError(f"rate is {rate}; allowed are {', '.join(map(str, sorted(by_rate)))}")
    steps = [point[0] for point in by_rate[rate][0]]
    if step not in steps:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, steps))}")
    loss, facts = ({each: np.array([[point[k] for point in curve] for curve in curves])
                    for each, curves in sorted(by_rate.items())} for k in (2, 4))
    return Forgetting(np.array(steps), facts, loss, rate, step,
                      tuple(curve[steps.index(step)][5] for curve in by_rate[rate]), guess)


def _curves(ax: Axes, data: Forgetting, curves: Mapping[float, np.ndarray], tone: Tone,
            marker: str) -> None:
    """The chosen rate in colour up to the chosen step, its range; others grey, high ones darker."""
    places = np.arange(len(data.steps))
    at = int(np.searchsorted(data.steps, data.step))
    for grey, values in zip(np.linspace(0, 1, len(curves)), curves.values(), strict=True):
        ax.plot(places, values.mean(0), color=GREYS(grey), lw=1.1, zorder=1)
    values = curves[data.rate][:, :at + 1]
    ax.fill_between(places[:at + 1], values.min(0), values.max(0), lw=0, color=tone.mark,
                    alpha=0.2, zorder=2)
    ax.plot(places[:at + 1], values.mean(0), color=tone.mark, zorder=3)
    style.point(ax, at, values[:, at].mean(), marker, tone, 7)
    ax.set(xlim=(-0.15, len(places) - 0.85), xlabel="fine-tuning step, not to scale")
    ax.set_xticks(places, [str(step) for step in data.steps])
    ax.grid(axis="y")


def _rates(ax: Axes, curves: Mapping[float, np.ndarray], chosen: float) -> None:
    """Name the curves at their right ends by their rates; ends that are one have one name, but the
    chosen rate always its own."""
    high = ax.get_window_extent().height / ax.figure.dpi
    last = ax.get_xlim()[1]
    ends = sorted((high * ax.transAxes.inverted().transform(
        ax.transData.transform((last, values[:, -1].mean())))[1], rate)
        for rate, values in curves.items())
    groups: list[list[tuple[float, float]]] = []
    for end in ends:
        if (groups and end[0] - groups[-1][-1][0] < ONE
                and chosen not in (end[1], groups[-1][-1][1])):
            groups[-1].append(end)
        else:
            groups.append([end])
    places = np.array([np.mean([place for place, _ in group]) for group in groups])
    for _ in range(20):
        for k in range(len(places) - 1):
            short = max(APART - (places[k + 1] - places[k]), 0) / 2
            places[k:k + 2] += [-short, short]
    for place, group in zip(places, groups, strict=True):
        rates = sorted(rate for _, rate in group)
        name = (", " if len(rates) == 2 else " to ").join(
            f"{rate:g}" for rate in dict.fromkeys((rates[0], rates[-1])))
        ax.text(1.02, place / high, name, transform=ax.transAxes, va="center_baseline",
                size=style.SMALL, weight=600 if chosen in rates else 400,
                color=style.INK if chosen in rates else style.MUTED)


def _facts(ax: Axes, data: Forgetting, named: bool) -> None:
    _curves(ax, data, data.facts, style.FACTS, style.MARKER["facts"])
    ax.set(ylim=(-0.03, 1.05), title="Facts kept")
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    if data.guess is not None:
        ax.axhline(data.guess, color=style.MUTED, lw=1, ls=(0, (2, 2)), zorder=1.5)
        ax.set_yticks([0, data.guess, 0.5, 1],
                      ["0", style.percent(data.guess), "50%", "100%"])
    if named:
        _rates(ax, data.facts, data.rate)
    ax.set_title(style.percent(data.now(data.facts).mean()), loc="right", weight=600)


def _loss(ax: Axes, data: Forgetting, named: bool) -> None:
    _curves(ax, data, data.loss, style.TASK, style.MARKER["task"])
    every = np.concatenate([values.ravel() for values in data.loss.values()])
    ax.set_yscale("log", base=2)
    ax.set(ylim=(0.8 * every.min(), 1.25 * every.max()), title="Loss on recipes, nats")
    style.number_ticks(ax.yaxis, 2.0 ** np.arange(-6, 5))
    if named:
        _rates(ax, data.loss, data.rate)
    ax.set_title(f"{data.now(data.loss).mean():.2f}", loc="right", weight=600)


def _says(fig: Figure, data: Forgetting, top: float) -> None:
    """The prompt, and under it how the model of each seed goes on."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING + 0.03
    ax = style.card(fig, style.MARGIN, top, width, (len(data.says) + 1) * line + 0.24)
    ax.text(0.15, 0.12 + line / 2, f"{PROMPT} \u2026", va="center", weight=600,
            color=style.MUTED)
    for seed, text in enumerate(data.says):
        at, right = 0.14 + (seed + 1.5) * line, text.startswith(RIGHT)
        ax.text(0.15, at, f"seed {seed}", va="center", color=style.MUTED, size=style.SMALL)
        left = 0.15 + measure("seed 0", style.SMALL) + 4 * style.SMALL * SPACE
        shown = f"\u2026 {visible(text) or '(nothing)'}"
        ax.text(left, at, wrap(shown, width - left - 0.15, style.BASE, 1, 600)[0], va="center",
                parse_math=False, weight=600 if right else 400,
                color=style.FACTS.ink if right else style.TASK.ink)


@style.styled
def draw(data: Forgetting, layout: Layout = "wide") -> Figure:
    """Draw facts kept and loss over the steps, and what each seed's model says."""
    wide = layout == "wide"
    top = 2.95 if wide else 4.15
    line = style.BASE * LEADING + 0.03
    fig = style.canvas(layout, top + (len(data.says) + 1) * line + 0.3)
    dashed = "; dashed: a blind guess" if data.guess is not None else ""
    grey = ("" if len(data.facts) == 1 else "; grey: other rates, dark ones are high"
            if wide else "; grey: other rates")
    left = style.percent(data.now(data.facts).mean())
    seeds = len(data.says)
    if wide:
        style.heading(fig, f"Step {data.step}: {left} of the facts are left, {data.right} of "
                           f"{seeds} seeds say Paris",
                      f"Learning rate {data.rate:g}; mean and range of {seeds} seeds{grey}{dashed}")
    else:
        style.heading(fig, f"Rate {data.rate:g}, step {data.step}: {left} left",
                      f"{seeds} seeds{grey}{dashed}")
    if wide:
        _facts(style.place(fig, 0.62, 0.95, 2.3, 1.35), data, True)
        _loss(style.place(fig, 4.0, 0.95, 2.3, 1.35), data, True)
    else:
        _facts(style.place(fig, 0.58, 0.92, 2.9, 0.9), data, False)
        _loss(style.place(fig, 0.58, 2.67, 2.9, 0.9), data, False)
    _says(fig, data, top)
    return fig


def alt(data: Forgetting) -> str:
    """Return the frame in words."""
    facts, loss = data.now(data.facts), data.now(data.loss)
    first = visible(data.says[0]) or "(nothing)"
    guess = "" if data.guess is None else f", a blind guess has {style.percent(data.guess)}"
    return (f"Learning rate {data.rate:g}, step {data.step}: {style.percent(facts.mean())} of the "
            f"facts are kept ({style.percent(facts.min())} to {style.percent(facts.max())} over "
            f"{len(facts)} seeds{guess}), loss on recipes {loss.mean():.2f} nats. {data.right} of "
            f"{len(data.says)} seeds go on with Paris and a full stop; seed 0 says '{first}'.")
