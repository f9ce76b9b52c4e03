"""Held-out loss and answers over the batch size, full fine-tuning beside LoRA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, better, name_lines
from lib.figures.kit.style import Layout
from lib.figures.lora.rate_shift import DASHES, NAMES, TONES
from lib.laboratory import at_best_rate

CAPTION = ("Compare how the two curves rise or fall as the batch grows, each point at its own "
           "best rate.")

SCORES = {"loss": "Held-out loss, nats", "answers": "Questions answered"}
#: Of the axis of losses, which ends at two of them.
NATS = np.array([0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10])


@dataclass(frozen=True)
class Batches:
    """The runs of every batch size at its best rate.

    sizes: (sizes,), ascending; scores[name][method]: for each size, (seeds,).
    """

    sizes: tuple[int, ...]
    scores: Mapping[str, Mapping[str, Sequence[np.ndarray]]]

    def means(self, name: str, method: str) -> np.ndarray:
        """The mean over the seeds: (sizes,)."""
        return np.array([seeds.mean() for seeds in self.scores[name][method]])


def compute(lines: Sequence[Mapping[str, Any]]) -> Batches:
    """Gather the laboratory's lines by batch size and method, each at its best rate.

    Raises:
        ValueError: a batch size lacks one of the two methods.
    """
    found = {(row[0]["run"]["batch"], row[0]["run"]["method"]): row for row in at_best_rate(lines)}
    sizes = tuple(sorted({batch for batch, _ in found}))
    for size in sizes or (0,):
        for method in TONES:
            if (size, method) not in found:
                raise ValueError(f"there are no {method} runs of batch size {size}")
    return Batches(sizes, {name: {method: tuple(
        np.array([line[name] for line in found[size, method]]) for size in sizes)
        for method in TONES} for name in SCORES})


def _panel(ax: Axes, data: Batches, name: str) -> None:
    """Every seed of both methods, aside of each other, and lines through their means."""
    places = np.arange(len(data.sizes))
    for method, aside in (("full", -0.1), ("lora", 0.1)):
        tone, means = TONES[method], data.means(name, method)
        ax.plot(places, means, ls=DASHES[method], color=tone.mark, zorder=2)
        for place, seeds in zip(places, data.scores[name][method], strict=True):
            style.seeds(ax, place + aside + style.fan(seeds, 0.06), seeds, style.MARKER[method],
                        tone, 4.4)
    ax.set(xlim=(-0.4, len(places) - 0.6), title=SCORES[name], xlabel="examples in a batch",
           yscale="log" if name == "loss" else "linear")
    ax.set_xticks(places, [str(size) for size in data.sizes])
    values = np.concatenate([seeds for row in data.scores[name].values() for seeds in row])
    if name == "loss":
        ax.set_ylim(NATS[values.min() >= NATS].max(), NATS[values.max() <= NATS].min())
        style.number_ticks(ax.yaxis, NATS)
    else:
        low = 0.1 * np.floor(values.min() / 0.1 + 1e-9)
        ax.set_ylim(low - 0.02, 1.02)
        style.share_ticks(ax.yaxis, low)
    ax.grid(axis="y")
    better(ax, "down" if name == "loss" else "up", 0.8, 1.13)
    name_lines(ax, [Named(places, data.means(name, method), NAMES[method], TONES[method])
                    for method in TONES])


@style.styled
def draw(data: Batches, layout: Layout = "wide") -> Figure:
    """Draw both scores over the batch size."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.2 if wide else 5.3)
    style.heading(fig, "Few large batches or many small ones",
                  "All see the same number of examples; each mark is a seed, at its best rate." if
                  wide else "The same examples for all; own best rates")
    for k, name in enumerate(SCORES):
        place = (0.5 + 3.65 * k, 0.95, 2.9, 1.7) if wide else (0.55, 0.95 + 2.25 * k, 2.9, 1.4)
        _panel(style.place(fig, *place), data, name)
    return fig


def alt(data: Batches) -> str:
    """Return the picture in words."""
    said = [f"{NAMES[method]} from {data.means('loss', method)[0]:.3f} nats at batches of "
            f"{data.sizes[0]} to {data.means('loss', method)[-1]:.3f} at {data.sizes[-1]}"
            for method in TONES]
    return f"Held-out loss over the batch size, each at its best rate: {' and '.join(said)}."
