"""How far two ways to a second task are apart: each seed, the mean and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Choose a measure. Where the bar, the 95% interval of the mean, reaches over zero, the "
           "seeds can't tell the two methods apart.")
T = {2: 12.71, 3: 4.3, 4: 3.18, 5: 2.78}  # Student's t for 95%, by the number of seeds


def _interval(found: np.ndarray) -> tuple[float, float]:
    """The mean of a few seeds and half its 95% interval."""
    return (float(found.mean()), float(T[len(found)] * found.std(ddof=1) / len(found) ** 0.5))


@dataclass(frozen=True)
class Gaps:
    """Differences in points of one measure, by row (seeds,), and the axis of all measures."""

    measure: str
    rows: dict[str, np.ndarray]
    limits: tuple[float, float]

    def interval(self, row: str) -> tuple[float, float]:
        """The mean and half its 95% interval."""
        return _interval(self.rows[row])


def compute(gaps: Mapping[str, Mapping[str, Sequence[float]]], measure: str) -> Gaps:
    """Pick a measure: row, such as ``merged - same, with replay`` -> each seed's points.

    Raises:
        ValueError: there is no such measure.
    """
    if measure not in gaps:
        raise ValueError(f"the measure is {measure!r}; allowed are {', '.join(gaps)}")
    ends = []
    for rows in gaps.values():
        for found in rows.values():
            mean, margin = _interval(np.array(found, float))
            ends += [mean - margin, mean + margin, min(found), max(found)]
    limits = 5 * np.floor(min(ends) / 5) - 1, 5 * np.ceil(max(ends) / 5) + 1
    return Gaps(measure, {row: np.array(found, float) for row, found in gaps[measure].items()},
                (float(limits[0]), float(limits[1])))


def _rows(ax: Axes, data: Gaps) -> None:
    ax.axvline(0, color=style.INK, lw=style.THIN, zorder=1)
    for at, (row, found) in enumerate(data.rows.items()):
        mean, margin = data.interval(row)
        clear = abs(mean) > margin
        ax.plot([mean - margin, mean + margin], [at, at], color=style.LORA.mark if clear else
                style.FROZEN.mark, lw=5, alpha=0.35, solid_capstyle="butt", zorder=2)
        ax.plot(mean, at, "D", ms=7, mfc=style.LORA.mark if clear else style.PAPER,
                mec=style.LORA.mark if clear else style.FROZEN.mark, mew=1.4, zorder=4)
        style.seeds(ax, found, at + 0.3 + np.zeros(len(found)), "o", style.FROZEN, 4.5)
        ax.text(1.02, at, f"{mean:+.1f} ± {margin:.1f}".replace("-", "\u2212"),
                transform=ax.get_yaxis_transform(), va="center", weight=600 if clear else 400,
                color=style.LORA.ink if clear else style.MUTED, size=style.SMALL)
    ax.set(xlim=data.limits, ylim=(len(data.rows) - 0.45, -0.5),
           xlabel="difference in points")
    ax.set_yticks(range(len(data.rows)), list(data.rows))
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.grid(axis="x")


@style.styled
def draw(data: Gaps, layout: Layout = "wide") -> Figure:
    """Draw a row for each way and replay: seeds, mean and interval, beside zero."""
    wide = layout == "wide"
    fig = style.canvas(layout, 1.3 + 0.5 * len(data.rows))
    style.heading(fig, f"{data.measure.capitalize()}: do the methods differ?",
                  "Right of zero the first of the two is ahead. Bar: 95% interval. Dots: seeds"
                  if wide else "Right of zero: the first is ahead")
    left = 2.2 if wide else 1.25
    _rows(style.place(fig, left, 0.68, style.WIDTH[layout] - left - (1.0 if wide else 0.86),
                      0.5 * len(data.rows)), data)
    if not wide:
        fig.axes[0].set_yticks(range(len(data.rows)), [
            row.replace(", ", ",\n").replace("without replay", "no replay") for row in data.rows])
    return fig


def alt(data: Gaps) -> str:
    """Return the frame in words."""
    said = (f"{row}, {mean:+.1f} ± {margin:.1f}"
            for row, (mean, margin) in ((row, data.interval(row)) for row in data.rows))
    return f"Differences in points of {data.measure}, means of the seeds: {'; '.join(said)}."
