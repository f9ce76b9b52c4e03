"""The same text at another position: what one head attends to, and what the model loses by it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import TONES
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Maps: one head in the text about Peru, a row for each query. Chart: the mean loss of "
           "all texts, wherever they begin.")
TRAINED = 64  # positions in a window of training


@dataclass(frozen=True)
class Move:
    """here, there: (time, time), attention before and after; losses: move -> mean, in nats."""

    here: np.ndarray = field(repr=False)
    there: np.ndarray = field(repr=False)
    losses: dict[int, float] = field(repr=False)
    move: int

    @property
    def cost(self) -> float:
        """How much the loss rises by the move."""
        return self.losses[self.move] - self.losses[0]


def compute(here: np.ndarray, there: np.ndarray, losses: dict[int, float], move: int) -> Move:
    """Choose a move.

    Raises:
        ValueError: the loss was not measured after this move, or not before any.
    """
    if move not in losses or 0 not in losses:
        raise ValueError(f"there is no loss at {move} or at 0; there is at {list(losses)}")
    return Move(here, there, dict(losses), move)


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
    moves, losses = np.array(list(data.losses)), np.array(list(data.losses.values()))
    last, tone = TRAINED - len(data.here), TONES["sinusoidal"]
    ax.axvspan(0, last, color=style.WASH, lw=0, zorder=0)
    ax.text(2, 3.85, "in the window\nof training", va="top", color=style.MUTED, size=style.SMALL)
    ax.plot(moves, losses, color=tone.mark, lw=2.2, zorder=3, clip_on=False)
    style.point(ax, data.move, data.losses[data.move], "o", tone, 7)
    ax.set(xlim=(0, moves[-1]), ylim=(0, 4), xlabel="moved by, in tokens", title="loss, nats")
    ax.set_xticks([0, last, moves[-1]])
    ax.set_yticks([0, 1, 2, 3])
    ax.grid(axis="y")


@style.styled
def draw(data: Move, layout: Layout = "wide") -> Figure:
    """Draw the attention before and after a move, and the loss over all moves."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.05 if wide else 5.25)
    style.heading(fig, f"Moved by {data.move}: the loss rises by {data.cost:.2f} nats",
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
    return (f"The same words, {data.move} positions later: a loss of "
            f"{data.losses[data.move]:.2f} nats, {data.cost:.2f} more than at position 0.")
