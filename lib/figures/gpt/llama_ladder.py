"""The loss of a small GPT that becomes a Llama change by change: a row for each state, hidden until
it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each row has one change more than the row above. A dot is one seed, the upright line "
           "their mean; left is better.")
ROW = 0.36  # inches from row to row
PALE = style.Tone("#b9c0c8", style.MUTED, style.FROZEN.tint)  # rows that are not looked at


@dataclass(frozen=True)
class Ladder:
    """losses: state -> (seeds,) in nats, in the order of the changes; parameters of each; the row
    that is looked at, counted from 0.
    """

    losses: dict[str, np.ndarray]
    parameters: list[int]
    row: int

    @property
    def name(self) -> str:
        """The state that is looked at."""
        return list(self.losses)[self.row]

    def seen(self) -> dict[str, np.ndarray]:
        """The losses up to the state that is looked at: those below are still to be guessed."""
        return dict(list(self.losses.items())[:self.row + 1])

    def gap(self) -> float:
        """How much its mean lies above that of the state before; 0 for the first one."""
        now, before = (list(self.losses.values())[max(0, k)] for k in (self.row, self.row - 1))
        return float(now.mean() - before.mean())

    def apart(self) -> bool:
        """Whether its seeds' range and that of the state before leave a gap."""
        now, before = (list(self.losses.values())[max(0, k)] for k in (self.row, self.row - 1))
        return bool(now.max() < before.min() or now.min() > before.max())

    def verdict(self) -> str:
        """What its seeds say, in a few words."""
        if self.row == 0:
            return f"{self.name}: {self.losses[self.name].mean():.2f} nats"
        if not self.apart():
            return f"{self.name}: no clear change"
        return (f"{self.name}: the loss {'falls' if self.gap() < 0 else 'rises'} by "
                f"{abs(self.gap()):.2f} nats")


def compute(losses: Mapping[str, np.ndarray], parameters: Mapping[str, int], state: str) -> Ladder:
    """Look at one state of the ladder.

    Raises:
        ValueError: There is no such state.
    """
    if state not in losses:
        raise ValueError(f"state is {state!r}; there are {', '.join(losses)}")
    return Ladder({name: np.asarray(each, float) for name, each in losses.items()},
                  [parameters[name] for name in losses], list(losses).index(state))


@style.styled
def draw(data: Ladder, layout: Layout = "wide") -> Figure:
    """Draw the seeds of the states so far, and an arrow from the mean before to the mean now."""
    wide, count = layout == "wide", len(data.losses)
    fig = style.canvas(layout, 1.32 + ROW * count)
    style.heading(fig, data.verdict(), f"{data.parameters[data.row]:,} parameters")
    ax = style.place(fig, 1.5 if wide else 1.32, 0.72,
                     fig.get_size_inches()[0] - (2.3 if wide else 1.85), ROW * count)
    every = np.concatenate(list(data.losses.values()))
    ax.set(xlim=(np.floor(10 * every.min() - 0.3) / 10, np.ceil(10 * every.max() + 0.3) / 10),
           ylim=(count - 0.5, -0.5), xlabel="loss on held-out text, nats")
    ax.set_yticks([])
    ax.grid(axis="x")
    means = [each.mean() for each in data.losses.values()]
    for row, name in enumerate(data.losses):
        ax.text(-0.04, row, name, transform=ax.get_yaxis_transform(), ha="right",
                va="center_baseline", color=(style.DATA if row == data.row else PALE).ink,
                weight=600 if row == data.row else 400)
    for row, each in enumerate(data.seen().values()):
        tone = style.DATA if row == data.row else PALE
        style.seeds(ax, each, row + style.fan(each, 0.17), "o", tone, 7)  # apart where they meet
        ax.plot([means[row]] * 2, [row - 0.3, row + 0.3], color=tone.mark, lw=1.6, zorder=4)
        ax.text(1.05, row, f"{means[row]:.2f}", transform=ax.get_yaxis_transform(),
                va="center_baseline", color=tone.ink, weight=600 if row == data.row else 400)
    if data.row and data.apart():
        before, now = means[data.row - 1], means[data.row]
        ax.plot([before] * 2, [data.row - 0.7, data.row + 0.38], color=style.INK, lw=1, ls=":")
        ax.annotate("", (now, data.row + 0.38), (before, data.row + 0.38), zorder=5, arrowprops={
            "arrowstyle": "-|>", "color": style.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 9})
    return fig


def alt(data: Ladder) -> str:
    """Return the frame in words."""
    rows = "; ".join(f"{name} {each.mean():.2f} ({each.min():.2f} to {each.max():.2f})"
                     for name, each in data.seen().items())
    hidden = list(data.losses)[data.row + 1:]
    rest = f" Still hidden: {', '.join(hidden)}." if hidden else ""
    return (f"{data.verdict()}, with {data.parameters[data.row]:,} parameters. Mean loss in nats, "
            f"and the range of the seeds: {rows}.{rest}")
