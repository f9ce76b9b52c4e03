"""What the newest token reads of a text: all of it, a window, a choice, or a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each square is a token of the text, the newest on the right. At each tick on the arrow "
           "a token is added to the state S, and then it is dropped.")

ROW = 0.66  # inches from row to row
SIDES = {"wide": (0.3, 0.2, 5.6), "narrow": (0.14, 0.1, 2.82)}  # square, left end, words


@dataclass(frozen=True)
class Reads:
    """A text of ``tokens``, the length of a window, and the places of the tokens that are chosen,
    counted from 0."""

    tokens: int
    window: int
    chosen: tuple[int, ...]


def compute(tokens: int = 16, window: int = 4, chosen: Sequence[int] = (2, 7, 8, 15)) -> Reads:
    """Return what is drawn.

    Raises:
        ValueError: The window is longer than the text, or a place is none of its places.
    """
    if not 1 <= window <= tokens:
        raise ValueError(f"window is {window}; allowed are 1 to {tokens}")
    if wrong := [place for place in chosen if not 0 <= place < tokens]:
        raise ValueError(f"chosen holds {wrong[0]}; allowed are 0 to {tokens - 1}")
    return Reads(tokens, window, tuple(chosen))


def _squares(ax: Axes, layout: Layout, top: float, stored: set[int], read: set[int],
             count: int) -> None:
    """Filled is read, a dark frame is stored, dotted is neither."""
    side, left, _ = SIDES[layout]
    for place in range(count):
        ax.add_patch(Rectangle(
            (left + side * place + 0.015, top), side - 0.03, side - 0.03,
            fc=style.DATA.mark if place in read else style.PAPER,
            ec=style.DATA.mark if place in stored else style.FROZEN.mark,
            lw=1.2 if place in stored else style.HAIR, ls="-" if place in stored else ":"))


def _state(ax: Axes, layout: Layout, top: float, count: int) -> None:
    """All tokens went into one matrix, in their order."""
    side, left, _ = SIDES[layout]
    under, end = top + side + 0.07, left + side * count + 0.12
    ax.plot([left, left + side * count], [under, under], color=style.INK, lw=1.4)
    for place in range(count):
        x = left + side * (place + 0.5)
        ax.plot([x, x], [top + side - 0.03, under], color=style.INK, lw=0.8)
    ax.annotate("", (end, under), (left + side * count, under), arrowprops={
        "arrowstyle": "-|>", "color": style.INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 8})
    ax.add_patch(Rectangle((end, under - 0.15), 0.3, 0.3, fc=style.DATA.mark, ec=style.DATA.mark))
    ax.text(end + 0.15, under, "S", ha="center", va="center_baseline", color=style.PAPER,
            weight=600)


@style.styled
def draw(data: Reads, layout: Layout = "wide") -> Figure:
    """Draw one row for each way, with its name above; on the right what is stored and read."""
    every, last = set(range(data.tokens)), data.tokens - data.window
    recent = {place for place in every if place >= last}
    rows = (("all of it", every, every, f"{data.tokens}, {data.tokens}"),
            ("a window", recent, recent, f"{data.window}, {data.window}"),
            ("a choice", every, set(data.chosen), f"{data.tokens}, {len(data.chosen)}"),
            ("a state", set(), set(), "one matrix"))
    top = 0.66 if layout == "wide" else 0.84
    fig = style.canvas(layout, top + ROW * len(rows) + 0.1)
    style.heading(fig, "What the newest token reads", "Filled: read. Dark frame: stored."
                  + (" " if layout == "wide" else "\n") + "Dotted: no longer stored")
    ax = style.board(fig, 0, top)
    side, left, words = SIDES[layout]
    ax.text(words, 0.15, "stored, read", va="bottom", size=style.SMALL, color=style.MUTED)
    for k, (name, stored, read, kept) in enumerate(rows):
        y = ROW * k + 0.2
        ax.text(left, y - 0.05, name, va="bottom", size=style.BASE, weight=600)
        _squares(ax, layout, y, stored, read, data.tokens)
        ax.text(words, y + side / 2, kept, va="center_baseline", size=style.SMALL,
                color=style.MUTED)
    _state(ax, layout, ROW * 3 + 0.2, data.tokens)
    return fig


def alt(data: Reads) -> str:
    """Return the drawing in words."""
    return (f"Four rows over a text of {data.tokens} tokens. All of it: {data.tokens} tokens are "
            f"stored and read. A window: only the last {data.window} are stored and read. A "
            f"choice: all are stored, {len(data.chosen)} of them read. A state: no token is "
            "stored; each has changed one matrix S, which is read.")
