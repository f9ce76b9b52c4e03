"""A merged file of few bits: what is lost if one decision is undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Bars are means and points are seeds. Beside each mean stands the difference to the "
           "first row, in points.")
LEFT = {"wide": (2.5, 4.92), "narrow": (0.12, 1.87)}  # where the bars begin, in inches
BAR, ROW = {"wide": 1.2, "narrow": 0.74}, {"wide": 0.44, "narrow": 0.72}
ALONE = {"wide": 3.6, "narrow": 2.3}  # a bar where there is one column only
DOWN = {"wide": 0.2, "narrow": 0.42}  # inches of a bar below its row's top


@dataclass(frozen=True)
class Decisions:
    """For each column and row every seed's share of right answers."""

    rows: tuple[str, ...]
    columns: dict[str, tuple[np.ndarray, ...]]


def compute(rows: Sequence[str], columns: Mapping[str, Sequence[Sequence[float]]]) -> Decisions:
    """Gather the answers, from 0 to 1; the first row has all decisions.

    Raises:
        ValueError: not one or two columns, or a column has not seeds for each row.
    """
    if not 1 <= len(columns) <= 2 or any(
            len(each) != len(rows) or not all(map(len, each)) for each in columns.values()):
        raise ValueError(f"one column or two, each with seeds for {len(rows)} rows")
    return Decisions(tuple(rows), {name: tuple(np.array(seeds, float) for seeds in each)
                                   for name, each in columns.items()})


def _bar(ax: Axes, left: float, at: float, width: float, seeds: np.ndarray, whole: float) -> None:
    """A mean as a bar, its seeds as points; at the right the mean and what it is below ``whole``.
    """
    for part in (0, 0.5, 1):
        ax.vlines(left + width * part, at - 0.14, at + 0.14, color=style.RULE, lw=style.THIN,
                  zorder=0)
    mean = float(seeds.mean())
    ax.plot([left, left + width * mean], [at] * 2, color=style.TASK.tint, lw=11,
            solid_capstyle="butt", zorder=1)
    ax.plot(left + width * seeds, np.full(len(seeds), at), "o", ms=3, mew=0,
            color=style.TASK.mark, zorder=3)
    ax.text(left + width + 0.08, at, f"{mean:.1%}", va="center_baseline", color=style.TASK.ink,
            weight=600)
    if round(mean - whole, 4):
        ax.text(left + width + 0.56, at, f"{100 * (mean - whole):+.1f}".replace("-", "\u2212"),
                va="center_baseline", color=style.MUTED, size=style.SMALL)


@style.styled
def draw(data: Decisions, layout: Layout = "wide") -> Figure:
    """Draw a row for each decision that is undone, and a column of bars for each setting."""
    wide, row = layout == "wide", ROW[layout]
    bar = (BAR if len(data.columns) == 2 else ALONE)[layout]
    high = row * len(data.rows)
    fig = style.canvas(layout, 0.94 + high + 0.24)
    style.heading(fig, "A file of 3 bits: one decision is undone",
                  "Questions answered, and the difference to the first row in points"
                  if wide else "Questions answered; difference to row 1")
    ax = style.board(fig, style.MARGIN, 0.94, style.WIDTH[layout] - 2 * style.MARGIN, high + 0.24)
    for left, (name, entries) in zip(LEFT[layout], data.columns.items()):
        ax.text(left, -0.13, name, va="center_baseline", color=style.TASK.ink, weight=600)
        for number, seeds in enumerate(entries):
            _bar(ax, left, row * number + DOWN[layout], bar, seeds, float(entries[0].mean()))
        for part in (0, 0.5, 1):
            ax.text(left + bar * part, high + 0.06, f"{part:.0%}", ha="center",
                    va="center_baseline", color=style.MUTED, size=style.SMALL)
    for number, name in enumerate(data.rows):
        ax.text(0.02, row * number + (DOWN[layout] if wide else 0.12), name,
                va="center_baseline", weight=400 if number else 600)
    return fig


def alt(data: Decisions) -> str:
    """Return the picture in words."""
    return "Questions answered in a merged file of 3 bits. " + " ".join(
        f"{column}: " + ", ".join(f"{row} {seeds.mean():.1%}"
                                  for row, seeds in zip(data.rows, entries)) + "."
        for column, entries in data.columns.items())
