"""An attention layer as a graph of computations: what flows forward, and which gradient back."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Forward, then backward: each arrow turns round, and where forward split into three, "
           "backward adds.")

FORWARD, BACKWARD = "forward", "backward"
Point = tuple[float, float]


@dataclass(frozen=True)
class Step:
    """An arrow between two boxes, what flows along it forward, and the gradient that flows back."""

    start: str
    end: str
    forward: str
    backward: str


STEPS = (
    Step("x", "W_Q", "", ""), Step("x", "W_K", "", ""), Step("x", "W_V", "", ""),
    Step("W_Q", "S", "$Q$", r"$dQ = dS\,K$"),
    Step("W_K", "S", "$K$", r"$dK = dS^{\rm T}Q$"),
    Step("S", "P", r"$S = QK^{\rm T}/\sqrt{d_h}$", "$dS$"),
    Step("P", "C", "$P$", r"$dP = dC\,V^{\rm T}$"),
    Step("W_V", "C", "$V$", r"$dV = P^{\rm T}dC$"),
    Step("C", "W_O", "$C = PV$", r"$dC = dY\,W_O$"), Step("W_O", "y", "", ""))

#: What a box does forward. A matrix stands in a box of its own; its gradient ends beside it.
DOES = {"S": "scores", "P": "softmax", "C": "mean"}
MATRICES = ("W_Q", "W_K", "W_V", "W_O")

#: Middles of the boxes and of the words at the arrows, in inches.
BOXES: dict[Layout, dict[str, Point]] = {
    "wide": {"x": (0.36, 2.0), "W_Q": (1.35, 1.05), "W_K": (1.35, 2.0), "W_V": (1.35, 2.95),
             "S": (3.25, 1.52), "P": (4.6, 1.52), "C": (4.6, 2.95), "W_O": (6.3, 2.95),
             "y": (6.3, 1.52)},
    "narrow": {"x": (1.78, 0.86), "W_Q": (0.55, 1.56), "W_K": (1.78, 1.56), "W_V": (3.01, 1.56),
               "S": (1.12, 2.66), "P": (1.12, 3.48), "C": (2.07, 4.4), "W_O": (2.07, 5.2),
               "y": (2.07, 5.88)}}
WORDS: dict[Layout, dict[str, Point]] = {
    "wide": {"W_QS": (2.38, 0.98), "W_KS": (2.38, 2.1), "SP": (3.93, 1.13), "PC": (4.05, 2.24),
             "W_VC": (2.95, 2.74), "CW_O": (5.45, 2.6)},
    "narrow": {"W_QS": (0.42, 2.2), "W_KS": (1.95, 2.2), "SP": (1.82, 3.08), "PC": (0.9, 4.0),
               "W_VC": (2.95, 3.08), "CW_O": (2.65, 4.82)}}
#: From the middle of a matrix to that of its gradient, which nothing flows on from.
BESIDE: dict[Layout, dict[str, Point]] = {
    "wide": dict.fromkeys(MATRICES, (0, 0.5)),
    "narrow": {"W_Q": (-0.08, -0.5), "W_K": (0.68, 0.42), "W_V": (0.05, -0.5), "W_O": (0.85, 0)}}


def compute(direction: str = FORWARD) -> str:
    """Return the direction that is drawn.

    Raises:
        ValueError: it is neither ``forward`` nor ``backward``.
    """
    if direction not in (FORWARD, BACKWARD):
        raise ValueError(f"direction is {direction!r}; allowed are {FORWARD}, {BACKWARD}")
    return direction


def _box(ax: Axes, name: str, at: Point, back: bool) -> Point:
    """Draw a box and return half its width and height."""
    wide, high = (0.46, 0.4) if name in "xy" else (0.84, 0.4)
    tone = style.FROZEN if name in MATRICES else style.DATA
    ax.add_artist(FancyBboxPatch(
        (at[0] - wide / 2, at[1] - high / 2), wide, high, boxstyle="round,pad=0,rounding_size=.05",
        fc=tone.tint, ec=tone.mark, lw=style.THIN))
    if name in DOES:
        words, size = DOES[name], style.BASE
    else:
        words = f"{'d' if back else ''}{name.upper()}" if name in "xy" else name
        words, size = f"${words}$", style.NAME
    ax.text(*at, words, ha="center", va="center", size=size, color=style.INK)
    return wide / 2, high / 2


def _edge(start: Point, end: Point, half: Point, gap: float = 0.05) -> Point:
    """Return where the line from ``start`` to ``end`` leaves the box around ``start``."""
    across, down = end[0] - start[0], end[1] - start[1]
    reach = min((half[0] + gap) / abs(across) if across else 9,
                (half[1] + gap) / abs(down) if down else 9)
    return start[0] + reach * across, start[1] + reach * down


def _arrow(ax: Axes, start: Point, end: Point, color: str) -> None:
    """Draw an arrow from point to point."""
    ax.annotate("", end, start, arrowprops={
        "arrowstyle": "-|>", "color": color, "lw": 1.2, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 9})


@style.styled
def draw(direction: str, layout: Layout = "wide") -> Figure:
    """Draw the graph in one direction: from left to right, or from the top down."""
    wide, back = layout == "wide", direction == BACKWARD
    fig, places = style.canvas(layout, 3.75 if wide else 6.2), BOXES[layout]
    style.heading(fig, "Backward: the gradients" if back else "Forward: queries meet keys",
                  "$dS$ has the factor 1 / √(head size) in it" if back else
                  "a row of $X$ and of $Y$ is a token: 128 numbers")
    ax = style.board(fig)
    halves = {name: _box(ax, name, at, back) for name, at in places.items()}
    tone = style.FULL.mark if back else style.INK
    for step in STEPS:
        ends = [_edge(places[one], places[other], halves[one])
                for one, other in ((step.start, step.end), (step.end, step.start))]
        start, end = ends[::-1] if back else ends
        _arrow(ax, start, end, tone)
        if words := step.backward if back else step.forward:
            ax.text(*WORDS[layout][step.start + step.end], words, ha="center", va="center",
                    size=style.NAME, color=style.FULL.ink if back else style.INK)
    for name, (right, down) in BESIDE[layout].items() if back else ():
        at = places[name][0] + right, places[name][1] + down
        _arrow(ax, _edge(places[name], at, halves[name], 0), _edge(at, places[name], (0.27, 0.1)),
               tone)
        ax.text(*at, f"$d{name}$", ha="center", va="center", size=style.NAME,
                color=style.FULL.ink)
    return fig


def alt(direction: str) -> str:
    """Return the frame in words."""
    if direction == FORWARD:
        return ("Forward: the input X goes through three matrices and becomes queries Q, keys K "
                "and values V. Q and K make the scores S, the softmax makes weights P of them, "
                "P and V make the mean C, and the matrix W_O makes the output Y of it.")
    return ("Backward: dY goes back through W_O as dC. From there one way leads as dV = P^T dC to "
            "the values, the other as dP = dC V^T through the softmax as dS to the scores, and on "
            "as dQ = dS K and dK = dS^T Q. They go back through W_Q, W_K and W_V, and the input's "
            "gradient dX is the sum of three. Each matrix gets a gradient of its own, which goes "
            "no further.")
