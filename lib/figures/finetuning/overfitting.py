"""Overfitting watched step by step: training and held-out loss, and the answers, on few examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Look for the step at which the held-out curve stops falling while the training "
           "curve goes on: from there examples are learnt by heart.")

DASH = (0, (3, 2))


@dataclass(frozen=True)
class Overfit:
    """Runs on few examples and, to compare with, on many; each array of means is (measurements,).

    few: "step", "train", "dev" (nats), "answers" (share); many: the same without "train".
    """

    few: dict[str, np.ndarray]
    many: dict[str, np.ndarray]
    step: int
    examples: tuple[int, int]
    epochs: float

    def now(self, name: str) -> float:
        """Return a measure of the run on few examples at the chosen step."""
        return float(self.few[name][self.few["step"] == self.step][0])


def compute(few: Sequence[Mapping[str, float]], many: Sequence[Mapping[str, float]],
            examples: tuple[int, int], step: int, batch: int = 16) -> Overfit:
    """Gather the measurements of two runs; ``examples`` is how many each was trained on.

    Raises:
        ValueError: The run on few examples was not measured at ``step``.
    """
    columns = [{name: np.array([now[name] for now in run]) for name in run[0]}
               for run in (few, many)]
    if step not in columns[0]["step"]:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, columns[0]['step']))}")
    return Overfit(*columns, step, examples, step / max(1, examples[0] // batch))


def _curve(ax: Axes, data: Overfit, name: str, tone: Tone, dash: object, marker: str) -> None:
    """A measure of the run on few examples: full colour up to the chosen step, a shade after it."""
    steps, values = data.few["step"], data.few[name]
    past = steps <= data.step
    ax.plot(steps, values, color=tone.mark, ls=dash, lw=1.2, alpha=0.35, zorder=1)
    ax.plot(steps[past], values[past], color=tone.mark, ls=dash, zorder=3)
    style.point(ax, data.step, values[past][-1], marker, tone)


def _axis(ax: Axes, data: Overfit, title: str, value: str) -> None:
    """The axis of steps, the title, and at its right end the value now."""
    steps = np.concatenate([data.few["step"], data.many["step"]])
    ax.axvline(data.step, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    ax.set(xscale="log", xlim=(steps.min() * 0.9, steps.max() * 1.1), xlabel="training step",
           title=title)
    ax.set_title(value, loc="right", weight=600)
    style.number_ticks(ax.xaxis, (1, 3, 10, 30, 100, 300))
    ax.grid(axis="y")


def _many(data: Overfit) -> str:
    """The name of the run to compare with."""
    return f"{data.examples[1]:,} texts"


def _losses(ax: Axes, data: Overfit) -> None:
    """Loss on what is trained on, and on held-out texts, for few examples and for many."""
    few, many = data.few, data.many
    every = np.concatenate([few["train"], few["dev"], many["dev"]])
    ax.set(yscale="log", ylim=(every.min() * 0.7, every.max() * 1.3))
    ax.plot(many["step"], many["dev"], color=style.FROZEN.mark, lw=1.2, zorder=1)
    _curve(ax, data, "train", style.FULL, DASH, "^")
    _curve(ax, data, "dev", style.FULL, "-", "o")
    _axis(ax, data, "Loss, nats", f"{data.now('dev'):.2f} held out")
    style.number_ticks(ax.yaxis, (0.001, 0.01, 0.1, 0.3, 1, 3, 10))
    name_lines(ax, [Named(few["step"], few["train"], "trained on", style.FULL),
                    Named(few["step"], few["dev"], "held out", style.FULL),
                    Named(many["step"], many["dev"], _many(data), style.FROZEN)])


def _answers(ax: Axes, data: Overfit) -> None:
    """Exact answers about held-out countries."""
    ax.set(ylim=(-0.04, 1.06))
    ax.plot(data.many["step"], data.many["answers"], color=style.FROZEN.mark, lw=1.2, zorder=1)
    _curve(ax, data, "answers", style.TASK, "-", style.MARKER["task"])
    _axis(ax, data, "Held-out answers", style.percent(data.now("answers")))
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    name_lines(ax, [Named(data.few["step"], data.few["answers"], f"{data.examples[0]} texts",
                          style.TASK),
                    Named(data.many["step"], data.many["answers"], _many(data), style.FROZEN)])


@style.styled
def draw(data: Overfit, layout: Layout = "wide") -> Figure:
    """Draw losses and answers up to the chosen step, over the run on many examples in grey."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.1 if wide else 4.85)
    few, many = data.examples
    style.heading(fig, f"Step {data.step}, {data.epochs:.0f} epochs of {few} texts",
                  f"Means over seeds; grey: held out, trained on {many:,} texts")
    if wide:
        _losses(style.place(fig, 0.45, 0.94, 2.95, 1.6), data)
        _answers(style.place(fig, 4.2, 0.94, 2.9, 1.6), data)
    else:
        _losses(style.place(fig, 0.5, 0.9, 2.95, 1.4), data)
        _answers(style.place(fig, 0.6, 2.95, 2.85, 1.3), data)
    return fig


def alt(data: Overfit) -> str:
    """Return the frame in words."""
    best = int(data.few["step"][data.few["dev"].argmin()])
    return (f"Step {data.step}, {data.epochs:.0f} epochs of {data.examples[0]} texts: loss "
            f"{data.now('train'):.1f} on what it trains on and {data.now('dev'):.1f} held out, "
            f"where it was lowest at step {best}. Held-out answers right: "
            f"{style.percent(data.now('answers'))}.")
