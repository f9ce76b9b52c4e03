"""What is left of a weight matrix when adapters were added to it and subtracted again, in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Each swap rounds: add and subtract more often, or choose fewer bits, and more "
           "weights stay changed.")

#: An adapter count and a precision -> {swaps done: the matrix by then, (d_out, d_in)}.
Worn = Mapping[tuple[int, str], Mapping[int, np.ndarray]]

PALEST = 0.25  # the colour of the smallest change: it has to be seen beside none
GAPS = 256  # of a weight that moved so many gaps or more, the colour is the darkest
LEAST, MOST = 3e-9, 0.3  # of the relative change: the same axis in all frames
DASH = {"float16": "-", "float32": (0, (4, 1.5))}


@dataclass(frozen=True)
class Drift:
    """One precision, number of adapters and of swaps.

    gap: between neighbouring numbers of that precision at the weights' root mean square;
    moved: (d_out, d_in), how many gaps each weight has moved; curves: for each adapter count and
    precision, swaps and relative change, each (measurements,).
    """

    adapters: int
    precision: str
    swaps: int
    gap: float
    moved: np.ndarray
    curves: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]]

    @property
    def change(self) -> float:
        """Norm of the change over the norm of the matrix."""
        swaps, change = self.curves[self.adapters, self.precision]
        return float(change[np.flatnonzero(swaps == self.swaps)[0]])


def relative_change(before: np.ndarray, after: np.ndarray) -> float:
    """Norm of ``after - before`` over the norm of ``before``, computed in float64."""
    old, new = before.astype(np.float64), after.astype(np.float64)
    return float(np.linalg.norm(new - old) / np.linalg.norm(old))


def compute(before: np.ndarray, worn: Worn, adapters: int, precision: str, swaps: int) -> Drift:
    """Compare the matrix before (d_out, d_in) with what is left of it.

    Raises:
        ValueError: There is no such adapter count, precision or number of swaps.
    """
    if (adapters, precision) not in worn or swaps not in worn[adapters, precision]:
        raise ValueError(f"adapters, precision and swaps are {(adapters, precision, swaps)}; "
                         f"allowed are {list(worn)}, each after the swaps that it holds")
    start = {kind: before.astype(kind) for _, kind in worn}
    curves = {(count, kind): (np.array(list(found)), np.array(
        [relative_change(start[kind], each) for each in found.values()]))
        for (count, kind), found in worn.items()}
    size = np.sqrt(np.mean(before.astype(np.float64) ** 2))
    gap = float(np.spacing(np.dtype(precision).type(size)))
    after = worn[adapters, precision][swaps].astype(np.float64)
    return Drift(adapters, precision, swaps, gap, np.abs(after - start[precision]) / gap, curves)


def _shade(gaps: np.ndarray) -> np.ndarray:
    """0 for weights that came back; for others from PALEST to 1 at GAPS, logarithmically."""
    share = np.log2(1 + np.minimum(gaps, GAPS)) / np.log2(1 + GAPS)
    return np.where(gaps > 0, PALEST + (1 - PALEST) * share, 0)


def _scale(ax: Axes) -> None:
    """The colours beside their numbers of gaps."""
    shades = np.linspace(1, 0, 64)[:, None]
    ax.imshow(np.where(shades < PALEST, 0, shades), cmap=style.CHANGE, vmin=0, vmax=1,
              aspect="auto", extent=(0, 1, 0, 1))
    ticks = (1, 4, 16, 64, GAPS)
    ax.set_yticks([PALEST / 2, *_shade(np.array(ticks))], ["none", *map(str, ticks)])
    ax.set(xticks=[])
    ax.yaxis.tick_right()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def named(adapters: int) -> str:
    """Write ``1 adapter`` or ``4 adapters``."""
    return f"{adapters} adapter{'s' if adapters > 1 else ''}"


def often(swaps: int) -> str:
    """Write ``once`` or ``10 times``."""
    return f"{swaps} times" if swaps > 1 else "once"


def power(number: float, digits: int = 1) -> str:
    """Write a small number as ``2.8e-3``."""
    mantissa, exponent = f"{number:.{digits}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _curves(ax: Axes, data: Drift) -> None:
    """Relative change over the swaps, of each adapter count and precision."""
    lines = []
    for (count, kind), (swaps, change) in data.curves.items():
        now = (count, kind) == (data.adapters, data.precision)
        tone = style.LORA if now else style.FROZEN
        ax.plot(swaps, change, color=tone.mark, ls=DASH[kind], zorder=2 + now)
        lines.append(Named(swaps, change, f"{kind}, {named(count)}", tone))
    style.point(ax, data.swaps, data.change, style.MARKER["lora"], style.LORA)
    end = max(swaps[-1] for swaps, _ in data.curves.values())
    ax.set(xscale="log", yscale="log", xlim=(0.9, 1.15 * end), ylim=(LEAST, MOST),
           xlabel="merged and unmerged so many times",
           title="Change of the matrix, of its norm")
    ax.minorticks_off()
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    ax.set_yticks([1e-8, 1e-6, 1e-4, 1e-2], ["1e-8", "1e-6", "1e-4", "1e-2"])
    ax.grid(axis="y")
    name_lines(ax, lines, style.SMALL)


@style.styled
def draw(data: Drift, layout: Layout = "wide") -> Figure:
    """Draw where the weights moved, and by how much in all, over the swaps."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.1 if wide else 5.3)
    style.heading(fig, f"{data.precision}, {named(data.adapters)}, {often(data.swaps)}",
                  f"The matrix has changed by {power(data.change)} of its norm")
    side = style.SQUARE[layout]
    left, top = (style.MARGIN, 0.98) if wide else (0.6, 0.98)
    ax = style.bare(style.place(fig, left, top, side, side))
    ax.imshow(_shade(data.moved), cmap=style.CHANGE, vmin=0, vmax=1)
    ax.set_title("Gaps that each weight moved")
    _scale(style.place(fig, left + side + 0.08, top, 0.12, side))
    box = (3.2, 0.98, 3.85, 1.55) if wide else (0.62, 2.83, 2.86, 1.85)
    _curves(style.place(fig, *box), data)
    return fig


def alt(data: Drift) -> str:
    """Return the frame in words."""
    share = style.percent((data.moved > 0).mean())
    return (f"{named(data.adapters).capitalize()} added to a matrix of {data.precision} and "
            f"subtracted again, {often(data.swaps)} in all: {share} of its weights are not what "
            f"they were, and the matrix has changed by {power(data.change, 0)} of its norm.")
