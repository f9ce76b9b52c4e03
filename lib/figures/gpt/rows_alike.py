"""How alike a text's vectors become from block to block, with residual connections and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import token
from lib.figures.kit.style import Layout

CAPTION = ("A square is the cosine of two tokens' vectors, the one on the left and the one below: "
           "the darker, the more alike.")


@dataclass(frozen=True)
class Alike:
    """One text's cosines (ways, time, time) after some blocks, and the mean over many texts."""

    tokens: tuple[str, ...]
    cosines: np.ndarray = field(repr=False)
    means: dict[str, float]
    blocks: int


def cosines(rows: np.ndarray) -> np.ndarray:
    """Cosine of each two rows of a text: (..., time, d) -> (..., time, time)."""
    unit = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit @ unit.swapaxes(-1, -2)


def mean_cosine(rows: np.ndarray) -> float:
    """Mean cosine of two rows at different places of a text: (..., time, d) -> a number."""
    apart = ~np.eye(rows.shape[-2], dtype=bool)
    return float(cosines(rows)[..., apart].mean())


def compute(tokens: Sequence[str], rows: dict[str, Sequence[np.ndarray]],
            means: dict[str, Sequence[float]], blocks: int) -> Alike:
    """Pick the rows after so many blocks.

    ``rows`` has for each way one text's rows, (1, time, d), before the first block and after
    each; ``means`` the mean cosines, as many.

    Raises:
        ValueError: there are no rows after so many blocks.
    """
    most = min(map(len, rows.values())) - 1
    if not 0 <= blocks <= most:
        raise ValueError(f"blocks is {blocks}, the rows are those after 0 to {most}")
    return Alike(tuple(map(token, tokens)),
                 np.array([cosines(each[blocks][0]) for each in rows.values()]),
                 {way: float(each[blocks]) for way, each in means.items()}, blocks)


def _map(ax: Axes, data: Alike, way: int, names: tuple[bool, bool]) -> None:
    """One way's cosines as shades, with the tokens on the left, below, or both."""
    edges = np.arange(len(data.tokens) + 1)
    ax.pcolormesh(edges, edges, data.cosines[way], cmap=style.ATTENTION, vmin=0, vmax=1,
                  edgecolors=style.GRID, lw=style.HAIR)
    name = [*data.means][way]
    ax.set(xlim=(0, edges[-1]), ylim=(edges[-1], 0), title=f"{name}: {data.means[name]:.2f}")
    left, below = (data.tokens if there else [""] * len(data.tokens) for there in names)
    ax.set_xticks(edges[:-1] + 0.5, below, rotation=90, color=style.INK)
    ax.set_yticks(edges[:-1] + 0.5, left, color=style.INK)
    ax.tick_params(length=0, pad=2)
    ax.spines[:].set_visible(False)


@style.styled
def draw(data: Alike, layout: Layout = "wide") -> Figure:
    """Draw a map for each way, beside or below each other."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.45 if wide else 6.1)
    after = f"after {data.blocks} block{'s' * (data.blocks != 1)}" if data.blocks else \
        "before the first block"
    style.heading(fig, f"How alike two vectors are {after}",
                  "Cosines in one text, and their mean over many")
    for way in range(len(data.cosines)):
        place = (0.95 + 3.1 * way, 0.95, 2.65, 2.65) if wide else \
            (0.95, 0.95 + 2.4 * way, 1.95, 1.95)
        _map(style.place(fig, *place), data, way, (not wide or way == 0, wide or way == 1))
    return fig


def alt(data: Alike) -> str:
    """Return the frame in words."""
    after = f"After {data.blocks} of the blocks" if data.blocks else "Before the first block"
    said = ", ".join(f"{way} {mean:.2f}" for way, mean in data.means.items())
    return f"{after} the mean cosine of two vectors of a text is: {said}."
