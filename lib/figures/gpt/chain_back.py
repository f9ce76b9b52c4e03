"""Two layers in a row: numbers forward from a table to a loss, and gradients back through both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import cells
from lib.figures.kit.style import Layout

CAPTION = ("Step by step: each layer keeps the gradient of its own weights (green) and sends that "
           "of its input back to the layer before.")

STEPS = ("forward", "loss", "linear layer", "embedding")
#: Title and second line of each step.
WORDS = {"forward": ("Forward: rows of the table, then outputs",
                     "tokens pick rows of $E$, and $W$ makes outputs of them"),
         "loss": ("The loss sends back dy", "$dy = y -$ target, one number for each output"),
         "linear layer": ("The linear layer keeps dW, sends dx",
                          "$dW$ is for its weights, $dx$ for the layer before"),
         "embedding": ("The embedding keeps dE",
                       "each row of $dx$ goes to its token's row of the table")}
#: What stands above an array: its name, for a gradient with the product that makes it.
NAMES = {"dx": "$dx = dy\\,W$", "dW": "$dW = dy^{\\rm T}x$"}
#: The step in which each gradient becomes known.
KNOWN = {"dy": 1, "dx": 2, "dW": 2, "dE": 3}
CELL: dict[Layout, tuple[float, float]] = {"wide": (0.4, 0.28), "narrow": (0.34, 0.26)}
#: Top left corners in inches; the narrow layout is the wide one with rows and columns exchanged.
PLACES: dict[Layout, dict[str, tuple[float, float]]] = {
    "wide": {"E": (0.06, 1.0), "x": (1.98, 1.14), "W": (3.66, 1.14), "y": (5.34, 1.14),
             "loss": (6.72, 1.42), "dx": (1.98, 2.42), "dy": (5.34, 2.42), "dE": (0.06, 3.42),
             "dW": (3.66, 3.42)},
    "narrow": {"E": (0.06, 0.98), "x": (0.06, 2.38), "W": (0.06, 3.42), "y": (0.23, 4.46),
               "loss": (0.57, 5.6), "dx": (1.3, 2.38), "dy": (1.47, 4.46), "dE": (2.5, 0.98),
               "dW": (2.5, 3.42)}}
#: An arrow: from, to, the step in which it is taken, and in each layout where it starts and ends.
ARROWS: dict[Layout, tuple[tuple[int, tuple[float, float], tuple[float, float]], ...]] = {
    "wide": ((0, (1.3, 1.42), (1.74, 1.42)), (0, (3.22, 1.42), (3.62, 1.42)),
             (0, (4.9, 1.42), (5.3, 1.42)), (0, (6.18, 1.42), (6.4, 1.42)),
             (1, (6.7, 1.7), (6.2, 2.6)), (2, (5.3, 2.7), (3.22, 2.7)),
             (2, (5.3, 2.9), (4.9, 3.5)), (3, (1.94, 2.9), (1.3, 3.5))),
    "narrow": ((0, (0.57, 1.8), (0.57, 2.07)), (0, (0.57, 2.93), (0.57, 3.12)),
               (0, (0.57, 3.97), (0.57, 4.16)), (0, (0.57, 5.02), (0.57, 5.42)),
               (1, (0.97, 5.55), (1.6, 5.05)), (2, (1.81, 4.14), (1.81, 2.95)),
               (2, (2.19, 4.5), (2.56, 4.0)), (3, (2.25, 2.36), (2.6, 1.82)))}


@dataclass(frozen=True)
class Chain:
    """table, dE: (vocabulary, d_in); tokens: (n,); x, dx: (n, d_in); W, dW: (d_out, d_in); y, dy:
    (n, d_out); and the step up to which it is drawn."""

    E: np.ndarray
    tokens: np.ndarray
    x: np.ndarray
    W: np.ndarray
    y: np.ndarray
    loss: float
    dy: np.ndarray
    dW: np.ndarray
    dx: np.ndarray
    dE: np.ndarray
    step: str


def compute(table: np.ndarray, tokens: np.ndarray, W: np.ndarray, b: np.ndarray,
            target: np.ndarray, step: str) -> Chain:
    """Go forward through both layers, y = E[tokens] W^T + b, and back from half the squared error.

    Raises:
        ValueError: there is no such step, or the shapes do not fit each other.
    """
    if step not in STEPS:
        raise ValueError(f"step is {step!r}; allowed are {', '.join(STEPS)}")
    if table.shape[1:] != W.shape[1:] or target.shape != (len(tokens), len(W)):
        raise ValueError(f"table, W and target have shapes {table.shape}, {W.shape} and "
                         f"{target.shape}, which make no two layers for {len(tokens)} tokens")
    x = table[tokens]
    y = x @ W.T + b
    dy = y - target
    dx, dE = dy @ W, np.zeros(table.shape)
    np.add.at(dE, tokens, dx)
    return Chain(table, tokens, x, W, y, float(0.5 * (dy**2).sum()), dy, dy.T @ x, dx, dE, step)


def _array(ax: Axes, data: Chain, name: str, layout: Layout) -> None:
    """One array in its place; a gradient that is not known yet is empty, what is new is bold."""
    at, matrix = STEPS.index(data.step), getattr(data, name)
    if name in KNOWN and KNOWN[name] > at:
        matrix = np.full(matrix.shape, np.nan)
    tone = {"E": style.FROZEN, "W": style.FROZEN, "dE": style.FULL, "dW": style.FULL}
    cells(ax, *PLACES[layout][name], matrix, tone.get(name, style.DATA), CELL[layout],
          NAMES.get(name, f"${name}$"), lit=KNOWN.get(name, 0) == at)


@style.styled
def draw(data: Chain, layout: Layout = "wide") -> Figure:
    """Draw forward and, as far as the step goes, backward."""
    fig = style.canvas(layout, 4.4 if layout == "wide" else 5.85)
    style.heading(fig, *WORDS[data.step])
    ax, at, (wide, high) = style.board(fig), STEPS.index(data.step), CELL[layout]
    for name in ("E", "x", "W", "y", "dy", "dx", "dW", "dE"):
        _array(ax, data, name, layout)
    left, top = PLACES[layout]["x"]
    for row, token in enumerate(data.tokens):
        ax.text(left - 0.06 if layout == "wide" else left + data.x.shape[1] * wide + 0.06,
                top + (row + 0.5) * high, f"{token}", va="center_baseline", size=style.SMALL,
                ha="right" if layout == "wide" else "left", color=style.MUTED)
    ax.text(*PLACES[layout]["loss"], f"loss\n{style.short(data.loss)}", ha="center", va="center",
            weight=600, linespacing=1.25)
    for step, start, end in ARROWS[layout]:
        ax.annotate("", end, start, arrowprops={
            "arrowstyle": "-|>", "lw": 1.6 if step == at else 1.0, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 9, "color": style.RULE if step > at else
            style.FULL.mark if step else style.INK})
    return fig


def alt(data: Chain) -> str:
    """Return the frame in words."""
    at = STEPS.index(data.step)
    found = [f"Forward: the rows of tokens {', '.join(map(str, data.tokens))} go from the table E "
             f"through the matrix W to the outputs y, with the loss {style.short(data.loss)}."]
    if at >= 1:
        found.append("The loss sends back dy.")
    if at >= 2:
        found.append("The linear layer keeps dW = dy^T x and sends back dx = dy W.")
    if at >= 3:
        first = ", ".join(style.short(number) for number in data.dE[data.tokens[0]])
        idle = sorted(set(range(len(data.E))) - set(data.tokens.tolist()))
        found.append(f"The embedding keeps dE: the row of token {data.tokens[0]} gets {first}"
                     + (f", that of token {idle[0]} nothing." if idle else "."))
    return " ".join(found)
