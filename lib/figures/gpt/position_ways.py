"""Five ways to tell a model where a token stands: where each acts, and what a score gets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.labels import route
from lib.figures.kit.style import Layout
from lib.positions import sinusoidal_positions

CAPTION = ("Dark box: where an encoding acts. Map: how it raises or lowers each score; stripes "
           "along the diagonal mean that only the distance counts.")
COUNT = 12  # positions in the map
SIDE = 1.92  # inches of the map
WAYS = {
    "sinusoidal": ("Sinusoids: a fixed row for each position", "added once, at the start", "start"),
    "learnt": ("A learnt row for each position", "added once; no row beyond the context",
               "start"),
    "relative": ("Relative bias: a learnt number by distance", "added to each score, in each "
                 "head", "score"),
    "ALiBi": ("ALiBi: a fixed penalty a distance", "taken from each score; nothing is learnt",
              "score"),
    "rotary": ("Rotary: queries and keys are turned", "in each layer; nothing is learnt", "turn")}

#: What the map shows, where its numbers are not made up.
NUMBERS = {"sinusoidal": "product, less the map's mean", "learnt": "product of rows, untrained",
           "ALiBi": "penalty", "rotary": "q \u00b7 k of one turned pair"}
QUERY, KEY, FREQUENCY = np.array([0.9, 0.3]), np.array([0.5, 0.7]), 0.3  # as in the chapter


@dataclass(frozen=True)
class Way:
    """A way: its title, a line of words, where it acts, and the map (queries, keys)."""

    name: str
    title: str
    words: str
    place: str
    map: np.ndarray = field(repr=False)


def compute(way: str) -> Way:
    """What a way adds to the scores of twelve positions, scaled to at most 1; NaN is masked.

    Of sinusoids and learnt rows it is the product of two rows, before the matrices of query and
    key, less the mean of sinusoids, which a softmax doesn't notice; of rotation the product of
    one query and one key in one pair.  Learnt rows are as at their random start; the relative bias
    is made up.

    Raises:
        ValueError: an unknown way.
    """
    if way not in WAYS:
        raise ValueError(f"unknown way {way!r}: allowed are {', '.join(WAYS)}")
    place, rng = np.arange(COUNT), np.random.default_rng(5)
    distance = place[:, None] - place
    if way == "sinusoidal":
        rows = sinusoidal_positions(COUNT, 128)
        found = rows @ rows.T
        found -= found[distance >= 0].mean()
    elif way == "learnt":
        rows = rng.standard_normal((COUNT, 64))
        found = rows @ rows.T
    elif way == "relative":
        found = rng.standard_normal(2 * COUNT)[distance]
    elif way == "ALiBi":
        found = -1.0 * distance
    else:
        found = ((QUERY @ KEY) * np.cos(FREQUENCY * distance)
                 + (QUERY[0] * KEY[1] - QUERY[1] * KEY[0]) * np.sin(FREQUENCY * distance))
    found = np.where(distance >= 0, found, np.nan)
    return Way(way, *WAYS[way], found / np.nanmax(np.abs(found)))


def _box(ax: Axes, left: float, top: float, wide: float, words: str, own: bool) -> None:
    ax.add_patch(FancyBboxPatch(
        (left, top), wide, 0.3, zorder=3, fc=style.INK if own else style.FROZEN.tint,
        ec=style.INK if own else style.FROZEN.mark, lw=style.THIN,
        boxstyle="round,pad=0,rounding_size=.05"))
    ax.text(left + wide / 2, top + 0.15, words, ha="center", va="center_baseline", weight=600,
            color=style.PAPER if own else style.FROZEN.ink, zorder=4)


def _path(ax: Axes, data: Way) -> None:
    """From tokens to the softmax, from top to bottom; what the way adds is filled."""
    middle = 0.95
    route(ax, (middle, 0.15), (middle, 2.4))
    _box(ax, 0.25, 0.1, 1.4, "token vectors", False)
    _box(ax, 0.25, 1.0, 1.4, "query and key", False)
    _box(ax, 0.25, 1.65, 1.4, "scores q · k", False)
    ax.text(middle, 2.5, "softmax", ha="center", va="center_baseline", color=style.MUTED)
    words, top = {"start": ("+ row", 0.57), "turn": ("turn", 1.33),
                  "score": ("+ number", 2.0)}[data.place]
    _box(ax, 1.8, top, 1.15, words, True)
    ax.annotate("", (middle, top + 0.15), (1.8, top + 0.15), zorder=5, arrowprops={
        "arrowstyle": "-|>", "color": style.INK, "lw": 1.6, "shrinkA": 0, "shrinkB": 0})


@style.styled
def draw(data: Way, layout: Layout = "wide") -> Figure:
    """Draw the path of a score, and the map of what a way puts into it."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.55 if wide else 6.15)
    style.heading(fig, data.title, data.words)
    _path(style.board(fig, 0.1, 0.65, 3.2, 2.65), data)
    ax = style.place(fig, *((4.3, 0.95) if wide else (0.8, 3.65)), SIDE, SIDE)
    ax.imshow(data.map, cmap=style.WEIGHTS, vmin=-1, vmax=1)
    ax.set(xlabel="key at", ylabel="query at", title=NUMBERS.get(data.name, "made-up numbers"))
    ax.set_xticks([0, 5, 11])
    ax.set_yticks([0, 5, 11])
    ax.spines["bottom"].set_visible(False)
    scale = style.place(fig, *((6.37, 0.95) if wide else (2.87, 3.65)), 0.1, SIDE)
    scale.imshow(np.linspace(1, -1, 41)[:, None], cmap=style.WEIGHTS, vmin=-1, vmax=1,
                 aspect="auto")
    scale.set_xticks([])
    scale.set_yticks([2, 20, 38], ["raises", "0", "lowers"])
    scale.yaxis.tick_right()
    scale.spines["bottom"].set_visible(False)
    return fig


def alt(data: Way) -> str:
    """Return the frame in words."""
    rows = [np.diagonal(data.map, -gap) for gap in range(COUNT - 1)]
    striped = all(np.ptp(row) < 1e-9 for row in rows)
    return (f"{data.title}, {data.words}. In the map of {COUNT} positions "
            + ("each distance has one value, wherever the two tokens stand."
               if striped else "one distance has many values, so the places count."))
