"""Learning rate, steps and epochs: recorded runs of one task, and one rate in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import apart
from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Choose a rate, and compare what is learnt of the task in these steps with what is "
           "kept of the old facts. Training: mean since the last mark.")

LOSSES = (0.003, 12.0)  # limits of the loss in nats: those of all tasks, so that none jumps
STEPS = (8, 330)
DASH = (0, (3, 2))
written = "{:g}".format  # of a learning rate, as in the text: ``0.0003``


@dataclass(frozen=True)
class Rates:
    """Runs of one task by learning rate; the one to show in detail is ``rate``.

    curves[rate]: (seeds, measurements, 2) of training and dev loss, at ``steps[rate]``;
    shares[rate]: by "dev", "test" and "facts", one share for each seed (seeds,). The rate to show
    may be one that this task was not run with: it has no curves then, nor shares.
    """

    task: str
    rate: float
    epochs: float
    steps: np.ndarray
    curves: dict[float, np.ndarray]
    shares: dict[float, dict[str, np.ndarray]]
    test_loss: float

    @property
    def ran(self) -> bool:
        """Whether the task was run with this rate."""
        return self.rate in self.curves

    @property
    def scored(self) -> bool:
        """Whether the task has answers to score."""
        return "test" in next(iter(self.shares.values()))


def compute(lines: Sequence[Mapping[str, Any]], task: str, rate: float, examples: int) -> Rates:
    """Gather recorded runs, as the laboratory gives them; ``examples`` is how many train the task.

    Raises:
        ValueError: No run is of this task, or none of any task has this rate.
    """
    found = sorted((line for line in lines if line["run"]["task"] == task),
                   key=lambda line: (line["run"]["learning_rate"], line["run"]["seed"]))
    rates = list(dict.fromkeys(line["run"]["learning_rate"] for line in found))
    every = sorted({line["run"]["learning_rate"] for line in lines})
    if not found or rate not in every:
        raise ValueError(f"rate of {task} is {rate}; allowed are "
                         f"{', '.join(map(str, every if found else ()))}")
    sets = {each: [line for line in found if line["run"]["learning_rate"] == each]
            for each in rates}
    shares = {each: {name: np.array([line[key] for line in same]) for name, key in
                     (("dev", "dev_answers"), ("test", "answers"), ("facts", "facts"))
                     if same[0].get(key) is not None} for each, same in sets.items()}
    here = sets.get(rate, found)
    run = here[0]["run"]
    return Rates(task, rate, run["steps"] / (examples // run["batch"]),
                 np.array([point[0] for point in here[0]["curve"]]),
                 {each: np.array([[point[1:3] for point in line["curve"]] for line in same])
                  for each, same in sets.items()}, shares,
                 float(np.mean([line["loss"] for line in here])))


def _losses(ax: Axes, data: Rates) -> None:
    """Training and dev loss over the steps at the chosen rate; the dev loss of the others in grey.
    """
    ax.set(xscale="log", yscale="log", xlim=STEPS, ylim=LOSSES, xlabel="training step",
           title="Loss, nats")
    ends = {}
    for rate, curves in data.curves.items():
        mean = curves[..., 1].mean(0)
        ends[written(rate)] = np.log(mean[-1])
        if rate != data.rate:
            ax.plot(data.steps, mean, color=style.RULE, lw=1.2, zorder=1)
    for words, height in apart(ends, *np.log(LOSSES)):
        here = words == written(data.rate)
        ax.annotate(words, (data.steps[-1], np.exp(height)), (8, 0),
                    textcoords="offset points", va="center", annotation_clip=False,
                    size=style.SMALL, color=style.FULL.ink if here else style.MUTED,
                    weight=600 if here else 400)
    style.number_ticks(ax.xaxis, (10, 30, 75, 150, 300))
    style.number_ticks(ax.yaxis, (0.01, 0.1, 1, 10))
    ax.grid(axis="y")
    if not data.ran:
        return
    here, named = data.curves[data.rate], []
    for k, (name, tone, dash, marker) in enumerate((("training", style.FULL, DASH, "^"),
                                                    ("dev", style.FULL, "-", "o"))):
        values = here[..., k]
        ax.fill_between(data.steps, values.min(0), values.max(0), color=tone.mark, alpha=0.18,
                        lw=0, zorder=2)
        ax.plot(data.steps, values.mean(0), color=tone.mark, ls=dash, marker=marker, ms=5.5,
                mec=style.PAPER, mew=1, zorder=3)
        named.append(Named(data.steps, values.mean(0), name, tone))
    name_lines(ax, named)


def _shares(ax: Axes, data: Rates) -> None:
    """Answers and facts at the end, by rate, every seed; dev is hollow, test is filled."""
    rates, lines = list(data.shares), []
    places = np.arange(len(rates))
    if data.ran:
        ax.axvline(rates.index(data.rate), color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    for name, tone, marker, side, dash in (("facts", style.FACTS, "s", 0.0, DASH),
                                           ("dev", style.TASK, "o", -0.14, "-"),
                                           ("test", style.TASK, "o", 0.14, "-")):
        if name not in data.shares[rates[0]]:
            continue
        for place, rate in zip(places, rates):
            values = data.shares[rate][name]
            ax.plot(np.full(len(values), place + side), values, marker, ms=4.6, mew=1, zorder=3,
                    mec=tone.mark, mfc=style.PAPER if name == "dev" else tone.mark, ls="none",
                    clip_on=False)
        means = np.array([data.shares[rate][name].mean() for rate in rates])
        if name != "dev":
            ax.plot(places, means, color=tone.mark, ls=dash, lw=1.2, zorder=1)
        called = {"test": "answers", "facts": "facts kept", "dev": ""}[name]
        lines.append(Named(places + (side if name == "dev" else 0), means, called, tone))
    ax.set(xlim=(-0.4, len(rates) - 0.6), ylim=(-0.04, 1.06), xlabel="learning rate",
           title="At the end: each seed")
    ax.set_xticks(places, map(written, rates))
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")
    name_lines(ax, lines)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw the losses over the steps, and what all rates reached in the end."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.38 if wide else 5.24)
    end = (f"{data.steps[-1]} steps of 16 examples, {data.epochs:.1f} epochs" if data.ran else
           "Not run with this data set: see the others, in grey")
    style.heading(fig, f"{data.task}, learning rate {written(data.rate)}", end)
    if wide:
        _losses(style.place(fig, 0.42, 0.94, 2.95, 1.65), data)
        _shares(style.place(fig, 4.2, 0.94, 2.9, 1.65), data)
    else:
        _losses(style.place(fig, 0.42, 0.9, 2.6, 1.48), data)
        _shares(style.place(fig, 0.6, 3.0, 2.87, 1.4), data)
    note = ("At the curves' ends: rates. Hollow: dev. Filled: test." if wide else
            "Hollow dev, filled test.")
    width, height = fig.get_size_inches()
    style.write(fig, width - style.MARGIN, height - 0.22, note, style.MUTED, style.SMALL,
                ha="right")
    return fig


def alt(data: Rates) -> str:
    """Return the frame in words."""
    if not data.ran:
        return (f"{data.task} was not run at learning rate {written(data.rate)}; the other "
                f"{len(data.curves)} are drawn in grey.")
    train, dev = data.curves[data.rate][:, -1].mean(0)
    here = data.shares[data.rate]
    reached = "There are no answers to score. "
    if data.scored:
        reached = (f"Answers right: dev {style.percent(here['dev'].mean())}, test "
                   f"{style.percent(here['test'].mean())} ({style.percent(here['test'].min())} to "
                   f"{style.percent(here['test'].max())} over {len(here['test'])} seeds). ")
    return (f"{data.task} at learning rate {written(data.rate)}, {data.steps[-1]} steps: training "
            f"loss {train:.3f}, dev loss {dev:.3f}, test loss {data.test_loss:.3f}. {reached}"
            f"Facts kept {style.percent(here['facts'].mean())}.")
