"""First task against second task: a line for each method, from no old examples to many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Higher is more of the first task, further right more of the second. The number in a "
           "mark says how many of the sixteen examples in a batch are old.")
#: Tone (a shade of LoRA's; the control is grey), fill and line of each method.
PALE = Tone("#b565bd", "#8f4597", style.LORA.tint)
LOOKS: dict[str, tuple[Tone, bool, str | tuple]] = {
    "fresh": (style.FROZEN, True, "-"),
    "same": (PALE, False, (0, (1, 1.6))),
    "beside": (style.LORA, False, "-"),
    "merged": (PALE, True, (0, (5, 2))),
    "joint": (Tone("#551a5e", "#551a5e", style.LORA.tint), True, "-")}
MARK = {"wide": 13.0, "narrow": 11.5}  # points: room for a digit of style.SMALL
#: Percent of the first task, and how high they stand: what lies between the ends is pressed
#: together where no method is expected, above some forgetting and below what a few examples bring.
KNOTS, HEIGHTS = (-5.0, 25.0, 60.0, 96.0), (0.0, 0.24, 0.32, 1.0)
TICKS = (0, 20, 60, 70, 80, 90)


@dataclass(frozen=True)
class Shares:
    """By method and number of old examples in sixteen: percent of the first and second task, (2,).

    ``error`` is the median of their standard errors: of the first task, and of the second.
    """

    means: dict[str, dict[int, np.ndarray]]
    error: tuple[float, float]


def compute(after: Mapping[tuple[str, int], Sequence[Sequence[float]]]) -> Shares:
    """Average the seeds of each method and share.

    Args:
        after: (method, old examples) -> percent right of the first and of the second task, each
            (seeds,), at least two. Methods without a look are left out.

    Raises:
        ValueError: no method has a look.
    """
    found = {way: {old: np.array(after[way, old], float) for old in sorted(
        old for name, old in after if name == way)} for way in LOOKS}
    if not any(found.values()):
        raise ValueError(f"none of {sorted(dict(after))} is one of {', '.join(LOOKS)}")
    errors = [each.std(1, ddof=1) / each.shape[1] ** 0.5
              for points in found.values() for each in points.values()]
    return Shares({way: {old: each.mean(1) for old, each in points.items()}
                   for way, points in found.items() if points},
                  tuple(map(float, np.median(errors, 0))))


def _high(first: float | np.ndarray) -> np.ndarray:
    """How high a score of the first task stands, in shares of the axis."""
    return np.interp(first, KNOTS, HEIGHTS)


def _lines(ax: Axes, data: Shares, size: float) -> None:
    for depth, (way, points) in enumerate(data.means.items()):
        tone, filled, line = LOOKS[way]
        first, second = np.array(list(points.values())).T
        ax.plot(second, _high(first), color=tone.mark, lw=1.5, ls=line, zorder=2)
        ax.plot(second, _high(first), "o", ms=size, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=1.2, zorder=3 + depth, ls="")
        for old, (up, right) in points.items():
            ax.text(right, _high(up), str(old), ha="center", va="center_baseline", weight=600,
                    color=style.PAPER if filled else tone.ink, size=style.SMALL,
                    zorder=3.5 + depth)


def _axes(ax: Axes, data: Shares, wide: bool) -> None:
    """The axes, the break of the upright one, and how large a standard error is."""
    second = [right for points in data.means.values() for _, right in points.values()]
    left, right = min(second) - 0.5, max(second) + 0.5
    ax.set(xlim=(left, right), ylim=(0, 1), xlabel="second task, % exact",
           ylabel="first task, % exact")
    ax.set_yticks(_high(np.array(TICKS)), [f"{tick}" for tick in TICKS])
    ax.grid()
    ax.axhspan(*HEIGHTS[1:3], color=style.WASH, zorder=1)
    ax.text(0.34, np.mean(HEIGHTS[1:3]), "25 to 60: shortened" if wide else "shortened",
            ha="center", transform=ax.get_yaxis_transform(), va="center", color=style.MUTED,
            size=style.SMALL)
    up, across = data.error
    at = right - across - 0.02 * (right - left), 77.0
    ax.plot([at[0]] * 2, _high(np.array([at[1] - up, at[1] + up])), color=style.MUTED, lw=1.2)
    ax.plot([at[0] - across, at[0] + across], _high(np.array([at[1]] * 2)), color=style.MUTED,
            lw=1.2)
    ax.text(right - 0.01 * (right - left), _high(at[1] - up - 1), "usual\nstandard\nerror",
            ha="right", va="top", color=style.MUTED, size=style.SMALL, linespacing=1.15)


def _key(fig: Figure, data: Shares, top: float) -> None:
    """Which look is which method."""
    ax, left = style.board(fig, style.MARGIN, top, None, 0.3), 0.0
    wide = fig.get_size_inches()[0] > 5
    line_of = 0.3 if wide else 0.2
    for way in data.means:
        tone, filled, line = LOOKS[way]
        ax.plot((left, left + line_of), (0.15, 0.15), color=tone.mark, lw=1.5, ls=line)
        ax.plot(left + line_of / 2, 0.15, "o", ms=7, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=1.2)
        ax.text(left + line_of + 0.05, 0.15, way, va="center", color=tone.ink, weight=600,
                size=style.SMALL)
        left += line_of + 0.05 + measure(way, style.SMALL, 600) + (0.3 if wide else 0.06)


@style.styled
def draw(data: Shares, layout: Layout = "wide") -> Figure:
    """Draw the means of the seeds, joined from the smallest share of old examples to the largest.
    """
    wide = layout == "wide"
    high = 3.7
    fig = style.canvas(layout, 1.0 + high + 0.52)
    lifted = all(points[max(points)][0] > points[min(points)][0] for points in data.means.values())
    style.heading(fig, "Old examples bring the first task back" if lifted else
                  "Both tasks, by the share of old examples",
                  "In a mark: old examples in 16. Means of the seeds; both axes are cut" if wide
                  else "In a mark: old examples in 16")
    _key(fig, data, 0.6)
    ax = style.place(fig, 0.62, 1.0, style.WIDTH[layout] - 0.76, high)
    _axes(ax, data, wide)
    _lines(ax, data, MARK[layout])
    return fig


def alt(data: Shares) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{way}, " + ", ".join(
        f"{first:.1f}% and {second:.1f}% with {old}" for old, (first, second) in points.items())
        for way, points in data.means.items())
    return ("First and second task after the second training, by the old examples in a batch of "
            f"16: {said}.")
