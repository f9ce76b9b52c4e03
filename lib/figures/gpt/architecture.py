"""The whole model as boxes along the residual stream, with shapes and counts of parameters."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.model import GPTModel

CAPTION = ("Follow the thick line from the top down: attention and feed-forward read it and add "
           "to it, and nothing else changes it.")

STEP = 0.4  # inches from one row to the next
BOX = 0.29  # height of a box


@dataclass(frozen=True)
class Part:
    """A box: its name, the shapes of its arrays, its parameters, and how often it comes.

    Two sublayers, the boxes of one pair, stand beside the stream and are added to it.
    """

    name: str
    shapes: str
    count: int
    times: int = 1

    @property
    def total(self) -> int:
        """Parameters of all its copies."""
        return self.count * self.times


@dataclass(frozen=True)
class Parts:
    """The boxes from top to bottom: one before the blocks, four of a block, two after them."""

    before: Part
    block: tuple[Part, ...]
    after: tuple[Part, ...]
    width: int
    vocabulary: int
    layers: int

    @property
    def all(self) -> tuple[Part, ...]:
        """Every box, in the order of the forward pass."""
        return self.before, *self.block, *self.after

    @property
    def total(self) -> int:
        """All parameters of the model."""
        return sum(part.total for part in self.all)


def compute(model: GPTModel) -> Parts:
    """Count the live model's arrays, part by part."""
    c = model.config
    d, hidden, v, layers = (c.embedding_dimension, c.feed_forward_dimension, c.vocabulary_size,
                            c.layers)
    block = model.transformer_stack.layers[0]

    def size(layer) -> int:
        return sum(array.size for array in layer.parameters().values())

    return Parts(
        Part("embedding", f"{v:,} × {d}", size(model.token_embedding)),
        (Part("layer norm", f"2 × {d}", size(block.attention_norm), layers),
         Part("attention", f"4 × {d} × {d}", size(block.self_attention), layers),
         Part("layer norm", f"2 × {d}", size(block.feed_forward_norm), layers),
         Part("feed-forward", f"2 × {d} × {hidden}, GELU", size(block.feed_forward), layers)),
        (Part("layer norm", f"2 × {d}", size(model.final_norm)),
         Part("output", f"{d} × {v:,}", size(model.output_projection))), d, v, layers)


@dataclass(frozen=True)
class Columns:
    """Where things stand, in inches: the stream, the boxes, the right end of the counts."""

    stream: float
    box: float
    wide: float
    right: float
    bar: float


def _box(ax: Axes, part: Part, top: float, at: Columns, most: int) -> None:
    """A box with its name and shapes; beside it the count of all copies, over a bar."""
    ax.add_artist(FancyBboxPatch((at.box, top), at.wide, BOX, fc=style.FROZEN.tint,
                                ec=style.FROZEN.mark, lw=style.THIN,
                                boxstyle="round,pad=0,rounding_size=.05"))
    middle = top + BOX / 2
    ax.text(at.box + 0.08, middle, part.name, va="center_baseline", weight=600)
    ax.text(at.box + at.wide - 0.08, middle, part.shapes, va="center_baseline", ha="right",
            size=style.SMALL, color=style.MUTED)
    words = f"{part.times} × {part.count:,}" if part.times > 1 else f"{part.count:,}"
    ax.text(at.right, top + 0.09, words, ha="right", va="center_baseline", size=style.SMALL)
    long = at.bar * part.total / most
    ax.add_artist(Rectangle((at.right - long, top + BOX - 0.08), long, 0.08, lw=0,
                           fc=style.FROZEN.mark))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": style.INK, "lw": 1.1,
                                            "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8})


def _sublayer(ax: Axes, pair: tuple[Part, Part], top: float, at: Columns, most: int) -> None:
    """Two boxes that read from the stream above, and are added to it below."""
    for k, part in enumerate(pair):
        _box(ax, part, top + k * STEP, at, most)
    middle = at.box + 0.25 * at.wide
    first, last = top + BOX / 2, top + STEP + BOX / 2
    _arrow(ax, (at.stream, first), (at.box, first))
    _arrow(ax, (middle, top + BOX), (middle, top + STEP))
    _arrow(ax, (at.box, last), (at.stream + 0.09, last))
    ax.plot(at.stream, last, "o", ms=12, mfc=style.PAPER, mec=style.INK, mew=1.1, zorder=4)
    ax.text(at.stream, last, "+", ha="center", va="center_baseline", weight=600, zorder=5)


