"""Form first, facts later, at a price: three shares against the steps of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Each point is a run planned for so many steps, marks are seeds. The form is there "
           "first, the facts come late, and the old ones pay.")

#: What is drawn, from the top of the legend down: its words, tone, marker and dash.
LINES: dict[str, tuple[str, Tone, str, object]] = {
    "form": ("right kind of answer", style.FULL, "o", "-"),
    "lift": ("facts, lift over a blind guess", style.TASK, "D", "-"),
    "facts": ("old facts still told", style.FACTS, "s", (0, (3, 2)))}


@dataclass(frozen=True)
class FormFacts:
    """Shares (seeds,) by name in LINES and by steps; ``steps`` ascend from 0."""

    steps: tuple[int, ...]
    shares: dict[str, dict[int, np.ndarray]]


def compute(shares: Mapping[str, Mapping[int, Sequence[float]]]) -> FormFacts:
    """Gather the shares of the runs by what was measured and by planned steps.

    Raises:
        ValueError: A measure is missing, or was not taken at the same steps as the others.
    """
    if set(shares) != set(LINES):
        raise ValueError(f"shares has {', '.join(shares)}; needed are {', '.join(LINES)}")
    steps = tuple(sorted(shares["form"]))
    if len(steps) < 2 or any(tuple(sorted(each)) != steps for each in shares.values()):
        raise ValueError(f"every measure needs the same steps, two or more; form has {steps}")
    return FormFacts(steps, {name: {step: np.atleast_1d(np.asarray(each[step], float))
                                    for step in steps} for name, each in shares.items()})


def _lines(ax: Axes, data: FormFacts) -> None:
    """The means as lines, every seed as a mark, against places at equal distances."""
    places = np.arange(len(data.steps))
    for name, (_, tone, marker, dash) in LINES.items():
        each = data.shares[name]
        ax.plot(places, [each[step].mean() for step in data.steps], color=tone.mark, ls=dash,
                zorder=2)
        for place, step in zip(places, data.steps, strict=True):
            style.seeds(ax, np.full(len(each[step]), place), each[step], marker, tone, 6)
    ax.set(xlim=(-0.15, len(places) - 0.85), ylim=(-0.06, 1.06), xlabel="steps of the run")
    ax.set_xticks(places, [f"{step:,}" for step in data.steps])
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")


@style.styled
def draw(data: FormFacts, layout: Layout = "wide") -> Figure:
    """Draw the three lines, with their names beside or above them."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95 if wide else 3.5)
    style.heading(fig, "The form comes first, the facts come late",
                  "The elements: full fine-tuning at rate 0.003, two seeds" if wide
                  else "The elements: full, rate 0.003, two seeds")
    _lines(style.place(fig, 0.5, 0.72 if wide else 1.3, 4.2 if wide else 2.95, 1.72), data)
    for k, (name, (words, tone, marker, dash)) in enumerate(LINES.items()):
        last = data.shares[name][data.steps[-1]].mean()
        ax = style.board(fig, 4.95 if wide else style.MARGIN, (0.95 if wide else 0.58)
                         + k * (0.5 if wide else 0.22), 2.2 if wide else 3.4, 0.42)
        ax.plot([0.02, 0.3], [0.1, 0.1], color=tone.mark, ls=dash)
        ax.plot(0.16, 0.1, marker, color=tone.mark, ms=6, mec=style.PAPER, mew=0.8)
        ax.text(0.38, 0.1, words, va="center", color=tone.ink, weight=600, size=style.SMALL)
        if wide:
            ax.text(0.38, 0.28, f"{last:.0%} after {data.steps[-1]}", va="center",
                    color=tone.ink, size=style.SMALL)
    return fig


def alt(data: FormFacts) -> str:
    """Return the figure in words."""
    said = "; ".join(f"{words} " + ", ".join(
        f"{data.shares[name][step].mean():.0%}" for step in data.steps)
        for name, (words, *_) in LINES.items())
    return (f"Full fine-tuning on the elements for {', '.join(map(str, data.steps))} steps: "
            f"{said}.")
