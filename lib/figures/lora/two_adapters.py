"""Two adapters added to one base at strengths of their own: what the model says, what it scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import frame, score_map
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = "Turn both up and look how the score of each changes with the other's strength."


@dataclass(frozen=True)
class Pair:
    """Two adapters at the strengths ``first`` and ``second``.

    names: of both; strengths: all that there are; scores, (second, first): shares of
    right answers first for one name, of exact matches for the other, and of ``both``;
    answers: prompt -> what the model writes.
    """

    names: tuple[str, str]
    first: float
    second: float
    strengths: tuple[float, ...]
    scores: dict[str, np.ndarray]
    answers: dict[str, str]

    @property
    def at(self) -> tuple[int, int]:
        """The chosen place in ``scores``."""
        return self.strengths.index(self.second), self.strengths.index(self.first)


def compute(cells: Mapping[tuple[float, float], Mapping[str, Any]], names: Sequence[str],
            first: float, second: float) -> Pair:
    """Look one pair of strengths up.

    ``cells`` maps both strengths, over a square grid, to a share under each of the two names and
    under ``both``, and to ``answers`` (prompt -> text).

    Raises:
        ValueError: There is no such pair.
    """
    if (first, second) not in cells:
        raise ValueError(f"the strengths are {(first, second)}; allowed are "
                         f"{', '.join(map(str, cells))}")
    strengths = tuple(sorted({pair[0] for pair in cells}))
    scores = {name: np.array([[cells[p, q][name] for p in strengths] for q in strengths])
              for name in (*names, "both")}
    here = cells[first, second]
    return Pair((names[0], names[1]), first, second, strengths, scores,
                dict(here["answers"]))


def _map(ax: Axes, data: Pair, name: str) -> None:
    """One task's score at all strengths, the chosen place framed."""
    ticks = [style.short(strength) for strength in data.strengths]
    score_map(ax, data.scores[name], ticks, ticks)
    frame(ax, *data.at)
    ax.set(xlabel=f"strength of {data.names[0]}", ylabel=f"strength of {data.names[1]}",
           title={"both": "both in one reply, %",
                  data.names[0]: f"{name}: answer first, %"}.get(name, f"{name}: exact match, %"))


def _answers(fig: Figure, data: Pair, top: float, wide: bool) -> None:
    """Each prompt, and under it what the model writes: side by side, or one above the other."""
    room = fig.get_size_inches()[0] - 2 * style.MARGIN
    width = (room - 0.12) / 2 if wide else room
    for k, (prompt, answer) in enumerate(data.answers.items()):
        place = (style.MARGIN + k * (width + 0.12), top) if wide else (style.MARGIN,
                                                                       top + 0.82 * k)
        ax = style.card(fig, *place, width, 0.74)
        paragraph(ax, 0.12, 0.06, prompt, width - 0.24, 1, style.MUTED)
        paragraph(ax, 0.12, 0.28, visible(answer) or "(nothing: the text ends)", width - 0.24, 2,
                  style.LORA.ink, weight=600)


@style.styled
def draw(data: Pair, layout: Layout = "wide") -> Figure:
    """Draw the scores at all strengths, and what the model writes at the chosen ones."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.8 if wide else 6.2)
    one, two = data.names
    style.heading(fig, f"{style.short(data.first)} × {one} + {style.short(data.second)} × {two}",
                  "Both adapters on one base, each at a strength of its own")
    for k, name in enumerate(data.scores):
        box = (0.55 + 2.22 * k, 0.98, 1.95, 1.4) if wide else (
            0.55 + 1.58 * (k % 2), 0.98 + 1.98 * (k // 2), 1.35, 1.2)
        ax = style.place(fig, *box)
        _map(ax, data, name)
        if k if wide else k == 1:
            ax.set(ylabel="")
            ax.set_yticklabels([])
    _answers(fig, data, 2.97 if wide else 4.62, wide)
    return fig


def alt(data: Pair) -> str:
    """Return the frame in words."""
    (one, two), (prompt, answer) = data.names, next(iter(data.answers.items()))
    return (f"{data.first:g} times the adapter {one} plus {data.second:g} times {two}: "
            f"{style.percent(data.scores[one][data.at])} of {one}'s replies have the right answer "
            f"first, "
            f"{style.percent(data.scores[two][data.at])} of {two}'s test is right, "
            f"both in {style.percent(data.scores['both'][data.at])} of the replies. "
            f"After '{visible(prompt)}' the model writes '{visible(answer)}'.")
