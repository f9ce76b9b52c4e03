"""Two choices in a block: where the norm stands, and how large its branches are at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Left: a line is a model, at the dotted one no better than token frequencies. Right: "
           "a line is a depth, before any training.")

KINDS = {"pre-norm": (style.INK, "o"), "post-norm": (style.ATTENTION(0.7), "s")}
DASH = {True: "-", False: (0, (4, 1.5))}  # branches divided by the root, or as they are
SCALED = ", scaled"
HIGH = {"wide": 2.0, "narrow": 1.75}  # inches of a panel


@dataclass(frozen=True)
class Choices:
    """rates: the learning rates; ends: (kind, divided) -> the loss at each; guessing: the loss of
    token frequencies alone; variances: divided -> depth -> the stream's variance, block by block.
    """

    rates: tuple[float, ...]
    ends: dict[tuple[str, bool], list[float]]
    guessing: float
    variances: dict[bool, dict[int, np.ndarray]]

    def last(self, divided: bool) -> list[float]:
        """Return the variance after the last block, for each depth."""
        return [float(each[-1]) for each in self.variances[divided].values()]


def compute(losses: Mapping[tuple[str, float], float], guessing: float,
            variances: Mapping[bool, Mapping[int, np.ndarray]]) -> Choices:
    """Take the losses by name, such as "pre-norm, scaled", and learning rate."""
    rates = tuple(sorted({rate for _, rate in losses}))
    ends = {(kind, divided): [losses[kind + SCALED * divided, rate] for rate in rates]
            for kind in KINDS for divided in DASH}
    return Choices(rates, ends, guessing, {key: dict(each) for key, each in variances.items()})


def _losses(ax: Axes, data: Choices) -> None:
    """Loss over learning rate: a colour for the norm's place, a dash for the branches."""
    ax.axhline(data.guessing, color=style.MUTED, ls=":", lw=1.2, zorder=1)
    ax.text(data.rates[0], data.guessing + 0.08, "token frequencies alone", color=style.MUTED,
            size=style.SMALL, va="bottom")
    for (kind, divided), losses in data.ends.items():
        colour, marker = KINDS[kind]
        ax.plot(data.rates, losses, color=colour, ls=DASH[divided], marker=marker, ms=5,
                mec=style.PAPER, clip_on=False, zorder=3)
    ink, violet = KINDS["pre-norm"][0], KINDS["post-norm"][0]
    last = {key: losses[-1] for key, losses in data.ends.items()}
    for x, y, words, colour, where in (
            (0.8 * data.rates[-2], data.ends["post-norm", False][-2] - 0.35, "post-norm",
             violet, "right"),
            (1.62 * data.rates[-2], 4.55, "post-norm,\ndivided", violet, "right"),
            (0.96 * data.rates[-1], last["pre-norm", False] + 0.06, "pre-norm", ink, "right"),
            (0.96 * data.rates[-1], last["pre-norm", True] - 0.36, "pre-norm, divided", ink,
             "right")):
        ax.text(x, y, words, color=colour, weight=600, ha=where, va="bottom", size=style.SMALL)
    ax.set(xscale="log", xlim=(data.rates[0] * 0.85, data.rates[-1] * 1.15), ylim=(2.75, 6.2),
           yticks=[3, 4, 5, 6], xlabel="learning rate", title="Loss after 300 steps, in nats")
    ax.set_xticks(data.rates, [f"{rate:g}" for rate in data.rates])
    ax.minorticks_off()
    ax.grid(axis="y")


def _growth(ax: Axes, data: Choices) -> None:
    """The stream's variance at the start, block by block."""
    deepest = max(data.variances[False])
    for divided, found in data.variances.items():
        for variances in found.values():
            ax.plot(variances, color=style.INK, ls=DASH[divided], lw=1.6)
    top = data.variances[False][deepest][-1]
    ax.text(0.45 * deepest, 0.68 * top, "as they are", ha="right", weight=600)
    ax.text(deepest, 0.06 * top, "divided by √(2 · layers)", ha="right", va="bottom", weight=600)
    ax.set(xlim=(0, deepest + 1), ylim=(0, 1.08 * top), xticks=[0, *data.variances[False]],
           xlabel="blocks passed", title="Variance of the stream at the start")
    ax.grid(axis="y")


@style.styled
def draw(data: Choices, layout: Layout = "wide") -> Figure:
    """Draw the two panels side by side, or on a phone one under the other."""
    fig = style.canvas(layout, 3.65 if layout == "wide" else 6.15)
    high = HIGH[layout]
    style.heading(fig, "Where the norm stands; how branches add up" if layout == "wide"
                  else "The norm's place; the branches' size",
                  "Dashed: branches as they are. Solid: divided")
    _losses(style.place(fig, 0.3, 1.0, 3.15, high), data)
    corner = (3.95, 1.0) if layout == "wide" else (0.3, high + 2.0)
    _growth(style.place(fig, *corner, 3.15, high), data)
    return fig


def alt(data: Choices) -> str:
    """Return the figure in words."""
    rates = ", ".join(f"{rate:g}" for rate in data.rates)
    lines = "; ".join(f"{kind}{', divided' * divided} {', '.join(f'{x:.2f}' for x in losses)}"
                      for (kind, divided), losses in data.ends.items())
    deepest, divided = max(data.variances[False]), data.last(True)
    return (f"Loss after 300 steps at rates {rates}: {lines}. Token frequencies alone give "
            f"{data.guessing:.2f}. At the start the stream's variance grows to "
            f"{data.last(False)[-1]:.0f} in {deepest} blocks; divided, it ends at "
            f"{min(divided):.1f} to {max(divided):.1f} at every depth.")
