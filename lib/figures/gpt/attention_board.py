"""One query's attention as a board of numbers: scores, weights, and the mean of the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import cells, dot
from lib.figures.kit.contrast import on
from lib.figures.kit.style import Layout

CAPTION = ("Change what the token asks for: its query's product with each key decides how much "
           "of that key's value it takes.")

BAR = style.ATTENTION(0.7)
ROW = 0.42  # inches from one token to the next


@dataclass(frozen=True)
class Query:
    """One query (d,) among tokens: keys (n, d), values (n, m), and all that comes of them."""

    tokens: tuple[str, ...]
    asks: str
    q: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    dots: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    output: np.ndarray

    @property
    def most(self) -> int:
        """The token that gets the largest weight."""
        return int(self.weights.argmax())


def compute(tokens: Sequence[str], q: np.ndarray, keys: np.ndarray, values: np.ndarray,
            asks: str = "is") -> Query:
    """Work out the weights softmax(q . k / sqrt(d)) and the values' mean under them.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    if keys.shape != (len(tokens), *q.shape) or len(values) != len(tokens):
        raise ValueError(f"{len(tokens)} tokens, and q, keys and values have shapes {q.shape}, "
                         f"{keys.shape}, {values.shape}, which make no attention")
    dots = keys @ q
    scores = dots / np.sqrt(len(q))
    powers = np.exp(scores - scores.max())
    weights = powers / powers.sum()
    return Query(tuple(tokens), asks, q, keys, values, dots, scores, weights, weights @ values)


@dataclass(frozen=True)
class Columns:
    """Where a part of the board stands, in inches; a narrow board has its values lower down."""

    names: float
    cell: float
    keys: float
    dots: float
    scores: float
    bar: float
    wide: float
    values: float
    parts: float
    lower: float


PLACES = {"wide": Columns(0.06, 0.35, 0.95, 2.72, 3.27, 3.66, 1.0, 5.24, 6.3, 0),
          "narrow": Columns(0.06, 0.3, 0.78, 2.25, 2.68, 2.96, 0.58, 1.42, 2.5, 1.85)}


def _shaded(ax: Axes, left: float, top: float, row: np.ndarray, share: float,
            cell: tuple[float, float], words: Sequence[str]) -> None:
    """Cells as dark as the share that is taken of them."""
    fill = style.ATTENTION(0.6 * share)
    for j, word in enumerate(words):
        ax.add_artist(Rectangle((left + j * cell[0], top), *cell, fc=fill, ec=style.RULE,
                                lw=style.THIN))
        ax.text(left + (j + 0.5) * cell[0], top + cell[1] / 2, word, ha="center",
                va="center_baseline", size=style.SMALL, color=on(fill[:3]))


def _heads(ax: Axes, top: float, *columns: tuple[float, str]) -> None:
    for at, words in columns:
        ax.text(at, top, words, ha="center", va="center_baseline", size=style.SMALL,
                color=style.MUTED)


def _scores(ax: Axes, data: Query, at: Columns, top: float, high: float) -> None:
    """The query above the keys, entry over entry; then products, scores and weights."""
    size, middle = len(data.q), at.keys + len(data.q) * at.cell / 2
    low = top + high + 0.42
    count = len(data.tokens)
    ax.add_artist(Rectangle((at.keys - 0.05, top - 0.05), size * at.cell + 0.1,
                            low + count * ROW - top - 0.04, fc=style.WASH, lw=0))
    cells(ax, at.keys, top, data.q, style.DATA, (at.cell, high), row=0)
    ax.text(at.keys - 0.08, top + high / 2, "query", ha="right", va="center_baseline",
            weight=600)
    right = at.bar + at.wide
    _heads(ax, low - 0.14, (middle, "keys"), (at.dots, "q · k"), (at.scores, f"/ √{size}"),
           ((at.bar + right) / 2, "softmax"))
    for j, name in enumerate(data.tokens):
        y, line = low + j * ROW, low + j * ROW + high / 2
        ax.text(at.names, line, name, va="center_baseline", weight=600 if j == data.most else 400)
        _shaded(ax, at.keys, y, data.keys[j], 0, (at.cell, high),
                [style.short(number, 1) for number in data.keys[j]])
        for x, number in ((at.dots, data.dots[j]), (at.scores, data.scores[j])):
            ax.text(x, line, style.short(number, 1), ha="center", va="center_baseline")
        ax.add_artist(Rectangle((at.bar, line - 0.14), at.wide, 0.09, fc=style.GRID, lw=0))
        ax.add_artist(Rectangle((at.bar, line - 0.14), at.wide * data.weights[j], 0.09, fc=BAR,
                                lw=0))
        ax.text(right, line + 0.09, style.percent(data.weights[j]), ha="right",
                va="center_baseline", weight=600 if j == data.most else 400)


