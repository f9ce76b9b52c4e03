"""Two sums over an adapter's r terms: one whose signs fall by chance, one whose terms agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Compare the slopes: terms that agree add up to r of them, and terms with signs by "
           "chance to about the root of r.")

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


@style.styled
def draw(data: Sums, layout: Layout = "wide") -> Figure:
    """Draw the walks of some entries, their usual size, and the fall of the loss."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3)
    places = np.arange(len(data.fall) + 1)
    style.heading(fig, f"{len(data.fall)} terms add up to {data.fall[-1]:.0f} in the loss, to "
                  f"{data.usual[-1]:.1f} in ΔW" if wide else
                  f"{len(data.fall)} terms: loss {data.fall[-1]:.0f}, ΔW {data.usual[-1]:.1f}",
                  "Sums of r terms, one for each row of A and its column of B" if wide
                  else "One term for each row of A")
    ax = style.place(fig, 0.5, 0.8, 4.9 if wide else 2.0, 2.0)
    for walk in data.entries:
        ax.plot(places, [0, *walk], color=style.LORA.mark, lw=0.7, alpha=0.3)
    for sign in (1, -1):
        ax.plot(places, sign * np.array([0, *data.usual]), color=style.LORA.mark, lw=style.LINE)
    ax.plot(places, [0, *data.fall], color=style.TASK.mark, lw=style.LINE, ls=(0, (5, 1.5)))
    top = float(data.fall[-1])
    ax.set(xlim=(0, places[-1]), ylim=(-0.42 * top, 1.05 * top), xlabel="terms added, r",
           title="Sum, in units of one term")
    ax.set_xticks(places[::len(places) // 4])
    ax.grid(axis="y")
    for at, words, tone in ((top, "fall of the loss", style.TASK),
                            (data.usual[-1], "entries of ΔW:\nroot mean square", style.LORA)):
        ax.text(places[-1] * (1.02 if wide else 1.03), at, words, color=tone.ink, va="center",
                size=style.SMALL, weight=600, clip_on=False)
    return fig


def alt(data: Sums) -> str:
    """Return the picture in words."""
    r = len(data.fall)
    return (f"Sums of {r} terms, in units of one term: the fall of the loss grows nearly in a "
            f"straight line, because all terms agree; an entry of the change bends, with a root "
            f"mean square of {data.usual[-1]:.1f} terms in the end, where the root of {r} is "
            f"{r**0.5:.1f}.")
