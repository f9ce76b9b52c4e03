"""Held-out loss over the learning rate on every data set, LoRA's curve moved to the left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better
from lib.figures.kit.style import Layout
from lib.laboratory.results import TRIED

CAPTION = ("Look for the factor at which the two curves lie over each other, and for the end at "
           "which they never do.")

TONES = {"full": style.FULL, "lora": style.LORA}
NAMES = {"full": "full", "lora": "LoRA"}
DASHES = {"full": (0, (4, 1.5)), "lora": "-"}

ALIKE = 1.2  # losses agree if neither is more than a fifth above the other
SAME = 1.2  # the grid's steps of about three are counted as three


@dataclass(frozen=True)
class Shift:
    """Each data set's curves: method -> (rates, losses), LoRA's rates divided by ``factor``.

    limits: of all rates at any factor from 1 to 30, and of all losses.
    """

    factor: float
    curves: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]
    limits: tuple[tuple[float, float], tuple[float, float]]

    def over(self, task: str) -> list[tuple[float, float, bool]]:
        """Points of both curves over one another: LoRA's, and whether they agree within a fifth."""
        return [(place, lora, bool(abs(np.log(lora / full)) < np.log(ALIKE)))
                for at, full in zip(*self.curves[task]["full"])
                for place, lora in zip(*self.curves[task]["lora"])
                if abs(np.log(place / at)) < np.log(SAME)]

    @property
    def pairs(self) -> tuple[int, int]:
        """How many points over one another agree within a fifth, and how many there are."""
        found = [alike for task in self.curves for _, _, alike in self.over(task)]
        return sum(found), len(found)


def compute(lines: Sequence[Mapping[str, Any]], factor: float) -> Shift:
    """Gather the mean losses of the seeds that went through all rates.

    Raises:
        ValueError: The factor is not above zero, or a data set lacks one of the two methods.
    """
    if not factor > 0:
        raise ValueError(f"factor is {factor}, it must be above 0")
    losses: dict[str, dict[str, dict[float, list[float]]]] = {}
    for line in lines:
        run = line["run"]
        if run["seed"] < TRIED:
            losses.setdefault(run["task"], {}).setdefault(run["method"], {}).setdefault(
                run["learning_rate"], []).append(line["loss"])
    for task, each in losses.items():
        if missing := set(TONES) - set(each):
            raise ValueError(f"{task} has no {missing.pop()} runs")
    curves = {task: {method: (np.array(sorted(each[method])) / (factor if method == "lora" else 1),
                              np.array([np.mean(each[method][rate])
                                        for rate in sorted(each[method])]))
                     for method in TONES} for task, each in losses.items()}
    rates = [rate for each in losses.values() for found in each.values() for rate in found]
    nats = np.concatenate([loss for each in curves.values() for _, loss in each.values()])
    return Shift(factor, curves, ((min(rates) / 10, max(rates)), (nats.min(), nats.max())))


def _panel(ax: Axes, data: Shift, task: str, wide: bool) -> None:
    """Both curves of a data set, on axes that are the same in all panels and frames.

    Full fine-tuning is drawn larger, so that it shows under LoRA where the two agree.
    """
    for method, (rates, losses) in data.curves[task].items():
        below = method == "full"
        ax.plot(rates, losses, style.MARKER[method], ls=DASHES[method], ms=6 if below else 3.5,
                lw=2.2 if below else 1.2, color=TONES[method].mark)
    for place, loss, alike in data.over(task):
        if not alike:
            ax.plot(place, loss, "o", ms=10, mfc="none", mec=style.INK, mew=1.1, zorder=4)
    (left, right), (low, high) = data.limits
    ax.set(xscale="log", yscale="log", xlim=(left / 1.5, right * 1.5),
           ylim=(low / 2, high * 1.3), title=task)
    ticks = [3e-4, 3e-3, 3e-2] if wide else [3e-4, 3e-2]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    style.number_ticks(ax.yaxis, (0.01, 0.1, 1, 10))
    ax.minorticks_off()
    ax.grid(axis="y")


@style.styled
def draw(data: Shift, layout: Layout = "wide") -> Figure:
    """Draw a panel for each data set, three in a row or two."""
    wide = layout == "wide"
    columns, step, high = (3, 1.95, 1.2) if wide else (2, 1.64, 0.95)
    rows = -(-len(data.curves) // columns)
    fig = style.canvas(layout, 1.35 + rows * step - (step - high) + 0.6)
    agree, all_pairs = data.pairs
    style.heading(fig, f"LoRA's rates divided by {data.factor:g}",
                  f"{agree} of {all_pairs} pairs of points agree within a fifth"
                  + ("; ringed: the others" if wide and agree < all_pairs else ""))
    for at, (method, marks) in enumerate((("full", "circles"), ("lora", "diamonds"))):
        style.write(fig, style.MARGIN + 0.95 * at, 0.82, f"{NAMES[method]}: {marks}",
                    TONES[method].ink, style.SMALL, va="baseline", weight=600)
    style.write(fig, style.MARGIN + 2.1, 0.82, "held-out loss after training" if wide else
                "loss, over the rate", style.MUTED, style.SMALL, va="baseline")
    left, width = (0.62, 1.78) if wide else (0.42, 1.28)
    for at, task in enumerate(data.curves):
        row, column = divmod(at, columns)
        ax = style.place(fig, left + column * (width + 0.45), 1.25 + row * step, width, high)
        _panel(ax, data, task, wide)
        if wide:
            ax.set(xlabel=f"rate (LoRA's / {data.factor:g})" if row == rows - 1 else "",
                   ylabel="" if column else "loss, nats")
        if at == columns - 1:
            better(ax, "down", 0.66, 1.15 if wide else 1.18)
    return fig


def alt(data: Shift) -> str:
    """Return the frame in words."""
    agree, all_pairs = data.pairs
    return (f"LoRA's rates divided by {data.factor:g}, laid over the curves of full fine-tuning "
            f"on {len(data.curves)} data sets: {agree} of {all_pairs} pairs of points agree "
            "within a fifth.")
