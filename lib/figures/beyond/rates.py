"""The loss over the learning rate, a small panel for each method, with LoRA in grey behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("Dots are seeds, lines join their means, and a diamond is the chosen rate. Both axes "
           "are logarithmic.")
MOST = 1.0  # nats: where the panels beside LoRA end; a line that leaves them goes on above
HIGH, LEFT, GAP = 1.55, 0.58, 0.22  # inches: a panel, what stands left of the first, between two
HEAD = 0.95  # inches above the first panel: the heading, and the panel's two lines of words
ROW = 2.6  # inches from the top of a row of panels to the next one
YLABEL = "loss on dev, nats"
Curve = Mapping[float, Sequence[float]]


@dataclass(frozen=True)
class Panel:
    """Each rate's losses by seed, of a method and of LoRA, and the rate that each was given."""

    name: str
    own: dict[float, np.ndarray]
    at: float
    base: dict[float, np.ndarray]
    base_at: float

    @property
    def lowest(self) -> tuple[float, float]:
        """The mean losses of the method and of LoRA, each at its chosen rate."""
        return float(self.own[self.at].mean()), float(self.base[self.base_at].mean())


@dataclass(frozen=True)
class Rates:
    """The panels, which share the axis of the losses."""

    panels: list[Panel]

    @property
    def lower(self) -> list[str]:
        """The panels in which the method ends below LoRA, each at its chosen rate."""
        return [panel.name for panel in self.panels if panel.lowest[0] < panel.lowest[1]]


def compute(panels: Mapping[str, tuple[Curve, float, Curve, float]]) -> Rates:
    """Gather a method's losses by rate and its chosen rate, and LoRA's, for each panel.

    Raises:
        ValueError: there is no panel, or a chosen rate has no losses.
    """
    if not panels:
        raise ValueError("there is no panel, there must be one or more")
    found = []
    for name, (own, at, base, base_at) in panels.items():
        if at not in own or base_at not in base:
            raise ValueError(f"{name}: the rates {at} and {base_at} must have losses")
        found.append(Panel(name, {rate: np.array(own[rate], float) for rate in sorted(own)}, at,
                           {rate: np.array(base[rate], float) for rate in sorted(base)}, base_at))
    return Rates(found)


def _curve(ax: Axes, losses: Mapping[float, np.ndarray], at: float, tone: Tone, top: int) -> None:
    """A valley: the seeds' dots, a line through their means, a diamond at the chosen rate."""
    for rate, each in losses.items():
        ax.plot([rate] * len(each), each, "o", ms=2.6, color=tone.mark, mew=0, alpha=0.55,
                zorder=top)
    ax.plot(list(losses), [each.mean() for each in losses.values()], color=tone.mark, lw=1.6,
            zorder=top)
    ax.plot([at], [losses[at].mean()], "D", ms=6.5, color=tone.mark, mec=style.PAPER, mew=1.0,
            zorder=top + 1)