def _ends(ax: Axes, data: Parts, tops: dict[str, float], at: Columns, most: int) -> None:
    """Embedding and output boxes on the stream, with the words at both ends."""
    for part, top in ((data.before, tops["before"]), (data.after[0], tops["after"]),
                      (data.after[1], tops["after"] + STEP)):
        _box(ax, part, top, at, most)
    middle = at.box + 0.25 * at.wide
    low, high = tops["before"] + BOX / 2, tops["after"] + BOX / 2
    ax.plot([at.box - 0.03, at.stream, at.stream, at.box - 0.05], [low, low, high, high],
            color=style.INK, lw=2.2, solid_joinstyle="round", zorder=3)
    _arrow(ax, (at.box - 0.06, high), (at.box, high))
    _arrow(ax, (middle, tops["after"] + BOX), (middle, tops["after"] + STEP))
    for words, top, start, end in (
            ("token ids   (batch, time)", tops["before"] - 0.33, 0.21, 0.33),
            (f"logits   (batch, time, {data.vocabulary:,})", tops["after"] + 2 * STEP, -0.11,
             0.03)):
        ax.text(at.box, top + 0.12, words, va="center_baseline", size=style.SMALL,
                color=style.MUTED)
        _arrow(ax, (middle, top + start), (middle, top + end))
    ax.text(at.box, tops["before"] + STEP + 0.08, "+ positions (no parameters)",
            size=style.SMALL, color=style.MUTED, va="center_baseline")
    _arrow(ax, (at.box - 0.05, tops["before"] + STEP + 0.06),
           (at.stream + 0.03, tops["before"] + STEP + 0.06))


@style.styled
def draw(data: Parts, layout: Layout = "wide") -> Figure:
    """Draw the forward pass from top to bottom; the blocks as one that is repeated."""
    at = Columns(0.62, 1.3, 2.7, 6.9, 2.5) if layout == "wide" else \
        Columns(0.2, 0.5, 1.98, 3.5, 0.9)
    tops = {"before": 1.0, "block": 1.96, "after": 1.96 + 4 * STEP + 0.34}
    fig = style.canvas(layout, tops["after"] + 2 * STEP + 0.34)
    style.heading(fig, f"{data.total:,} parameters",
                  f"Thick line: the stream, (batch, time, {data.width})")
    ax, most = style.board(fig), max(part.total for part in data.all)
    left = at.stream - (0.3 if layout == "wide" else 0.14)
    ax.add_artist(FancyBboxPatch((left, tops["block"] - 0.14), fig.get_size_inches()[0] - left
                                - style.MARGIN, 4 * STEP + 0.2, fc=style.WASH, ec="none",
                                boxstyle="round,pad=0,rounding_size=.08"))
    ax.text(at.right, tops["block"] - 0.28, f"a block, {data.layers} times", ha="right",
            va="center_baseline", size=style.SMALL, color=style.MUTED)
    ax.text(at.right, tops["before"] - 0.21, "parameters", ha="right", va="center_baseline",
            size=style.SMALL, color=style.MUTED)
    _ends(ax, data, tops, at, most)
    for k in (0, 2):
        _sublayer(ax, data.block[k:k + 2], tops["block"] + k * STEP, at, most)
    return fig


def alt(data: Parts) -> str:
    """Return the figure in words."""
    norm, attention, _, feed_forward = data.block
    return (f"Token ids become rows of {data.width} numbers, the stream. In each of {data.layers} "
            f"blocks attention ({attention.count:,} parameters) and a feed-forward layer "
            f"({feed_forward.count:,}) each read it through a layer norm ({norm.count}) and add "
            f"to it. A last norm and the output layer ({data.after[1].count:,}) make "
            f"{data.vocabulary:,} logits of it. In all {data.total:,} parameters.")
