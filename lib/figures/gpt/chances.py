"""How sure a model is of the tokens that come: how many get which probability, for two texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Most tokens hardly notice how the text is cut. The few in the last row bear more than "
           "half of the loss.")

EDGES = 0.9, 0.5, 0.1, 0.001
NAMES = "90% or more", "50 to 90%", "10 to 50%", "0.1 to 10%", "less than 0.1%"
ROW, BAR, TOP, BEGIN = 0.46, 0.15, 0.94, 1.25  # inches: rows, bars, the first row, where bars begin
TONES = style.FROZEN, style.DATA


@dataclass(frozen=True)
class Chances:
    """cuts: their names; tokens, losses: (cuts, rows), shares of all tokens and of all the loss."""

    cuts: tuple[str, ...]
    tokens: np.ndarray
    losses: np.ndarray
    medians: tuple[float, ...]


def compute(chances: Mapping[str, np.ndarray]) -> Chances:
    """Sort the probabilities of the tokens that came, by the name of the cut.

    Raises:
        ValueError: There are not two cuts, or a probability is not between 0 and 1.
    """
    if len(chances) != 2 or not all(((p > 0) & (p <= 1)).all() for p in chances.values()):
        raise ValueError(f"cuts are {[*chances]}; allowed are two, with probabilities in (0, 1]")
    rows = [np.sum([p < edge for edge in EDGES], axis=0) for p in chances.values()]
    tokens = [np.bincount(row, minlength=len(NAMES)) / len(row) for row in rows]
    costs = [-np.log(p) for p in chances.values()]
    losses = [np.bincount(row, paid, len(NAMES)) / max(paid.sum(), 1e-9)
              for row, paid in zip(rows, costs)]
    return Chances(tuple(chances), np.array(tokens), np.array(losses),
                   tuple(float(np.median(p)) for p in chances.values()))


def _bars(ax: Axes, data: Chances, inch: float, right: float, named: int) -> None:
    """A row for each range: a bar for each cut with its share, and the share of the loss.

    The bars of row ``named`` have the cuts' names beside them.
    """
    for row, name in enumerate(NAMES):
        top = row * ROW
        ax.text(BEGIN - 0.08, top + BAR + 0.03, name, ha="right", va="center_baseline")
        for cut, tone in enumerate(TONES):
            middle = top + 0.03 + (cut + 0.5) * BAR
            ax.barh(middle, max(data.tokens[cut, row] * inch, 0.01), BAR - 0.02, left=BEGIN,
                    color=tone.mark)
            ax.text(BEGIN + data.tokens[cut, row] * inch + 0.06, middle,
                    f"{data.tokens[cut, row]:.1%}" + f"  {data.cuts[cut]}" * (row == named),
                    va="center_baseline", color=tone.ink, size=style.SMALL)
            ax.text(right, middle, f"{data.losses[cut, row]:.0%}", ha="right",
                    va="center_baseline", color=tone.ink, size=style.SMALL)


@style.styled
def draw(data: Chances, layout: Layout = "wide") -> Figure:
    """Draw a row for each range of probabilities, the surest at the top."""
    fig = style.canvas(layout, TOP + len(NAMES) * ROW)
    style.heading(fig, "The probability of the token that comes",
                  "Medians: " + " and ".join(f"{median:.1%}" for median in data.medians))
    width = style.WIDTH[layout] - style.MARGIN
    ax = style.board(fig, 0, TOP, style.WIDTH[layout], len(NAMES) * ROW)
    style.write(fig, BEGIN, TOP - 0.26, "share of the tokens", style.MUTED, style.SMALL)
    style.write(fig, width, TOP - 0.26, "of the loss", style.MUTED, style.SMALL, ha="right")
    wide = layout == "wide"  # room for the names beside the longest bars, too
    _bars(ax, data, (width - BEGIN - (2.6 if wide else 1.2)) / data.tokens.max(), width,
          0 if wide else int(data.tokens.max(0).argmin()))
    return fig


def alt(data: Chances) -> str:
    """Return the figure in words."""
    parts = [f"{cut}: median {median:.1%}; " + ", ".join(
        f"{name} {share:.1%} of the tokens with {loss:.0%} of the loss"
        for name, share, loss in zip(NAMES, data.tokens[k], data.losses[k]))
        for k, (cut, median) in enumerate(zip(data.cuts, data.medians))]
    return f"The probability of the token that comes. {'. '.join(parts)}."
