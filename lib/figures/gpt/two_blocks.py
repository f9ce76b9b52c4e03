"""This model's block beside that of a model of 2024: what was replaced, and what stayed."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.model import GPTConfig

CAPTION = ("Parts with a thick frame are what was replaced; the stream, and what is added to it, "
           "stayed.")
WIDE, HIGH, TOP = 3.5, 2.7, 0.62  # inches of one block; where the first one begins
STREAM, LEFT, RIGHT = 0.3, 0.66, 3.38  # the stream, and both ends of the boxes
SMALL, LARGE = 0.22, 0.66  # heights of boxes
ROWS = (0.55, 0.86, 1.61, 1.92)  # tops of the boxes: norm, attention, norm, feed-forward
DRAWN, ALL = 8, 9  # heads that are drawn, and up to how many all are
#: Where the page's numbers of the changes stand: norms, feed-forward layer, positions, keys.
NUMBERS = ((1, RIGHT, ROWS[0]), (1, RIGHT, ROWS[2]), (2, RIGHT, ROWS[3]),
           (3, LEFT + 1.42, ROWS[1] + 0.04), (4, RIGHT - 0.04, ROWS[1] + 0.45))


@dataclass(frozen=True)
class Design:
    """What a block is made of; ``rotary``, ``gated`` and ``rms`` are what came after 2019."""

    name: str
    layers: int
    width: int
    queries: int
    keys: int
    hidden: int
    rotary: bool = False
    gated: bool = False
    rms: bool = False


def compute() -> list[Design]:
    """This model, from its configuration, and Llama 3 8B, from the published one."""
    c = GPTConfig()
    ours = Design("This GPT", c.layers, c.embedding_dimension, c.heads, c.heads,
                  c.feed_forward_dimension)
    return [ours, Design("Llama 3 8B", 32, 4096, 32, 8, 14_336, True, True, True)]


def _box(ax: Axes, left: float, top: float, wide: float, high: float, new: bool) -> None:
    ax.add_artist(FancyBboxPatch(
        (left, top), wide, high, fc=style.PAPER if new else style.FROZEN.tint,
        ec=style.INK if new else style.FROZEN.mark, lw=2.0 if new else style.THIN,
        boxstyle="round,pad=0,rounding_size=.05"))


def _words(ax: Axes, x: float, y: float, words: str, note: bool = False, ha: str = "left") -> None:
    ax.text(x, y, words, ha=ha, va="center_baseline", weight=400 if note else 600,
            size=style.SMALL if note else style.BASE, color=style.MUTED if note else style.INK)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, zorder=3, arrowprops={
        "arrowstyle": "-|>", "color": style.INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 8})


def _number(ax: Axes, which: int, x: float, y: float) -> None:
    """The number of a change, on the corner of what it replaced."""
    ax.plot(x, y, "o", ms=10, color=style.INK, zorder=6, clip_on=False)
    ax.text(x, y, str(which), ha="center", va="center_baseline", size=style.SMALL, weight=600,
            color=style.PAPER, zorder=7)


def _heads(ax: Axes, design: Design, top: float) -> None:
    """Query heads as dots over the key and value heads from which they read."""
    shown = design.queries if design.queries <= ALL else DRAWN
    shared = design.queries // design.keys
    step = 0.22 if shown <= DRAWN else 0.19
    xs = [LEFT + 1.05 + step * k for k in range(shown)]
    for first in range(0, shown, shared):
        group = xs[first:first + shared]
        middle = sum(group) / len(group)
        for x in group:
            ax.plot([x, middle], [top + 0.34, top + 0.54], color=style.MUTED, lw=0.9, zorder=3)
        ax.plot(middle, top + 0.54, "s", ms=7, color=style.INK, zorder=4)
    ax.plot(xs, [top + 0.34] * shown, "o", ms=6, mfc=style.PAPER, mec=style.INK, zorder=4)
    if design.keys < design.queries:
        _box(ax, LEFT + 0.04, top + 0.45, RIGHT - LEFT - 0.08, 0.18, True)
    _words(ax, LEFT + 0.08, top + 0.34, f"{design.queries} query heads", True)
    _words(ax, LEFT + 0.08, top + 0.54, f"{design.keys} key head" + "s" * (design.keys > 1), True)


def _feed_forward(ax: Axes, design: Design, top: float) -> None:
    """The way through two matrices and a bend, or through three and a gate."""
    middle = top + 0.43
    if design.gated:
        _words(ax, LEFT + 0.1, top + 0.33, "gate, swish", True)
        _words(ax, LEFT + 0.1, top + 0.53, "up", True)
        for y in (top + 0.33, top + 0.53):
            _arrow(ax, (LEFT + 0.95, y), (LEFT + 1.27, middle))
        ax.plot(LEFT + 1.36, middle, "o", ms=12, mfc=style.PAPER, mec=style.INK, zorder=4)
        ax.text(LEFT + 1.36, middle, "×", ha="center", va="center_baseline", zorder=5)
    else:
        _words(ax, LEFT + 0.1, middle, "up", True)
        _arrow(ax, (LEFT + 0.36, middle), (LEFT + 0.9, middle))
        _words(ax, LEFT + 1.16, middle, "GELU", True, "center")
    _arrow(ax, (LEFT + 1.5, middle), (LEFT + 1.92, middle))
    _words(ax, LEFT + 2.0, middle, "down", True)


def _stream(ax: Axes) -> None:
    """The stream from the top down, with two sublayers that read it and are added to it."""
    ax.plot([STREAM, STREAM], [0.42, HIGH - 0.04], color=style.INK, lw=2.2, zorder=1)
    for norm, part in (ROWS[:2], ROWS[2:]):
        read, add = norm + SMALL / 2, part + LARGE / 2
        _arrow(ax, (STREAM, read), (LEFT, read))
        _arrow(ax, (LEFT + 0.3, norm + SMALL), (LEFT + 0.3, part))
        _arrow(ax, (LEFT, add), (STREAM + 0.09, add))
        ax.plot(STREAM, add, "o", ms=12, mfc=style.PAPER, mec=style.INK, mew=1.1, zorder=4)
        ax.text(STREAM, add, "+", ha="center", va="center_baseline", weight=600, zorder=5)


def _block(ax: Axes, design: Design) -> None:
    """One block, from its name down."""
    _words(ax, STREAM - 0.12, 0.09, design.name)
    _words(ax, RIGHT, 0.09, f"{design.layers} blocks, a stream of {design.width:,}", True, "right")
    _box(ax, STREAM - 0.12, 0.2, RIGHT - STREAM + 0.12, SMALL, False)
    _words(ax, STREAM - 0.04, 0.31, "embedding" if design.rotary
           else "embedding + sines of the position")
    wide = RIGHT - LEFT
    for top in (ROWS[0], ROWS[2]):
        _box(ax, LEFT, top, wide, SMALL, design.rms)
        _words(ax, LEFT + 0.08, top + SMALL / 2, "RMSNorm" if design.rms else "layer norm")
    _box(ax, LEFT, ROWS[1], wide, LARGE, False)
    _words(ax, LEFT + 0.08, ROWS[1] + 0.12, "attention")
    if design.rotary:
        _box(ax, LEFT + 0.82, ROWS[1] + 0.04, 0.6, 0.18, True)
        _words(ax, LEFT + 0.9, ROWS[1] + 0.12, "rotary", True)
    _heads(ax, design, ROWS[1])
    if design.queries > ALL:
        _words(ax, RIGHT - 0.08, ROWS[1] + 0.12, f"{DRAWN} of {design.queries} drawn", True,
               "right")
    _box(ax, LEFT, ROWS[3], wide, LARGE, design.gated)
    _words(ax, LEFT + 0.08, ROWS[3] + 0.12, "SwiGLU" if design.gated else "feed-forward")
    _words(ax, RIGHT - 0.08, ROWS[3] + 0.12, f"{design.hidden:,} wide", True, "right")
    _feed_forward(ax, design, ROWS[3])
    _stream(ax)
    for number in NUMBERS if design.rms else ():
        if number[0] != 4 or design.keys < design.queries:
            _number(ax, *number)


@style.styled
def draw(data: list[Design], layout: Layout = "wide") -> Figure:
    """Draw the blocks side by side; one under the other where it is narrow."""
    wide = layout == "wide"
    top = TOP if wide else TOP + 0.16
    fig = style.canvas(layout, top + HIGH * (1 if wide else len(data)))
    style.heading(fig, "One block, then and now", "Circled numbers: the changes on this page")
    for k, design in enumerate(data):
        left, down = (k * (WIDE + 0.12), 0) if wide else (0, k * HIGH)
        _block(style.board(fig, style.MARGIN + left, top + down, WIDE, HIGH), design)
    return fig


def alt(data: list[Design]) -> str:
    """Return the drawing in words."""
    said = []
    for each in data:
        norm = "RMSNorm" if each.rms else "layer norm"
        inner = ("a gate and an up matrix, multiplied, then down" if each.gated
                 else "up, GELU, down")
        where = "inside attention, as a turn" if each.rotary else "once, as sines on the embedding"
        said.append(f"{each.name}: {each.layers} blocks on a stream of {each.width:,} numbers. "
                    f"Positions come in {where}. Attention, behind {norm}, has {each.queries} "
                    f"heads of queries and {each.keys} of keys and values. The feed-forward layer, "
                    f"behind {norm}, is {each.hidden:,} wide: {inner}.")
    return " ".join(said) + " In both, each part reads the stream and is added to it."
