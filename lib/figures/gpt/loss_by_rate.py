"""Losses of several models over the learning rate: how much does a rate set too high cost?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lib.figures.gpt.losses_at_rates import Losses, compute
from lib.figures.kit import style
from lib.figures.kit.style import Layout

__all__ = ["CAPTION", "alt", "compute", "draw"]

CAPTION = ("Each dot is one seed, and a line joins the means. Follow each model to the right, past "
           "its lowest point.")

#: Marker, its size and filling, and the line's style, of the first, second and third model.
LOOKS = (("^", 6.0, style.PAPER, style.MUTED, ":"), ("o", 5.5, style.INK, style.INK, "-"),
         ("s", 6.5, style.PAPER, style.ATTENTION(0.7), "-"))


@style.styled
def draw(data: Losses, layout: Layout = "wide") -> Figure:
    """Draw one line for each model, loss over a logarithmic axis of rates."""
    wide = layout == "wide"
    across, keys_high = (6.0, 0.3) if wide else (2.9, 0.3 * len(data.found))
    fig = style.canvas(layout, 3.6 + keys_high)
    style.heading(fig, "Loss by learning rate", "Held-out loss after 300 steps, in nats")
    ax = style.place(fig, 0.35, 0.95, across, 2.0)
    keys = style.board(fig, 0.3, 3.6, 6.4 if wide else 2.9, keys_high)
    rates = sorted({rate for found in data.found.values() for rate in found})
    for k, (name, look) in enumerate(zip(data.found, LOOKS, strict=False)):
        marker, size, face, colour, line = look
        found = sorted(data.found[name].items())
        ax.plot([rate for rate, _ in found], [np.mean(losses) for _, losses in found], ls=line,
                color=colour, lw=1.4, zorder=3)
        for at, losses in found:
            ax.plot([at] * len(losses), losses, marker, color=colour, mfc=face, ms=size, mew=1.3,
                    clip_on=False, zorder=4)
        x, y = (0.1 + 1.9 * k, 0.15) if wide else (0.1, 0.15 + 0.3 * k)
        keys.plot(x, y, marker, ms=size, color=colour, mfc=face, mew=1.3)
        keys.text(x + 0.16, y, name, va="center_baseline", size=style.SMALL)
    ax.set(xscale="log", xlim=(rates[0] * 0.85, rates[-1] * 1.15), xlabel="learning rate")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.grid(axis="y")
    return fig


def alt(data: Losses) -> str:
    """Return the figure in words."""
    lines = "; ".join(
        f"{name} " + ", ".join(f"{np.mean(losses):.2f} at {rate:g}"
                               for rate, losses in sorted(found.items()))
        for name, found in data.found.items())
    return f"Mean losses of the seeds after 300 steps, in nats, by learning rate: {lines}."
