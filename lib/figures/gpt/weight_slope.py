"""The loss of a small linear layer as one of its weights moves: the slope there is the gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Move the weight: the slope of the loss is its gradient. A step against it lowers the "
           "loss, and the step is short where the slope is small.")

RATE = 0.05  # what a step of gradient descent multiplies the gradient by
LOW, HIGH, TOP = -1.25, 1.25, 10.0  # of the weight, and of the loss
REACH = 0.3  # how far the tangent goes to both sides


@dataclass(frozen=True)
class Slope:
    """One weight's value, the loss and the gradient there, the loss after a step, and all losses.

    line, losses: (points,), the curve.
    """

    weight: float
    loss: float
    gradient: float
    after: float
    line: np.ndarray
    losses: np.ndarray

    @property
    def moved(self) -> float:
        """The weight after one step."""
        return self.weight - RATE * self.gradient


def compute(x: np.ndarray, W: np.ndarray, b: np.ndarray, target: np.ndarray,
            weight: float) -> Slope:
    """Give the first weight of W (d_out, d_in) the value, all else as it is.

    The loss is half the sum of (x W^T + b - target)^2; x is (n, d_in), target (n, d_out).

    Raises:
        ValueError: the shapes do not fit each other.
    """
    if x.shape[1:] != W.shape[1:] or target.shape != (len(x), len(W)) or b.shape != W.shape[:1]:
        raise ValueError(f"x, W, b and target have shapes {x.shape}, {W.shape}, {b.shape} and "
                         f"{target.shape}, which make no layer")

    def errors(value: float) -> np.ndarray:
        moved = W.astype(float)
        moved[0, 0] = value
        return x @ moved.T + b - target

    def loss(value: float) -> float:
        return float(0.5 * (errors(value) ** 2).sum())

    gradient = float(errors(weight)[:, 0] @ x[:, 0])
    line = np.linspace(LOW, HIGH, 201)
    return Slope(weight, loss(weight), gradient, loss(weight - RATE * gradient), line,
                 np.array([loss(value) for value in line]))


def _advice(data: Slope) -> str:
    if abs(data.gradient) < 1e-9:
        return "Gradient 0: no change of this weight lowers the loss"
    way = "raises the loss: lower it" if data.gradient > 0 else "lowers the loss: raise it"
    return f"Gradient {style.short(data.gradient)}: a larger weight {way}"


@style.styled
def draw(data: Slope, layout: Layout = "wide") -> Figure:
    """Draw the curve, its tangent at the weight, and where one step leads."""
    fig = style.canvas(layout, 3.3)
    style.heading(fig, f"Weight {style.short(data.weight)}: loss {data.loss:.2f}", _advice(data))
    ax = style.place(fig, 0.35, 0.9, style.WIDTH[layout] - 0.55, 1.85)
    ax.plot(data.line, data.losses, color=style.DATA.mark)
    near = data.weight + np.array([-REACH, REACH])
    ax.plot(near, data.loss + data.gradient * (near - data.weight), color=style.FULL.mark, lw=2.4,
            clip_on=True)
    style.point(ax, data.weight, data.loss, "o", style.DATA, 8)
    ax.set(xlim=(LOW, HIGH), ylim=(0, TOP), yticks=[0, 2, 4, 6, 8, 10], xlabel="weight",
           title="Loss")
    style.number_ticks(ax.xaxis, np.arange(-1, 1.1, 0.5))
    ax.grid(axis="y")
    ax.set_title(f"Line: gradient. Arrow: {style.short(-RATE)} \u00b7 gradient", loc="right",
                 weight=400, size=style.SMALL, color=style.FULL.ink)
    if abs(data.gradient) > 1e-9:
        ax.annotate("", (data.moved, 0.7), (data.weight, 0.7), arrowprops={
            "arrowstyle": "-|>", "color": style.FULL.mark, "lw": 1.8, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 10})
        ax.plot([data.weight] * 2, [0.7, data.loss], color=style.FROZEN.mark, lw=style.THIN,
                zorder=0)
        ax.plot([data.moved] * 2, [0.7, data.after], color=style.FROZEN.mark, lw=style.THIN,
                zorder=0)
        ax.plot(data.moved, data.after, "o", mfc=style.PAPER, mec=style.DATA.mark, ms=6, zorder=4)
    return fig


def alt(data: Slope) -> str:
    """Return the frame in words."""
    return (f"Weight {style.short(data.weight)}: the loss is {data.loss:.2f}. {_advice(data)}. "
            f"After one step of gradient descent the weight is {style.short(data.moved, 3)} and "
            f"the loss {data.after:.2f}.")
