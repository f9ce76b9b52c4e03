"""What a model answers as its adapter is turned up from 0 (the base model) to 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, measure, name_lines, paragraph, token, visible, wrap
from lib.figures.kit.style import Layout
from lib.laboratory.strength_scan import QUESTION

CAPTION = ("Turn the adapter up: the questions are answered by strength 1, and beyond it old facts "
           "are lost.")

TOKENS = 5
#: So many other seeds are told one by one; of more, the lowest and the highest.
FEW = 2


@dataclass(frozen=True)
class Strength:
    """One question at one strength, and both scores at all strengths.

    ``others``: adapters of other seeds, each (4, strengths): strength, task, facts, and the loss on
    old text.  ``old``: this loss at all strengths, in nats; none where it isn't drawn.
    """

    question: str
    strength: float
    answer: str
    tokens: tuple[str, ...]
    chances: np.ndarray
    strengths: np.ndarray
    task: np.ndarray
    facts: np.ndarray
    others: tuple[np.ndarray, ...] = ()
    old: np.ndarray | None = None

    @property
    def at(self) -> int:
        """The place of the chosen strength among all."""
        return int(np.flatnonzero(self.strengths == self.strength)[0])

    @property
    def found(self) -> str:
        """Both shares at the chosen strength; of more than ``FEW`` other seeds, the range of all.

        Of this adapter alone where the others weren't measured.
        """
        shares, count = [np.array([[self.task[self.at]], [self.facts[self.at]]])], ""
        others = [run[1:3, run[0] == self.strength] for run in self.others]
        if self.many and self.strength and all(each.size for each in others):
            shares += others
            count = f" ({len(shares)} trainings)"
        task, facts = (_span(each) for each in np.hstack(shares))
        return f"{task} answered, {facts} of the facts kept{count}"

    @property
    def many(self) -> bool:
        """Whether there are more seeds than can be told one by one."""
        return len(self.others) > FEW


def _span(shares: np.ndarray) -> str:
    low, high = style.percent(shares.min()), style.percent(shares.max())
    return high if low == high else f"{low[:-1]} to {high}"


def compute(runs: Mapping[Any, Mapping[str, Any]], country: str, strength: float,
            question: str = QUESTION,
            others: Sequence[Mapping[float, Mapping[str, float]]] = (),
            old_text: bool = False) -> Strength:
    """Look up one country and strength.

    ``runs`` maps each strength (a number, or one written as text) to ``task`` and ``facts``, shares
    from 0 to 1, and for each country to its ``answer`` and ``top``, pairs of token and probability.
    ``others`` holds the same of further adapters, at some of the strengths.  With ``old_text`` the
    loss on old text is drawn, too: ``old`` in the runs.

    Raises:
        ValueError: There is no such strength or country.
    """
    order = sorted(runs, key=float)
    found = [key for key in order if float(key) == float(strength)]
    if not found:
        raise ValueError(f"strength is {strength}; allowed are {', '.join(map(str, order))}")
    here = runs[found[0]]
    if country not in here or country in ("task", "facts", "old"):
        known = sorted(set(here) - {"task", "facts", "old"})
        raise ValueError(f"country is {country!r}; allowed are {', '.join(known)}")
    top = here[country]["top"][:TOKENS]
    return Strength(question.format(country=country), float(strength), here[country]["answer"],
                    tuple(text for text, _ in top), np.array([chance for _, chance in top]),
                    np.array([float(key) for key in order]),
                    np.array([runs[key]["task"] for key in order]),
                    np.array([runs[key]["facts"] for key in order]),
                    tuple(np.array([(at, *(run[at][name] for name in ("task", "facts", "old")))
                                    for at in sorted(run)]).T for run in others),
                    np.array([runs[key]["old"] for key in order]) if old_text else None)


def _card(fig: Figure, data: Strength, top: float, height: float,
          lines: int) -> None:
    """The question, and the answer in its model's colour, smaller when it is long."""
    tone = _tone(data)
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    ax = style.card(fig, style.MARGIN, top, width, height)
    paragraph(ax, 0.15, 0.11, data.question, width - 0.3, 1)
    ax.text(0.15, 0.46, "A:", va="center")
    words, room = visible(data.answer), width - 0.52
    if not words:
        ax.text(0.37, 0.46, "(nothing: the text ends)", va="center", color=style.MUTED,
                style="italic")
    elif measure(words, style.LARGE, 600) <= room:
        paragraph(ax, 0.37, 0.352, words, room, 1, tone.ink, style.LARGE, 600)
    else:
        paragraph(ax, 0.37, 0.366, words, room, lines, tone.ink, style.BASE, 600)


def _tone(data: Strength) -> style.Tone:
    """Grey for the base alone, the adapter's colour for both."""
    return style.LORA if data.strength else style.FROZEN


def _bars(ax: Axes, data: Strength) -> None:
    """The likeliest next tokens, and how likely each is."""
    places, tone = np.arange(len(data.tokens)), _tone(data)
    ax.barh(places, data.chances, 0.62, color=tone.tint)
    ax.barh(places[:1], data.chances[:1], 0.62, color=tone.mark)
    for place, chance in zip(places, data.chances):
        ax.text(chance + 0.02, place, style.percent(chance), va="center",
                weight=600 if place == 0 else 400)
    names = [wrap(token(text), 0.9, style.BASE, 1)[0] for text in data.tokens]
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(axis="y", labelcolor=style.INK, labelsize=style.BASE, pad=4)
    ax.set(ylim=(TOKENS - 0.45, -0.55), xlim=(0, 1.25), xticks=[],
           title="Likeliest next tokens (\u00b7 is a space)")
    ax.spines["bottom"].set_visible(False)
    ax.spines["left"].set(visible=True, color=style.RULE)


