"""The same text at another position: what one head attends to, and how much of that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import TONES
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Maps: one head, one text, a row for each query. Chart: the mean of all texts; the band "
           "is from the lowest to the highest text.")
TRAINED = 64  # positions in a window of training


@dataclass(frozen=True)
class Move:
    """here, there: (time, time), attention before and after; shares: way -> (moves, texts)."""

    here: np.ndarray = field(repr=False)
    there: np.ndarray = field(repr=False)
    shares: dict[str, np.ndarray] = field(repr=False)
    way: str
    move: int

    @property
    def share(self) -> float:
        """The mean share of attention that goes to other tokens after the move."""
        return float(self.shares[self.way][self.move].mean())


def compute(here: np.ndarray, there: np.ndarray, shares: Mapping[str, np.ndarray], way: str,
            move: int) -> Move:
    """Choose a way and a move; ``shares`` has a row for each move from 0 on.

    Raises:
        ValueError: there are no shares of this way, or not of this move.
    """
    if way not in shares:
        raise ValueError(f"there are no shares of {way!r}; there are {', '.join(shares)}")
    if not 0 <= move < len(shares[way]):
        raise ValueError(f"move is {move}; allowed are 0 to {len(shares[way]) - 1}")
    return Move(here, there, dict(shares), way, move)


def _map(ax: Axes, weights: np.ndarray, start: int) -> None:
    count = len(weights)
    ahead = np.triu(np.ones((count, count), bool), 1)
    ax.set_facecolor(style.GRID)
    ax.imshow(np.ma.array(weights, mask=ahead), cmap=style.ATTENTION, vmin=0, vmax=1)
    ax.set(xlabel="key at", title=f"begins at {start}")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, count - 1], [f"{start}", f"{start + count - 1}"])
    ax.spines["bottom"].set_visible(False)


def _chart(ax: Axes, data: Move) -> None:
    moves = np.arange(len(data.shares[data.way]))
    last = TRAINED - len(data.here)
    ax.axvspan(0, last, color=style.WASH, lw=0, zorder=0)
    ax.text(2, 0.74, "in the window\nof training", va="top", color=style.MUTED, size=style.SMALL)
    for way, each in data.shares.items():
        end = min(float(each[-8:].max()) + 0.03, 0.68)
        ax.text(moves[-1], end, way, ha="right", color=TONES[way].ink, size=style.SMALL, zorder=4)
        lit, tone = way == data.way, TONES[way]
        ax.fill_between(moves, each.min(1), each.max(1), color=tone.mark, lw=0,
                        alpha=0.2 if lit else 0.08, zorder=2)
        ax.plot(moves, each.mean(1), color=tone.mark, lw=2.2 if lit else style.THIN, zorder=3,
                clip_on=False)
    style.point(ax, data.move, data.share, "o", TONES[data.way], 7)
    ax.set(xlim=(0, moves[-1]), ylim=(0, 0.76), xlabel="moved by, in tokens",
           title="attention that goes elsewhere")
    ax.set_xticks([0, last, moves[-1]])
    ax.set_yticks([0, 0.2, 0.4, 0.6], ["0%", "20%", "40%", "60%"])
    ax.grid(axis="y")


@style.styled
def draw(data: Move, layout: Layout = "wide") -> Figure:
    """Draw the attention before and after a move, and the share that moves over all moves."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.05 if wide else 5.25)
    style.heading(fig, f"{data.way}, moved by {data.move}: {data.share:.0%} elsewhere",
                  "Dark: much attention. The words are the same")
    side = 1.6 if wide else 1.2
    for k, (weights, start) in enumerate(((data.here, 0), (data.there, data.move))):
        ax = style.place(fig, (0.6 if wide else 0.5) + k * (side + 0.4), 0.92, side, side)
        _map(ax, weights, start)
        if k == 0:
            ax.set_ylabel("query at", labelpad=2)
    _chart(style.place(fig, *((4.85, 0.92, 2.2, 1.6) if wide else (0.5, 3.0, 2.9, 1.6))), data)
    return fig


def alt(data: Move) -> str:
    """Return the frame in words."""
    each = data.shares[data.way][data.move]
    return (f"{data.way}: the same words, {data.move} positions later. In the mean of {len(each)} "
            f"texts {data.share:.0%} of the attention goes to other tokens than at 0, by text "
            f"{each.min():.0%} to {each.max():.0%}.")
