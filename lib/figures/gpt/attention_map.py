"""What one attention head looks at: a map of all its weights, and two of its rows read out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import token
from lib.figures.kit.style import Layout

CAPTION = ("A row is a token that looks, a column a token that is looked at: empty is none, full "
           "colour is all.")

BAR = style.ATTENTION(0.7)


@dataclass(frozen=True)
class AttentionMap:
    """One head's weights (time, time), a row for each token that looks; rows to read out."""

    tokens: tuple[str, ...]
    weights: np.ndarray
    layer: int
    head: int
    rows: tuple[int, ...]

    def top(self, row: int, count: int) -> list[tuple[str, float]]:
        """The tokens that a row looks at most, with their shares."""
        order = np.argsort(-self.weights[row], kind="stable")[:min(count, row + 1)]
        return [(self.tokens[at], float(self.weights[row, at])) for at in order]


def compute(tokens: Sequence[str], maps: np.ndarray, layer: int, head: int,
            rows: Sequence[int]) -> AttentionMap:
    """Choose one head of maps (layers, heads, time, time); layer and head count from 1.

    Raises:
        ValueError: There is no such layer, head or row, or the tokens are not as many.
    """
    for name, value, count in (("layer", layer, maps.shape[0]), ("head", head, maps.shape[1])):
        if not 1 <= value <= count:
            raise ValueError(f"{name} is {value}; allowed are 1 to {count}")
    if len(tokens) != maps.shape[-1]:
        raise ValueError(f"{len(tokens)} tokens for a map of {maps.shape[-1]}")
    if any(not 0 <= row < len(tokens) for row in rows):
        raise ValueError(f"rows are {tuple(rows)}; allowed are 0 to {len(tokens) - 1}")
    return AttentionMap(tuple(map(token, tokens)), maps[layer - 1, head - 1], layer, head,
                        tuple(rows))


def _map(ax: Axes, data: AttentionMap) -> None:
    """The weights as shades, what is still to come in grey, the rows that are read out framed."""
    count = len(data.tokens)
    ahead = np.triu(np.ones((count, count), bool), 1)
    edges = np.arange(count + 1)
    ax.set_facecolor(style.RULE)
    ax.pcolormesh(edges, edges, np.ma.array(data.weights, mask=ahead), cmap=style.ATTENTION,
                  vmin=0, vmax=1, edgecolors=style.GRID, lw=style.HAIR)
    for row in data.rows:
        ax.add_artist(Rectangle((0, row), row + 1, 1, fc="none", ec=style.INK, lw=1.1,
                               clip_on=False, zorder=3))
    ax.set(xlim=(0, count), ylim=(count, 0), xlabel="the token looked at (key)",
           ylabel="the token that looks (query)")
    ax.set_xticks(edges[:-1] + 0.5, data.tokens, rotation=90, color=style.INK)
    ax.set_yticks(edges[:-1] + 0.5, data.tokens, color=style.INK)
    ax.tick_params(length=0, pad=2)
    ax.spines[:].set_visible(False)


def _row(fig: Figure, data: AttentionMap, row: int, left: float, top: float, width: float,
         count: int) -> None:
    """One row in words and bars: the tokens that it looks at most."""
    style.write(fig, left, top, f"{data.tokens[row]} looks at", weight=600, parse_math=False)
    ax = style.board(fig, left, top + 0.24, width, 0.21 * count)
    begin, end = 0.78, width - 0.5
    for k, (name, share) in enumerate(data.top(row, count)):
        at = 0.21 * k + 0.1
        ax.text(begin - 0.08, at, name, ha="right", va="center_baseline", parse_math=False)
        ax.add_artist(Rectangle((begin, at - 0.06), end - begin, 0.12, fc=style.GRID, lw=0))
        ax.add_artist(Rectangle((begin, at - 0.06), share * (end - begin), 0.12, fc=BAR, lw=0))
        ax.text(width, at, style.percent(share), ha="right", va="center_baseline",
                color=style.MUTED)


@style.styled
def draw(data: AttentionMap, layout: Layout = "wide") -> Figure:
    """Draw the map, and beside or below it the rows that are read out."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.5 if wide else 6.1)
    style.heading(fig, f"Layer {data.layer}, head {data.head}",
                  "Each row shares out 100%: empty is none, full colour is all.")
    size = 2.98 if wide else 2.5
    _map(style.place(fig, 1.04, 0.62, size, size), data)
    for k, row in enumerate(data.rows):
        if wide:
            _row(fig, data, row, 4.4, 0.62 + 1.55 * k, 2.7, 5)
        else:
            _row(fig, data, row, style.MARGIN, 4.2 + 0.95 * k, 3.4, 3)
    return fig


def alt(data: AttentionMap) -> str:
    """Return the frame in words."""
    said = []
    for row in data.rows:
        shares = ", ".join(f"'{name}' {style.percent(share)}" for name, share in data.top(row, 3))
        said.append(f"'{data.tokens[row]}' looks at {shares}")
    return f"Layer {data.layer}, head {data.head}: {'; '.join(said)}."
