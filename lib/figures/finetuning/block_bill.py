"""What one block keeps for backward, array by array, and what a step of this model then holds."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.finetuning.cost_scale import KEPT, MODELS, written
from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "A filled bar is kept for backward, a dashed one is not. Purple is what adapters add."
#: Ways to train, and the matrices that they adapt (none: all weights are trained).
METHODS = {"full": (), "LoRA, all linear": ("query", "key", "value", "output", "up", "down"),
           "LoRA, query and value": ("query", "value")}
PARTS = ("weights", "gradients", "optimizer", "activations")
HEADS, BYTES = 4, 4
SIZE = MODELS["this model"]
#: Bytes as wide as the board of the bill: room for the largest part of any frame.
FULL_BAR = 105e6


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
    """One step: what each part of a block keeps, and the bytes of each of PARTS."""

    method: str
    rank: int
    texts: int
    length: int
    bits: int
    rows: tuple[Kept, ...]
    bill: tuple[int, ...]


def compute(method: str, rank: int, texts: int, length: int, bits: int) -> Step:
    """Count a step on ``texts`` of ``length`` tokens, with moments of so many bits.

    Raises:
        ValueError: The method is unknown, or a number is below 1.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; allowed are {', '.join(METHODS)}")
    if min(rank, texts, length, bits) < 1:
        raise ValueError("rank, texts, length and bits must be at least 1")
    d, on = SIZE.d_model, METHODS[method]
    wide = SIZE.d_ff

    def entering(part: str, what: str, numbers: int, *matrices: str) -> Kept:
        """The input of matrices: kept where their weights or their adapters are trained."""
        adapted = sum(name in on for name in matrices)
        return Kept(part, what, numbers, rank * adapted, not on or adapted > 0)

    rows = (Kept("norm", "normalised input", d),
            entering("Q, K, V", "input of the three", d, "query", "key", "value"),
            Kept("attention", f"Q, K, V: {3 * d}, attention weights: {HEADS * length}",
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
    return Step(method, 0 if not on else rank, texts, length, bits, rows,
                (BYTES * held, BYTES * trained, 2 * trained * bits // 8, activations))


def _tone(data: Step) -> Tone:
    return style.LORA if METHODS[data.method] else style.FULL


def _block(ax: Axes, data: Step, width: float, high: float) -> None:
    """The parts of a block from the bottom up, and beside each what it keeps for a token."""
    box, left = 0.82, 1.12
    scale = (width - left - 0.42) / 896
    for at, row in enumerate(data.rows):
        y = (len(data.rows) - 1 - at) * high
        matrix = row.part in ("Q, K, V", "output", "up", "down")
        trained = row.adapters > 0 if METHODS[data.method] else matrix or "norm" in row.part
        tone = _tone(data) if trained else style.FROZEN
        ax.add_artist(Rectangle((0.04, y + 0.07), box, high - 0.14, fc=tone.tint, ec=tone.mark,
                               lw=style.THIN))
        ax.text(0.04 + box / 2, y + high / 2, row.part.strip(), ha="center",
                va="center_baseline", size=style.SMALL, color=tone.ink)
        if at:
            ax.annotate("", (0.04 + box / 2, y + high - 0.07), (0.04 + box / 2, y + high + 0.07),
                        arrowprops={"arrowstyle": "->", "color": style.MUTED, "lw": style.THIN,
                                    "shrinkA": 0, "shrinkB": 0})
        ax.text(left, y + 0.115, row.what + ("" if row.kept else ": not kept"), size=style.SMALL,
                va="center_baseline", color=style.MUTED)
        wide = scale * row.numbers
        ax.add_artist(Rectangle((left, y + 0.21), wide, high - 0.28, lw=style.THIN,
                               fc=KEPT if row.kept else "none", ec=style.MUTED,
                               ls="-" if row.kept else (0, (3, 2))))
        if row.part == "attention":
            ax.plot([left + scale * 3 * SIZE.d_model] * 2, [y + 0.21, y + high - 0.07],
                    color=style.MUTED, lw=style.THIN)
        if row.adapters:
            ax.add_artist(Rectangle((left + wide, y + 0.21), scale * row.adapters, high - 0.28,
                                   fc=style.LORA.mark, ec="none"))
        ax.text(left + wide + scale * row.adapters + 0.05, y + 0.5 * (0.21 + high - 0.07),
                f"{row.numbers * row.kept + row.adapters:,}", size=style.SMALL,
                va="center_baseline", weight=600)


    for first, last in ((0, 3), (4, 7)):  # the residual stream goes past each half
        low, top = ((len(data.rows) - 1 - at) * high for at in (first, last))
        ax.plot([0.04 + box, 0.99, 0.99, 0.04 + box],
                [low + high - 0.03] * 2 + [top + 0.03] * 2, color=style.MUTED, lw=style.THIN)


def _bill(ax: Axes, data: Step, width: float, step: float) -> None:
    """Each part's bytes as a bar of the same scale in all frames."""
    tone = _tone(data)
    fills = (style.FROZEN.mark, tone.tint, tone.mark, KEPT)
    for at, (part, size, fill) in enumerate(zip(PARTS, data.bill, fills, strict=True)):
        y = step * at
        ax.text(0, y + 0.08, part, size=style.SMALL, color=style.MUTED, va="center_baseline")
        ax.text(width, y + 0.08, written(size), size=style.SMALL, ha="right", weight=600,
                va="center_baseline")
        ax.add_artist(Rectangle((0, y + 0.17), width * size / FULL_BAR, step - 0.25, fc=fill,
                               ec=style.MUTED, lw=style.HAIR))
    for value in (0, 50, 100):
        x = width * value * 1e6 / FULL_BAR
        for at in range(4):
            ax.plot([x, x], [step * at + 0.17, step * (at + 1) - 0.08], color=style.RULE,
                    lw=style.THIN, zorder=0)
        ax.text(x, 4 * step + 0.06, f"{value} MB", size=style.SMALL, color=style.MUTED,
                ha="left" if value == 0 else "center" if value == 50 else "right",
                va="center_baseline")


@style.styled
def draw(data: Step, layout: Layout = "wide") -> Figure:
    """Draw the block with what it keeps, and the bill of the whole step."""
    wide = layout == "wide"
    high = 0.42 if wide else 0.37
    tall = high * len(data.rows)
    fig = style.canvas(layout, 0.95 + tall + 0.08 if wide else 0.95 + tall + 2.05)
    total = written(sum(data.bill))
    rank = f", rank {data.rank}" if data.rank else ""
    style.heading(fig, f"{data.method}{rank}: a step keeps {total}" if wide
                  else f"{data.method}{rank}: {total}",
                  f"{data.texts} texts of {data.length} tokens, every number in 32 bits"
                  if data.bits == 32 else
                  f"{data.texts} × {data.length} tokens a step, moments in {data.bits} bits")
    across = 4.55 if wide else 3.48
    style.write(fig, style.MARGIN, 0.82, "one of four blocks keeps, numbers per token", style.MUTED,
                style.SMALL, va="baseline")
    _block(style.board(fig, style.MARGIN, 0.92, across, tall), data, across, high)
    left, top, room = (4.85, 0.92, 2.25) if wide else (style.MARGIN, 1.28 + tall, 3.44)
    style.write(fig, left, top - 0.1, "the whole step keeps", style.MUTED,
                style.SMALL, va="baseline")
    step = 0.6 if wide else 0.34
    _bill(style.board(fig, left, top, room, 4 * step), data, room, step)
    return fig


def alt(data: Step) -> str:
    """Return the frame in words."""
    each = sum(row.numbers * row.kept + row.adapters for row in data.rows)
    dropped = [f"the input of {row.part}" for row in data.rows if not row.kept]
    parts = ", ".join(f"{part} {written(size)}"
                      for part, size in zip(PARTS, data.bill, strict=True))
    return (f"{data.method}{f', rank {data.rank}' if data.rank else ''}, {data.texts} texts of "
            f"{data.length} tokens, moments in {data.bits} bits: {written(sum(data.bill))} "
            f"({parts}). "
            f"A block keeps {each:,} numbers per token"
            f"{'; not kept: ' + ', '.join(dropped) if dropped else ''}.")
