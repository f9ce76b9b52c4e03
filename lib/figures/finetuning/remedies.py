"""Remedies against forgetting: what each keeps of the old, against what it learns of the new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, measure, name_lines
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Up and to the left is better: more of the old kept at a lower loss on the new. "
           "Compare the lines, not single points.")

#: Tone, marker and dash of each remedy.
LOOKS: dict[str, tuple[Tone, str, object]] = {
    "lower rate": (style.FULL, "o", "-"), "fewer steps": (style.FULL, "v", (0, (3, 2))),
    "300-step run": (style.FULL, "D", (0, (1, 1))),
    "replay": (style.FACTS, "s", (0, (5, 1.5))),
    "pull to the base": (style.FROZEN, style.MARKER["base"], (0, (5, 1.5))),
    "LoRA": (style.LORA, "D", "-")}
#: Lines whose settings stand above their points.
ABOVE = ("replay", "lower rate")


@dataclass(frozen=True)
class Remedies:
    """For each remedy its settings, and for each setting the seeds' (loss in nats, facts kept).

    points: remedy -> setting -> (seeds, 2); guess: the share of facts that a blind guess has, None
    to draw no line there; written: by remedy the settings that stand at their points,
    where there is room; most: the loss at which the axis ends, None for all settings; least: the
    share of facts at which the other axis begins; title: what the picture finds; at: the loss at
    which the lines are compared, None for none; apart: the last settings of a line if they differ
    in something else, too: a thin dotted line leads to them.
    """

    points: dict[str, dict[str, np.ndarray]]
    guess: float | None = None
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)
    most: float | None = None
    title: str = "Learning against keeping"
    at: float | None = None
    apart: Sequence[str] = ()
    least: float = 0.0

    def mean(self, remedy: str) -> np.ndarray:
        """The settings' means over the seeds: (settings, 2)."""
        return np.array([seeds.mean(0) for seeds in self.points[remedy].values()])

    def height(self, remedy: str) -> float:
        """Facts kept where the line through the means has the loss ``at``, nan where it has not."""
        loss, kept = self.mean(remedy).T
        until = int(loss.argmin()) + 1
        return float(np.interp(np.log(self.at), np.log(loss[:until][::-1]), kept[:until][::-1],
                               np.nan, np.nan))

    def heights(self) -> str:
        """What each line keeps at the loss ``at``, in words."""
        return f"At {self.at:g} nats: " + ", ".join(
            f"{remedy} {'never' if np.isnan(kept) else style.percent(kept)}"
            for remedy, kept in ((remedy, self.height(remedy)) for remedy in self.points))


def compute(points: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
            guess: float | None = None,
            written: Mapping[str, Sequence[str]] | None = None,
            most: float | None = None, title: str = "Learning against keeping",
            at: float | None = None, apart: Sequence[str] = (), least: float = 0.0) -> Remedies:
    """Take the points as they are; ``written`` are the settings to write at their points,
    ``most`` is the loss at which the axis ends and ``least`` the share at which the other one
    begins: lines leave the frame there; ``at`` is the loss at which the lines are compared, an
    upright line; to the settings ``apart``, the last ones of their line, leads a thin dotted one.

    Raises:
        ValueError: A remedy is none of LOOKS, or has no settings, or its points are no pairs.
    """
    found = {}
    for remedy, settings in points.items():
        if remedy not in LOOKS or not settings:
            raise ValueError(f"{remedy!r} with {len(settings)} settings: remedies are "
                             f"{', '.join(LOOKS)}, each with at least one setting")
        found[remedy] = {setting: np.array(seeds, float) for setting, seeds in settings.items()}
        for setting, seeds in found[remedy].items():
            if seeds.ndim != 2 or seeds.shape[1] != 2:
                raise ValueError(f"{remedy} at {setting} has shape {seeds.shape}, it must be "
                                 f"(seeds, 2): loss and facts")
    return Remedies(found, guess, dict(written or {}), most, title, at, apart, least)


def _setting(ax: Axes, setting: str, place: np.ndarray, tone: Tone, corner: tuple[bool, bool],
             marks: np.ndarray) -> Named:
    """Write a setting at a corner of its point, (high, left) if no mark is in the way there, else
    at another corner or beside it; returns where, so that no line's name comes there.
    """
    unit, wide = ax.figure.dpi / 72, 72 * measure(setting, style.SMALL)
    middle, marks = ax.transData.transform(place) / unit, ax.transData.transform(marks) / unit
    found = []
    for level, left in ((level, corner[1] ^ side) for level in
                        ((9, -9, 0) if corner[0] else (-9, 9, 0)) for side in (False, True)):
        at = np.array([(-1 if left else 1) * (5 if level else 10), level])
        away = np.abs(marks - middle - at - [(-wide if left else wide) / 2, 0])
        found.append((int((away < [wide / 2 + 2, 6]).all(1).sum()), len(found), at, left))
    _, _, at, left = min(found, key=lambda each: each[:2])
    ax.annotate(setting, place, at, textcoords="offset points",
                ha="right" if left else "left", va="center", size=style.SMALL,
                color=tone.ink, zorder=4)
    ends = middle + np.array([at, at + [-wide if left else wide, 0]])
    x, y = ax.transData.inverted().transform(ends * unit).T
    return Named(x, y, "", tone)


