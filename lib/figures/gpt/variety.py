"""Sampled sentences at several temperatures: how many differ, and how many are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Left: hotter sampling gives more distinct sentences and fewer true ones. Right: what "
           "is both has a peak between cold and hot.")

#: What the left panel shows, and the right one, whose axis is its own.
PANELS = {"Each by itself": ("distinct", "true"),
          "What is both, and what is false": ("distinct and true", "false")}
LOOKS = {"distinct": (style.FROZEN, (0, (4, 1.5)), "o"), "true": (style.FACTS, "-", "s"),
         "distinct and true": (style.TASK, (0, (1, 1.2)), "D"), "false": (style.B, "-", "^")}


@dataclass(frozen=True)
class Variety:
    """counts: for each of LOOKS (temperatures, countries), of ``drawn`` sentences each."""

    temperatures: np.ndarray
    counts: dict[str, np.ndarray]
    drawn: int

    def mean(self, name: str) -> np.ndarray:
        """Return the mean over the countries: (temperatures,)."""
        return self.counts[name].mean(1)


def compute(temperatures: Sequence[float], counts: np.ndarray, drawn: int) -> Variety:
    """Take counts (temperatures, countries, 4): distinct, true, distinct and true, and false.

    Raises:
        ValueError: The counts do not have this shape.
    """
    counts = np.asarray(counts)
    if counts.ndim != 3 or len(counts) != len(temperatures) or counts.shape[2] != len(LOOKS):
        raise ValueError(f"counts have shape {counts.shape}; ({len(temperatures)}, countries, "
                         f"{len(LOOKS)}) is needed")
    return Variety(np.asarray(temperatures, float),
                   {name: counts[..., k] for k, name in enumerate(LOOKS)}, drawn)


def _panel(ax: Axes, data: Variety, names: tuple[str, ...], most: float) -> None:
    """The mean over the countries and their range, with a number at the peak of what is both."""
    for name in names:
        tone, dash, marker = LOOKS[name]
        found = data.counts[name]
        ax.fill_between(data.temperatures, found.min(1), found.max(1), color=tone.mark, lw=0,
                        alpha=0.15)
        ax.plot(data.temperatures, data.mean(name), color=tone.mark, ls=dash, marker=marker, ms=5,
                mec=style.PAPER, clip_on=False, zorder=3)
    ax.set(xlim=(0.15, 2.1), xlabel="temperature", ylim=(-0.02 * most, 1.04 * most))
    ax.set_xticks([0.25, 0.5, 1, 1.5, 2], ["0.25", "0.5", "1", "1.5", "2"])
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    ax.grid(axis="y")
    name_lines(ax, [Named(data.temperatures, data.mean(name), name, LOOKS[name][0])
                    for name in names])


@style.styled
def draw(data: Variety, layout: Layout = "wide") -> Figure:
    """Draw two panels against the temperature: distinct and true, and what is both."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.3)
    countries = next(iter(data.counts.values())).shape[1]
    style.heading(fig, "Neither cold nor hot",
                  f"Sentences of {data.drawn} drawn, mean of {countries} countries. Shaded: their "
                  "range" if wide else f"Sentences of {data.drawn}, mean of {countries} countries")
    for k, (title, names) in enumerate(PANELS.items()):
        ax = style.place(fig, 0.4 + 3.6 * k * wide, 1.02 + 2.3 * k * (not wide),
                         3.05, 1.75 if wide else 1.4)
        most = data.drawn if not k else max(data.counts[name].max() for name in names) * 1.05
        _panel(ax, data, names, most)
        ax.set_title(title)
        if k:
            mean = data.mean(names[0])
            at = int(mean.argmax())
            ax.set_title(f"peak {mean[at]:.1f}", loc="right",
                         color=LOOKS[names[0]][0].ink)
    return fig


def alt(data: Variety) -> str:
    """Return the figure in words."""
    distinct, true, both, false = (data.mean(name) for name in LOOKS)
    best, worst = int(both.argmax()), int(false.argmax())
    return (f"From temperature {data.temperatures[0]:g} to {data.temperatures[-1]:g}, distinct "
            f"sentences rise from {distinct[0]:.0f} to {distinct[-1]:.0f} of {data.drawn} and true "
            f"ones fall from {true[0]:.0f} to {true[-1]:.0f}. Distinct and true are most, "
            f"{both[best]:.0f}, at {data.temperatures[best]:g}. False ones are most, "
            f"{false[worst]:.0f}, at {data.temperatures[worst]:g}, and {false[-1]:.0f} at the end.")
