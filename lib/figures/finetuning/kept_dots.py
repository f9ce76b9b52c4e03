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

CAPTION = ("Compare the rows from top to bottom: the further to the right a filled mark stands, "
           "the more is kept.")

#: Tone and marker of what is counted, or of the runs that are compared.
LOOKS: dict[str, tuple[Tone, str]] = {
    "40 capitals": (style.FACTS, "s"), "all four kinds": (style.FROZEN, "o"),
    "answers right": (style.TASK, "o"), "facts kept": (style.FACTS, "s"),
    "said": (style.FACTS, "s"), "ranked first": (style.FULL, "^"),
    "an eighth of old text": (style.FACTS, "s"), "no old text": (style.FULL, "o"),
    "full fine-tuning": (style.FULL, style.MARKER["full"]),
    "LoRA": (style.LORA, style.MARKER["lora"])}
GUESS = "a blind guess"
MARKS = "filled: mean, hollow: each seed"

MEAN, SEED = 0.15, 0.068  # inches that a mean's mark takes, and a seed's, with the space around it
PAD, BRACKET, NAME = 0.13, 0.22, 0.17  # inches over a row: free, for a bracket, for its name


@dataclass(frozen=True)
class Kept:
    """panels: by its heading, row -> what is counted -> share kept by each seed, (seeds,);
    guess: by row the share that a blind guess has; strong: the row to look at first;
    unit: what the axis counts; setting: of all runs, under the title; brackets: pairs of rows
    whose means are compared, the second right below the first.
    """

    title: str
    panels: dict[str, dict[str, dict[str, np.ndarray]]]
    guess: Mapping[str, float] = field(default_factory=dict)
    strong: str | None = None
    unit: str = "share of facts"
    setting: str = ""
    brackets: Sequence[tuple[str, str]] = ()

    @property
    def rows(self) -> list[str]:
        """The conditions, from top to bottom; all panels have the same ones."""
        return list(next(iter(self.panels.values())))

    @property
    def series(self) -> list[str]:
        """What is counted, in the order of the legend."""
        return list(next(iter(next(iter(self.panels.values())).values())))

    @property
    def seeds(self) -> int:
        """The most seeds that a mean is taken of."""
        return max(len(seeds) for rows in self.panels.values() for each in rows.values()
                   for seeds in each.values())

    def gained(self, first: str, second: str) -> str:
        """By how many points the second row's mean is above the first's, in the first panel."""
        rows, name = next(iter(self.panels.values())), self.series[0]
        return f"{100 * (rows[second][name].mean() - rows[first][name].mean()):+.0f} points"


def compute(title: str, panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]],
            guess: Mapping[str, float] | None = None, strong: str | None = None,
            unit: str = "share of facts", setting: str = "",
            brackets: Sequence[tuple[str, str]] = ()) -> Kept:
    """Take the shares as they are; a single panel may have an empty heading.

    Raises:
        ValueError: something counted is none of LOOKS, or two panels differ in their rows.
    """
    found = {head: {row: {name: np.array(seeds, float) for name, seeds in each.items()}
                    for row, each in rows.items()} for head, rows in panels.items()}
    data = Kept(title, found, dict(guess or {}), strong, unit, setting, brackets)
    for head, rows in found.items():
        if list(rows) != data.rows:
            raise ValueError(f"the panel {head!r} has the rows {', '.join(rows)}; the first has "
                             f"{', '.join(data.rows)}")
        if unknown := {name for each in rows.values() for name in each} - set(LOOKS):
            raise ValueError(f"counted are {', '.join(sorted(unknown))}; known are "
                             f"{', '.join(LOOKS)}")
    return data


def _levels(seeds: np.ndarray, width: float) -> list[int]:
    """How far down each seed's mark stands, so that none covers another; ``width`` is in inches."""
    if len(seeds) == 1:
        return []
    ends: list[float] = []  # of each level, the last mark
    levels = [0] * len(seeds)
    for at in np.argsort(seeds, kind="stable"):
        free = [k for k, end in enumerate(ends) if (seeds[at] - end) * width >= SEED]
        levels[at] = free[0] if free else len(ends)
        ends[levels[at]:levels[at] + 1] = [seeds[at]]
    return levels


