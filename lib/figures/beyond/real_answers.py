"""What a real language model answers as its adapter is turned up from 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Turn the strength up and watch the first answer change its mind; the other two are of "
           "questions that were not trained on.")
HIGH = {"wide": 0.8, "narrow": 1.22}  # inches of one question with its answer
LINES = {"wide": 2, "narrow": 4}       # of an answer


@dataclass(frozen=True)
class Answers:
    """One strength, each question with its answer there, and whether that is the trained one."""

    strength: float
    pairs: tuple[tuple[str, str], ...]
    trained: tuple[bool, ...]
    base: str
    note: str


def compute(dialled: Mapping[str, Sequence[str]], strengths: Sequence[float], strength: float,
            trained: Sequence[str], base: str = "SmolLM2",
            note: str = "as it was published") -> Answers:
    """Look up one strength.

    ``dialled`` holds for each question its answers at all ``strengths``; an answer that begins with
    one of the texts ``trained`` is what the adapter was trained to say.

    Raises:
        ValueError: there is no such strength.
    """
    if strength not in strengths:
        raise ValueError(f"strength is {strength}; allowed are {', '.join(map(str, strengths))}")
    at = list(strengths).index(strength)
    pairs = tuple((question, answers[at]) for question, answers in dialled.items())
    return Answers(strength, pairs, tuple(answer.startswith(tuple(trained))
                                          for _, answer in pairs), base, note)


@style.styled
def draw(data: Answers, layout: Layout = "wide") -> Figure:
    """Draw each question on a card with its answer, a trained one in the adapter's colour."""
    high, lines = HIGH[layout], LINES[layout]
    fig = style.canvas(layout, 0.72 + (high + 0.1) * len(data.pairs))
    style.heading(fig, f"Strength {data.strength:g}",
                  f"0 is {data.base} {data.note}," + (" " if layout == "wide" else "\n")
                  + "1 the adapter as trained")
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    for k, ((question, answer), new) in enumerate(zip(data.pairs, data.trained, strict=True)):
        top = (0.66 if layout == "wide" else 0.8) + k * (high + 0.1)
        ax = style.card(fig, style.MARGIN, top, width, high - (0 if layout == "wide" else 0.04))
        paragraph(ax, 0.15, 0.1, question, width - 0.3, 1, style.MUTED)
        paragraph(ax, 0.15, 0.33, visible(answer) or "(nothing)", width - 0.3, lines,
                  style.LORA.ink if new else style.INK, style.BASE, 600)
    return fig


def alt(data: Answers) -> str:
    """Return the frame in words."""
    said = " ".join(f"Asked '{question}' it answers '{visible(answer)}'"
                    + (", as trained." if new else ".")
                    for (question, answer), new in zip(data.pairs, data.trained, strict=True))
    return f"Strength {data.strength:g} of the adapter. {said}"
