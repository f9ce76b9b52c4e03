"""What a real language model answers as its adapter is turned up from 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Turn the strength down to 0, where no adapter is at work. Only the first question asks "
           "for what was trained.")
HIGH = {"wide": 0.8, "narrow": 1.04}  # inches of one question with its answer
LINES = {"wide": 2, "narrow": 3}       # of an answer


@dataclass(frozen=True)
class Answers:
    """One adapter at one strength: each question with its answer, and whether that is new."""

    adapter: str
    strength: float
    pairs: tuple[tuple[str, str], ...]
    new: tuple[bool, ...]


def compute(dialled: Mapping[str, Mapping[str, Sequence[str]]], strengths: Sequence[float],
            begins: Mapping[str, str], adapter: str, strength: float) -> Answers:
    """Look up one adapter and strength.

    ``dialled`` holds for each adapter and question the answers at all ``strengths``; an answer that
    begins with the adapter's text in ``begins`` is what it was trained to say.

    Raises:
        ValueError: there is no such adapter or strength.
    """
    if adapter not in dialled or strength not in strengths:
        raise ValueError(f"{adapter!r} at {strength} is not recorded; adapters are "
                         f"{', '.join(dialled)}, strengths {', '.join(map(str, strengths))}")
    at = list(strengths).index(strength)
    pairs = tuple((question, answers[at]) for question, answers in dialled[adapter].items())
    return Answers(adapter, strength, pairs, tuple(answer.startswith(begins[adapter])
                                                   for _, answer in pairs))


@style.styled
def draw(data: Answers, layout: Layout = "wide") -> Figure:
    """Draw each question on a card with its answer, a trained one in the adapter's colour."""
    high, lines = HIGH[layout], LINES[layout]
    fig = style.canvas(layout, 0.72 + (high + 0.1) * len(data.pairs))
    style.heading(fig, f"{data.adapter[0].upper()}{data.adapter[1:]}, strength {data.strength:g}",
                  "0 is SmolLM2 without an adapter,"
                  + (" " if layout == "wide" else "\n") + "1 the adapter as trained")
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    for k, ((question, answer), new) in enumerate(zip(data.pairs, data.new, strict=True)):
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
                    for (question, answer), new in zip(data.pairs, data.new, strict=True))
    return f"The adapter for {data.adapter} at strength {data.strength:g}. {said}"
