"""Two sums over an adapter's r terms: one whose signs fall by chance, one whose terms agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "On the right, read off how far each line rises while r grows from 4 to 64."

SHOWN = 40  # entries of the change that are drawn, of all


@dataclass(frozen=True)
class Sums:
    """Running sums over the places, in units of one term."""

    entries: np.ndarray  # (SHOWN, r): some entries of the change
    usual: np.ndarray  # (r,): the root mean square of all entries
    fall: np.ndarray  # (r,): how far the loss falls


def compute(steps: np.ndarray, A: np.ndarray, falls: np.ndarray) -> Sums:
    """Add the places of an adapter one by one.

    steps (d_out, r) has the sign of each entry's step of B, A (r, d_in) is as drawn, and falls (r,)
    how far each place lowers the loss.
    """
    terms = (steps[:, None, :] * A.T).reshape(-1, len(A))
    sums = np.cumsum(terms / np.sqrt((terms**2).mean()), axis=1)
    apart = max(1, len(sums) // SHOWN)
    return Sums(sums[::apart][:SHOWN], np.sqrt((sums**2).mean(0)), np.cumsum(falls / falls.mean()))


def early(sums: np.ndarray) -> float:
    """The share of a sum that the first quarter of its terms reaches."""
    return float(sums[len(sums) // 4 - 1] / sums[-1])


def _walks(ax: Axes, data: Sums) -> None:
    """Some entries of the change, term by term."""
    terms = np.arange(len(data.fall) + 1)
    for walk in data.entries:
        ax.plot(terms, [0, *walk], color=style.LORA.mark, lw=0.7, alpha=0.3)
    ax.set(xlim=(0, terms[-1]), xlabel="terms added, r",
           title=f"{len(data.entries)} entries of ΔW, in units of a term")
    ax.set_xticks(terms[::len(data.fall) // 4])
    ax.grid(axis="y")


def _sums(ax: Axes, data: Sums) -> None:
    """Both sums on logarithmic axes, beside r and its root."""
    terms = np.arange(1, len(data.fall) + 1)
    for power in (0.5, 1):
        ax.plot(terms, terms**power, color=style.INK, lw=1.5, ls=(0, (1, 2)), zorder=5)
    for values, words, tone in ((data.fall, "fall of the loss,\nto first order", style.TASK),
                                (data.usual, "root mean square\nof all entries", style.LORA)):
        ax.plot(terms, values, color=tone.mark, lw=style.LINE)
        ax.text(1.06 * terms[-1], values[-1], words, color=tone.ink, va="center",
                size=style.SMALL, weight=600, clip_on=False)
    ax.set(xscale="log", yscale="log", xlim=(1, terms[-1]), xlabel="terms added, r (log scale)",
           title="Both, in units of a term (log)")
    marks = [each for each in (1, 4, 16, 64, 256) if each <= terms[-1]]
    ax.set_xticks(marks, [str(each) for each in marks])
    ax.set_yticks(marks, [str(each) for each in marks])
    ax.minorticks_off()
    ax.grid(axis="y")


@style.styled
def draw(data: Sums, layout: Layout = "wide") -> Figure:
    """Draw the walks of some entries, and on log scales their usual size and the loss's fall."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.85)
    terms = len(data.fall)
    style.heading(fig, f"{terms} terms add up to {data.fall[-1]:.0f} in the loss, and to "
                  f"{data.usual[-1]:.1f} in an entry of ΔW" if wide else
                  f"{terms} terms: {data.fall[-1]:.0f} in the loss, {data.usual[-1]:.1f} in ΔW",
                  "One term for each row of A and its column of B; dotted: r and √r" if wide
                  else "A term for each row of A; dotted: r, √r")
    _walks(style.place(fig, 0.45, 0.98, 2.45 if wide else 2.9, 1.8), data)
    _sums(style.place(fig, *((3.75, 0.98, 2.0, 1.8) if wide else (0.45, 3.6, 1.9, 1.7))), data)
    return fig


def alt(data: Sums) -> str:
    """Return the picture in words."""
    r = len(data.fall)
    return (f"Sums of {r} terms, in units of one term. On logarithmic axes the fall of the loss to "
            f"first order rises beside r, because all terms agree: the first quarter makes "
            f"{style.percent(early(data.fall))} of it. The root mean square of the entries of the "
            f"change rises beside the root of r: its first quarter makes "
            f"{style.percent(early(data.usual))} of {data.usual[-1]:.1f} terms in the end, where "
            f"the root of {r} is {r**0.5:.1f}.")
