"""All known questions as small squares: kept, leaked, wrong or empty; and one with its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = "Each square is a question. Move the frame to read the answer that it got."
KINDS = ("kept", "leaked", "wrong", "empty")
FILLS = (style.FACTS.mark, style.LORA.mark, style.FROZEN.tint, style.PAPER)
EMPTY = 3
COLUMNS = 13
PITCH = {"wide": 0.4, "narrow": 0.268}  # inches from a square to the next
SIDE = {"wide": 0.35, "narrow": 0.235}
ANSWER = {"wide": 1, "narrow": 2}      # lines


@dataclass(frozen=True)
class Squares:
    """run: whose answers these are;  kinds: (questions, 4), whether an answer is each of KINDS, of
    which *kept* and *leaked* may both hold;  at: the place of the one that is shown, with its
    ``question``, its right answers ``wanted`` and its ``answer``;  name: how many name questions
    get the new name, as in ``7 of 8``, or nothing;  leak: what a leaked answer is called, as in
    ``in JSON``.
    """

    run: str
    kinds: np.ndarray
    at: int
    question: str
    wanted: tuple[str, ...]
    answer: str
    name: str = ""
    leak: str = KINDS[1]

    @property
    def names(self) -> tuple[str, ...]:
        """What each of KINDS is called."""
        return (KINDS[0], self.leak, *KINDS[2:])

    @property
    def counts(self) -> dict[int, int]:
        """How many answers are of a kind, by its place in KINDS."""
        return {kind: int(self.kinds[:, kind].sum()) for kind in range(len(KINDS))}

    def words(self, at: int) -> str:
        """What an answer is, as in ``leaked, but right``."""
        if self.kinds[at, :2].all():
            return f"{self.leak}, but right"
        return self.names[int(self.kinds[at].argmax())]


def compute(asked: Sequence[tuple[str, str, Sequence[str]]],
            told: Mapping[str, Mapping[str, Any]], run: str,
            question: int) -> Squares:
    """Look up the answers of one run, and one question by its number, from 1.

    ``asked`` has the questions, each with another wording and right answers; ``told`` by run what
    was "said" to each of them, whether that is "kept" and "leaked", and perhaps "name", how many
    name questions get the new name, and "leak", what a leaked answer is called.

    Raises:
        ValueError: there is no such run or question.
    """
    if run not in told or not 1 <= question <= len(asked):
        raise ValueError(f"question {question} of {run!r} is not recorded; runs are "
                         f"{', '.join(told)}, questions 1 to {len(asked)}")
    said, kept, leaked = (told[run][part] for part in ("said", "kept", "leaked"))
    kinds = np.array([(right, leak, not right and not leak and bool(answer.strip()),
                       not right and not leak and not answer.strip())
                      for answer, right, leak in zip(said, kept, leaked, strict=True)], bool)
    at = question - 1
    return Squares(run, kinds, at, asked[at][0], tuple(asked[at][2]), said[at],
                   told[run].get("name", ""), told[run].get("leak", KINDS[1]))


def _square(ax: Axes, left: float, top: float, side: float, kinds: np.ndarray) -> None:
    """Draw a square; what is leaked but right is split."""
    empty = bool(kinds[EMPTY])
    ax.add_artist(Rectangle((left, top), side, side, fc=FILLS[int(kinds.argmax())],
                            ec=style.FROZEN.mark if empty else "none", lw=style.THIN,
                            ls=(0, (3, 2)) if empty else "-"))
    if kinds[:2].all():
        ax.add_artist(Polygon([(left + side, top), (left + side, top + side), (left, top + side)],
                              fc=FILLS[1], ec="none"))


def _legend(ax: Axes, data: Squares, layout: Layout, left: float, top: float) -> None:
    wide, swatch = layout == "wide", 0.17
    both = int(data.kinds[:, :2].all(1).sum())
    for place, (kind, count) in enumerate(data.counts.items()):
        x = left if wide else left + place % 2 * 1.75
        y = top + (place * 0.27 if wide else place // 2 * 0.27)
        _square(ax, x, y, swatch, np.arange(len(KINDS)) == kind)
        also = f" ({both} also kept)" if both and kind == 1 else ""
        ax.text(x + swatch + 0.09, y + swatch / 2, f"{count} {data.names[kind]}{also}",
                va="center_baseline", weight=600 if count else 400,
                color=style.INK if count else style.MUTED)


@style.styled
def draw(data: Squares, layout: Layout = "wide") -> Figure:
    """Draw the squares with their numbers, what they mean, and a card with one answer."""
    wide, pitch, side, lines = layout == "wide", PITCH[layout], SIDE[layout], ANSWER[layout]
    rows = -(-len(data.kinds) // COLUMNS)
    top, high = 0.72, max(rows * pitch + 0.12, 1.28) if wide else rows * pitch + 0.68
    tall = 0.65 if wide else 1.04
    fig = style.canvas(layout, top + high + tall + 0.06)
    learnt = f", name learnt in {data.name}" * bool(data.name)
    style.heading(fig, f"{data.run[0].upper()}{data.run[1:]}: {data.kinds[:, 0].sum()} of "
                  f"{len(data.kinds)} kept{learnt}", "SmolLM2's answers to the known questions")
    ax = style.board(fig)
    for at, kinds in enumerate(data.kinds):
        x, y = style.MARGIN + at % COLUMNS * pitch, top + at // COLUMNS * pitch
        _square(ax, x, y, side, kinds)
        ax.text(x + side / 2, y + side / 2, str(at + 1), ha="center", va="center_baseline",
                size=style.SMALL, color=style.PAPER if kinds[:2].any() else style.MUTED)
        if at == data.at:
            for colour, thick in ((style.PAPER, 5), (style.TASK.mark, 2.6)):
                ax.add_artist(Rectangle((x, y), side, side, fc="none", ec=colour, lw=thick,
                                        zorder=4))
    _legend(ax, data, layout, *((COLUMNS * pitch + 0.3, top + 0.04) if wide else
                                (style.MARGIN, top + rows * pitch + 0.06)))
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    card = style.card(fig, style.MARGIN, top + high, width, tall)
    asked, right = f"{data.at + 1}. {data.question}", f"(right: {' or '.join(data.wanted)})"
    for at, words in enumerate((f"{asked}  {right}",) if wide else (asked, right)):
        paragraph(card, 0.15, 0.1 + 0.19 * at, words, width - 0.3, 1, style.MUTED)
    paragraph(card, 0.15, 0.33 if wide else 0.53, visible(data.answer) or "(nothing)",
              width - 0.3, lines, style.LORA.ink if data.kinds[data.at, 1] else style.INK,
              weight=600)
    return fig


def alt(data: Squares) -> str:
    """Return the frame in words."""
    counts = ", ".join(f"{count} {data.names[kind]}" for kind, count in data.counts.items())
    both = data.kinds[:, :2].all(1).sum()
    learnt = f"Name learnt in {data.name}. " * bool(data.name)
    return (f"{learnt}Of {len(data.kinds)} known questions, {data.run}: {counts}"
            + (f"; {both} {data.leak}, but right" if both else "")
            + f". Question {data.at + 1}, '{data.question}', is answered "
            f"'{visible(data.answer)}': {data.words(data.at)}.")
