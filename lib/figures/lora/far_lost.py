"""Old facts lost against the distance that the weights moved, a line for each setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import ring
from lib.figures.kit.style import Layout
from lib.figures.lora.fronts import LOOKS
from lib.figures.lora.tradeoff import TITLES

CAPTION = ("Compare the lines at one distance, and the two rings: how far had each method to go? "
           "Runs that moved by more than 60% are left out.")
LIMITS = (0.008, 0.6)
TICKS = (0.01, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Distances:
    """For each setting the distance and the facts lost at its rates, (rates, 2), and of the two
    that are ringed, full fine-tuning first, the dev loss in nats, the distance and the facts lost.
    """

    task: str
    runs: dict[str, np.ndarray]
    ringed: dict[str, tuple[float, float, float]]

    @property
    def times(self) -> float:
        """How many times as far the second of the ringed settings went."""
        first, second = self.ringed.values()
        return second[1] / first[1]


def compute(found: Mapping[str, np.ndarray], ringed: Mapping[str, tuple[float, float, float]],
            task: str) -> Distances:
    """Take found[name], (rates, 2), and two settings to ring.

    Raises:
        ValueError: there are not two to ring.
    """
    if len(ringed) != 2:
        raise ValueError(f"two settings are ringed, not {len(ringed)}")
    return Distances(task, {name: each[np.argsort(each[:, 0])] for name, each in found.items()},
                     dict(ringed))


def _plot(ax: Axes, data: Distances) -> None:
    ax.set_xscale("log")
    for name, each in data.runs.items():
        tone, marker, filled = LOOKS[name]
        shown = each[each[:, 0] < LIMITS[1]]
        ax.plot(*shown.T, color=tone.mark, lw=1.2, zorder=2)
        ax.plot(*shown.T, marker, ls="", ms=4.8, mew=0.9, zorder=3, mec=tone.mark,
                color=tone.mark if filled else style.PAPER)
    (_, *first), (_, *second) = data.ringed.values()
    ax.annotate("", second, first, arrowprops={
        "arrowstyle": "->", "color": style.INK, "lw": 1, "ls": (0, (4, 2)), "shrinkA": 9,
        "shrinkB": 9})
    for at in (first, second):
        ring(ax, *at)
    ax.set(xlim=LIMITS, ylim=(-0.05, 1.06), xlabel="distance that the weights moved",
           ylabel="old facts lost")
    ax.minorticks_off()
    ax.set_xticks(TICKS, [f"{tick:.0%}" for tick in TICKS])
    ax.set_yticks((0, 0.25, 0.5, 0.75, 1), ["0%", "25%", "50%", "75%", "100%"])
    ax.grid(axis="y")


def said(data: Distances) -> str:
    """Say what the ringed settings have."""
    each = (f"{name} at {loss:.2g} nats moved {style.percent(far, 1)}, lost {style.percent(lost)}"
            for name, (loss, far, lost) in data.ringed.items())
    return f"Ringed: {'; '.join(each)}"


def _brief(data: Distances) -> str:
    each = (f"{name} {style.percent(far, 1)}, {style.percent(lost)}"
            for name, (_, far, lost) in data.ringed.items())
    return f"Moved, lost: {'; '.join(each)}"


@style.styled
def draw(data: Distances, layout: Layout = "wide") -> Figure:
    """Draw the lines, with the two settings at about one loss ringed."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.75)
    style.heading(fig, f"{TITLES[data.task]}: LoRA moves {data.times:.1f} times as far",
                  said(data) if wide else _brief(data))
    ax = style.board(fig, 0, 0.58, style.WIDTH[layout], 0.3)
    for left, name in zip((0.16, 0.66, 1.56, 2.3), data.runs):
        tone, marker, filled = LOOKS[name]
        ax.plot(left, 0.15, marker, ms=5, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=0.9)
        ax.text(left + 0.11, 0.15, name, va="center", color=tone.ink, weight=600)
    _plot(style.place(fig, 0.72, 0.98, style.WIDTH[layout] - 0.86, 2.2), data)
    return fig


def alt(data: Distances) -> str:
    """Return the picture in words."""
    lines = "; ".join(
        f"{name} from {style.percent(each[0, 1])} after a move of {style.percent(each[0, 0], 1)}"
        for name, each in data.runs.items())
    return f"{TITLES[data.task]}, old facts lost: {lines}. {said(data)}."
