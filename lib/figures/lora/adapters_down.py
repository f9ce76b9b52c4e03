"""Adapters that keep more old facts at one loss: turned down after training, or of a high rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, better
from lib.figures.kit.style import Layout, Tone
from lib.figures.lora.tradeoff import LOSSES, facts_axis

CAPTION = ("Drag the strength of both adapters of rank 8. At one loss, up and down the dotted "
           "line, a higher mark has kept more.")

LINE = style.BASE * LEADING + 0.03
#: Tone, marker, whether it is filled, and line of the three that stay as trained and of the two
#: that are turned down, in this order. Squares share their alpha.
LOOKS: tuple[tuple[Tone, str, bool, str | tuple], ...] = (
    (style.FULL, "o", True, ""),
    (Tone("#42164a", "#42164a", style.LORA.tint), "s", True, ""),
    (style.LORA, "s", False, ""),
    (style.LORA, "D", False, "-"),
    (style.LORA, "D", True, (0, (5, 2))))


@dataclass(frozen=True)
class Down:
    """Trained models' loss in nats and share of facts kept, (2,), by name, and those of the
    adapters that are turned down at each strength: (strengths, 3), strength, loss, facts kept.

    ``level`` is the loss at which the methods are compared, ``base`` what the base model says.
    """

    trained: dict[str, np.ndarray]
    turned: dict[str, np.ndarray]
    strength: float
    level: float
    base: float

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Loss and facts kept of each, by name, at the chosen strength where one can be chosen."""
        return self.trained | {
            f"{name}, times {self.strength:g}": each[np.isclose(each[:, 0], self.strength)][0, 1:]
            for name, each in self.turned.items()}


def compute(trained: Mapping[str, np.ndarray], turned: Mapping[str, np.ndarray], strength: float,
            base: float) -> Down:
    """Average the seeds: trained[name] is (seeds, 2), turned[name] is (seeds, strengths, 3).

    The comparison is at the mean loss of those that stay as trained.

    Raises:
        ValueError: there are not three as trained and two turned down, or a setting was not
            measured at this strength.
    """
    if (len(trained), len(turned)) != (3, 2):
        raise ValueError(f"{len(trained)} as trained and {len(turned)} turned down; wanted are "
                         "three and two")
    down = {name: np.asarray(each).mean(0) for name, each in turned.items()}
    for name, each in down.items():
        if not np.isclose(each[:, 0], strength).any():
            raise ValueError(f"{name!r} was not measured at strength {strength}")
    kept = {name: np.asarray(each).mean(0) for name, each in trained.items()}
    return Down(kept, down, strength, float(np.mean([each[0] for each in kept.values()])), base)


def _mark(ax: Axes, x: float, y: float, look: tuple, size: float) -> None:
    tone, marker, filled, _ = look
    ax.plot(x, y, marker, ms=size, color=tone.mark if filled else style.PAPER, mec=tone.mark,
            mew=1.4, zorder=4, clip_on=False)


def _plot(ax: Axes, data: Down) -> None:
    """The map: a mark for each, and the ways of the two that are turned down."""
    ax.set_xscale("log")
    facts_axis(ax, data.base)
    ax.plot([data.level] * 2, [-0.04, 1.04], color=style.INK, lw=1.1, ls=(0, (1, 1.6)), zorder=1)
    ax.annotate(f"equal loss, {data.level:.2f}", (data.level, 0.07), (5, 0), ha="left",
                va="center", textcoords="offset points", size=style.SMALL)
    for (tone, _, _, line), each in zip(LOOKS[-2:], data.turned.values()):
        ax.plot(each[:, 1], each[:, 2], color=tone.mark, lw=1.4, ls=line, zorder=2)
        ax.plot(each[:, 1], each[:, 2], ".", color=tone.mark, ms=4, zorder=3)
    for look, (loss, kept) in zip(LOOKS, data.rows.values()):
        _mark(ax, loss, kept, look, 8)
    losses = np.concatenate([*(each[:, 1] for each in data.turned.values()),
                             [each[0] for each in data.trained.values()]])
    ax.set(xlim=(min(losses) / 1.2, max(losses) * 1.15), xlabel="loss on dev examples, nats")
    ax.minorticks_off()
    low, high = ax.get_xlim()
    ticks = [tick for tick in LOSSES if low < tick < high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    better(ax, "top left", 0.05, 0.93)


def _card(fig: Figure, data: Down, top: float, wide: bool) -> None:
    """Which mark is which, with its loss and facts kept."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, LINE
    ax = style.card(fig, style.MARGIN, top, width, (len(LOOKS) + 1) * line + 0.2)
    places = (0.62 * width, 0.82 * width) if wide else (0.74 * width, width - 0.1)
    for x, words in zip(places, ("loss", "facts kept" if wide else "kept")):
        ax.text(x, 0.1 + line / 2, words, ha="right", va="center", color=style.MUTED)
    for row, (look, (name, (loss, kept))) in enumerate(zip(LOOKS, data.rows.items()), start=1):
        at = 0.1 + (row + 0.5) * line
        _mark(ax, 0.17, at, look, 5)
        ax.text(0.3, at, name, va="center", color=look[0].ink, weight=600)
        for x, words in zip(places, (f"{loss:.2f}", style.percent(kept))):
            ax.text(x, at, words, ha="right", va="center")


@style.styled
def draw(data: Down, layout: Layout = "wide") -> Figure:
    """Draw the map with the strength's marks, and its numbers in a card below."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9 + (len(LOOKS) + 1) * LINE + 0.28)
    style.heading(fig, f"Two adapters of rank 8 at strength {data.strength:g}",
                  "Facts kept and loss on recipes, beside three models as trained" if wide
                  else "Facts kept and loss on recipes")
    _plot(style.place(fig, 0.72, 0.65, style.WIDTH[layout] - 0.86, 2.7), data)
    _card(fig, data, 3.9, wide)
    return fig


def alt(data: Down) -> str:
    """Return the frame in words."""
    each = (f"{name}, keeps {style.percent(kept)} of the facts at {loss:.2f} nats"
            for name, (loss, kept) in data.rows.items())
    return f"Loss on recipes and old facts kept: {'; '.join(each)}."
