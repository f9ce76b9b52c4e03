"""The rows of one training step with replay: the new answer, and what the model said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout, Tone

CAPTION = ("The lower rows show the model that other questions keep their answers; without them "
           "no row does.")
GROUPS = (("the new answer", style.LORA), ("replay: what the untuned model says", style.FROZEN))
ASKED = 2.45  # inches of a question beside its answer
HIGH = {"wide": 0.32, "narrow": 0.54}  # of a row


@dataclass(frozen=True)
class Step:
    """groups: by name in GROUPS, the rows of a step as (question, answer)."""

    groups: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def count(self) -> int:
        """How many rows the step has."""
        return sum(map(len, self.groups))


def compute(new: Sequence[tuple[str, str]], old: Sequence[tuple[str, str]]) -> Step:
    """Take the rows of the new task and those of replay, each as (question, answer).

    Raises:
        ValueError: one of both has no rows.
    """
    if not new or not old:
        raise ValueError(f"a step has {len(new)} new and {len(old)} old rows; both need one or "
                         f"more")
    return Step((tuple(new), tuple(old)))


def _row(fig: Figure, top: float, pair: tuple[str, str], tone: Tone, layout: Layout) -> None:
    """A question with its answer on a card, beside it or under it."""
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    ax = style.card(fig, style.MARGIN, top, width, HIGH[layout] - 0.05)
    left, down = (0.12 + ASKED, 0.04) if layout == "wide" else (0.12, 0.25)
    ask = (ASKED if layout == "wide" else width) - 0.16
    paragraph(ax, 0.12, 0.04, pair[0], ask, 1, style.MUTED)
    paragraph(ax, left, down, pair[1], width - left - 0.1, 1,
              tone.ink if tone is style.LORA else style.INK, style.BASE, 600)


@style.styled
def draw(data: Step, layout: Layout = "wide") -> Figure:
    """Draw the rows of both groups, each group under its name."""
    top, gap = 0.66 if layout == "wide" else 0.7, 0.34
    fig = style.canvas(layout, top + gap * len(data.groups) + HIGH[layout] * data.count + 0.04)
    style.heading(fig, f"One step with replay: {data.count} rows",
                  "In gray the question, which is read; in bold the answer, which carries loss"
                  if layout == "wide" else "In bold the answer, which carries loss")
    for (name, tone), pairs in zip(GROUPS, data.groups, strict=True):
        style.write(fig, style.MARGIN, top + 0.07, f"{len(pairs)} rows of {name}", tone.ink,
                    weight=600)
        top += gap
        for pair in pairs:
            _row(fig, top, pair, tone, layout)
            top += HIGH[layout]
    return fig


def alt(data: Step) -> str:
    """Return the rows in words."""
    return " ".join(f"{len(pairs)} rows of {name}: " + "; ".join(
        f"to '{question}' the answer '{visible(answer)}'" for question, answer in pairs) + "."
        for (name, _), pairs in zip(GROUPS, data.groups, strict=True))
