"""Adapters that keep more old facts at one loss: one turned down after training, or a high rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, better, measure
from lib.figures.kit.style import Layout, Tone
from lib.figures.lora.tradeoff import LOSSES, facts_axis

CAPTION = ("Drag the strength of the adapter on the line. At one loss, up and down the dotted "
           "line, a higher mark has kept more.")

LINE = style.BASE * LEADING + 0.03
DARK = Tone("#42164a", "#42164a", style.LORA.tint)  # LoRA with a large α


@dataclass(frozen=True)
class Down:
    """Trained models' loss in nats and share of facts kept, (2,), by name, and those of the
    adapter that is turned down, ``name``, at each strength: (strengths, 3), strength, loss, kept.

    ``level`` is the loss at which the methods are compared, ``base`` what the base model says.
    """

    trained: dict[str, np.ndarray]
    name: str
    turned: np.ndarray
    strength: float
    level: float
    base: float

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Loss and facts kept of each, by name, what keeps most first."""
        at = self.turned[np.isclose(self.turned[:, 0], self.strength)][0, 1:]
        found = self.trained | {f"{self.name}, times {self.strength:g}": at}
        return dict(sorted(found.items(), key=lambda each: -each[1][1]))


def compute(trained: Mapping[str, np.ndarray], turned: Mapping[str, np.ndarray], strength: float,
            base: float) -> Down:
    """Average the seeds: trained[name] is (seeds, 2), turned[name] is (seeds, strengths, 3).

    The comparison is at the mean loss of those that stay as trained.

    Raises:
        ValueError: nothing stays as trained, not one is turned down, or it was not measured at
            this strength.
    """
    if not trained or len(turned) != 1:
        raise ValueError(f"{len(trained)} as trained and {len(turned)} turned down; wanted are "
                         "some and one")
    (name, each), = turned.items()
    down = np.asarray(each).mean(0)
    if not np.isclose(down[:, 0], strength).any():
        raise ValueError(f"{name!r} was not measured at strength {strength}")
    kept = {each: np.asarray(found).mean(0) for each, found in trained.items()}
    level = float(np.mean([each[0] for each in kept.values()]))
    return Down(kept, name, down, strength, level, base)


def _look(name: str) -> tuple[Tone, str]:
    """A circle for full fine-tuning, a diamond for rank 8 and a square for a higher rank, dark with
    the largest α.
    """
    if not name.startswith("rank"):
        return style.FULL, "o"
    return DARK if "512" in name else style.LORA, "D" if name.startswith("rank 8,") else "s"


def _mark(ax: Axes, x: float, y: float, name: str, filled: bool, size: float) -> None:
    tone, marker = _look(name)
    ax.plot(x, y, marker, ms=size, color=tone.mark if filled else style.PAPER, mec=tone.mark,
            mew=1.4, zorder=4, clip_on=False)


def _plot(ax: Axes, data: Down, wide: bool) -> None:
    """The map: a named mark for each, and the way of the one that is turned down."""
    ax.set_xscale("log")
    facts_axis(ax, data.base)
    ax.plot([data.level] * 2, [-0.04, 1.04], color=style.INK, lw=1.1, ls=(0, (1, 1.6)), zorder=1)
    ax.annotate(f"equal loss, {data.level:.2f}", (data.level, 0.07), (5, 0), ha="left",
                va="center", textcoords="offset points", size=style.SMALL)
    losses = [*data.turned[:, 1], *(each[0] for each in data.trained.values())]
    ax.set(xlim=(min(losses) / 1.12, max(losses) * 1.12), xlabel="loss on dev examples, nats")
    ax.plot(data.turned[:, 1], data.turned[:, 2], color=style.LORA.mark, lw=1.4, zorder=2)
    ax.plot(data.turned[:, 1], data.turned[:, 2], ".", color=style.LORA.mark, ms=4, zorder=3)
    for name, (loss, kept) in data.rows.items():
        moves = name not in data.trained
        _mark(ax, loss, kept, name, not moves or data.strength == 1, 8)
        if not moves:
            words = name if wide or name.startswith("rank 8") else name.split(",")[0]
            ax.annotate(words, (loss, kept), (9, 0), ha="left", va="center", zorder=5,
                        textcoords="offset points", color=_look(name)[0].ink, size=style.SMALL,
                        bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})
    (_, right, above), (_, left, under) = data.turned[:2]  # the weakest two, far apart
    ax.annotate(data.name, (np.sqrt(left * right), (above + under) / 2), (2, -6), ha="left",
                va="top", textcoords="offset points", color=style.LORA.ink, size=style.SMALL)
    ax.minorticks_off()
    low, high = ax.get_xlim()
    ticks = [tick for tick in LOSSES if low < tick < high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    better(ax, "top left", 0.05, 0.93)


def _key(fig: Figure) -> None:
    """What filled and hollow say, in grey because all have it."""
    ax, left = style.board(fig, 0, 0.58, fig.get_size_inches()[0], 0.3), 0.16
    for words, face in (("as trained", style.MUTED), ("turned down", style.PAPER)):
        ax.plot(left, 0.13, "D", ms=5, color=face, mec=style.MUTED, mew=1.2)
        ax.text(left + 0.16, 0.13, words, va="center", color=style.MUTED, size=style.SMALL)
        left += measure(words, style.SMALL) + 0.5


def _card(fig: Figure, data: Down, top: float, wide: bool) -> None:
    """Which mark is which, with its loss and facts kept."""
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    ax = style.card(fig, style.MARGIN, top, width, (len(data.rows) + 1) * LINE + 0.2)
    places = (0.62 * width, 0.82 * width) if wide else (0.74 * width, width - 0.1)
    for x, words in zip(places, ("loss", "facts kept" if wide else "kept")):
        ax.text(x, 0.1 + LINE / 2, words, ha="right", va="center", color=style.MUTED)
    for row, (name, (loss, kept)) in enumerate(data.rows.items(), start=1):
        at = 0.1 + (row + 0.5) * LINE
        _mark(ax, 0.17, at, name, name in data.trained or data.strength == 1, 5)
        ax.text(0.3, at, name, va="center", color=_look(name)[0].ink, weight=600)
        for x, words in zip(places, (f"{loss:.2f}", style.percent(kept))):
            ax.text(x, at, words, ha="right", va="center")


@style.styled
def draw(data: Down, layout: Layout = "wide") -> Figure:
    """Draw the map with the strength's mark, and its numbers in a card below."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.1 + (len(data.rows) + 1) * LINE + 0.28)
    style.heading(fig, f"An adapter of rank 8 at strength {data.strength:g}",
                  "Facts kept and loss on recipes, beside four models as trained" if wide
                  else "Facts kept and loss on recipes")
    _key(fig)
    _plot(style.place(fig, 0.72, 0.9, style.WIDTH[layout] - 0.86, 2.6), data, wide)
    _card(fig, data, 4.1, wide)
    return fig


def alt(data: Down) -> str:
    """Return the frame in words."""
    each = (f"{name}, keeps {style.percent(kept)} of the facts at {loss:.2f} nats"
            for name, (loss, kept) in data.rows.items())
    return f"Loss on recipes and old facts kept: {'; '.join(each)}."
