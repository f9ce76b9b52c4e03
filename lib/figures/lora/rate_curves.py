"""Held-out loss and facts kept against the learning rate, full fine-tuning beside LoRA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, better, name_lines
from lib.figures.kit.style import Layout
from lib.laboratory import best_rate
from lib.laboratory.results import TRIED

CAPTION = ("Find each curve's lowest point: the two lie at different rates. Then look above the "
           "same rates on the right for the facts that are left.")

TONES = {"full": style.FULL, "lora": style.LORA}
NAMES = {"full": "full", "lora": "LoRA"}
DASHES = {"full": (0, (4, 1.5)), "lora": "-"}


@dataclass(frozen=True)
class Curve:
    """One method on one data set; rates: (rates,); best: the place of the best of them.

    loss, facts: for each rate, (seeds,), of the seeds that went through all rates.
    """

    rates: np.ndarray
    loss: tuple[np.ndarray, ...]
    facts: tuple[np.ndarray, ...]
    best: int

    def mean(self, name: str) -> np.ndarray:
        """The mean over the seeds of "loss" or "facts": (rates,)."""
        return np.array([values.mean() for values in getattr(self, name)])


@dataclass(frozen=True)
class Curves:
    """Both methods on one data set, and the limits of the axes over all data sets."""

    task: str
    methods: dict[str, Curve]
    losses: tuple[float, float]
    least: float

    @property
    def ratio(self) -> float:
        """LoRA's best rate over that of full fine-tuning."""
        full, lora = (self.methods[name] for name in ("full", "lora"))
        return float(lora.rates[lora.best] / full.rates[full.best])


def compute(lines: Sequence[Mapping[str, Any]], task: str) -> Curves:
    """Gather the laboratory's lines of a task, by method and learning rate.

    The best rate is the laboratory's: that of the lowest mean loss on dev.  Loss
    (nats) and facts (a share) are test's.

    Raises:
        ValueError: No line of this task has one of the two methods.
    """
    found = {}
    for method in TONES:
        mine = [line for line in lines if (line["run"]["task"], line["run"]["method"])
                == (task, method) and line["run"]["seed"] < TRIED]
        if not mine:
            known = sorted({line["run"]["task"] for line in lines})
            raise ValueError(f"task is {task!r}, of which there are no {method} runs; "
                             f"the tasks are {', '.join(known)}")
        rates = np.array(sorted({line["run"]["learning_rate"] for line in mine}))

        def of(name: str, mine: Sequence[Any] = mine,
               rates: np.ndarray = rates) -> tuple[np.ndarray, ...]:
            return tuple(np.array([line[name] for line in mine
                                   if line["run"]["learning_rate"] == rate]) for rate in rates)

        best = rates.tolist().index(best_rate(mine))
        found[method] = Curve(rates, of("loss"), of("facts"), best)
    losses = [line["loss"] for line in lines]
    return Curves(task, found, (min(losses), max(losses)), min(line["facts"] for line in lines))


def _lines(ax: Axes, data: Curves, name: str) -> None:
    """Mean and range of the seeds; a large marker at the best rate, whose name it carries."""
    for method, curve in data.methods.items():
        values, means, tone = getattr(curve, name), curve.mean(name), TONES[method]
        ax.fill_between(curve.rates, [each.min() for each in values],
                        [each.max() for each in values], color=tone.mark, alpha=0.18, lw=0)
        ax.plot(curve.rates, means, style.MARKER[method], ls=DASHES[method], ms=4,
                color=tone.mark)
        ax.plot(curve.rates[curve.best], means[curve.best], style.MARKER[method], ms=9,
                color=tone.mark, mec=style.PAPER, mew=1.4, zorder=3, clip_on=False)
    rates = np.concatenate([curve.rates for curve in data.methods.values()])
    ax.set(xscale="log", xlim=(rates.min() / 1.3, rates.max() * 1.3), xlabel="learning rate")
    ax.set_xticks(ticks := np.unique(rates), [f"{tick:.6f}".rstrip("0") for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y")


def _names(ax: Axes, data: Curves, name: str) -> None:
    name_lines(ax, [Named(curve.rates, curve.mean(name), NAMES[method], TONES[method])
                    for method, curve in data.methods.items()])


@style.styled
def draw(data: Curves, layout: Layout = "wide") -> Figure:
    """Draw loss on a logarithmic axis and facts kept, both over the learning rate."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.2 if wide else 5.1)
    seeds = len(data.methods["lora"].loss[0])
    style.heading(fig, f"{data.task}: best at {written(data)}",
                  f"Mean and range of {seeds} seeds. Large: best on dev.")
    if wide:
        left = style.place(fig, 0.5, 0.95, 2.9, 1.7)
        right = style.place(fig, 4.2, 0.95, 2.85, 1.7)
    else:
        left = style.place(fig, 0.5, 0.95, 2.95, 1.5)
        right = style.place(fig, 0.5, 3.22, 2.95, 1.3)
    _lines(left, data, "loss")
    left.set(yscale="log", ylim=(data.losses[0] / 1.3, data.losses[1] * 1.3),
             title="Held-out loss, nats")
    style.number_ticks(left.yaxis, (0.03, 0.1, 0.3, 1, 3, 10))
    _names(left, data, "loss")
    better(left, "down", 0.8, 1.13)
    _lines(right, data, "facts")
    floor = 0.5 * np.floor(data.least / 0.5)
    right.set(ylim=(floor - 0.04, 1.06), title="Old facts kept")
    style.share_ticks(right.yaxis, floor)
    better(right, "up", 0.8, 1.13)
    _names(right, data, "facts")
    return fig


def written(data: Curves) -> str:
    """Return the best rate of each method."""
    return ", ".join(f"{curve.rates[curve.best]:g} ({NAMES[method]})"
                     for method, curve in data.methods.items())


def alt(data: Curves) -> str:
    """Return the frame in words."""
    said = []
    for method, curve in data.methods.items():
        loss, facts = curve.loss[curve.best], curve.facts[curve.best]
        said.append(f"{NAMES[method]} does best at {curve.rates[curve.best]:g} (loss "
                    f"{loss.mean():.3g}, facts kept {style.percent(facts.mean())})")
    return (f"{data.task}: {' and '.join(said)}; LoRA's rate is {data.ratio:.2g} times the other.")
