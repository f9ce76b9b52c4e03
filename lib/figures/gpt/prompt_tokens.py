"""Prompts as the model gets them, token by token with their ids, and what it writes after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import measure, token, visible
from lib.figures.kit.style import Layout
from lib.generation import complete
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer

CAPTION = ("To us both prompts ask the same. The model gets numbers, and the second prompt has one "
           "more of them.")

CELL, PAD, GAP = 0.3, 0.07, 0.03  # inches: a cell's height, beside its words, between two cells
MODEL = 0.62  # width of the model's box
LANE = {"wide": 0.95, "narrow": 1.5}
TOP = 0.72  # of the first lane


@dataclass(frozen=True)
class Asked:
    """One prompt: its tokens as text and as ids, and the model's answer."""

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    answer: str


@dataclass(frozen=True)
class Prompts:
    """The prompts, and with how many equal tokens all of them begin."""

    asked: tuple[Asked, ...]
    shared: int


def compute(model: GPTModel, tokenizer: BPETokenizer, prompts: Sequence[str]) -> Prompts:
    """Cut each prompt and let the model write after it, up to the end of the sentence.

    Raises:
        ValueError: There are no prompts.
    """
    if not prompts:
        raise ValueError("there are no prompts; at least one is needed")
    asked = []
    for prompt in prompts:
        ids = tokenizer.encode(prompt)
        answer = visible(complete(model, tokenizer, prompt, 8).split(".")[0])
        asked.append(Asked(tuple(map(tokenizer.token_text, ids)), tuple(ids), answer))
    columns = list(zip(*(each.ids for each in asked)))
    equal = [len(set(column)) == 1 for column in columns]
    return Prompts(tuple(asked), equal.index(False) if False in equal else len(columns))


def _widths(asked: Asked) -> list[float]:
    """How wide each token's cell is, for its text and its id."""
    return [max(measure(token(text), style.BASE), measure(f"{number}", style.SMALL, 600)) + 2 * PAD
            for text, number in zip(asked.tokens, asked.ids)]


def _prompt(ax: Axes, asked: Asked, shared: int, top: float) -> None:
    """The tokens over their ids; those beyond the shared ones are filled."""
    left = style.MARGIN
    for place, (text, number, wide) in enumerate(zip(asked.tokens, asked.ids, _widths(asked))):
        words, own = token(text), place >= shared
        ax.add_artist(Rectangle((left, top), wide, CELL, lw=style.THIN, ec=style.FROZEN.mark,
                                fc=style.DATA.mark if own else style.FROZEN.tint))
        ax.text(left + wide / 2, top + CELL / 2, words, ha="center", va="center_baseline",
                color=style.PAPER if own else style.INK, parse_math=False)
        ax.text(left + wide / 2, top + CELL + 0.13, f"{number}", ha="center", va="center_baseline",
                size=style.SMALL, color=style.INK if own else style.MUTED,
                weight=600 if own else 400)
        left += wide + GAP


def _answer(ax: Axes, answer: str, left: float, top: float) -> None:
    """Through the model to what it writes."""
    middle = top + CELL / 2
    for start, end in ((left + 0.06, left + 0.36), (left + 0.42 + MODEL, left + 0.72 + MODEL)):
        ax.annotate("", (end, middle), (start, middle),
                    arrowprops={"arrowstyle": "-|>", "color": style.INK, "lw": 1.1, "shrinkA": 0,
                                "shrinkB": 0, "mutation_scale": 8})
    ax.add_artist(FancyBboxPatch((left + 0.39, top), MODEL, CELL, fc=style.FROZEN.tint,
                                 ec=style.FROZEN.mark, lw=style.THIN,
                                 boxstyle="round,pad=0,rounding_size=.05"))
    ax.text(left + 0.39 + MODEL / 2, middle, "model", ha="center", va="center_baseline",
            weight=600)
    ax.text(left + 0.8 + MODEL, middle, answer, va="center_baseline", size=style.LARGE,
            weight=600, parse_math=False)


@style.styled
def draw(data: Prompts, layout: Layout = "wide") -> Figure:
    """Draw a lane for each prompt; tokens that not all prompts share are filled."""
    fig = style.canvas(layout, TOP + len(data.asked) * LANE[layout] - 0.3)
    style.heading(fig, " or ".join(each.answer for each in data.asked) + "?",
                  "Tokens of the prompt and their ids; · is a space")
    ax = style.board(fig)
    longest = max(sum(_widths(each)) + GAP * len(each.ids) for each in data.asked)
    aside = (style.MARGIN + longest, 0.0) if layout == "wide" else (style.MARGIN, 0.68)
    for row, asked in enumerate(data.asked):
        top = TOP + row * LANE[layout]
        _prompt(ax, asked, data.shared, top)
        _answer(ax, asked.answer, aside[0], top + aside[1])
    return fig


def alt(data: Prompts) -> str:
    """Return the figure in words."""
    return " ".join(f"The prompt {'|'.join(each.tokens)!r} is the ids "
                    f"{', '.join(map(str, each.ids))}; the model answers {each.answer}."
                    for each in data.asked)
