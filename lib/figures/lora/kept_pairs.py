"""Old facts kept at about one loss: full fine-tuning beside LoRA, a row for each data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.tradeoff import METHODS, TITLES

CAPTION = ("Compare the two marks of a row: each mark is a seed, and the bar joins the two means.")
TICKS = np.linspace(0, 1, 5)
SIDE = {"full": -0.13, "lora": 0.13}  # how far a method's marks stand above or below their row


@dataclass(frozen=True)
class Pairs:
    """The data sets of each kind, the facts kept by data set and method, (seeds,), and ``blind``,
    what a blind guess has.
    """

    kinds: dict[str, tuple[str, ...]]
    kept: dict[str, dict[str, np.ndarray]]
    blind: float

    @property
    def said(self) -> str:
        """In how many pairs, of one seed each, LoRA kept more."""
        ahead = np.concatenate([each["lora"][:n] > each["full"][:n] for each in self.kept.values()
                                for n in [min(map(len, each.values()))]])
        return f"LoRA kept more in {ahead.sum()} of {len(ahead)} pairs"


def compute(found: Mapping[str, Mapping[str, np.ndarray]], kinds: Mapping[str, tuple[str, ...]],
            blind: float) -> Pairs:
    """Take found[task][method], (seeds,): facts kept at the end of whole runs.

    Raises:
        ValueError: a data set of a kind has not both methods.
    """
    for task in (task for tasks in kinds.values() for task in tasks):
        if set(found.get(task, ())) != set(METHODS):
            raise ValueError(f"{task!r} has {', '.join(found.get(task, ())) or 'nothing'}")
    return Pairs(dict(kinds), {task: dict(each) for task, each in found.items()}, blind)


def _rows(ax: Axes, data: Pairs, kind: str, last: bool) -> None:
    """The data sets of one kind, from above."""
    ax.axvline(data.blind, color=style.MUTED, lw=style.THIN, ls=(0, (1, 2)), zorder=1)
    for row, task in enumerate(data.kinds[kind]):
        means = [data.kept[task][m].mean() for m in METHODS]
        ax.plot(means, (row, row), color=style.LORA.tint, lw=6, solid_capstyle="butt", zorder=1)
        for method, (_, tone) in METHODS.items():
            found = data.kept[task][method]
            style.seeds(ax, found, np.full(len(found), row + SIDE[method]), style.MARKER[method],
                        tone, 6)
    ax.set(xlim=(0, 1), ylim=(len(data.kinds[kind]) - 0.5, -0.5))
    ax.set_xticks(TICKS, [f"{tick:.0%}" if last else "" for tick in TICKS])
    ax.set_yticks(range(len(data.kinds[kind])), [TITLES[task] for task in data.kinds[kind]])
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.grid(axis="x")
    ax.set_title(kind)
    if last:
        ax.set_xlabel("old facts kept")
    else:
        ax.text(data.blind + 0.015, 0.5, f"a blind guess: {style.percent(data.blind)}",
                va="center", color=style.MUTED, size=style.SMALL)


def _key(fig: Figure) -> None:
    ax = style.board(fig, 0, 0.58, fig.get_size_inches()[0], 0.26)
    for left, (method, (name, tone)) in zip((0.2, 1.75), METHODS.items()):
        ax.plot(left, 0.13, style.MARKER[method], ms=6, color=tone.mark)
        ax.text(left + 0.14, 0.13, name, va="center", color=tone.ink, weight=600)


@style.styled
def draw(data: Pairs, layout: Layout = "wide") -> Figure:
    """Draw a panel for each kind of data, with a row for each data set."""
    wide = layout == "wide"
    pitch, left, right = 0.36, 1.05, 0.3
    fig = style.canvas(layout, 1.35 + sum(pitch * len(each) + 0.3 for each in data.kinds.values()))
    style.heading(fig, f"At about one loss {data.said}" if wide else data.said,
                  "A mark is a seed. The bar joins the means of both methods." if wide
                  else "At about one loss; a mark is a seed")
    _key(fig)
    top = 1.15
    for at, (kind, tasks) in enumerate(data.kinds.items(), start=1):
        high = pitch * len(tasks)
        _rows(style.place(fig, left, top, style.WIDTH[layout] - left - right, high), data, kind,
              at == len(data.kinds))
        top += high + 0.3
    return fig


def alt(data: Pairs) -> str:
    """Return the picture in words."""
    said = [f"{TITLES[task]} {style.percent(data.kept[task]['full'].mean())} and "
            f"{style.percent(data.kept[task]['lora'].mean())}" for task in data.kept]
    return (f"At about one loss {data.said}. Old facts kept by full fine-tuning and LoRA: "
            f"{', '.join(said)}.")
