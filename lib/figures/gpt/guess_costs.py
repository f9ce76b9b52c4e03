"""What each piece of a text costs a model: a bar for a piece, before and after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import measure, token
from lib.figures.kit.style import Layout

CAPTION = "A bar is what one piece costs after all that stands before it: −log p, in nats."

ROW, BAR = 0.21, 0.1  # inches from one piece to the next, and the height of a bar
LONG = 16  # more pieces than these stand in two columns where there is room
TONES = style.FROZEN, style.DATA  # of the first model and of the second, the last one ink


@dataclass(frozen=True)
class Costs:
    """pieces: of one text, as shown; models: their names; nats: (models, pieces)."""

    pieces: tuple[str, ...]
    models: tuple[str, ...]
    nats: np.ndarray


def compute(pieces: Sequence[str], costs: Mapping[str, Sequence[float]]) -> Costs:
    """Take the pieces of a text, and what each costs, by the name of the model that pays.

    Raises:
        ValueError: There are not one or two models, or one pays for more or fewer pieces.
    """
    if len(costs) not in (1, 2) or any(len(paid) != len(pieces) for paid in costs.values()):
        counts = ", ".join(f"{len(paid)} of {name!r}" for name, paid in costs.items())
        raise ValueError(f"costs are {counts}; allowed are one or two models with {len(pieces)} "
                         "each")
    return Costs(tuple(map(token, pieces)), tuple(costs),
                 np.array([*costs.values()], float).clip(0))


def _bars(ax: Axes, data: Costs, at: int, top: float, left: float, inch: float) -> None:
    """One piece: its text, a bar for each model, and beside them what each bar stands for."""
    ax.text(left - 0.1, top + ROW / 2, data.pieces[at], ha="right", va="center_baseline",
            parse_math=False, size=style.SMALL)
    both = len(data.models) > 1
    for k, paid in enumerate(data.nats[:, at]):
        tone = TONES[k if both else 1].mark
        high = BAR / (2 if both else 1)
        ax.barh(top + ROW / 2 + (k - 0.5) * high * both, max(paid * inch, 0.01), high, left=left,
                color=tone)
    paid = data.nats[:, at]
    ax.text(left + (paid.max() if both else paid[-1]) * inch + 0.07, top + ROW / 2,
            " → ".join(f"{each:.1f}" for each in paid), va="center_baseline", size=style.SMALL)


@style.styled
def draw(data: Costs, layout: Layout = "wide") -> Figure:
    """Draw the pieces from top to bottom, with the mean of each model in the second line."""
    columns = 2 if layout == "wide" and len(data.pieces) > LONG else 1
    rows = -(-len(data.pieces) // columns)
    fig = style.canvas(layout, 0.66 + rows * ROW + 0.08)
    means = [f"{name}: mean {paid.mean():.2f}" for name, paid in zip(data.models, data.nats)]
    style.heading(fig, "What each piece costs, in nats",
                  ("Grey " if len(means) > 1 else "Of ") + ". Dark ".join(means) + ".")
    ax = style.board(fig, 0, 0.66)
    width = fig.get_size_inches()[0] / columns
    names = max(measure(piece, style.SMALL) for piece in data.pieces) + 0.2
    inch = (width - names - (0.5 if len(data.models) == 1 else 0.85)) / data.nats.max()
    for at in range(len(data.pieces)):
        column, row = divmod(at, rows)
        _bars(ax, data, at, row * ROW, column * width + names, inch)
    return fig


def alt(data: Costs) -> str:
    """Return the figure in words."""
    paid = data.nats[-1]
    dear = np.argsort(-paid, kind="stable")[:3]
    means = ", ".join(f"{name} {each.mean():.2f}" for name, each in zip(data.models, data.nats))
    return (f"Costs of {len(data.pieces)} pieces, mean in nats: {means}. Dearest for "
            f"{data.models[-1]}: " + ", ".join(f"'{data.pieces[at]}' {paid[at]:.1f}" for at in dear)
            + f". {int((paid < 0.05).sum())} pieces cost less than 0.05.")
