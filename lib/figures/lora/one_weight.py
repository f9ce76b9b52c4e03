"""One weight on a coarse grid: what is left of an adapter's change in each of three ways to use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.grid import key

CAPTION = "From left to right in each panel. What counts is how far the end lies from the dash."


@dataclass(frozen=True)
class OneWeight:
    """A weight, an adapter's change of it, and the levels, ``step`` apart.

    ``paths`` has for each way what the weight becomes, from left to right, each with its marker:
    a dot for a weight, a diamond for a sum with the adapter, a square for a sum that is rounded.
    """

    weight: float
    change: float
    step: float
    without: float
    paths: dict[str, list[tuple[float, str]]]

    def effect(self, way: str) -> float:
        """How far the weight ends from where it would lie without the adapter."""
        return round(self.paths[way][-1][0] - self.without, 9) + 0.0


def compute(weight: float, change: float, step: float) -> OneWeight:
    """Follow a weight through the three ways."""
    def rounded(number: float) -> float:
        return float(round(np.round(number / step) * step, 9))

    low = rounded(weight)
    beside, whole = round(low + change, 9), round(weight + change, 9)
    start = [(weight, "o"), (low, "o"), (beside, "D")]
    return OneWeight(weight, change, step, low, {
        "unmerged": start, "rounded twice": [*start, (rounded(beside), "s")],
        "rounded once": [(weight, "o"), (whole, "D"), (rounded(whole), "s")]})


def _plot(ax: Axes, data: OneWeight, way: str, wide: bool) -> None:
    path = data.paths[way]
    effect, step = data.effect(way), data.step
    ax.set(xlim=(-0.75, 3.75), ylim=(0.6 * step, 2.65 * step))
    ax.set_title(way.capitalize() if wide else way.removeprefix("rounded ").capitalize())
    ax.set_xticks([])
    ax.set_xlabel(f"changed by {effect:+.2f}".replace("-", "\u2212") if effect else
                  "changed by 0: lost" if wide else "0: lost", color=style.INK, weight=600)
    if not wide and effect:
        ax.set_xlabel(f"{effect:+.2f}".replace("-", "\u2212"), color=style.INK, weight=600)
    ax.grid(False)
    ax.set_yticks([step, 2 * step], [f"{step:g}", f"{2 * step:g}"])
    ax.hlines([step, 2 * step], -0.75, 3.75, color=style.FROZEN.mark, lw=0.8, zorder=1)
    ax.axhline(1.5 * step, color=style.RULE, lw=0.8, ls=(0, (3, 3)), zorder=1)
    ax.plot((-0.45, 3.45), (data.without,) * 2, color=style.FROZEN.ink, lw=2.2, zorder=2)
    values = [value for value, _ in path]
    for at, (value, marker) in enumerate(path):
        if at:
            tone = style.LORA.mark if marker == "D" else style.INK
            ax.annotate("", (at, value), (at - 1, values[at - 1]), zorder=3, arrowprops={
                "arrowstyle": "-|>", "color": tone, "lw": 1.1, "shrinkA": 4, "shrinkB": 5})
        look = {"o": {"ms": 6, "mfc": style.FROZEN.mark if at else style.PAPER,
                      "mec": style.FROZEN.mark},
                "D": {"ms": 5, "color": style.LORA.mark},
                "s": {"ms": 9, "mfc": "none", "mec": style.INK, "mew": 1.1}}[marker]
        ax.plot(at, value, marker, zorder=4, **look)
        if wide or at == len(path) - 1:
            aside = {0: -7, len(path) - 1: 7}.get(at, 0)
            ax.annotate(f"{value:.2f}".rstrip("0"), (at, value), (aside, 5), ha="center",
                        va="bottom", textcoords="offset points", size=style.SMALL, zorder=5,
                        color=style.LORA.ink if marker == "D" else style.INK)


@style.styled
def draw(data: OneWeight, layout: Layout = "wide") -> Figure:
    """Draw the three ways side by side, each as a path from left to right."""
    wide = layout == "wide"
    top = 1.2 if wide else 1.46
    fig = style.canvas(layout, top + 2.2)
    style.heading(fig, f"A weight of {data.weight:g}, and an adapter that adds {data.change:g}",
                  f"Levels are {data.step:g} apart; dashed: the middle between two")
    key(fig, 0.58, wide, "weight (hollow: original)")
    room = (style.WIDTH[layout] - 0.55) / 3
    for at, way in enumerate(data.paths):
        ax = style.place(fig, 0.45 + at * room, top, room - (0.2 if wide else 0.08), 1.75)
        _plot(ax, data, way, wide)
        if at:
            ax.tick_params(labelleft=False)
    return fig


def alt(data: OneWeight) -> str:
    """Return the frame in words."""
    return (f"A weight of {data.weight:g} between levels {data.step:g} apart, and a change of "
            f"{data.change:g}: " + "; ".join(
                f"{way} " + ", then ".join(f"{value:g}" for value, _ in path)
                + f", a change by {data.effect(way):g}" for way, path in data.paths.items())
            + f". Without the adapter it would be {data.without:g}.")
