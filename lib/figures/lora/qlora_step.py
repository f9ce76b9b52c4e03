"""One layer of QLoRA: what is stored, what is computed, and where the gradient goes."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("Choose the direction: the gradient passes through the dequantised weights, and only A "
           "and B take a gradient of their own.")
#: Direction -> what happens, in words for the picture.
STEPS = {"forward": "x meets the rounded weights and the adapter", "backward":
         "The gradient reaches x by both ways; the base keeps still"}
HIGH = 2.0  # inches of the drawing
PATH, ABOVE, BELOW = 1.1, 0.4, 1.72  # heights of the base, the adapter and the store


@dataclass(frozen=True)
class Pass:
    """The direction."""

    step: str


def compute(step: str) -> Pass:
    """Pick a direction.

    Raises:
        ValueError: there is no such direction.
    """
    if step not in STEPS:
        raise ValueError(f"step is {step!r}; allowed are {', '.join(STEPS)}")
    return Pass(step)


def _layer(ax: Axes, back: bool, width: float) -> None:
    """The base's path, the adapter's above it, and the stored levels below."""
    left, right = 0.14, width - 0.16
    fork, join, middle = left + 0.3, right - 0.36, width / 2
    base = ((right - 0.12, PATH), (left + 0.12, PATH)) if back else \
        ((left + 0.12, PATH), (right - 0.12, PATH))
    route(ax, *base)
    above = ((fork, PATH), (fork, ABOVE), (join, ABOVE), (join, PATH - 0.09))
    if back:
        above = ((join, PATH), (join, ABOVE), (fork, ABOVE), (fork, PATH - 0.03))
    route(ax, *above)
    for words, at in (("dL/dx" if back else "x", left), ("dL/dy" if back else "y", right)):
        ax.text(at, PATH + (0.24 if back else 0), words, style="italic", va="center_baseline",
                ha="center" if not back else "left" if at == left else "right")
    box(ax, (middle - width * 0.14, ABOVE), (width * 0.17, 0.36), "A", style.A, back)
    box(ax, (middle + width * 0.14, ABOVE), (width * 0.17, 0.36), "B", style.B, back)
    ax.add_patch(FancyBboxPatch((middle - 0.85, PATH - 0.2), 1.7, 0.4, fc=style.FROZEN.tint,
                                ec=style.FROZEN.mark, lw=1.1, ls=(0, (3, 2)), zorder=3,
                                boxstyle="round,pad=0,rounding_size=.05"))
    ax.text(middle, PATH, "rounded W, 16 bits", ha="center", va="center_baseline", weight=600,
            color=style.FROZEN.ink, size=style.SMALL, zorder=4)
    route(ax, (middle, BELOW - 0.18), (middle, PATH + 0.2))
    box(ax, (middle, BELOW), (1.7, 0.36), "levels, 4 bits each", style.FROZEN,
        letters=style.SMALL)
    ax.text(middle + 0.08, (BELOW + PATH) / 2 + 0.01, "dequantise", va="center_baseline",
            color=style.MUTED, size=style.SMALL)
    ax.plot(join, PATH, "o", ms=11, mfc=style.PAPER, mec=style.INK, mew=1.0, zorder=4)
    ax.text(join, PATH, "+", ha="center", va="center_baseline", weight=600, zorder=5)


@style.styled
def draw(data: Pass, layout: Layout = "wide") -> Figure:
    """Draw the layer, with its arrows in the chosen direction."""
    wide = layout == "wide"
    fig = style.canvas(layout, 0.64 + HIGH)
    style.heading(fig, f"A layer of QLoRA, {data.step}", STEPS[data.step] if wide else
                  "Framed: takes a gradient" if data.step == "backward" else "Dashed: dequantised")
    room = 4.3 if wide else 3.45
    _layer(style.board(fig, style.MARGIN, 0.62, room, HIGH), data.step == "backward", room)
    if wide:
        ax = style.board(fig, 4.55, 0.62, 2.6, HIGH)
        back = data.step == "backward"
        for at, words, tone in (
                (ABOVE, "gets a gradient, moves" if back else "16 or 32 bits, trained",
                 style.LORA.ink),
                (PATH, "passes the gradient on" if back else "made for this product only",
                 style.FROZEN.ink),
                (BELOW, "no gradient, never moves" if back else "stored, a quarter of 16 bits",
                 style.FROZEN.ink)):
            ax.text(0.05, at, words, va="center_baseline", color=tone, size=style.SMALL)
    return fig


def alt(data: Pass) -> str:
    """Return the frame in words."""
    return (f"A layer of QLoRA, {data.step}: {STEPS[data.step]}. The base is stored as levels of 4 "
            "bits and dequantised for each product; beside it stand A and B, which "
            + ("alone get gradients." if data.step == "backward" else "are not rounded."))
