"""One fine-tuning run: loss and answers on held-out questions; replies before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, paragraph, visible
from lib.figures.kit.style import Layout, Tone

CAPTION = ("All questions are about countries that training doesn't mention: those of dev in the "
           "curves, those of test in the title and below.")

#: One question: it, the right answer, what the model says before the run, and after it.
Asked = tuple[str, str, str, str]


@dataclass(frozen=True)
class FirstRun:
    """Loss (nats) and share answered on dev by step, (measurements,) each; the questions; shares of
    the test answered before and after."""

    steps: np.ndarray
    loss: np.ndarray
    answered: np.ndarray
    asked: tuple[Asked, ...]
    right: tuple[float, float]

    @property
    def title(self) -> str:
        """What the run has changed, in words."""
        before, after = map(style.percent, self.right)
        return f"{self.steps[-1]} steps: from {before} to {after} of the test questions"


def compute(curve: Sequence[tuple[int, float, float]], asked: Sequence[Asked],
            right: tuple[float, float]) -> FirstRun:
    """Gather a run's losses and answers by step, its questions, and the shares of the test right.

    Raises:
        ValueError: There are fewer than two measurements, or no question.
    """
    if len(curve) < 2 or not asked:
        raise ValueError(f"{len(curve)} measurements and {len(asked)} questions; needed are "
                         f"two or more, and one or more")
    steps, loss, answered = zip(*curve, strict=True)
    return FirstRun(np.array(steps), np.array(loss, float), np.array(answered, float),
                    tuple(asked), right)


def _curve(ax: Axes, data: FirstRun, values: np.ndarray, tone: Tone, ends: Sequence[str],
           sides: Sequence[tuple[float, float, str]]) -> None:
    """Values over the steps, with the first and the last written at it."""
    ax.plot(data.steps, values, color=tone.mark, marker="o", ms=6, mec=style.PAPER, mew=1,
            clip_on=False, zorder=3)
    for k, words, (right, up, side) in zip((0, -1), ends, sides, strict=True):
        ax.annotate(words, (data.steps[k], values[k]), (right, up), textcoords="offset points",
                    ha=side, va="center", color=tone.ink, weight=600)
    last = data.steps[-1]
    ax.set(xlim=(0, last), xlabel="training step")
    ax.set_xticks([0, *data.steps[data.steps * 12 >= last]])
    ax.grid(axis="y")


def _loss(ax: Axes, data: FirstRun) -> None:
    """The loss on dev over the steps."""
    ax.set(yscale="log", ylim=(0.7 * data.loss.min(), 1.6 * data.loss.max()),
           title="Loss on dev, nats, log axis")
    _curve(ax, data, data.loss, style.FULL, [f"{data.loss[k]:.2f}" for k in (0, -1)],
           ((9, 2, "left"), (0, 10, "right")))
    style.number_ticks(ax.yaxis, (0.01, 0.1, 1, 10))


def _right(ax: Axes, data: FirstRun) -> None:
    """The share of the dev questions that is answered right over the steps."""
    ax.set(ylim=(-0.06, 1.06), title="Dev questions answered right")
    _curve(ax, data, data.answered, style.TASK,
           [style.percent(data.answered[k]) for k in (0, -1)],
           ((16, 0, "left"), (0, -13, "right")))
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])


def _line() -> float:
    return style.BASE * LEADING + 0.05


def _height(data: FirstRun, wide: bool) -> float:
    return 0.24 + _line() * (1 + len(data.asked) * (1 if wide else 3))


def _answers(fig: Figure, data: FirstRun, top: float, wide: bool) -> None:
    """Each question with the answers before and after; a right one is strong."""
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    ax = style.card(fig, style.MARGIN, top, width, _height(data, wide))
    places = (3.75, 5.85) if wide else (0.15, 0.15)
    at = 0.12
    if wide:
        for left, name, tone in zip(places, ("before", "after"), (style.MUTED, style.FULL.ink),
                                    strict=True):
            ax.text(left, at + _line() / 2, name, va="center", color=tone, weight=600)
    else:
        ax.text(0.15, at + _line() / 2, "before, then after", va="center", color=style.MUTED,
                weight=600)
    for prompt, wanted, *said in data.asked:
        at += _line()
        paragraph(ax, 0.15, at, prompt, 3.5 if wide else width - 0.3, 1)
        for left, text, tone in zip(places, said, (style.MUTED, style.FULL.ink), strict=True):
            at += 0 if wide else _line()
            good = text.strip().startswith(wanted.strip())
            paragraph(ax, left, at, f"\u2026 {visible(text) or '(nothing)'}",
                      (2.0 if left < 5 else 1.1) if wide else width - 0.3, 1, tone,
                      weight=600 if good else 400)


@style.styled
def draw(data: FirstRun, layout: Layout = "wide") -> Figure:
    """Draw loss and answers over the steps, and under them what is answered before and after."""
    wide = layout == "wide"
    top = 2.75 if wide else 4.75
    fig = style.canvas(layout, top + _height(data, wide) + 0.06)
    style.heading(fig, data.title if wide else data.title.replace(" of the test questions", ""),
                  "Answered right, about countries that training doesn't mention" if wide else
                  "Of the test questions, answered right")
    width = fig.get_size_inches()[0]
    _loss(style.place(fig, 0.5, 0.92, 2.9 if wide else width - 0.75, 1.25), data)
    _right(style.place(fig, *((4.25, 0.92, width - 4.5) if wide else (0.5, 2.92, width - 0.75)),
                       1.25), data)
    _answers(fig, data, top, wide)
    return fig


def alt(data: FirstRun) -> str:
    """Return the figure in words."""
    said = "; ".join(f"'{visible(prompt)}' is answered '{visible(before)}' before and "
                     f"'{visible(after)}' after" for prompt, _, before, after in data.asked)
    answered = ", ".join(f"{style.percent(share)} at step {step}" for step, share in
                         zip(data.steps, data.answered, strict=True))
    return (f"{data.title} are answered right. Loss on dev questions from {data.loss[0]:.2f} to "
            f"{data.loss[-1]:.2f} nats; of the dev questions {answered} are right. {said}.")
