"""LoRA and its relatives: how each learns, and what every seed reaches and keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout
from lib.figures.lora.initialization import WINDOW, Starts, gather, mark_seeds

CAPTION = ("A line is one method, a mark one seed. Compare the distance between methods with "
           "that between seeds.")
ROW = 0.2  # inches for each name


@dataclass(frozen=True)
class Relatives(Starts):
    """By name of a relative, what ``Starts`` holds by start; one is chosen."""

    chosen: str


def compute(runs: Mapping[str, Sequence[Mapping[str, Any]]], chosen: str) -> Relatives:
    """Gather runs by name, each with losses, answers and facts.

    Raises:
        ValueError: ``chosen`` is no name of the runs, or a run is shorter than the smoothing.
    """
    if chosen not in runs:
        raise ValueError(f"there are no runs of {chosen!r}; there are {', '.join(runs)}")
    parts = gather(runs)
    shortest = min(each.shape[1] for each in parts[0].values())
    if shortest < WINDOW:
        raise ValueError(f"a run has {shortest} steps, it must have at least {WINDOW}")
    return Relatives(*parts, chosen)


def _order(data: Relatives) -> list[str]:
    """All names, the first and then the chosen one last, so that they are drawn on top."""
    first = next(iter(data.losses))
    return sorted(data.losses, key=lambda name: (name == data.chosen, name == first))


def _tone(data: Relatives, name: str) -> style.Tone:
    """LoRA's colour for the chosen one, dark for the first, which it is compared with, or grey."""
    if name == data.chosen:
        return style.LORA
    return style.DATA if name == next(iter(data.losses)) else style.FROZEN


def _curves(ax: Axes, data: Relatives) -> None:
    """Training loss over the steps: the chosen one and the first; the rest in grey, and of them
    the lowest and the two highest in the end have names as well.
    """
    lines, ends = [], sorted(data.losses, key=lambda name: data.curve(name)[-1])
    named = {ends[0], *ends[-2:]}
    for name in _order(data):
        curve, tone = data.curve(name), _tone(data, name)
        lines.append(Named(np.arange(len(curve)) + (WINDOW + 1) / 2, curve,
                           name if tone is not style.FROZEN or name in named else "", tone))
        ax.plot(lines[-1].x, curve, color=tone.mark, lw=2.2 if tone is style.LORA else 1.0,
                ls="--" if tone is style.DATA else "-")
    low, high = (pick(pick(line.y) for line in lines) for pick in (min, max))
    ax.set(yscale="log", ylim=(low / 1.3, high * 1.3), xlabel="step", title="Training loss, nats",
           xlim=(0, max(each.shape[1] for each in data.losses.values())))
    style.number_ticks(ax.yaxis, (0.01, 0.03, 0.1, 0.3, 1, 3, 10))
    ax.grid(axis="y")
    name_lines(ax, lines, style.SMALL)


def _scores(ax: Axes, data: Relatives) -> None:
    """Every seed's answers and facts, a row for each name; a band lies under the chosen one."""
    names = list(data.losses)
    at = names.index(data.chosen)
    ax.axhspan(at - 0.46, at + 0.46, color=style.LORA.tint, lw=0)
    mark_seeds(ax, data, 0.18)
    least = min(float(values.min()) for part in (data.answers, data.facts)
                for values in part.values())
    floor = 0.5 * np.floor(least / 0.5)
    ax.set(xlim=(floor - 0.02, 1.02), ylim=(len(names) - 0.5, -0.5), xlabel="share right")
    style.share_ticks(ax.xaxis, floor)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", labelcolor=style.INK)
    ax.get_yticklabels()[at].set(color=style.LORA.ink, weight=600)
    ax.grid(axis="x")


def _legend(fig: Figure, left: float, top: float) -> None:
    """Name the two kinds of marker, in their colours, above the scores."""
    for shift, words, tone in ((0, "round: answers", style.TASK),
                               (1, "square: facts kept", style.FACTS)):
        style.write(fig, left + shift, top, words, tone.ink, style.SMALL, weight=600,
                    va="baseline")


@style.styled
def draw(data: Relatives, layout: Layout = "wide") -> Figure:
    """Draw the curves, and every seed's scores."""
    wide = layout == "wide"
    high = max(1.9, ROW * len(data.losses))
    fig = style.canvas(layout, high + (1.5 if wide else 3.6))
    answers, facts = data.answers[data.chosen].mean(), data.facts[data.chosen].mean()
    seeds = len(data.losses[data.chosen])
    style.heading(fig, f"{data.chosen}: {style.percent(answers)} right, "
                  f"{style.percent(facts)} kept",
                  f"Coloured: the chosen one, over {seeds} seeds. Grey: the others.")
    _curves(style.place(fig, 0.45, 0.95, 3.0, high if wide else 1.45), data)
    left, top = (4.75, 0.95) if wide else (1.1, 3.15)
    _legend(fig, left, top - 0.1)
    _scores(style.place(fig, left, top, 2.25 if wide else 2.3, high), data)
    return fig


def alt(data: Relatives) -> str:
    """Return the frame in words."""
    answers, facts = data.answers[data.chosen], data.facts[data.chosen]
    rank = 1 + sum(each.mean() > answers.mean() for each in data.answers.values())
    return (f"{data.chosen}, one of {len(data.losses)}: {style.percent(answers.mean())} of the "
            f"test answers right, {style.percent(facts.mean())} of the facts kept; "
            f"number {rank} by answers.")
