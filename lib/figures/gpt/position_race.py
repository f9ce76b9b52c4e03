"""The loss of small models that differ in how they are told positions: a row for each way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "A dot is one seed; the number is the mean of the seeds. Left is better."
TONES = {"none": style.FROZEN, "learnt": Tone("#9a6a3c", "#7a5028", "#f0e4d8"),
         "sinusoidal": Tone("#5a62a6", "#4a5296", "#dcdff0"),
         "ALiBi": Tone("#cf8fab", "#8f4a6b", "#f7e9ef"),
         "ALiBi \u00d7 16": Tone("#b03a6e", "#962d5b", "#f6dde8"), "rotary": style.DATA}
SEEDS, T_95 = 3, 4.30  # Student's t for a 95% interval of three seeds
DASHES = dict.fromkeys(TONES, "-") | {"none": "--"}


@dataclass(frozen=True)
class Race:
    """losses: way -> (seeds,), in nats after so many steps, the lowest mean first."""

    losses: dict[str, np.ndarray]
    steps: int

    def behind(self, way: str) -> tuple[float, float]:
        """How far a way is behind the first, seed by seed: the mean and half its 95% interval."""
        gap = self.losses[way] - next(iter(self.losses.values()))
        return float(gap.mean()), float(T_95 * gap.std(ddof=1) / len(gap)**0.5)


def compute(losses: Mapping[str, np.ndarray], steps: int) -> Race:
    """Put the ways in order.

    Raises:
        ValueError: a way does not have three seeds, for which the interval holds.
    """
    for way, each in losses.items():
        if len(each) != SEEDS:
            raise ValueError(f"{way} has {len(each)} seeds instead of {SEEDS}")
    return Race(dict(sorted(losses.items(), key=lambda item: float(np.mean(item[1])))), steps)


def apart(ends: Mapping[str, float], low: float, high: float) -> list[tuple[str, float]]:
    """Heights for the names at the ends of lines: near them and a line of text apart.

    Names that would overlap share out their distance around the mean of their ends.
    """
    names, gap = sorted(ends, key=lambda name: ends[name]), 0.08 * (high - low)
    groups: list[list[float]] = []  # each: the middle, and how many names stand around it
    for name in names:
        groups.append([ends[name], 1])
        while len(groups) > 1 and (groups[-1][0] - groups[-2][0]
                                   < gap * (groups[-1][1] + groups[-2][1]) / 2):
            (above, more), (below, few) = groups.pop(), groups.pop()
            groups.append([(above * more + below * few) / (more + few), more + few])
    heights = [middle + gap * (k - (count - 1) / 2)
               for middle, count in groups for k in range(int(count))]
    heights[-1] = min(heights[-1], high - gap / 2)
    for k in reversed(range(len(names) - 1)):
        heights[k] = min(heights[k], heights[k + 1] - gap)
    return list(zip(names, heights, strict=True))


@style.styled
def draw(data: Race, layout: Layout = "wide") -> Figure:
    """Draw each way's seeds in its row, with the mean and the distance from the first way."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.65)
    names = list(data.losses)
    style.heading(fig, f"After {data.steps} steps {names[0]} has the lowest loss",
                  ("At the right: mean, and how far" if wide else "Mean, and lag")
                  + f" behind {names[0]} (95% interval)")
    ax = style.place(fig, 1.05, 0.75, fig.get_size_inches()[0] - (3.0 if wide else 2.55), 2.3)
    every = np.concatenate(list(data.losses.values()))
    ax.set(xlim=(np.floor(10 * every.min() - 0.5) / 10, np.ceil(10 * every.max() + 0.5) / 10),
           ylim=(len(names) - 0.5, -0.5), xlabel="loss on held-out texts, nats")
    ax.set_yticks([])
    ax.grid(axis="x")
    for row, (way, each) in enumerate(data.losses.items()):
        tone = TONES[way]
        style.seeds(ax, each, np.full(len(each), row), "o", tone, 7)
        ax.text(-0.03, row, way, transform=ax.get_yaxis_transform(), ha="right", va="center",
                color=tone.ink, weight=600)
        mean, spread = data.behind(way)
        words = f"{each.mean():.2f}" + (f"   +{mean:.2f} \u00b1 {spread:.2f}" if row else "")
        ax.text(1.04 if wide else 1.12, row, words, transform=ax.get_yaxis_transform(), va="center",
                color=tone.ink, weight=600 if row == 0 else 400)
    return fig


def alt(data: Race) -> str:
    """Return the frame in words."""
    first, *rest = data.losses
    return (f"Loss, and how much more than {first}: {first} {data.losses[first].mean():.2f} nats; "
            + "; ".join(f"{way} {data.losses[way].mean():.2f} nats "
                        "{:+.2f} \u00b1 {:.2f}".format(*data.behind(way)) for way in rest) + ".")
