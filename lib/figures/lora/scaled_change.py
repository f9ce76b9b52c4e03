"""A trained change scaled after training: loss and old facts lost against the distance from the
base.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("A line is one trained change, scaled, and its mark is at the strength chosen. "
           "Compare the lines at one distance.")
LIMITS = (0.01, 0.27)
TICKS = (0.02, 0.05, 0.1, 0.2)
LOSSES = (0.2, 0.3, 0.5, 1, 2)
NAMED = ("full", "r = 8")
#: Tone (a shade of the method's), marker and fill of each setting.
LOOKS: dict[str, tuple[Tone, str, bool]] = {
    "full": (style.FULL, "o", True),
    "r = 64": (Tone("#551a5e", "#551a5e", style.LORA.tint), "D", True),
    "r = 8": (style.LORA, "D", False),
    # A's rows start in the directions of the first gradient
    "r = 8, A along G": (Tone("#b565bd", "#8f4597", style.LORA.tint), "^", True)}


@dataclass(frozen=True)
class Dialled:
    """For each setting, at its strengths, the strength, the distance, the facts lost and the dev
    loss in nats, means of its seeds, (strengths, 4), and the strength that is chosen.
    """

    runs: dict[str, np.ndarray]
    strength: float

    def at(self, name: str) -> np.ndarray:
        """What a setting has at the chosen strength: strength, distance, facts lost, loss: (4,)."""
        each = self.runs[name]
        return each[np.isclose(each[:, 0], self.strength)][0]


def compute(found: Mapping[str, np.ndarray], strength: float) -> Dialled:
    """Take found[name], (seeds, strengths, 4), and the strength to show.

    Raises:
        ValueError: a setting was not measured at this strength.
    """
    runs = {name: each.mean(0) for name, each in found.items()}
    for name, each in runs.items():
        if not np.isclose(each[:, 0], strength).any():
            raise ValueError(f"{name!r} was not measured at strength {strength}")
    return Dialled(runs, strength)


def _plot(ax: Axes, data: Dialled, column: int) -> None:
    ax.set_xscale("log")
    for name, each in data.runs.items():
        tone, marker, filled = LOOKS[name]
        face = tone.mark if filled else style.PAPER
        ax.plot(each[:, 1], each[:, column], color=tone.mark, lw=1.3, zorder=2)
        ax.plot(data.at(name)[1], data.at(name)[column], marker, ms=8, color=face, mec=tone.mark,
                mew=1.4, zorder=4, clip_on=False)
    ax.set(xlim=LIMITS, xlabel="distance from the base")
    if column == 3:
        ax.set_yscale("log")
        ax.set(ylim=(0.14, 3), title="Loss on dev examples, nats")
    else:
        ax.set(ylim=(-0.04, 1.04), title="Old facts lost")
    ax.minorticks_off()
    ax.set_xticks(TICKS, [f"{tick:.0%}" for tick in TICKS])
    if column == 3:
        ax.set_yticks(LOSSES, [f"{tick:g}" for tick in LOSSES])
    else:
        ax.set_yticks((0, 0.25, 0.5, 0.75, 1), ["0%", "25%", "50%", "75%", "100%"])
    ax.grid(axis="y")


def _key(fig: Figure, data: Dialled) -> None:
    ax = style.board(fig, 0, 0.58, fig.get_size_inches()[0], 0.3)
    for left, name in zip((0.16, 0.68, 1.38, 2.0), data.runs):
        tone, marker, filled = LOOKS[name]
        ax.plot(left, 0.15, marker, ms=5, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=0.9)
        ax.text(left + 0.11, 0.15, name, va="center", color=tone.ink, weight=600)


@style.styled
def draw(data: Dialled, layout: Layout = "wide") -> Figure:
    """Draw the loss and the facts lost side by side, or one above the other."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.7 if wide else 5.65)
    first, second = (data.at(name) for name in NAMED)
    lost = [style.percent(each[2]) for each in (first, second)]
    style.heading(fig, f"Strength {data.strength:g}: full lost {lost[0]}, r = 8 lost {lost[1]}",
                  f"On dev full is at {first[3]:.2g} nats, r = 8 at {second[3]:.2g}")
    _key(fig, data)
    for number, column in enumerate((3, 2)):
        left, top = (0.56 + 3.6 * number, 1.25) if wide else (0.66, 1.25 + 2.3 * number)
        width = 2.9 if wide else style.WIDTH[layout] - 0.8
        _plot(style.place(fig, left, top, width, 1.9 if wide else 1.5), data, column)
    return fig


def alt(data: Dialled) -> str:
    """Return the picture in words."""
    each = (f"{name} at a distance of {style.percent(far, 1)} lost {style.percent(lost)} "
            f"at {loss:.2g} nats"
            for name in data.runs for _, far, lost, loss in [data.at(name)])
    return f"Trained changes scaled to strength {data.strength:g}: {'; '.join(each)}."
