"""A full training step beside a LoRA step, to scale: its products, and the numbers it stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Raise the rank until LoRA's row on the left is as long as the full one. On the right, "
           "LoRA's row is then still the shorter one.")

#: What each large product of a full step gives, and what is stored for each weight.
PRODUCTS = ("$y$", "$dx$", "$dW$")
STORED = ("$W$", "$dW$", "$m$", "$v$")
KEPT = (2, 1)  # how many of these LoRA keeps
#: What LoRA adds, enlarged below its row: what the thin products give, forward then backward (the
#: second and fourth add to y and dx), and the numbers of A and of B, their gradients and moments.
THIN = ((("$z$", style.A), ("$y$", style.B), ("$dz$", style.B), ("$dx$", style.A),
         ("$dA$", style.A), ("$dB$", style.B)),
        (("$A$", style.A), ("$dA$", style.A), ("$m$", style.A), ("$v$", style.A),
         ("$B$", style.B), ("$dB$", style.B), ("$m$", style.B), ("$v$", style.B)))
#: What into W first adds to all products of a full step, with automatic differentiation.
INTO_W = (style.LORA, style.A, style.B)  # B A, dA and dB
ENLARGED = (0.5, 0.36)  # inches, the width of one of them
WIDTHS = (128, 4096)  # of which the rank is told
SIDE = {"wide": 0.5, "narrow": 0.48}  # inches, of a large product or of W


@dataclass(frozen=True)
class Cost:
    """A square weight, and beside it an adapter whose rank is the width over ``parts``."""

    parts: int
    tokens: int  # of a batch, for into W first, whose matrix has the first of ``WIDTHS``

    @property
    def strip(self) -> float:
        """Making B A (or dA, or dB, from a gradient of W's size) over a large product."""
        return WIDTHS[0] / self.parts / self.tokens

    @property
    def into_W(self) -> float:
        """Multiplications of a step of into W first, over those of a full one."""
        return (len(PRODUCTS) + len(INTO_W) * self.strip) / len(PRODUCTS)

    @property
    def thin(self) -> float:
        """One thin product over a large one, or the numbers of A over those of W."""
        return 1 / self.parts

    @property
    def work(self) -> float:
        """Multiplications of a LoRA step, over those of a full one."""
        return (KEPT[0] + len(THIN[0]) * self.thin) / len(PRODUCTS)

    @property
    def memory(self) -> float:
        """Numbers that LoRA stores, over those of full fine-tuning."""
        return (KEPT[1] + len(THIN[1]) * self.thin) / len(STORED)

    @property
    def ranks(self) -> str:
        """The rank at each of ``WIDTHS``: ``rank 8 at width 128, 256 at width 4,096``."""
        ranks = (f"{round(width / self.parts, 1):,g} at width {width:,}" for width in WIDTHS)
        return f"rank {', '.join(ranks)}"


def compute(parts: int, tokens: int) -> Cost:
    """Count a step with a square W and an adapter whose rank is the width over ``parts``.

    Raises:
        ValueError: the rank is more than half the width, or the tokens are fewer than the width,
            which have no room.
    """
    if parts < 2:
        raise ValueError(f"parts is {parts}, it must be 2 or more")
    if tokens < WIDTHS[0]:
        raise ValueError(f"tokens is {tokens}, it must be {WIDTHS[0]} or more")
    return Cost(parts, tokens)


def _row(ax: Axes, top: float, name: str, boxes: Sequence[tuple[float, Tone, str]], side: float,
         end: str) -> float:
    """A row of boxes without gaps, so that its length is what they hold together; where it ends."""
    ax.text(0, top + side / 2, name, va="center", color=style.INK, size=style.SMALL)
    left = 0.46
    for share, tone, words in boxes:
        ax.add_artist(Rectangle((left, top), share * side, side, fc=tone.tint, ec=tone.mark,
                                lw=1 if share > 0.2 else 0.5))
        ax.text(left + share * side / 2, top + side / 2, words, ha="center", va="center",
                color=tone.ink, size=style.SMALL)
        left += share * side
    ax.text(left + 0.07, top + side / 2, end, va="center", weight=600)
    return left


def _pair(ax: Axes, data: Cost, which: int, title: str, ends: Sequence[str], side: float) -> None:
    """Full fine-tuning above LoRA."""
    ax.text(0, 0.14, title, weight=600, va="bottom")
    names, kept = (PRODUCTS, STORED)[which], KEPT[which]
    full = [(1.0, style.FROZEN if k < kept else style.FULL, name) for k, name in enumerate(names)]
    _row(ax, 0.26, "full", full, side, ends[0])
    top = 0.26 + side + 0.16
    right = _row(ax, top, "LoRA", full[:kept] + [(data.thin, tone, "") for _, tone in THIN[which]],
                 side, ends[1])
    _enlarge(ax, which, (0.46 + kept * side, right), top + side)
    if which == 0:
        top += side + 0.3 + 0.36 + 0.18
        _row(ax, top, "into W\nfirst", full + [(data.strip, tone, "") for tone in INTO_W], side,
             f"{data.into_W:.2f}")
        ax.text(0.46, top + side + 0.06, f"with {data.tokens:,} tokens at width {WIDTHS[0]}; "
                "strips: $BA$, $dA$, $dB$", va="top", color=style.MUTED, size=style.SMALL)


def _enlarge(ax: Axes, which: int, strips: tuple[float, float], top: float) -> None:
    """The thin strips again, which reach from left to right above, wide enough for their names."""
    wide, tall, below = ENLARGED[which], 0.36, top + 0.3
    for k, (words, tone) in enumerate(THIN[which]):
        ax.add_artist(Rectangle((0.46 + k * wide, below), wide, tall, fc=tone.tint, ec=tone.mark,
                                lw=0.75))
        ax.text(0.46 + (k + 0.5) * wide, below + tall / 2, words, ha="center", va="center",
                color=tone.ink, size=style.SMALL)
    for above, under in zip(strips, (0.46, 0.46 + len(THIN[which]) * wide), strict=True):
        ax.plot((above, under), (top, below), color=style.FROZEN.mark, lw=0.75, ls=":")


@style.styled
def draw(data: Cost, layout: Layout = "wide") -> Figure:
    """Draw the products of a step, and the numbers that are stored, for both methods."""
    wide, side = layout == "wide", SIDE[layout]
    fig = style.canvas(layout, 4.0 if wide else 6.2)
    style.heading(fig, f"Rank 1/{data.parts} of the width: {data.work:.2f} of the multiplications, "
                  f"{data.memory:.2f} of the numbers stored" if wide else
                  f"{data.work:.2f} of the work, {data.memory:.2f} stored",
                  f"{data.ranks[0].upper()}{data.ranks[1:]}" + (
                      "; green is what LoRA leaves out; below, enlarged: what it adds" * wide))
    across = 3.5
    work = style.board(fig, style.MARGIN, 0.72, across, 3.2)
    stored = style.board(fig, 3.72 if wide else style.MARGIN, 0.72 if wide else 3.98,
                         3.42 if wide else across, 2.2)
    _pair(work, data, 0, "Multiplications of a step", ("1", f"{data.work:.2f}"), side)
    _pair(stored, data, 1, "Numbers stored, with AdamW", ("1", f"{data.memory:.2f}"), side)
    return fig


def alt(data: Cost) -> str:
    """Return the frame in words."""
    return (f"A rank of 1/{data.parts} of the width: {data.ranks}. A full step has three large "
            f"products, a LoRA step two of them and six thin ones, for z, y, dz, dx, dA and dB: "
            f"{data.work:.2f} of the multiplications. Into W first has all three and three strips, "
            f"for BA, dA and dB: {data.into_W:.2f} with {data.tokens:,} tokens at width "
            f"{WIDTHS[0]}. Full fine-tuning stores W, its gradient and "
            f"two moments, LoRA W, and four numbers for each of A's and B's: "
            f"{data.memory:.2f} of the numbers.")
