"""A linear layer with an adapter: the frozen path and the narrow one, forward or backward."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Follow both paths along the arrows: only the blue and the orange matrix are trained, "
           "and both are thin.")

CELL = 0.15  # inches, of one number of a row that is drawn
#: Numbers of each row that the drawing has room for.
MOST = {"d_in": 6, "d_out": 6, "rank": 2}


@dataclass(frozen=True)
class Paths:
    """How many inputs, outputs and places in the middle the layer has."""

    d_in: int
    d_out: int
    rank: int
    back: bool = False
    asked: bool = False

    @property
    def adapter(self) -> int:
        """How many numbers A and B hold."""
        return self.rank * (self.d_in + self.d_out)


#: A question about each part of the layer that was chosen: W, A, B and the factor.
QUESTIONS = ("2. What does freezing save?", "1. Why not\nBA first?",
             "3. Why zero\nat the start?", "4. Why\ndivided by r?")


def compute(d_in: int, d_out: int, rank: int, back: bool = False, asked: bool = False) -> Paths:
    """Take the sizes of a layer, and whether gradients or questions are drawn on it.

    Raises:
        ValueError: one of them is below 1, or more than the drawing has room for.
    """
    for name, size in (("d_in", d_in), ("d_out", d_out), ("rank", rank)):
        if not 1 <= size <= MOST[name]:
            raise ValueError(f"{name} is {size}; allowed are 1 to {MOST[name]}")
    return Paths(d_in, d_out, rank, back, asked)


def _numbers(ax: Axes, x: float, y: float, count: int, tone: Tone, name: str, note: str) -> None:
    """A column of cells around ``(x, y)``, its name above it and what it is under it."""
    top = y - count * CELL / 2
    for k in range(count):
        ax.add_patch(Rectangle((x - CELL / 2, top + k * CELL), CELL, CELL, fc=tone.tint,
                               ec=tone.mark, lw=0.9))
    ax.text(x, top - 0.05, name, ha="center", va="bottom", color=tone.ink, size=style.NAME)
    ax.text(x, top + count * CELL + 0.05, note, ha="center", va="top", color=style.MUTED,
            size=style.SMALL)


def _met(ax: Axes, x: float, y: float, count: int, name: str, gives: str) -> None:
    """Below a matrix its input, which an arrow leads up to it, and what they give there."""
    for k in range(count):
        ax.add_patch(Rectangle((x - CELL / 2, y + k * CELL), CELL, CELL, fc=style.DATA.tint,
                               ec=style.DATA.mark, lw=0.9))
    ax.text(x - CELL / 2 - 0.07, y + count * CELL / 2, name, ha="right", va="center",
            color=style.DATA.ink, size=style.NAME)
    _arrow(ax, (x, y - 0.04), (x, y - 0.32), style.DATA, False)
    ax.text(x + 0.08, y - 0.17, gives, ha="left", va="center", color=style.DATA.ink,
            size=style.SMALL, linespacing=1.1)


def _matrix(ax: Axes, x: float, y: float, wide: float, ends: tuple[int, int], tone: Tone,
            words: tuple[str, str]) -> None:
    """A matrix as a shape that is as high at each end as it has numbers there."""
    left, right = (count * CELL / 2 + 0.1 for count in ends)
    ax.add_patch(Polygon([(x - wide / 2, y - left), (x + wide / 2, y - right),
                          (x + wide / 2, y + right), (x - wide / 2, y + left)],
                         fc=tone.tint, ec=tone.mark, lw=1.3))
    ax.text(x, y, words[0], ha="center", va="center", color=tone.ink, size=style.NAME)
    ax.text(x, y + max(left, right) + 0.05, words[1], ha="center", va="top", color=tone.ink,
            size=style.SMALL)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], tone: Tone,
           back: bool) -> None:
    """An arrow of the forward pass, or turned round."""
    start, end = (end, start) if back else (start, end)
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "lw": 1.4, "shrinkA": 0,
                                            "shrinkB": 0, "color": tone.mark})


def _head(data: Paths, wide: bool) -> tuple[str, str]:
    """The title, and what the picture is."""
    if data.back:
        return ("One gradient, two ways back", "x and z are what A and B read in the forward "
                "pass; dx goes on to the layer below" if wide else
                "x and z: inputs in the forward pass")
    if data.asked:
        return ("Four choices in one layer", "W stays as it is; A and B, the adapter, are trained"
                if wide else "W stays; A and B are trained")
    return ("One input, two paths", f"W stays as it is; A and B, {data.adapter} numbers, are "
            "trained" if wide else "W stays; A and B are trained")


def _words(data: Paths) -> tuple[str, str, str, str]:
    """What is written below W, A, B and the factor."""
    if data.asked:
        return QUESTIONS
    if data.back:
        return "no gradient", "", "", ""
    return (f"{data.d_out} × {data.d_in}, frozen", f"{data.rank} × {data.d_in}",
            f"{data.d_out} × {data.rank}", "")


@style.styled
def draw(data: Paths, layout: Layout = "wide") -> Figure:
    """Draw both paths between x and y."""
    wide, back, words = layout == "wide", data.back, _words(data)
    down = max(0, max(data.d_in, data.d_out) - 4) * CELL / 2  # a high W stays below the heading
    fig = style.canvas(layout, 2 * down + (2.8 + 1.5 * data.d_in * CELL + 0.2 if back else 3.05))
    style.heading(fig, *_head(data, wide))
    ax = style.board(fig)
    along = (0.35, 1.75, 2.85, 3.95, 5.25, 5.85, 6.75) if wide else \
        (0.22, 0.83, 1.36, 1.9, 2.5, 2.8, 3.32)
    x_in, a, middle, b, factor, plus, out = along
    upper, lower, between = 1.05 + down, 2.25 + 2 * down, 1.62 + 1.5 * down
    box = 0.85 if wide else 0.44
    d = "d" if back else ""
    _numbers(ax, x_in, between, data.d_in, style.DATA, f"${d}x$", f"{data.d_in} in")
    _matrix(ax, middle, upper, 1.2 if wide else 0.9, (data.d_in, data.d_out), style.FROZEN,
            ("$W$", words[0]))
    _matrix(ax, a, lower, box, (data.d_in, data.rank), style.A,
            ("$A$", words[1]))
    _numbers(ax, middle, lower, data.rank, style.LORA, f"${d}z$", f"{data.rank}")
    _matrix(ax, b, lower, box, (data.rank, data.d_out), style.B,
            ("$B$", words[2]))
    _numbers(ax, out, between, data.d_out, style.DATA, f"${d}y$", f"{data.d_out} out")
    edge, half, side = CELL / 2 + 0.03, box / 2 + 0.02, 0.62 if wide else 0.47
    room = 0.27 if wide else 0.2
    for start, end, tone in (
            ((x_in + edge, between - 0.12), (middle - side, upper), style.FROZEN),
            ((x_in + edge, between + 0.12), (a - half, lower), style.LORA),
            ((a + half, lower), (middle - edge, lower), style.LORA),
            ((middle + edge, lower), (b - half, lower), style.LORA),
            ((b + half, lower), (factor - room, lower), style.LORA),
            ((factor + room * 0.6, lower - 0.13), (plus - 0.04, between + 0.14), style.LORA),
            ((middle + side, upper), (plus - 0.08, between - 0.12), style.FROZEN),
            ((plus + 0.1, between), (out - edge, between), style.DATA)):
        _arrow(ax, start, end, tone, back)
    if back:  # here the gradient takes both ways
        ax.plot(plus, between, "o", ms=5, color=style.DATA.mark)
        gap = " " if wide else "\n"
        below = lower + data.d_in * CELL / 2 + 0.48
        _met(ax, a, below, data.d_in, "$x$", f"meets $dz$,{gap}gives $dA$")
        _met(ax, b, below, data.rank, "$z$", f"meets α/r · $dy$,{gap}gives $dB$")
    ax.text(factor, lower, "· α/r", ha="center", va="center", color=style.LORA.ink,
            size=style.NAME)
    ax.text(factor + (0 if wide else 0.2), lower + data.d_out * CELL / 2 + 0.15, words[3],
            ha="center", va="top", color=style.LORA.ink, size=style.SMALL)
    ax.text(x_in + edge + (0.13 if wide else 0.1) if back else plus, between, "+", ha="center",
            va="center", size=style.TITLE, weight=600)
    return fig


def alt(data: Paths) -> str:
    """Return the picture in words."""
    if data.back:
        return ("The gradient dy of the output goes back on two paths. Through B it becomes dz, "
                "and through A and the frozen W the gradient dx of the input. Where dz meets the "
                "input x at A, dA is found; at B, dB, where alpha / r times dy meets z; and "
                "none for W.")
    if data.asked:
        asked = " ".join(each.replace("\n", " ") for each in sorted(QUESTIONS))
        return (f"Four questions about a layer with an adapter: {asked} One path leads from x "
                "through W to y, the other through A, B and the factor alpha / r.")
    return (f"A layer of {data.d_in} inputs and {data.d_out} outputs. On one path the input is "
            f"multiplied by the frozen W. On the other A makes {data.rank} numbers of it, B makes "
            f"{data.d_out} of these, and they are multiplied by alpha / r. The paths are added.")
