"""One initialization of an adapter among others: how large A and B are drawn, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone
from lib.figures.lora.initialization import Starts, gather, share_axis

CAPTION = "Raise the learning rate, and look for the initializations that lose their answers."

WINDOW = 5  # steps that a point of a curve is the mean of
PALE = style.RULE


@dataclass(frozen=True)
class Start:
    """All initializations at one rate, one of them chosen, and how large each draws A and B."""

    runs: Starts
    widths: Mapping[str, tuple[float, float]]
    name: str
    rate: float


def compute(runs: Mapping[tuple[str, float], Sequence[Mapping[str, Any]]],
            widths: Mapping[str, tuple[float, float]], name: str, rate: float) -> Start:
    """Choose a start and a rate.

    ``runs`` holds by start and rate each seed's losses, answers and facts; ``widths`` by start the
    half width of the draw of A and of B, zero where a matrix starts at zero.

    Raises:
        ValueError: nothing was run with this start at this rate.
    """
    if (name, rate) not in runs:
        raise ValueError(f"no run of the start {name!r} at the rate {rate:g}")
    return Start(Starts(*gather({kind: each for (kind, at), each in runs.items() if at == rate})),
                 widths, name, rate)


def _draws(ax: Axes, data: Start) -> None:
    """How large A and B are drawn: a bar around zero, or a stroke where all is zero."""
    limit = max(width for pair in data.widths.values() for width in pair)
    for row, (letter, tone, width) in enumerate(zip(
            ("A", "B"), (style.A, style.B), data.widths[data.name])):
        ax.add_patch(Rectangle((-width, row - 0.27), 2 * width, 0.54, fc=tone.tint, ec=tone.mark,
                               lw=1.3) if width else
                     Rectangle((-limit / 150, row - 0.27), limit / 75, 0.54, color=tone.mark))
        ax.text(limit * 1.08, row, f"±{width:.3f}" if width else "all zero",
                va="center", ha="left", color=tone.ink, size=style.SMALL, clip_on=False)
        ax.text(-limit * 1.08, row, f"${letter}$", va="center", ha="right", color=tone.ink,
                size=style.NAME, clip_on=False)
    ax.axvline(0, color=style.RULE, lw=style.THIN, zorder=0)
    ax.set(xlim=(-limit * 1.04, limit * 1.04), ylim=(1.5, -0.5), title="Drawn between")
    style.bare(ax)


def _curves(ax: Axes, data: Start) -> None:
    """Training loss of all starts, the chosen one on top."""
    for name in sorted(data.runs.losses, key=lambda each: each == data.name):
        curve = data.runs.curve(name)
        chosen = name == data.name
        ax.plot(np.arange(len(curve)) + (WINDOW + 1) / 2, curve, zorder=2 + chosen,
                color=style.LORA.mark if chosen else PALE, lw=style.LINE if chosen else 1.1)
    steps = max(each.shape[1] for each in data.runs.losses.values())
    ax.set(yscale="log", ylim=(0.012, 9), xlabel="step", title="Training loss, in nats (log scale)",
           xlim=(0, steps))
    ax.set_yticks([0.1, 1], ["0.1", "1"])
    ax.minorticks_off()
    ax.grid(axis="y")


def _row(ax: Axes, values: np.ndarray, at: float, marker: str, tone: Tone, chosen: bool) -> None:
    """Every seed of one row."""
    style.seeds(ax, values, np.full(len(values), at), style.MARKER[marker], tone,
                6.5 if chosen else 4.0)


def _scores(ax: Axes, data: Start) -> None:
    """Answers and facts of every seed, a row for each start; the chosen one larger."""
    for row, name in enumerate(data.runs.losses):
        _row(ax, data.runs.answers[name], row - 0.16, "task", style.TASK, name == data.name)
        _row(ax, data.runs.facts[name], row + 0.16, "facts", style.FACTS, name == data.name)
    names = list(data.runs.losses)
    ax.set(ylim=(len(names) - 0.5, -0.5))
    ax.set_title("After training", pad=18)
    for x, words, tone in ((0, "answers right", style.TASK), (1, "facts kept", style.FACTS)):
        ax.text(x, 1.02, words, transform=ax.transAxes, va="bottom", color=tone.ink,
                ha="right" if x else "left", size=style.SMALL, weight=600)
    ax.set_yticks(range(len(names)), names)
    for label, name in zip(ax.get_yticklabels(), names):
        label.set(color=style.LORA.ink if name == data.name else style.MUTED,
                  weight=600 if name == data.name else 400)
    share_axis(ax, data.runs)
    ax.grid(axis="x")


@style.styled
def draw(data: Start, layout: Layout = "wide") -> Figure:
    """Draw how large both matrices are drawn, the curves, and every seed's scores."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.55 if wide else 5.6)
    seeds = len(data.runs.answers[data.name])
    right = style.percent(data.runs.answers[data.name].mean())
    others = f"The other {len(data.runs.losses) - 1}"
    style.heading(fig, f"{data.name}: {right} of the answers right at a rate of {data.rate:g}"
                  if wide else f"{data.name}: {right} right",
                  f"{others} in grey, {seeds} seeds each; a curve is their mean over {WINDOW} steps"
                  if wide else f"{others} in grey; {seeds} seeds, rate {data.rate:g}")
    _draws(style.place(fig, 0.45, 0.95, 2.05, 0.5), data)
    _curves(style.place(fig, 0.45, 1.95 if wide else 1.9, 2.75 if wide else 2.95,
                        1.1 if wide else 0.95), data)
    left, top = (4.7, 1.13) if wide else (1.45, 3.75)
    _scores(style.place(fig, left, top, 2.3 if wide else 1.9, 1.92 if wide else 1.4), data)
    return fig


def alt(data: Start) -> str:
    """Return the frame in words."""
    a, b = (f"between -{width:.3f} and {width:.3f}" if width else "all zero"
            for width in data.widths[data.name])
    return (f"{data.name} at a learning rate of {data.rate:g}: A is {a}, B is {b}. After training "
            f"{style.percent(data.runs.answers[data.name].mean())} of the answers are right and "
            f"{style.percent(data.runs.facts[data.name].mean())} of the facts are kept, means of "
            f"{len(data.runs.answers[data.name])} seeds.")
