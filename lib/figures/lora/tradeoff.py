"""Learning against forgetting: every run of one data set, one learning rate picked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, better, measure, ring
from lib.figures.kit.style import Layout

CAPTION = ("A run further left has learnt more, and one further up has kept more of the old "
           "facts. The rate stands beside the pale marks.")

#: What the reader calls the data sets and the methods.
TITLES = {"qa": "Questions", "elements": "Elements", "pirate": "Pirate",
          "instructions": "Instructions", "recipes": "Recipes", "new_facts": "New facts"}
METHODS = {"full": ("full fine-tuning", style.FULL), "lora": ("LoRA", style.LORA)}
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
LOSSES = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7)


@dataclass(frozen=True)
class Front:
    """One data set's runs by method and rate, each (seeds, 2): dev loss in nats, facts kept.

    ``rates`` has the rate that is chosen for each method. ``paths`` holds its way through training
    by method: (times, 2), a mean of the seeds; ``base`` the facts that the base model says;
    ``limits`` the least and the largest loss to show, the same for all rates; with ``ways`` the
    paths are drawn; ``blind`` is what a blind guess has, ``begin`` the loss of the base, or nan.
    """

    task: str
    rates: dict[str, float]
    runs: dict[str, dict[float, np.ndarray]]
    paths: dict[str, np.ndarray]
    base: float
    limits: tuple[float, float]
    ways: bool = True
    blind: float = np.nan
    begin: float = np.nan

    def mean(self, method: str) -> np.ndarray:
        """Loss and facts of the chosen rate, averaged over the seeds: (2,)."""
        return self.runs[method][self.rates[method]].mean(0)

    @property
    def one_rate(self) -> bool:
        """Whether both methods have the same learning rate."""
        return self.rates["full"] == self.rates["lora"]

    @property
    def passing(self) -> np.ndarray | None:
        """Where full fine-tuning's way, at LoRA's rate, comes down to the loss at which LoRA ends:
        that loss and the facts kept there, (2,). Between two checkpoints they follow its logarithm.
        """
        if not self.one_rate or set(self.paths) != set(METHODS):
            return None
        level, (loss, facts) = self.mean("lora")[0], self.paths["full"].T
        below = np.flatnonzero(loss <= level)
        if not len(below) or below[0] == 0:
            return None
        pair = [below[0] - 1, below[0]]
        return np.array([level, np.interp(-np.log(level), -np.log(loss[pair]), facts[pair])])

    @property
    def title(self) -> str:
        """The data set and the learning rates."""
        full, lora = self.rates["full"], self.rates["lora"]
        if self.one_rate:
            return f"{TITLES[self.task]}, learning rate {full:g}"
        return f"{TITLES[self.task]}: full at {full:g}, LoRA at {lora:g}"


def compute(lines: Sequence[Mapping[str, Any]], base: float, task: str, rate: float,
            ways: bool = True, blind: float = np.nan, lora_rate: float | None = None,
            begin: float = np.nan) -> Front:
    """Gather the lines of a data set. ``lora_rate``, if LoRA has not the same rate as full
    fine-tuning, is its own; ``begin`` is the base model's loss, for ways that begin there.

    Raises:
        ValueError: no line has this data set and this learning rate.
    """
    rates = {"full": rate, "lora": rate if lora_rate is None else lora_rate}
    mine = [line for line in lines if line["run"]["task"] == task]
    runs: dict[str, dict[float, list]] = {}
    for line in mine:
        found = runs.setdefault(line["run"]["method"], {})
        found.setdefault(line["run"]["learning_rate"], []).append(
            (line["dev_loss"], line["facts"]))
    here = {method: [line for line in mine if line["run"]["learning_rate"] == rates[method]
                     and line["run"]["method"] == method] for method in METHODS}
    here = {method: found for method, found in here.items() if found}
    if not here:
        raise ValueError(f"no run of {task!r} has the learning rate {rate!r}")
    paths = {method: np.mean([[[point[2], point[4]] for point in line["curve"]]
                              for line in found], 0) for method, found in here.items()}
    losses = [point[2] for line in mine for point in line["curve"]]
    if begin > 0:
        paths = {method: np.vstack([[begin, base], path]) for method, path in paths.items()}
        losses.append(begin)
    return Front(task, rates, {method: {each: np.array(found) for each, found in sorted(of.items())}
                              for method, of in runs.items()}, paths, base,
                 (0.85 * min(losses), 1.15 * max(losses)), ways, blind, begin)


def free_end(x: np.ndarray, kept: np.ndarray, limits: tuple[float, float], blind: float) -> float:
    """Where along the axis the words on the blind guess end, so that they cover fewest marks."""
    along = np.log(x / limits[0]) / np.log(limits[1] / limits[0])
    up = np.asarray(kept) - blind
    near = (up > -0.03) & (up < 0.13)
    return min((1.0, 0.68, 0.4),
               key=lambda end: (near & (along > end - 0.19) & (along < end)).sum())


def facts_axis(ax: Axes, base: float, blind: float = np.nan, end: float = 1) -> None:
    """Facts kept, upwards, with the base model's as a rule, and what a blind guess has, in words
    that end at a share of the axis.
    """
    ax.axhline(base, color=style.FACTS.mark, lw=style.THIN, ls=(0, (4, 3)), zorder=1)
    ax.set(ylim=(-0.04, 1.24), ylabel="old facts kept")
    ax.set_yticks(TICKS, [f"{tick:.0%}" for tick in TICKS])
    ax.grid(axis="y")
    ax.text(1, base + 0.02, "what the base says ", transform=ax.get_yaxis_transform(),
            ha="right", va="bottom", color=style.FACTS.ink, size=style.SMALL)
    if blind > 0:
        ax.axhline(blind, color=style.MUTED, lw=style.THIN, ls=(0, (1, 2)), zorder=1)
        ax.text(end, blind + 0.015, f"a blind guess: {style.percent(blind)} ",
                transform=ax.get_yaxis_transform(), ha="right", va="bottom", color=style.MUTED,
                size=style.SMALL)


def _inches(ax: Axes, points: np.ndarray) -> np.ndarray:
    """Points of the data, (n, 2), in inches from the axes' lower left corner."""
    return (ax.transData.transform(points) - ax.transAxes.transform((0, 0))) / ax.figure.dpi


