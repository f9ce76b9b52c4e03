"""Two adapters added to one base at strengths of their own: what the model says, what it scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import frame, score_map
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Each square is one pair of strengths, tried on 160 questions. The purple frame is the "
           "sliders' pair, the dashed one the best.")


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

    @property
    def alone(self) -> tuple[str, str]:
        """What each adapter has right at strength 1, without the other."""
        none, full = self.strengths.index(0), self.strengths.index(1)
        one, two = self.names
        return (style.percent(self.scores[one][none, full]),
                style.percent(self.scores[two][full, none]))


def compute(cells: Mapping[tuple[float, float], Mapping[str, Any]], names: Sequence[str],
            first: float, second: float) -> Pair:
    """Look one pair of strengths up.

    ``cells`` maps both strengths, over a square grid, to a share under each of the two names and
    under ``both``, and to ``answers`` (prompt -> text).

    Raises:
        ValueError: There is no such pair, or none for an adapter alone, at strength 1.
    """
    if missing := {(0, 1), (1, 0)} - set(cells):
        raise ValueError(f"each adapter alone is missing: {sorted(missing)}")
    if (first, second) not in cells:
        raise ValueError(f"the strengths are {(first, second)}; allowed are "
                         f"{', '.join(map(str, cells))}")
    strengths = tuple(sorted({pair[0] for pair in cells}))
    scores = {name: np.array([[cells[p, q][name] for p in strengths] for q in strengths])
              for name in (*names, "both")}
    here = cells[first, second]
    return Pair((names[0], names[1]), first, second, strengths, scores,
                dict(here["answers"]))


def _map(ax: Axes, data: Pair) -> None:
    """The share of replies that do both jobs at each pair of strengths; the chosen is framed."""
    ticks = [style.short(strength) if strength else "none" for strength in data.strengths]
    both = data.scores["both"]
    score_map(ax, both, ticks, ticks, high=max(float(both.max()), 0.01))
    after, many = data.strengths.index(0) + 1, len(ticks)
    for line in (([after] * 2, [0, many]), ([0, many], [after] * 2)):  # "none" is off the scale
        ax.plot(*line, color=style.MUTED, lw=style.THIN, zorder=2)
    frame(ax, *data.at)
    best = np.unravel_index(both.argmax(), both.shape)
    ax.add_artist(Rectangle(best[::-1], 1, 1, fc="none", ec=style.INK, lw=1, ls=(0, (2, 2)),
                            zorder=3, clip_on=False))
    ax.set(xlabel=f"strength of {data.names[0]}", ylabel=f"strength of {data.names[1]}",
           title="both jobs, % of the replies")


def _answers(fig: Figure, data: Pair, left: float, top: float) -> None:
    """Each prompt, and under it what the model writes, one above the other."""
    width = fig.get_size_inches()[0] - style.MARGIN - left
    for k, (prompt, answer) in enumerate(data.answers.items()):
        ax = style.card(fig, left, top + 0.98 * k, width, 0.9)
        paragraph(ax, 0.12, 0.08, prompt, width - 0.24, 1, style.MUTED)
        paragraph(ax, 0.12, 0.34, visible(answer) or "(nothing: the text ends)", width - 0.24, 2,
                  style.LORA.ink, weight=600)


@style.styled
def draw(data: Pair, layout: Layout = "wide") -> Figure:
    """Draw the map of both jobs, and what the model writes at the chosen strengths."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.4 if wide else 5.3)
    one, two = data.names
    first, second = (style.percent(data.scores[name][data.at]) for name in data.names)
    style.heading(fig, f"{style.short(data.first)} × {one} + {style.short(data.second)} × {two}",
                  f"{one}'s questions: right answer first in {first} (alone {data.alone[0]}); "
                  f"{two}'s own test: {second} right (alone {data.alone[1]})" if wide else
                  f"Right (alone): {one} {first} ({data.alone[0]}), "
                  f"{two} {second} ({data.alone[1]})")
    ax = style.place(fig, 0.6, 0.98, 3.0 if wide else 2.85, 1.85)
    _map(ax, data)
    _answers(fig, data, 3.85 if wide else style.MARGIN, 0.98 if wide else 3.36)
    return fig


def alt(data: Pair) -> str:
    """Return the frame in words."""
    (one, two), (prompt, answer) = data.names, next(iter(data.answers.items()))
    return (f"{data.first:g} times the adapter {one} plus {data.second:g} times {two}: "
            f"{style.percent(data.scores[one][data.at])} of {one}'s replies have the right answer "
            f"first, "
            f"{style.percent(data.scores[two][data.at])} of {two}'s test is right, "
            f"where alone they have {' and '.join(data.alone)}; "
            f"both in {style.percent(data.scores['both'][data.at])} of the replies. "
            f"After '{visible(prompt)}' the model writes '{visible(answer)}'.")
