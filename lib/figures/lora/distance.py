"""Forgetting against the distance that the weights moved: one panel for each data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.tradeoff import METHODS, TITLES

LOSSES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Distance:
    """Data set -> method -> runs (n, 2): distance moved, loss on old text in nats.

    ``base`` is the base model's loss on that text.
    """

    runs: dict[str, dict[str, np.ndarray]]
    base: float


def compute(lines: Sequence[Mapping[str, Any]], base: float) -> Distance:
    """Gather distance and loss of every line.

    Raises:
        ValueError: there are no lines.
    """
    if not lines:
        raise ValueError("there are no runs to draw; at least one is needed")
    runs: dict[str, dict[str, list]] = {}
    for line in lines:
        found = runs.setdefault(line["run"]["task"], {})
        found.setdefault(line["run"]["method"], []).append((line["moved"], line["pretraining"]))
    return Distance({task: {method: np.array(points) for method, points in of.items()}
                     for task, of in runs.items()}, base)


def _panel(ax: Axes, data: Distance, task: str, first: bool, last: bool) -> None:
    ax.set(xscale="log", yscale="log", xlim=(0.006, 2.2), ylim=(0.6, 18), title=TITLES[task])
    ax.axhline(data.base, color=style.FACTS.mark, lw=style.THIN, ls=(0, (4, 3)), zorder=1)
    for method, points in data.runs[task].items():
        ax.plot(points[:, 0], points[:, 1], style.MARKER[method], ls="", ms=4.4,
                color=METHODS[method][1].mark, mec=style.PAPER, mew=0.6, zorder=3)
    ax.minorticks_off()
    ax.set_xticks([0.01, 0.1, 1], ["1%", "10%", "100%"] if last else ["", "", ""])
    ax.set_yticks(LOSSES, [str(tick) if first else "" for tick in LOSSES])
    ax.grid(axis="both")


def _key(fig: Figure, data: Distance, top: float) -> None:
    """Which mark is which method, and what the broken rule is."""
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.3)
    for left, (method, (name, tone)) in zip((0.16, 1.6), METHODS.items()):
        ax.plot(left, 0.15, style.MARKER[method], ms=5, color=tone.mark)
        ax.text(left + 0.12, 0.15, name, va="center", color=tone.ink, weight=600)
    ax.plot((2.3, 2.55), (0.15, 0.15), color=style.FACTS.mark, lw=style.THIN, ls=(0, (4, 3)))
    ax.text(2.65, 0.15, f"base, {data.base:.2f}", va="center", color=style.FACTS.ink)


@style.styled
def draw(data: Distance, layout: Layout = "wide") -> Figure:
    """Draw a panel for each data set: five in a row, or three rows of two."""
    wide = layout == "wide"
    across, left, width, high = (5, 0.42, 1.24, 1.75) if wide else (2, 0.42, 1.45, 1.1)
    rows, step = -(-len(data.runs) // across), high + 0.5
    fig = style.canvas(layout, 1.2 + rows * step)
    style.heading(fig, "The further, the more is forgotten",
                  "Loss on held-out text of pre-training, nats, against how far the weights moved."
                  if wide else "Loss on old text, nats, against distance.")
    _key(fig, data, 0.55)
    for k, task in enumerate(data.runs):
        row, column = divmod(k, across)
        ax = style.place(fig, left + column * (width + 0.1), 1.15 + row * step, width, high)
        _panel(ax, data, task, column == 0, k + across >= len(data.runs))
    style.write(fig, left, 0.93 + rows * step, "norm of the change, in % of the weights' norm",
                style.MUTED, style.SMALL)
    return fig


def alt(data: Distance) -> str:
    """Return the figure in words."""
    said = []
    for task, of in data.runs.items():
        parts = []
        for method, points in of.items():
            near, far = (points[np.argsort(points[:, 0])][each] for each in (0, -1))
            parts.append(f"{METHODS[method][0]} {near[1]:.1f} nats after {near[0]:.0%} and "
                         f"{far[1]:.1f} after {far[0]:.0%}")
        said.append(f"{TITLES[task]}: {', '.join(parts)}")
    return (f"Loss on old text after the shortest and the longest move; the base has "
            f"{data.base:.2f}. {'; '.join(said)}.")
