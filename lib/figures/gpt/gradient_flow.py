"""A block's backward pass as a computation graph, with the gradients' lengths in a live model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.losses import cross_entropy
from lib.model import GPTModel

CAPTION = ("Follow the thick line from the bottom up: a dot copies the gradient, a plus adds a "
           "branch's. Below: how long it is so far, with the sums and without.")

STEP = 0.44  # inches from one row to the next
BOX = 0.29  # height of a box
TOP = 1.3  # of the first box
WAYS = 1.5  # height of the curves below
#: The boxes from top to bottom, and what your file calls their ways back.
BOXES = (("layer norm", "back_norm1"), ("attention", "back_attention"),
         ("layer norm", "back_norm2"), ("feed-forward", "back_forward"))


@dataclass(frozen=True)
class Flow:
    """Lengths of the gradients in one block, as shares of what reaches the last block.

    ``arrives`` is dy; ``branches`` what feed-forward and attention add; ``sums`` dy after each;
    ``through`` what has gone through every branch from the last block on, and never past one.
    """

    block: int
    arrives: float
    branches: tuple[float, float]
    sums: tuple[float, float]
    through: float
    most: float
    layers: int
    ways: np.ndarray  # (blocks so far, 2): what leaves each block with sums, without them
    least: float


def measure(model: GPTModel, tokens: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Send one batch forward and back: lengths, (layers, 6), in the order of the backward pass.

    They are of dy, of what feed-forward adds to it, of their sum, of what attention adds, of the
    sum that leaves the block, and of what leaves it if from the last block on no sum has copied
    anything; all divided by the length of dy at the last block.
    """
    dy = cross_entropy(model.forward(tokens), targets)[1]
    dy = model.final_norm.backward(model.output_projection.backward(dy))
    rows, through = [], dy
    for block in reversed(model.transformer_stack.layers):
        forward = block.feed_forward_norm.backward(block.feed_forward.backward(dy))
        middle = dy + forward
        attention = block.attention_norm.backward(block.self_attention.backward(middle))
        out = middle + attention
        through = block.feed_forward_norm.backward(block.feed_forward.backward(through))
        through = block.attention_norm.backward(block.self_attention.backward(through))
        rows.append([np.linalg.norm(each)
                     for each in (dy, forward, middle, attention, out, through)])
        dy = out
    return np.array(rows[::-1]) / rows[0][0]


def compute(lengths: np.ndarray, block: int) -> Flow:
    """Pick a block, counted from 1, out of what ``measure`` returned.

    Raises:
        ValueError: there is no such block.
    """
    if not 1 <= block <= len(lengths):
        raise ValueError(f"block is {block}, the model has 1 to {len(lengths)}")
    dy, forward, middle, attention, out, through = map(float, lengths[block - 1])
    return Flow(block, dy, (forward, attention), (middle, out), through, float(lengths.max()),
                len(lengths), lengths[block - 1:, 4:][::-1], float(lengths[:, 5].min()))


@dataclass(frozen=True)
class Columns:
    """Where things stand, in inches: the stream, the boxes, the bars and how long they may be."""

    stream: float
    box: float
    wide: float
    bar: float
    long: float
    words: bool


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float],
           width: float = 1.1) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": style.INK, "lw": width,
                                            "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9})


def _bar(ax: Axes, length: float, row: float, at: Columns, most: float, words: str,
         colour: str) -> None:
    """A gradient's length at the height where it flows."""
    ax.add_artist(Rectangle((at.bar, row + 0.04), at.long * length / most, 0.09, lw=0, fc=colour))
    ax.text(at.bar, row - 0.07, f"{words}  {_number(length)}" if at.words else _number(length),
            va="center_baseline", size=style.SMALL,
            color=style.MUTED if colour == style.FROZEN.mark else style.INK)


def _number(length: float) -> str:
    return f"{length:.2f}" if length >= 0.1 or length == 0 else f"{length:.3f}"


def _ways(fig: Figure, data: Flow, top: float, layout: Layout) -> None:
    """Below the graph: what has come so far with the sums, along the stream, and without sums."""
    left, width = (1.0, 4.2) if layout == "wide" else (0.5, 1.6)
    ax = style.place(fig, left, top, width, WAYS)
    goals = [f"block {n}" if n else "embedding" for n in range(data.layers, -1, -1)]
    if layout == "narrow":
        goals = [goal.removeprefix("block ").replace("embedding", "emb.") for goal in goals]
    x = np.arange(len(data.ways) + 1)
    for name, y, colour, lift in (
            ("with sums", data.ways[:, 0], style.INK, 6),
            ("stream alone", np.ones(len(data.ways)), style.ATTENTION(0.7), -6),
            ("without sums", data.ways[:, 1], style.FROZEN.mark, 0)):
        ax.plot(x, [1, *y], "o-", color=colour, lw=1.6, ms=4, clip_on=False)
        ax.annotate(f"{name}  {_number(float(y[-1]))}", (x[-1], y[-1]), (8, lift),
                    textcoords="offset points", va="center_baseline", size=style.SMALL,
                    color=style.MUTED if colour == style.FROZEN.mark else style.INK)
    ax.set(xlim=(-0.15, data.layers + 0.15), yscale="log",
           ylim=(min(data.least, 0.5) / 1.6, data.most * 1.6), ylabel="length",
           xlabel="the gradient has reached")
    style.number_ticks(ax.yaxis, (0.001, 0.01, 0.1, 1, 10))
    ax.set_xticks(range(data.layers + 1), goals)
    ax.grid(axis="y")