def _panel(ax: Axes, panel: Panel, every: Sequence[Panel], first: bool, narrow: bool) -> None:
    """One method upon LoRA; the limits are those of ``every`` panel."""
    curves = [curve for each in every for curve in (each.own, each.base)]
    losses = np.concatenate([seeds for curve in curves for seeds in curve.values()])
    places = [rate for curve in curves for rate in curve]
    ax.set(xscale="log", yscale="log", xlim=(min(places) * 0.75, max(places) * 1.35),
           ylim=(losses.min() * 0.85, MOST * 1.15),
           xlabel="learning rate")
    _curve(ax, panel.base, panel.base_at, style.FROZEN, 2)
    alone = len(every) == 1
    if not alone:
        ax.axhline(panel.lowest[1], color=style.FROZEN.mark, lw=0.9, ls="--", zorder=1)
    _curve(ax, panel.own, panel.at, style.LORA, 4)
    style.number_ticks(ax.xaxis, sorted(set(places)) if alone else (0.001, 0.01, 0.1) if narrow
                       else (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.1), 6)
    style.number_ticks(ax.yaxis, (0.1, 0.2, 0.5, 1, 1.5, 2))
    if not first:
        ax.tick_params(axis="y", labelleft=False)
    if narrow:  # a short tick at each rate that was tried
        ax.xaxis.remove_overlapping_locs = False
        ax.xaxis.set_minor_locator(FixedLocator(list(panel.own)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(axis="x", which="minor", bottom=True, length=5, width=0.9,
                       color=style.LORA.mark)
    ax.grid(axis="y")
    if alone:  # the curves have their names beside them, and each best rate its line
        _name(ax, panel)
        for best in (panel.at, panel.base_at):
            ax.axvline(best, color=style.RULE, lw=style.THIN, zorder=0)
        return
    ax.text(0, 1.19, panel.name, transform=ax.transAxes, va="center_baseline", weight=600)
    words = f"{_short(panel.lowest[0])} at {panel.at:g}"
    ax.text(0, 1.06, words, transform=ax.transAxes, va="center_baseline", size=style.SMALL,
            color=style.MUTED)


def _name(ax: Axes, panel: Panel) -> None:
    """Each curve's name: the method's above its first rate, LoRA's right of its best one."""
    rate, losses = next(iter(panel.own.items()))
    later = min((each for each in panel.base if each > panel.base_at), default=panel.base_at)
    for words, at, shift, tone in (
            (panel.name, (rate, losses.max()), (-3, 9), style.LORA),
            ("LoRA", (later, panel.base[later].mean()), (9, -1), style.FROZEN)):
        ax.annotate(words, at, shift, textcoords="offset points", va="center_baseline", weight=600,
                    color=tone.ink)


def _short(loss: float) -> str:
    return f"{loss:.3f}" if loss < 1 else f"{loss:.2f}"


def _title(data: Rates) -> str:
    """How many panels end lower than LoRA; for a single one, at which rates both are lowest."""
    if len(data.panels) == 1:
        only = data.panels[0]
        return f"Best rate: {only.base_at:g} for LoRA, {only.at:g} for {only.name}"
    names = ", ".join(data.lower) if 0 < len(data.lower) < 3 else \
        f"{len(data.lower)} of {len(data.panels)}"
    return f"Lower than LoRA at their best: {names}"


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw the panels in a row, or two in a row where the place is narrow."""
    count = len(data.panels)
    columns = count if layout == "wide" else min(2, count)
    across = (style.WIDTH[layout] - LEFT - 0.15 - GAP * (columns - 1)) / columns
    head = HEAD - 0.25 * (count == 1)  # a single panel has no words above it
    fig = style.canvas(layout, head + ROW * (-(-count // columns) - 1) + HIGH + 0.55)
    if count == 1:
        words = "Lower is better; a diamond is the best rate"
    else:
        ticks = ", with ticks at its rates" * (layout == "wide" and across < 2)
        words = (f"Purple: the method{ticks}. "
                 f"Grey: LoRA, dashed {_short(data.panels[0].lowest[1])}")
    style.heading(fig, _title(data), words)
    for k, panel in enumerate(data.panels):
        row, column = divmod(k, columns)
        ax = style.place(fig, LEFT + column * (across + GAP), head + 0.05 + row * ROW, across, HIGH)
        _panel(ax, panel, data.panels, column == 0, across < 2)
        if column == 0:
            ax.set_ylabel(YLABEL)
    return fig


def alt(data: Rates) -> str:
    """Return the panels in words."""
    parts = "; ".join(
        f"{panel.name}: {_short(panel.lowest[0])} at {panel.at:g}"
        + f", LoRA {_short(panel.lowest[1])} at {panel.base_at:g}"
        for panel in data.panels)
    return f"{_title(data)}. {YLABEL.capitalize()} over the rate. {parts}."
