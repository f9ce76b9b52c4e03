"""What rounding to 16 bits costs an adapter, merged and unmerged, by the size of its update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("On the left merging matters, and more so the smaller the update is. On the right the "
           "base alone errs nearly as much.")
PANELS = ("Only the weights have 16 bits", "Adapted layers compute in 16 bits too")
LIMITS, SPAN = (3e-4, 2.5), (0.0018, 0.55)  # of the errors, and of the sizes
TICKS = (0.001, 0.01, 0.1, 1)


@dataclass(frozen=True)
class Rounding:
    """Sizes of the update beside W, (sizes,), and the errors of each panel, (sizes, 2).

    An error is a share of the adapter's effect; the two columns are merged and unmerged.
    ``base``, (sizes,), is the error of the base alone, with those layers in 16 bits.
    """

    sizes: np.ndarray
    errors: tuple[np.ndarray, np.ndarray]
    base: np.ndarray


def compute(sizes: Sequence[float], errors: Sequence[Sequence[float]]) -> Rounding:
    """Take five errors a size: weights in 16 bits, merged and not; layers, also of the base.

    Raises:
        ValueError: a size has not five errors.
    """
    found = np.array(errors, float)
    if found.shape != (len(sizes), 5):
        raise ValueError(f"the errors have shape {found.shape}; allowed is {(len(sizes), 5)}")
    return Rounding(np.array(sizes, float), (found[:, :2], found[:, 2:4]), found[:, 4])


def _panel(ax: Axes, data: Rounding, errors: np.ndarray, first: bool) -> None:
    """Both lines of one panel, and the errors of the smallest update and of the largest, ours."""
    for column, face, dash in ((0, style.LORA.mark, "-"), (1, style.PAPER, (0, (3, 1.5)))):
        ax.plot(data.sizes, errors[:, column], ls=dash, color=style.LORA.mark, marker="D", ms=5.5,
                mfc=face, mec=style.LORA.mark, zorder=3 - column)
    if not first:
        ax.plot(data.sizes, data.base, color=style.FROZEN.mark, ls=(0, (1, 1.5)), lw=2.4, zorder=4)
    least, most = np.argmin(data.sizes), np.argmax(data.sizes)
    ax.axvline(data.sizes[most], color=style.RULE, lw=style.THIN, zorder=1)
    ax.text(data.sizes[most], 1.1, "ours", ha="center", va="bottom", color=style.MUTED,
            size=style.SMALL, bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})
    for row in (least, most):
        for column in (0, 1) if first else (0,):
            above, error = column == 0, errors[row, column]
            near = not first and row == least  # the 100% line is above, so the figure goes beside
            ax.annotate(style.percent(error, 1), (data.sizes[row], error),
                        (9, 1) if near else (0, 8 if above else -9), textcoords="offset points",
                        ha="left" if near else "center", va="bottom" if above else "top",
                        color=style.LORA.ink, weight=600, size=style.SMALL)
    ax.set(xscale="log", yscale="log", xlim=SPAN, ylim=LIMITS, xlabel="size of the update beside W")
    ax.minorticks_off()
    ax.set_xticks([0.003, 0.01, 0.03, 0.1, 0.3], ["0.3%", "1%", "3%", "10%", "30%"])
    ax.set_yticks(TICKS, [style.percent(tick, 1 if tick < 0.01 else 0) for tick in TICKS])
    ax.grid(axis="y")
    middle = float(np.sqrt(data.sizes[least] * data.sizes[most]))
    at = np.argsort(data.sizes)
    height = [float(np.exp(np.interp(np.log(middle), np.log(data.sizes[at]),
                                     np.log(errors[at, column])))) for column in (0, 1)]
    names = (("merged", height[0] * 1.5, "left", style.LORA),
             ("unmerged", height[1] * 1.35, "center", style.LORA))
    if not first:
        names = (("merged and\nunmerged", max(height) * 1.5, "left", style.LORA),
                 ("base alone", min(height) / 4, "right", style.FROZEN))
    for name, y, side, tone in names:
        ax.text(middle, y, name, ha=side, va="bottom", color=tone.ink, weight=600)


@style.styled
def draw(data: Rounding, layout: Layout = "wide") -> Figure:
    """Draw the errors over the size of the update, with rounded weights and with all rounded."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.5 if wide else 6.0)
    style.heading(fig, "What does rounding to bfloat16 cost?",
                  "Rounding error of the logits / change by the adapter")
    for k, (title, errors) in enumerate(zip(PANELS, data.errors, strict=True)):
        box = (0.55 + 3.45 * k, 1.0, 3.0, 1.95) if wide else (0.55, 1.0 + 2.55 * k, 2.85, 1.85)
        ax = style.place(fig, *box)
        _panel(ax, data, errors, first=not k)
        ax.set_title(title)
    return fig


def alt(data: Rounding) -> str:
    """Return the picture in words."""
    rows = [f"update of {size:.1%} of W: weights rounded, merged {one[0]:.1%}, unmerged "
            f"{one[1]:.1%}; adapted layers in 16 bits, merged {two[0]:.1%}, unmerged "
            f"{two[1]:.1%}, base alone {base:.1%}."
            for size, one, two, base in zip(data.sizes, *data.errors, data.base)]
    return "Error of the logits, as a share of the adapter's change. " + " ".join(
        row[0].upper() + row[1:] for row in rows)
