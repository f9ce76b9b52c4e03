"""The next token: its likeliest candidates, warmed or cooled, and what top-p keeps of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.cells import gauge
from lib.figures.kit.labels import LEADING, token
from lib.figures.kit.style import Layout
from lib.generation import next_token_probabilities

CAPTION = "Temperature changes the lengths of the bars, top-p cuts the least likely off."

SHOWN = 12
BAR = style.ATTENTION(0.7)
ROW = 0.205  # inches for one token


@dataclass(frozen=True)
class NextToken:
    """One prompt's next token under one setting.

    names: the likeliest tokens; warmed: their probabilities at the temperature, final: after the
    cut, both (SHOWN,); others, others_final: the sums over all other tokens; kept: how many tokens
    are left, of ``vocabulary``; mass: their share before the cut; entropy: of what is left, nats.
    """

    prompt: str
    temperature: float
    top_p: float
    names: tuple[str, ...]
    warmed: np.ndarray
    final: np.ndarray
    others: float
    others_final: float
    kept: int
    mass: float
    entropy: float
    vocabulary: int


def compute(prompt: str, logits: np.ndarray, name: Callable[[int], str], temperature: float,
            top_p: float) -> NextToken:
    """Apply a temperature, then top-p, to the logits (vocabulary,) after a prompt.

    name: a token's text, by its number.

    Raises:
        ValueError: The logits have more than one axis or too few tokens, or a setting is out of
            range.
    """
    logits = np.asarray(logits, float)
    if logits.ndim != 1 or len(logits) <= SHOWN:
        raise ValueError(f"logits have shape {logits.shape}; one axis of more than {SHOWN} tokens "
                         f"is needed")
    warmed = next_token_probabilities(logits, temperature)
    # At 1 nothing is to be cut, not even what rounding leaves beyond a sum of 1.
    final = next_token_probabilities(logits, temperature, top_p=None if top_p == 1 else top_p)
    order = np.argsort(-logits, kind="stable")
    best, rest = order[:SHOWN], order[SHOWN:]
    left = final[final > 0]
    return NextToken(prompt, temperature, top_p, tuple(token(name(int(i))) for i in best),
                     warmed[best], final[best], float(warmed[rest].sum()),
                     float(final[rest].sum()), len(left),
                     float(warmed[final > 0].sum()),
                     abs(float((left * np.log(left)).sum())), len(logits))


def written(share: float) -> str:
    """Write a probability as a figure, never as a bound: ``50%``, ``0.2%``, ``99.98%``, ``3e-9``.

    Near nothing or all it has one digit of what is there, or of what is missing.
    """
    few = min(share, 1 - share)
    if few >= 0.01 or share == 0 or share > 1 - 1e-14:  # where all are kept, the sum is rounded
        return f"{share:.0%}"
    digit, power = f"{few:.0e}".split("e")
    if int(power) >= -6:
        return f"{share:.{-int(power) - 2}%}"
    small = f"{digit}e{int(power)}"
    return small if share < 0.5 else f"1 \u2212 {small}"


def _bars(ax: Axes, data: NextToken, width: float) -> None:
    """A bar for each token: filled what can be drawn, outlined what was cut."""
    begin, end = 0.95, width - 0.72
    names = (*data.names, f"{data.vocabulary - SHOWN:,} others")
    rows = zip(names, [*data.warmed, data.others], [*data.final, data.others_final])
    for k, (name, before, after) in enumerate(rows):
        top, cut = (k + 0.5) * ROW, after == 0
        ax.text(begin - 0.08, top, name, ha="right", va="center_baseline", parse_math=False,
                color=style.MUTED if cut else style.INK)
        ax.plot([begin, end], [top, top], color=style.GRID, lw=style.THIN, zorder=0)
        ax.add_artist(Rectangle((begin, top - 0.065), (before if cut else after) * (end - begin),
                               0.13, fc=style.PAPER if cut else BAR, lw=style.THIN,
                               ec=style.FROZEN.mark if cut else BAR))
        ax.text(width, top, "cut" if cut else written(after), ha="right",
                va="center_baseline", color=style.MUTED if cut else style.INK)


def _gauges(fig: Figure, data: NextToken, left: float, top: float, width: float) -> None:
    """How many tokens are kept, what share they had, and how unsure the choice is."""
    most = float(np.log(data.vocabulary))
    for k, (share, label, value) in enumerate((
            (np.log(data.kept) / most, "tokens kept (log scale)",
             f"{data.kept:,} of {data.vocabulary:,}"),
            (data.mass, "their share before the cut", written(data.mass)),
            (data.entropy / most, "entropy left", f"{data.entropy:.2f} nats"))):
        gauge(fig, left, top + 0.45 * k, width, float(share), style.DATA, label, value)


@style.styled
def draw(data: NextToken, layout: Layout = "wide") -> Figure:
    """Draw the bars, and beside or below them the gauges."""
    wide, rows = layout == "wide", (SHOWN + 1) * ROW
    fig = style.canvas(layout, 0.68 + rows + (0.1 if wide else 1.5))
    style.heading(fig, f"Temperature {data.temperature:g}, top-p {data.top_p:g}",
                  f"What follows \u201c{data.prompt}\u201d")
    width = 4.3 if wide else 3.48
    _bars(style.board(fig, style.MARGIN, 0.62, width, rows), data, width)
    if not wide:
        _gauges(fig, data, 0.15, 0.62 + rows + 0.1, 3.3)
        return fig
    _gauges(fig, data, 4.75, 0.72, 2.3)
    note = ("A full bar is the chance to be drawn.", "An outline is what a cut token had.",
            f"Perplexity {np.exp(data.entropy):,.1f}: as uncertain as a fair",
            "choice among so many tokens.")
    for k, line in enumerate(note):
        style.write(fig, 4.75, 2.25 + k * style.BASE * LEADING, line, style.MUTED)
    return fig


def alt(data: NextToken) -> str:
    """Return the frame in words."""
    best = ", ".join(f"'{name}' {written(chance)}"
                     for name, chance in list(zip(data.names, data.final))[:3] if chance > 0)
    return (f"'{data.prompt}' at temperature {data.temperature:g} and top-p {data.top_p:g}: "
            f"{data.kept:,} of {data.vocabulary:,} tokens kept, entropy {data.entropy:.2f} nats. "
            f"Likeliest: {best}.")
