"""Two sums over an adapter's r terms: one whose signs fall by chance, one whose terms agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Compare how much of each sum is reached after a quarter of its terms."

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


@style.styled
def draw(data: Sums, layout: Layout = "wide") -> Figure:
    """Draw the walks of some entries, their usual size, and the fall of the loss."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3)
    places = np.arange(len(data.fall) + 1)
    style.heading(fig, f"A quarter of the terms makes {style.percent(early(data.fall))} of the "
                  f"loss's fall, {style.percent(early(data.usual))} of ΔW's size" if wide else
                  f"First quarter: loss {style.percent(early(data.fall))}, ΔW "
                  f"{style.percent(early(data.usual))}",
                  "One term for each row of A and its column of B; √r would have made 50%" if wide
                  else "One term for each row of A")
    ax = style.place(fig, 0.5, 0.8, 4.9 if wide else 2.0, 2.0)
    for walk in data.entries:
        ax.plot(places, [0, *walk], color=style.LORA.mark, lw=0.7, alpha=0.3)
    ax.plot(places, [0, *data.usual], color=style.LORA.mark, lw=style.LINE)
    ax.plot(places, [0, *data.fall], color=style.TASK.mark, lw=style.LINE, ls=(0, (5, 1.5)))
    ax.plot(places, places**0.5, color=style.INK, lw=1.5, ls=(0, (1, 2)), zorder=5)
    top = float(data.fall[-1])
    ax.set(xlim=(0, places[-1]), ylim=(-0.42 * top, 1.05 * top), xlabel="terms added, r",
           title="Sum, in units of one term")
    ax.set_xticks(places[::len(places) // 4])
    ax.grid(axis="y")
    for at, words, tone in ((top, "fall of the loss,\nto first order", style.TASK),
                            (data.usual[-1], "entries of ΔW, thin;\nroot mean square, thick;\n"
                             "√r, dotted" if wide else "entries of ΔW,\nroot mean\nsquare;\n"
                             "√r dotted", style.LORA)):
        ax.text(places[-1] * (1.02 if wide else 1.03), at, words, color=tone.ink, va="center",
                size=style.SMALL, weight=600, clip_on=False)
    return fig


def alt(data: Sums) -> str:
    """Return the picture in words."""
    r = len(data.fall)
    return (f"Sums of {r} terms, in units of one term: the fall of the loss to first order "
            f"grows nearly in a straight line, because all terms agree: the first quarter makes "
            f"{style.percent(early(data.fall))} of it. An entry of the change bends: its first "
            f"quarter makes {style.percent(early(data.usual))} of a root mean square "
            f"of {data.usual[-1]:.1f} terms in the end, where the root of {r} is {r**0.5:.1f}.")