def _scores(ax: Axes, data: Strength) -> None:
    """Task learnt and facts kept at every strength."""
    ax.axvline(data.strength, color=style.LORA.mark, lw=1.2, zorder=0)
    for values, tone, marker in ((data.facts, style.FACTS, style.MARKER["facts"]),
                                 (data.task, style.TASK, style.MARKER["task"])):  # on top
        ax.plot(data.strengths, values, color=tone.mark)
        style.point(ax, data.strength, values[data.at], marker, tone)
    others = [(at, values, tone) for at, task, facts, _ in data.others
              for values, tone in ((task, style.TASK), (facts, style.FACTS))]
    for at, values, tone in others:
        ax.plot(at, values, color=tone.mark, lw=0.8, zorder=1)
    ax.set(ylim=(-0.04, 1.16),
           title="Answers and facts" + " (thin: other seeds)" * bool(others))
    _across(ax, data, data.old is None)
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")
    curves = [Named(at, values, "", tone) for at, values, tone in others]
    # No name on the line of strength 1, at which the reader begins.
    chosen = Named(np.ones(2), np.array(ax.get_ylim()), "", style.LORA)
    if data.many:  # later the lines of the seeds cross, so the names stand where they are apart
        for x, y, name, tone in ((0.02, 0.87, "facts kept", style.FACTS),
                                 (0.66, 0.28, "questions answered", style.TASK)):
            ax.text(x, y, name, color=tone.ink, weight=600, va="center", zorder=4,
                    bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})
        return
    name_lines(ax, [Named(data.strengths, data.facts, "facts kept", style.FACTS),
                    Named(data.strengths, data.task, "questions answered", style.TASK),
                    *curves, chosen])


def _across(ax: Axes, data: Strength, named: bool) -> None:
    """The axis of the strengths, with its numbers and name only under the lowest plot."""
    last = data.strengths[-1]
    ticks = np.linspace(0, last, 5)
    ax.set_xlim(-0.025 * last, 1.025 * last)
    ax.set_xticks(ticks, [style.short(tick) if named else "" for tick in ticks])
    ax.set_xlabel("adapter strength" if named else "")


def _old(ax: Axes, data: Strength) -> None:
    """The loss on old text at every strength of this adapter."""
    assert data.old is not None
    ax.axvline(data.strength, color=style.LORA.mark, lw=1.2, zorder=0)
    ax.plot(data.strengths, data.old, color=style.FROZEN.ink)
    style.point(ax, data.strength, data.old[data.at], style.MARKER["facts"], style.FROZEN)
    for at, _, _, old in data.others:
        ax.plot(at, old, color=style.FROZEN.ink, lw=0.8, zorder=1)
    every = np.concatenate([data.old, *(old for *_, old in data.others)])
    low, high = np.floor(2 * every.min()) / 2, np.ceil(2 * every.max()) / 2
    ax.set(ylim=(low, high), title=f"Loss on old text: {data.old[data.at]:.2f} nats")
    ax.set_yticks([low, (low + high) / 2, high],
                  [style.short(tick) for tick in (low, (low + high) / 2, high)])
    ax.grid(axis="y")
    _across(ax, data, True)


@style.styled
def draw(data: Strength, layout: Layout = "wide") -> Figure:
    """Draw the answer, the next tokens and both scores at one strength."""
    wide = layout == "wide"
    old = data.old is not None  # a third plot
    fig = style.canvas(layout, (4.95 if old else 3.6) if wide else 6.2 if old else 5.45)
    style.heading(fig, f"Strength {data.strength:g}" + (f": {data.found}" if wide else ""),
                  "0 is the base model, 1 the adapter as trained" if wide else data.found)
    _card(fig, data, 0.62, 0.82 if wide else 0.98, 2 if wide else 3)
    if wide:
        _bars(style.place(fig, 1.02, 1.84, 2.5, 2.6 if old else 1.25), data)
        _scores(style.place(fig, 4.3, 1.84, 2.8, 1.25), data)
    else:
        _bars(style.place(fig, 1.02, 1.96, 2.46, 1.0 if old else 1.2), data)
        _scores(style.place(fig, 0.5, 3.3 if old else 3.56, 2.92, 1.15 if old else 1.38), data)
    if old:
        _old(style.place(fig, 4.3, 3.5, 2.8, 0.94) if wide else
             style.place(fig, 0.5, 4.8, 2.92, 0.88), data)
    return fig


def _others(data: Strength) -> str:
    """The other seeds in words."""
    if data.many:
        return f" With the other seeds: {data.found}."
    return "".join(f" Another seed at strength {at:g}: {style.percent(task)}, facts kept "
                   f"{style.percent(facts)}." for at, task, facts, _ in
                   (run[:, -1] for run in data.others))


def alt(data: Strength) -> str:
    """Return the frame in words."""
    answer = visible(data.answer)
    return (f"Strength {data.strength:g}: asked '{data.question}' the model "
            f"{f'answers {answer!r}' if answer else 'says nothing'}; its likeliest next token is "
            f"'{token(data.tokens[0])}' with {style.percent(data.chances[0])}. Questions answered "
            f"{style.percent(data.task[data.at])}, facts kept {style.percent(data.facts[data.at])}"
            + (f", {data.old[data.at]:.2f} nats on old text, {data.old[0]:.2f} at strength 0."
               if data.old is not None else ".") + _others(data))
