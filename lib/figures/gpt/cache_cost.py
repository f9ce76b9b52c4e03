"""How many tokens the model has to work through to write a text, with a KV cache and without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("With a cache each new token is one more step of work; without it the whole text is "
           "read again.")


@dataclass(frozen=True)
class Work:
    """written: (new,); without, with_cache: tokens that went through the model by then, (new,)."""

    prompt: int
    written: np.ndarray
    without: np.ndarray
    with_cache: np.ndarray


def compute(prompt: int, new: int) -> Work:
    """Count for a prompt of so many tokens.

    Without a cache the whole text goes through the model for each new token; with one, the prompt
    does once, and after it every token but the last.

    Raises:
        ValueError: One of the two is not above zero.
    """
    if prompt < 1 or new < 1:
        raise ValueError(f"prompt is {prompt} and new is {new}; both must be at least 1")
    written = np.arange(1, new + 1)
    return Work(prompt, written, np.cumsum(prompt + written - 1), prompt + written - 1)


@style.styled
def draw(data: Work, layout: Layout = "wide") -> Figure:
    """Draw both counts against the tokens written."""
    fig = style.canvas(layout, 3.0)
    style.heading(fig, "Work that is done again and again",
                  f"Tokens through the model, after a prompt of {data.prompt}")
    ax = style.place(fig, 0.55, 0.75, fig.get_size_inches()[0] - 0.75, 1.7)
    lines = (("without a cache", data.without, style.FROZEN, (0, (4, 1.5))),
             ("with a cache", data.with_cache, style.DATA, "-"))
    for _, count, tone, dash in lines:
        ax.plot(data.written, count, color=tone.mark, ls=dash, clip_on=False)
    end = int(data.written[-1])
    ax.set(xlim=(0, end), ylim=(0, 1.08 * data.without[-1]), xlabel="tokens written")
    ax.set_xticks(np.linspace(0, end, 5).round())
    ticks = ax.get_yticks()[ax.get_yticks() <= 1.08 * data.without[-1]]
    ax.set_yticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    ax.grid(axis="y")
    name_lines(ax, [Named(data.written, count, name, tone) for name, count, tone, _ in lines])
    return fig


def alt(data: Work) -> str:
    """Return the figure in words."""
    return (f"Two lines over the tokens written. Without a cache the work grows with the square, "
            f"to {data.without[-1]:,} tokens after {data.written[-1]}; with one it grows in "
            f"proportion, to {data.with_cache[-1]:,}.")
