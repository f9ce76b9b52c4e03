"""A real model at each learning rate: what LoRA and full fine-tuning learn, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named
from lib.figures.kit.style import Layout

CAPTION = ("Two learning curves over the rate, and their price: both methods have a valley, and "
           "LoRA's lies far to the right.")
NAMES = {"lora": "LoRA", "full": "full fine-tuning"}
TONES = {"lora": style.LORA, "full": style.FULL}
TOPS = (0.8, np.inf, 0.4)  # what lies above is written at the edge
PARTS = ("loss on dev, nats", "common answers kept", "prose: loss added, nats")


@dataclass(frozen=True)
class Rates:
    """By method: the learning rates, and for each of PARTS a value for every rate and seed.

    values: {method: (parts, rates, seeds)}; ``known`` is how many questions the base answers.
    """

    rates: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    known: int

    def best(self, method: str) -> int:
        """The place of the rate that is chosen: that of the first seed's lowest loss on dev."""
        return int(self.values[method][0, :, 0].argmin())


def compute(found: Mapping[str, Mapping[float, Sequence[Sequence[float]]]], known: int) -> Rates:
    """Gather {method: {rate: [(loss on dev, kept, loss on prose above the base) of each seed]}}.

    Raises:
        ValueError: a method without rates, or one that has neither a name nor a colour.
    """
    if not found or not all(name in NAMES and each for name, each in found.items()):
        raise ValueError(f"there must be rates of {', '.join(NAMES)}, given are {dict(found)}")
    rates, values = {}, {}
    for method, each in found.items():
        rates[method] = np.array(sorted(each))
        seeds = max(map(len, each.values()))
        filled = np.full((len(PARTS), len(each), seeds), np.nan)
        for k, rate in enumerate(rates[method]):
            filled[:, k, :len(each[rate])] = np.array(each[rate]).T
        values[method] = filled
    return Rates(rates, values, known)


def _panel(ax: Axes, data: Rates, part: int) -> None:
    lines = []
    for method, rates in data.rates.items():
        values, tone = data.values[method][part], TONES[method]
        mean = np.nanmean(values, axis=1)
        ax.plot(rates, mean, color=tone.mark, lw=style.LINE)
        for seed in values.T:
            ax.plot(rates, seed, style.MARKER[method], ms=4, color=tone.mark, mec=style.PAPER,
                    mew=0.5, ls="")
        for before, value in zip(rates, mean[1:]):
            if value > TOPS[part]:
                ax.annotate(f"{value:.1f} \u2191", (before, 0.97), (-6, 0), ha="right", va="top",
                            xycoords=("data", "axes fraction"), textcoords="offset points",
                            color=tone.ink, size=style.SMALL)
        style.point(ax, rates[data.best(method)], mean[data.best(method)], style.MARKER[method],
                    tone)
        lines.append(Named(np.log10(rates), mean, NAMES[method] if not part else "", tone))
    ax.set(xscale="log", title=PARTS[part], xlabel="learning rate")
    low = min(rates[0] for rates in data.rates.values())
    high = max(rates[-1] for rates in data.rates.values())
    ax.set_xlim(low / 1.6, high * 1.6)
    ticks = (1e-5, 1e-4, 1e-3, 1e-2)
    ax.set_xticks(ticks, [style.power(tick) for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y")
    if part == 1:
        ax.set_ylim(-0.05 * data.known, 1.05 * data.known)
        ax.axhline(data.known, color=style.FROZEN.mark, lw=1.0, ls="--", zorder=1)
    else:
        ax.set_ylim(-0.1 * TOPS[part] * (part == 2), TOPS[part])
    if not part:
        plain = ax.get_xlim()
        for line in lines:
            k = int(np.nanargmin(line.y))
            ax.annotate(line.name, (10 ** line.x[0], line.y[k]), (0, -12),
                        textcoords="offset points", ha="left", va="top", color=line.tone.ink,
                        weight=600, size=style.SMALL)
        ax.set_xlim(plain)


@style.styled
def draw(data: Rates, layout: Layout = "wide") -> Figure:
    """Draw the three measures over the learning rate."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.95 if wide else 6.2)
    times = data.rates["lora"][data.best("lora")] / data.rates["full"][data.best("full")] \
        if len(data.rates) == 2 else 1.0
    style.heading(fig, f"LoRA wants {times:.0f} times the learning rate",
                  "SmolLM2, 20 steps of JSON; larger marks: what the first seed chooses on dev"
                  if wide else "SmolLM2, 20 steps of JSON; larger marks:\nwhat the first"
                  " seed chooses on dev")
    for part in range(len(PARTS)):
        if wide:
            ax = style.place(fig, 0.42 + part * 2.36, 1.02, 1.86, 1.36)
        else:
            ax = style.place(fig, 0.5, 1.1 + part * 1.72, 2.9, 1.02)
        _panel(ax, data, part)
    return fig


def alt(data: Rates) -> str:
    """Return the figure in words."""
    said = []
    for method, rates in data.rates.items():
        k = data.best(method)
        dev, kept, prose = np.nanmean(data.values[method][:, k], axis=1)
        said.append(f"{NAMES[method]} is best at {rates[k]:g}: loss on dev {dev:.2f} nats, "
                    f"{kept:.1f} of {data.known} common answers kept, loss on prose "
                    f"{prose:+.2f} nats")
    return "Three measures over the learning rate. " + ". ".join(said) + "."
