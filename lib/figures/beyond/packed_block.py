"""Twenty bytes of a file that hold thirty-two weights: a block of the type Q4_1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Sixteen levels for thirty-two weights: four bytes say where the levels are, and four "
           "bits for each weight which one it has.")
WEIGHTS, LEVELS = 32, 16
FIRST = 4  # the byte of weights 1 and 17


@dataclass(frozen=True)
class Block:
    """The bytes of one block, and what they stand for.

    raw: (20,) of uint8;  numbers: (32,) from 0 to 15;  weights: (32,).
    """

    raw: np.ndarray
    scale: float
    lowest: float
    numbers: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        return self.lowest + self.scale * self.numbers


def compute(raw: np.ndarray) -> Block:
    """Unpack the twenty bytes of a block.

    Raises:
        ValueError: there are not twenty bytes.
    """
    raw = np.asarray(raw, np.uint8)
    if raw.shape != (20,):
        raise ValueError(f"a block of Q4_1 has 20 bytes, got an array of shape {raw.shape}")
    scale, lowest = raw[:4].copy().view("<f2").astype(float)
    numbers = np.concatenate([raw[4:] & 15, raw[4:] >> 4])
    return Block(raw, float(scale), float(lowest), numbers)


def _bytes(ax: Axes, data: Block, columns: int, cell: float) -> None:
    """The bytes in rows, as two hexadecimal digits each, under what they are."""
    for k, value in enumerate(data.raw):
        tone = style.DATA if k < 4 else style.FROZEN
        x, y = k % columns * cell, 0.26 + k // columns * 0.36
        ax.add_patch(Rectangle((x, y), cell - 0.03, 0.3, fc=tone.tint,
                               ec=style.INK if k == FIRST else tone.mark,
                               zorder=2 if k == FIRST else 1,
                               lw=2.2 if k == FIRST else style.THIN))
        if k == FIRST:
            _halves(ax, x, y, cell - 0.03, f"{value:02x}")
        else:
            ax.text(x + cell / 2 - 0.015, y + 0.15, f"{value:02x}", ha="center", va="center",
                    color=tone.ink, weight=600)
    for words, x, tone in (("scale", 0, style.DATA), ("lowest", 2 * cell, style.DATA),
                           ("two weights in each byte", 4 * cell, style.FROZEN)):
        ax.text(x, 0.12, words, va="center", color=tone.ink, weight=600, size=style.SMALL)


def _halves(ax: Axes, x: float, y: float, wide: float, digits: str) -> None:
    """One byte, parted into its high and its low half."""
    ax.plot([x + wide / 2] * 2, [y, y + 0.3], color=style.INK, lw=style.THIN, zorder=3)
    for digit, at in zip(digits, (0.25, 0.75), strict=True):
        ax.text(x + at * wide, y + 0.15, digit, ha="center", va="center", color=style.INK,
                weight=600, zorder=3)


def _levels(ax: Axes, data: Block) -> None:
    """The weights, each on its level."""
    for level in range(LEVELS):
        ax.axhline(data.lowest + level * data.scale, color=style.GRID, lw=style.THIN, zorder=0)
    ax.axhline(0, color=style.FROZEN.mark, lw=style.THIN, ls="--", zorder=1)
    ax.plot(range(WEIGHTS), data.weights, "o", ms=4.5, color=style.FROZEN.mark)
    for half, k in (("low", 0), ("high", WEIGHTS // 2)):
        ax.plot(k, data.weights[k], "o", ms=6, color=style.INK)
        ax.annotate(f"{half} half: {data.numbers[k]:x}", (k, data.weights[k]), (-4, -6),
                    textcoords="offset points", ha="left", va="top",
                    size=style.SMALL, color=style.INK, weight=600,
                    bbox={"fc": style.PAPER, "ec": "none", "pad": 0.6})
    high = data.lowest + (LEVELS - 1) * data.scale
    ax.set(xlim=(-1, WEIGHTS), xlabel="weight of the block",
           ylim=(data.lowest - data.scale, high + data.scale))
    ax.set_xticks([0, 16, 31], ["1", "17", "32"])
    ax.set_yticks([data.lowest, 0, high], [f"{data.lowest:.2f}".replace("-", "−"), "0",
                                           f"{high:.2f}"])


@style.styled
def draw(data: Block, layout: Layout = "wide") -> Figure:
    """Draw the bytes, and under them the weights on their levels."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 3.95)
    style.heading(fig, "20 bytes, 32 weights", (
        "low halves of the 16 bytes first, then their high halves; in bold outline the byte of "
        "weights 1 and 17") if wide else (
        "low halves first, then high halves;\nin bold outline the byte of weights 1 and 17"))
    columns = 20 if wide else 10
    cell = (7.08 if wide else 3.48) / columns
    _bytes(style.board(fig, style.MARGIN, 0.68 if wide else 0.88, 7.08 if wide else 3.48, 1.1),
           data, columns, cell)
    top, height = (1.42, 1.36) if wide else (2.04, 1.38)
    _levels(style.place(fig, 0.5, top, 6.5 if wide else 2.95, height), data)
    return fig


def alt(data: Block) -> str:
    """Return the drawing in words."""
    return (f"A block of 20 bytes: the scale {data.scale:.4f}, the lowest level {data.lowest:.4f}, "
            "and 16 bytes with two numbers from 0 to 15 each; the first of them holds weights 1 "
            f"and 17. So 32 weights lie on 16 levels, from {data.lowest:.3f} to "
            f"{data.lowest + 15 * data.scale:.3f}, of which {len(np.unique(data.numbers))} are "
            "used.")
