"""What a tuned model still answers as asked, and once its answer's beginning is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each mark is a seed: follow it from the question alone to the same question with the "
           "answer's beginning given.")


@dataclass(frozen=True)
class Given:
    """counts: model -> (seeds, ways to ask), right answers;  ways: their names;  known: of how many
    questions;  base: (ways,), the right answers of the untuned model;  shown: how many of the ways
    are drawn, the others are left for a guess.
    """

    counts: dict[str, np.ndarray]
    ways: tuple[str, ...]
    base: np.ndarray
    known: int
    shown: int

    def span(self, model: str, way: int) -> str:
        """The smallest and the largest count over the seeds, in words."""
        counts = self.counts[model][:, way]
        ends = sorted({int(counts.min()), int(counts.max())})
        return " to ".join(map(str, ends))


def compute(counts: Mapping[str, Sequence[Sequence[int]]], ways: Sequence[str],
            base: Sequence[int], known: int, until: str | None = None) -> Given:
    """Take the counts of each model, a row a seed and a column a way to ask.

    until: the last way that is drawn, on one line; by default all are.

    Raises:
        ValueError: a row has not one count for each way, or there is no such way.
    """
    names = [_line(way) for way in ways]
    if until is not None and until not in names:
        raise ValueError(f"{until!r} is no way to ask; there are {', '.join(names)}")
    found = {model: np.array(rows) for model, rows in counts.items()}
    for model, rows in (*found.items(), ("the base", np.array([base]))):
        if rows.ndim != 2 or rows.shape[1] != len(ways):
            raise ValueError(f"{model} has counts of shape {rows.shape}, for {len(ways)} ways")
    shown = len(names) if until is None else names.index(until) + 1
    return Given(found, tuple(ways), np.array(base), known, shown)


def _line(way: str) -> str:
    return way.replace("\n", " ")


def _panel(ax: Axes, data: Given, model: str, first: bool) -> None:
    tone, marker = ((style.FULL, "o") if "full" in model else
                    (style.LORA, "D") if "LoRA" in model else (style.TASK, "o"))
    places = np.arange(len(data.ways))
    ax.plot(places, data.base, style.MARKER["base"], ls="--", lw=style.THIN, ms=5, zorder=2,
            color=style.FROZEN.mark, clip_on=False)
    for seed in data.counts[model]:
        ax.plot(places[:data.shown], seed[:data.shown], lw=style.THIN, color=tone.mark, zorder=3)
        style.seeds(ax, places[:data.shown], seed[:data.shown], marker, tone, 6.0)
    ax.set(xlim=(-0.4, len(places) - 0.6), ylim=(-1.5, data.known + 2))
    ax.set_xticks(places, data.ways)
    ax.set_yticks([0, *range(20, data.known - 4, 20), data.known])
    ax.tick_params(labelleft=first)
    ax.grid(axis="y")
    most, count = max(map(len, data.counts.values())), len(data.counts[model])
    fewer = f" ({count} seed{'s' * (count > 1)})" if count < most else ""
    ax.set_title(model + fewer, color=tone.ink)


@style.styled
def draw(data: Given, layout: Layout = "wide") -> Figure:
    """Draw a panel for each model, with a line a seed over the ways to ask."""
    wide = layout == "wide"
    step, down = 7.0 / len(data.counts), min(2.4, 5.4 / len(data.counts))
    fig = style.canvas(layout, 3.35 if wide else 0.8 + down * len(data.counts))
    said = dict.fromkeys(_line(data.ways[k]) for k in (0, data.shown - 1))
    style.heading(fig, f"Right answers of {data.known}"
                  + (f", {' and '.join(said)}" if wide else ""),
                  ("SmolLM2 after 20 steps; " if wide else "")
                  + f"a {'line' if data.shown > 1 else 'mark'} for each seed; "
                  "gray triangles: the base")
    for k, model in enumerate(data.counts):
        _panel(style.place(fig, 0.35 + step * k if wide else 0.4, 0.95 if wide else 0.95 + down * k,
                           step - 0.25 if wide else 3.15, 2.0 if wide else down - 0.65), data,
               model, k == 0 or not wide)
    return fig


def alt(data: Given) -> str:
    """Return the drawing in words."""
    told = "; ".join(f"{model}: " + ", ".join(
        f"{data.span(model, k)} {_line(way)}" for k, way in enumerate(data.ways[:data.shown]))
        for model in data.counts)
    return (f"Right answers of {data.known} by seed. {told}. The base: "
            f"{', '.join(map(str, data.base[:data.shown]))}.")
