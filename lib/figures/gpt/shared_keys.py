"""Query heads that share heads of keys and values: what the cache and an adapter's B become."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A circle is a query head, a square a head of keys and values. W, and B beside it, have "
           "a row for each number of a token's keys.")
LAYERS, WIDTH, QUERIES, HEAD = 32, 4096, 32, 128  # of Llama 3 8B
#: From head to head, left end of the heads, left end and top of W, its width, in inches.
PLACES = {"wide": (0.146, 0.16, 5.42, 0.3, 1.2), "narrow": (0.108, 0.12, 0.12, 1.62, 1.2)}
ROWS = (0.34, 1.0)  # circles and squares
GAP, UNDER = 0.04, 0.08  # from W to its pair, from A to the words


@dataclass(frozen=True)
class Shared:
    """``queries`` query heads over ``keys`` heads of keys and values."""

    queries: int
    keys: int

    @property
    def rows(self) -> int:
        """Numbers of all keys of a token in a layer: rows of the key matrix, and of its B."""
        return self.keys * HEAD

    @property
    def stored(self) -> int:
        """Bytes that stay of a token while the model writes: keys and values, two a number."""
        return 2 * 2 * LAYERS * self.rows


def compute(keys: int = 8) -> Shared:
    """Return Llama 3 8B's query heads with so many heads of keys and values.

    Raises:
        ValueError: The 32 query heads can't share so many.
    """
    if keys < 1 or QUERIES % keys:
        raise ValueError(f"keys is {keys}; it must divide the {QUERIES} query heads")
    return Shared(QUERIES, keys)


def _heads(ax: Axes, data: Shared, layout: Layout) -> None:
    """Each head of keys under the middle of those that read it, joined by a bracket.

    Its lines are level or upright: 32 slanted ones have so many shades that the few pixels of B
    would lose their place among the colours of the stored picture.
    """
    step, left, *_ = PLACES[layout]
    high, low = ROWS
    circle, square = (5.5, 6.5) if layout == "wide" else (4.5, 4.5)
    share = data.queries // data.keys
    xs = [left + step * k for k in range(data.queries)]
    for first in range(0, data.queries, share):
        group = xs[first:first + share]
        middle = sum(group) / share
        joint = (high + low) / 2
        for x, ends in ((middle, (joint, low)), *((x, (high, joint)) for x in group)):
            ax.plot([x, x], ends, color=style.MUTED, lw=0.8, zorder=3)
        ax.plot([group[0], group[-1]], [joint, joint], color=style.MUTED, lw=0.8, zorder=3)
        ax.plot(middle, low, "s", ms=square, color=style.INK, zorder=4)
    ax.plot(xs, [high] * data.queries, "o", ms=circle, mfc=style.PAPER, mec=style.INK, zorder=4)
    for y, words in ((high - 0.2, f"{data.queries} query heads"),
                     (low + 0.2, f"{data.keys} head{'s' * (data.keys > 1)} of keys and values")):
        ax.text(left - 0.05, y, words, va="center_baseline", size=style.SMALL, color=style.MUTED)


def _pair(ax: Axes, data: Shared, layout: Layout) -> None:
    """The key matrix with A under it and B beside it, as in the drawing of all pairs."""
    *_, left, top, wide = PLACES[layout]
    high = wide * data.rows / WIDTH
    for x, y, w, h, tone in ((left, top, wide, high, None),
                             (left, top + high + GAP, wide, 0.04, style.A),
                             (left + wide + GAP, top, 0.04, high, style.B)):
        ax.add_patch(Rectangle((x, y), w, h, fc=tone.mark if tone else style.FROZEN.tint,
                               ec="none" if tone else style.FROZEN.mark, lw=style.THIN))
    ax.text(left, top - 0.16, "the key matrix", va="center_baseline", size=style.SMALL,
            color=style.MUTED)
    if data.keys >= 8:  # else it is too low for a letter
        ax.text(left + wide / 2, top + high / 2, "W", ha="center", va="center_baseline",
                size=style.BASE, color=style.MUTED)
    ax.text(left + wide / 2, top + high + GAP + UNDER, "A", ha="center", va="top", weight=600,
            size=style.BASE, color=style.A.ink)
    ax.text(left + wide + GAP + 0.1, top + high / 2, "B", va="center_baseline", weight=600,
            size=style.BASE, color=style.B.ink)


@style.styled
def draw(data: Shared, layout: Layout = "wide") -> Figure:
    """Draw the heads, and beside them the key matrix with its pair; under them where narrow."""
    wide = layout == "wide"
    top = 0.62 if wide else 0.8
    fig = style.canvas(layout, top + (1.85 if wide else 3.15))
    share = data.queries // data.keys
    style.heading(fig, f"{share} queries share a key" if share > 1 else "A key for each query",
                  f"Stored for each token: {data.stored:,} bytes" + ("; " if wide else "\n")
                  + f"rows of W and of B: {data.rows:,}")
    ax = style.board(fig, 0, top)
    _heads(ax, data, layout)
    _pair(ax, data, layout)
    return fig


def alt(data: Shared) -> str:
    """Return the drawing in words."""
    heads = f"{data.keys} head{'s' * (data.keys > 1)} of keys and values"
    return (f"{data.queries} query heads over {heads}, with {data.queries // data.keys} on each. "
            f"Of a token Llama 3 8B then stores {data.stored:,} bytes. The key matrix has "
            f"{data.rows:,} rows and {WIDTH:,} columns: B, beside it, has as many rows, and A, "
            f"under it, as many columns.")
