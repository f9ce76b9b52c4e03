"""Where activations outgrow the state of full fine-tuning: tokens a step against width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.finetuning.cost_scale import (
    FULL_ACTIVATIONS,
    GRADIENT,
    KEPT,
    OPTIMIZER,
    WEIGHT,
    Size,
    memory,
)
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Find the width of your model, and see on which side of the line a step falls."

#: Bytes of the state of a trained parameter.
STATE = WEIGHT + GRADIENT + OPTIMIZER


@dataclass(frozen=True)
class Border:
    """By model its width and the tokens at which activations equal the state; a step's tokens."""

    models: dict[str, tuple[int, float]]
    tokens: int

    @property
    def slope(self) -> float:
        """Tokens for each unit of width, if all parameters are in the blocks: 12 d^2 in each."""
        return STATE * 12 / FULL_ACTIVATIONS


def compute(sizes: Mapping[str, Size], tokens: int) -> Border:
    """Find for each model the tokens a step at which its activations are as large as its state.

    Raises:
        ValueError: there is no model.
    """
    if not sizes:
        raise ValueError("sizes has no model, it must have one at least")
    return Border({name: (size.d_model, STATE * size.parameters() / memory(size, 1)["activations"])
                   for name, size in sizes.items()}, tokens)


@style.styled
def draw(data: Border, layout: Layout = "wide") -> Figure:
    """Draw the models on logarithmic axes, with the line of the formula."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.6)
    style.heading(fig, f"The border is near {data.slope:.0f} tokens for each unit of width" if wide
                  else f"The border: near {data.slope:.0f} tokens a unit",
                  "Where activations are as large as the state of full fine-tuning" if wide
                  else "Activations as large as the state")
    ax = style.place(fig, 0.75, 0.95, 6.0 if wide else 2.55, 2.05)
    widths = np.array([64.0, 32_768.0])
    line = data.slope * widths
    ax.fill_between(widths, line, 1e6, color=KEPT, lw=0, zorder=0)
    ax.plot(widths, line, color=style.INK, lw=style.THIN)
    ax.axhline(data.tokens, color=style.FULL.mark, lw=style.LINE, ls=(0, (4, 2)))
    ax.text(widths[1] * 0.9, data.tokens * 0.86, f"a step of {data.tokens:,} tokens",
            ha="right", va="top", color=style.FULL.ink, size=style.SMALL)
    for at, words, side in (((80, 5e5), "more activations", "left"),
                            ((widths[1] * 0.9, 250), "more state", "right")):
        ax.text(*at, words, size=style.SMALL, weight=600, color=style.INK, ha=side, va="top")
    for k, (name, (width, tokens)) in enumerate(data.models.items()):
        ax.plot(width, tokens, "o", color=style.FULL.mark, ms=6.5, mec=style.PAPER, zorder=4)
        above = k % 2
        words = f"{name}, {tokens / width:.1f}" if wide else name
        if wide or k in (0, 2):
            ax.annotate(words, (width, tokens), (-6, 3) if above else (7, -4), va="bottom"
                        if above else "top", textcoords="offset points", size=style.SMALL,
                        ha="right" if above else "left", color=style.INK)
    ax.set(xscale="log", yscale="log", xlim=widths, ylim=(100, 6e5), xlabel="width d",
           title="tokens a step")
    ax.set_xticks([128, 1024, 8192], ["128", "1,024", "8,192"])
    ax.set_yticks([1e2, 1e3, 1e4, 1e5], ["100", "1,000", "10,000", "100,000"])
    ax.minorticks_off()
    return fig


def alt(data: Border) -> str:
    """Return the picture in words."""
    parts = [f"{name} at {tokens:,.0f} ({tokens / width:.1f} for each unit of its width "
             f"{width:,})" for name, (width, tokens) in data.models.items()]
    below = [name for name, (_, tokens) in data.models.items() if tokens < data.tokens]
    return (f"Tokens a step at which activations are as large as the state: {'; '.join(parts)}. "
            f"A step of {data.tokens:,} tokens has more activations than state in "
            f"{', '.join(below) or 'none of them'}.")
