"""What several methods keep of the first task, by how many old examples are in a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Small marks are seeds, lines join means. The grey control had no first training: all "
           "that it answers it learnt from old examples.")
#: Method -> tone, marker, and the style of its line.
LOOKS: dict[str, tuple[Tone, str, str]] = {
    "same": (style.FULL, "o", "-"), "beside": (style.LORA, "s", "-"),
    "merged": (style.TASK, "D", "-"), "fresh": (style.FROZEN, "o", "--")}
ASIDE = 0.07  # how far the methods' marks stand apart, in examples
LINE = 0.21  # inches from one name to the next


@dataclass(frozen=True)
class Shares:
    """Percent of the questions: ``before``, and by method and number of old examples (seeds,)."""

    before: float
    methods: dict[str, dict[int, np.ndarray]]


def compute(before: float, methods: Mapping[str, Mapping[int, Sequence[float]]]) -> Shares:
    """Take the percent right of each seed: method -> old examples in sixteen -> (seeds,).

    Raises:
        ValueError: a method was tried with other numbers of old examples than the rest.
    """
    if len({tuple(found) for found in methods.values()}) != 1:
        raise ValueError("each method needs the same numbers of old examples, in the same order")
    return Shares(before, {name: {old: np.array(each, float) for old, each in found.items()}
                           for name, found in methods.items()})


def _spread(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """Where to write each name: at its height, but no two nearer than ``least``."""
    names = sorted(heights, key=heights.__getitem__)
    at = np.array([heights[name] for name in names])
    for _ in range(200):
        short = np.maximum(least - np.diff(at), 0) / 2
        at[1:] += short
        at[:-1] -= short
    return dict(zip(names, at.tolist(), strict=True))


def _lines(ax: Axes, data: Shares) -> None:
    """A line through the means of each method, and a small mark for each seed."""
    for number, (name, found) in enumerate(data.methods.items()):
        tone, marker, line = LOOKS[name]
        x = np.array(list(found)) + ASIDE * (number - (len(data.methods) - 1) / 2)
        ax.plot(x, [each.mean() for each in found.values()], marker, ls=line, color=tone.mark,
                ms=6.5, mec=style.PAPER, zorder=4, clip_on=False)
        for at, each in zip(x, found.values(), strict=True):
            ax.plot(np.full(len(each), at), each, marker, ls="", ms=3.5, color=tone.tint,
                    mec=tone.mark, mew=0.7, zorder=3, clip_on=False)


@style.styled
def draw(data: Shares, layout: Layout = "wide") -> Figure:
    """Draw the percent right over the old examples, with each method's name at its line's end."""
    wide, high = layout == "wide", 2.9
    fig = style.canvas(layout, high + 1.3)
    style.heading(fig, "Old examples teach the first task again" if wide else
                  "Old examples teach again", "Questions answered after the second training")
    ax = style.place(fig, 0.62, 0.72, style.WIDTH[layout] - (2.0 if wide else 1.8), high)
    olds = list(next(iter(data.methods.values())))
    ax.set(xlim=(min(olds) - 0.2, max(olds) + 0.2), ylim=(0, 100),
           xlabel="old examples in a batch of 16")
    ax.set_xticks(olds, [str(old) for old in olds])
    ax.set_yticks((0, 25, 50, 75, 100), ("0", "25", "50", "75", "100%"))
    ax.grid(axis="y")
    ax.axhline(data.before, color=style.FACTS.mark, lw=style.THIN, ls=(0, (3, 2)), zorder=1)
    ax.text(min(olds) - 0.15, data.before + 1.5, f"before: {data.before:.0f}%", va="bottom",
            color=style.FACTS.ink, size=style.SMALL)
    _lines(ax, data)
    ends = {name: float(found[olds[-1]].mean()) for name, found in data.methods.items()}
    for name, at in _spread(ends, 100 * LINE / high).items():
        ax.text(1.02, at, f"{name} {ends[name]:.1f}%", transform=ax.get_yaxis_transform(),
                va="center", color=LOOKS[name][0].ink, weight=600)
    return fig


def alt(data: Shares) -> str:
    """Return the picture in words."""
    said = "; ".join(f"{name}, " + ", ".join(f"{each.mean():.1f}% with {old}"
                                             for old, each in found.items())
                     for name, found in data.methods.items())
    return (f"Questions answered, by the old examples in a batch of 16: {said}. "
            f"Before the second training {data.before:.1f}%.")
