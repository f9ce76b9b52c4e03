"""Both methods' learning rates on one map: the loss that each ends at, and the old facts kept."""

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
from lib.figures.lora.tradeoff import METHODS, TITLES, facts_axis

CAPTION = ("A mark further left has learned more, and one further up has kept more of the old "
           "facts.")
EVERY = 0.02  #: nats from tick to tick


@dataclass(frozen=True)
class Rates:
    """One data set's runs by method and rate, the rates rising: each (seeds, 2), dev loss in nats
    and share of facts kept; ``same`` is the loss at which a rule stands, ``base`` what the base
    model says, ``blind`` what a blind guess has, or nan.
    """

    task: str
    runs: dict[str, dict[float, np.ndarray]]
    same: float
    base: float
    blind: float = np.nan

    @property
    def title(self) -> str:
        """The data set and what is compared on it."""
        return f"{TITLES[self.task]}: learned and kept"

    def means(self, method: str) -> np.ndarray:
        """Loss and facts at each rate, averaged over the seeds: (rates, 2)."""
        return np.array([points.mean(0) for points in self.runs[method].values()])


def compute(lines: Sequence[Mapping[str, Any]], task: str, rates: Mapping[str, Sequence[float]],
            same: Mapping[str, float], base: float, blind: float = np.nan) -> Rates:
    """Gather the runs of a data set at each method's rates. ``same`` has the rate of each method
    at which both end at about one loss.

    Raises:
        ValueError: a rate of a method was not run.
    """
    runs: dict[str, dict[float, np.ndarray]] = {}
    for method in METHODS:
        runs[method] = {}
        for rate in sorted({*rates[method], same[method]}):
            found = [(line["dev_loss"], line["facts"]) for line in lines
                     if line["run"]["task"] == task and line["run"]["method"] == method
                     and line["run"]["learning_rate"] == rate]
            if not found:
                raise ValueError(f"{METHODS[method][0]} was not run on {task!r} at {rate!r}")
            runs[method][rate] = np.array(found)
    level = float(np.mean([runs[method][same[method]][:, 0].mean() for method in METHODS]))
    return Rates(task, runs, level, base, blind)


def _beside(at: int, count: int, method: str) -> tuple[float, float, str, str]:
    """Where a mark's words stand, in points from it, and how they are aligned.

    The highest rate of full fine-tuning has its words on the left, because LoRA's marks come next;
    from others the curve leads up to the right, so theirs are lower there.
    """
    if method == "full" and at == count - 1:
        return -8, -1, "right", "bottom"
    return 8, 5 if at == 0 else 0, "left", "top"


def _plot(ax: Axes, data: Rates, wide: bool) -> None:
    facts_axis(ax, data.base)
    gap = " " if wide else "\n"
    losses = np.concatenate([data.means(method)[:, 0] for method in METHODS])
    low, high, room = losses.min(), losses.max(), np.ptp(losses)
    ax.set(xlim=(low - 0.3 * room, high + 0.36 * room), ylim=(-0.04, 1.14),
           xlabel=f"loss on held-out {TITLES[data.task].lower()}, nats")
    ticks = EVERY * np.arange(low // EVERY, high / EVERY + 1)
    ax.set_xticks(ticks, [f"{tick:.2f}" for tick in ticks])
    ax.plot([data.same] * 2, [-0.04, data.base], color=style.INK, lw=1.1, ls=(0, (3, 2)), zorder=1)
    ax.annotate(f"the same{gap}loss, {data.same:.2f}", (data.same, 0.01),
                (-5, 0), textcoords="offset points", ha="right", va="bottom", size=style.SMALL)
    if data.blind > 0:  # its words stand below the line on the left, where no mark is
        ax.axhline(data.blind, color=style.MUTED, lw=style.THIN, ls=(0, (1, 2)), zorder=1)
        name = "a blind guess" if wide else "guess"
        ax.annotate(f"{name}: {style.percent(data.blind)}", (0, data.blind), (3, -2),
                    ax.get_yaxis_transform(), textcoords="offset points", va="top",
                    color=style.MUTED, size=style.SMALL)
    for method, (name, tone) in METHODS.items():
        means, of = data.means(method), data.runs[method]
        ax.plot(*means.T, style.MARKER[method], ls="-", lw=1.6, color=tone.mark,
                ms=9 if method == "full" else 8, mec=style.PAPER, mew=1, zorder=2)
        for at, (rate, (loss, kept)) in enumerate(zip(of, means)):
            *shift, across, up = _beside(at, len(of), method)
            said = f"{rate:g}", style.percent(kept)
            ax.annotate("rate {}\nkeeps {}".format(*said) if wide else "\n".join(said),
                        (loss, kept), shift, textcoords="offset points", ha=across, va=up,
                        color=tone.ink, size=style.SMALL, linespacing=1.15, zorder=5)
        middle = means[:2].mean(0)  # between the two lowest rates, above the line
        ax.annotate(name, middle, (-4, 7), textcoords="offset points", ha="right", va="bottom",
                    color=tone.ink, weight=600, zorder=5)
    better(ax, "top left", 0.05, 0.55)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw a curve for each method, a mark for each rate, and a rule at the loss that both share.
    """
    wide = layout == "wide"
    fig = style.canvas(layout, 3.6)
    style.heading(fig, data.title, "Each mark is a learning rate and the share of old facts kept"
                  if wide else "At a mark: learning rate, facts kept")
    _plot(style.place(fig, 0.72, 0.54, style.WIDTH[layout] - 0.86, 2.5), data, wide)
    return fig


def alt(data: Rates) -> str:
    """Return the picture in words."""
    said = (f"{METHODS[method][0]} " + ", ".join(
        f"at a rate of {rate:g} ends at {loss:.2f} nats and keeps {style.percent(kept)}"
        for rate, (loss, kept) in zip(of, data.means(method)))
        for method, of in data.runs.items())
    guess = f" A blind guess has {style.percent(data.blind)}." if data.blind > 0 else ""
    return (f"{data.title}: {'; '.join(said)}. An upright dashed rule stands at "
            f"{data.same:.2f} nats.{guess}")
