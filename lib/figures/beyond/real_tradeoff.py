"""A real model, rate after rate: what is learnt, kept and leaked, and what it answers.

Higher rates than the chosen one are not drawn yet, so that a reader can guess them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Move the rate up, and the next points appear. Above is what was learnt, below what "
           "became of the known questions.")
HIGH = 0.75  # losses below are drawn; what lies above is written at the edge
CARD = {"wide": 0.7, "narrow": 0.64}  # inches of one question with its answer


@dataclass(frozen=True)
class Tradeoff:
    """Lines over the rate, of which one has a chosen place, and what was answered there.

    lines: by name (rates, 4), the rate, loss on dev, answers kept and leaked, with seed 0;
    others: by name (n, 4), the same with other seeds;
    said: (question, answer).
    """

    lines: dict[str, np.ndarray]
    others: dict[str, np.ndarray]
    known: int
    chosen: str
    at: int
    said: tuple[tuple[str, str], ...]

    @property
    def place(self) -> tuple[float, float, int, int]:
        rate, dev, kept, leaked = self.lines[self.chosen][self.at]
        return float(rate), float(dev), int(kept), int(leaked)

    @property
    def edges(self) -> tuple[float, float]:
        """Where the axis of losses begins and ends, whatever place is chosen."""
        losses = np.concatenate([each[:, 1] for each in (*self.lines.values(),
                                                         *self.others.values())])
        return float(losses.min()) - 0.03, float(losses[losses < HIGH].max()) + 0.05


def compute(found: Mapping[str, Sequence[Mapping[str, Any]]], known: int, setting: str,
            rate: int) -> Tradeoff:
    """Choose a setting, and its first, second, ... learning rate.

    ``found`` has for each setting a mapping a rate, from the lowest one: its "rate", for each seed
    the loss "dev", the counts "kept" and "leaked", and what is "said" with seed 0, by question.

    Raises:
        ValueError: there is no such setting, or it has no such rate.
    """
    if setting not in found or not 1 <= rate <= len(found[setting]):
        raise ValueError(f"rate {rate} of {setting!r} is not recorded; settings are "
                         + ", ".join(f"{name} with {len(each)}" for name, each in found.items()))
    parts = "dev", "kept", "leaked"
    every = {name: [[(each["rate"], *seed) for seed in zip(*(each[part] for part in parts))]
                    for each in tried] for name, tried in found.items()}
    lines = {name: np.array([first for first, *_ in tried]) for name, tried in every.items()}
    others = {name: np.array([seed for _, *rest in tried for seed in rest]).reshape(-1, 4)
              for name, tried in every.items()}
    return Tradeoff(lines, others, known, setting, rate - 1,
                    tuple(found[setting][rate - 1]["said"].items()))


def _plain(rate: float) -> str:
    return np.format_float_positional(float(f"{rate:.2g}"), trim="-")


def _tone(name: str) -> style.Tone:
    return style.FULL if name.startswith("full") else style.LORA


def _chart(ax: Axes, data: Tradeoff, column: int) -> None:
    """The loss (column 1), the answers kept (2) or leaked (3) over the rate; the chosen place."""
    rates = np.concatenate([line[:, 0] for line in data.lines.values()])
    ax.set_xscale("log")
    ax.set_xlim(rates.min() / 1.6, rates.max() * 1.6)
    ax.grid(axis="y")
    ax.axvline(data.place[0], color=style.FROZEN.mark, lw=style.THIN, ls=":", zorder=1)
    for name, whole in data.lines.items():
        line, tone, chosen = whole[:data.at + 1], _tone(name), name == data.chosen
        marker = style.MARKER["full" if tone is style.FULL else "lora"]
        ax.plot(line[:, 0], line[:, column], marker, ls="-", ms=5, color=tone.mark, zorder=3,
                mec=style.PAPER, mew=0.8, lw=style.LINE if chosen else style.THIN)
        rest = data.others[name]
        rest = rest[rest[:, 0] <= line[-1, 0]]
        for rate in np.unique(rest[:, 0]):
            seeds = np.concatenate([each[each[:, 0] == rate, column] for each in (line, rest)])
            ax.plot([rate, rate], [seeds.min(), seeds.max()], color=tone.mark, lw=style.THIN,
                    zorder=2)
        ax.plot(rest[:, 0], rest[:, column], marker, ls="", ms=4, mfc=style.PAPER, mec=tone.mark,
                mew=1.0, zorder=5)
        if chosen:
            ax.plot(*line[data.at, [0, column]], marker, ms=7.5, color=tone.mark, mec=style.INK,
                    mew=1.3, zorder=4)
    if column > 1:
        ax.set(ylim=(-0.12 * data.known, 1.12 * data.known),
               title=f"known questions {('kept', 'answered in JSON')[column - 2]}, of {data.known}")
        ax.set_yticks([0, *range(20, data.known - 4, 20), data.known])


def _losses(ax: Axes, data: Tradeoff) -> None:
    low, high = data.edges
    ax.set(ylim=(low, high), title="loss on dev countries, nats")
    ticks = [each for each in (0.3, 0.4, 0.5, 0.6, 0.7) if low < each < high]
    ax.set_yticks(ticks, [f"{each:.1f}" for each in ticks])
    for name, line in data.lines.items():
        line = line[:data.at + 1]
        for rate, loss, *_ in line[line[:, 1] >= HIGH]:
            ax.text(rate * 1.5, high - 0.01, f"{loss:.1f} \u2191", ha="right", va="top",
                    size=style.SMALL, color=_tone(name).ink, zorder=5,
                    bbox={"fc": style.PAPER, "ec": "none", "pad": 0.6})


@style.styled
def draw(data: Tradeoff, layout: Layout = "wide") -> Figure:
    """Draw both charts over the rate, and beside or under them the answers at the chosen place."""
    wide, card = layout == "wide", CARD[layout]
    rate, _, kept, leaked = data.place
    top, width = (0.95, 3.55) if wide else (1.12, 3.15)
    high, gap = (0.8, 0.4) if wide else (0.57, 0.35)
    end = top + 3 * high + 2 * gap
    fig = style.canvas(layout, 4.75 if wide else end + 0.55 + (card + 0.07) * len(data.said))
    style.heading(fig, f"{data.chosen}, rate {_plain(rate)}: {kept} kept, {leaked} in JSON",
                  "SmolLM2 after 20 steps of JSON; lines: seed 0;" + (" " if wide else "\n")
                  + "hollow: other seeds; large: the answers shown")
    charts = [style.place(fig, 0.36, top + k * (high + gap), width, high) for k in range(3)]
    for column, ax in enumerate(charts, 1):
        _chart(ax, data, column)
        ticks = sorted({rate for line in data.lines.values() for rate in line[:, 0]})
        ax.set_xticks(ticks, [_plain(each) for each in ticks])
        ax.minorticks_off()
        ax.tick_params(labelbottom=column == 3)
    _losses(charts[0], data)
    charts[2].set_xlabel("learning rate")
    for column, ax in enumerate(charts, 1):
        for name, line in data.lines.items():
            below = line[0, column] > np.mean(ax.get_ylim())
            apart = (5, -6, -9)[below * column]  # loss and JSON: one step; kept: under other seeds
            ax.annotate(name, line[0, [0, column]], (0, apart), textcoords="offset points",
                        ha="right" if below and column == 1 else "center",
                        va="top" if below else "bottom", size=style.SMALL,
                        color=_tone(name).ink, weight=600 if name == data.chosen else 400)
    left, width = (4.25, 2.89) if wide else (style.MARGIN, 3.48)
    down = 0.95 if wide else end + 0.52
    for k, (question, answer) in enumerate(data.said):
        each = 1.05 if wide else card
        ax = style.card(fig, left, down + k * (each + 0.07), width, each)
        paragraph(ax, 0.1, 0.07, question, width - 0.2, 1, style.MUTED, style.SMALL)
        paragraph(ax, 0.1, 0.27, visible(answer) or "(nothing)", width - 0.2, 3 if wide else 2,
                  _tone(data.chosen).ink if answer.startswith("{") else style.INK,
                  style.SMALL, 600)
    return fig


def alt(data: Tradeoff) -> str:
    """Return the frame in words."""
    rate, dev, kept, leaked = data.place
    said = " ".join(f"Asked '{question}' it answers '{visible(answer)}'."
                    for question, answer in data.said)
    return (f"{data.chosen} at learning rate {_plain(rate)}: loss on dev {dev:.2f} nats, {kept} of "
            f"{data.known} known questions kept, {leaked} answered in JSON. {said}")
