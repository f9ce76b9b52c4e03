"""A real model at each learning rate: what is learnt against what is kept, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import better, paragraph, ring, visible
from lib.figures.kit.style import Layout

CAPTION = ("Each line goes from a method's lowest rate to its highest: first left, it learns; "
           "then down, it forgets.")
LOW, HIGH = 0.25, 0.75  # losses that may be drawn; what lies above is written at the edge
CARD = {"wide": 0.7, "narrow": 0.68}  # inches of one question with its answer


@dataclass(frozen=True)
class Tradeoff:
    """Paths over the rate, of which one has a chosen place, and what was answered there.

    paths: by name (rates, 3), the rate, loss on dev and answers kept;  others: (n, 2), the same
    loss and count with other seeds at the chosen rate;  said: (question, answer).
    """

    paths: dict[str, np.ndarray]
    known: int
    chosen: str
    at: int
    others: np.ndarray
    said: tuple[tuple[str, str], ...]

    @property
    def place(self) -> tuple[float, float, int]:
        rate, dev, kept = self.paths[self.chosen][self.at]
        return float(rate), float(dev), int(kept)

    @property
    def edge(self) -> float:
        """Where the axis ends: right of every loss that is drawn, of whatever path is chosen."""
        losses = np.concatenate([path[:, 1] for path in self.paths.values()])
        return float(losses[losses < HIGH].max()) + 0.1


def compute(found: Mapping[str, Sequence[Mapping[str, Any]]], known: int, setting: str,
            rate: int) -> Tradeoff:
    """Choose a setting, and its first, second, ... learning rate.

    ``found`` has for each setting a mapping a rate, from the lowest one: its "rate", for each seed
    the loss "dev" and the count "kept", and what is "said" with the first seed, by question.

    Raises:
        ValueError: there is no such setting, or it has no such rate.
    """
    if setting not in found or not 1 <= rate <= len(found[setting]):
        raise ValueError(f"rate {rate} of {setting!r} is not recorded; settings are "
                         + ", ".join(f"{name} with {len(each)}" for name, each in found.items()))
    paths = {name: np.array([(each["rate"], each["dev"][0], each["kept"][0]) for each in tried])
             for name, tried in found.items()}
    place = found[setting][rate - 1]
    others = np.array([*zip(place["dev"][1:], place["kept"][1:])]).reshape(-1, 2)
    return Tradeoff(paths, known, setting, rate - 1, others,
                    tuple(found[setting][rate - 1]["said"].items()))


def _tone(name: str) -> style.Tone:
    return style.FULL if name.startswith("full") else style.LORA


def _path(ax: Axes, data: Tradeoff, name: str) -> None:
    """One line with its name; the chosen one in its colour, with its rates."""
    chosen, tone = name == data.chosen, _tone(name)
    marker = style.MARKER["full" if tone is style.FULL else "lora"]
    seen = data.paths[name][data.paths[name][:, 1] < HIGH]
    ax.plot(*seen[:, 1:].T, marker, ls="-", ms=6 if chosen else 4, zorder=4 if chosen else 2,
            color=tone.mark if chosen else style.FROZEN.mark, mec=style.PAPER, mew=0.8,
            lw=style.LINE if chosen else style.THIN, clip_on=False)
    if chosen:
        for k, (rate, dev, kept) in enumerate(seen):
            if k and k == data.at:
                continue  # the heading has the rate of the ring
            ax.annotate(f"from {style.power(rate)}" if not k else style.power(rate), (dev, kept),
                        (-12 if k else 10, 0), textcoords="offset points", zorder=5,
                        ha="right" if k else "left", va="center_baseline", color=tone.ink,
                        size=style.SMALL, bbox={"fc": style.PAPER, "ec": "none", "pad": 0.4})
    ax.annotate(name, seen[-1, 1:], (10 if chosen else 20, 0), textcoords="offset points",
                va="center_baseline", size=style.SMALL, weight=600 if chosen else 400,
                annotation_clip=False, color=tone.ink if chosen else style.MUTED, zorder=5)


def _chart(ax: Axes, data: Tradeoff) -> None:
    ax.set(xlim=(LOW, data.edge), ylim=(-0.04 * data.known, 1.1 * data.known),
           xlabel="loss on dev countries, nats",
           title=f"common answers kept, of {data.known}")
    style.number_ticks(ax.xaxis, [each for each in (0.3, 0.4, 0.5, 0.6, 0.7) if each < data.edge])
    ax.set_yticks([0, data.known // 2, data.known])
    ax.grid(axis="y")
    for name in data.paths:
        _path(ax, data, name)
    tone = _tone(data.chosen)
    inside = data.others[data.others[:, 0] < data.edge]
    ax.plot(*inside.T, style.MARKER["full" if tone is style.FULL else "lora"], ls="", ms=4,
            mfc=style.PAPER, mec=tone.mark, mew=1.0, zorder=6)
    rate, dev, kept = data.place
    if dev < HIGH:
        ring(ax, dev, kept)
    outside = [(dev >= HIGH, data.chosen, rate, dev)]
    outside += [(False, name, each, loss) for name, path in data.paths.items()
                for each, loss, _ in path[path[:, 1] >= HIGH]]
    # The chosen place if it is outside, else the first one.
    here, name, each, loss = outside[0] if dev >= HIGH or not outside[1:] else outside[1]
    if loss >= HIGH:
        ax.text(data.edge, 0, f"{name} at {style.power(each)}:\nloss {loss:.1f} \u2192", ha="right",
                va="bottom", size=style.SMALL, weight=600 if here else 400,
                color=_tone(name).ink if here else style.MUTED)
    better(ax, "top left", 0.8, 0.6)


@style.styled
def draw(data: Tradeoff, layout: Layout = "wide") -> Figure:
    """Draw the paths, and beside or under them the answers at the chosen place."""
    wide, high = layout == "wide", CARD[layout]
    rate, _, kept = data.place
    top = 0.95 if wide else 1.12
    chart = 2.05 if wide else 1.5
    fig = style.canvas(layout, 3.5 if wide else top + chart + 0.5 + (high + 0.07) * len(data.said))
    style.heading(fig, f"{data.chosen}, rate {style.power(rate)}: {kept} of {data.known} kept",
                  "SmolLM2 after 20 steps of JSON, first seed;" + (" " if wide else "\n")
                  + "hollow: other seeds at the ringed rate")
    _chart(style.place(fig, 0.32, top, 3.6 if wide else 3.1, chart), data)
    left, width = (4.25, 2.89) if wide else (style.MARGIN, 3.48)
    down = 0.68 if wide else top + chart + 0.48
    for k, (question, answer) in enumerate(data.said):
        each = 0.87 if wide else high
        ax = style.card(fig, left, down + k * (each + 0.07), width, each)
        paragraph(ax, 0.1, 0.07, question, width - 0.2, 1, style.MUTED, style.SMALL)
        paragraph(ax, 0.1, 0.27, visible(answer) or "(nothing)", width - 0.2, 3 if wide else 2,
                  _tone(data.chosen).ink if answer.startswith("{") else style.INK,
                  style.SMALL, 600)
    return fig


def alt(data: Tradeoff) -> str:
    """Return the frame in words."""
    rate, dev, kept = data.place
    said = " ".join(f"Asked '{question}' it answers '{visible(answer)}'."
                    for question, answer in data.said)
    return (f"{data.chosen} at learning rate {rate:g}: loss on dev {dev:.2f} nats, {kept} of "
            f"{data.known} common answers kept. {said}")
