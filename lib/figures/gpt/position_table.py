"""The table of sinusoidal positions, with the products of one row with all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Move the row: the curve of products keeps its shape and moves along, so it tells "
           "the distance and not the position.")

SIDE = {"wide": 384 / style.DPI["wide"], "narrow": 384 / style.DPI["narrow"]}  # 3 pixels a number


@dataclass(frozen=True)
class Table:
    """table: (positions, d_model); row: the position that is picked out; products: (positions,)."""

    table: np.ndarray
    row: int
    products: np.ndarray


def compute(table: np.ndarray, row: int) -> Table:
    """Multiply one row of a table of positions with every row.

    Raises:
        ValueError: the table has no such row.
    """
    if not 0 <= row < len(table):
        raise ValueError(f"row is {row}; allowed are 0 to {len(table) - 1}")
    return Table(table, row, table @ table[row])


def _map(ax: Axes, data: Table) -> None:
    """The table as a picture: positions down, all sines then all cosines across, the row framed."""
    count, size = data.table.shape
    by_kind = np.concatenate([data.table[:, 0::2], data.table[:, 1::2]], 1)
    ax.imshow(by_kind, cmap=style.WEIGHTS, vmin=-1, vmax=1, aspect="auto",
              extent=(0, size, count, 0))
    ax.axhspan(data.row - 0.5, data.row + 1.5, fc="none", ec=style.INK, lw=1.2, clip_on=False)
    ax.set(ylim=(count, 0), xlabel="sines, then cosines; pairs 0 to "
           f"{size // 2 - 1} each", ylabel="position")
    ax.set_xticks([0, size // 4, size // 2, 3 * size // 4], ["0", f"{size // 4}"] * 2)
    ends = np.array([0, count // 2, count - 1])
    ax.set_yticks(ends + 0.5, [str(end) for end in ends])
    ax.yaxis.labelpad = 2
    ax.spines["bottom"].set_visible(False)


def _products(ax: Axes, data: Table) -> None:
    """The product of the row with each row, over their positions."""
    count, most = data.table.shape[0], float((data.table**2).sum(1).max())
    ax.axhline(0, color=style.RULE, lw=style.THIN)
    ax.axvline(data.row, color=style.FROZEN.mark, lw=style.THIN)
    ax.plot(data.products, color=style.DATA.mark)
    style.point(ax, data.row, data.products[data.row], "o", style.DATA, 7)
    ax.set(xlim=(0, count - 1), ylim=(-0.04 * most, 1.1 * most), xlabel="other position",
           yticks=[0, most / 2, most], title="Product with each other row")
    ax.set_xticks([0, count // 4, count // 2, 3 * count // 4, count - 1])
    ax.grid(axis="y")


@style.styled
def draw(data: Table, layout: Layout = "wide") -> Figure:
    """Draw the table beside, or in the narrow layout above, the products of one row."""
    wide, side = layout == "wide", SIDE[layout]
    fig = style.canvas(layout, 4.05 if wide else 5.3)
    style.heading(fig, f"Position {data.row}", "Each row is a position. Brown is +1, blue \u22121")
    if wide:
        _map(style.place(fig, 0.62, 0.84, side, side), data)
        _products(style.place(fig, 3.95, 1.24, 3.0, side - 0.4), data)
    else:
        _map(style.place(fig, 0.8, 0.75, side, side), data)
        _products(style.place(fig, 0.5, 3.55, 2.9, 1.2), data)
    return fig


def alt(data: Table) -> str:
    """Return the frame in words."""
    ahead = data.row + 10 if data.row + 10 < len(data.table) else data.row - 10
    return (f"Position {data.row}: its row's product with itself is {data.products[data.row]:.0f}, "
            f"with the row 10 positions away {data.products[ahead]:.0f}. The curve has its peak at "
            f"{data.row} and the same shape as at every other position.")
