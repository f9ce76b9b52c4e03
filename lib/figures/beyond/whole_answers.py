"""What several models answer to one question, and whether they are right at once, later or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Go through the questions: what a tuned model no longer says within 14 tokens is lost, "
           "or it comes later.")
HIGH = {"wide": 0.8, "narrow": 1.04}  # inches of one model with its answer
LINES = {"wide": 2, "narrow": 3}       # of an answer
LINE = 0.22  # inches of one line; answers of 14 tokens need one line less
WHEN = ("right within 14 tokens", "right within 40 tokens", "not right")


@dataclass(frozen=True)
class Whole:
    """A question, what counts as right, and each model's name, answer and place in WHEN."""

    question: str
    wanted: tuple[str, ...]
    models: tuple[tuple[str, str, int], ...]
    brief: bool = False


def compute(asked: Sequence[tuple[str, str, Sequence[str]]],
            lines: Mapping[str, Mapping[str, Any]], question: str, brief: bool = False) -> Whole:
    """Look up one question; ``brief``: all answers have at most 14 tokens.

    ``asked`` has the questions, each with another wording and right answers; ``lines`` by model
    what was "said" to each of them, and whether it was right within 14 and 40 tokens.

    Raises:
        ValueError: there is no such question.
    """
    questions = [each for each, _, _ in asked]
    if question not in questions:
        raise ValueError(f"{question!r} is not one of the {len(questions)} questions")
    at = questions.index(question)
    return Whole(question, tuple(asked[at][2]), tuple(
        (name, line["said"][at], 0 if line["right_14"][at] else 1 if line["right_40"][at] else 2)
        for name, line in lines.items()), brief)


@style.styled
def draw(data: Whole, layout: Layout = "wide") -> Figure:
    """Draw each model on a card with its answer; one that is not right is written lightly."""
    high, lines = HIGH[layout] - LINE * data.brief, LINES[layout] - data.brief
    top = 0.66 if layout == "wide" else 0.8
    fig = style.canvas(layout, top + 0.06 + (high + 0.1) * len(data.models))
    style.heading(fig, data.question,
                  f"right if it holds: {' or '.join(data.wanted)}")
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    for k, (name, answer, when) in enumerate(data.models):
        ax = style.card(fig, style.MARGIN, top + k * (high + 0.1), width,
                        high - (0 if layout == "wide" else 0.04))
        paragraph(ax, 0.15, 0.1, f"{name}: {WHEN[when]}", width - 0.3, 1, style.MUTED)
        paragraph(ax, 0.15, 0.33, visible(answer) or "(nothing)", width - 0.3, lines,
                  style.MUTED if when == 2 else style.INK, style.BASE, 400 if when == 2 else 600)
    return fig


def alt(data: Whole) -> str:
    """Return the frame in words."""
    said = " ".join(f"{name[0].upper()}{name[1:]} answers '{visible(answer)}', {WHEN[when]}."
                    for name, answer, when in data.models)
    return f"Asked '{data.question}'. {said}"
