"""What a wrong choice costs: for each setting of a run, what every tried value ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout, Tone

CAPTION = "The longer a row, the more a wrong value of this setting costs."


@dataclass(frozen=True)
class Row:
    """One setting: what the others are meanwhile, its values, and (values, 2) answers and facts."""

    name: str
    others: str
    values: tuple[str, ...]
    scores: np.ndarray


@dataclass(frozen=True)
class Choices:
    """The settings, one row each."""

    rows: tuple[Row, ...]


def compute(settings: Mapping[tuple[str, str], Mapping[str, tuple[float, float]]]) -> Choices:
    """Put the settings, (name, the others meanwhile), one below the other.

    Raises:
        ValueError: a setting has fewer than two values.
    """
    if few := [name for (name, _), each in settings.items() if len(each) < 2]:
        raise ValueError(f"fewer than two values of {', '.join(few)}")
    return Choices(tuple(Row(name, others, tuple(each), np.array(list(each.values())))
                         for (name, others), each in settings.items()))


def _panel(ax: Axes, rows: tuple[Row, ...], column: int, tone: Tone, marker: str,
           title: str) -> None:
    """Every value of every setting, the worst with its name; both panels have one scale."""
    low = 0.1 * np.floor(min(row.scores.min() for row in rows) / 0.1 + 1e-9)
    for at, row in enumerate(rows):
        shares = row.scores[:, column]
        ax.plot([shares.min(), shares.max()], [at, at], color=tone.mark, lw=2.4, alpha=0.35,
                zorder=1, solid_capstyle="round")
        style.seeds(ax, shares, np.full(len(shares), at), marker, tone, 5)
        if np.ptp(shares) > 0.05:
            worst = shares.argmin()
            ax.annotate(f"{row.values[worst]}: {style.percent(shares[worst])}",
                        (shares[worst], at), (-3, 7), textcoords="offset points",
                        fontsize=style.SMALL, color=tone.ink)
    ax.set(xlim=(low - 0.03 * (1 - low), 1.02), ylim=(len(rows) - 0.6, -0.7), title=title,
           yticks=[])
    style.share_ticks(ax.xaxis, low)
    ax.hlines(np.arange(len(rows)), low, 1, color=style.GRID, lw=style.THIN, zorder=0)


@style.styled
def draw(data: Choices, layout: Layout = "wide") -> Figure:
    """Draw a row for each setting: questions answered to the left, facts kept to the right."""
    wide = layout == "wide"
    top, step = (0.95, 0.46) if wide else (1.06, 0.72)
    height = len(data.rows) * step
    fig = style.canvas(layout, top + height + 0.4)
    style.heading(fig, "What can a wrong choice cost?", "A mark is a tried value; the worst is "
                  "named where it costs over 5 points." if wide else
                  "Named: worst values that cost over 5 points")
    for at, row in enumerate(data.rows):
        y = top + (at + (0.7 if wide else 0.12)) / (len(data.rows) + 0.1) * height
        style.write(fig, style.MARGIN, y - 0.09 * wide, row.name, va="center_baseline",
                    weight=600)
        style.write(fig, style.MARGIN if wide else 3.54, y + 0.09 * wide, row.others, style.MUTED,
                    style.SMALL, va="center_baseline", ha="left" if wide else "right")
    left, right, width = (2.1, 4.75, 2.3) if wide else (0.22, 1.95, 1.45)
    for place, column, tone, marker, title in (
            (left, 0, style.TASK, "D", "Questions answered" if wide else "Answered"),
            (right, 1, style.FACTS, "s", "Old facts kept")):
        ax = style.place(fig, place, top, width, height)
        _panel(ax, data.rows, column, tone, marker, title)
        if wide:
            better(ax, "right", 0.72, 1 + 0.155 / height)
    return fig


def alt(data: Choices) -> str:
    """Return the picture in words: the worst and the best value of each setting."""
    parts = []
    for row in data.rows:
        ends = [" and ".join((f"{shares.min():.0%} at {row.values[shares.argmin()]}",
                              f"{shares.max():.0%} at {row.values[shares.argmax()]}"))
                for shares in row.scores.T]
        parts.append(f"{row.name} ({row.others}): {ends[0]} of the questions answered, "
                     f"{ends[1]} of the old facts kept")
    return f"The worst and the best value of each setting. {'; '.join(parts)}."
