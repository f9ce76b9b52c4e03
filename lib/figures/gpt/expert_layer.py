"""A mixture-of-experts layer for one token: the router, the experts at work, a pair at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import box
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Follow the thick arrows: this token passes the experts that the router picked and the "
           "shared one, so only their pairs A, B learn from it.")

CELL, ROW, HIGH = 0.15, 0.44, 0.34  # inches: of a number, from expert to expert, of an expert
NUMBERS = 4  # of x and of y, as drawn
#: Middles in inches: x, router, left end of the experts, sum, y; then the router's width.
ALONG = {"wide": (0.4, 1.65, 2.75, 5.85, 6.75, 0.9), "narrow": (0.17, 0.65, 1.22, 3.14, 3.45, 0.54)}
#: Widths of an expert's frozen part, of the + behind it, and of a matrix beside it.
PARTS = {"wide": (1.0, 0.28, 0.42), "narrow": (0.6, 0.17, 0.23)}


@dataclass(frozen=True)
class Experts:
    """What the router gives each expert for a token: a weight, and 0 where it isn't picked.

    One more, the shared expert, works on every token, without the router.
    """

    weights: tuple[float, ...]

    @property
    def picked(self) -> list[int]:
        """The experts at work, counted from 1."""
        return [k for k, weight in enumerate(self.weights, 1) if weight]


def compute(scores: Sequence[float] = (0.3, 1.9, -0.8, 0.1, 1.2, -0.4), top: int = 2) -> Experts:
    """Pick the ``top`` highest scores of a router; the softmax of these weights the experts.

    Raises:
        ValueError: ``top`` is not a number of experts that there are.
    """
    if not 1 <= top <= len(scores):
        raise ValueError(f"top is {top}; allowed are 1 to {len(scores)}")
    picked = np.sort(np.argsort(scores)[-top:])
    powers = np.exp(np.asarray(scores)[picked] - np.max(scores))
    weights = np.zeros(len(scores))
    weights[picked] = powers / powers.sum()
    return Experts(tuple(weights.tolist()))


def _numbers(ax: Axes, x: float, y: float, name: str) -> None:
    """A column of numbers around ``(x, y)`` with its name above."""
    top = y - NUMBERS * CELL / 2
    for k in range(NUMBERS):
        ax.add_patch(Rectangle((x - CELL / 2, top + k * CELL), CELL, CELL, fc=style.DATA.tint,
                               ec=style.DATA.mark, lw=0.9))
    ax.text(x, top - 0.05, name, ha="center", va="bottom", size=style.NAME)


def _matrix(ax: Axes, left: float, y: float, size: tuple[float, bool], tone: Tone,
            lit: bool) -> None:
    """A or B: wide at the end where it has many numbers; filled where the token passes it."""
    wide, narrows = size
    ends = (HIGH / 2, HIGH / 5) if narrows else (HIGH / 5, HIGH / 2)
    ax.add_patch(Polygon([(left, y - ends[0]), (left + wide, y - ends[1]),
                          (left + wide, y + ends[1]), (left, y + ends[0])],
                         fc=tone.tint if lit else style.PAPER, ec=tone.mark,
                         lw=1.4 if lit else style.HAIR))
    ax.text(left + wide / 2, y, "A" if narrows else "B", ha="center", va="center_baseline",
            color=tone.ink if lit else style.MUTED, weight=600 if lit else 400, size=style.SMALL)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], lit: bool) -> None:
    ax.annotate("", end, start, zorder=2 + lit, arrowprops={
        "arrowstyle": "-|>" if lit else "-", "color": style.INK if lit else style.FROZEN.mark,
        "lw": 1.8 if lit else style.HAIR, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9})


def _expert(ax: Axes, name: str, place: tuple[float, float], layout: Layout, lit: bool) -> float:
    """One expert and the pair beside it; returns where they end."""
    (left, y), (wide, plus, side) = place, PARTS[layout]
    ax.add_patch(Rectangle((left, y - HIGH / 2), wide, HIGH,
                           fc=style.FROZEN.tint if lit else style.PAPER,
                           ec=style.INK if lit else style.FROZEN.mark,
                           lw=1.8 if lit else style.HAIR))
    ax.text(left + wide / 2, y, name, ha="center", va="center_baseline",
            color=style.INK if lit else style.MUTED, weight=600 if lit else 400, size=style.SMALL)
    ax.text(left + wide + plus / 2, y, "+", ha="center", va="center_baseline", weight=600,
            color=style.INK if lit else style.MUTED)
    first, second = left + wide + plus, left + wide + plus + side + 0.05
    _matrix(ax, first, y, (side, True), style.A, lit)
    _matrix(ax, second, y, (side, False), style.B, lit)
    return second + side


def _shared(ax: Axes, layout: Layout, ys: tuple[float, float]) -> None:
    """The shared expert, which works on every token: its way goes around the router."""
    (x, _, left, plus, *_), (middle, y) = ALONG[layout], ys
    bend = {"color": style.INK, "lw": 1.8, "zorder": 3}
    ax.plot([x, x], [middle + NUMBERS * CELL / 2 + 0.04, y], **bend)
    _arrow(ax, (x, y), (left - 0.03, y), True)
    end = _expert(ax, "shared", (left, y), layout, True)
    ax.plot([end + 0.1, plus], [y, y], **bend)
    _arrow(ax, (plus, y), (plus, middle + 0.12), True)


@style.styled
def draw(data: Experts, layout: Layout = "wide") -> Figure:
    """Draw the token's way from left to right, with one row for each expert."""
    wide, count, working = layout == "wide", len(data.weights), len(data.picked)
    top = 0.72 if wide else 0.9
    fig = style.canvas(layout, top + ROW * (count + 1) + 0.15)
    style.heading(fig, f"One token: {working} of {count} experts"
                  + (", and a shared one" if wide else " + a shared one"),
                  "Filled is at work; an expert has" + (" " if wide else "\n")
                  + "three matrices, here drawn as one")
    ax = style.board(fig, 0, top)
    x, router, left, plus, out, breadth = ALONG[layout]
    middle = ROW * count / 2
    _numbers(ax, x, middle, "$x$")
    _arrow(ax, (x + CELL / 2 + 0.04, middle), (router - breadth / 2 - 0.02, middle), True)
    box(ax, (router, middle), (breadth, HIGH), "router", style.DATA)
    for k, weight in enumerate(data.weights):
        y, lit = ROW * (k + 0.5), bool(weight)
        _arrow(ax, (router + breadth / 2 + 0.02, middle), (left - 0.03, y), lit)
        end = _expert(ax, f"expert {k + 1}", (left, y), layout, lit)
        if not lit:
            continue
        words = end + (0.1 if wide else 0.04)
        ax.text(words, y, f"× {weight:.2f}", va="center_baseline", size=style.SMALL)
        _arrow(ax, (words + 0.42, y), (plus - 0.07, middle + 0.09 * np.sign(y - middle)), True)
    _shared(ax, layout, (middle, ROW * (count + 0.5) + 0.05))
    ax.plot(plus, middle, "o", ms=13, mfc=style.PAPER, mec=style.INK, mew=1.2, zorder=4)
    ax.text(plus, middle, "+", ha="center", va="center_baseline", weight=600, zorder=5)
    _arrow(ax, (plus + 0.1, middle), (out - CELL / 2 - 0.03, middle), True)
    _numbers(ax, out, middle, "$y$")
    return fig


def alt(data: Experts) -> str:
    """Return the drawing in words."""
    work = " and ".join(f"expert {k} with weight {data.weights[k - 1]:.2f}" for k in data.picked)
    return (f"A router sends the input x of one token to {len(data.picked)} of "
            f"{len(data.weights)} experts: {work}. Beside each expert stands a pair of thin "
            "matrices A and B. What these experts and their pairs give is weighted and added to "
            "y. The shared expert works on every token and is added, too. No other expert works, "
            "and no other pair learns.")
