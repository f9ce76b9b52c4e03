"""Which words behind a question make a tuned model answer in its new format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Choose an ending to see its bar, and those above it: how many answers are in JSON "
           "after these words.")
ROW = 0.42  # inches


@dataclass(frozen=True)
class Endings:
    """counts: words behind the questions -> answers in the format, by seed;  known: of how many
    questions;  base: the answers of the untuned model in the format, by the same words;  shown: how
    many of the rows have their bar, the others are left for a guess.
    """

    counts: dict[str, np.ndarray]
    known: int
    base: tuple[int, ...]
    shown: int

    def span(self, words: str) -> str:
        """The smallest and the largest count over the seeds."""
        low, high = self.counts[words].min(), self.counts[words].max()
        return f"{low} of {self.known}" if low == high else f"{low} to {high} of {self.known}"


def compute(counts: Mapping[str, Sequence[int]], base: Sequence[int], known: int,
            until: str | None = None) -> Endings:
    """Take the counts by words, those of the base in the same order, and the last words whose bar
    is drawn; by default all are.

    Raises:
        ValueError: there are no such words, a count is not between 0 and ``known``, or the base has
            not one for each of the words.
    """
    if until is not None and until not in counts:
        raise ValueError(f"{until!r} is no ending; there are {', '.join(counts)}")
    found = {words: np.array(seeds) for words, seeds in counts.items()}
    for words, seeds in found.items():
        if seeds.min() < 0 or seeds.max() > known:
            raise ValueError(f"{words} has the counts {seeds.tolist()}; allowed are 0 to {known}")
    if len(base) != len(found):
        raise ValueError(f"the base has {len(base)} counts for {len(found)} endings")
    shown = len(found) if until is None else list(found).index(until) + 1
    return Endings(found, known, tuple(base), shown)


@style.styled
def draw(data: Endings, layout: Layout = "wide") -> Figure:
    """Draw a bar for each ending with the base's mark, and a question mark where it is still to be
    guessed.
    """
    wide, high = layout == "wide", ROW * len(data.counts)
    fig = style.canvas(layout, (1.35 if wide else 1.5) + high)
    style.heading(fig, "Which words bring the format?",
                  f"Known questions answered in JSON, of {data.known};" + (" " if wide else "\n")
                  + "diamonds: seeds of LoRA; gray triangles: the base")
    left = 1.65
    ax = style.place(fig, left, 0.78 if wide else 0.95, style.WIDTH[layout] - left
                     - (1.0 if wide else 0.25), high)
    for at, (words, seeds) in enumerate(data.counts.items()):
        if at >= data.shown:
            ax.text(0.6, at, "?", va="center_baseline", color=style.MUTED, size=style.LARGE,
                    weight=600)
            continue
        ax.barh(at, seeds.mean(), 0.6, color=style.LORA.tint, ec=style.LORA.mark, lw=style.THIN)
        style.seeds(ax, seeds, at + style.fan(seeds, 0.2), "D", style.LORA, 4.5)
        style.point(ax, data.base[at], at, style.MARKER["base"], style.FROZEN)
        if wide:
            ax.text(data.known * 1.03, at, data.span(words), va="center_baseline",
                    color=style.MUTED, size=style.SMALL, clip_on=False)
    ax.set(xlim=(-0.02 * data.known, data.known * 1.01), ylim=(len(data.counts) - 0.4, -0.6))
    ax.set_xticks([0, *range(10, data.known - 4, 10), data.known])
    ax.set_yticks(range(len(data.counts)), list(data.counts))
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.grid(axis="x")
    return fig


def alt(data: Endings) -> str:
    """Return the bars in words."""
    return ("Known questions answered in JSON, by the words behind them: " + "; ".join(
        f"{words}: " + (f"{data.span(words)}, the base {data.base[at]}" if at < data.shown
                        else "still to be guessed")
        for at, words in enumerate(data.counts)) + ".")
