"""What follows a space that is a token of its own: how often each beginning does, by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import token
from lib.figures.kit.style import Layout
from lib.tokenizer import BPETokenizer

CAPTION = ("Where a name is due, only the filled bars are left, those of uppercase letters. All "
           "numbers are counts in the training text.")

KINDS = ("uppercase letters", "lowercase letters", "signs")
SHOWN = 5  # tokens of one kind; the others are summed
ROW, TOP, BEGIN = 0.21, 0.66, 1.5  # inches: from bar to bar, of the first, where bars begin


@dataclass(frozen=True)
class Followers:
    """What follows a lone space, by kind.

    kinds: the tokens shown, the most frequent first, with how often each follows; others: how many
    more tokens there are of the kind, and how often one of them follows.
    """

    kinds: dict[str, dict[str, int]]
    others: dict[str, tuple[int, int]]

    @property
    def total(self) -> int:
        """How often a lone space stands in the text."""
        return sum(sum(counts.values()) + self.others[kind][1]
                   for kind, counts in self.kinds.items())


def compute(tokenizer: BPETokenizer, words: Mapping[str, int]) -> Followers:
    """Count what follows a lone space, in words with their numbers of occurrences.

    Raises:
        ValueError: No word begins with a lone space.
    """
    counts: dict[str, int] = {}
    for word, times in words.items():
        first, *more = map(tokenizer.token_text, tokenizer.encode(word))
        if first == " " and more:
            counts[more[0]] = counts.get(more[0], 0) + times
    if not counts:
        raise ValueError("no word begins with a lone space; there is nothing to show")
    kinds, others = {}, {}
    tests = str.isupper, str.islower, lambda letter: not letter.isalpha()
    for kind, belongs in zip(KINDS, tests):
        found = sorted((text for text in counts if belongs(text[0])),
                       key=lambda text: (-counts[text], text))
        kinds[kind] = {token(text): counts[text] for text in found[:SHOWN]}
        others[kind] = len(found[SHOWN:]), sum(counts[text] for text in found[SHOWN:])
    return Followers(kinds, others)


def _rows(data: Followers) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """By kind, the rows: a name, a count, and for many tokens, which have no bar, a remark."""
    rows = []
    for kind, counts in data.kinds.items():
        more, times = data.others[kind]
        rest = [(f"{more} others", times, f" together, none over {min(counts.values())}")
                ] if more else []
        rows.append((kind, [(*pair, "") for pair in counts.items()] + rest))
    return rows


def _bars(ax: Axes, data: Followers, width: float) -> None:
    """A bar for each token, in groups."""
    unit = (width - BEGIN - 0.5) / max(max(counts.values(), default=0)
                                       for counts in data.kinds.values())
    top = 0.0
    for kind, rows in _rows(data):
        full = kind == KINDS[0]
        ink, fill = (style.INK, style.DATA.mark) if full else (style.MUTED, style.FROZEN.tint)
        ax.text(style.MARGIN, top + ROW / 2, kind, va="center_baseline", color=ink)
        for name, times, remark in rows:
            long, middle = 0 if remark else times * unit, top + ROW / 2
            ax.text(BEGIN - 0.08, middle, name, ha="right", va="center_baseline",
                    parse_math=False, color=ink)
            if not remark:
                ax.add_artist(Rectangle((BEGIN, top + 0.04), long, ROW - 0.08, fc=fill,
                                        lw=style.THIN, ec=style.FROZEN.mark))
            ax.text(BEGIN + long + 0.06, middle, f"{times:,}{remark}",
                    va="center_baseline", color=ink)
            top += ROW
        top += ROW * (0.5 if rows else 1.5)


@style.styled
def draw(data: Followers, layout: Layout = "wide") -> Figure:
    """Draw the bars, uppercase letters first and filled."""
    rows = sum(max(1, len(rows)) + 0.5 for _, rows in _rows(data))
    fig = style.canvas(layout, TOP + rows * ROW)
    names = " and ".join(data.kinds[KINDS[0]]) or "none"
    style.heading(fig, f"Uppercase letters after a lone space: {names}",
                  f"{data.total:,} lone spaces, by the token that follows")
    width = style.WIDTH[layout] - style.MARGIN
    _bars(style.board(fig, 0, TOP, width, rows * ROW), data, width)
    return fig


def alt(data: Followers) -> str:
    """Return the figure in words."""
    groups = "; ".join(
        f"{kind}: {', '.join(f'{name} {times:,}{more}' for name, times, more in rows) or 'none'}"
        for kind, rows in _rows(data))
    return (f"{data.total:,} lone spaces, by the token that follows. "
            f"{groups[0].upper()}{groups[1:]}.")
