"""One word on its way from bytes to tokens: a row for each merge that applies, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.gpt.merging import label
from lib.figures.kit import style
from lib.figures.kit.labels import token
from lib.figures.kit.style import Layout
from lib.tokenizer import BPETokenizer

CAPTION = ("From the top down, the merge that was learnt first is done first. The token that "
           "it has made is filled.")

CELL, ROW, TOP = 0.28, 0.36, 0.72  # inches: a cell's height, from row to row, of the first row
NAMES, WIDEST = 0.85, 0.62  # the column of names; the most that a byte takes


@dataclass(frozen=True)
class Step:
    """The word after one merge, counted from 1 (0: before any): its tokens, and what is new."""

    merge: int
    tokens: tuple[bytes, ...]
    joined: bytes


@dataclass(frozen=True)
class Word:
    """A word and all its steps, the first of which is its bytes."""

    piece: str
    steps: tuple[Step, ...]


def compute(tokenizer: BPETokenizer, piece: str) -> Word:
    """Encode one piece of text and keep every state on the way.

    Raises:
        ValueError: There is no text.
    """
    if not piece:
        raise ValueError("piece is empty; a word is needed")
    rank = {tuple(pair): k for k, pair in enumerate(tokenizer.merges.tolist())}
    pieces, ids = tokenizer.pieces, tuple(piece.encode())
    steps = [Step(0, tuple(pieces[i] for i in ids), b"")]
    while pairs := [pair for pair in zip(ids, ids[1:]) if pair in rank]:
        k = rank[min(pairs, key=rank.__getitem__)]
        ids = BPETokenizer(tokenizer.merges[:k + 1]).encode_piece(piece)
        steps.append(Step(k + 1, tuple(pieces[i] for i in ids), pieces[256 + k]))
    return Word(piece, tuple(steps))


def _row(ax: Axes, step: Step, top: float, cell: float) -> None:
    """A name, and the tokens over the bytes that they hold."""
    ax.text(style.MARGIN, top + CELL / 2, f"merge {step.merge}" if step.merge else "bytes",
            va="center_baseline", color=style.MUTED)
    left = NAMES
    for piece in step.tokens:
        wide, new = len(piece) * cell, piece == step.joined
        ax.add_artist(Rectangle((left + 0.02, top), wide - 0.04, CELL, lw=style.THIN,
                                ec=style.FROZEN.mark,
                                fc=style.DATA.mark if new else style.FROZEN.tint))
        ax.text(left + wide / 2, top + CELL / 2, label(piece), ha="center", va="center_baseline",
                color=style.PAPER if new else style.INK, parse_math=False)
        left += wide


@style.styled
def draw(data: Word, layout: Layout = "wide") -> Figure:
    """Draw a row for each step, bytes under bytes."""
    room = (style.WIDTH[layout] - NAMES - style.MARGIN) / len(data.piece.encode())
    fig = style.canvas(layout, TOP + len(data.steps) * ROW)
    last = data.steps[-1].tokens
    style.heading(fig, f"{token(data.piece)} becomes {' + '.join(map(label, last))}",
                  f"{len(data.steps) - 1} merges; · is a space")
    ax = style.board(fig)
    for row, step in enumerate(data.steps):
        _row(ax, step, TOP + row * ROW, min(room, WIDEST))
    return fig


def alt(data: Word) -> str:
    """Return the figure in words."""
    states = ["|".join(piece.decode(errors="replace") for piece in step.tokens)
              for step in data.steps]
    merges = "; ".join(f"after merge {step.merge} {state}"
                       for step, state in zip(data.steps[1:], states[1:]))
    return f"The bytes are {states[0]}; {merges or 'no merge applies'}."