def _goal(data: Flow) -> str:
    return f"block {data.block - 1}" if data.block > 1 else "the embedding"


def _boxes(ax: Axes, at: Columns) -> None:
    """The four layers of the block, each with the name of its way back."""
    for k, (name, back) in enumerate(BOXES):
        top = TOP + (k + k // 2) * STEP
        ax.add_artist(FancyBboxPatch((at.box, top), at.wide, BOX, fc=style.FROZEN.tint,
                                    ec=style.FROZEN.mark, lw=style.THIN,
                                    boxstyle="round,pad=0,rounding_size=.05"))
        ax.text(at.box + 0.08, top + BOX / 2, name, va="center_baseline", weight=600)
        if at.words:
            ax.text(at.box + at.wide - 0.08, top + BOX / 2, back, va="center_baseline", ha="right",
                    size=style.SMALL, color=style.MUTED)


def _branch(ax: Axes, top: float, at: Columns) -> None:
    """From the dot on the stream through two boxes, and up to the plus."""
    high, low = top + BOX / 2, top + STEP + BOX / 2
    middle = at.box + 0.25 * at.wide
    _arrow(ax, (at.stream, low), (at.box, low))
    _arrow(ax, (middle, top + STEP), (middle, top + BOX))
    _arrow(ax, (at.box, high), (at.stream + 0.09, high))
    ax.plot(at.stream, low, "o", ms=6, color=style.INK, zorder=4)
    ax.plot(at.stream, high, "o", ms=12, mfc=style.PAPER, mec=style.INK, mew=1.1, zorder=4)
    ax.text(at.stream, high, "+", ha="center", va="center_baseline", weight=600, zorder=5)


@style.styled
def draw(data: Flow, layout: Layout = "wide") -> Figure:
    """Draw the block as in the forward pass, its input at the top; all arrows go back."""
    at = Columns(0.62, 1.3, 2.7, 4.5, 2.4, True) if layout == "wide" else \
        Columns(0.3, 0.62, 1.4, 2.2, 1.1, False)
    ends = TOP - 0.42, TOP + 5 * STEP + 0.12
    fig = style.canvas(layout, ends[1] + WAYS + 1.05)
    style.heading(fig, f"Back through block {data.block}",
                  f"Lengths of gradients; dy at block {data.layers} has length 1")
    ax = style.board(fig)
    _boxes(ax, at)
    for top in (TOP, TOP + 3 * STEP):
        _branch(ax, top, at)
    _arrow(ax, (at.stream, ends[1]), (at.stream, ends[0]), 2.2)
    below = f"block {data.block + 1}" if data.block < data.layers else "the last norm"
    for words, row in ((f"to {_goal(data)}", ends[0]), (f"dy, from {below}", ends[1])):
        ax.text(at.box, row, words, va="center_baseline", size=style.SMALL, color=style.MUTED)
    second = TOP + 3 * STEP
    for length, row, words, colour in (
            (data.arrives, ends[1], "arrives", style.INK),
            (data.branches[0], second + BOX / 2, "feed-forward adds", style.FROZEN.mark),
            (data.sums[0], TOP + 2 * STEP + BOX / 2, "after the sum", style.INK),
            (data.branches[1], TOP + BOX / 2, "attention adds", style.FROZEN.mark),
            (data.sums[1], ends[0], "after the sum", style.INK)):
        _bar(ax, length, row, at, data.most, words, colour)
    _ways(fig, data, ends[1] + 0.4, layout)
    return fig


def alt(data: Flow) -> str:
    """Return the figure in words."""
    forward, attention = data.branches
    return (f"Into block {data.block} from below comes a gradient of length {data.arrives:.2f}. A "
            f"dot copies it: one copy goes straight up, the other through feed-forward and its "
            f"layer norm, and adds {forward:.2f}: {data.sums[0]:.2f}. The same with attention, "
            f"which adds {attention:.2f}: {data.sums[1]:.2f} goes on. Of the gradient at block "
            f"{data.layers} the stream alone brings all, length 1, and the branches in turn, "
            f"without sums, {_number(data.through)}.")