def _taken(ax: Axes, data: Front) -> np.ndarray:
    """What a rate should not be written on, as points in inches with a weight each: (n, 3)."""
    low, high = data.limits
    across = np.geomspace(low, high, 200)
    ends = [points for method, of in data.runs.items() for rate, points in of.items()
            if rate <= data.rates[method]]
    found = [(np.concatenate(ends), 20)]
    found += [(np.column_stack([across, np.full(200, level)]), 1)
              for level in (data.base, data.blind) if level > 0]
    found.append((np.column_stack([across[-70:], np.full(70, data.base + 0.06)]), 3))  # its words
    for loss, facts in (path.T for path in data.paths.values() if data.ways):
        along = np.linspace(0, len(loss) - 1, 200)
        found.append((np.column_stack([np.exp(np.interp(along, np.arange(len(loss)), np.log(loss))),
                                       np.interp(along, np.arange(len(loss)), facts)]), 1))
    points = [np.column_stack([_inches(ax, each), np.full(len(each), weight)])
              for each, weight in found]
    if data.ways and data.passing is not None:
        turn = np.linspace(0, 2 * np.pi, 24)
        circle = 0.09 * np.column_stack([np.cos(turn), np.sin(turn)])
        points.append(np.column_stack([_inches(ax, data.passing[None]) + circle, np.full(24, 5)]))
    return np.concatenate(points)


def _name_rates(ax: Axes, data: Front) -> None:
    """Write each lower rate beside its marks, where it covers least, or not at all without room."""
    taken, size = _taken(ax, data), ax.get_window_extent().size / ax.figure.dpi
    for method, of in data.runs.items():
        for rate, points in of.items():
            if rate >= data.rates[method]:
                continue
            half = np.array([measure(f"{rate:g}", style.SMALL), style.SMALL / 72]) / 2
            cluster = _inches(ax, points)
            (left, low), (right, top), (x, y) = cluster.min(0), cluster.max(0), cluster.mean(0)
            sides = (right + half[0] + 0.08, left - half[0] - 0.08)
            below, above = low - half[1] - 0.08, top + half[1] + 0.08
            places = [(sides[0], y), (sides[1], y), (x, below), (x, above),
                      *((side, level) for side in sides for level in (below, above))]
            inside = [place for place in places
                      if (np.array(place) > half).all() and (size - place > half).all()]
            cost = [taken[(np.abs(taken[:, :2] - place) < half + 0.02).all(1), 2].sum()
                    for place in inside]
            if not cost or min(cost) >= 20:  # it would cover a mark or another rate
                continue
            at = inside[int(np.argmin(cost))]
            ax.text(*at / size, f"{rate:g}", transform=ax.transAxes, ha="center", va="center",
                    color=METHODS[method][1].ink, size=style.SMALL, zorder=5)
            grid = np.stack(np.meshgrid(*np.linspace(-half, half, 7).T), -1).reshape(-1, 2)
            taken = np.concatenate([taken, np.column_stack([grid + at, np.full(49, 5)])])


