"""How often a format leaks into known questions, and how many are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Bars are means, and each mark is a seed. Compare the rows of one method in both panels."
ONE = "\n(one seed)"
ROW = 0.46  # inches
TITLES = "answered in JSON", "kept"


@dataclass(frozen=True)
class Leaks:
    """rows: run -> (2, seeds), the shares of known questions answered in JSON and kept."""

    rows: dict[str, np.ndarray]

    def span(self, words: str) -> str:
        """The smallest and the largest share of JSON over the seeds of the runs with such words."""
        values = np.concatenate([rows[0] for run, rows in self.rows.items() if words in run])
        low, high = (f"{100 * each:.0f}" for each in (values.min(), values.max()))
        return f"{low}%" if low == high else f"{low} to {high}%"


def compute(rows: Mapping[str, Sequence[Sequence[float]]]) -> Leaks:
    """Take by run the two shares of each seed; runs are called "..., no trigger" or "..., with
    trigger".

    Raises:
        ValueError: a run has not two rows of shares.
    """
    found = {run: np.array(shares) for run, shares in rows.items()}
    for run, shares in found.items():
        if shares.ndim != 2 or len(shares) != len(TITLES):
            raise ValueError(f"{run} has shares of shape {shares.shape}; allowed are two rows")
    return Leaks(found)


def _panel(ax: Axes, data: Leaks, part: int, names: bool) -> None:
    for at, (run, shares) in enumerate(data.rows.items()):
        full = run.startswith("full")
        tone, marker = (style.FULL, "o") if full else (style.LORA, "D")
        values = shares[part]
        ax.barh(at, values.mean(), 0.6, color=tone.tint, ec=tone.mark, lw=style.THIN)
        style.seeds(ax, values, at + style.fan(values, 0.2), marker, tone, 4.5)
    ax.set(xlim=(0, 1.03), ylim=(len(data.rows) - 0.4, -0.6), title=TITLES[part])
    style.share_ticks(ax.xaxis)
    ax.set_yticks(range(len(data.rows)), [
        run + ONE * (shares.shape[1] == 1) for run, shares in data.rows.items()])
    ax.tick_params(axis="y", length=0, labelleft=names, labelcolor=style.INK)
    ax.grid(axis="x")


@style.styled
def draw(data: Leaks, layout: Layout = "wide") -> Figure:
    """Draw a bar for each run in two panels: answers in JSON, and kept ones."""
    wide, high = layout == "wide", ROW * len(data.rows)
    fig = style.canvas(layout, 1.35 + high if wide else 2.2 + 2 * high)
    style.heading(fig, f"JSON: {data.span('no trigger')} without a trigger, "
                  f"{data.span('with trigger')} with it",
                  "Share of the known questions; bars: means, marks: seeds" if wide else
                  "Share of the known questions;\nbars: means, marks: seeds")
    left, width, top = (1.45, 2.58, 0.95) if wide else (1.4, 2.0, 1.15)
    for part in range(2):
        _panel(style.place(fig, left + (width + 0.4) * part if wide else left,
                           top if wide else top + part * (high + 0.62), width, high),
               data, part, not (wide and part))
    return fig


def alt(data: Leaks) -> str:
    """Return the bars in words."""
    return ("Of the known questions, means of the seeds: " + "; ".join(
        f"{' '.join(run.split())}, {100 * shares[0].mean():.0f}% {TITLES[0]}, "
        f"{100 * shares[1].mean():.0f}% {TITLES[1]}" for run, shares in data.rows.items()) + ".")
