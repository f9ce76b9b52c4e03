"""Goals of fine-tuning: what the base answers before, and what tuned models answer after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, measure, paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Choose a job and compare the base's line with the tuned model's. Of an answer only "
           "what was asked for is scored.")

#: What can stand below the answers: its axis, and its name in the words of a frame.
MEASURES = {"scores": ("test answers that are right", "Test answers right"),
            "facts": ("old facts that the model says", "Old facts said")}

NAMES = {"base": ("base model", style.FROZEN), "full": ("fine-tuned", style.FULL)}

NEAR = 0.05  # shares nearer than this would hide the base's mark
ASIDE = {"base": -0.32, "full": 0.1}  # so far from the middle of the row the marks stand then


@dataclass(frozen=True)
class BeforeAfter:
    """One prompt of one goal: both models' answers, and the scores of all goals.

    answers: text by model, one of NAMES; wanted: how a right one begins; scores: by goal the
    shares by model (seeds,), one for the base, of what is measured, a key of MEASURES; guesses: by
    goal the share that a blind guess has right, where it is known.
    """

    goal: str
    prompt: str
    wanted: str
    answers: dict[str, str]
    scores: dict[str, dict[str, np.ndarray]]
    guesses: dict[str, float]
    measured: str = "scores"

    def right(self, name: str) -> bool:
        """Tell whether this model's answer is the wanted one, as far as both go.

        Models may have been stopped before the end of an answer, or gone on after it, but not
        within a word: "Nigeria" is not "Niger".
        """
        answer, wanted = self.answers[name].strip(), self.wanted.strip()
        length = min(len(answer), len(wanted))
        after = answer[len(wanted):][:1]
        ends = not (wanted[-1:].isalnum() and (after.isalnum() or after == "-"))
        return length > 0 and answer[:length] == wanted[:length] and ends


def compute(goals: Mapping[str, Mapping[str, Any]], goal: str, number: int,
            measured: str = "scores") -> BeforeAfter:
    """Look up the prompt of this number, from 1, of a goal.

    goals: by title, ``scores`` (shares by model), ``facts`` (the same, if that is measured) and
    ``prompts``, a list of (prompt, wanted answer, answers by model); and, if it is to be marked
    beside scores, ``guess``, a blind guess's share.

    Raises:
        ValueError: There is no such goal, prompt or measure.
    """
    if goal not in goals:
        raise ValueError(f"goal is {goal!r}; allowed are {', '.join(goals)}")
    if measured not in MEASURES:
        raise ValueError(f"measured is {measured!r}; allowed are {', '.join(MEASURES)}")
    prompts = goals[goal]["prompts"]
    if not 1 <= number <= len(prompts):
        raise ValueError(f"number is {number}; allowed are 1 to {len(prompts)}")
    prompt, wanted, answers = prompts[number - 1]
    return BeforeAfter(goal, prompt, wanted, {name: answers[name] for name in NAMES},
                       {title: {name: np.atleast_1d(np.asarray(each[measured][name], float))
                                for name in NAMES} for title, each in goals.items()},
                       {title: float(each["guess"]) for title, each in goals.items()
                        if "guess" in each and measured == "scores"}, measured)


def _answers(fig: Figure, data: BeforeAfter, top: float, height: float, wide: bool) -> None:
    """The prompt, and under it one answer a model; which are right says a word beside it."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING
    ax = style.card(fig, style.MARGIN, top, width, height)
    paragraph(ax, 0.15, 0.12, data.prompt, width - 0.3, 1 if wide else 2)
    lines, at = (1 if wide else 2), 0.12 + (1 if wide else 2) * line + 0.1
    for name, (label, tone) in NAMES.items():
        ax.text(0.15, at + line / 2, label, va="center", color=tone.ink, weight=600)
        paragraph(ax, 1.05, at, visible(data.answers[name]) or "(nothing: the text ends)",
                  width - 1.05 - 0.62, lines, tone.ink)
        ax.text(width - 0.15, at + line / 2, "right" if data.right(name) else "wrong", ha="right",
                va="center", color=style.INK if data.right(name) else style.MUTED,
                weight=600 if data.right(name) else 400)
        at += lines * line + 0.07
    ax.text(0.15, at + line / 2, "wanted", va="center", color=style.MUTED)
    paragraph(ax, 1.05, at, data.wanted, width - 1.2, 1 if wide else 2, style.MUTED)


