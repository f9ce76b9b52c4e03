"""One window of training text: inputs, targets shifted by one, and what one guess may look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.labels import measure, token
from lib.figures.kit.style import Layout

CAPTION = ("Each input has the next token as its target. A guess may look at all inputs to its "
           "left, those of another document too.")

BOX, EOS = 0.26, "<eos>"  # height of a token's box in inches, and what stands before a document


@dataclass(frozen=True)
class Window:
    """tokens: the beginning of a window, as shown; asked: the place of the guess that is drawn;
    begins: where a new document begins, 0 if none does."""

    tokens: tuple[str, ...]
    asked: int
    begins: int


def compute(tokens: Sequence[str], asked: int) -> Window:
    """Take the first tokens of a window, and the place whose guess is to be shown.

    Raises:
        ValueError: Nothing stands after the place, or there is no such place.
    """
    if not 0 <= asked < len(tokens) - 1:
        raise ValueError(f"asked is {asked}, it must be from 0 to {len(tokens) - 2}, the last but "
                         "one token")
    begins = list(tokens).index(EOS) if EOS in tokens[:asked] else 0
    return Window(tuple(map(token, tokens)), asked, begins)


def _box(ax: Axes, name: str, middle: float, top: float, width: float, tone: style.Tone,
         full: bool) -> None:
    ax.add_artist(FancyBboxPatch((middle - width / 2, top), width, BOX, lw=style.THIN,
                                fc=tone.mark if full else style.PAPER, ec=tone.mark,
                                boxstyle="round,pad=0,rounding_size=.04"))
    ax.text(middle, top + BOX / 2, name, ha="center", va="center_baseline", size=style.SMALL,
            color=style.PAPER if full else tone.ink, parse_math=False)


def _brace(ax: Axes, left: float, right: float, at: float, words: str) -> None:
    """A line over the boxes from left to right, with feet, and words in its middle."""
    ax.plot([left, left, right, right], [at + 0.06, at, at, at + 0.06], lw=1.0, color=style.MUTED)
    ax.text((left + right) / 2, at - 0.05, words, ha="center", va="bottom", size=style.SMALL,
            color=style.MUTED)


@style.styled
def draw(data: Window, layout: Layout = "wide") -> Figure:
    """Draw as many tokens as there is room for, each above its target, and mark one guess."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.3)
    right = data.tokens[data.asked + 1]
    style.heading(fig, "Every token is the target of those before it",
                  f"Filled: what the guess of {right} may look at" if wide
                  else f"Filled: seen by the guess of {right}")
    left, pad, gap = (0.72, 0.2, 0.14) if wide else (style.MARGIN, 0.1, 0.06)
    ax, edge = style.board(fig), fig.get_size_inches()[0] - style.MARGIN
    top, below, middles, widths = 1.04, 1.84, [], []
    for name, target in zip(data.tokens, data.tokens[1:]):
        width = max(measure(name, style.SMALL), measure(target, style.SMALL)) + pad
        if left + width > edge:
            break
        middles.append(left + width / 2)
        widths.append(width)
        left += width + gap
    for at, (middle, width) in enumerate(zip(middles, widths)):
        _box(ax, data.tokens[at], middle, top, width, style.DATA if at <= data.asked
             else style.FROZEN, at <= data.asked)
        _box(ax, data.tokens[at + 1], middle, below, width, style.DATA if at == data.asked
             else style.FROZEN, False)
        ax.annotate("", (middle, below - 0.02), (middle, top + BOX + 0.02), arrowprops={
            "arrowstyle": "-|>", "lw": 1.6 if at == data.asked else 0.8, "shrinkA": 0,
            "shrinkB": 0, "mutation_scale": 8,
            "color": style.INK if at == data.asked else style.FROZEN.mark})
    ends = [(middle - width / 2, middle + width / 2) for middle, width in zip(middles, widths)]
    if data.begins:
        _brace(ax, ends[0][0], ends[data.begins - 1][1], top - 0.12,
               "another document" if wide else "another")
    _brace(ax, ends[data.begins][0], ends[-1][1], top - 0.12, "a new document")
    if wide:
        for words, at in (("inputs", top), ("targets", below)):
            ax.text(style.MARGIN, at + BOX / 2, words, va="center_baseline", weight=600)
    return fig


def alt(data: Window) -> str:
    """Return the figure in words."""
    seen = ", ".join(f"'{name}'" for name in data.tokens[:data.asked + 1])
    before = (f", of which the first {data.begins} belong to another document" if data.begins
              else "")
    return (f"The beginning of a window: under each of {len(data.tokens) - 1} inputs stands its "
            f"target, the next token. The guess of '{data.tokens[data.asked + 1]}' may look at "
            f"{seen}{before}.")
