"""Sampled sentences at several temperatures: how many differ, and how many are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Warmer sampling gives more different sentences and fewer true ones; many fit no form "
           "of the corpus. Shaded: lowest to highest name.")

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


@style.styled
def draw(data: Variety, layout: Layout = "wide") -> Figure:
    """Draw the mean over the countries, and their range, against the temperature."""
    fig = style.canvas(layout, 3.35)
    countries = next(iter(data.counts.values())).shape[1]
    style.heading(fig, "More variety, less truth",
                  f"Sentences of {data.drawn} drawn, mean of {countries} countries")
    ax = style.place(fig, 0.4, 0.8, fig.get_size_inches()[0] - 0.55, 2.0)
    for name, (tone, dash, marker) in LOOKS.items():
        found = data.counts[name]
        ax.fill_between(data.temperatures, found.min(1), found.max(1), color=tone.mark, lw=0,
                        alpha=0.15)
        ax.plot(data.temperatures, data.mean(name), color=tone.mark, ls=dash, marker=marker, ms=5,
                mec=style.PAPER, clip_on=False, zorder=3)
    ax.set(xlim=(0.15, 2.1), xticks=[0.25, 0.5, 1, 1.5, 2], xlabel="temperature",
           ylim=(-1, data.drawn + 2), yticks=np.linspace(0, data.drawn, 6).round())
    ax.set_xticklabels([f"{tick:g}" for tick in ax.get_xticks()])
    ax.grid(axis="y")
    name_lines(ax, [Named(data.temperatures, data.mean(name), name, tone)
                    for name, (tone, *_) in LOOKS.items()])
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
