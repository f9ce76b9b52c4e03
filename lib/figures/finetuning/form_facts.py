"""Form first, facts later, at a price: three shares against the steps of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, paragraph, visible
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Move the step, and compare when the green line rises, the gold line rises and the "
           "black one falls.")

#: What is drawn, from the top of the legend down: its words, tone, marker and dash.
LINES: dict[str, tuple[str, Tone, str, object]] = {
    "form": ("right kind of answer", style.FULL, "o", "-"),
    "facts": ("right answer", style.TASK, "D", "-"),
    "old": ("old facts kept", style.FACTS, "s", (0, (3, 2)))}

#: One prompt: it, the answer wanted, and what a model says.
Said = tuple[str, str, str]


@dataclass(frozen=True)
class FormFacts:
    """Shares (seeds,) by name in LINES and by step; the exposures of each element by
    then, by step in ascending order; and what the model says after step ``at``.
    """

    told: dict[int, int]
    shares: dict[str, dict[int, np.ndarray]]
    at: int
    answers: tuple[Said, ...]

    def mean(self, name: str) -> float:
        """The mean over the seeds at the chosen place."""
        return float(self.shares[name][self.at].mean())


def compute(shares: Mapping[str, Mapping[int, Sequence[float]]],
            answers: Mapping[int, Sequence[Said]],
            told: Mapping[int, int], step: int) -> FormFacts:
    """Gather the shares of the runs by what was measured and after which step.

    Raises:
        ValueError: A measure is missing, or was not taken after the same steps as the others.
    """
    if set(shares) != set(LINES):
        raise ValueError(f"shares has {', '.join(shares)}; needed are {', '.join(LINES)}")
    places = tuple(sorted(shares["form"]))
    if len(places) < 2 or any(tuple(sorted(each)) != places
                              for each in (*shares.values(), answers, told)):
        raise ValueError(f"every measure needs the same steps, two or more; form has {places}")
    if step not in places:
        raise ValueError(f"step is {step}; allowed are {', '.join(map(str, places))}")
    return FormFacts({place: told[place] for place in places},
                     {name: {place: np.atleast_1d(np.asarray(each[place], float))
                             for place in places} for name, each in shares.items()},
                     step, tuple(answers[step]))


def _lines(ax: Axes, data: FormFacts) -> None:
    """The means as lines over the steps, every seed as a mark."""
    places = list(data.told)
    ax.axvline(data.at, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    for name, (_, tone, marker, dash) in LINES.items():
        each = data.shares[name]
        ax.plot(places, [each[step].mean() for step in places], color=tone.mark, ls=dash,
                zorder=2)
        for step in places:
            style.seeds(ax, np.full(len(each[step]), step), each[step], marker, tone, 5)
    ax.set(xlim=(places[0] - 0.02 * places[-1], 1.03 * places[-1]), ylim=(-0.06, 1.06),
           xlabel="training step")
    ax.set_xticks(_ticks(places, data.at, 0.08 * places[-1]))
    ax.set_xticks(places, minor=True)
    ax.tick_params("x", which="both", bottom=True, length=3, color=style.FROZEN.mark)
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")


def _ticks(places: Sequence[int], at: int, apart: float) -> list[int]:
    """The chosen place and, from the right, all others whose numbers have room beside it."""
    kept = [at]
    for place in reversed(places):
        if all(abs(place - each) >= apart for each in kept):
            kept.append(place)
    return sorted(kept)


def _key(fig: Figure, data: FormFacts, wide: bool) -> None:
    """The lines in words, with the means at the chosen place."""
    for k, (name, (words, tone, marker, dash)) in enumerate(LINES.items()):
        ax = style.board(fig, 4.95 if wide else style.MARGIN, (0.66 if wide else 0.58)
                         + k * (0.48 if wide else 0.22), 2.2 if wide else 3.4, 0.42)
        ax.plot([0.02, 0.3], [0.1, 0.1], color=tone.mark, ls=dash)
        ax.plot(0.16, 0.1, marker, color=tone.mark, ms=6, mew=0.8, mec=style.PAPER)
        ax.text(0.38, 0.1, words, va="center", color=tone.ink, weight=600, size=style.SMALL)
        if wide:
            ax.text(0.38, 0.28, style.percent(data.mean(name)), va="center", color=tone.ink,
                    size=style.SMALL)


def _height(data: FormFacts, wide: bool) -> float:
    return 0.24 + (1 + len(data.answers) * (1 if wide else 2)) * (style.BASE * LEADING + 0.05)


def _answers(fig: Figure, data: FormFacts, top: float, wide: bool) -> None:
    """Each prompt with what is said and what is wanted."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING
    ax = style.card(fig, style.MARGIN, top, width, _height(data, wide))
    said, wanted = (3.0, 5.4) if wide else (0.15, 2.1)
    at = 0.12
    ax.text(said, at + line / 2, "the model says", va="center", color=style.FULL.ink, weight=600)
    ax.text(wanted, at + line / 2, "wanted", va="center", color=style.MUTED)
    for prompt, right, text in data.answers:
        at += line + 0.05
        paragraph(ax, 0.15, at, visible(prompt), 2.8 if wide else width - 0.3, 1, style.MUTED)
        at += 0 if wide else line + 0.05
        paragraph(ax, said, at, visible(text) or "(nothing)", 2.3 if wide else 1.9, 1,
                  style.FULL.ink)
        paragraph(ax, wanted, at, right, 1.3, 1, style.MUTED)


@style.styled
def draw(data: FormFacts, layout: Layout = "wide") -> Figure:
    """Draw the three lines with their names beside or above them, and the answers below."""
    wide = layout == "wide"
    top = 2.85 if wide else 3.5
    fig = style.canvas(layout, top + _height(data, wide) + 0.06)
    form, right = (style.percent(data.mean(name)) for name in ("form", "facts"))
    texts = data.told[data.at]
    style.heading(fig, f"After {data.at} steps: {form} form, {right} facts",
                  f"{texts} exposures of each element, on average; a mark is a seed" if wide else
                  f"{texts} exposures of each element, on average")
    _lines(style.place(fig, 0.5, 0.72 if wide else 1.36, 4.2 if wide else 2.95, 1.56), data)
    _key(fig, data, wide)
    _answers(fig, data, top, wide)
    return fig


def alt(data: FormFacts) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{words} {style.percent(data.mean(name), 1)}"
                     for name, (words, *_) in LINES.items())
    prompt, wanted, text = data.answers[0]
    return (f"After {data.at} steps, {data.told[data.at]} exposures of each element on average: "
            f"{said}. "
            f"'{prompt}' is ended with '{visible(text)}', wanted is '{wanted.strip()}'.")
