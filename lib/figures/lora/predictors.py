"""What goes with forgetting: two measures of how far a model went, against what it forgot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better, ring
from lib.figures.kit.style import Layout, Tone
from lib.figures.lora.tradeoff import TITLES

CAPTION = ("The more closely the points follow one rising curve, the better that measure tells "
           "what is forgotten.")

#: The measures, how the axis is called, and its ticks.
MEASURES = {"moved": ("distance that the weights moved", (0.01, 0.1, 1)),
            "kl_task": ("KL on the new task, nats", (3, 6, 12))}
LIMITS = {"moved": (0.006, 2.2), "kl_task": (0.7, 16)}
LOSSES = (1, 2, 4, 8)
#: Name, tone, marker and fill of each method.
LOOKS: dict[str, tuple[str, Tone, str, bool]] = {
    "full": ("full", style.FULL, "o", True), "confined": ("full, confined", style.FULL, "s", False),
    "lora": ("LoRA", style.LORA, "D", True)}


@dataclass(frozen=True)
class Predictors:
    """Data set -> method -> settings (n, 3): distance, KL on the task, loss on old text in nats.

    ``base`` is the base model's loss on that text, ``task`` the data set that is picked out, and
    ``follows`` for each measure its rank correlation with that loss, within the data set.
    """

    runs: dict[str, dict[str, np.ndarray]]
    base: float
    task: str
    follows: dict[str, float]

    @property
    def example(self) -> np.ndarray:
        """The setting of full fine-tuning that went middling far, as in ``runs``: (3,)."""
        runs = self.runs[self.task]
        points = runs["full"] if "full" in runs else next(iter(runs.values()))
        return points[np.argsort(points[:, 0], kind="stable")[len(points) // 2]]


def compute(settings: Sequence[Mapping[str, Any]], base: float,
            follows: Mapping[str, Mapping[str, float]], task: str) -> Predictors:
    """Gather the settings, each with its ``task``, ``method``, measures and ``pretraining`` loss.

    Raises:
        ValueError: no setting is of this task.
    """
    runs: dict[str, dict[str, list]] = {}
    for each in settings:
        found = runs.setdefault(each["task"], {})
        found.setdefault(each["method"], []).append(
            (*(each[name] for name in MEASURES), each["pretraining"]))
    if task not in runs:
        raise ValueError(f"no setting is of {task!r}; there are {', '.join(runs) or 'none'}")
    return Predictors({name: {method: np.array(points) for method, points in of.items()}
                       for name, of in runs.items()}, base, task, dict(follows[task]))


def _panel(ax: Axes, data: Predictors, column: int) -> None:
    measure, (words, ticks) = list(MEASURES.items())[column]
    ax.set(xscale="log", yscale="log", xlim=LIMITS[measure], ylim=(0.6, 18), xlabel=words)
    ax.axhline(data.base, color=style.FACTS.mark, lw=style.THIN, ls=(0, (4, 3)), zorder=1)
    for task in sorted(data.runs, key=lambda each: each == data.task):
        for method, points in data.runs[task].items():
            _, tone, marker, filled = LOOKS[method]
            chosen = task == data.task
            ax.plot(points[:, column], points[:, 2], marker, ls="", ms=5.4 if chosen else 4,
                    color=(tone.mark if filled else style.PAPER) if chosen else tone.tint,
                    mec=(style.PAPER if filled else tone.mark) if chosen else style.RULE,
                    mew=0.7, zorder=3 + chosen)
    ax.minorticks_off()
    ax.set_xticks(ticks, [f"{tick:.0%}" if measure == "moved" else f"{tick:g}" for tick in ticks])
    ax.set_yticks(LOSSES, map(str, LOSSES))
    ax.grid(axis="both")
    ax.set_title(f"rank correlation {data.follows[measure]:.2f}")
    better(ax, "down", 0.8, 1.08)
    ring(ax, *data.example[[column, 2]])


def _key(fig: Figure, data: Predictors, top: float) -> None:
    """Which mark is which method, and what the broken rule is."""
    ax = style.board(fig, 0, top, fig.get_size_inches()[0], 0.3)
    for left, (name, tone, marker, filled) in zip((0.16, 0.62, 1.72), LOOKS.values(), strict=True):
        ax.plot(left, 0.15, marker, ms=5, color=tone.mark if filled else style.PAPER,
                mec=tone.mark, mew=0.8)
        ax.text(left + 0.11, 0.15, name, va="center", color=tone.ink, weight=600)
    ax.plot((2.42, 2.62), (0.15, 0.15), color=style.FACTS.mark, lw=style.THIN, ls=(0, (4, 3)))
    ax.text(2.7, 0.15, f"base, {data.base:.2f}", va="center", color=style.FACTS.ink)
    if fig.get_size_inches()[0] > 5:  # there is room
        ax.plot(3.75, 0.15, "o", ms=4, color=style.FULL.tint, mec=style.RULE, mew=0.7)
        ax.plot(3.87, 0.15, "D", ms=4, color=style.LORA.tint, mec=style.RULE, mew=0.7)
        ax.text(3.98, 0.15, "faint: other data sets", va="center", color=style.MUTED)


@style.styled
def draw(data: Predictors, layout: Layout = "wide") -> Figure:
    """Draw a panel for each measure: all settings pale, those of one data set in full colour."""
    move, _, loss = data.example
    wide = layout == "wide"
    width, high = (2.9, 2.3) if wide else (2.95, 1.5)
    fig = style.canvas(layout, 4.0 if wide else 5.45)
    style.heading(fig, f"{TITLES[data.task]}: what goes with forgetting?",
                  "Upwards: loss on unseen old text, nats. A mark is a setting. The ringed one: "
                  f"moved {move:.1%}, {loss:.2f} nats." if wide else
                  f"Up: loss on old text. Ringed: {move:.1%}, {loss:.2f} nats.")
    _key(fig, data, 0.55)
    for column in range(len(MEASURES)):
        left, top = (0.45 + 3.5 * column, 1.15) if wide else (0.45, 1.15 + 2.3 * column)
        _panel(style.place(fig, left, top, width, high), data, column)
    return fig


def alt(data: Predictors) -> str:
    """Return the frame in words."""
    parts = []
    for method, points in data.runs[data.task].items():
        near, far = points[np.argsort(points[:, 0])][[0, -1]]
        parts.append(f"{LOOKS[method][0]} from {near[2]:.1f} nats after a move of {near[0]:.0%} "
                     f"(KL {near[1]:.1f}) to {far[2]:.1f} after {far[0]:.0%} (KL {far[1]:.1f})")
    return (f"{TITLES[data.task]}, loss on old text; the base has {data.base:.2f}. "
            f"{'; '.join(parts)}. Its rank correlation with the distance is "
            f"{data.follows['moved']:.2f}, with the KL on the new task "
            f"{data.follows['kl_task']:.2f}. Ringed: a move of {data.example[0]:.1%}, "
            f"{data.example[2]:.2f} nats.")
