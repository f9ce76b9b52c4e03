"""Terms of one sign and terms of either: the fall of the loss, and the entries of the change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("The black line rises with every term. The thin grey ones go up and down, so the bold "
           "one, their usual distance from zero, stays far below.")

SHOWN = 24  # entries of the change that are drawn


@dataclass(frozen=True)
class Walks:
    """Running sums over an adapter's r terms, from 0 terms on, in units of a typical term."""

    fall: np.ndarray  # (r + 1,): how far the loss falls, to first order
    entries: np.ndarray  # (shown, r + 1): some entries of the change
    usual: np.ndarray  # (r + 1,): the root mean square of all its entries
    size: int  # how many these are

    @property
    def terms(self) -> int:
        """How many terms are added, the rank."""
        return len(self.fall) - 1


def compute(steps: np.ndarray, A: np.ndarray, gradient: np.ndarray, shown: int = SHOWN) -> Walks:
    """Add up the terms of an adapter one by one.

    steps (d_out, r) has the sign of each entry's step of B, A (r, d_in) is as drawn, and gradient
    (d_out, d_in) is that of W. The entries that are drawn are chosen at random, always the same.

    Raises:
        ValueError: the change has fewer entries than are to be shown.
    """
    if shown > gradient.size:
        raise ValueError(f"shown is {shown}; the change has {gradient.size} entries")
    falls = -(steps * (gradient @ A.T)).sum(0)
    terms = steps.T[:, :, None] * A[:, None, :] / np.sqrt((A**2).mean())
    chosen = np.random.default_rng(0).choice(gradient.size, shown, replace=False)
    sums = np.cumsum(terms.reshape(len(A), -1), axis=0)
    return Walks(np.append(0, np.cumsum(falls / falls.mean())),
                 np.concatenate([np.zeros((shown, 1)), sums[:, chosen].T], axis=1),
                 np.append(0, np.sqrt((sums**2).mean(1))), gradient.size)


def _label(ax: Axes, data: Walks, height: float, words: str, ink: str,
           weight: int = 600) -> None:
    """Words to the right of where the lines end."""
    ax.annotate(words, (data.terms, height), (7, 0), textcoords="offset points", va="center",
                color=ink, size=style.SMALL, weight=weight, annotation_clip=False)


@style.styled
def draw(data: Walks, layout: Layout = "wide") -> Figure:
    """Draw the sum of terms of one sign as a line, and entries of the change as others."""
    wide, r = layout == "wide", data.terms
    fig = style.canvas(layout, 3.6 if wide else 3.7)
    style.heading(fig, f"{r} terms of one sign make {r}, of either sign about "
                  f"{data.usual[-1]:.1f}" if wide else f"{r} terms: {r}, or about "
                  f"{data.usual[-1]:.1f}",
                  "All sums in units of their own typical term; dotted: √r"
                  if wide else "Unit: a typical term; dotted: √r")
    ax = style.place(fig, 0.5, 0.85, 4.6 if wide else 1.85, 2.25)
    along = np.arange(r + 1)
    for walk in data.entries:
        ax.plot(along, walk, color=style.FROZEN.mark, lw=style.THIN, alpha=0.35)
    ax.plot(along, data.usual, color=style.FROZEN.ink, lw=style.LINE)
    ax.plot(along, along**0.5, color=style.INK, lw=1.5, ls=(0, (1, 2)), zorder=5)
    ax.plot(along, data.fall, color=style.DATA.mark, lw=style.LINE + 0.4)
    low = min(0.0, float(data.entries.min())) - 2
    ax.set(xlim=(0, r), ylim=(low, 1.04 * max(r, float(data.entries.max()))),
           xlabel="terms added, r" if wide else "terms added")
    marks = np.unique(np.linspace(0, r, 5).astype(int))
    ax.set_xticks(marks, [str(each) for each in marks])
    ax.grid(axis="y")
    _label(ax, data, data.fall[-1], "fall of the loss,\nto first order" if wide else
           "fall of\nthe loss", style.DATA.ink)
    _label(ax, data, data.usual[-1], f"root mean square\nof all {data.size:,} entries" if wide
           else "root mean\nsquare", style.FROZEN.ink)
    _label(ax, data, min(0.0, data.usual[-1] - 0.3 * r), f"{len(data.entries)} entries of ΔW"
           if wide else "entries\nof ΔW", style.FROZEN.ink, weight=400)
    return fig


def alt(data: Walks) -> str:
    """Return the picture in words."""
    ends = np.abs(data.entries[:, -1])
    return (f"Running sums of {data.terms} terms, in units of a typical term. The fall of the loss "
            f"to first order rises with every term, nearly in a straight line, to "
            f"{data.fall[-1]:.0f}. {len(data.entries)} entries of the change go up and down "
            f"and end {ends.min():.1f} to {ends.max():.1f} away from zero; of all {data.size:,} "
            f"entries the root mean square is {data.usual[-1]:.1f}, where the root of {data.terms} "
            f"is {data.terms**0.5:.1f}.")
