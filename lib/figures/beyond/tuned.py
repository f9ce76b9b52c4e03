"""How many relatives beat LoRA, if LoRA's own learning rate is chosen well or badly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Every relative stands at its best rate. Move LoRA's rate, and see how many beat it."
ROW = 0.23  # inches for a method


@dataclass(frozen=True)
class Tuned:
    """LoRA's answers by rate, (seeds,) each; the relatives' at their best rate; LoRA's rate."""

    lora: dict[float, np.ndarray]
    others: dict[str, np.ndarray]
    rate: float

    def above(self) -> list[str]:
        """The relatives whose mean is above LoRA's at this rate."""
        here = self.lora[self.rate].mean() + 1e-6  # a tie is no win
        return [name for name, each in self.others.items() if each.mean() > here]


def compute(lora: Mapping[float, np.ndarray], others: Mapping[str, np.ndarray],
            rate: float) -> Tuned:
    """Set LoRA's rate, and leave all others at their best.

    Raises:
        ValueError: LoRA was not run at this rate.
    """
    if rate not in lora:
        raise ValueError(f"LoRA was not run at {rate}; allowed are {', '.join(map(str, lora))}")
    return Tuned(dict(lora), dict(others), rate)


@style.styled
def draw(data: Tuned, layout: Layout = "wide") -> Figure:
    """Draw a row for each method, with LoRA's mean as a line through all of them."""
    names = ["LoRA", *data.others]
    high, above = ROW * len(names), data.above()
    fig = style.canvas(layout, 1.35 + high)
    style.heading(fig, f"LoRA at {data.rate:g}: {len(above)} of {len(data.others)} are above",
                  "Answers right, of two seeds; purple: above LoRA")
    ax = style.place(fig, 0.95, 0.8, fig.get_size_inches()[0] - 1.2, high)
    here = 100 * data.lora[data.rate].mean()
    ax.axvline(here, color=style.DATA.mark, lw=1.1, ls="--", zorder=2)
    for row, name in enumerate(names):
        tone = style.DATA if not row else style.LORA if name in above else style.FROZEN
        each = 100 * (data.lora[data.rate] if not row else data.others[name])
        style.seeds(ax, each, np.full(len(each), row), "s" if not row else "D", tone, 6)
    ax.set(xlim=(0, 100), ylim=(len(names) - 0.5, -0.5), xlabel="answers right, per cent")
    ax.set_yticks(range(len(names)), names)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set(color=style.LORA.ink if name in above else style.INK,
                  weight=600 if name in above or name == "LoRA" else 400)
    ax.grid(axis="x")
    return fig


def alt(data: Tuned) -> str:
    """Return the frame in words."""
    above = data.above()
    return (f"LoRA at a rate of {data.rate:g} answers {100 * data.lora[data.rate].mean():.1f}%; "
            f"{len(above)} of {len(data.others)} relatives, each at its best rate, answer more: "
            f"{', '.join(above) or 'none'}.")
