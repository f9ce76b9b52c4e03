"""Beyond the training's windows: the loss at each place of a window twice as long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import DASHES, TONES, apart
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Dots: the same tokens in a fresh window, from position 72 on, where they, too, "
           "have text before them.")
TRAINED, EIGHT = 64, 8
CLEAR = TRAINED + EIGHT  # from here on a token in a fresh window, too, has text before it


@dataclass(frozen=True)
class Reach:
    """By way, the loss in nats by place, (seeds, places / 8): in long and in fresh windows."""

    on: dict[str, np.ndarray]
    anew: dict[str, np.ndarray]
    way: str

    def beyond(self, way: str) -> tuple[float, float]:
        """Mean loss from position 72 on: in the long window, and the same tokens in a fresh one."""
        rest = CLEAR // EIGHT
        return float(self.on[way][:, rest:].mean()), float(self.anew[way][:, rest:].mean())


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
    """Draw the chosen way's loss over the places, in long and fresh windows, before all others."""
    fig = style.canvas(layout, 3.7)
    on, anew = data.beyond(data.way)
    style.heading(fig, f"{data.way}: {on - anew:.2f} nats lost from position {CLEAR} on",
                  f"Line: {on:.2f} nats there. Dots: the same tokens in a fresh window, {anew:.2f}"
                  if layout == "wide" else f"Line: {on:.2f}. Dots: in a fresh window, {anew:.2f}")
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 1.65, 2.4)
    means = {way: each.mean(0) for way, each in data.on.items()}
    again, tone = data.anew[data.way].mean(0), TONES[data.way]
    compared = [each.mean(0)[CLEAR // EIGHT:] for each in data.anew.values()]
    every = np.concatenate([*means.values(), *compared])
    places = EIGHT * (np.arange(len(means[data.way])) + 0.5)
    ax.set(xlim=(0, places[-1] + EIGHT / 2), ylim=(every.min() - 0.1, every.max() + 0.14),
           xlabel="position in the window, in tokens", ylabel="loss, nats")
    ax.axvline(TRAINED, color=style.INK, lw=style.THIN, zorder=1)
    for words, side, ha in (("trained on", -0.8, "right"), ("never trained on", 0.8, "left")):
        ax.text(TRAINED + side, every.max() + 0.12, words, ha=ha, va="top", size=style.SMALL,
                color=style.MUTED, zorder=4, bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})
    for way, mean in means.items():
        if way != data.way:
            ax.plot(places, mean, color=TONES[way].mark, lw=style.THIN, alpha=0.6, zorder=1,
                    ls=DASHES[way])
    ax.fill_between(places, again, means[data.way], where=places > CLEAR, color=tone.mark,
                    alpha=0.15, zorder=2, lw=0)
    ax.plot(places, means[data.way], color=tone.mark, lw=2.4, zorder=3, ls=DASHES[data.way])
    late = places > CLEAR
    ax.plot(places[late], again[late], "o", ms=4, color=tone.mark, zorder=6, mec=style.PAPER,
            mew=0.6)
    for way, high in apart({way: mean[-1] for way, mean in means.items()}, *ax.get_ylim()):
        ax.text(places[-1] + 6, high, way, va="center", color=TONES[way].ink, zorder=4,
                size=style.SMALL, weight=600 if way == data.way else 400)
    ax.set_xticks([0, 32, 64, 96, 128])
    ax.grid(axis="y")
    return fig


def alt(data: Reach) -> str:
    """Return the frame in words."""
    on, anew = data.beyond(data.way)
    half = TRAINED // EIGHT
    return (f"{data.way}: {data.on[data.way][:, :half].mean():.2f} nats in the first 64 positions "
            f"of windows of 128, {on:.2f} from position 72 on; the same tokens have {anew:.2f} in "
            f"a fresh window.")
