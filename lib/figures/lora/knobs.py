"""Four settings of an adapter's training, and the two products of them that decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Turn the settings until both numbers stand in their rings: the curves then meet."

NAMES = ("α", "w", "rate of A", "rate of B")
SIGNS = ("", "", ", η$_A$", ", η$_B$")
#: alpha, the scale of A, and the rates of A and B
Setting = tuple[float, float, float, float]


@dataclass(frozen=True)
class Knobs:
    """The losses of every setting, and the one that is chosen."""

    losses: dict[Setting, np.ndarray]
    now: Setting
    goal: tuple[str, Setting] | None  # the curve to be reached, and its name

    def off(self) -> list[str]:
        """How each product compares with the goal's, in words; nothing without a goal."""
        ratios = np.divide(products(self.now), products(self.goal[1])) if self.goal else ()
        return ["met" if np.isclose(each, 1) else f"{max(each, 1 / each):.3g} times too "
                f"{'large' if each > 1 else 'small'}" for each in ratios]

    def alike(self) -> list[Setting]:
        """The settings that have both products of the chosen one, itself among them."""
        return [each for each in self.losses if np.allclose(products(each), products(self.now))]


def products(setting: Setting) -> tuple[float, float]:
    """Return alpha times w times B's rate, and A's rate over w."""
    alpha, w, rate_a, rate_b = setting
    return alpha * w * rate_b, rate_a / w


def compute(losses: Mapping[Setting, Sequence[float]], now: Setting,
            goal: tuple[str, Setting] | None = None) -> Knobs:
    """Choose one setting among those that were run, and another, named, whose curve to reach.

    Raises:
        ValueError: it is none of them.
    """
    if now not in losses:
        raise ValueError(f"{now} was not run; the settings are {', '.join(map(str, losses))}")
    return Knobs({setting: np.array(each, float) for setting, each in losses.items()}, now,
                 goal)


def _dials(ax: Axes, data: Knobs) -> None:
    """The four settings, and under a line the two products, each on its own scale."""
    aims = products(data.goal[1]) if data.goal else ()
    rows = [*zip(map("".join, zip(NAMES, SIGNS)), np.transpose(list(data.losses)), data.now),
            *zip(("α · w · η$_B$", "η$_A$ / w"),
                 np.transpose([products(each) for each in data.losses]), products(data.now))]
    for row, (name, values, now) in enumerate(rows):
        at = row + 0.35 * (row > 3)
        places = np.log(np.unique(np.round(values, 9)))
        middle, tone = places.mean(), style.LORA if row > 3 else style.DATA
        ax.plot([-2.3, 2.3], [at, at], color=style.RULE, lw=1.2, zorder=1)
        ax.plot(places - middle, np.full(len(places), at), "|", color=style.FROZEN.mark, ms=6)
        ax.plot(np.log(now) - middle, at, style.MARKER["lora"] if row > 3 else "o",
                color=tone.mark, ms=8, mec=style.PAPER, mew=1.2, zorder=4)
        if row > 3 and aims:
            ax.plot(np.log(aims[row - 4]) - middle, at, "o", ms=13, mfc="none", mec=style.INK,
                    mew=1.3, zorder=5)
        ax.text(-2.6, at, name, ha="right", va="center", size=style.SMALL, color=tone.ink,
                weight=600 if row > 3 else 400)
        ax.text(2.6, at, f"{now:g}", ha="left", va="center", size=style.SMALL, color=tone.ink,
                weight=600 if row > 3 else 400)
    ax.axhline(3.68, color=style.RULE, lw=style.THIN)
    ax.set(xlim=(-6.6, 4.6), ylim=(5.9, -0.5))
    style.bare(ax)


def _curves(ax: Axes, data: Knobs) -> None:
    """Every setting's losses; those with both products of the chosen one in colour."""
    alike = data.alike()
    for setting, losses in data.losses.items():
        mine = setting in alike
        ax.plot(losses, color=style.LORA.mark if mine else style.RULE, zorder=2 + mine,
                lw=style.LINE if mine else 1.0)
    style.point(ax, np.arange(len(data.losses[data.now])), data.losses[data.now],
                style.MARKER["lora"], style.LORA, 5.5)
    if data.goal:
        name, losses = data.goal[0], data.losses[data.goal[1]]
        ax.plot(losses, color=style.INK, lw=1.5, ls=(0, (1, 1.5)), zorder=5)
        ax.text(len(losses) - 0.75, losses[-1], name, color=style.INK, va="center", ha="left",
                size=style.SMALL, weight=600, clip_on=False)
    top = max(losses.max() for losses in data.losses.values())
    ax.set(xlim=(-0.2, len(data.losses[data.now]) - 0.8), ylim=(0, 1.05 * top), xlabel="step",
           title="Loss on the batch, in nats")
    ax.grid(axis="y")


def _title(data: Knobs, wide: bool) -> str:
    """How far both products are from the goal's, or how many settings share them."""
    off, others = data.off(), len(data.alike()) - 1
    if not off:
        return (f"{others} other setting{'s have' if others > 1 else ' has'} the same curve"
                if others else "No other setting has both products")
    met = off.count("met")
    if met == 2 or not wide:
        return ("Neither number met", "One number met", "Both numbers met")[met]
    return f"First number {off[0]}, second {off[1]}"


@style.styled
def draw(data: Knobs, layout: Layout = "wide") -> Figure:
    """Draw the settings with their products, and the losses of all."""
    wide = layout == "wide"
    curves = len({tuple(np.round(products(each), 9)) for each in data.losses})
    fig = style.canvas(layout, 3.1 if wide else 4.9)
    style.heading(fig, _title(data, wide),
                  f"{len(data.losses)} trainings, {curves} curves: those with both numbers of the "
                  "chosen one are purple" if wide else
                  f"{len(data.losses)} trainings, {curves} curves")
    _dials(style.place(fig, style.MARGIN, 0.85, 3.4, 1.9 if wide else 1.75), data)
    _curves(style.place(fig, *((4.1, 0.98, 2.4, 1.55) if wide else (0.45, 3.0, 2.4, 1.3))), data)
    return fig


def alt(data: Knobs) -> str:
    """Return the frame in words."""
    growth, leaving = products(data.now)
    losses, others = data.losses[data.now], len(data.alike()) - 1
    goal = (f" The dotted curve, {data.goal[0]}, ends at {data.losses[data.goal[1]][-1]:.2f} nats."
            if data.goal else "")
    said = ", ".join(f"{name} {value:g}" for name, value in zip(NAMES, data.now))
    return (f"{said}: alpha times w times the rate of B is {growth:g}, the rate of A over w is "
            f"{leaving:g}. The loss goes from {losses[0]:.2f} to {losses[-1]:.2f} nats in "
            f"{len(losses) - 1} steps; {others or 'no'} other setting"
            f"{'' if others == 1 else 's'} of {len(data.losses)} with both products.{goal}")
