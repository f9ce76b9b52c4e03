"""How many variants beat LoRA, by LoRA's own learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A dot is filled if its whole line lies on one side of LoRA's dashed one. A line with "
           "an arrow goes on beyond the axis.")
ROW = 0.25  # inches for a method
LEFT, RIGHT = 50, 100  # per cent: the axis
INSET = 0.7  # per cent: from an end of the axis to the middle of its arrow


@dataclass(frozen=True)
class Tuned:
    """LoRA's answers by rate, (seeds,) each; the variants' at their best rates; LoRA's rate.

    ``t`` is Student's, by which all intervals are made.
    """

    lora: dict[float, np.ndarray]
    others: dict[str, np.ndarray]
    rate: float
    t: float

    @property
    def here(self) -> np.ndarray:
        """LoRA's answers at its rate."""
        return self.lora[self.rate]

    def difference(self, name: str) -> tuple[float, float]:
        """Of a variant's answers from LoRA's, seed by seed: the mean, and its margin."""
        gains = self.others[name] - self.here
        return float(gains.mean()), float(self.t * gains.std(ddof=1) / len(gains) ** 0.5)

    def decided(self, sign: int = 1) -> list[str]:
        """The variants whose interval lies above zero, or below it for a ``sign`` of -1."""
        found = {name: self.difference(name) for name in self.others}
        return [name for name, (mean, margin) in found.items() if sign * mean > margin]

    def verdict(self, name: str) -> str:
        """What its interval says of a variant: ahead, behind or open."""
        mean, margin = self.difference(name)
        return "open" if abs(mean) <= margin else "ahead" if mean > 0 else "behind"

    def above(self) -> list[str]:
        """The variants whose mean is above LoRA's at this rate."""
        here = self.here.mean() + 1e-6  # a tie is no win
        return [name for name, each in self.others.items() if each.mean() > here]


def compute(lora: Mapping[float, np.ndarray], others: Mapping[str, np.ndarray],
            rate: float, t: float) -> Tuned:
    """Set LoRA's rate; intervals are made by Student's ``t``.

    Raises:
        ValueError: LoRA was not run at this rate, or a variant has other seeds than LoRA.
    """
    if rate not in lora:
        raise ValueError(f"LoRA was not run at {rate}; allowed are {', '.join(map(str, lora))}")
    counts = {len(each) for each in (*lora.values(), *others.values())}
    if len(counts) > 1 or counts <= {0, 1}:
        raise ValueError(f"the numbers of seeds are {sorted(counts)}: all must have equally many")
    return Tuned(dict(lora), dict(others), rate, t)


@style.styled
def draw(data: Tuned, layout: Layout = "wide") -> Figure:
    """Draw a row for each method, with LoRA's mean as a line through all of them."""
    names = ["LoRA", *data.others]
    high, above = ROW * len(names), data.above()
    sure, behind = data.decided(), data.decided(-1)
    fig = style.canvas(layout, 1.35 + high)
    share = f"{len(above)} of {len(data.others)}"
    won = "no variant is" if not sure else f"{len(sure)} of {len(data.others)} are"
    style.heading(fig, f"LoRA at a rate of {data.rate:g}: {won} ahead" if layout == "wide"
                  else f"LoRA at {data.rate:g}: {won} ahead",
                  f"Purple: ahead. {share} have a higher mean than LoRA" if layout == "wide"
                  else f"Purple: ahead. {share}: higher mean")
    right = 1.55 if layout == "wide" else 0.62  # inches: where the verdicts stand
    ax = style.place(fig, 1.2, 0.8, fig.get_size_inches()[0] - 1.2 - right, high)
    ax.set(xlim=(LEFT, RIGHT), ylim=(len(names) - 0.5, -0.5), xlabel="answers right, per cent")
    here = 100 * data.here.mean()
    if here >= LEFT:
        ax.axvline(here, color=style.DATA.mark, lw=1.1, ls="--", zorder=2)
        ax.plot([here], [0], "s", ms=7, color=style.DATA.mark, zorder=4)
        ax.annotate(f"{here:.1f}%", (here, 0), (7, 0), textcoords="offset points", va="center",
                    color=style.DATA.ink, weight=600)
    else:  # it stands further left
        ax.annotate(f"{here:.0f}%", (LEFT, 0), (LEFT + 4, 0), va="center", color=style.DATA.ink,
                    weight=600, arrowprops={"arrowstyle": "-|>", "color": style.DATA.mark})
    for row, (name, each) in enumerate(data.others.items(), 1):
        tone, mean = style.LORA if name in sure else style.FROZEN, 100 * each.mean()
        margin = 100 * data.difference(name)[1]
        ax.plot([mean - margin, mean + margin], [row, row], color=tone.mark, lw=2.4, zorder=3,
                solid_capstyle="butt")
        ax.plot([mean], [row], "o", ms=7, color=tone.mark, mew=1.5, zorder=4, mfc=tone.mark
                if name in [*sure, *behind] else style.PAPER)
        for place, beyond, arrow in ((LEFT + INSET, mean - margin < LEFT, "<"),
                                     (RIGHT - INSET, mean + margin > RIGHT, ">")):
            if beyond:
                ax.plot([place], [row], arrow, ms=6, color=tone.mark, mew=0, zorder=4)
    ax.set_yticks(range(len(names)), names)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set(color=style.LORA.ink if name in sure else style.INK,
                  weight=600 if name in sure or name == "LoRA" else 400)
    words = [data.verdict(name) for name in data.others]
    if layout == "wide":
        words = [f"{100 * mean:+.1f} ± {100 * margin:.1f}  {word}" for word, (mean, margin) in zip(
            words, map(data.difference, data.others), strict=True)]
    side = ax.secondary_yaxis("right")
    side.set_yticks(range(len(names)), ["points above" if layout == "wide" else "", *words])
    side.tick_params(length=0)
    side.spines["right"].set_visible(False)
    ax.grid(axis="x")
    return fig


def alt(data: Tuned) -> str:
    """Return the frame in words."""
    above, sure = data.above(), data.decided()
    return (f"LoRA at a rate of {data.rate:g} answers {100 * data.here.mean():.1f}%; "
            f"{len(above)} of {len(data.others)} others, at their best rates, answer more: "
            f"{', '.join(above) or 'none'}. By the whole interval: "
            f"{', '.join(sure) or 'none'}.")
