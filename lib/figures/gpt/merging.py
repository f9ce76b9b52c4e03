"""Byte-pair encoding merge by merge: a sentence in its tokens, and how much a token holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import Named, measure, name_lines, token
from lib.figures.kit.style import Layout
from lib.tokenizer import BPETokenizer

CAPTION = "Add merges and watch the tokens grow: the first ones gain much, the last ones little."

#: From two joined bytes to a whole word; a lone byte is white. Ink reads well on each shade.
LENGTH = style.ramp("length", "#e3e9f0", "#c6d1de", "#a9b9cb")
LONGEST = 8  # bytes; a token of more is no darker

CELL, ROW, PAD = 0.25, 0.31, 0.045  # inches: a cell's height, from row to row, beside its words
ROWS = {"wide": 2, "narrow": 4}
LINE = 0.21  # from line to line of the key
LINES = {"wide": 1, "narrow": 2}
#: What the shades and signs mean, with the shade.
KEY = (("1 byte", style.PAPER),
       *((str(n), LENGTH((n - 2) / (LONGEST - 2))) for n in range(2, LONGEST, 2)),
       (f"{LONGEST} or more", LENGTH(1.0)), ("\u00b7 is a space", None))
BYTES = ("C3 is a byte in hexadecimal", None)  # only where a token is no text


@dataclass(frozen=True)
class Curve:
    """Characters per token of some text after each number of merges: both (measurements,)."""

    merges: np.ndarray
    per_token: np.ndarray


@dataclass(frozen=True)
class Merging:
    """A sentence cut by the first ``merges`` merges.

    tokens: its pieces as bytes; corpus, sentence: what a token holds of either; joined: the two
    tokens that the last of these merges joins, empty where there is none.
    """

    text: str
    merges: int
    tokens: tuple[bytes, ...]
    joined: tuple[str, ...]
    corpus: Curve
    sentence: Curve

    @property
    def per_token(self) -> float:
        """Characters of the sentence for each of its tokens."""
        return len(self.text) / len(self.tokens)


def measure_curve(merges: np.ndarray, texts: Iterable[str], counts: Sequence[int]) -> Curve:
    """Encode all texts with the first n merges, for each n of ``counts``.

    merges: (merges, 2), as a tokenizer has them.
    """
    texts = list(texts)
    characters = sum(map(len, texts))
    cut = [BPETokenizer(merges[:n]) for n in counts]
    return Curve(np.array(counts), np.array(
        [characters / sum(len(each.encode(text)) for text in texts) for each in cut]))


def compute(merges: np.ndarray, text: str, count: int, corpus: Curve) -> Merging:
    """Cut ``text`` with the first ``count`` merges; ``corpus`` is the curve to compare with.

    merges: (merges, 2), as a tokenizer has them.

    Raises:
        ValueError: There are fewer merges, or there is no text.
    """
    if not 0 <= count <= len(merges):
        raise ValueError(f"count is {count}; there are {len(merges)} merges")
    if not text:
        raise ValueError("text is empty; a sentence is needed")
    tokenizer = BPETokenizer(merges[:count])
    joined = [tokenizer.token_text(i) for pair in merges[:count][-1:].tolist() for i in pair]
    return Merging(text, count, tuple(tokenizer.pieces[i] for i in tokenizer.encode(text)),
                   tuple(joined), corpus, measure_curve(merges, [text], corpus.merges.tolist()))


def _is_text(piece: bytes) -> bool:
    """Whether a token's bytes are whole characters."""
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def label(piece: bytes) -> str:
    """Return a token in words: text where it is text, else its bytes in hexadecimal."""
    return token(piece.decode()) if _is_text(piece) else piece.hex(" ").upper()


