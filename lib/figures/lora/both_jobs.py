"""What the replies of several adapters do: a dot for each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each dot is one seed. Joint replies, on which the last adapter was trained, have the "
           "right answer and the tone.")
JOBS = ("right answer first", "\u201c, arr!\u201d anywhere", "both jobs")
SHORT = ("answer first", "\u201c, arr!\u201d", "both jobs")  # in the narrow layout
SUM = "the sum"  # the row to look at first
HEAD = 0.26  # inches of the columns' names
STEP = {"wide": 0.46, "narrow": 0.64}  # inches from one row to the next
LEFT = {"wide": 2.1, "narrow": 0.16}  # inches before the first column
BAR = {"wide": 1.3, "narrow": 0.84}  # inches from none to all
APART = {"wide": 0.38, "narrow": 0.34}  # inches between two columns


@dataclass(frozen=True)
class Replies:
    """rows: adapter -> shares of its replies that do each of the JOBS, (seeds, 3)."""

    rows: dict[str, np.ndarray]

    def said(self, name: str, job: int) -> str:
        """The range over the seeds, as in ``7 to 26%``, or one figure if they agree."""
        low, high = (f"{100 * share:.0f}" for share in (
            self.rows[name][:, job].min(), self.rows[name][:, job].max()))
        return f"{high}%" if low == high else f"{low} to {high}%"


def compute(rows: Mapping[str, Sequence[Sequence[float]]]) -> Replies:
    """Take the shares of every adapter, (seeds, 3) in the order of JOBS.

    Raises:
        ValueError: a row hasn't a share from 0 to 1 for each seed and job.
    """
    found = {name: np.array(each, float) for name, each in rows.items()}
    for name, each in found.items():
        if each.ndim != 2 or each.shape[1] != len(JOBS) or not ((each >= 0) & (each <= 1)).all():
            raise ValueError(f"{name}: each seed has {len(JOBS)} shares from 0 to 1")
    return Replies(found)


def _column(ax: Axes, data: Replies, job: int, left: float, layout: Layout) -> None:
    """A job's dots in every row, on a line from none to all, and their range above them."""
    bar = BAR[layout]
    ax.text(left, 0.12, JOBS[job] if layout == "wide" else SHORT[job], va="center_baseline",
            weight=600, size=style.SMALL)
    for part, words in ((0, "0"), (0.5, "50"), (1, "100%")):
        ax.text(left + bar * part, HEAD + STEP[layout] * len(data.rows) + 0.12, words,
                ha="center", va="center_baseline", color=style.MUTED, size=style.SMALL)
    for number, (name, each) in enumerate(data.rows.items()):
        at, shares = HEAD + STEP[layout] * (number + 1) - 0.13, each[:, job]
        tone = style.LORA if name == SUM else style.TASK
        ax.plot([left, left + bar], [at, at], color=style.RULE, lw=style.THIN, zorder=1)
        for part in (0, 0.5, 1):
            ax.plot([left + bar * part] * 2, [at - 0.05, at + 0.05], color=style.RULE,
                    lw=style.THIN, zorder=1)
        style.seeds(ax, left + bar * shares, at + style.fan(shares, 0.05), "o", tone, 6)
        middle = left + bar * float(np.clip((shares.min() + shares.max()) / 2, 0.24, 0.78))
        ax.text(middle, at - 0.18, data.said(name, job), ha="center", va="center_baseline",
                color=tone.ink, size=style.SMALL, weight=600, zorder=4)


@style.styled
def draw(data: Replies, layout: Layout = "wide") -> Figure:
    """Draw a row for every adapter and a column for each job."""
    wide, step, top = layout == "wide", STEP[layout], 0.62
    high, width = HEAD + step * len(data.rows) + 0.28, style.WIDTH[layout] - 2 * style.MARGIN
    fig = style.canvas(layout, top + high)
    style.heading(fig, "Only joint replies taught both jobs",
                  "Share of 160 replies to questions. Each dot is a seed" if wide else
                  "Share of 160 replies. Each dot is a seed")
    ax = style.board(fig, style.MARGIN, top, width, high)
    for number, name in enumerate(data.rows):
        under = HEAD + step * (number + 1)
        if name == SUM:
            ax.add_patch(Rectangle((0, under - step + 0.02), width, step - 0.01,
                                   fc=style.LORA.tint, lw=0, zorder=0))
        ax.text(0.06, under - (0.13 if wide else 0.5), name, va="center_baseline",
                weight=600 if name == SUM else 400)
    for job in range(len(JOBS)):
        _column(ax, data, job, LEFT[layout] + job * (BAR[layout] + APART[layout]), layout)
    return fig


def alt(data: Replies) -> str:
    """Return the picture in words."""
    return "Shares of the replies, one figure for each seed. " + "; ".join(
        f"{name}: " + ", ".join(f"{job} " + " ".join(f"{share:.0%}" for share in shares)
                                for job, shares in zip(JOBS, each.T, strict=True))
        for name, each in data.rows.items()) + "."
