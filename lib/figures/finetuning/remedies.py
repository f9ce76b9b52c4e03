"""Remedies against forgetting: what each keeps of the old, against what it learns of the new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import apart
from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Up and to the left is better: more of the old kept at a lower loss on the new. "
           "Compare the lines, not single points.")

#: Tone and dash of each remedy.
LOOKS: dict[str, tuple[Tone, object]] = {
    "lower rate": (style.FULL, "-"), "fewer steps": (style.FULL, (0, (3, 2))),
    "longer at a low rate": (style.FULL, (0, (1, 1))), "replay": (style.FACTS, "-"),
    "pull to the base": (style.FROZEN, "-"), "LoRA": (style.LORA, "-")}


@dataclass(frozen=True)
class Remedies:
    """For each remedy its settings, and for each setting the seeds' (loss in nats, facts kept).

    points: remedy -> setting -> (seeds, 2); span: the losses from which to which the axis
    goes, None for all settings; least: the share of facts at which the other axis begins; title:
    what the picture finds; at: the loss at which the lines are compared, None for none; marked:
    whether each setting has a mark, and its name where there is room; loose: settings that no line
    joins, because they differ in more than the line's one thing, as in ``points``;
    rates: of a remedy whose runs have one learning rate, written beside its name in the key; note:
    what all marks have in common.
    """

    points: dict[str, dict[str, np.ndarray]]
    span: tuple[float, float] | None = None
    title: str = "Learning against keeping"
    at: float | None = None
    least: float = 0.0
    marked: bool = False
    loose: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def named(self, remedy: str) -> str:
        """The remedy's name in the key, with its rate where it has one."""
        return remedy + (f" ({self.rates[remedy]:g})" if remedy in self.rates else "")

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
            span: tuple[float, float] | None = None, title: str = "Learning against keeping",
            at: float | None = None, least: float = 0.0, marked: bool = False,
            loose: Mapping[str, Mapping[str, Sequence[Sequence[float]]]] | None = None,
            rates: Mapping[str, float] | None = None, note: str = "") -> Remedies:
    """Take the points as they are; the axes show the losses of ``span`` and shares from ``least``
    on, and lines leave the frame there; ``at`` is the loss at which they are compared, and
    ``marked`` gives the settings marks and names, those of ``loose``, which no line joins, too,
    and writes ``rates`` into the key.

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
    alone = {remedy: {setting: np.array(seeds, float) for setting, seeds in settings.items()}
             for remedy, settings in (loose or {}).items()}
    return Remedies(found, span, title, at, least, marked, alone, rates or {}, note)


def _along(ax: Axes, points: np.ndarray) -> np.ndarray:
    """Points along a line through these, straight on the page: (many, 2)."""
    page = ax.transData.transform(points)
    steps = np.linspace(0, len(page) - 1, 40 * len(page))
    return ax.transData.inverted().transform(
        np.stack([np.interp(steps, np.arange(len(page)), each) for each in page.T], 1))


def _key_rows(data: Remedies, width: float) -> list[list[tuple[str, float]]]:
    """The remedies' names in rows, each with its place from the left in inches."""
    rows: list[list[tuple[str, float]]] = [[]]
    left = 0.06
    for remedy in data.points:
        wide = 0.42 + measure(data.named(remedy), style.SMALL, 600)
        if left + wide > width - 2 * style.MARGIN and rows[-1]:
            rows.append([])
            left = 0.06
        rows[-1].append((remedy, left))
        left += wide + 0.2
    return rows


def _key(fig: Figure, data: Remedies, rows: Sequence[Sequence[tuple[str, float]]]) -> None:
    """A piece of each line with its name, under the heading."""
    for k, row in enumerate(rows):
        board = style.board(fig, style.MARGIN, 0.52 + 0.22 * k, None, 0.22)
        for remedy, left in row:
            tone, dash = LOOKS[remedy]
            board.plot([left, left + 0.32], [0.11, 0.11], ls=dash, color=tone.mark, lw=2)
            board.text(left + 0.42, 0.11, data.named(remedy), va="center_baseline", color=tone.ink,
                       weight=600, size=style.SMALL)


#: Where the name of a setting may stand: points to the right of its mark and above, and its side.
AROUND = ((0, 7, "center"), (0, -7, "center"), (6, 5, "left"), (6, -5, "left"), (-6, 5, "right"),
          (-6, -5, "right"))


def _settings(ax: Axes, data: Remedies) -> None:
    """A mark for each setting in the frame, and its name where that covers no line or name."""
    frame, dpi = ax.get_window_extent(), ax.figure.dpi
    lines = {remedy: ax.transData.transform(_along(ax, data.mean(remedy)))
             for remedy in data.points}
    marks = [ax.transData.transform((data.at, data.height(remedy))) for remedy in data.points
             if data.at and not np.isnan(data.height(remedy))]
    marks += [ax.transData.transform(seeds.mean(0)) for remedy in data.points
              for seeds in data.loose.get(remedy, {}).values()]
    taken = list(np.concatenate([*lines.values(), np.reshape(marks, (-1, 2))]))
    bar = ax.transData.transform((data.at, 0))[0] if data.at else -np.inf
    boxes: list[tuple[float, float, float, float]] = []
    high = 0.13 * dpi
    alone = {remedy: data.loose.get(remedy, {}) for remedy in data.points}
    # Those on no line are named first: nothing else says what they are.
    for remedy, settings in (*alone.items(), *data.points.items()):
        tone = LOOKS[remedy][0]
        for setting, seeds in settings.items():
            point = seeds.mean(0)
            x, y = ax.transData.transform(point)
            if not (frame.x0 <= x <= frame.x1 and frame.y0 <= y <= frame.y1):
                continue
            ax.plot(*point, "o", color=tone.mark, mec=style.PAPER, mew=0.8, ms=5.5, zorder=4)
            wide = measure(setting, style.SMALL) * dpi
            for right, up, side in AROUND:
                left = x + right * dpi / 72 - wide * {"left": 0, "center": 0.5, "right": 1}[side]
                low = y + up * dpi / 72 - high / 2
                box = (left, low, left + wide, low + high)
                inside = (frame.x0 < box[0] and box[2] < frame.x1 and frame.y0 < box[1]
                          and box[3] < frame.y1)
                if inside and not box[0] <= bar <= box[2] and not any(
                        box[0] < a < box[2] and box[1] < b < box[3] for a, b in taken) and not any(
                        box[0] < c and a < box[2] and box[1] < d and b < box[3]
                        for a, b, c, d in boxes):
                    boxes.append(box)
                    ax.annotate(setting, point, (right, up), textcoords="offset points", ha=side,
                                va="center", size=style.SMALL, color=tone.ink, zorder=6)
                    break