def _cells(ax: Axes, data: Merging, width: float, rows: int) -> None:
    """The tokens as cells, in as many rows as they need."""
    left, row = 0.0, 0
    for piece in data.tokens:
        words = label(piece)
        wide = measure(words, style.SMALL) + 2 * PAD
        if left + wide > width:
            left, row = 0.0, row + 1
        if row == rows:
            raise ValueError(f"text has {len(data.tokens)} tokens; they don't fit {rows} rows")
        fill = style.PAPER if len(piece) == 1 else LENGTH(
            (min(len(piece), LONGEST) - 2) / (LONGEST - 2))
        ax.add_artist(Rectangle((left + 0.01, row * ROW + 0.01), wide - 0.02, CELL, fc=fill,
                               ec=style.FROZEN.mark, lw=style.THIN))
        ax.text(left + wide / 2, row * ROW + 0.01 + CELL / 2, words, ha="center",
                va="center_baseline", size=style.SMALL, parse_math=False)
        left += wide


def _key(ax: Axes, data: Merging, width: float) -> None:
    """What the shades and signs of the cells mean, in as many lines as it takes."""
    left, top = 0.0, 0.01
    for words, fill in (*KEY, *[BYTES] * (not all(map(_is_text, data.tokens)))):
        box = 0.18 if fill else 0.0
        wide = box + measure(words, style.SMALL)
        if left + wide > width:
            left, top = 0.0, top + LINE
        if fill:
            ax.add_artist(Rectangle((left + 0.01, top), 0.14, 0.14, fc=fill, lw=style.THIN,
                                    ec=style.FROZEN.mark))
        ax.text(left + box, top + 0.07, words, va="center_baseline", size=style.SMALL,
                color=style.MUTED)
        left += wide + 0.14


def _curves(ax: Axes, data: Merging) -> None:
    """Characters per token over merges, of the corpus and of this sentence, with the place now."""
    lines = (Named(data.corpus.merges, data.corpus.per_token, "text like the corpus", style.DATA),
             Named(data.sentence.merges, data.sentence.per_token, "this text", style.FROZEN))
    for line, dash in zip(lines, ("-", (0, (3, 2)))):
        ax.plot(line.x, line.y, color=line.tone.mark, ls=dash)
        style.point(ax, data.merges, np.interp(data.merges, line.x, line.y), "o", line.tone, 6)
    ax.axvline(data.merges, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    end = int(data.corpus.merges[-1])
    ax.set(xlim=(-0.02 * end, 1.02 * end), ylim=(0, 4), yticks=range(5),
           xlabel="merges", title="Characters per token")
    ax.set_xticks([*range(0, end - 50, 100), end])
    ax.grid(axis="y")
    name_lines(ax, lines)


@style.styled
def draw(data: Merging, layout: Layout = "wide") -> Figure:
    """Draw the sentence as tokens, shaded by their length, with a key, and the curves."""
    width, rows = style.WIDTH[layout] - 2 * style.MARGIN, ROWS[layout]
    key = 0.66 + rows * ROW + 0.03
    below = key + LINES[layout] * LINE
    fig = style.canvas(layout, below + 2.12)
    learnt = f"Last joined: {' + '.join(map(token, data.joined))}" if data.joined else "Only bytes"
    style.heading(fig, f"{data.merges} merges", f"{len(data.text)} characters in "
                  f"{len(data.tokens)} tokens. {learnt}")
    _cells(style.board(fig, style.MARGIN, 0.66, width, rows * ROW), data, width, rows)
    _key(style.board(fig, style.MARGIN, key, width, LINES[layout] * LINE), data, width)
    _curves(style.place(fig, 0.25, below + 0.38, style.WIDTH[layout] - 0.45, 1.2), data)
    return fig


def alt(data: Merging) -> str:
    """Return the frame in words."""
    joined = " The last one joins '{}' and '{}'.".format(*data.joined) if data.joined else ""
    corpus = np.interp(data.merges, data.corpus.merges, data.corpus.per_token)
    return (f"After {data.merges} merges, '{data.text}' is {len(data.tokens)} tokens of "
            f"{data.per_token:.2f} characters.{joined} Text like the corpus has {corpus:.2f} "
            f"characters a token.")
