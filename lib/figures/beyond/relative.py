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
ALPHA, WIDTH = 8.0, 128  # of the chapter's runs
BARS = 32  # so many of the singular values are drawn
#: Each with the parts that are its own; ``turn`` is its control.
OWN = {"rsLoRA": ("factor",), "PiSSA": ("A", "B", "W"), "DoRA": ("after",),
       "LoRA-FA": ("A",), "adapter": ("between",), "norms": ("norm",), "VeRA": ("vectors",),
       "AdaLoRA": ("gates",)}


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
    """One variant: rsLoRA or PiSSA at a rank, DoRA at a strength of BA.

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
    if data.name == "rsLoRA":
        return (f"Rank {turn:g}: {turn**0.5:g} times LoRA's scaling" if turn > 1
                else "At rank 1 both scale alike",
                f"rsLoRA's α/√r is {_number(ALPHA / turn**0.5)}, "
                f"LoRA's α/r is {_number(ALPHA / turn)}")
    if data.name == "PiSSA":
        return (f"PiSSA trains W's {turn:g} strongest directions" if turn > 1
                else "PiSSA trains W's strongest direction",
                f"{style.percent(data.share)} of the sum of σ², at the start")
    if data.name == "DoRA":
        return ("DoRA: sBA turns a row, m sets its length",
                f"{turn:g} times sBA, m at {data.length:g} times the old length")
    return {"LoRA-FA": ("LoRA-FA: A stays as it was drawn",
                        "Half of LoRA's parameters are trained"),
            "adapter": ("Parallel adapter: a GELU between A and B",
                        "The second path is no longer linear"),
            "norms": ("LayerNorms only: scale and shift", "No second path; γ and β are trained"),
            "VeRA": ("VeRA: one random pair for all layers",
                     "Each layer trains two vectors, d and b"),
            "AdaLoRA": ("AdaLoRA: rank is pruned in training",
                        "A made-up example: from rank 6 to a mean of 4")}[data.name]


def _number(value: float) -> str:
    return f"{value:.3g}"


def _path(ax: Axes, data: Relative) -> None:
    """x left, y right, the frozen matrix between them, LoRA's path above it."""
    own = OWN[data.name]
    route(ax, (0.2, STREAM), (END - 0.08, STREAM))
    for words, left in (("x", 0.1), ("y", END)):
        ax.text(left, STREAM, words, ha="center", va="center_baseline", style="italic",
                size=style.LARGE)
    alone = "norm" in own
    _box(ax, (1.75 if alone else 1.3, STREAM), (0.85, 0.5), "rest of W" if "W" in own else "W",
         style.FROZEN, "W" in own)
    if alone:
        _box(ax, (0.75, STREAM), (0.6, 0.4), "γ, β", style.LORA, True)
        return
    route(ax, (FORK, STREAM), (FORK, SIDE), (JOIN, SIDE), (JOIN, STREAM - 0.1))
    shared = "vectors" in own
    for name, middle, tone, still in (("A", 0.7 if shared else 0.75, style.A, "A" in own),
                                      ("B", 1.6 if shared else 1.85, style.B, False)):
        _box(ax, (middle, SIDE), (0.45, 0.36), name,
             style.FROZEN if shared or (still and data.name == "LoRA-FA") else tone, name in own)
    if shared:
        for name, middle in (("d", 1.15), ("b", 2.05)):
            _box(ax, (middle, SIDE), (0.24, 0.36), name, style.LORA, True)
    if "gates" in own:
        _box(ax, (1.3, SIDE), (0.36, 0.36), "Λ", style.LORA, True)
    if "between" in own:
        _box(ax, (1.3, SIDE), (0.4, 0.36), "", style.LORA, True)
        ax.plot([1.15, 1.3, 1.44], [SIDE + 0.07, SIDE + 0.07, SIDE - 0.1], lw=1.6,
                color=style.LORA.ink, zorder=4)
    factor = "factor" in own
    ax.text(JOIN + 0.08, (STREAM + SIDE) / 2, "α/√r" if factor else "" if shared else "α/r",
            va="center_baseline", weight=600 if factor else 400,
            color=style.LORA.ink if factor else style.MUTED)
    ax.plot(JOIN, STREAM, "o", ms=13, mfc=style.PAPER, mec=style.INK, mew=1.0, zorder=4)
    ax.text(JOIN, STREAM, "+", ha="center", va="center_baseline", weight=600, zorder=5)
    if "after" in own:
        _box(ax, (2.8, STREAM), (0.4, 0.36), "m/ℓ", style.LORA, True)


