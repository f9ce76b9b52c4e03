"""The same text at another place of the window: what models lose by it that differ in encoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import TONES
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("The dot is the mean loss when the text begins there. "
           "Black: the text; grey bar: the places of training.")
TRAINED, WINDOW, TEXT = 64, 128, 18  # positions of training, of the model, and tokens of a text


@dataclass(frozen=True)
class Move:
    """losses: way -> move -> (seeds,), in nats; the text is moved by ``move``."""

    losses: dict[str, dict[int, np.ndarray]] = field(repr=False)
    move: int

    def mean(self, way: str) -> float:
        """The loss after the move, a mean of the seeds."""
        return float(self.losses[way][self.move].mean())

    def cost(self, way: str) -> float:
        """How much the loss rises by the move, a mean of the seeds."""
        return self.mean(way) - float(self.losses[way][0].mean())


def compute(losses: Mapping[str, Mapping[int, np.ndarray]], move: int) -> Move:
    """Choose a move; all of them are drawn.

    Raises:
        ValueError: the loss was not measured after this move, or not before any.
    """
    for each in losses.values():
        if move not in each or 0 not in each:
            raise ValueError(f"there is no loss at {move} or at 0; there is at {list(each)}")
    return Move({way: dict(each) for way, each in losses.items()}, move)


@style.styled
def draw(data: Move, layout: Layout = "wide") -> Figure:
    """Draw the loss over all moves, a line for each way, and the text as a block in the window."""
    wide, move = layout == "wide", data.move
    fig = style.canvas(layout, 3.5)
    costs = [f"{way} {data.cost(way):+.2f}" for way in data.losses]
    style.heading(fig, f"Moved by {move}: " + ", ".join(costs) + (" nats" if wide else ""),
                  "Loss after the move; the title has its rise" + (
                      " over that at position 0. Thin lines: three seeds" if wide else ""))
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 0.85, 2.2)
    top = max(each.max() for losses in data.losses.values() for each in losses.values()) + 0.9
    ax.axvspan(0, TRAINED - TEXT, color=style.WASH, lw=0, zorder=0)
    ax.axvspan(TRAINED, WINDOW, color=style.WASH, lw=0, zorder=0)
    for at, words in ((1.5, "the whole text at trained places" if wide else "all trained"),
                      (TRAINED + 1.5, "the whole text at new places" if wide else "all new")):
        ax.text(at, top - 0.1, words, va="top", color=style.MUTED, size=style.SMALL)
    ax.barh(0.28, TRAINED, 0.4, color=style.RULE, zorder=1, lw=0)
    for way, losses in data.losses.items():
        tone, moves = TONES[way], list(losses)
        rows = np.array(list(losses.values()))               # (moves, seeds)
        ax.plot(moves, rows, color=tone.mark, lw=0.7, alpha=0.45, zorder=2)
        ax.plot(moves, rows.mean(1), color=tone.mark, lw=2.4, zorder=3)
        style.point(ax, move, data.mean(way), "o", tone, 7)
        ax.text(moves[-1] + 2, rows[-1].mean() + 0.08, way, ha="right" if not wide else "left",
                va="bottom", color=tone.ink, weight=600, size=style.SMALL)
    ax.barh(0.28, TEXT, 0.4, left=move, color=style.INK, zorder=4, lw=0)
    ax.text(move + TEXT / 2, 0.27, "text", ha="center", va="center", color=style.PAPER,
            size=style.SMALL, zorder=5)
    ax.set(xlim=(0, WINDOW), ylim=(0, top), xlabel="place where the text begins, in tokens",
           ylabel="loss, nats")
    ax.set_xticks([0, 32, TRAINED, 96, WINDOW])
    ax.grid(axis="y")
    return fig


def alt(data: Move) -> str:
    """Return the frame in words."""
    return (f"The same text, {data.move} positions later: " + "; ".join(
        f"{way} {data.mean(way):.2f} nats, {data.cost(way):.2f} more than at position 0"
        for way in data.losses) + ".")
