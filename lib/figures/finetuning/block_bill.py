"""What one block keeps for backward, array by array, under three ways to train it."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.finetuning.cost_scale import KEPT, MODELS, written
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A dashed bar is not kept for backward, and purple is what adapters add. Numbers are "
           "per token, brackets are residual connections.")
#: Ways to train, and the matrices that they adapt (none: all weights are trained).
METHODS = {"full": (), "LoRA, all linear": ("query", "key", "value", "output", "up", "down"),
           "LoRA, query and value": ("query", "value")}
#: Their colours, and their short names in a narrow picture.
LOOKS = {"full": (style.FULL, "full"), "LoRA, all linear": (style.LORA, "all linear"),
         "LoRA, query and value": (style.LORA, "q and v")}
HEADS, BYTES = 4, 4
SIZE = MODELS["this model"]


@dataclass(frozen=True)
class Kept:
    """What one part of a block keeps for a token: numbers, those of adapters, whether kept."""

    part: str
    what: str
    numbers: int
    adapters: int = 0
    kept: bool = True


@dataclass(frozen=True)
class Step:
    """One step: what each part of a block keeps, and the bytes of weights, gradients, optimizer
    and activations of the whole model.
    """

    method: str
    rank: int
    texts: int
    length: int
    rows: tuple[Kept, ...]
    bill: tuple[int, ...]


@dataclass(frozen=True)
class Blocks:
    """A step under each of METHODS."""

    steps: tuple[Step, ...]


def compute(rank: int, texts: int, length: int) -> Blocks:
    """Count a step on ``texts`` of ``length`` tokens, for each of METHODS.

    Raises:
        ValueError: A number is below 1.
    """
    if min(rank, texts, length) < 1:
        raise ValueError("rank, texts and length must be at least 1")
    return Blocks(tuple(step(method, rank, texts, length) for method in METHODS))


def step(method: str, rank: int, texts: int, length: int) -> Step:
    """Count a step of one of METHODS."""
    d, on = SIZE.d_model, METHODS[method]
    wide = SIZE.d_ff

    def entering(part: str, what: str, numbers: int, *matrices: str) -> Kept:
        """The input of matrices: kept where their weights or their adapters are trained."""
        adapted = sum(name in on for name in matrices)
        return Kept(part, what, numbers, rank * adapted, not on or adapted > 0)

    rows = (Kept("norm", "normalised input", d),
            entering("Q, K, V", "input of the three", d, "query", "key", "value"),
            Kept("attention", "Q, K, V and attention weights",
                 3 * d + HEADS * length),
            entering("output", "input: the context", d, "output"),
            Kept("norm ", "normalised input", d),
            entering("up", "input", d, "up"),
            Kept("GELU", "slope", wide),
            entering("down", "input", wide, "down"))
    sides = {"up": d + wide, "down": d + wide}
    trained = (SIZE.layers * rank * sum(sides.get(name, 2 * d) for name in on)
               if on else SIZE.parameters())
    held = SIZE.parameters() + (trained if on else 0)
    each = sum(row.numbers * row.kept + row.adapters for row in rows) + 2  # the norms' deviations
    outside = d + 1 if on else 2 * d + 1 + 8 // BYTES                      # and token ids
    activations = BYTES * texts * length * (SIZE.layers * each + outside)
    return Step(method, rank if on else 0, texts, length, rows,
                (BYTES * held, BYTES * trained, 2 * BYTES * trained, activations))


def _block(ax: Axes, data: Step, box: float, high: float) -> None:
    """The parts of a block from the bottom up."""
    for at, row in enumerate(data.rows):
        y = (len(data.rows) - 1 - at) * high
        tone = style.FROZEN
        ax.add_artist(Rectangle((0.04, y + 0.07), box, high - 0.14, fc=tone.tint, ec=tone.mark,
                               lw=style.THIN))
        ax.text(0.04 + box / 2, y + high / 2, row.part.strip(), ha="center",
                va="center_baseline", size=style.SMALL, color=tone.ink)
        if at:
            ax.annotate("", (0.04 + box / 2, y + high - 0.07), (0.04 + box / 2, y + high + 0.07),
                        arrowprops={"arrowstyle": "->", "color": style.MUTED, "lw": style.THIN,
                                    "shrinkA": 0, "shrinkB": 0})
        ax.text(box + 0.3, y + 0.115, row.what, size=style.SMALL, va="center_baseline",
                color=style.MUTED)
    for first, last in ((0, 3), (4, 7)):  # the residual stream goes past each half
        low, top = ((len(data.rows) - 1 - at) * high for at in (first, last))
        ax.plot([0.04 + box, box + 0.16, box + 0.16, 0.04 + box],
                [low + high - 0.03] * 2 + [top + 0.03] * 2, color=style.MUTED, lw=style.THIN)


def _bars(ax: Axes, data: Step, left: float, wide: float, high: float) -> None:
    """What each part keeps under one way to train, as bars with their numbers."""
    scale = wide / 896
    for at, row in enumerate(data.rows):
        low, tall = (len(data.rows) - 1 - at) * high + 0.21, high - 0.28
        ax.add_artist(Rectangle((left, low), scale * row.numbers, tall, lw=style.THIN,
                               fc=KEPT if row.kept else "none", ec=style.MUTED,
                               ls="-" if row.kept else (0, (3, 2))))
        if row.adapters:
            ax.add_artist(Rectangle((left + scale * row.numbers, low), scale * row.adapters, tall,
                                   fc=style.LORA.mark, ec="none"))
        ax.text(left + scale * (row.numbers + row.adapters) + 0.05, low + tall / 2,
                f"{row.numbers * row.kept + row.adapters:,}", size=style.SMALL,
                va="center_baseline", weight=600)


@style.styled
def draw(data: Blocks, layout: Layout = "wide") -> Figure:
    """Draw the block, and beside it what it keeps under the three ways to train."""
    wide = layout == "wide"
    high = 0.42 if wide else 0.4
    tall = high * len(data.steps[0].rows)
    fig = style.canvas(layout, 1.42 + tall)
    full, adapted, _ = data.steps
    rank, texts, length = adapted.rank, full.texts, full.length
    style.heading(fig, "LoRA on all linear layers drops no input, on query and value three"
                  if wide else "LoRA on all layers drops no input",
                  f"One of four blocks, numbers kept per token; rank {rank}, {texts} texts of "
                  f"{length} tokens" if wide else f"rank {rank}, {texts} texts of {length} tokens")
    box, across = (0.82, 7.08) if wide else (0.66, 3.48)
    ax = style.board(fig, style.MARGIN, 1.34, across, tall)
    _block(ax, full, box, high)
    left = box + 0.3
    column = (across - left) / len(data.steps)
    for at, each in enumerate(data.steps):
        _bars(ax, each, left + column * at, column - (0.5 if wide else 0.36), high)
        tone, short = LOOKS[each.method]
        x = style.MARGIN + left + column * at
        style.write(fig, x, 0.98, each.method if wide else short, tone.ink, style.SMALL,
                    va="baseline", weight=600)
        whole = written(sum(each.bill))
        style.write(fig, x, 1.18, f"the whole step: {whole}" if wide else whole, style.MUTED,
                    style.SMALL, va="baseline")
    return fig


def alt(data: Blocks) -> str:
    """Return the frame in words."""
    (full, adapted, _), ways = data.steps, []
    for each in data.steps:
        numbers = sum(row.numbers * row.kept + row.adapters for row in each.rows)
        dropped = [row.part for row in each.rows if not row.kept]
        ways.append(f"{each.method} {numbers:,} numbers per token"
                    + (f" (not the inputs of {', '.join(dropped)})" if dropped else "")
                    + f", in the whole step {written(sum(each.bill))}")
    return (f"What one block keeps for backward, rank {adapted.rank}, {full.texts} texts of "
            f"{full.length} tokens, in 32 bits: {'; '.join(ways)}.")
