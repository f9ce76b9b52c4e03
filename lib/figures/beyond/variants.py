"""LoRA and its relatives: how each learns, and how far from LoRA it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout
from lib.figures.lora.initialization import WINDOW, Starts, gather

CAPTION = ("On the right a bar is the 95% interval of a method's mean difference from the first "
           "one. Where it crosses the line at 0, the two cannot be told apart.")
ROW = 0.2  # inches for each name
T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # of 95%, by the number of seeds


@dataclass(frozen=True)
class Relatives(Starts):
    """By name of a relative, what ``Starts`` holds by start; one is chosen."""

    chosen: str

    def above(self, part: str, name: str) -> tuple[float, float]:
        """Points of ``part`` above the first method, seed by seed: their mean and its margin."""
        values = getattr(self, part)
        gains = 100 * (values[name] - next(iter(values.values())))
        return (float(gains.mean()),
                float(T[len(gains)] * gains.std(ddof=1) / len(gains) ** 0.5))


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


def _differences(ax: Axes, data: Relatives, part: str, words: str, tone: style.Tone) -> None:
    """A method a row: its mean difference from the first one, with its interval."""
    first, *names = data.losses
    if data.chosen in names:
        at = names.index(data.chosen)
        ax.axhspan(at - 0.46, at + 0.46, color=style.LORA.tint, lw=0)
    ax.axvline(0, color=style.DATA.mark, lw=1.0, ls="--", zorder=2)
    found = [data.above(part, name) for name in names]
    ends = [mean + sign * margin for mean, margin in found for sign in (-1, 1)]
    for row, (mean, margin) in enumerate(found):
        ax.plot([mean - margin, mean + margin], [row, row], color=tone.mark, lw=1.4, zorder=3)
        ax.plot([mean], [row], style.MARKER["task" if part == "answers" else "facts"], ms=5,
                color=tone.mark, mec=style.PAPER, mew=0.8, ls="", zorder=4)
    ax.set(xlim=(min(*ends, -1) - 2, max(*ends, 1) + 2), ylim=(len(names) - 0.5, -0.5))
    ax.set_title(words, color=tone.ink, weight=600, size=style.SMALL)
    ax.set_xlabel(f"points above {first}", size=style.SMALL)
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.set_yticks(range(len(names)), names if part == "answers" else [""] * len(names))
    ax.tick_params(axis="y", labelcolor=style.INK)
    if data.chosen in names and part == "answers":
        ax.get_yticklabels()[at].set(color=style.LORA.ink, weight=600)
    ax.grid(axis="x")


@style.styled
def draw(data: Relatives, layout: Layout = "wide") -> Figure:
    """Draw the curves, and every method's differences from the first one."""
    wide = layout == "wide"
    high = max(1.9, ROW * len(data.losses))
    fig = style.canvas(layout, high + (1.5 if wide else 3.7))
    answers, facts = data.answers[data.chosen].mean(), data.facts[data.chosen].mean()
    seeds = len(data.losses[data.chosen])
    style.heading(fig, f"{data.chosen}: {style.percent(answers)} right, "
                  f"{style.percent(facts)} kept",
                  f"Coloured: the chosen one, over {seeds} seeds. Grey: the others.")
    _curves(style.place(fig, 0.45, 0.95, 3.0, high if wide else 1.45), data)
    left, top = (4.55, 0.95) if wide else (1.0, 3.2)
    for shift, part, words, tone in ((0, "answers", "answers", style.TASK),
                                     (1.3, "facts", "facts kept", style.FACTS)):
        _differences(style.place(fig, left + shift, top, 1.15, high), data, part, words, tone)
    return fig


def alt(data: Relatives) -> str:
    """Return the frame in words."""
    answers, facts = data.answers[data.chosen], data.facts[data.chosen]
    rank = 1 + sum(each.mean() > answers.mean() for each in data.answers.values())
    first = next(iter(data.losses))
    gains = "" if data.chosen == first else f" Above {first}, in points: " + ", ".join(
        f"{part} {mean:+.1f} ± {margin:.1f}" for part, (mean, margin) in (
            (part, data.above(part, data.chosen)) for part in ("answers", "facts"))) + "."
    return (f"{data.chosen}, one of {len(data.losses)}: {style.percent(answers.mean())} of the "
            f"test answers right, {style.percent(facts.mean())} of the facts kept; "
            f"number {rank} by answers.{gains}")
