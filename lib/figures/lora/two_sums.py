"""Two sums over an adapter's r terms: the fall of the loss, where all agree, and the change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "On the left, read off how far each line rises while r grows from 4 to 64. Then split ΔW."


@dataclass(frozen=True)
class Sums:
    """Running sums over the places: the fall in mean terms, the others in terms' mean squares."""

    fall: np.ndarray  # (r,): how far the loss falls
    usual: np.ndarray  # (r,): the root mean square of the change's entries
    along: np.ndarray  # (r,): that of its part along the gradient
    rest: np.ndarray  # (r,): and of all that is left


def compute(steps: np.ndarray, A: np.ndarray, gradient: np.ndarray) -> Sums:
    """Add the places of an adapter one by one.

    steps (d_out, r) has the sign of each entry's step of B, A (r, d_in) is as drawn, and gradient
    (d_out, d_in) is that of W.
    """
    falls = -(steps * (gradient @ A.T)).sum(0)
    terms = steps.T[:, :, None] * A[:, None, :]
    sums = np.cumsum(terms / np.sqrt((terms**2).mean()), axis=0)
    usual = np.sqrt((sums**2).mean((1, 2)))
    along = -(sums * gradient).sum((1, 2)) / np.sqrt((gradient**2).sum() * gradient.size)
    return Sums(np.cumsum(falls / falls.mean()), usual, along, np.sqrt(usual**2 - along**2))


def early(sums: np.ndarray) -> float:
    """The share of a sum that the first quarter of its terms reaches."""
    return float(sums[len(sums) // 4 - 1] / sums[-1])


def _panel(ax: Axes, title: str, lines: tuple[tuple[np.ndarray, str, Tone], ...],
           beside: tuple[np.ndarray, ...], low: float) -> None:
    """Sums on logarithmic axes, beside dotted lines."""
    terms = np.arange(1, len(beside[0]) + 1)
    for dotted in beside:
        ax.plot(terms, dotted, color=style.INK, lw=1.5, ls=(0, (1, 2)), zorder=5)
    for values, words, tone in lines:
        ax.plot(terms, values, color=tone.mark, lw=style.LINE)
        ax.text(1.08 * terms[-1], values[-1], words, color=tone.ink, va="center",
                size=style.SMALL, weight=600, clip_on=False)
    ax.set(xscale="log", yscale="log", xlim=(1, terms[-1]), ylim=(low, 1.3 * terms[-1]),
           xlabel="terms added, r (log scale)", title=title)
    marks = [each for each in (1, 4, 16, 64, 256) if each <= terms[-1]]
    ax.set_xticks(marks, [str(each) for each in marks])
    ax.set_yticks([0.25, *marks], ["¼", *map(str, marks)])
    ax.minorticks_off()
    ax.grid(axis="y")


@style.styled
def draw(data: Sums, layout: Layout = "wide") -> Figure:
    """Draw the loss's fall beside the change's size, and that size in its two parts."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.95)
    terms = np.arange(1, len(data.fall) + 1)
    fall, usual = f"{data.fall[-1]:.0f}", f"{data.usual[-1]:.1f}"
    style.heading(fig, f"The loss gains from all {fall} terms, an entry of ΔW as if from {usual}"
                  if wide else f"Of {len(terms)} terms: loss {fall}, ΔW {usual}",
                  "One term for each row of A; both sums in units of their own typical term; "
                  "dotted: slopes of r and √r" if wide else "Typical term 1; dotted: r, √r")
    low = min(0.8, 0.8 * float(np.abs(data.along).min()))
    root, line = terms**0.5, data.along[-1] * terms / terms[-1]
    _panel(style.place(fig, 0.45, 0.98, 2.0 if wide else 1.75, 1.8), "Fall of the loss, and ΔW",
           ((data.fall, "fall, to\nfirst order", style.TASK),
            (data.usual, "an entry\nof ΔW", style.LORA)), (root, 1.0 * terms), low)
    _panel(style.place(fig, *((3.85, 0.98, 2.0, 1.8) if wide else (0.45, 3.7, 1.75, 1.7))),
           "ΔW in two parts", ((data.rest, f"the rest: {data.rest[-1]:.1f}", style.FROZEN),
                               (data.along, f"along −dW: {data.along[-1]:.1f}", style.LORA)),
           (root, line), low)
    return fig


def alt(data: Sums) -> str:
    """Return the picture in words."""
    r = len(data.fall)
    return (f"Sums of {r} terms, in units of the mean term. On logarithmic axes the fall of the "
            f"loss to first order rises beside r, because all terms agree: the first quarter makes "
            f"{style.percent(early(data.fall))} of it. The root mean square of the entries of the "
            f"change rises nearly beside the root of r: its first quarter makes "
            f"{style.percent(early(data.usual))} of {data.usual[-1]:.1f} terms in the end, where "
            f"the root of {r} is {r**0.5:.1f}. The change has two parts: along the gradient of W "
            f"{data.along[-1]:.1f}, of which the first quarter makes "
            f"{style.percent(early(data.along))}, and {data.rest[-1]:.1f} in other directions.")