def _values(ax: Axes, data: Query, at: Columns, low: float, high: float, named: bool) -> None:
    """Values, shaded by their weights; each times its weight, and the sum of these."""
    cell = (at.cell + 0.08, high)
    part, count = (at.cell + 0.06, high), data.values.shape[1]
    ends = at.values + count * cell[0], at.parts + count * part[0]
    _heads(ax, low - 0.14, ((at.values + ends[0]) / 2, "values"),
           ((at.parts + ends[1]) / 2, "weight × value"))
    for j, name in enumerate(data.tokens):
        y = low + j * ROW
        if named:
            ax.text(at.names, y + high / 2, name, va="center_baseline",
                    weight=600 if j == data.most else 400)
            ax.text(at.values - 0.12, y + high / 2, style.percent(data.weights[j]) + "  ×",
                    ha="right", va="center_baseline", size=style.SMALL)
        else:  # the arrow is as thick as what flows
            ax.annotate("", (at.values - 0.03, y + high / 2),
                        (at.bar + at.wide + 0.08, y + high / 2),
                        arrowprops={"arrowstyle": "-|>", "color": BAR, "shrinkA": 0, "shrinkB": 0,
                                    "lw": 0.6 + 4 * data.weights[j],
                                    "mutation_scale": 7 + 6 * data.weights[j]})
        _shaded(ax, at.values, y, data.values[j], data.weights[j], cell,
                [style.short(number, 1) for number in data.values[j]])
        _shaded(ax, at.parts, y, data.values[j], 0, part,
                [f"{number:.2f}" for number in data.weights[j] * data.values[j]])
        ax.text((ends[0] + at.parts) / 2, y + high / 2, "=", ha="center", va="center_baseline",
                color=style.MUTED)
    y = low + len(data.tokens) * ROW + 0.04
    ax.plot([at.parts, ends[1]], [y - 0.05, y - 0.05], color=style.INK, lw=style.THIN)
    ax.text(at.parts - 0.1, y + high / 2, "output, the sum", ha="right", va="center_baseline",
            weight=600)
    _shaded(ax, at.parts, y, data.output, 0, part, [f"{number:.2f}" for number in data.output])


@style.styled
def draw(data: Query, layout: Layout = "wide") -> Figure:
    """Draw the way from the query to the output, from left to right or from the top down."""
    wide = layout == "wide"
    fig, at, high = style.canvas(layout, 3.15 if wide else 5.0), PLACES[layout], 0.28
    most = data.most
    style.heading(fig, f"“{data.asks}” takes {style.percent(data.weights[most])} "
                  f"from “{data.tokens[most]}”",
                  f"query times key: {dot(data.q, data.keys[most])}" if wide else
                  dot(data.q, data.keys[most]))
    ax = style.board(fig)
    _scores(ax, data, at, 0.72, high)
    _values(ax, data, at, 0.72 + high + 0.42 + at.lower, high, not wide)
    return fig


def alt(data: Query) -> str:
    """Return the frame in words."""
    numbers = ", ".join(style.short(number, 1) for number in data.q)
    shares = ", ".join(f"{name} {style.percent(share)} (score {style.short(score, 1)})"
                       for name, share, score in zip(data.tokens, data.weights, data.scores))
    output = ", ".join(f"{number:.2f}" for number in data.output)
    return (f"The query of '{data.asks}' is ({numbers}). Its weights: {shares}. The output, the "
            f"mean of the values under these weights, is ({output}).")
