"""What models write to one question, and whether the right answer is the reply or stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Choose a question: only a reply that is the right answer and nothing else counts as "
           "exact.")
HIGH = 0.42  # inches of a reply


@dataclass(frozen=True)
class Replies:
    """A question, its right answer, and by way the reply with its verdict."""

    question: str
    answer: str
    said: dict[str, tuple[str, str]]


def compute(question: str, answer: str, said: Mapping[str, str],
            contains: Callable[[str, str], bool]) -> Replies:
    """Judge each way's reply by its letters, and by whether it ``contains`` the answer.

    Raises:
        ValueError: nobody replied.
    """
    if not said:
        raise ValueError(f"nobody replied to {question!r}")
    judged = {}
    for way, words in said.items():
        reply = " ".join(words.split())
        judged[way] = (reply, "exact" if reply == answer.strip() else
                       "answer in it, wrong form" if contains(reply, answer) else "wrong")
    return Replies(question, answer.strip(), judged)


@style.styled
def draw(data: Replies, layout: Layout = "wide") -> Figure:
    """Draw a card for each way: its name, what it writes, and the verdict."""
    wide = layout == "wide"
    high = HIGH if wide else 0.72
    fig = style.canvas(layout, 0.7 + (high + 0.06) * len(data.said))
    words = data.question, f"Right: {data.answer}"
    style.heading(fig, *(words if wide else words[::-1]))
    width = style.WIDTH[layout] - 2 * style.MARGIN
    for number, (way, (reply, verdict)) in enumerate(data.said.items()):
        ax = style.card(fig, style.MARGIN, 0.64 + number * (high + 0.06), width, high)
        tone = style.MUTED if verdict == "wrong" else style.FACTS.ink
        ax.text(0.12, 0.21, way, va="center_baseline", weight=600, color=style.LORA.ink)
        paragraph(ax, 1.05 if wide else 0.12, 0.12 if wide else 0.38, visible(reply),
                  width - (2.95 if wide else 0.24), 1, style.INK)
        ax.text(width - 0.12, 0.21, verdict, ha="right", va="center_baseline", color=tone,
                weight=400 if verdict == "wrong" else 600)
    return fig


def alt(data: Replies) -> str:
    """Return the frame in words."""
    return f"{data.question} Right: {data.answer} " + "; ".join(
        f"{way} writes '{visible(reply)}', {verdict}"
        for way, (reply, verdict) in data.said.items()) + "."
