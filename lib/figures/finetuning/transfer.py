"""The same task learnt from the base model and from a random start, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, Named, name_lines, paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Compare, at each step, the solid line with the dashed one, and the dashed one with the "
           "dotted.")

STARTS = {"base": ("from the base", style.FULL, "-", "o"),
          "random": ("from random", style.DATA, (0, (4, 1.5)), "^")}


@dataclass(frozen=True)
class Transfer:
    """Two runs, and what both answer after ``step``.

    steps: where the scores were measured (measurements,); held_out, kind: the shares of answers
    that are right, and of the right kind, by start (measurements,); answers: by question, by
    start; guess: the share that a blind guess has right.
    """

    steps: np.ndarray
    held_out: dict[str, np.ndarray]
    kind: dict[str, np.ndarray]
    answers: dict[str, dict[str, str]]
    step: int
    guess: float

    @property
    def at(self) -> int:
        """The place of the chosen step among those measured."""
        return int(np.flatnonzero(self.steps == self.step)[0])


def compute(measured: Mapping[str, Mapping[int, Any]], step: int, guess: float) -> Transfer:
    """Gather both runs, base and random.

    measured: by step, ``held_out`` and ``kind`` (shares) and ``answers``
    (text by question); guess: the share of held-out answers that a blind guess has right.

    Raises:
        ValueError: Nothing was measured at this step.
    """
    steps = list(measured["base"])
    if step not in steps:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, steps))}")
    held_out, kind = ({start: np.array([measured[start][each][name] for each in steps])
                       for start in STARTS} for name in ("held_out", "kind"))
    here = {start: measured[start][step]["answers"] for start in STARTS}
    return Transfer(np.array(steps), held_out, kind,
                    {question: {start: here[start][question] for start in STARTS}
                     for question in here["base"]}, step, guess)


def _scores(ax: Axes, data: Transfer, wide: bool) -> None:
    """Right answers of both runs, and how many of the random start's are of the right kind."""
    lines = []
    ax.axvline(data.step, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    for start, (label, tone, dash, marker) in STARTS.items():
        ax.plot(data.steps, data.held_out[start], marker, ls=dash, color=tone.mark, ms=4)
        style.point(ax, data.step, data.held_out[start][data.at], marker, tone)
        lines.append(Named(data.steps, data.held_out[start],
                           f"{label}{',' if wide else ':'} right", tone))
    tone = STARTS["random"][1]
    ax.plot(data.steps, data.kind["random"], "v", ls=(0, (1, 1.2)), color=tone.mark, lw=1.4, ms=4)
    style.point(ax, data.step, data.kind["random"][data.at], "v", tone)
    lines.append(Named(data.steps, data.kind["random"], "from random, right kind" if wide
                       else "random: right kind", tone))
    ax.axhline(data.guess, color=style.FROZEN.mark, lw=style.THIN)
    lines.append(Named(data.steps, np.full(len(data.steps), data.guess), "", style.FROZEN))
    if wide:  # the slider's line stands at one of these: no name may lie on it in any frame
        lines += [Named(np.full(9, step), np.linspace(-0.25, 1.08, 9), "", style.FROZEN)
                  for step in data.steps]
    last = int(data.steps[-1])
    ax.set(xlim=(-0.03 * last, 1.03 * last), xlabel="fine-tuning step",
           ylim=(-0.25, 1.08))  # with room for a name below the lowest line
    ax.set_xticks([0, last // 2, last])
    ax.set_yticks([0, data.guess, 0.5, 1], ["0", "blind guess", "50%", "100%"])
    ax.grid(axis="y")
    name_lines(ax, lines)


def _answers(fig: Figure, data: Transfer, top: float, wide: bool) -> None:
    """Each question with both answers, side by side or under it."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING
    ax = style.card(fig, style.MARGIN, top, width, _height(data, wide))
    lefts = (3.4, 5.2) if wide else (0.15, 1.8)
    at = 0.1
    for left, (label, tone, _, _) in zip(lefts, STARTS.values()):
        ax.text(left, at + line / 2, label, va="center", color=tone.ink, weight=600)
    at += line + 0.06
    for question, found in data.answers.items():
        paragraph(ax, 0.15, at, question, 3.15 if wide else width - 0.3, 1, style.MUTED)
        at += 0 if wide else line
        for left, (start, (_, tone, _, _)) in zip(lefts, STARTS.items()):
            paragraph(ax, left, at, visible(found[start]) or "(nothing)", 1.7 if wide else 1.5, 1,
                      tone.ink)
        at += line + 0.05


def _height(data: Transfer, wide: bool) -> float:
    line = style.BASE * LEADING
    return 0.2 + line + len(data.answers) * ((1 if wide else 2) * line + 0.05)


@style.styled
def draw(data: Transfer, layout: Layout = "wide") -> Figure:
    """Draw the held-out score of both runs, and their answers after the chosen step."""
    wide = layout == "wide"
    top = 2.95 if wide else 2.75
    fig = style.canvas(layout, top + _height(data, wide) + 0.06)
    base, random = (style.percent(data.held_out[start][data.at]) for start in STARTS)
    style.heading(fig, f"Step {data.step}: {base} right from the base, {random} from random" if wide
                  else f"Step {data.step}: {base} and {random} right",
                  "Answers about countries that no training question named" if wide
                  else "New countries: from the base, from random")
    _scores(style.place(fig, 0.98, 0.72, 6.0 if wide else 2.45, 1.7 if wide else 1.5), data, wide)
    _answers(fig, data, top, wide)
    return fig


def alt(data: Transfer) -> str:
    """Return the frame in words."""
    base, random = (style.percent(data.held_out[start][data.at], 1) for start in STARTS)
    question, found = next(iter(data.answers.items()))
    return (f"After step {data.step}, held-out answers right: {base} from the base, {random} from "
            f"a random start, of whose answers {style.percent(data.kind['random'][data.at], 1)} "
            f"are of the right kind; a blind guess has {style.percent(data.guess)} right. "
            f"Asked '{visible(question)}' the one from the base says "
            f"'{visible(found['base'])}'.")
