"""The matrices of one block, each with the pair of an adapter beside it: this GPT, Llama 3 8B."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.model import GPTConfig

CAPTION = ("A grey W is as wide as its inputs and as high as its outputs. Its A lies under it and "
           "is as wide, its B stands beside it and is as high.")
WIDE = 3.4  # inches of one block
UNIT = {"wide": 0.4, "narrow": 0.29}  # and of the width of its stream
FIRST, STEP, TOP = 0.14, 0.84, 0.36  # left end, from matrix to matrix, top of the first row
GAP, UNDER, SPACE = 0.03, 0.07, 0.16  # from W to its pair, from A to the name, between blocks
PARTS = ("query", "key", "value", "output")  # the first row; the feed-forward layer is the second


@dataclass(frozen=True)
class Block:
    """The rank of an adapter, the sizes of a model, and ``(inputs, outputs)`` of each matrix of
    a block by its name; ``gated`` says whether the feed-forward layer has a gate."""

    name: str
    rank: int
    layers: int
    width: int
    shapes: dict[str, tuple[int, int]]

    @property
    def gated(self) -> bool:
        """Whether there is a third matrix in the feed-forward layer."""
        return "gate" in self.shapes

    @property
    def adapter(self) -> int:
        """Numbers of the pairs of all blocks."""
        return self.layers * self.rank * sum(n + m for n, m in self.shapes.values())


def _block(name: str, rank: int, layers: int, width: int, keys: int, hidden: int,
           gated: bool) -> Block:
    widen = dict.fromkeys(("gate", "up") if gated else ("up",), (width, hidden))
    return Block(name, rank, layers, width, {
        "query": (width, width), "key": (width, keys), "value": (width, keys),
        "output": (width, width), **widen, "down": (hidden, width)})


def compute(rank: int = 8) -> list[Block]:
    """This model, from its configuration, and Llama 3 8B, from the published one.

    Raises:
        ValueError: ``rank`` is not a rank that all matrices can have.
    """
    c = GPTConfig()
    if not 1 <= rank <= c.embedding_dimension:
        raise ValueError(f"rank is {rank}; allowed are 1 to {c.embedding_dimension}")
    return [_block("This GPT", rank, c.layers, c.embedding_dimension, c.embedding_dimension,
                   c.feed_forward_dimension, False),
            _block("Llama 3 8B", rank, 32, 4096, 1024, 14_336, True)]


def _number(ax: Axes, which: int, x: float, y: float) -> None:
    """The number of a change, beside what it altered."""
    ax.plot(x, y, "o", ms=10, color=style.INK, zorder=6)
    ax.text(x, y, str(which), ha="center", va="center_baseline", size=style.SMALL, weight=600,
            color=style.PAPER, zorder=7)


def _matrix(ax: Axes, left: float, top: float, shape: tuple[int, int], unit: float,
            thick: float) -> tuple[float, float]:
    """W with its pair; returns the right end of B and the lower end of A."""
    wide, high = shape[0] * unit, shape[1] * unit
    for place, size, tone in (((left, top), (wide, high), style.FROZEN),
                              ((left, top + high + GAP), (wide, thick), style.A),
                              ((left + wide + GAP, top), (thick, high), style.B)):
        frozen = tone is style.FROZEN
        ax.add_patch(Rectangle(place, *size, fc=tone.tint if frozen else tone.mark,
                               ec=tone.mark if frozen else "none", lw=style.THIN))
    return left + wide + GAP + thick, top + high + GAP + thick


def _pairs(ax: Axes, block: Block, side: float, thick: float) -> None:
    """One block: attention in the first row, the feed-forward layer in the second."""
    unit = side / block.width
    ax.text(FIRST, 0.09, block.name, va="center_baseline", weight=600)
    ax.text(WIDE - 0.06, 0.09, f"{len(block.shapes)} pairs, {block.layers} blocks", ha="right",
            va="center_baseline", size=style.SMALL, color=style.MUTED)
    rows = (PARTS, [part for part in block.shapes if part not in PARTS])
    top = TOP
    for row in rows:
        low, left = top, FIRST
        for part in row:
            inputs, outputs = block.shapes[part]
            right, end = _matrix(ax, left, top, (inputs, outputs), unit, thick)
            ax.text(left, end + UNDER, part, va="top", size=style.SMALL, color=style.MUTED)
            if (which := 4 if part in ("key", "value") else 2 * (part == "gate")) and block.gated:
                _number(ax, which, right + 0.14, top + 0.08)
            low, left = max(low, end), left + STEP
        top = low + 0.4


@style.styled
def draw(data: list[Block], layout: Layout = "wide") -> Figure:
    """Draw the blocks side by side; one under the other where it is narrow."""
    wide = layout == "wide"
    first, last = data[0], data[-1]
    side = UNIT[layout]
    thick = side * first.rank / first.width  # to scale in the first block
    highs = [TOP + 0.8 + side * (1 + block.shapes["up"][1] / block.width) for block in data]
    top = 0.72 if wide else 0.9
    fig = style.canvas(layout, top + (max(highs) if wide else sum(highs) + SPACE))
    many = last.width // first.width
    style.heading(fig, "A pair beside each matrix",
                  f"Blue: A. Orange: B. Rank {first.rank}, to scale on the left;"
                  f" on the right pairs are {many} times too thick" if wide else
                  f"Blue: A. Orange: B. Rank {first.rank}, to scale\nabove; "
                  f"below pairs are {many} times too thick")
    for k, block in enumerate(data):
        left, down = (k * (WIDE + 0.22), 0.0) if wide else (0.0, k * (highs[0] + SPACE))
        ax = style.board(fig, style.MARGIN + left, top + down, WIDE, highs[k])
        _pairs(ax, block, side, thick)
    return fig


def alt(data: list[Block]) -> str:
    """Return the drawing in words."""
    said = []
    for block in data:
        sizes = ", ".join(f"{part} {outputs:,} by {inputs:,}"
                          for part, (inputs, outputs) in block.shapes.items())
        said.append(f"{block.name}: {len(block.shapes)} matrices of a block, outputs by inputs: "
                    f"{sizes}. Under each lies an A as wide, and beside it stands a B as high, "
                    f"{block.rank} numbers thin; in all blocks {block.adapter:,} numbers.")
    return " ".join(said)
