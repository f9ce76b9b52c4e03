"""How many variants beat LoRA, if LoRA's own learning rate is chosen well or badly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.beyond.variants import interval
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A bar is the distance between a method's mean and LoRA's, over the same seeds. Methods "
           "at their best rate have five seeds, at half or twice of it two.")
ROW = 0.23  # inches for a method
LEFT, RIGHT = 55, 97  # per cent: the axis
THEIRS = {"half": "half their best rate", "best": "their best rate",
          "twice": "twice their best rate"}


@dataclass(frozen=True)
class Tuned:
    """LoRA's answers by rate, (seeds,) each; the variants' at ``theirs``; LoRA's rate."""

    lora: dict[float, np.ndarray]
    others: dict[str, np.ndarray]
    rate: float
    theirs: str = "best"

    @property
    def seeds(self) -> int:
        """How many seeds the variants have here; LoRA's first ones are compared with them."""
        return min(len(each) for each in self.others.values()) if self.others else 0

    @property
    def here(self) -> np.ndarray:
        """LoRA's answers at its rate, of these seeds."""
        return self.lora[self.rate][:self.seeds or None]

    def decided(self, sign: int = 1, times: float = 1.0) -> list[str]:
        """The variants whose differences from LoRA, seed by seed, have a 95% interval above zero,
        or below it for a ``sign`` of -1, even if it is ``times`` as wide.
        """
        found = {name: interval(each - self.here) for name, each in self.others.items()}
        return [name for name, (mean, margin) in found.items() if sign * mean > times * margin]

    def above(self) -> list[str]:
        """The variants whose mean is above LoRA's at this rate."""
        here = self.here.mean() + 1e-6  # a tie is no win
        return [name for name, each in self.others.items() if each.mean() > here]


def compute(lora: Mapping[float, np.ndarray], others: Mapping[str, Mapping[str, np.ndarray]],
            rate: float, theirs: str = "best") -> Tuned:
    """Set LoRA's rate, and the rate of all others: ``half``, ``best`` or ``twice`` their best.

    Raises:
        ValueError: LoRA was not run at this rate, or the others not at theirs.
    """
    if rate not in lora:
        raise ValueError(f"LoRA was not run at {rate}; allowed are {', '.join(map(str, lora))}")
    if theirs not in others:
        raise ValueError(f"the others were not run at {theirs!r}; allowed are {', '.join(others)}")
    return Tuned(dict(lora), dict(others[theirs]), rate, theirs)


@style.styled
def draw(data: Tuned, layout: Layout = "wide") -> Figure:
    """Draw a row for each method, with LoRA's mean as a line through all of them."""
    names = ["LoRA", *data.others]
    high, above = ROW * len(names), data.above()
    fig = style.canvas(layout, 1.35 + high)
    style.heading(fig, f"LoRA at {data.rate:g}: {len(above)} of {len(data.others)} answer more",
                  f"The others at {THEIRS[data.theirs]}; purple: above LoRA")
    ax = style.place(fig, 1.2, 0.8, fig.get_size_inches()[0] - 1.45, high)
    ax.set(xlim=(LEFT, RIGHT), ylim=(len(names) - 0.5, -0.5), xlabel="answers right, per cent")
    here = 100 * data.here.mean()
    if here >= LEFT:
        ax.axvline(here, color=style.DATA.mark, lw=1.1, ls="--", zorder=2)
    for row, name in enumerate(names):
        tone = style.DATA if not row else style.LORA if name in above else style.FROZEN
        mean = here if not row else 100 * data.others[name].mean()
        if mean < LEFT:  # it stands further left
            ax.annotate(f"{mean:.0f}%", (LEFT, row), (LEFT + 4, row), va="center",
                        color=tone.ink, weight=600,
                        arrowprops={"arrowstyle": "-|>", "color": tone.mark})
            continue
        ax.plot([max(here, LEFT), mean], [row, row], color=tone.mark, lw=2.4, zorder=3)
        ax.plot([mean], [row], "s" if not row else "D", ms=7, color=tone.mark, zorder=4)
    ax.set_yticks(range(len(names)), names)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set(color=style.LORA.ink if name in above else style.INK,
                  weight=600 if name in above or name == "LoRA" else 400)
    ax.grid(axis="x")
    return fig


def alt(data: Tuned) -> str:
    """Return the frame in words."""
    above = data.above()
    return (f"LoRA at a rate of {data.rate:g} answers {100 * data.here.mean():.1f}%; "
            f"{len(above)} of {len(data.others)} others, at {THEIRS[data.theirs]}, answer more: "
            f"{', '.join(above) or 'none'}.")
