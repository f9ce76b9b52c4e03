"""Up to four initializations of an adapter: how each learns, and what it reaches and keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Compare the curves with the marks: which adapters learn at all, and which keep the old "
           "facts.")

#: Tone and dash of each, the usual one first: the colour of the only matrix that is not zero, then
#: that of both.
LOOKS: tuple[tuple[Tone, Any], ...] = ((style.A, "-"), (style.B, "-"),
                                       (style.LORA, "-"), (style.LORA, (0, (1, 1.2))))
COUNTS = ("One way", "Two ways", "Three ways", "Four ways")
WINDOW = 5  # steps that a point of a curve is the mean of


@dataclass(frozen=True)
class Starts:
    """By start: losses (seeds, steps), answers right and facts kept (seeds,), as shares."""

    losses: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]
    facts: dict[str, np.ndarray]

    def curve(self, name: str) -> np.ndarray:
        """Mean loss of the seeds, smoothed over a few steps: (steps - WINDOW + 1,)."""
        return np.convolve(self.losses[name].mean(0), np.ones(WINDOW) / WINDOW, "valid")


def compute(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Starts:
    """Gather runs by the name of their start, each with losses, answers and facts.

    Raises:
        ValueError: there are more starts than the figure has looks for, or none.
    """
    if not 1 <= len(runs) <= len(LOOKS):
        raise ValueError(f"there are {len(runs)} starts, there must be from 1 to {len(LOOKS)}")
    return Starts(*gather(runs))


def gather(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, np.ndarray]]:
    """Return losses, answers and facts of all seeds by the name of their runs."""
    return [{name: np.array([run[part] for run in each], float) for name, each in runs.items()}
            for part in ("losses", "answers", "facts")]


def share_axis(ax: Axes, data: Starts) -> None:
    """Let the shares begin at the last quarter below the lowest seed."""
    lowest = min(values.min() for part in (data.answers, data.facts) for values in part.values())
    low = min(0.75, np.floor(4 * lowest) / 4)
    ticks = np.arange(low, 1.01, 0.25)
    ax.set_xticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
    ax.set_xlim(low - 0.02, 1.02)


def mark_seeds(ax: Axes, data: Starts, lift: float) -> None:
    """Every seed's answers and facts, a row for each start, ``lift`` above and below its middle."""
    for row, name in enumerate(data.losses):
        for values, tone, marker, shift in ((data.answers[name], style.TASK, "task", -lift),
                                            (data.facts[name], style.FACTS, "facts", lift)):
            style.seeds(ax, values, np.full(len(values), row + shift), style.MARKER[marker], tone,
                        5.5)


def _curves(ax: Axes, data: Starts) -> None:
    """Training loss over the steps, each start with its name at the line."""
    named = []
    for (tone, dash), name in zip(LOOKS, data.losses):
        curve = data.curve(name)
        steps = np.arange(len(curve)) + (WINDOW + 1) / 2
        ax.plot(steps, curve, color=tone.mark, ls=dash)
        named.append(Named(steps, curve, name, tone))
    ax.set(yscale="log", ylim=(0.012, 9), xlabel="step", title="Training loss, in nats (log scale)",
           xlim=(0, max(each.shape[1] for each in data.losses.values())))
    ax.set_yticks([0.1, 1], ["0.1", "1"])
    ax.minorticks_off()
    ax.grid(axis="y")
    name_lines(ax, named)


def _scores(ax: Axes, data: Starts) -> None:
    """Every seed's answers and facts, a row for each start."""
    mark_seeds(ax, data, 0.16)
    ax.set(ylim=(len(data.losses) - 0.5, -0.5))
    ax.set_title("After training", pad=18)
    ax.set_yticks(range(len(data.losses)), list(data.losses))
    share_axis(ax, data)
    for x, words, tone in ((0, "answers right", style.TASK), (1, "facts kept", style.FACTS)):
        ax.text(x, 1.02, words, transform=ax.transAxes, va="bottom", color=tone.ink,
                ha="right" if x else "left", size=style.SMALL, weight=600)
    ax.tick_params(axis="y", labelcolor=style.INK)
    for label, (tone, _) in zip(ax.get_yticklabels(), LOOKS):
        label.set(color=tone.ink, weight=600)
    ax.grid(axis="x")


@style.styled
def draw(data: Starts, layout: Layout = "wide") -> Figure:
    """Draw the curves, and every seed's scores."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.1 if wide else 5.05)
    seeds = len(next(iter(data.losses.values())))
    style.heading(fig, f"{COUNTS[len(data.losses) - 1]} to initialize an adapter",
                  f"The same batches and rate; {seeds} seed{'s' if seeds > 1 else ''} each" +
                  (f"; a curve is their mean over {WINDOW} steps" if wide else ""))
    _curves(style.place(fig, 0.45, 0.95, 3.3 if wide else 2.95, 1.6 if wide else 1.4), data)
    left, top = (4.85, 1.13) if wide else (1.12, 3.25)
    _scores(style.place(fig, left, top, 2.1 if wide else 2.18, 1.42 if wide else 1.25), data)
    return fig


def alt(data: Starts) -> str:
    """Return the picture in words."""
    parts = [f"{name}: {style.percent(data.answers[name].mean())} of the answers, "
             f"{style.percent(data.facts[name].mean())} of the facts" for name in data.losses]
    return (f"Training loss of {len(parts)} initializations, and what they reach. "
            f"{'; '.join(parts)}.")
