"""The step of a central difference against its error, in both precisions, digit by digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, Named, measure, name_lines
from lib.figures.kit.style import Layout

CAPTION = ("Left of the best step rounding spoils the difference, right of it the difference is "
           "too coarse.")

DIGITS = {"float32": 8, "float64": 16}  # decimal digits that a number of that type holds
LOOKS = {"float32": (style.FROZEN, (0, (3, 1.5)), "^"), "float64": (style.DATA, "-", "o")}


@dataclass(frozen=True)
class Steps:
    """Errors by type (steps,), and at the step ``h`` the two losses by type (2,)."""

    steps: np.ndarray
    errors: dict[str, np.ndarray]
    h: float
    pair: dict[str, tuple[float, float]]

    def error(self, kind: str) -> float:
        """Return the error at the chosen step."""
        return float(self.errors[kind][np.argmin(abs(self.steps - self.h))])


def compute(steps: Sequence[float], errors: Mapping[str, Sequence[float]],
            pairs: Mapping[str, Sequence[tuple[float, float]]], h: float) -> Steps:
    """Gather what was measured at every step; ``pairs`` are the losses at w + h and w - h.

    Raises:
        ValueError: nothing was measured at ``h``.
    """
    steps = np.asarray(steps)
    if h not in steps:
        raise ValueError(f"h is {h}; allowed are {', '.join(map(str, steps))}")
    at = int(np.argmin(abs(steps - h)))
    return Steps(steps, {kind: np.asarray(each) for kind, each in errors.items()}, h,
                 {kind: tuple(map(float, each[at])) for kind, each in pairs.items()})


def step_name(h: float) -> str:
    """Write a step: a whole or a half power of ten."""
    return style.power(h, 0 if np.isclose(np.log10(h), np.round(np.log10(h))) else 1)


def shared(pair: tuple[float, float], digits: int) -> tuple[str, str, int]:
    """Write two numbers with so many digits each; count the characters that they begin alike."""
    before = len(str(int(max(pair))))
    one, two = (f"{value:.{digits - before}f}" for value in pair)
    alike = next((k for k, (p, q) in enumerate(zip(one, two)) if p != q), len(one))
    return one, two, alike


def _chart(ax: Axes, data: Steps) -> None:
    """Error against step on logarithmic axes, with the chosen step marked."""
    ax.set(xscale="log", yscale="log", xlim=(4e-13, 2.5e-1), ylim=(3e-12, 2e1))
    for kind, values in data.errors.items():
        tone, dash, marker = LOOKS[kind]
        ax.plot(data.steps, values, color=tone.mark, ls=dash, zorder=2)
        style.point(ax, data.h, data.error(kind), marker, tone, 7)
    ax.axvline(data.h, color=style.FROZEN.mark, lw=style.THIN, zorder=1)
    for axis, at in ((ax.xaxis, (-12, -9, -6, -3, -1)), (ax.yaxis, (-10, -8, -6, -4, -2, 0))):
        axis.set_ticks([10.0 ** k for k in at], [style.power(10.0 ** k) for k in at])
        axis.set_minor_locator(NullLocator())
    ax.set(xlabel="step h", title="Error of the gradient, relative to its length")
    ax.grid(axis="y")
    name_lines(ax, [Named(data.steps, values, kind, LOOKS[kind][0])
                    for kind, values in data.errors.items()])


def _digits(fig: Figure, data: Steps, top: float) -> None:
    """Both losses of one weight, digit by digit: what they share is grey, and lost."""
    ax = style.card(fig, style.MARGIN, top, fig.get_size_inches()[0] - 2 * style.MARGIN, 1.17)
    line, names = style.BASE * LEADING, ("L(w + h)", "L(w \u2212 h)")
    for k, (kind, pair) in enumerate(data.pair.items()):
        *numbers, alike = shared(pair, DIGITS[kind])
        for row, (name, number) in enumerate(zip(names, numbers)):
            at = 0.2 + k * 0.54 + row * line
            if row == 0:
                ax.text(0.15, at, kind, va="center", color=LOOKS[kind][0].ink, weight=600)
            ax.text(0.95, at, name, va="center", color=style.MUTED)
            ax.text(1.7, at, number[:alike], va="center", color=style.MUTED)
            ax.text(1.7 + measure(number[:alike], style.BASE), at, number[alike:], va="center",
                    weight=600)


@style.styled
def draw(data: Steps, layout: Layout = "wide") -> Figure:
    """Draw both curves, the chosen step on them, and the digits that its difference is made of."""
    wide = layout == "wide"
    height = 1.95 if wide else 1.75
    fig = style.canvas(layout, 0.92 + height + 1.75)
    errors = ", ".join(f"{style.power(data.error(kind))} in {kind}" for kind in data.errors)
    style.heading(fig, f"h = {step_name(data.h)}", f"Error {errors}")
    _chart(style.place(fig, 0.55, 0.92, fig.get_size_inches()[0] - 0.7, height), data)
    _digits(fig, data, 0.92 + height + 0.52)
    return fig


def alt(data: Steps) -> str:
    """Return the frame in words."""
    alike = {}
    for kind, pair in data.pair.items():
        one, _, same = shared(pair, DIGITS[kind])
        alike[kind] = len(one[:same].replace(".", ""))
    parts = [f"{style.power(data.error(kind))} in {kind}, where the two losses share "
             f"{alike[kind]} of {DIGITS[kind]} digits" for kind in data.errors]
    return f"Step {step_name(data.h)}: the gradient's relative error is {'; '.join(parts)}."
