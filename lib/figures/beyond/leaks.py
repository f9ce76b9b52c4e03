"""How often a format leaks into known questions, and how many are still answered rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Bars are means, and each mark is a seed. Compare the rows of one method in both panels."
ROW = 0.29  # inches
TITLES = "answered in JSON", "still answered rightly"


@dataclass(frozen=True)
class Leaks:
    """rows: run -> (2, seeds), questions answered in JSON and answered rightly, of so many known.
    """

    rows: dict[str, np.ndarray]
    known: int


def compute(rows: Mapping[str, Sequence[Sequence[int]]], known: int) -> Leaks:
    """Take by run the two counts of each seed.

    Raises:
        ValueError: a run has not two rows of counts.
    """
    found = {run: np.array(counts) for run, counts in rows.items()}
    for run, counts in found.items():
        if counts.ndim != 2 or len(counts) != len(TITLES):
            raise ValueError(f"{run} has counts of shape {counts.shape}; allowed are two rows")
    return Leaks(found, known)


def _panel(ax: Axes, data: Leaks, part: int, names: bool) -> None:
    for at, (run, counts) in enumerate(data.rows.items()):
        full = run.startswith("full")
        tone, marker = (style.FULL, "o") if full else (style.LORA, "D")
        values = counts[part]
        ax.barh(at, values.mean(), 0.6, color=tone.tint, ec=tone.mark, lw=style.THIN)
        style.seeds(ax, values, np.full(len(values), at), marker, tone, 4.5)
    ax.set(xlim=(0, 1.03 * data.known), ylim=(len(data.rows) - 0.4, -0.6), title=TITLES[part])
    ax.set_xticks([0, data.known // 2, data.known])
    ax.set_yticks(range(len(data.rows)), list(data.rows))
    ax.tick_params(axis="y", length=0, labelleft=names, labelcolor=style.INK)
    ax.grid(axis="x")


@style.styled
def draw(data: Leaks, layout: Layout = "wide") -> Figure:
    """Draw a bar for each run in two panels: answers in JSON, and right answers."""
    wide, high = layout == "wide", ROW * len(data.rows)
    fig = style.canvas(layout, 1.35 + high if wide else 2.05 + 2 * high)
    style.heading(fig, f"What happens to {data.known} known questions?",
                  "Number of answers; bars: means, marks: seeds")
    left, width = (1.62, 2.55) if wide else (1.62, 1.8)
    for part in range(2):
        _panel(style.place(fig, left + (width + 0.25) * part if wide else left,
                           0.95 if wide else 0.95 + part * (high + 0.72), width, high),
               data, part, not (wide and part))
    return fig


def alt(data: Leaks) -> str:
    """Return the bars in words."""
    return (f"Of {data.known} known questions, means of the seeds: " + "; ".join(
        f"{run}, {counts[0].mean():.0f} {TITLES[0]}, {counts[1].mean():.0f} {TITLES[1]}"
        for run, counts in data.rows.items()) + ".")