def _factors(ax: Axes, data: Relative) -> None:
    """Both rules over the rank, on two logarithmic axes, where they are straight."""
    def at(rank: float, factor: float) -> tuple[float, float]:
        return 0.5 + 2.2 * np.log2(rank) / 6, 0.2 + 1.3 * (3 - np.log2(factor)) / 6

    for power, name, tone in ((0.5, "α/√r", style.LORA), (1.0, "α/r", style.FROZEN)):
        ends = [at(rank, ALPHA / rank**power) for rank in (1, 64)]
        ax.plot(*zip(*ends, strict=True), color=tone.mark)
        ax.text(ends[1][0] + 0.12, ends[1][1], name, va="center_baseline", color=tone.ink,
                weight=600)
        ax.plot(*at(data.turn, ALPHA / data.turn**power), "D" if power < 1 else "o",
                color=tone.mark, ms=8, mec=style.PAPER, zorder=5)
    for rank in (1, 4, 16, 64):
        ax.text(at(rank, 8)[0], 1.67, f"{rank}", ha="center", va="center_baseline",
                color=style.MUTED, size=style.SMALL)
    ax.text(at(8, 8)[0], 1.85, "rank r", ha="center", va="center_baseline", color=style.MUTED,
            size=style.SMALL)
    ax.text(0.1, 0.02, "scaling", va="center_baseline", color=style.MUTED, size=style.SMALL)
    for factor, name in ((8, "8"), (1, "1"), (1 / 8, "1/8")):
        ax.text(0.3, at(1, factor)[1], name, ha="right", va="center_baseline", color=style.MUTED,
                size=style.SMALL)


