"""Losses of several models over the learning rate: which is ahead, and at which rates?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each mark is one seed, and a line joins the means, which stand below. A line that "
           "leaves at the top goes on to such a mean.")

ROOM = 0.65  # nats of the axis above the lowest loss; what is higher stands only in the table
ROW = 0.24  # inches from one model's means to the next
APART = 1.045  # factor of the rate from one model's marks to the next model's
#: Marker, its size and filling, and the line's style, of the first to the fourth model.
LOOKS = (("^", 6.0, style.PAPER, style.MUTED, ":"), ("o", 5.5, style.INK, style.INK, "-"),
         ("s", 6.5, style.PAPER, style.ATTENTION(0.7), "-"),
         ("v", 6.0, style.PAPER, style.ATTENTION(0.7), ":"))


@dataclass(frozen=True)
class Losses:
    """The losses of all seeds in nats, for each model by rate, after so many batches."""

    found: dict[str, dict[float, list[float]]]
    batches: int


def compute(found: Mapping[str, Mapping[float, Sequence[float]]], batches: int) -> Losses:
    """Take the losses by model and rate."""
    return Losses({name: {rate: [float(x) for x in losses] for rate, losses in each.items()}
                   for name, each in found.items()}, batches)


@style.styled
def draw(data: Losses, layout: Layout = "wide") -> Figure:
    """Draw one line for each model, loss over a logarithmic axis of rates, and the means below.

    Raises:
        ValueError: there are more models than looks.
    """
    if len(data.found) > len(LOOKS):
        raise ValueError(f"{len(data.found)} models; there are looks for {len(LOOKS)}")
    wide = layout == "wide"
    left, across, high = (1.9, 4.9, 2.1) if wide else (1.75, 1.6, 2.1)
    key = 0.2 if wide else 0.08  # where the models' markers stand, in inches
    fig = style.canvas(layout, high + 1.75 + ROW * len(data.found))
    style.heading(fig, "Which learning rates does each model tolerate?",
                  f"Held-out loss after {data.batches:,} batches, in nats")
    ax = style.place(fig, left, 0.95, across, high)
    rates = sorted({rate for found in data.found.values() for rate in found})
    every = [x for found in data.found.values() for losses in found.values() for x in losses]
    low, top = min(every) - 0.05, min(every) + ROOM
    for k, (name, look) in enumerate(zip(data.found, LOOKS, strict=False)):
        marker, size, face, colour, line = look
        means = [(rate, float(np.mean(losses)))
                 for rate, losses in sorted(data.found[name].items())]
        aside = APART ** (k - (len(data.found) - 1) / 2)
        ax.plot([rate * aside for rate, _ in means], [mean for _, mean in means], ls=line,
                color=colour, lw=1.4, zorder=3)
        down = 1 + (0.75 + ROW * k) / high  # in heights of the axis, from its top
        ax.plot((key - left) / across, 1 - down, marker, ms=size,
                transform=ax.transAxes, color=colour, mfc=face, mew=1.3, clip_on=False)
        ax.text((key + 0.14 - left) / across, 1 - down, name, size=style.SMALL,
                transform=ax.transAxes, va="center_baseline")
        for rate, mean in means:
            inside = [loss for loss in data.found[name][rate] if loss <= top]
            ax.plot([rate * aside] * len(inside), inside, marker, color=colour, mfc=face, ms=size,
                    mew=1.3, clip_on=False, zorder=4)
            ax.text(rate, 1 - down, f"{mean:.2f}", transform=ax.get_xaxis_transform(),
                    ha="center", va="center_baseline", size=style.SMALL)
    ax.set(xscale="log", xlim=(rates[0] * 0.8, rates[-1] * 1.25), ylim=(low, top),
           xlabel="learning rate" if wide else "learning rate, × 0.001")
    ax.set_xticks(rates, [f"{rate if wide else 1000 * rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.grid(axis="y")
    return fig


def alt(data: Losses) -> str:
    """Return the figure in words."""
    lines = "; ".join(
        f"{name} " + ", ".join(f"{np.mean(losses):.2f} at {rate:g}"
                               for rate, losses in sorted(found.items()))
        for name, found in data.found.items())
    return (f"Mean losses of the seeds after {data.batches:,} batches, in nats, by learning rate: "
            f"{lines}.")
