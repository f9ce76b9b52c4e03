"""The share of right answers in each wording of a question, in training or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout

CAPTION = ("Filled marks are wordings that were trained, hollow ones are new. A hollow mark far to "
           "the left did not carry over.")
ROW, GAP = 0.205, 0.09


@dataclass(frozen=True)
class Wordings:
    """rows: what is asked for, the wording, whether it was trained, the share right."""

    rows: tuple[tuple[str, str, bool, float], ...]

    def mean(self, trained: bool) -> float:
        """The mean share of the wordings that were trained, or of the new ones."""
        return float(np.mean([share for *_, each, share in self.rows if each == trained]))


def compute(rows: Iterable[tuple[str, str, bool, float]]) -> Wordings:
    """Take the wordings in the order in which they are drawn.

    Raises:
        ValueError: there is no trained wording, or no new one.
    """
    data = Wordings(tuple((kind, asked, bool(trained), float(share))
                          for kind, asked, trained, share in rows))
    if {trained for *_, trained, _ in data.rows} != {True, False}:
        raise ValueError("some wordings must be trained, and some new")
    return data


@style.styled
def draw(data: Wordings, layout: Layout = "wide") -> Figure:
    """Draw a row for each wording, with a gap between the kinds."""
    kinds = list(dict.fromkeys(kind for kind, *_ in data.rows))
    at = [k * ROW + kinds.index(row[0]) * GAP for k, row in enumerate(data.rows)]
    fig = style.canvas(layout, 0.72 + at[-1] + ROW + 0.5)
    new, old = (style.percent(data.mean(trained)) for trained in (False, True))
    style.heading(fig, f"New wordings: {new} right",
                  f"Filled: wordings in training, {old} right. Hollow: new")
    left = max(measure(asked, style.SMALL, 400) for _, asked, *_ in data.rows) + 0.26
    ax = style.place(fig, left, 0.72, style.WIDTH[layout] - left - 0.5, at[-1] + ROW)
    for high, (_, _, trained, share) in zip(at, data.rows, strict=True):
        ax.plot([0, share], [high, high], color=style.TASK.tint, lw=2, zorder=1)
        ax.plot(share, high, style.MARKER["task"], mfc=style.TASK.mark if trained else style.PAPER,
                mec=style.TASK.mark, mew=1.4, ms=6, zorder=3, clip_on=False)
        ax.annotate(style.percent(share), (share, high), (7, 0), textcoords="offset points",
                    va="center_baseline", size=style.SMALL, annotation_clip=False,
                    weight=400 if trained else 600)
    ax.set(xlim=(0, 1), ylim=(at[-1] + ROW / 2, -ROW / 2), xlabel="share answered right")
    style.share_ticks(ax.xaxis)
    ax.set_yticks(at, [asked for _, asked, *_ in data.rows], parse_math=False)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK, labelsize=style.SMALL, pad=8)
    ax.grid(axis="x")
    return fig


def alt(data: Wordings) -> str:
    """Return the picture in words."""
    return "Questions answered right: " + "; ".join(
        f"{asked} ({'in training' if trained else 'new'}) {style.percent(share)}"
        for _, asked, trained, share in data.rows) + "."
