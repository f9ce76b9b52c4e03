"""A linear layer with an adapter: the frozen path, and beside it the narrow one, with sizes."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Follow the input along both paths: only the blue and the orange matrix are trained, and "
           "both are thin.")

CELL = 0.15  # inches, of one number of a row that is drawn
MOST = 8  # numbers of a row that can be drawn


@dataclass(frozen=True)
class Paths:
    """How many inputs, outputs and places in the middle the layer has."""

    d_in: int
    d_out: int
    rank: int

    @property
    def adapter(self) -> int:
        """How many numbers A and B hold."""
        return self.rank * (self.d_in + self.d_out)


def compute(d_in: int, d_out: int, rank: int) -> Paths:
    """Take the sizes of a layer.

    Raises:
        ValueError: one of them is not from 1 to 8, which is what the drawing has room for.
    """
    for name, size in (("d_in", d_in), ("d_out", d_out), ("rank", rank)):
        if not 1 <= size <= MOST:
            raise ValueError(f"{name} is {size}; allowed are 1 to {MOST}")
    return Paths(d_in, d_out, rank)


def _numbers(ax: Axes, x: float, y: float, count: int, tone: Tone, name: str, note: str) -> None:
    """A column of cells around ``(x, y)``, its name above it and what it is under it."""
    top = y - count * CELL / 2
    for k in range(count):
        ax.add_patch(Rectangle((x - CELL / 2, top + k * CELL), CELL, CELL, fc=tone.tint,
                               ec=tone.mark, lw=0.9))
    ax.text(x, top - 0.05, name, ha="center", va="bottom", color=tone.ink, size=style.NAME)
    ax.text(x, top + count * CELL + 0.05, note, ha="center", va="top", color=style.MUTED,
            size=style.SMALL)


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


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], tone: Tone) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "lw": 1.4, "shrinkA": 0,
                                            "shrinkB": 0, "color": tone.mark})


@style.styled
def draw(data: Paths, layout: Layout = "wide") -> Figure:
    """Draw both paths from x to y."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.05)
    style.heading(fig, "One input, two paths",
                  f"W stays as it is; A and B, {data.adapter} numbers, are trained" if wide
                  else "W stays; A and B are trained")
    ax = style.board(fig)
    along = [0.35, 1.75, 2.85, 3.95, 5.25, 5.85, 6.75] if wide else \
        [0.22, 0.83, 1.36, 1.9, 2.5, 2.8, 3.32]
    x_in, a, middle, b, factor, plus, out = along
    box = 0.85 if wide else 0.44
    upper, lower, between = 1.05, 2.25, 1.62
    _numbers(ax, x_in, between, data.d_in, style.DATA, "$x$", f"{data.d_in} in")
    _matrix(ax, middle, upper, 1.2 if wide else 0.9, (data.d_in, data.d_out), style.FROZEN,
            ("$W$", f"{data.d_out} × {data.d_in}, frozen"))
    _matrix(ax, a, lower, box, (data.d_in, data.rank), style.A,
            ("$A$", f"{data.rank} × {data.d_in}"))
    _numbers(ax, middle, lower, data.rank, style.LORA, "", f"{data.rank}")
    _matrix(ax, b, lower, box, (data.rank, data.d_out), style.B,
            ("$B$", f"{data.d_out} × {data.rank}"))
    _numbers(ax, out, between, data.d_out, style.DATA, "$y$", f"{data.d_out} out")
    edge, half = CELL / 2 + 0.03, box / 2 + 0.02
    from_x = x_in + edge
    _arrow(ax, (from_x, between - 0.12), (middle - (0.62 if wide else 0.47), upper), style.FROZEN)
    _arrow(ax, (from_x, between + 0.12), (a - half, lower), style.A)
    _arrow(ax, (a + half, lower), (middle - edge, lower), style.LORA)
    _arrow(ax, (middle + edge, lower), (b - half, lower), style.LORA)
    ax.text(factor, lower, "· α/r", ha="center", va="center", color=style.LORA.ink,
            size=style.NAME)
    room = 0.27 if wide else 0.2
    _arrow(ax, (b + half, lower), (factor - room, lower), style.LORA)
    _arrow(ax, (factor + room * 0.6, lower - 0.13), (plus - 0.04, between + 0.14), style.LORA)
    _arrow(ax, (middle + (0.62 if wide else 0.47), upper), (plus - 0.08, between - 0.12),
           style.FROZEN)
    ax.text(plus, between, "+", ha="center", va="center", size=style.TITLE, weight=600)
    _arrow(ax, (plus + 0.1, between), (out - edge, between), style.DATA)
    return fig


def alt(data: Paths) -> str:
    """Return the picture in words."""
    return (f"A layer of {data.d_in} inputs and {data.d_out} outputs. On one path the input is "
            f"multiplied by the frozen W. On the other A makes {data.rank} numbers of it, B makes "
            f"{data.d_out} of these, and they are multiplied by alpha / r. The paths are added.")
