"""Answers against facts: LoRA and a variant, each at every learning rate that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A line joins a method's rates, means of two seeds; thin lines are the others. "
           "Compare facts in the grey band, where answers are equal.")
LEFT, LOW = 65, 55  # per cent of the facts, and of the answers, where the axes begin
NEAR = 2  # points of answers: half of the band


@dataclass(frozen=True)
class Rates:
    """By method and rate, the shares of answers right and of facts kept; one is chosen."""

    found: dict[str, dict[float, tuple[float, float]]]
    chosen: str

    @property
    def first(self) -> str:
        """The baseline."""
        return next(iter(self.found))

    @property
    def level(self) -> float:
        """What the baseline answers at its lowest rate, in per cent."""
        return float(self.points(self.first)[0, 1])

    def points(self, name: str) -> np.ndarray:
        """(rates, 2): facts kept and answers right, in per cent, from the lowest rate on."""
        mine = self.found[name]
        return np.array([(100 * mine[rate][1], 100 * mine[rate][0]) for rate in sorted(mine)])

    def outside(self) -> int:
        """How many rates of the chosen method the axes don't show."""
        return int(np.sum(~_inside(self.points(self.chosen))))

    def equal(self, name: str) -> int | None:
        """Which of a method's rates answers about as the baseline's lowest does, no higher than
        the one that answers most; None without such a rate.
        """
        right = self.points(name)[:, 1]
        off = np.abs(right - self.level)[:right.argmax() + 1]
        return int(off.argmin()) if off.min() < NEAR else None

    def shown(self, name: str) -> int:
        """The rate that the title speaks of: the equal one, or that with the most answers."""
        at = self.equal(name)
        return int(self.points(name)[:, 1].argmax()) if at is None else at


def compute(found: Mapping[str, Mapping[float, tuple[float, float]]], method: str) -> Rates:
    """Choose a method; it is drawn beside the first one.

    Raises:
        ValueError: there are no results of this method.
    """
    if method not in found:
        raise ValueError(f"there are no results of {method!r}; there are {', '.join(found)}")
    return Rates({name: dict(each) for name, each in found.items()}, method)


def _inside(points: np.ndarray) -> np.ndarray:
    """Which of the points the axes show."""
    return (points[:, 0] >= LEFT) & (points[:, 1] >= LOW)


def _title(data: Rates, layout: Layout) -> str:
    """What the frame says about facts at equal answers."""
    at, level = data.equal(data.chosen), f"about {data.level:.0f}%"
    if at is None:
        kept, right = data.points(data.chosen)[data.shown(data.chosen)]
        return (f"Where {data.chosen} answers most: {right:.0f}% right, {kept:.0f}% of facts kept"
                if layout == "wide" else f"{data.chosen}: {right:.0f}% right, {kept:.0f}% kept")
    keeps = [f"{data.points(name)[data.equal(name), 0]:.0f}%" for name in (data.chosen, data.first)]
    if data.chosen == data.first:
        return f"{data.first}: {level} right, {keeps[0]} of facts kept"
    return (f"At {level} right {data.chosen} keeps {keeps[0]} of the facts, {data.first} {keeps[1]}"
            if layout == "wide" else f"Facts: {data.chosen} {keeps[0]}, {data.first} {keeps[1]}")


def _line(ax: Axes, data: Rates, name: str) -> None:
    """One method: its points that can be seen, joined, with its rates beside them."""
    tone = style.DATA if name == data.first else style.LORA
    seen = _inside(data.points(name))
    points, rates = data.points(name)[seen], np.array(sorted(data.found[name]))[seen]
    ax.plot(*points.T, color=tone.mark, lw=3.0 if name == data.first else 1.6, zorder=3)
    style.seeds(ax, *points.T, style.MARKER["lora"], tone, 8)
    below = name == data.first
    for point, rate in zip(points, rates, strict=True):
        left = below or point[0] > 94  # no room at its right
        ax.annotate(f"{rate:g}", point, (-5 if left else 5, -6 if below else 6),
                    textcoords="offset points", ha="right" if left else "left",
                    va="top" if below else "bottom", color=tone.ink, size=style.SMALL, zorder=6,
                    bbox={"fc": style.PAPER, "ec": "none", "pad": 0.4, "alpha": 0.85})


def _board(fig: Figure, left: float, top: float, data: Rates, name: str) -> None:
    """The numbers of one method, from the lowest rate on."""
    ax = style.card(fig, left, top, 2.05, 1.6)
    tone = style.DATA if name == data.first else style.LORA
    ax.text(0.12, 0.18, name, va="center_baseline", color=tone.ink, weight=600)
    for column, words in zip((0.75, 1.35, 1.95), ("rate", "right", "kept"), strict=True):
        ax.text(column, 0.42, words, ha="right", va="center_baseline", color=style.MUTED,
                size=style.SMALL)
    for row, (rate, point) in enumerate(zip(sorted(data.found[name]), data.points(name),
                                            strict=True)):
        for column, words in zip((0.75, 1.35, 1.95), (f"{rate:g}", *(
                f"{each:.0f}%" for each in point[::-1])), strict=True):
            ax.text(column, 0.67 + 0.24 * row, words, ha="right", va="center_baseline",
                    color=tone.ink, weight=600 if row == data.shown(name) else 400)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw the chosen method's line and the first one's, and the band of equal answers."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.4 if wide else 5.65)
    away = data.outside()
    style.heading(fig, _title(data, layout),
                  f"Grey band: {data.level:.0f}% right, ± {NEAR} points"
                  + f". Outside of the picture: {away} of {data.chosen}'s points"
                  * (away > 0 and wide))
    ax = style.place(fig, 0.55, 0.75, *((4.3, 3.1) if wide else (2.9, 2.7)))
    ax.set(xlim=(LEFT, 100), ylim=(LOW, 95), xlabel="facts kept, per cent",
           ylabel="answers right, per cent")
    ax.axhspan(data.level - NEAR, data.level + NEAR, color=style.FROZEN.tint, zorder=0)
    shown = list(dict.fromkeys((data.first, data.chosen)))
    for name in set(data.found) - set(shown):
        ax.plot(*data.points(name).T, ".-", color=style.FROZEN.mark, lw=0.8, ms=4, alpha=0.6,
                zorder=1)
    for number, name in enumerate(shown):
        _line(ax, data, name)
        if wide:
            _board(fig, 5.05, 0.75 + 1.75 * number, data, name)
    if not wide:
        _board(fig, 0.55, 3.95, data, data.chosen)
    elif len(shown) == 1:
        style.board(fig, 5.05, 2.5, 2.05, 1.6)  # empty, so that all frames have the same places
    ax.grid()
    return fig


def alt(data: Rates) -> str:
    """Return the frame in words."""
    return (f"{_title(data, 'wide')}. {data.chosen}, answers right and facts kept by learning "
            "rate: " + "; ".join(f"{rate:g}, {right:.0f}% and {kept:.0f}%"
                                 for rate, (kept, right) in zip(
                                     sorted(data.found[data.chosen]), data.points(data.chosen),
                                     strict=True)) + f". Beside it {data.first}'s line.")
