"""Attention beside importance at one token: what a head looks at, what is lost without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.contrast import on
from lib.figures.kit.style import Layout

CAPTION = ("The shade of a cell is its share: of the attention on the left, of all known capitals "
           "on the right.")

#: Facts that are gone: white is none.
LOST = style.ramp("lost", style.PAPER, style.FACTS.tint, "#8b92a1", style.FACTS.mark)


@dataclass(frozen=True)
class Heads:
    """shares, lost: (layers, heads); a share from 0 to 1, and facts lost of ``known``."""

    shares: np.ndarray
    lost: np.ndarray
    known: int


def compute(shares: np.ndarray, lost: np.ndarray, known: int) -> Heads:
    """Put both tables side by side.

    Raises:
        ValueError: They are not (layers, heads) tables of one shape.
    """
    shares, lost = np.asarray(shares, float), np.asarray(lost)
    if shares.ndim != 2 or shares.shape != lost.shape:
        raise ValueError(f"shares and lost have shapes {shares.shape} and {lost.shape}; "
                         f"both must be (layers, heads)")
    return Heads(shares, lost, known)


def _table(ax: Axes, title: str, values: np.ndarray, shades: np.ndarray, colours: Colormap) -> None:
    """A table whose cells are shaded; the numbers stand in them."""
    layers, heads = values.shape
    for i, j in np.ndindex(layers, heads):
        fill = colours(shades[i, j])
        ax.add_artist(Rectangle((j, i), 1, 1, fc=fill, ec=style.RULE, lw=style.THIN))
        ax.text(j + 0.5, i + 0.5, style.short(values[i, j], 0), ha="center", va="center_baseline",
                color=on(fill[:3]))
    ax.set(xlim=(0, heads), ylim=(layers, 0), title=title, xlabel="head", ylabel="layer")
    ax.set_xticks(np.arange(heads) + 0.5, [str(j + 1) for j in range(heads)])
    ax.set_yticks(np.arange(layers) + 0.5, [str(i + 1) for i in range(layers)])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


@style.styled
def draw(data: Heads, layout: Layout = "wide") -> Figure:
    """Draw the two tables, side by side or one above the other."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.8 if wide else 5.0)
    note = "A single loss misses shared work, and attention doesn't say what is passed on."
    style.heading(fig, "Attention and importance, head by head" if wide else "Head by head",
                  note if wide else "Single losses miss shared work.")
    places = ((0.5, 0.95), (4.1, 0.95)) if wide else ((0.5, 0.95), (0.5, 3.15))
    width = 2.9
    _table(style.place(fig, *places[0], width, 1.3), "Attention of $is$ to the name, %",
           100 * data.shares, data.shares, style.ATTENTION)
    _table(style.place(fig, *places[1], width, 1.3),
           f"Capitals of {data.known} lost, ablated alone", data.lost,
           np.clip(data.lost / data.known, 0, 1), LOST)
    return fig


def alt(data: Heads) -> str:
    """Return the figure in words."""
    most, dearest = (np.unravel_index(each.argmax(), each.shape)
                     for each in (data.shares, data.lost))
    names = [f"head {head + 1} of layer {layer + 1}" for layer, head in (most, dearest)]
    return (f"Two tables of {data.lost.size} heads. {names[0].capitalize()} looks at the name "
            f"most, {style.percent(data.shares[most])}, and {data.lost[most]} of {data.known} "
            f"capitals are lost if it is ablated at 'is'. Most are lost, {data.lost[dearest]}, "
            f"without {names[1]}, which gives the name {style.percent(data.shares[dearest])}.")
