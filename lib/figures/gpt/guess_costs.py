"""What each piece of a text costs a model: bars in a list, or standing on the running text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import SPACE, measure, token
from lib.figures.kit.style import Layout

CAPTION = "A bar is what one piece costs after all that stands before it: −log p, in nats."

ROW, BAR = 0.21, 0.1  # inches from one piece to the next, and the height of a bar
LONG = 16  # more pieces than these are running text with bars standing on it, if one model pays
HIGH, LINE = 0.62, 0.5  # inches: the dearest piece's bar on running text, and a line without bars
SHOWN = 0.05  # nats: what costs less has no number on running text
TONES = style.FROZEN, style.DATA  # of the first model and of the second, the last one ink


@dataclass(frozen=True)
class Costs:
    """pieces: of one text, as shown; models: their names; nats: (models, pieces)."""

    pieces: tuple[str, ...]
    models: tuple[str, ...]
    nats: np.ndarray


def compute(pieces: Sequence[str], costs: Mapping[str, Sequence[float]]) -> Costs:
    """Take the pieces of a text, and what each costs, by the name of the model.

    Raises:
        ValueError: There are not one or two models, or one has more or fewer numbers than pieces.
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


def _lines(data: Costs, width: float) -> list[list[tuple[int, float, float]]]:
    """The running text: for each line its pieces, with the left edge and width of each."""
    lines: list[list[tuple[int, float, float]]] = [[]]
    left, space = 0.0, 2 * SPACE * style.BASE
    for at, piece in enumerate(data.pieces):
        own = measure(piece.removeprefix("·"), style.BASE)
        if data.nats[0, at] >= SHOWN:
            own = max(own, measure(f"{data.nats[0, at]:.1f}", style.SMALL))
        if left + own > width and lines[-1]:
            lines.append([])
            left = 0.0
        lines[-1].append((at, left, own))
        left += own + space
    return lines


def _running(data: Costs, layout: Layout) -> Figure:
    """The text as it is read, and on each piece a bar as high as what it costs."""
    room = style.WIDTH[layout] - 2 * style.MARGIN
    lines = _lines(data, room)
    inch = HIGH / data.nats.max()
    rises = [inch * max(data.nats[0, at] for at, _, _ in line) for line in lines]
    fig = style.canvas(layout, 0.6 + sum(rises) + LINE * len(lines) + 0.06)
    style.heading(fig, "What each piece costs, in nats",
                  f"{data.models[0].capitalize()}, mean {data.nats[0].mean():.2f}. "
                  f"No number: below {SHOWN:g}")
    ax, foot = style.board(fig, style.MARGIN, 0.6, room), 0.0
    for line, rise in zip(lines, rises):
        foot += rise + LINE
        base = foot - 0.28
        for at, left, own in line:
            paid, middle = data.nats[0, at], left + own / 2
            ax.bar(middle, -max(paid * inch, 0.012), own, base, color=style.DATA.mark)
            ax.text(middle, base + 0.13, data.pieces[at].removeprefix("·"), ha="center",
                    va="center_baseline", parse_math=False)
            if paid >= SHOWN:
                ax.text(middle, base - paid * inch - 0.035, f"{paid:.1f}", ha="center",
                        va="bottom", size=style.SMALL, color=style.MUTED)
    return fig


@style.styled
def draw(data: Costs, layout: Layout = "wide") -> Figure:
    """Draw the pieces from top to bottom, or many as running text; the means in the second line."""
    if len(data.models) == 1 and len(data.pieces) > LONG:
        return _running(data, layout)
    fig = style.canvas(layout, 0.66 + len(data.pieces) * ROW + 0.08)
    means = [f"{name}: mean {paid.mean():.2f}" for name, paid in zip(data.models, data.nats)]
    style.heading(fig, "What each piece costs, in nats",
                  ("Upper bar " if len(means) > 1 else "Of ") + ". Lower bar ".join(means) + ".")
    ax = style.board(fig, 0, 0.66)
    names = max(measure(piece, style.SMALL) for piece in data.pieces) + 0.2
    inch = (fig.get_size_inches()[0] - names - (0.5 if len(data.models) == 1 else 0.85)) \
        / data.nats.max()
    for at in range(len(data.pieces)):
        _bars(ax, data, at, at * ROW, names, inch)
    return fig


def alt(data: Costs) -> str:
    """Return the figure in words."""
    paid = data.nats[-1]
    dear = np.argsort(-paid, kind="stable")[:3]
    means = ", ".join(f"{name} {each.mean():.2f}" for name, each in zip(data.models, data.nats))
    return (f"Costs of {len(data.pieces)} pieces, mean in nats: {means}. Highest for "
            f"{data.models[-1]}: " + ", ".join(f"'{data.pieces[at]}' {paid[at]:.1f}" for at in dear)
            + f". {int((paid < 0.05).sum())} pieces cost less than 0.05.")
