"""Read on past the training's windows: the loss at each place of a window twice as long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import DASHES, TONES
from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("No model was trained right of the line. Dots: the chosen way reads the same tokens "
           "in windows as long as in training.")
TRAINED, EIGHT = 64, 8


@dataclass(frozen=True)
class Reach:
    """By way, the loss in nats by place, (seeds, places / 8): read on, and read anew at 64."""

    on: dict[str, np.ndarray]
    anew: dict[str, np.ndarray]
    way: str

    def second_half(self, way: str) -> tuple[float, float]:
        """Mean loss of places 64 to 127: read on, and the same tokens in a window of their own."""
        half = TRAINED // EIGHT
        return float(self.on[way][:, half:].mean()), float(self.anew[way][:, half:].mean())


def compute(on: Mapping[str, np.ndarray], anew: Mapping[str, np.ndarray], way: str) -> Reach:
    """Choose a way; all of them are drawn.

    Raises:
        ValueError: there are no losses of this way.
    """
    if way not in on:
        raise ValueError(f"there are no losses of {way!r}; there are {', '.join(on)}")
    return Reach(dict(on), dict(anew), way)


@style.styled
def draw(data: Reach, layout: Layout = "wide") -> Figure:
    """Draw every way's loss over the places, and the chosen one's in windows of its training."""
    fig = style.canvas(layout, 3.7)
    on, anew = data.second_half(data.way)
    style.heading(fig, f"{data.way}: {on:.2f} nats beyond, {anew:.2f} anew",
                  "Loss in windows of 128 tokens; training had windows of 64")
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 0.8, 2.4)
    means = {way: each.mean(0) for way, each in data.on.items()}
    every = np.concatenate([*means.values(), *(each.mean(0) for each in data.anew.values())])
    places = EIGHT * (np.arange(len(means[data.way])) + 0.5)
    ax.set(xlim=(0, places[-1] + EIGHT / 2), ylim=(every.min() - 0.1, every.max() + 0.1),
           xlabel="place in the window", ylabel="loss, nats")
    ax.axvline(TRAINED, color=style.INK, lw=style.THIN, zorder=1)
    for way, mean in means.items():
        chosen = way == data.way
        ax.plot(places, mean, color=TONES[way].mark if chosen else style.FROZEN.mark,
                lw=2.4 if chosen else 0.9, ls=DASHES[way], zorder=2 + chosen)
    ax.plot(places, data.anew[data.way].mean(0), "o", ms=4, color=TONES[data.way].mark, zorder=6,
            mec=style.PAPER, mew=0.6)
    ax.set_xticks([0, 32, 64, 96, 128])
    ax.grid(axis="y")
    name_lines(ax, [Named(places, mean, way, TONES[way] if way == data.way else style.FROZEN)
                    for way, mean in means.items()], style.SMALL)
    return fig


def alt(data: Reach) -> str:
    """Return the frame in words."""
    on, anew = data.second_half(data.way)
    half = TRAINED // EIGHT
    return (f"{data.way}: {data.on[data.way][:, :half].mean():.2f} nats in the first 64 places of "
            f"windows of 128, {on:.2f} in the second 64; the same tokens, read in a window of "
            f"their own, have {anew:.2f}.")