def _height(wide: bool) -> float:
    """Height of the card of answers: the same in all frames."""
    line = style.BASE * LEADING
    return 0.12 + 4 * line + 0.38 if wide else 0.12 + 8 * line + 0.43


def _key(fig: Figure, left: float, top: float, guess: bool, wide: bool) -> None:
    """Which mark is which model, and which a blind guess."""
    ax, at = style.board(fig, left, top, height=0.2), 0.06
    for name, (label, tone) in NAMES.items():
        style.seeds(ax, [at], [0.1], style.MARKER[name], tone, 5.5)
        words = label + (", each seed" if name == "full" and (wide or not guess) else "")
        ax.text(at + 0.14, 0.1, words, va="center", color=tone.ink, size=style.SMALL)
        at += 0.14 + measure(words, style.SMALL) + 0.25
    if guess:
        ax.plot([at, at], [0.02, 0.18], color=style.TASK.mark, lw=2)
        ax.text(at + 0.1, 0.1, "blind guess", va="center", color=style.TASK.ink, size=style.SMALL)


def _scores(ax: Axes, data: BeforeAfter) -> None:
    """Every seed's share of what is measured, a row for each goal; the chosen one is marked."""
    for row, (goal, scores) in enumerate(data.scores.items()):
        weight = 600 if goal == data.goal else 400
        if goal == data.goal:
            ax.axhspan(row - 0.5, row + 0.5, color=style.FROZEN.tint, zorder=0)
        if goal in data.guesses:
            ax.plot([data.guesses[goal]] * 2, [row - 0.3, row + 0.3], color=style.TASK.mark, lw=2,
                    zorder=1)
        hidden = np.abs(scores["full"][:, None] - scores["base"]).min() < NEAR
        for name, (_, tone) in NAMES.items():
            values, aside = scores[name], ASIDE[name] if hidden else 0
            style.seeds(ax, values, row + aside + style.fan(values, 0.14), style.MARKER[name], tone,
                        5.5)
        ax.annotate(style.percent(scores["full"].mean()), (1, row), (9, 0), va="center",
                    textcoords="offset points", color=NAMES["full"][1].ink, weight=weight)
    ax.set(xlim=(0, 1), ylim=(len(data.scores) - 0.5, -0.5), xlabel=MEASURES[data.measured][0])
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.set_yticks(range(len(data.scores)), list(data.scores))
    for label, goal in zip(ax.get_yticklabels(), data.scores, strict=True):
        label.set_weight(600 if goal == data.goal else 400)
    ax.grid(axis="x")


@style.styled
def draw(data: BeforeAfter, layout: Layout = "wide") -> Figure:
    """Draw both answers, and below them the scores of all goals."""
    wide = layout == "wide"
    high, strip = _height(wide), 0.3 * len(data.scores)
    fig = style.canvas(layout, 0.62 + high + 0.45 + strip + 0.6)
    whole = "the whole test" if data.measured == "scores" else "many old facts"
    style.heading(fig, data.goal, f"Above, both models go on from one prompt; below, {whole}"
                  if wide else f"One prompt, and below it {whole}")
    _answers(fig, data, 0.62, high, wide)
    _key(fig, 1.5 if wide else 0.3, 0.62 + high + 0.15, bool(data.guesses),
         wide)
    _scores(style.place(fig, 1.5, 0.62 + high + 0.45, fig.get_size_inches()[0] - 2.05, strip), data)
    return fig


def alt(data: BeforeAfter) -> str:
    """Return the frame in words."""
    said = ", ".join(f"{label} '{visible(data.answers[name])}'"
                     for name, (label, _) in NAMES.items())
    means = ", ".join(f"{label} {style.percent(data.scores[data.goal][name].mean())}"
                      for name, (label, _) in NAMES.items())
    guess = (f", a blind guess {style.percent(data.guesses[data.goal])}"
             if data.goal in data.guesses else "")
    return (f"{data.goal}. What follows '{visible(data.prompt)}': {said}. "
            f"{MEASURES[data.measured][1]}: {means}{guess}.")
