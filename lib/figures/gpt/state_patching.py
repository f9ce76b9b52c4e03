"""Where a fact is on its way: what a state brings when it is patched into another prompt's run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.contrast import on
from lib.figures.kit.style import Layout

CAPTION = ("A dark cell: these states decide the answer. Layer by layer, the last word comes to "
           "decide both.")

PLACES = ("question", "name", "is")


@dataclass(frozen=True)
class Patched:
    """For each trail the share (places, blocks + 1) of answers that begin as the donor's.

    A row of NaN is a place whose tokens are the same in both prompts, so that nothing is swapped.
    ``place`` and ``block`` choose a cell, and ``says`` has for each trail the donor's prompt and
    what the patched model writes after the prompt ``asked``.
    """

    shares: Mapping[str, np.ndarray]
    place: str
    block: int
    asked: str
    says: Mapping[str, tuple[str, str]]


def compute(shares: Mapping[str, np.ndarray], place: str, block: int, asked: str,
            says: Mapping[str, tuple[str, str]]) -> Patched:
    """Take the shares of each trail, the chosen cell and one example of it.

    Raises:
        ValueError: a table does not have a row for each place, or the cell is none of its own.
    """
    for trail, table in shares.items():
        if len(table) != len(PLACES) or place not in PLACES or not 0 <= block < table.shape[1]:
            raise ValueError(f"the table of the {trail} has the shape {table.shape}, and the cell "
                             f"is ({place!r}, {block}); the places are {', '.join(PLACES)}")
    return Patched(dict(shares), place, block, asked, dict(says))


def _when(block: int) -> str:
    """Where the state was taken."""
    return f"after layer {block}" if block else "at the start"


def _table(ax: Axes, title: str, values: np.ndarray, chosen: tuple[int, int]) -> None:
    """A row for each place and a column for each state; the chosen cell has a frame."""
    rows, columns = values.shape
    for i, j in np.ndindex(rows, columns):
        if np.isnan(values[i, j]):
            continue
        fill = style.ATTENTION(0.75 * values[i, j])
        ax.add_artist(Rectangle((j, i), 1, 1, fc=fill, ec=style.RULE, lw=style.THIN))
        ax.text(j + 0.5, i + 0.5, f"{100 * values[i, j]:.0f}", ha="center", va="center_baseline",
                color=on(fill[:3]))
    for i in np.flatnonzero(np.isnan(values).all(1)):
        ax.add_artist(Rectangle((0, i), columns, 1, fc=style.WASH, ec=style.RULE, lw=style.THIN))
        ax.text(columns / 2, i + 0.5, "the same in both prompts", ha="center",
                va="center_baseline", color=style.MUTED, size=style.SMALL)
    row, column = chosen
    ax.add_artist(Rectangle((column, row), 1, 1, fc="none", ec=style.INK, lw=2.2, zorder=4,
                            clip_on=False))
    ax.set(xlim=(0, columns), ylim=(rows, 0), title=title)
    ax.set_xticks(np.arange(columns) + 0.5, ["start", *map(str, range(1, columns))])
    ax.set_yticks(np.arange(rows) + 0.5, PLACES)
    ax.set_xlabel("state after layer")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


@style.styled
def draw(data: Patched, layout: Layout = "wide") -> Figure:
    """Draw a table for each trail, with the example below it."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 5.75)
    style.heading(fig, "Which states decide the country, and which the relation?"
                  if wide else "Which states decide?",
                  "% of prompts whose answer begins like the donor's, one place patched" if wide
                  else "% of answers like the donor's")
    chosen = PLACES.index(data.place), data.block
    for k, (trail, values) in enumerate(data.shares.items()):
        left, top = (0.75 + 3.55 * k, 1.0) if wide else (0.75, 1.0 + 2.55 * k)
        width = 2.75 if wide else 2.7
        _table(style.place(fig, left, top, width, 1.2), f"The {trail}", values, chosen)
        donor, text = data.says[trail]
        style.write(fig, left - 0.69, top + 1.74, f"with states of \u201c{donor}\u201d:",
                    style.MUTED, style.SMALL)
        style.write(fig, left - 0.69, top + 1.94, f"{data.asked}{text}", size=style.SMALL,
                    weight=600)
    return fig


def alt(data: Patched) -> str:
    """Return the figure in words."""
    row = PLACES.index(data.place)
    said = []
    for trail, values in data.shares.items():
        share = values[row, data.block]
        found = ("both prompts are the same there" if np.isnan(share) else
                 f"{style.percent(share)} of answers begin like the donor's")
        said.append(f"For the {trail} {found}; with states of {data.says[trail][0]!r} "
                    f"{data.asked!r} goes on with {data.says[trail][1]!r}")
    place = "'is'" if data.place == "is" else f"the {data.place}"
    return f"The states at {place}, {_when(data.block)}, are patched. " + ". ".join(said) + "."
