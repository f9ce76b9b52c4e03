"""One training watched by its loss: on each batch, and on questions that are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Where the held-out line stops falling, more steps no longer teach what carries over to "
           "new questions.")


@dataclass(frozen=True)
class Course:
    """batch: each step's loss, (steps,); dev: steps done and loss on the dev questions, (2, n)."""

    batch: np.ndarray
    dev: np.ndarray


def compute(batch: Sequence[float], dev: Mapping[int, float]) -> Course:
    """Gather a training's losses: of every step's batch, and held out after so many steps.

    Raises:
        ValueError: a held-out loss was measured after more steps than there are, or there is none.
    """
    if not dev or max(dev) > len(batch):
        raise ValueError(f"held out was measured after {sorted(dev)} steps of {len(batch)}")
    steps = sorted(dev)
    return Course(np.array(batch, float), np.array([steps, [dev[step] for step in steps]], float))


@style.styled
def draw(data: Course, layout: Layout = "wide") -> Figure:
    """Draw both losses over the steps, on one logarithmic axis."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 3.1)
    least, last = data.dev[1].argmin(), data.batch[-20:].mean()
    style.heading(fig, f"Dev loss ends at {data.dev[1, -1]:.3f}, training at {last:.3f}",
                  f"dev is lowest after step {data.dev[0, least]:.0f}"
                  + ("; training: mean of the last 20 batches; one run, logarithmic axis" if wide
                     else ""))
    ax = style.place(fig, 0.62, 0.98, 6.3 if wide else 2.78, 1.8 if wide else 1.6)
    steps = np.arange(1, len(data.batch) + 1)
    ax.plot(steps, data.batch, color=style.FROZEN.mark, lw=0.8, zorder=1)
    ax.plot(*data.dev, color=style.LORA.mark, marker="o", ms=5, mec=style.PAPER, mew=0.6, lw=1.5,
            zorder=3)
    every = np.concatenate([data.batch, data.dev[1]])
    ax.set(yscale="log", ylim=(every.min() * 0.7, every.max() * 1.4),
           xlim=(-0.02 * len(steps), 1.02 * len(steps)), xlabel="training step",
           title="Loss, nats per token")
    style.number_ticks(ax.yaxis, (0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10))
    ax.grid(axis="y")
    name_lines(ax, [Named(steps, data.batch, "training batches", style.FROZEN),
                    Named(*data.dev, "dev questions", style.LORA)])
    return fig


def alt(data: Course) -> str:
    """Return the picture in words."""
    least = int(data.dev[1].argmin())
    return (f"The loss of the batches falls from {data.batch[0]:.1f} to {data.batch[-1]:.2f} nats "
            f"in {len(data.batch)} steps. On the dev questions it falls from "
            f"{data.dev[1, 0]:.1f} to {data.dev[1, -1]:.2f}, and is lowest after step "
            f"{data.dev[0, least]:.0f} with {data.dev[1, least]:.2f}.")
