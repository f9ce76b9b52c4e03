"""A model trained on few or many different examples: which kind of answer, and what it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import visible
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Green and hollow bars are about equally long in every row. The gold bars, access, "
           "grow with the number of different questions.")

#: The three bars of a row, from the top: what they count, and their tone.
BARS: dict[str, tuple[str, Tone]] = {
    "kind": ("right kind", style.FULL),
    "random": ("right kind, random start", style.DATA),
    "right": ("right where nothing could be copied", style.TASK)}
#: Where their words begin, in inches from the first in a wide figure.
BEGIN = (0.0, 1.06, 2.92)


def fill(name: str, tone: Tone) -> dict[str, object]:
    """Say how a bar is filled: that of the random start is hollow."""
    return ({"facecolor": style.PAPER, "edgecolor": tone.mark, "linewidth": style.THIN}
            if name == "random" else {"color": tone.mark})


@dataclass(frozen=True)
class FewExamples:
    """By row, its words -> bar -> shares (seeds,), and -> what was asked -> one model's answer;
    about which country.
    """

    shares: dict[str, dict[str, np.ndarray]]
    said: dict[str, dict[str, str]]
    country: str


def compute(shares: Mapping[str, Mapping[str, Sequence[float]]],
            said: Mapping[str, Mapping[str, str]], country: str) -> FewExamples:
    """Gather the rows in their order.

    Raises:
        ValueError: There is no row, or one lacks a bar or its answers.
    """
    if not shares or set(said) != set(shares) or any(set(each) != set(BARS)
                                                     for each in shares.values()):
        raise ValueError(f"each row needs kind, random and right, and answers; rows are "
                         f"{', '.join(shares) or 'none'}")
    return FewExamples({row: {name: np.asarray(each[name], float) for name in BARS}
                        for row, each in shares.items()},
                       {row: {asked: visible(text) for asked, text in each.items()}
                        for row, each in said.items()}, country)


@style.styled
def draw(data: FewExamples, layout: Layout = "wide") -> Figure:
    """Draw three bars a row, every seed as a mark on them, and answers beside or above."""
    wide = layout == "wide"
    rows, pitch = len(data.shares), 1.04 if wide else 1.32
    top = 1.34 if wide else 1.42
    fig = style.canvas(layout, top + rows * pitch + (-0.06 if wide else -0.1))
    style.heading(fig, "Trained on few or many questions",
                  "A bar is the mean, a dot a seed; at the right, what the first seed's model says"
                  if wide else "Bar: mean; dot: a seed; words: the first seed's")
    ax = style.board(fig)
    column = 5.75
    left, room = (1.3, 2.85) if wide else (style.MARGIN, 2.9)
    for k, (name, (words, tone)) in enumerate(BARS.items()):
        x, y = (left + BEGIN[k], 0.72) if wide else (left, 0.7 + 0.22 * k)
        ax.barh(y, 0.14, 0.12, left=x, **fill(name, tone))
        ax.text(x + 0.2, y, words, va="center", color=tone.ink, weight=600, size=style.SMALL)
    if wide:
        ax.text(column, 1.03, f"asked about {data.country}", ha="center", va="center",
                color=style.MUTED, size=style.SMALL)
    for k, (row, each) in enumerate(data.shares.items()):
        y = top + k * pitch
        if wide:
            ax.text(left - 0.12, y + 0.25, row, ha="right", va="center", weight=600)
            for line, (asked, words) in enumerate(data.said[row].items()):
                at = y + 0.25 + 0.19 * (line - (len(data.said[row]) - 1) / 2)
                ax.text(column - 0.08, at, asked, ha="right", va="center", color=style.MUTED,
                        size=style.SMALL)
                ax.text(column, at, words, va="center", size=style.SMALL)
        else:
            ax.text(left, y, row, va="center", weight=600)
            ax.text(left + 1.08, y, f"{data.country}'s {', '.join(list(data.said[row])[:2])}, …",
                    va="center", color=style.MUTED, size=style.SMALL)
            ax.text(left, y + 0.2, " ".join(data.said[row].values()), va="center",
                    size=style.SMALL)
        for down, (name, (_, tone)) in zip((0.03, 0.25, 0.47), BARS.items(), strict=True):
            at, mean = y + down + (0 if wide else 0.4), each[name].mean()
            ax.barh(at, room * mean, 0.18, left=left, **fill(name, tone))
            style.seeds(ax, left + room * each[name], np.full(len(each[name]), at), "o",
                        style.DATA, 4.5)
            ax.text(left + room + 0.09, at, style.percent(mean), va="center", color=tone.ink,
                    weight=600, size=style.SMALL)
    ax.plot([left + room] * 2, [top - 0.04, top + rows * pitch - 0.2], color=style.FROZEN.mark,
            lw=style.THIN, zorder=0)
    ax.text(left + room, top - 0.16, "100%", ha="center", va="center", color=style.MUTED,
            size=style.SMALL)
    height = fig.get_size_inches()[1]
    ax.set(xlim=(0, style.WIDTH[layout]), ylim=(height, 0))
    return fig


def alt(data: FewExamples) -> str:
    """Return the figure in words."""
    each = "; ".join(
        f"{row}: " + ", ".join(f"{words} {style.percent(data.shares[row][name].mean())}"
                               for name, (words, _) in BARS.items())
        + f", {data.country}'s "
        + ", ".join(f"{asked} {words}" for asked, words in data.said[row].items())
        for row in data.shares)
    return f"Trained on {each}"