def _pitch(data: Kept, width: float) -> float:
    """Inches from a mean to the next one in its row: the seeds' marks are between them."""
    return MEAN + 0.03 + SEED * max(
        max(_levels(seeds, width), default=-1) + 1 for rows in data.panels.values()
        for each in rows.values() for seeds in each.values())


def _bracket(ax: Axes, data: Kept, rows: tuple[str, str], up: float, down: float,
             at: float) -> None:
    """From one row's mean to the next one's: a bracket with the difference in points."""
    found = next(iter(data.panels.values()))
    left, right = (found[row][data.series[0]].mean() for row in rows)
    ax.plot([left, left, right, right], [up, at, at, down], color=style.MUTED, lw=style.THIN,
            zorder=2)
    before = max(left, right) > 0.9
    ax.annotate(data.gained(*rows), (min(left, right) if before else max(left, right), at),
                (-6 if before else 6, 0), textcoords="offset points", size=style.SMALL,
                ha="right" if before else "left", va="center_baseline", annotation_clip=False)


def _in_the_way(data: Kept, row: str, mean: float, width: float) -> bool:
    """Whether a blind guess's line runs through a label right of its mark, and left is room."""
    long = measure(style.percent(mean), style.SMALL, 600) + 0.15
    return (row in data.guess and 0.06 < (data.guess[row] - mean) * width < long
            and mean * width > long - 0.08)


def _panel(ax: Axes, data: Kept, head: str, high: float, row_names: bool) -> None:
    """The marks of one panel, a row ``high`` inches; its name at the left, or above it."""
    rows, (inches, _) = data.panels[head], ax.figure.get_size_inches() * ax.get_position().size
    pitch = _pitch(data, inches)
    over = (PAD + (0 if row_names else NAME) + (BRACKET if data.brackets else 0)) / high
    for at, row in enumerate(data.rows):
        if data.guess:
            ax.plot([data.guess[row]] * 2, [at + over - 0.03 / high, at + 1 - 0.06 / high],
                    color=style.MUTED, lw=1.1, ls=(0, (2, 1.2)), zorder=1)
        for k, (name, seeds) in enumerate(rows[row].items()):
            tone, marker = LOOKS[name]
            middle = at + over + (k * pitch + MEAN / 2) / high
            style.point(ax, float(seeds.mean()), middle, marker, tone, 8)
            for value, level in zip(seeds, _levels(seeds, inches), strict=False):
                ax.plot(value, middle + (MEAN / 2 + (level + 0.5) * SEED) / high, marker,
                        color=style.PAPER, mec=tone.mark, ms=3.6, mew=0.9, zorder=6, clip_on=False)
            left = _in_the_way(data, row, float(seeds.mean()), inches)
            ax.annotate(style.percent(seeds.mean()), (seeds.mean(), middle), (-8 if left else 8, 0),
                        textcoords="offset points", va="center_baseline", size=style.SMALL,
                        ha="right" if left else "left", color=tone.ink, weight=600,
                        annotation_clip=False,
                        bbox={"fc": style.PAPER, "ec": "none", "pad": 0.6})
        if not row_names:
            ax.text(0, at + (0.06 + NAME / 2) / high, row, va="center", size=style.SMALL,
                    weight=600 if row == data.strong else 400)
    for pair in data.brackets:
        at = data.rows.index(pair[1])
        _bracket(ax, data, pair, at - 0.03 / high, at + over - 0.03 / high,
                 at + over - (0.06 + BRACKET / 2) / high)
    ax.hlines(np.arange(1, len(rows)), 0, 1, color=style.GRID, lw=style.HAIR, zorder=0)
    ax.set(xlim=(0, 1), ylim=(len(rows), 0), xlabel=data.unit)
    style.share_ticks(ax.xaxis)
    ax.set_yticks([])
    if row_names:
        middle = over / 2 + 0.5 - 0.03 / high
        ax.set_yticks(np.arange(len(rows)) + middle, data.rows)
        ax.tick_params(axis="y", length=0, labelcolor=style.INK, pad=10)
        for words, row in zip(ax.get_yticklabels(), data.rows, strict=True):
            words.set_weight(600 if row == data.strong else 400)
    ax.grid(axis="x")
    ax.set_title(head, pad=4)


