"""Latent attention: what is stored of a token, its four pairs, and how a new query reads it."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Above, only the framed numbers of a token are stored. Below, a new query reads them, "
           "and no key or value is made.")

TALL, THIN, LOW, ROW = 2.0, 0.6, 0.22, 0.62  # inches: of x, of what is kept, of a part, of a head
ASIDE, HALF = TALL + 1.0, 0.42  # middle of the queries' row; half the height of its matrices
EDGE = {"wide": (0.08, 0.04), "narrow": (0.06, 0.02)}  # inches: of A or B, from it to its matrix
#: Left ends in inches: x, thin matrix, kept, second matrix, heads; then the widths of the two
#: matrices, of what is kept, and of the three parts of a head.
ALONG = {"wide": (0.3, 0.85, 2.3, 3.25, 4.75, 1.0, 1.0, 0.5, (0.8, 0.5, 0.8)),
         "narrow": (0.1, 0.36, 1.0, 1.5, 2.1, 0.5, 0.5, 0.38, (0.46, 0.36, 0.46))}
#: The second panel, in inches: middles of its left half's columns (query, matrix, what is made) and
#: of the pale keys and their matrix; width of a matrix, of a column, of a stored c, of a key. The
#: right half mirrors the left one. Below: its height, and the middles of its two rows.
READ = {"wide": (0.3, 1.1, 1.9, 0.98, 1.95, 0.8, 0.24, 0.29, 0.2),
        "narrow": (0.16, 0.53, 0.9, 0.54, 1.08, 0.34, 0.2, 0.22, 0.11)}
PANEL, NEAR, FAR = 3.36, 1.48, 2.66
LONG, SHORT = 0.9, 0.42  # heights of a c and of a query, key or value


@dataclass(frozen=True)
class Latent:
    """How many numbers each part has: of a token, squeezed, rotated, of each head, and of what the
    queries are made of; and how many stored ``tokens`` the new query reads."""

    width: int
    squeezed: int
    turned: int
    heads: int
    size: int
    queries: int
    tokens: int

    @property
    def kept(self) -> int:
        """What one layer stores of a token."""
        return self.squeezed + self.turned

    @property
    def whole(self) -> int:
        """What it would store if the keys and values of all heads were stored."""
        return self.heads * (2 * self.size + self.turned)


def compute(width: int = 7168, squeezed: int = 512, turned: int = 64, heads: int = 128,
            size: int = 128, queries: int = 1536, tokens: int = 4) -> Latent:
    """Return the sizes of one layer, at first those of DeepSeek-V3.

    Raises:
        ValueError: ``turned`` is odd, so it can't be rotated two by two; or ``tokens`` is not a
            number of columns that has room.
    """
    if turned % 2:
        raise ValueError(f"turned is {turned}; it must be even")
    if not 1 <= tokens <= 4:
        raise ValueError(f"tokens is {tokens}; allowed are 1 to 4")
    return Latent(width, squeezed, turned, heads, size, queries, tokens)


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


def _arrow(ax: Axes, *points: tuple[float, float], pale: bool = False) -> None:
    """An arrow along the points; a way that isn't taken is pale."""
    *_, start, end = points
    colour, thick = (style.RULE, 1.0) if pale else (style.INK, 1.4)
    for one, other in zip(points, points[1:-1], strict=False):
        ax.plot(*zip(one, other, strict=True), color=colour, lw=thick, solid_capstyle="butt")
    ax.annotate("", end, start, zorder=2 if pale else 3, arrowprops={
        "arrowstyle": "-|>", "color": colour, "lw": thick, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 8})


def _flow(ax: Axes, layout: Layout) -> None:
    """The way through both matrices, and the way of the rotated numbers around the second one."""
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


def _columns(ax: Axes, place: tuple[float, float], size: tuple[float, float], count: int,
             name: str, pale: bool = False) -> None:
    """``count`` columns of numbers side by side, each with its name."""
    (x, y), (step, high) = place, size
    for k in range(count):
        left = x + (k - count / 2) * step
        ax.add_patch(Rectangle((left + 0.02, y - high / 2), step - 0.04, high,
                               fc=style.PAPER if pale else style.DATA.tint,
                               ec=style.RULE if pale else style.DATA.mark, lw=0.9))
        if not pale:
            ax.text(left + step / 2, y, name.format(k + 1), ha="center", va="center",
                    size=style.SMALL)
    if pale:
        ax.text(x, y + high / 2 + 0.05, name, ha="center", va="top", size=style.SMALL,
                color=style.MUTED)


def _once(ax: Axes, place: tuple[float, float], wide: float, ends: tuple[float, float],
          name: str, pale: bool = False) -> None:
    """One head's rows of the up-projection, which are passed from left to right."""
    x, y = place
    ax.add_patch(Polygon([(x - wide / 2, y - ends[0] / 2), (x + wide / 2, y - ends[1] / 2),
                          (x + wide / 2, y + ends[1] / 2), (x - wide / 2, y + ends[0] / 2)],
                         fc=style.PAPER if pale else style.FROZEN.tint,
                         ec=style.RULE if pale else style.FROZEN.mark, lw=style.THIN))
    ax.text(x, y, name, ha="center", va="center", size=style.BASE,
            color=style.MUTED if pale else style.FROZEN.ink)