@style.styled
def draw(data: Remedies, layout: Layout = "wide") -> Figure:
    """Draw each remedy as a line through the means of its settings."""
    wide = layout == "wide"
    rows = _key_rows(data, style.WIDTH[layout]) if data.marked else []
    tall, above = (3.2, 0.8 + 0.22 * len(rows)) if data.marked else (2.72, 0.72)
    fig = style.canvas(layout, above + tall + 0.56)
    style.heading(fig, data.title, data.heights() if wide and data.at else
                  data.note or "Each line is one remedy over its settings")
    names = 0.2 + (0 if data.marked else max(measure(remedy, style.BASE, 600)
                                             for remedy in data.points))
    ax = style.place(fig, 0.62, above, fig.get_size_inches()[0] - 0.62 - names, tall)
    every = np.concatenate([data.mean(remedy) for remedy in data.points])[:, 0]
    begin, end = data.span or (0.88 * every.min(), 1.12 * every.max())
    ax.set_xscale("log")
    ax.set(xlim=(begin, end), ylim=(1 - 1.03 * (1 - data.least), 1 + 0.07 * (1 - data.least)))
    style.number_ticks(ax.xaxis, (0.16, 0.17, 0.18, 0.19, 0.2) if end < 0.25 else
                       (0.15, 0.16, 0.18, 0.2, 0.25, 0.3) if end < 0.4 else
                       (0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 4))
    shares = [share for share in ((0.6, 0.7, 0.8, 0.9, 1) if data.least >= 0.5 else
                                  (0, 0.25, 0.5, 0.75, 1)) if share >= data.least]
    ax.set_yticks(shares, [style.percent(share) for share in shares])
    ax.set(xlabel="loss on dev recipes, nats, log axis  (left is better)")
    ax.set_title("Facts kept", pad=5)
    if wide and data.at:
        ax.set_title(data.note, loc="right", pad=5, color=style.MUTED, weight=400,
                     size=style.SMALL)
    ax.grid(True)
    if data.at:
        ax.axvline(data.at, color=style.INK, lw=1, zorder=1.6)
    ends = {}
    for remedy in data.points:
        tone, dash = LOOKS[remedy]
        mean = data.mean(remedy)
        ax.plot(*mean.T, ls=dash, color=tone.mark, lw=2, zorder=3)
        line = _along(ax, mean)
        seen = (line[:, 0] >= begin) & (line[:, 0] <= end) & (line[:, 1] >= data.least)
        if seen.any():
            ends[remedy] = line[seen][line[seen][:, 0].argmax(), 1]
        if data.at and not np.isnan(data.height(remedy)):
            ax.plot(data.at, data.height(remedy), "o", color=style.PAPER, mec=style.INK, ms=5,
                    mew=1.2, zorder=5)
    if data.marked:
        _key(fig, data, rows)
        _settings(ax, data)
        return fig
    low, high = ax.get_ylim()
    for k, (remedy, height) in enumerate(apart(ends, low, high)):
        lowest = low + 0.08 * (k + 0.5) * (high - low)  # no name below the axis
        ax.annotate(remedy, (1, max(height, lowest)), (5, 0), xycoords=ax.get_yaxis_transform(),
                    textcoords="offset points", va="center", annotation_clip=False,
                    color=LOOKS[remedy][0].ink, weight=600)
    return fig


def alt(data: Remedies) -> str:
    """Return the figure in words."""
    words = []
    for remedy in data.points:
        mean = data.mean(remedy)
        (first, last), (begin, end) = ([list(data.points[remedy])[k] for k in (0, -1)],
                                       mean[[0, -1]])
        words.append(f"{data.named(remedy)} from {first} ({begin[0]:.2f} nats, "
                     f"{style.percent(begin[1])} of the facts) to {last} ({end[0]:.2f} nats, "
                     f"{style.percent(end[1])})")
    single = "".join(f" Joined to no line: {remedy}, {setting} ({loss:.2f} nats, "
                     f"{style.percent(kept)})."
                     for remedy, settings in data.loose.items() if remedy in data.points
                     for setting, (loss, kept) in ((name, seeds.mean(0))
                                                   for name, seeds in settings.items()))
    note = f" ({data.note})" if data.note else ""
    return (f"Loss on dev recipes across, facts kept upward{note}, a line for each remedy: "
            f"{'; '.join(words)}.{single}{f' {data.heights()}.' if data.at else ''}")
