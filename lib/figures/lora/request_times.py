"""How long ways to answer the same requests take, each cut into its calls of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Each piece of a bar is one call of the model. Fewer and larger calls take less time."
HIGH = 0.42  # inches of a row
SPAN = 4.5  # of the axis at least, so that it stays while a slider moves


@dataclass(frozen=True)
class Way:
    """One way: its name, the calls that it makes, its time beside the unit's, and its colour."""

    name: str
    calls: int
    time: float
    adapters: bool


def compute(found: Mapping[str, tuple[int, float]], unit: str, plain: str) -> list[Way]:
    """Take each way's calls and time; ``unit`` has time 1, and ``plain`` has no adapters.

    Raises:
        ValueError: one of these two ways is missing.
    """
    if missing := {unit, plain} - set(found):
        raise ValueError(f"not timed: {', '.join(sorted(missing))}")
    return [Way(name, calls, time / found[unit][1], name != plain)
            for name, (calls, time) in found.items()]


def calls(number: int) -> str:
    """Write ``1 call`` or ``4 calls``."""
    return f"{number} call{'s' if number > 1 else ''}"


def _bars(ax: Axes, data: list[Way], wide: bool) -> None:
    """A bar for each way, cut into its calls, with its time behind it."""
    longest = max(way.time for way in data)
    for row, way in enumerate(data):
        tone = style.LORA if way.adapters else style.FROZEN
        ax.barh(row, way.time, 0.5 if wide else 0.42, fc=tone.mark, lw=0)
        for k in range(1, way.calls):
            ax.plot([k * way.time / way.calls] * 2, [row - 0.26, row + 0.26], color=style.PAPER,
                    lw=0.9)
        ax.text(way.time + 0.015 * longest, row, f"{way.time:.2f}", va="center", weight=600,
                color=tone.ink)
        if not wide:
            ax.text(0, row - 0.4, f"{way.name}: {calls(way.calls)}", va="center",
                    size=style.SMALL, color=style.INK)
    ax.set(xlim=(0, max(SPAN, 1.1 * longest)), ylim=(len(data) - (0.5 if wide else 0.7), -0.6),
           xlabel="time, mixed batch = 1")
    ax.set_yticks(range(len(data)), [f"{way.name}: {calls(way.calls)}" if wide else ""
                                     for way in data])
    ax.tick_params(axis="y", length=0, labelcolor=style.INK, labelsize=style.SMALL)
    ax.grid(axis="x")
    ax.set_axisbelow(True)


@style.styled
def draw(data: list[Way], layout: Layout = "wide") -> Figure:
    """Draw all ways under each other."""
    wide = layout == "wide"
    high = len(data) * (HIGH if wide else 0.56)
    fig = style.canvas(layout, 1.2 + high)
    style.heading(fig, "The same requests, answered in several ways" if wide else
                  "The same requests, several ways",
                  "Each piece of a bar is one call of the model")
    left = 2.9 if wide else 0.1
    _bars(style.place(fig, left, 0.66, style.WIDTH[layout] - left - 0.1, high), data, wide)
    return fig


def alt(data: list[Way]) -> str:
    """Return the picture in words."""
    return "Time beside that of the mixed batch. " + "; ".join(
        f"{way.name}, {calls(way.calls)}: {way.time:.2f}" for way in data) + "."