def _key(data: Kept) -> list[tuple[str, str, Tone, str]]:
    """What the legend says, each with its marker, tone and kind: filled, hollow, line or words."""
    tone, marker = LOOKS[data.series[0]]
    if len(data.series) == 1:
        key = [("mean", marker, tone, "filled"), ("each seed", marker, tone, "hollow")]
    else:
        key = [(name, LOOKS[name][1], LOOKS[name][0], "filled") for name in data.series]
    if data.guess:
        key.append((GUESS, "", style.FROZEN, "line"))
    if len(data.series) > 1:
        key.append((MARKS, "", style.FROZEN, "words"))
    return key if data.seeds > 1 else [each for each in key
                                       if each[3] != "hollow" and each[0] != MARKS]


def _placed(data: Kept, room: float) -> list[tuple[float, int]]:
    """Where each entry of the legend begins, in inches, and on which line."""
    left, line, places = 0.08, 0, []
    for name, _, _, kind in _key(data):
        wide = measure(name, style.SMALL, 600) + (0 if kind == "words" else 0.12)
        if left + wide > room and places:
            left, line = 0.08, line + 1
        places.append((left, line))
        left += wide + 0.22
    return places


def _legend(fig: Figure, data: Kept, top: float, places: Sequence[tuple[float, int]]) -> None:
    """Marks with their names, under the title."""
    ax = style.board(fig, style.MARGIN, top, None, 0.24 + 0.22 * places[-1][1])
    for (name, marker, tone, kind), (left, line) in zip(_key(data), places, strict=True):
        at = 0.12 + 0.22 * line
        if kind == "line":
            ax.plot([left, left], [at - 0.1, at + 0.1], color=style.MUTED, lw=1.1,
                    ls=(0, (2, 1.2)))
        elif kind == "hollow":
            ax.plot(left, at, marker, color=style.PAPER, mec=tone.mark, ms=3.6, mew=0.9)
        elif kind == "filled":
            ax.plot(left, at, marker, color=tone.mark, ms=7, mec=style.PAPER, mew=0.8)
        ax.text(left - 0.06 if kind == "words" else left + 0.12, at, name, va="center_baseline",
                size=style.SMALL, color=style.MUTED if kind == "words" else tone.ink,
                weight=400 if kind == "words" else 600)


@style.styled
def draw(data: Kept, layout: Layout = "wide") -> Figure:
    """Draw a panel beside the other, or under it, with a row for each condition."""
    wide, many = layout == "wide", len(data.panels)
    names = max(measure(row, style.SMALL, 600) for row in data.rows) + 0.3
    width = (style.WIDTH["wide"] - names - 0.5 * many) / many if wide else 2.9
    high = (PAD + (0 if wide else NAME) + (BRACKET if data.brackets else 0)
            + len(data.series) * _pitch(data, width))
    legend = 0.58 if data.setting else 0.36
    places = _placed(data, style.WIDTH[layout] - 2 * style.MARGIN)
    top = legend + 0.36 + 0.22 * places[-1][1] + (0.26 if any(data.panels) else 0)
    tall = high * len(data.rows)
    fig = style.canvas(layout, top + tall + 0.5 + (0 if wide else (many - 1) * (tall + 0.8)))
    style.heading(fig, data.title, data.setting)
    _legend(fig, data, legend, places)
    for k, head in enumerate(data.panels):
        place = ((names + k * (width + 0.5), top, width, tall) if wide else
                 (0.14, top + k * (tall + 0.8), width, tall))
        _panel(style.place(fig, *place), data, head, high, wide and k == 0)
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
    gained = "".join(f" From {first} to {second}: {data.gained(first, second)}."
                     for first, second in data.brackets)
    setting = f" {data.setting}." if data.setting else ""
    return f"{data.title}.{setting} {'. '.join(said)}.{gained}"