def _shortcut(ax: Axes, data: Latent, layout: Layout) -> None:
    """The second panel: a new query in one head and the stored tokens; the long way is pale."""
    query, first, made, _, _, wide, column, stored, _ = READ[layout]
    end, many = style.WIDTH[layout], data.tokens
    centre, half = end / 2, many * stored / 2 + 0.07
    ends, high, gap = (SHORT, LONG), LONG / 2, 0.03
    ax.text(style.MARGIN, 0.02, "A new query in one head: the shortcut", va="top",
            size=style.TITLE, weight=600)
    note = (f"Pale: the long way, which makes {many} keys and {many} values.",
            f"The {data.turned} rotated numbers aren't drawn")
    ax.text(style.MARGIN, 0.28, (" " if layout == "wide" else "\n").join(note), va="top",
            color=style.MUTED, linespacing=1.3)
    for x, tall, name, words in (
            (query, SHORT, "$q$", data.size), (end - query, SHORT, "$y$", data.size),
            (made, LONG, "$q\\,W_k$", data.squeezed),
            (end - made, LONG, "weighted\nmean", data.squeezed)):
        ax.add_patch(Rectangle((x - column / 2, NEAR - tall / 2), column, tall,
                               fc=style.DATA.tint, ec=style.DATA.mark, lw=0.9))
        ax.text(x, NEAR, f"{words:,}", ha="center", va="center", size=style.SMALL, rotation=90)
        ax.text(x, NEAR - tall / 2 - 0.05, name, ha="center", va="bottom", size=style.BASE,
                linespacing=1.1)
    _once(ax, (first, NEAR), wide, ends, "$W_k$")
    _once(ax, (end - first, NEAR), wide, ends[::-1], "$W_v$")
    _columns(ax, (centre, NEAR), (stored, LONG), many, "$c_{}$")
    ax.add_patch(Rectangle((centre - half, NEAR - high - 0.07), 2 * half, LONG + 0.14, fc="none",
                           ec=style.INK, lw=1.8))
    ax.text(centre, NEAR - high - 0.12, "stored", ha="center", va="bottom", size=style.SMALL,
            weight=600)
    edge = column / 2 + gap
    side = wide / 2 + gap
    for left, right in ((query + edge, first - side), (first + side, made - edge),
                        (made + edge, centre - half - gap)):
        if right - left > 0.08:  # in the narrow one some parts stand too close
            _arrow(ax, (left, NEAR), (right, NEAR))
            _arrow(ax, (end - right, NEAR), (end - left, NEAR))
    if layout == "wide":
        for x, words in (((made + centre - half) / 2 + 0.05, "scores"),
                         (end - (made + centre - half) / 2 - 0.05, "weights $p_i$")):
            ax.text(x, NEAR - 0.07, words, ha="center", va="bottom", size=style.SMALL,
                    color=style.MUTED)
    _long_way(ax, data, layout, half)


def _long_way(ax: Axes, data: Latent, layout: Layout, half: float) -> None:
    """What the shortcut spares: a key and a value of each token, and then the same head."""
    query, _, _, keys, late, wide, _, _, key = READ[layout]
    end, many = style.WIDTH[layout], data.tokens
    aside, down, reach = end / 2 - half + 0.12, NEAR + LONG / 2 + 0.1, many * key / 2 + 0.04
    first, last = late - wide / 2 - 0.03, late + wide / 2 + 0.03
    for side, name, what in ((1, "$W_k$", "keys"), (-1, "$W_v$", "values")):
        def at(x: float, side: int = side) -> float:
            return x if side > 0 else end - x

        _columns(ax, (at(keys), FAR), (key, SHORT), many, f"{many} {what}", True)
        _once(ax, (at(late), FAR), wide, (SHORT, LONG)[::side], name, True)
        _arrow(ax, (at(aside), down), (at(aside), FAR), (at(last), FAR), pale=True)
        _arrow(ax, (at(first), FAR), (at(keys + reach), FAR), pale=True)
        ends = ((query, NEAR + SHORT / 2 + 0.05), (query, FAR), (keys - reach, FAR))
        _arrow(ax, *[(at(x), y) for x, y in (ends if side > 0 else ends[::-1])], pale=True)
    ax.text(end / 2, FAR + LONG / 2 + 0.04, "the long way", ha="center", va="top",
            size=style.SMALL, color=style.MUTED)


@style.styled
def draw(data: Latent, layout: Layout = "wide") -> Figure:
    """Draw a token's way from left to right: squeezed, stored, and what could be made of it; and
    below, how a new query reads what is stored."""
    wide, top = layout == "wide", 1.17
    below = top + ASIDE + HALF + 0.3
    fig = style.canvas(layout, below + PANEL)
    _shortcut(style.board(fig, 0, below), data, layout)
    style.heading(fig, f"One token in one layer: {data.kept:,} numbers are stored",
                  f"The keys and values of all heads would be {data.whole:,}.\n"
                  "Blue: A. Orange: B. Heights aren't to scale")
    ax = style.board(fig, 0, top, height=below - top)
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
                           ("rotated", below + LOW + 0.12, "top")):
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
    return (f"Above, a down-projection squeezes the {data.width:,} numbers of a token into "
            f"{data.squeezed:,}, and {data.turned} more that are rotated. These {data.kept:,} are "
            f"stored. An up-projection could compute from the {data.squeezed:,} a key and a value "
            f"of {data.size} numbers for each of {data.heads} heads. The same {data.turned} rotated"
            " numbers would stand behind every key, but while the model writes, no key or value of "
            f"a head is made. Two more matrices make {data.queries:,} numbers, and of these "
            f"the queries, in each head {data.size} and {data.turned} that "
            "are rotated; of these nothing is stored. Beside each of the four matrices stand an A, "
            "as high as its inputs, and a B, as high as its outputs. Below, the shortcut in one "
            f"head: a new query q of {data.size} numbers passes W_k once and becomes "
            f"{data.squeezed:,}, which give a score with each of {data.tokens} stored c. The "
            "weighted mean of these c passes W_v once and becomes the head's output y. The long "
            f"way, pale, would make {data.tokens} keys by W_k and {data.tokens} values by W_v.")
