"""Mean ablation of an edge: what it brings in other prompts is averaged, and takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("An arrow is what the edge brings to the last word. Japan's is crossed out, and the "
           "mean of the others comes instead.")

#: A prompt in three groups of tokens: the question, the name, and the last word.
Prompt = tuple[str, str, str]
#: Middles of the three groups in the other prompts, and in the prompt that loses its edge.
OTHERS: dict[Layout, tuple[float, ...]] = {"wide": (0.62, 1.55, 2.2), "narrow": (0.62, 1.55, 2.2)}
OURS: dict[Layout, tuple[float, ...]] = {"wide": (4.6, 5.5, 6.08), "narrow": (0.62, 1.55, 2.2)}
TOP, STEP = 1.2, 0.55  # the first of the other prompts, and from one to the next


@dataclass(frozen=True)
class Mean:
    """Some of the ``count`` other prompts, the prompt that loses its edge, and its answer then."""

    others: tuple[Prompt, ...]
    count: int
    asked: Prompt
    answer: str


def compute(others: Sequence[Prompt], count: int, asked: Prompt, answer: str) -> Mean:
    """Take some of the other prompts, how many there are, our prompt, and what is answered.

    Raises:
        ValueError: there aren't two or three prompts to draw, or more than there are.
    """
    if not 2 <= len(others) <= min(count, 3):
        raise ValueError(f"{len(others)} of {count} other prompts: draw 2 or 3 of them")
    return Mean(tuple(others), count, asked, answer)


def _prompt(ax: Axes, words: Prompt, columns: tuple[float, ...], y: float, ours: bool) -> None:
    """A prompt with the edge from its question to its last word, crossed out in ours."""
    for x, group in zip(columns, words):
        ax.text(x, y, group, ha="center", va="center_baseline", weight=600 if ours else 400)
    ax.annotate("", (columns[2], y - 0.1), (columns[0], y - 0.1), arrowprops={
        "arrowstyle": "-|>", "color": style.RULE if ours else style.ATTENTION(0.7), "lw": 1.8,
        "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11, "connectionstyle": "arc3,rad=-0.14"})
    if ours:
        ax.plot((columns[0] + columns[2]) / 2, y - 0.21, "X", ms=12, mfc=style.INK, mec=style.PAPER,
                mew=1.2, zorder=6)


@style.styled
def draw(data: Mean, layout: Layout = "wide") -> Figure:
    """Draw the other prompts, their mean, and the prompt that gets it."""
    wide, bottom = layout == "wide", TOP + len(data.others) * STEP
    fig = style.canvas(layout, bottom + (0.25 if wide else 1.35))
    style.heading(fig, "Mean ablation: a mean takes an edge's place" if wide
                  else "A mean takes an edge's place",
                  "The edge from the question to the last word")
    ax, tone = style.board(fig), style.ATTENTION(0.7)
    middle = TOP + (len(data.others) - 1) * STEP / 2
    mean, columns = (3.2, middle), OTHERS[layout]
    for k, words in enumerate(data.others):
        y = TOP + k * STEP
        _prompt(ax, words, columns, y, False)
        ax.plot([columns[2] + 0.14, mean[0]], [y, middle], color=tone, lw=1.2, zorder=2)
    ax.text(style.MARGIN, bottom - 0.08, f"and so on: {data.count} prompts", va="center_baseline",
            color=style.MUTED, size=style.SMALL)
    ax.add_artist(Circle(mean, 0.1, fc=tone, ec="none", zorder=4))
    ax.text(mean[0], mean[1] - 0.22, "mean", ha="center", va="center_baseline", weight=600)
    y, ours = (middle if wide else bottom + 0.75), OURS[layout]
    _prompt(ax, data.asked, ours, y, True)
    ax.annotate("", (ours[2], y + 0.11), mean, arrowprops={
        "arrowstyle": "-|>", "color": tone, "lw": 2.2, "shrinkA": 6, "shrinkB": 0,
        "mutation_scale": 14, "connectionstyle": f"arc3,rad={0.22 if wide else -0.55}"})
    ax.text(ours[2] + 0.16 if wide else style.MARGIN, y if wide else y + 0.38,
            f"\u2026 {data.answer}" if wide else f"It goes on: {data.answer}", va="center_baseline",
            weight=600)
    return fig


def alt(data: Mean) -> str:
    """Return the figure in words."""
    others = ", ".join(repr(" ".join(words)) for words in data.others)
    return (f"In {others} and so on, {data.count} prompts, an arrow leads from the question to the "
            f"last word. The mean of what these arrows bring replaces the crossed-out arrow in "
            f"{' '.join(data.asked)!r}, which goes on with {data.answer!r}.")
