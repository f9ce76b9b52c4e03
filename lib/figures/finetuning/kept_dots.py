"""What is kept under each condition: a row for each one, the mean and every seed as marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Filled marks are means, hollow ones the seeds. Compare the rows from top to bottom: "
           "further right, more is kept.")

#: Tone and marker of what is counted, or of the runs that are compared.
LOOKS: dict[str, tuple[Tone, str]] = {
    "40 capitals": (style.FACTS, "s"), "all four kinds": (style.FROZEN, "o"),
    "answers right": (style.TASK, "o"), "facts kept": (style.FACTS, "s"),
    "said": (style.FACTS, "s"), "ranked first": (style.FULL, "^"),
    "an eighth of old text": (style.FACTS, "s"), "no old text": (style.FULL, "o")}
GUESS = "a blind guess"


@dataclass(frozen=True)
class Kept:
    """panels: by its heading, row -> what is counted -> share kept by each seed, (seeds,);
    guess: by row the share that a blind guess has; strong: the row to look at first;
    unit: what the axis counts.
    """

    title: str
    panels: dict[str, dict[str, dict[str, np.ndarray]]]
    guess: Mapping[str, float] = field(default_factory=dict)
    strong: str | None = None
    unit: str = "share of facts"

    @property
    def rows(self) -> list[str]:
        """The conditions, from top to bottom; all panels have the same ones."""
        return list(next(iter(self.panels.values())))

    @property
    def series(self) -> list[str]:
        """What is counted, in the order of the legend."""
        return list(next(iter(next(iter(self.panels.values())).values())))


def compute(title: str, panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
            guess: Mapping[str, float] | None = None, strong: str | None = None,
            unit: str = "share of facts") -> Kept:
    """Take the shares as they are; a single panel may have an empty heading.

    Raises:
        ValueError: something counted is none of LOOKS, or two panels differ in their rows.
    """
    found = {head: {row: {name: np.array(seeds, float) for name, seeds in each.items()}
                    for row, each in rows.items()} for head, rows in panels.items()}
    data = Kept(title, found, dict(guess or {}), strong, unit)
    for head, rows in found.items():
        if list(rows) != data.rows:
            raise ValueError(f"the panel {head!r} has the rows {', '.join(rows)}; the first has "
                             f"{', '.join(data.rows)}")
        if unknown := {name for each in rows.values() for name in each} - set(LOOKS):
            raise ValueError(f"counted are {', '.join(sorted(unknown))}; known are "
                             f"{', '.join(LOOKS)}")
    return data


def _panel(ax: Axes, data: Kept, head: str, row_names: bool, above: bool) -> None:
    """The marks of one panel; the rows' names at the left, or above the rows."""
    rows, names = data.panels[head], data.series
    lift = 0.13 if above else 0
    for at, row in enumerate(data.rows):
        if data.guess:
            ax.plot([data.guess[row]] * 2, [at - 0.3 + lift, at + 0.3 + lift], color=style.MUTED,
                    lw=1.1, ls=(0, (2, 1.2)), zorder=1)
        for name, seeds in rows[row].items():
            tone, marker = LOOKS[name]
            high = at + lift + 0.34 * (names.index(name) - (len(names) - 1) / 2)
            style.point(ax, float(seeds.mean()), high, marker, tone, 8)
            ax.plot(seeds, np.full(len(seeds), high), marker, color=style.PAPER, mec=tone.mark,
                    ms=4, mew=1, zorder=6, clip_on=False)
            ax.annotate(style.percent(seeds.mean()), (seeds.max(), high), (8, 0),
                        textcoords="offset points", va="center_baseline", size=style.SMALL,
                        color=tone.ink, weight=600, annotation_clip=False,
                        bbox={"fc": style.PAPER, "ec": "none", "pad": 0.6})
        if above:
            ax.text(0, at - 0.38, row, va="center", size=style.SMALL,
                    weight=600 if row == data.strong else 400)
    ax.hlines(np.arange(1, len(rows)) - 0.5 - lift / 4, 0, 1, color=style.GRID, lw=style.HAIR,
              zorder=0)
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.42, -0.55), xlabel=data.unit)
    style.share_ticks(ax.xaxis)
    ax.set_yticks([])
    if row_names:
        ax.set_yticks(range(len(rows)), data.rows)
        ax.tick_params(axis="y", length=0, labelcolor=style.INK, pad=10)
        for words, row in zip(ax.get_yticklabels(), data.rows, strict=True):
            words.set_weight(600 if row == data.strong else 400)
    ax.grid(axis="x")
    ax.set_title(head, pad=4)


def _legend(fig: Figure, data: Kept) -> None:
    """A line of marks with their names, under the title."""
    ax = style.board(fig, style.MARGIN, 0.36, None, 0.24)
    left = 0.08
    for name in (*data.series, *([GUESS] if data.guess else [])):
        tone, marker = LOOKS.get(name, (style.FROZEN, ""))
        if marker:
            ax.plot(left, 0.12, marker, color=tone.mark, ms=7, mec=style.PAPER, mew=0.8)
        else:
            ax.plot([left, left], [0.02, 0.22], color=style.MUTED, lw=1.1, ls=(0, (2, 1.2)))
        ax.text(left + 0.12, 0.12, name, va="center_baseline", color=tone.ink, weight=600,
                size=style.SMALL)
        left += 0.34 + measure(name, style.SMALL, 600)


@style.styled
def draw(data: Kept, layout: Layout = "wide") -> Figure:
    """Draw a panel beside the other, or under it, with a row for each condition."""
    wide, many = layout == "wide", len(data.panels)
    high = (0.46 if wide else 0.62) * len(data.rows)
    top = 0.98 if any(data.panels) else 0.72
    apart = high + 0.8
    fig = style.canvas(layout, top + high + 0.5 + (0 if wide else (many - 1) * apart))
    style.heading(fig, data.title)
    _legend(fig, data)
    names = max(measure(row, style.SMALL, 600) for row in data.rows) + 0.3
    width = (style.WIDTH["wide"] - names - 0.5 * many) / many
    for k, head in enumerate(data.panels):
        place = ((names + k * (width + 0.5), top, width, high) if wide else
                 (0.14, top + k * apart, 2.9, high))
        _panel(style.place(fig, *place), data, head, wide and k == 0, not wide)
    return fig


def alt(data: Kept) -> str:
    """Return the figure in words."""
    def span(seeds: np.ndarray) -> str:
        ends = [style.percent(each) for each in (seeds.min(), seeds.max())]
        return style.percent(seeds.mean()) + (f" ({' to '.join(ends)})" if len(seeds) > 1 else "")
    said = []
    for head, rows in data.panels.items():
        said.append(f"{head + ': ' if head else ''}" + "; ".join(
            f"{row}, " + ", ".join(f"{name} {span(seeds)}" for name, seeds in each.items())
            + (f", {GUESS} {style.percent(data.guess[row])}" if data.guess else "")
            for row, each in rows.items()))
    return f"{data.title}. {'. '.join(said)}."
