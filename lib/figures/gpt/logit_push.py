"""The cost of one guess and the gradient of its logits: how training pushes each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Raise the logit of the right token: its probability grows, the cost falls, and all "
           "arrows become short.")

ROW = 0.3  # inches from one token to the next
#: Inches: where the columns begin, and their widths, of probabilities and of pushes.
PLACES = {"wide": ((1.5, 1.9), (4.3, 2.5)), "narrow": ((0.78, 0.78), (2.02, 1.42))}


@dataclass(frozen=True)
class Push:
    """tokens: the candidates, the first of them right; logits and p: (tokens,)."""

    tokens: tuple[str, ...]
    logits: np.ndarray
    p: np.ndarray

    @property
    def cost(self) -> float:
        """Return what the guess costs, in nats."""
        return float(-np.log(self.p[0]))

    @property
    def gradient(self) -> np.ndarray:
        """Return that of the cost by the logits, p - onehot."""
        return self.p - (np.arange(self.p.size) == 0)


def compute(logit: float, tokens: Sequence[str] = ("Paris", "Lima", "Rome", "the", "soup"),
            others: Sequence[float] = (2.0, 1.0, 0.0, -1.0)) -> Push:
    """Give the first token a logit, and the ``others`` theirs.

    Raises:
        ValueError: there is not one logit for each token.
    """
    if len(tokens) != 1 + len(others):
        raise ValueError(f"{len(tokens)} tokens have {1 + len(others)} logits")
    z = np.array([logit, *others], float)
    p = np.exp(z - z.max())
    return Push(tuple(tokens), z, p / p.sum())


def _signed(number: float) -> str:
    text = f"{number:+.2f}".replace("-", "\u2212")
    return "0.00" if text.endswith("0.00") else text


def _rows(ax: Axes, data: Push, layout: Layout, top: float) -> None:
    """A row for each token: its logit, its probability as a bar, the push as an arrow."""
    (left, width), (start, room) = PLACES[layout]
    zero = start + 0.36 * room
    inch = 0.62 * room - 0.3
    ax.plot([zero, zero], [top - 0.05, top + ROW * len(data.tokens)], color=style.RULE,
            lw=style.THIN)
    for k, (token, z, p, slope) in enumerate(zip(data.tokens, data.logits, data.p,
                                                  data.gradient)):
        at, tone = top + ROW * (k + 0.5), style.INK if k == 0 else style.FROZEN.mark
        ax.text(style.MARGIN, at, token, va="center_baseline", weight=600 if k == 0 else 400)
        if layout == "wide":
            ax.text(left - 0.22, at, f"{z:.0f}".replace("-", "\u2212"), ha="right",
                    va="center_baseline", color=style.MUTED, size=style.SMALL)
        ax.barh(at, max(p * width * 0.7, 0.01), 0.16, left=left, color=tone)
        ax.text(left + p * width * 0.7 + 0.06, at, f"{p:.0%}", va="center_baseline",
                size=style.SMALL)
        tip = -slope * inch
        if abs(tip) > 0.02:
            ax.annotate("", (zero + tip, at), (zero, at), arrowprops={
                "arrowstyle": "-|>", "color": tone, "lw": 1.6, "shrinkA": 0, "shrinkB": 0,
                "mutation_scale": 9})
        ax.text(zero + (max(tip, 0) + 0.06 if k == 0 else 0.06), at, _signed(-slope),
                va="center_baseline", size=style.SMALL)


@style.styled
def draw(data: Push, layout: Layout = "wide") -> Figure:
    """Draw five candidates for the next token, with the right one in ink."""
    fig = style.canvas(layout, 1.14 + ROW * len(data.tokens))
    style.heading(fig, f"p(Paris) = {data.p[0]:.2f}, so the guess costs {data.cost:.2f} nats",
                  "The capital of France is ...")
    ax = style.board(fig, 0, 0.7)
    (left, _), (start, room) = PLACES[layout]
    heads = [(left, "probability p", "left"), (start + 0.36 * room, "push: onehot \u2212 p",
                                               "center")]
    if layout == "wide":
        heads.append((left - 0.22, "logit", "right"))
    for x, head, side in heads:
        ax.text(x, 0.12, head, ha=side, va="center_baseline", color=style.MUTED,
                size=style.SMALL)
    _rows(ax, data, layout, 0.32)
    return fig


def alt(data: Push) -> str:
    """Return the frame in words."""
    rest = ", ".join(f"{token} {_signed(-slope)}"
                     for token, slope in zip(data.tokens[1:], data.gradient[1:]))
    return (f"With a logit of {data.logits[0]:.0f} the right token, {data.tokens[0]}, has "
            f"probability {data.p[0]:.2f} and costs {data.cost:.2f} nats. It is pushed up by "
            f"{1 - data.p[0]:.2f}; the others down: {rest}.")