def _along(ax: Axes, points: np.ndarray) -> np.ndarray:
    """Points along a line through these, straight on the page: (many, 2)."""
    page = ax.transData.transform(points)
    steps = np.linspace(0, len(page) - 1, 40 * len(page))
    return ax.transData.inverted().transform(
        np.stack([np.interp(steps, np.arange(len(page)), each) for each in page.T], 1))


@style.styled
def draw(data: Remedies, layout: Layout = "wide") -> Figure:
    """Draw each remedy as a line through its settings, every seed as a small mark."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.0)
    style.heading(fig, data.title, data.heights() if wide and data.at else
                  "Each line is one remedy over its settings; small: every seed" if wide
                  else "Along a line: settings; small: every seed")
    ax = style.place(fig, 0.62, 0.72, fig.get_size_inches()[0] - 0.82, 2.72)
    every = np.concatenate([seeds for each in data.points.values() for seeds in each.values()])
    ax.set_xscale("log")
    end = data.most or 1.12 * every[:, 0].max()
    ax.set(xlim=((0.93 if data.most else 0.88) * every[:, 0].min(), end),
           ylim=(1 - 1.03 * (1 - data.least), 1 + 0.07 * (1 - data.least)))
    style.number_ticks(ax.xaxis, (0.1, 0.15, 0.16, 0.17, 0.18, 0.19, 0.2, 0.22, 0.25, 0.3, 0.5)
                       if data.most else (0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 4))
    shares = [share for share in ((0.6, 0.7, 0.8, 0.9, 1) if data.least >= 0.5 else
                                  (0, 0.25, 0.5, 0.75, 1)) if share >= data.least]
    ax.set_yticks(shares, [style.percent(share) for share in shares])
    ax.set(xlabel="loss on dev recipes, nats, log axis  (left is better)")
    ax.set_title("Facts kept", pad=5)
    ax.grid(True)
    lines = []
    if data.at:
        ax.axvline(data.at, color=style.INK, lw=1, zorder=1.6)
    if data.guess is not None:
        words = f"a blind guess, {style.percent(data.guess)}"
        ax.axhline(data.guess, color=style.MUTED, lw=1, ls=(0, (2, 2)), zorder=1.5)
        ax.text(0.99, data.guess + 0.035, words,
                transform=ax.get_yaxis_transform(), ha="right", va="bottom", color=style.MUTED,
                size=style.SMALL)
        begin = 0.99 - measure(words, style.SMALL) * fig.dpi / ax.get_window_extent().width
        across = ax.transData.inverted().transform(ax.transAxes.transform(
            [[begin, 0], [0.99, 0]]))[:, 0]
        lines.append(Named(across, np.full(2, data.guess + 0.065), "", style.FROZEN))
    marks = np.concatenate([every, *(_along(ax, data.mean(remedy)) for remedy in data.points)])
    for remedy in data.points:
        tone, marker, dash = (LOOKS)[remedy]
        mean = data.mean(remedy)
        joined = sum(setting not in data.apart for setting in data.points[remedy])
        ax.plot(*mean[max(joined - 1, 0):].T, ls=(0, (1, 2)), color=tone.mark, lw=1, zorder=3)
        ax.plot(*mean[:joined].T, ls=dash, color=tone.mark, lw=1.5, zorder=3)
        ax.plot(*mean.T, marker, color=tone.mark, ms=6.5, mew=0.8, mec=style.PAPER, zorder=3)
        seeds = np.concatenate(list(data.points[remedy].values()))
        ax.plot(*seeds.T, marker, color=tone.mark, alpha=0.65, ms=4, mew=0, zorder=2)
        line = _along(ax, mean)
        seen = (line[:, 0] <= end) & (line[:, 1] >= data.least)
        if seen.any():
            lines.append(Named(*line[seen].T, remedy, tone))
        if data.at and not np.isnan(data.height(remedy)):
            ax.plot(data.at, data.height(remedy), "o", color=style.PAPER, mec=style.INK, ms=5,
                    mew=1.2, zorder=5)
        for setting, place in zip(data.points[remedy], mean, strict=True):
            if (wide and place[0] <= end and place[1] >= data.least
                    and setting in data.written.get(remedy, ())):
                high = remedy in ABOVE or place[1] < 0.05
                left = high or place[0] == mean[:, 0].min() and place[1] > 0.5
                lines.append(_setting(ax, setting, place, tone, (high, left), marks))
    name_lines(ax, lines, clear=0.12)
    return fig


def alt(data: Remedies) -> str:
    """Return the figure in words."""
    words = []
    for remedy in data.points:
        mean = data.mean(remedy)
        (first, last), (begin, end) = ([list(data.points[remedy])[k] for k in (0, -1)],
                                       mean[[0, -1]])
        words.append(f"{remedy} from {first} ({begin[0]:.2f} nats, "
                     f"{style.percent(begin[1])} of the facts) to {last} ({end[0]:.2f} nats, "
                     f"{style.percent(end[1])})")
    guess = "" if data.guess is None else f" A blind guess has {style.percent(data.guess)}."
    return (f"Loss on dev recipes across, facts kept upward, a line for each remedy: "
            f"{'; '.join(words)}.{f' {data.heights()}.' if data.at else ''}{guess}")
