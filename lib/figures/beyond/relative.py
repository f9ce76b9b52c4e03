"""One variant of LoRA at a time: what it changes on LoRA's path, and the idea beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = "Left is LoRA's second path, and a purple frame marks what this variant changes in it."
BOARD = (3.35, 1.95)  # inches of the path, and of the idea
STREAM, SIDE = 1.4, 0.55  # heights of both paths
FORK, JOIN, END = 0.35, 2.35, 3.2  # where the path beside leaves and joins, and where y is
BARS = 32  # so many of the singular values are drawn
#: Each with the parts that are its own; ``turn`` is its control.
OWN = {"PiSSA": ("A", "B", "W"), "DoRA": ("after",)}


_box = partial(box, letters=style.LARGE)


@dataclass(frozen=True)
class Relative:
    """A variant: its name, where its control stands, and the words of that frame.

    sigma: the singular values of W, for PiSSA; length: m over the row's first length, for DoRA.
    """

    name: str
    turn: float
    title: str
    note: str
    length: float = 1.0
    sigma: tuple[float, ...] = field(default=(), repr=False)

    @property
    def share(self) -> float:
        """How much of W's sum of squares the first ``turn`` directions hold."""
        squares = np.square(self.sigma)
        return float(squares[:int(self.turn)].sum() / squares.sum())


def compute(name: str, turn: float = 0.0, length: float = 1.0,
            sigma: tuple[float, ...] = ()) -> Relative:
    """One variant: PiSSA at a rank, DoRA at a strength of BA.

    Raises:
        ValueError: an unknown relative.
    """
    if name not in OWN:
        raise ValueError(f"unknown relative {name!r}: allowed are {', '.join(OWN)}")
    data = Relative(name, turn, "", "", length, tuple(sigma))
    return Relative(name, turn, *_words(data), length, tuple(sigma))


def _words(data: Relative) -> tuple[str, str]:
    """The title, and a line under it."""
    turn = data.turn
    if data.name == "PiSSA":
        return (f"PiSSA trains W's {turn:g} strongest directions" if turn > 1
                else "PiSSA trains W's strongest direction",
                f"{style.percent(data.share)} of W's energy, the sum of σ²")
    return ("DoRA: sBA turns a row, m sets its length",
            f"{turn:g} times sBA, m at {data.length:g} times the old length")


def _path(ax: Axes, data: Relative) -> None:
    """x left, y right, the frozen matrix between them, LoRA's path above it."""
    own = OWN[data.name]
    route(ax, (0.2, STREAM), (END - 0.08, STREAM))
    for words, left in (("x", 0.1), ("y", END)):
        ax.text(left, STREAM, words, ha="center", va="center_baseline", style="italic",
                size=style.LARGE)
    _box(ax, (1.3, STREAM), (0.85, 0.5), "rest of W" if "W" in own else "W",
         style.FROZEN, "W" in own)
    route(ax, (FORK, STREAM), (FORK, SIDE), (JOIN, SIDE), (JOIN, STREAM - 0.1))
    for name, middle, tone in (("A", 0.75, style.A), ("B", 1.85, style.B)):
        _box(ax, (middle, SIDE), (0.45, 0.36), name, tone, name in own)
    ax.text(JOIN + 0.08, (STREAM + SIDE) / 2, "α/r", va="center_baseline", color=style.MUTED)
    ax.plot(JOIN, STREAM, "o", ms=13, mfc=style.PAPER, mec=style.INK, mew=1.0, zorder=4)
    ax.text(JOIN, STREAM, "+", ha="center", va="center_baseline", weight=600, zorder=5)
    if "after" in own:
        _box(ax, (2.8, STREAM), (0.4, 0.36), "m/ℓ", style.LORA, True)


def _spectrum(ax: Axes, data: Relative) -> None:
    """The largest singular values of W: those that are trained, and those that stay."""
    most = data.sigma[0]
    for k, value in enumerate(data.sigma[:BARS]):
        high = 1.4 * value / most
        tone = style.LORA if k < data.turn else style.FROZEN
        ax.add_patch(Rectangle((0.1 + 0.1 * k, 1.65 - high), 0.078, high, fc=tone.mark, ec="none"))
    ax.text(3.3, 0.3, f"trained: the first {data.turn:g}", ha="right", va="center_baseline",
            color=style.LORA.ink, weight=600)
    ax.text(0.1, 1.82, f"the {BARS} largest of W's {len(data.sigma)} σ, in order",
            va="center_baseline", color=style.MUTED, size=style.SMALL)


def _length(ax: Axes, data: Relative) -> None:
    """A row of W, what BA adds to it, and the sum brought to the length m."""
    origin, row = np.array([0.35, 1.7]), 0.95 * np.array([np.cos(0.15), -np.sin(0.15)])
    moved = row + data.turn * np.array([0.05, -0.42])
    most = data.length * 0.95
    around = np.linspace(0, np.pi / 2, 60)
    ax.plot(origin[0] + most * np.cos(around), origin[1] - most * np.sin(around),
            color=style.RULE, lw=style.THIN)
    ax.text(origin[0] - 0.06, origin[1] - most, "m", ha="right", va="center_baseline",
            color=style.LORA.ink)
    ends = ((row, style.FROZEN.mark, 1.8), (most * moved / np.linalg.norm(moved),
                                            style.LORA.mark, 2.6), (moved, style.B.mark, 1.1))
    for tip, tone, wide in ends:
        ax.annotate("", origin + tip, origin, arrowprops={
            "arrowstyle": "-|>", "lw": wide, "color": tone, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 12})
    ax.plot(*zip(origin + row, origin + moved, strict=True), ls=":", color=style.B.mark, lw=1.4)
    named = zip(("row of W", "brought to length m", "row + sBA (thin)"), ends,
                (style.FROZEN, style.LORA, style.B), strict=True)
    below = 0.0  # each label stands right of its tip, or as far under the last one as it must
    by_height = sorted(named, key=lambda each: each[1][0][1])
    for k, (words, (tip, _, _), tone) in enumerate(by_height):
        x, y = origin + tip
        below = max(below + 0.24, min(y, 1.36 + 0.24 * k))  # the last one stays on the board
        ax.plot((x + 0.04, 1.93), (y, below), color=tone.mark, lw=style.THIN, alpha=0.6)
        ax.text(1.98, below, words, va="center_baseline", color=tone.ink, weight=600)


IDEA = {"PiSSA": _spectrum, "DoRA": _length}


@style.styled
def draw(data: Relative, layout: Layout = "wide") -> Figure:
    """Draw the path and the idea, beside each other or one above the other."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.75 if wide else 4.85)
    style.heading(fig, data.title, data.note)
    _path(style.board(fig, 0.1, 0.65, *BOARD), data)
    IDEA[data.name](style.board(fig, *((3.75, 0.65) if wide else (0.1, 2.75)), *BOARD), data)
    return fig


def alt(data: Relative) -> str:
    """Return the frame in words."""
    part = {"A": "A, B and W", "after": "a rescaling after the sum"}[OWN[data.name][0]]
    return f"{data.title}. {data.note}. What differs from LoRA is {part}."
