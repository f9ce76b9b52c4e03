"""Two choices in a block: where the norm stands, and whether its initialization is scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Full dots: the norm before the sublayer. Open squares: the norm after the sum, which "
           "at some rates ends no better than token frequencies.")

PANELS = {True: "Scaled initialization, as ours", False: "Unscaled initialization"}
SCALED = ", scaled"
HIGH: dict[Layout, float] = {"wide": 1.9, "narrow": 1.65}  # inches of a panel


@dataclass(frozen=True)
class Choices:
    """rates: the learning rates; ends: (kind, scaled) -> the loss at each; guessing: the loss of
    token frequencies alone.
    """

    rates: tuple[float, ...]
    ends: dict[tuple[str, bool], list[float]]
    guessing: float


def compute(losses: Mapping[tuple[str, float], float], guessing: float) -> Choices:
    """Take the losses by name, such as "pre-norm, scaled", and learning rate."""
    rates = tuple(sorted({rate for _, rate in losses}))
    ends = {(kind, scaled): [losses[kind + SCALED * scaled, rate] for rate in rates]
            for scaled in PANELS for kind in ("pre-norm", "post-norm")}
    return Choices(rates, ends, guessing)


def _panel(ax: Axes, data: Choices, scaled: bool) -> None:
    """Loss over learning rate, with the norm before the sublayer and after the sum."""
    ax.axhline(data.guessing, color=style.MUTED, ls=":", lw=1.2, zorder=1)
    ax.text(data.rates[0], data.guessing - 0.1, "token frequencies alone", color=style.MUTED,
            size=style.SMALL, va="top")
    violet = style.ATTENTION(0.7)
    ax.plot(data.rates, data.ends["post-norm", scaled], color=violet, marker="s", ms=7.5,
            mfc=style.PAPER, mew=1.5, clip_on=False, zorder=3)
    ax.plot(data.rates, data.ends["pre-norm", scaled], color=style.INK, marker="o", ms=4.5,
            clip_on=False, zorder=4)
    ax.set(xscale="log", xlim=(data.rates[0] * 0.85, data.rates[-1] * 1.15), ylim=(2.75, 6.2),
           yticks=[3, 4, 5, 6], xlabel="learning rate", title=PANELS[scaled])
    ax.set_xticks(data.rates, [f"{rate:g}" for rate in data.rates])
    ax.minorticks_off()
    ax.grid(axis="y")


@style.styled
def draw(data: Choices, layout: Layout = "wide") -> Figure:
    """Draw the two panels side by side, or on a phone one under the other."""
    wide = layout == "wide"
    high = HIGH[layout]
    fig = style.canvas(layout, 3.9 if wide else 6.15)
    style.heading(fig, "Pre-norm and post-norm", "Loss after 300 steps, in nats")
    for k, scaled in enumerate(PANELS):
        corner = (0.3 + 3.6 * k, 1.0) if wide else (0.3, 1.0 + (high + 0.85) * k)
        _panel(style.place(fig, *corner, 3.1, high), data, scaled)
    keys = style.board(fig, 0.3, 3.5 if wide else 5.75, 3.1, 0.3)
    violet = style.ATTENTION(0.7)
    for x, kind, marker, size, face, colour in ((0.1, "pre-norm", "o", 4.5, style.INK, style.INK),
                                                (1.4, "post-norm", "s", 7.5, style.PAPER, violet)):
        keys.plot(x, 0.15, marker, ms=size, color=colour, mfc=face, mew=1.5)
        keys.text(x + 0.14, 0.15, kind, va="center_baseline", size=style.SMALL)
    return fig


def alt(data: Choices) -> str:
    """Return the figure in words."""
    rates = ", ".join(f"{rate:g}" for rate in data.rates)
    lines = "; ".join(f"{kind}{SCALED * scaled} {', '.join(f'{x:.2f}' for x in losses)}"
                      for (kind, scaled), losses in data.ends.items())
    return (f"Loss after 300 steps at rates {rates}: {lines}. Token frequencies alone give "
            f"{data.guessing:.2f}.")
