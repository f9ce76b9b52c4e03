"""The loop of writing, step by step: what goes through the model with a KV cache and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.labels import measure, token
from lib.figures.kit.style import Layout

CAPTION = ("A row is a step. Filled tokens go through the whole model, of outlined ones only keys "
           "and values are read; the token written joins the next row.")

BOX = 0.24  # height of a token's box in inches
ROW = 0.44  # from one step to the next


@dataclass(frozen=True)
class Steps:
    """tokens: all of the text, as shown; prompt: how many of them were given."""

    tokens: tuple[str, ...]
    prompt: int

    @property
    def new(self) -> int:
        """Tokens written, one a step."""
        return len(self.tokens) - self.prompt

    def through(self, step: int, cached: bool) -> range:
        """Places of the tokens that go through the model in a step, counted from 0."""
        end = self.prompt + step
        return range(end - 1 if cached and step else 0, end)

    def work(self, cached: bool) -> int:
        """Tokens through the model in all steps."""
        return sum(len(self.through(step, cached)) for step in range(self.new))


def compute(tokens: Sequence[str], prompt: int) -> Steps:
    """Take a text, prompt and new tokens in one row, and how many tokens the prompt has.

    Raises:
        ValueError: The prompt is empty, or nothing is written after it.
    """
    if not 0 < prompt < len(tokens):
        raise ValueError(f"the prompt has {prompt} of {len(tokens)} tokens; at least one has to be "
                         "given, and one written")
    return Steps(tuple(map(token, tokens)), prompt)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], tone: str) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": tone, "lw": 1.0,
                                            "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7})


def _token(ax: Axes, name: str, left: float, width: float, top: float, through: bool) -> None:
    """A token's box: filled where it goes through the model, outlined where it is kept."""
    tone = style.DATA if through else style.FROZEN
    ax.add_artist(FancyBboxPatch((left, top), width, BOX, lw=style.THIN,
                                fc=tone.mark if through else tone.tint, ec=tone.mark,
                                boxstyle="round,pad=0,rounding_size=.04"))
    ax.text(left + width / 2, top + BOX / 2, name, ha="center", va="center_baseline",
            size=style.SMALL, color=style.PAPER if through else style.INK, parse_math=False)


def _step(ax: Axes, data: Steps, step: int, cached: bool, lefts: list[float],
          widths: list[float], top: float) -> None:
    """One row: the tokens so far, what the new one asks of the others, and what is written."""
    end, through = data.prompt + step, data.through(step, cached)
    middles = [left + width / 2 for left, width in zip(lefts, widths)]
    for at in range(end):
        _token(ax, data.tokens[at], lefts[at], widths[at], top, at in through)
    if through.start:  # the query of the new token goes to every key and value that is kept
        high = top - 0.09
        ax.plot([middles[0], middles[through.start] - 0.07], [high, high], lw=1.0,
                color=style.FROZEN.mark)
        ax.plot([middles[through.start] - 0.07] * 2, [high, top], lw=1.0, color=style.FROZEN.mark)
        for at in range(through.start):
            _arrow(ax, (middles[at], high), (middles[at], top), style.FROZEN.mark)
    ax.text(middles[end], top + BOX / 2, data.tokens[end], ha="center", va="center_baseline",
            size=style.SMALL, weight=600, parse_math=False)
    last = lefts[end - 1] + widths[end - 1]
    _arrow(ax, (last + 0.03, top + BOX / 2), (lefts[end], top + BOX / 2), style.INK)
    if step + 1 < data.new:
        _arrow(ax, (middles[end], top + BOX - 0.02), (middles[end], top + ROW), style.INK)


def _panel(fig: Figure, data: Steps, cached: bool, top: float, wide: bool) -> None:
    """All steps of one way, with the count of tokens at the right."""
    style.write(fig, style.MARGIN, top, "With a KV cache" if cached else "Without a cache",
                weight=600)
    left, gap = (0.8, 0.16) if wide else (style.MARGIN, 0.14)
    ax = style.board(fig, 0, top + 0.24)
    pad = 0.22 if wide else 0.08
    widths = [measure(name, style.SMALL, 600) + pad for name in data.tokens]
    lefts = [left + sum(widths[:at]) + gap * at for at in range(len(widths))]
    right = fig.get_size_inches()[0] - style.MARGIN
    for step in range(data.new):
        row = 0.1 + step * ROW
        _step(ax, data, step, cached, lefts, widths, row)
        count = len(data.through(step, cached))
        if wide:
            ax.text(style.MARGIN, row + BOX / 2, f"step {step + 1}", va="center_baseline",
                    size=style.SMALL, color=style.MUTED)
        words = f"{count} through the model" if wide else f"{count}"
        ax.text(right, row + BOX / 2, words, ha="right", va="center_baseline", size=style.SMALL)
    style.write(fig, right, top, f"{data.work(cached)} in all", weight=600, ha="right")


@style.styled
def draw(data: Steps, layout: Layout = "wide") -> Figure:
    """Draw the steps without a cache, and below them the same steps with one."""
    wide, high = layout == "wide", 0.34 + ROW * data.new
    fig = style.canvas(layout, 0.66 + 2 * high + 0.1)
    style.heading(fig, "What goes through the model",
                  f"{data.prompt} tokens are given, {data.new} are written")
    for k, cached in enumerate((False, True)):
        _panel(fig, data, cached, 0.66 + k * (high + 0.1), wide)
    return fig


def alt(data: Steps) -> str:
    """Return the figure in words."""
    written = ", ".join(f"'{name}'" for name in data.tokens[data.prompt:])
    return (f"{data.new} steps of writing, {written}. Without a cache all tokens so far go through "
            f"the model in each step, {data.work(False)} in all. With one the {data.prompt} of the "
            f"prompt go through in the first step and one token in each later step, "
            f"{data.work(True)} in all; of the others only keys and values are read.")
