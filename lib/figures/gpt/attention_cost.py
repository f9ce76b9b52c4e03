"""How attention's memory and arithmetic grow with the context, beside those of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = "Where the two lines cross, the scores become the larger part of the cost."

CONTEXTS = 2 ** np.arange(5, 14)
DASH = (0, (3, 2))


@dataclass(frozen=True)
class Cost:
    """For one sequence and one block, by context length: bytes kept, and operations forward.

    contexts, score_bytes, other_bytes, pair_operations, weight_operations: (contexts,).
    """

    d_model: int
    heads: int
    context: int
    contexts: np.ndarray
    score_bytes: np.ndarray
    other_bytes: np.ndarray
    pair_operations: np.ndarray
    weight_operations: np.ndarray


def compute(d_model: int = 128, heads: int = 4, context: int = 128) -> Cost:
    """Count for a block whose feed-forward part is 4 d_model wide, in float32.

    Scores: heads t^2 numbers; queries, keys, values and context: 4 t d numbers. Each weight, of
    12 d^2, costs two operations a token; scores and weighted means cost 2 t^2 d each.
    """
    t = CONTEXTS.astype(float)
    return Cost(d_model, heads, context, CONTEXTS, 4 * heads * t**2, 4 * 4 * t * d_model,
                4 * t**2 * d_model, 24 * t * d_model**2)


def _panel(ax: Axes, data: Cost, title: str, unit: str, pair: np.ndarray, other: np.ndarray,
           names: tuple[str, str]) -> None:
    """Two lines on two logarithmic axes, and the model's own context."""
    ax.set(xscale="log", yscale="log", title=title, xlabel="context, tokens", ylabel=unit)
    ax.axvline(data.context, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    ax.plot(data.contexts, other, color=style.FROZEN.mark, ls=DASH)
    ax.plot(data.contexts, pair, color=style.DATA.mark)
    ticks = data.contexts[::2]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    low, high = np.log10([min(pair.min(), other.min()), max(pair.max(), other.max())])
    marks = 10.0 ** np.arange(np.floor(low), np.ceil(high) + 1, 2)
    ax.set_yticks(marks, [style.short(mark, 3) if mark < 1000 else f"{mark:,.0f}"
                          for mark in marks])
    ax.set(xlim=(data.contexts[0] * 0.9, data.contexts[-1] * 1.1),
           ylim=(10**low * 0.5, 10**high * 2))
    ax.grid(axis="y")
    name_lines(ax, [Named(data.contexts, pair, names[0], style.DATA),
                    Named(data.contexts, other, names[1], style.FROZEN)])


@style.styled
def draw(data: Cost, layout: Layout = "wide") -> Figure:
    """Draw memory and arithmetic, side by side or one above the other."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.0 if wide else 5.4)
    style.heading(fig, "Twice the context, four times the scores",
                  (f"One block, one text, {data.d_model} wide, {data.heads} heads, float32.  "
                   if wide else "") + "Upright line: our model's context.")
    places = ((0.72, 0.98), (4.4, 0.98)) if wide else ((0.76, 0.98), (0.76, 3.35))
    width = 2.7
    _panel(style.place(fig, *places[0], width, 1.45), data, "Memory kept for backward", "MB",
           data.score_bytes / 1e6, data.other_bytes / 1e6, ("scores", "q, k, v, context"))
    _panel(style.place(fig, *places[1], width, 1.45), data, "Arithmetic, forward",
           "million operations", data.pair_operations / 1e6, data.weight_operations / 1e6,
           ("scores, means", "all weights"))
    return fig


def alt(data: Cost) -> str:
    """Return the figure in words."""
    even = 4 * data.d_model // data.heads, 6 * data.d_model
    return (f"Two charts over the context, both axes logarithmic: the scores' line is twice as "
            f"steep as the other. In memory the scores pass queries, keys, values and context at "
            f"{even[0]:,} tokens, in arithmetic they pass all of the block's weights at "
            f"{even[1]:,}.")
