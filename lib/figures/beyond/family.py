"""LoRA and its variants side by side: the frozen matrix, the path beside it, and what differs."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("Beside the first panel, only what is purple differs from LoRA. In DoRA ℓ are the row "
           "lengths of W + sBA, and m the trained ones.")
PANEL = {"wide": (1.77, 1.34), "narrow": (1.74, 1.34)}  # inches of one method
COLUMNS = {"wide": 4, "narrow": 2}
TOP = {"wide": 0.6, "narrow": 0.76}  # where the first panel begins
STREAM, SIDE = 1.06, 0.6  # heights of both paths, LoRA's above W as in `relative`
FORK, JOIN, END = 0.26, 1.17, 1.67  # where the path beside leaves and joins, and where y is
SMALL = (0.25, 0.21)  # a small box


@dataclass(frozen=True)
class Method:
    """One variant: its name, in words what it does otherwise than LoRA, and the drawing's parts.

    ``own`` names the parts in which it differs from LoRA, of ``A``, ``B``, ``W``, ``factor``,
    ``between`` (a GELU between A and B), ``after`` (a rescaling of the sum) and ``norm``.
    """

    name: str
    words: str
    own: tuple[str, ...] = ()
    frozen_A: bool = False
    beside: bool = True
    factor: str = "α/r"


def compute() -> list[Method]:
    """The methods of chapter 18, LoRA first."""
    return [Method("LoRA", "trains A and B"),
            Method("LoRA+", "B learns faster", ("B",)),
            Method("rsLoRA", "scales by α/√r", ("factor",), factor="α/√r"),
            Method("PiSSA", "starts inside W", ("A", "B", "W")),
            Method("DoRA", "trains row lengths m", ("after",)),
            Method("Parallel adapter", "a GELU between", ("between",)),
            Method("LoRA-FA", "A stays as drawn", ("A",), frozen_A=True),
            Method("LayerNorms only", "control: trains γ and β", ("norm",), beside=False)]


def _beside(ax: Axes, method: Method) -> None:
    """The path from x through A and B to the sum, with its scaling factor."""
    route(ax, (FORK, STREAM), (FORK, SIDE), (JOIN, SIDE), (JOIN, STREAM - 0.08))
    box(ax, (0.44, SIDE), SMALL, "A", style.FROZEN if method.frozen_A else style.A,
         "A" in method.own)
    box(ax, (1.0, SIDE), SMALL, "B", style.B, "B" in method.own)
    if "between" in method.own:  # a GELU on the path
        box(ax, (0.72, SIDE), SMALL, "", style.LORA, True)
        ax.plot([0.64, 0.72, 0.8], [SIDE + 0.04, SIDE + 0.04, SIDE - 0.06], lw=1.4,
                color=style.LORA.ink, zorder=4)
    own = "factor" in method.own
    ax.text(JOIN + 0.06, (STREAM + SIDE) / 2 - 0.03, method.factor, va="center_baseline",
            color=style.LORA.ink if own else style.MUTED, weight=600 if own else 400,
            size=style.BASE if own else style.SMALL)
    ax.plot(JOIN, STREAM, "o", ms=11, mfc=style.PAPER, mec=style.INK, mew=1.0, zorder=4)
    ax.text(JOIN, STREAM, "+", ha="center", va="center_baseline", weight=600, zorder=5)


def _panel(ax: Axes, method: Method) -> None:
    """One method: x left, y right, the frozen matrix between them and what stands beside it."""
    ax.text(0.06, 0.1, method.name, va="center_baseline", weight=600, size=style.BASE)
    ax.text(0.06, 0.28, method.words, va="center_baseline", size=style.SMALL, color=style.MUTED)
    route(ax, (0.16, STREAM), (END - 0.04, STREAM))
    for words, left in (("x", 0.1), ("y", END)):
        ax.text(left, STREAM, words, ha="center", va="center_baseline", style="italic")
    if method.beside:
        _beside(ax, method)
    alone = "norm" in method.own
    box(ax, (1.0 if alone else 0.72, STREAM), (0.5, 0.34), "rest" if "W" in method.own else "W",
        style.FROZEN, "W" in method.own)
    if alone:
        box(ax, (0.45, STREAM), (0.4, SMALL[1]), "γ, β", style.LORA, True)
    if "after" in method.own:
        box(ax, (1.43, STREAM), (0.3, SMALL[1]), "m/ℓ", style.LORA, True)


@style.styled
def draw(data: list[Method], layout: Layout = "wide") -> Figure:
    """Draw every method in a panel of its own."""
    wide, high = PANEL[layout]
    columns, top = COLUMNS[layout], TOP[layout]
    fig = style.canvas(layout, top + high * -(-len(data) // columns))
    style.heading(fig, "What each variant changes in LoRA",
                  "Grey is frozen, colour is trained;"
                  + (" " if layout == "wide" else "\n")
                  + "purple marks the change")
    for k, method in enumerate(data):
        row, column = divmod(k, columns)
        _panel(style.board(fig, style.MARGIN + column * wide, top + row * high, wide, high), method)
    return fig


def alt(data: list[Method]) -> str:
    """Return the drawing in words."""
    first, *others = data
    return (f"A frozen matrix W takes x to y. {first.name} adds a second path, A, then B, "
            f"times {first.factor}, and {first.words}. What each other method changes: "
            + "; ".join(f"{each.name}: {each.words}" for each in others) + ".")