def _plot(ax: Axes, data: Front) -> None:
    ax.set_xscale("log")
    marks = np.concatenate([points for each in data.runs.values() for points in each.values()])
    facts_axis(ax, data.base, data.blind, free_end(*marks.T, data.limits, data.blind))
    for method, (_, tone) in METHODS.items():
        most = data.rates[method]
        for rate, points in data.runs.get(method, {}).items():
            if rate > most:  # what a higher rate does is to be guessed first
                continue
            chosen = rate == most
            ax.plot(points[:, 0], points[:, 1], style.MARKER[method], ls="", mew=0.8,
                    color=tone.mark if chosen else tone.tint, ms=6 if chosen else 5,
                    mec=style.PAPER if chosen else tone.mark, zorder=3 + chosen)
        if data.ways and method in data.paths:
            loss, facts = data.paths[method].T
            known = int(data.begin > 0)  # up to the first checkpoint nothing was measured
            ax.plot(loss[:2 * known], facts[:2 * known], color=tone.mark, lw=1, ls=(0, (1, 2)))
            ax.plot(loss[known:], facts[known:], color=tone.mark, lw=1.4, zorder=2,
                    ls="-" if method == "full" else (0, (5, 2)))
    if data.ways and data.passing is not None:
        ring(ax, *data.passing)
    if data.begin > 0:
        ax.plot(data.begin, data.base, style.MARKER["base"], ms=7, color=style.FACTS.mark,
                mec=style.PAPER, mew=0.8, zorder=5)
    low, high = data.limits
    ticks = [tick for tick in LOSSES if low < tick < high]
    ticks = ticks[::-(-len(ticks) // 5)]
    ax.set(xlim=(low, high), xlabel="loss on dev examples, nats")
    ax.minorticks_off()
    better(ax, "top left", 0.05, 0.93)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    _name_rates(ax, data)


def _key(fig: Figure, data: Front, wide: bool) -> None:
    """What each kind of mark is, in grey because both methods have it."""
    ax = style.board(fig, 0, 0.58, fig.get_size_inches()[0], 0.3 if wide else 0.55)
    rows = [(0.13, 0.16), (0.13, 1.42), (0.13, 2.78), (0.13, 4.5)] if wide else \
        [(0.13, 0.16), (0.13, 1.6), (0.38, 0.16), (0.38, 1.6)]
    names = ["end of a run", "its way there", "ends at lower rates" if wide else "at lower rates"]
    if data.passing is not None:
        names.append("full where it passes LoRA's loss" if wide else "full at LoRA's loss")
    looks = ({"marker": "o", "ms": 6, "color": style.MUTED}, {"lw": 1.4, "color": style.MUTED},
             {"marker": "o", "ms": 5, "mfc": style.GRID, "mec": style.MUTED, "mew": 0.8, "ls": ""},
             {"marker": "o", "ms": 11, "mfc": "none", "mec": style.INK, "mew": 1.3, "ls": ""})
    for (y, x), name, look in zip(rows, names, looks):
        along = [x - 0.07, x + 0.09] if "lw" in look else [x]
        ax.plot(along, [y] * len(along), **look)
        ax.text(x + 0.16, y, name, va="center", color=style.MUTED, size=style.SMALL)


def _card(fig: Figure, data: Front, top: float, wide: bool) -> None:
    """The chosen rate in numbers, a row for each method."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, style.BASE * LEADING + 0.03
    ax = style.card(fig, style.MARGIN, top, width, 3 * line + 0.2)
    columns = (0.15, 0.52 * width, 0.72 * width, 0.9 * width) if wide else \
        (0.12, 0.58 * width, 0.78 * width, width - 0.1)
    places = columns[1:] if data.one_rate else columns[2:]
    heads = ("loss", "facts kept", *(["at the ring"] if data.passing is not None else []))
    for x, words in zip(places, heads):
        ax.text(x, 0.1 + line / 2, words, ha="right", va="center", color=style.MUTED)
    for row, (method, (name, tone)) in enumerate(METHODS.items(), start=1):
        at = 0.1 + (row + 0.5) * line
        ax.plot(columns[0] + 0.04, at, style.MARKER[method], ms=5, color=tone.mark)
        ax.text(columns[0] + 0.16, at, name, va="center", color=tone.ink, weight=600)
        for x, words in zip(places, _numbers(data, method)):
            ax.text(x, at, words, ha="right", va="center")


def _numbers(data: Front, method: str) -> list[str]:
    """Loss, facts kept and, for full fine-tuning, those at the ring."""
    if method not in data.paths:
        return ["", "not run"]
    loss, facts = data.mean(method)
    told = [f"{loss:.2f}", style.percent(facts)]
    if method == "full" and data.passing is not None:
        told.append(style.percent(data.passing[1]))
    return told


@style.styled
def draw(data: Front, layout: Layout = "wide") -> Figure:
    """Draw the runs up to the chosen rate, its own in full colour with their way and numbers."""
    wide = layout == "wide"
    top, bottom = (1.02, 4.0) if wide else (1.27, 3.95)
    fig = style.canvas(layout, bottom + 0.86)
    style.heading(fig, data.title, "Facts kept and loss on the new text, after and during training"
                  if wide else "Facts kept and loss on the new text")
    _plot(style.place(fig, 0.72, top, style.WIDTH[layout] - 0.86, bottom - top - 0.58), data)
    _key(fig, data, wide)
    _card(fig, data, bottom, wide)
    return fig


def alt(data: Front) -> str:
    """Return the frame in words."""
    said = []
    for method, (name, _) in METHODS.items():
        loss, *kept = _numbers(data, method)
        if not loss:
            said.append(f"{name} was not run")
            continue
        words = [f"{name} reaches a dev loss of {loss} nats", f"keeps {kept[0]} of the facts",
                 *(f"had kept {there} where it passed LoRA's loss" for there in kept[1:])]
        said.append(", ".join(words[:-1]) + f" and {words[-1]}")
    return f"{data.title}: {'; '.join(said)}."