def _spectrum(ax: Axes, data: Relative) -> None:
    """The largest singular values of W: those that are trained, and those that stay."""
    most = data.sigma[0]
    for k, value in enumerate(data.sigma[:BARS]):
        high = 1.4 * value / most
        tone = style.LORA if k < data.turn else style.FROZEN
        ax.add_patch(Rectangle((0.1 + 0.1 * k, 1.65 - high), 0.078, high, fc=tone.mark, ec="none"))
    ax.text(3.3, 0.3, "trained: the first, in purple", ha="right", va="center_baseline",
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
    ends = ((row, style.FROZEN.mark, 1.8), (moved, style.B.mark, 1.1),
            (most * moved / np.linalg.norm(moved), style.LORA.mark, 2.6))
    for tip, tone, wide in ends:
        ax.annotate("", origin + tip, origin, arrowprops={
            "arrowstyle": "-|>", "lw": wide, "color": tone, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 12})
    ax.plot(*zip(origin + row, origin + moved, strict=True), ls=":", color=style.B.mark, lw=1.4)
    for top, words, tone in ((0.3, "row of W", style.FROZEN), (0.55, "row + sBA (thin)", style.B),
                             (0.8, "brought to length m", style.LORA)):
        ax.text(1.98, top, words, va="center_baseline", color=tone.ink, weight=600)


def _fixed(ax: Axes, data: Relative) -> None:
    """A of fixed random numbers, and B, which is trained."""
    shades = np.random.default_rng(0).uniform(0.15, 0.9, (4, 16))
    for (i, j), shade in np.ndenumerate(shades):
        ax.add_patch(Rectangle((1.35 + 0.11 * j, 0.35 + 0.11 * i), 0.1, 0.1, alpha=shade,
                               fc=style.FROZEN.mark, ec="none"))
    ax.add_patch(Rectangle((0.35, 0.1), 0.44, 1.5, fc=style.B.tint, ec=style.B.mark, lw=1.6))
    ax.text(0.57, 0.85, "B", ha="center", va="center_baseline", color=style.B.ink, weight=600,
            size=style.LARGE)
    ax.text(0.57, 1.78, "trained", ha="center", va="center_baseline", color=style.B.ink)
    ax.text(2.23, 1.0, "A: four random readings", ha="center", va="center_baseline",
            color=style.FROZEN.ink)
    ax.text(2.23, 1.24, "of the input, unchanged", ha="center", va="center_baseline",
            color=style.FROZEN.ink)


def _bend(ax: Axes, data: Relative) -> None:
    """What goes on to B, over what A read: itself for LoRA, its GELU for the adapter."""
    z = np.linspace(-2.5, 2.5, 80)
    gelu = 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    for y, tone, dash in ((z, style.FROZEN, "--"), (gelu, style.LORA, "-")):
        seen = (y >= -0.8) & (y <= 1.9)
        ax.plot(1.65 + 0.5 * z[seen], 1.2 - 0.5 * y[seen], color=tone.mark, ls=dash)
    ax.plot([0.4, 2.9], [1.2, 1.2], color=style.RULE, lw=style.THIN, zorder=1)
    ax.text(0.4, 1.36, "GELU of it", va="center_baseline", color=style.LORA.ink, weight=600)
    ax.text(1.25, 1.72, "LoRA: itself", va="center_baseline", color=style.FROZEN.ink, weight=600)
    ax.text(0.1, 0.2, "what B gets", va="center_baseline", color=style.MUTED, size=style.SMALL)
    ax.text(3.3, 1.36, "what A read", ha="right", va="center_baseline", color=style.MUTED,
            size=style.SMALL)


def _shift(ax: Axes, data: Relative) -> None:
    """A normalised vector, and the same times gamma plus beta."""
    rng = np.random.default_rng(3)
    vector = np.clip(rng.normal(size=14), -1.5, 1.5)
    for top, values, tone, name in (
            (0.68, vector, style.FROZEN, "the normalised vector"),
            (1.62, vector * rng.uniform(0.3, 1.4, 14) + 0.4 * rng.normal(size=14), style.LORA,
             "each entry times its γ, plus its β")):
        ax.text(0.2, top - 0.46, name, va="center_baseline", color=tone.ink)
        for k, value in enumerate(values):
            ax.add_patch(Rectangle((0.2 + 0.2 * k, top), 0.15, -0.15 * value, fc=tone.mark,
                                   ec="none"))


def _shared(ax: Axes, data: Relative) -> None:
    """One frozen pair, and the two vectors that each of four layers has of its own."""
    for words, left in (("A", 0.3), ("B", 0.85)):
        _box(ax, (left, 0.9), (0.42, 0.36), words, style.FROZEN, False)
    ax.text(0.58, 1.3, "frozen", ha="center", va="center_baseline", color=style.FROZEN.ink)
    for k, top in enumerate((0.3, 0.7, 1.1, 1.5)):
        ax.plot([1.12, 1.4], [0.9, top], color=style.MUTED, lw=0.9)
        for left, long in ((1.45, 0.2), (1.72, 0.85)):
            ax.add_patch(Rectangle((left, top - 0.06), long, 0.12, fc=style.LORA.mark, ec="none"))
        ax.text(2.68, top, f"layer {k + 1}", va="center_baseline", color=style.MUTED)
    ax.text(1.55, 1.78, "d", ha="center", va="center_baseline", color=style.LORA.ink, weight=600)
    ax.text(2.14, 1.78, "b", ha="center", va="center_baseline", color=style.LORA.ink, weight=600)


def _gates(ax: Axes, data: Relative) -> None:
    """The rank of each of twelve matrices, at the start (outlined) and after pruning."""
    for k, rank in enumerate((2, 3, 6, 3, 4, 6, 3, 4, 6, 1, 4, 6)):
        left = 0.25 + 0.25 * k
        ax.add_patch(Rectangle((left, 1.6), 0.17, -0.2 * 6, fc=style.FROZEN.tint,
                               ec=style.FROZEN.mark, lw=0.8))
        ax.add_patch(Rectangle((left, 1.6), 0.17, -0.2 * rank, fc=style.LORA.mark, ec="none"))
        ax.plot([left, left + 0.17], [0.8, 0.8], color=style.INK, lw=1.4)
    ax.text(0.25, 0.15, "what is left of rank 6", va="center_baseline", color=style.LORA.ink,
            weight=600)
    ax.text(0.25, 1.78, "twelve adapted matrices; dashes: the mean, 4", va="center_baseline",
            color=style.MUTED, size=style.SMALL)


IDEA = {"rsLoRA": _factors, "PiSSA": _spectrum, "DoRA": _length, "LoRA-FA": _fixed,
        "adapter": _bend, "norms": _shift, "VeRA": _shared, "AdaLoRA": _gates}


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
    part = {"factor": "the scaling factor",
            "A": "A, B and W" if len(OWN[data.name]) > 1 else "A",
            "after": "a rescaling after the sum", "between": "a GELU between A and B",
            "norm": "the norm before W", "vectors": "the vectors d and b, beside a frozen A and B",
            "gates": "a gate for every direction, between A and B"}[OWN[data.name][0]]
    return f"{data.title}. {data.note}. What differs from LoRA is {part}."
