"""Latent attention for one token: what is stored, and which four matrices get a pair."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Only the framed numbers are stored while writing; the dark ones carry the position. "
           "Beside each matrix stand its A and its B.")

TALL, THIN, LOW, ROW = 2.0, 0.6, 0.22, 0.62  # inches: of x, of what is kept, of a part, of a head
ASIDE, HALF = TALL + 1.0, 0.42  # middle of the queries' row; half the height of its matrices
EDGE = {"wide": (0.08, 0.04), "narrow": (0.06, 0.02)}  # inches: of A or B, from it to its matrix
#: Left ends in inches: x, thin matrix, kept, second matrix, heads; then the widths of the two
#: matrices, of what is kept, and of the three parts of a head.
ALONG = {"wide": (0.3, 0.85, 2.3, 3.25, 4.75, 1.0, 1.0, 0.5, (0.8, 0.5, 0.8)),
         "narrow": (0.1, 0.36, 1.0, 1.5, 2.1, 0.5, 0.5, 0.38, (0.46, 0.36, 0.46))}


@dataclass(frozen=True)
class Latent:
    """How many numbers each part has: of a token, squeezed, turned, of each head, and of what the
    queries are made of."""

    width: int
    squeezed: int
    turned: int
    heads: int
    size: int
    queries: int

    @property
    def kept(self) -> int:
        """What one layer stores of a token."""
        return self.squeezed + self.turned

    @property
    def whole(self) -> int:
        """What it would store if the keys and values of all heads were stored."""
        return self.heads * (2 * self.size + self.turned)


def compute(width: int = 7168, squeezed: int = 512, turned: int = 64, heads: int = 128,
            size: int = 128, queries: int = 1536) -> Latent:
    """Return the sizes of one layer, at first those of DeepSeek-V3.

    Raises:
        ValueError: ``turned`` is odd, so it can't be turned two by two.
    """
    if turned % 2:
        raise ValueError(f"turned is {turned}; it must be even")
    return Latent(width, squeezed, turned, heads, size, queries)


def _numbers(ax: Axes, place: tuple[float, float], size: tuple[float, float], words: str,
             dark: bool = False, pale: bool = False) -> None:
    """Numbers of a token with how many there are; those that carry the position are dark, and
    those that are never made are pale."""
    (left, top), (wide, high) = place, size
    edge = style.RULE if pale else style.DATA.mark
    fill = style.PAPER if pale and not dark else edge if dark else style.DATA.tint
    ax.add_patch(Rectangle((left, top), wide, high, fc=fill, ec=edge, lw=0.9))
    upright = high > TALL / 2
    ax.text(left + wide / 2, top + high / 2, words, ha="center", size=style.SMALL,
            va="center" if upright else "center_baseline", rotation=90 * upright,
            color=style.MUTED if pale else style.PAPER if dark else style.INK)


def _matrix(ax: Axes, place: tuple[float, float], wide: float, ends: tuple[float, float],
            words: str, layout: Layout) -> None:
    """A frozen matrix around ``place``, high at the end where it has many numbers; its A stands at
    its inputs and its B at its outputs."""
    (left, middle), (thick, gap) = place, EDGE[layout]
    for tone, x, high in ((style.A, left, ends[0]), (style.B, left + wide - thick, ends[1])):
        ax.add_patch(Rectangle((x, middle - high / 2), thick, high, fc=tone.mark, ec="none"))
    start, end = left + thick + gap, left + wide - thick - gap
    ax.add_patch(Polygon([(start, middle - ends[0] / 2), (end, middle - ends[1] / 2),
                          (end, middle + ends[1] / 2), (start, middle + ends[0] / 2)],
                         fc=style.FROZEN.tint, ec=style.FROZEN.mark, lw=style.THIN))
    ax.text(left + wide / 2, middle, words, ha="center", va="center", size=style.SMALL,
            color=style.FROZEN.ink, weight=600, linespacing=1.2)


def _arrow(ax: Axes, *points: tuple[float, float]) -> None:
    """An arrow along the points."""
    *_, start, end = points
    for one, other in zip(points, points[1:-1], strict=False):
        ax.plot(*zip(one, other, strict=True), color=style.INK, lw=1.4, solid_capstyle="butt")
    ax.annotate("", end, start, zorder=3, arrowprops={
        "arrowstyle": "-|>", "color": style.INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 8})


def _flow(ax: Axes, layout: Layout) -> None:
    """The way through both matrices, and the way of the turned numbers around the second one."""
    x, first, kept, second, heads, one, other, held, parts = ALONG[layout]
    middle, frame = TALL / 2, kept + held + 0.07
    if layout == "wide":  # in the narrow one the parts stand too close for arrows
        for start, end in ((x + LOW, first), (first + one, kept - 0.07), (frame, second),
                           (second + other, heads)):
            _arrow(ax, (start + 0.05, middle), (end - 0.05, middle))
    turned, aside, under = middle + THIN / 2 + 0.25, (frame + second) / 2, TALL + 0.16
    dark = heads + parts[0] + parts[1] / 2
    _arrow(ax, (frame, turned), (aside, turned), (aside, under), (dark, under), (dark, TALL + 0.02))
    ax.text((second + dark) / 2, under + 0.04, "the same for every head", ha="center", va="top",
            size=style.SMALL, color=style.MUTED)


def _queries(ax: Axes, data: Latent, layout: Layout) -> None:
    """The lower row: the queries are squeezed, too, but nothing of them is stored."""
    x, first, kept, second, heads, one, other, held, parts = ALONG[layout]
    wide = layout == "wide"
    _arrow(ax, (x + LOW / 2, TALL + 0.02), (x + LOW / 2, ASIDE), (first - 0.03, ASIDE))
    if wide:
        for start, end in ((first + one, kept), (kept + held, second), (second + other, heads)):
            _arrow(ax, (start + 0.05, ASIDE), (end - 0.05, ASIDE))
    _matrix(ax, (first, ASIDE), one, (2 * HALF, THIN), "down", layout)
    _numbers(ax, (kept, ASIDE - THIN / 2), (held, THIN), f"{data.queries:,}")
    _matrix(ax, (second, ASIDE), other, (THIN, 2 * HALF), "up", layout)
    _numbers(ax, (heads, ASIDE - LOW / 2), (parts[0], LOW), f"{data.size}")
    _numbers(ax, (heads + parts[0], ASIDE - LOW / 2), (parts[1], LOW), f"{data.turned}", True)
    ax.text(heads + sum(parts[:2]) / 2, ASIDE - LOW / 2 - 0.06, "query", ha="center", va="bottom",
            size=style.SMALL, weight=600)
    ax.text(heads + sum(parts[:2]) / 2, ASIDE + LOW / 2 + 0.06, "in each head", ha="center",
            va="top", size=style.SMALL, color=style.MUTED)


@style.styled
def draw(data: Latent, layout: Layout = "wide") -> Figure:
    """Draw a token's way from left to right: squeezed, stored, and what could be made of it."""
    wide, top = layout == "wide", 1.17
    fig = style.canvas(layout, top + ASIDE + HALF + 0.12)
    style.heading(fig, f"One token in one layer: {data.kept:,} numbers are stored",
                  f"The keys and values of all heads would be {data.whole:,}.\n"
                  "Blue: A. Orange: B. Heights aren't to scale")
    ax = style.board(fig, 0, top)
    x, first, kept, second, heads, *breadths, held, parts = ALONG[layout]
    _numbers(ax, (x, 0), (LOW, TALL), f"{data.width:,} numbers")
    ax.text(x + LOW / 2, -0.06, "$x$", ha="center", va="bottom", size=style.NAME)
    middle, below = TALL / 2, TALL / 2 + THIN / 2 + 0.14
    _matrix(ax, (first, middle), breadths[0], (TALL, THIN),
            "down-\nprojection" if wide else "down", layout)
    _numbers(ax, (kept, middle - THIN / 2), (held, THIN), f"$c$\n{data.squeezed:,}")
    _numbers(ax, (kept, below), (held, LOW), f"{data.turned:,}", True)
    ax.add_patch(Rectangle((kept - 0.07, middle - THIN / 2 - 0.07), held + 0.14,
                           THIN + LOW + 0.28, fc="none", ec=style.INK, lw=1.8))
    for words, y, side in (("stored", middle - THIN / 2 - 0.12, "bottom"),
                           ("turned", below + LOW + 0.12, "top")):
        ax.text(kept + held / 2, y, words, ha="center", va=side, size=style.SMALL, weight=600,
                linespacing=1.2)
    _flow(ax, layout)
    _matrix(ax, (second, middle), breadths[1], (THIN, TALL),
            "up-\nprojection" if wide else "up", layout)
    _queries(ax, data, layout)
    ends = [heads + sum(parts[:2]), heads + sum(parts[:2]) + 0.08]
    for words, place in (("key", heads + sum(parts[:2]) / 2), ("value", ends[1] + parts[2] / 2)):
        ax.text(place, -0.06, words, ha="center", va="bottom", size=style.SMALL, weight=600,
                color=style.MUTED)
    ax.text((heads + ends[1] + parts[2]) / 2, -0.25, "not made while writing", ha="center",
            va="bottom", size=style.SMALL, color=style.MUTED)
    for k, name in enumerate(("head 1", "head 2", f"head {data.heads}")):
        y = (0.22, 0.22 + ROW, TALL - LOW)[k]
        ax.text(heads, y - 0.04, name, va="bottom", size=style.SMALL, color=style.MUTED)
        _numbers(ax, (heads, y), (parts[0], LOW), f"{data.size}", pale=True)
        _numbers(ax, (heads + parts[0], y), (parts[1], LOW), f"{data.turned}", True, True)
        _numbers(ax, (ends[1], y), (parts[2], LOW), f"{data.size}", pale=True)
    ax.text(heads + sum(parts[:2]) / 2, (0.22 + ROW + LOW + TALL - LOW - 0.18) / 2, "…",
            ha="center", va="center", weight=600)
    return fig


def alt(data: Latent) -> str:
    """Return the drawing in words."""
    return (f"A down-projection makes of the {data.width:,} numbers of a token "
            f"{data.squeezed:,}, and {data.turned} more that are turned. These {data.kept:,} are "
            f"stored. An up-projection could make of the {data.squeezed:,} a key and a value of "
            f"{data.size} numbers for each of {data.heads} heads. The same {data.turned} turned "
            "numbers would stand behind every key, but while the model writes, no key or value of "
            f"a head is made. Below, two more matrices make {data.queries:,} numbers, and of these "
            f"the queries, in each head {data.size} and {data.turned} that "
            "are turned; of these nothing is stored. Beside each of the four matrices stand an A, "
            "as high as its inputs, and a B, as high as its outputs.")
