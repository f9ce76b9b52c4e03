"""How many variants beat LoRA, by LoRA's own learning rate and by what all runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Marks are means of five seeds. A line is the 95% interval of the difference from LoRA: "
           "if it reaches the dashed one, the winner is open.")
ROW = 0.25  # inches for a method
LEFT, RIGHT = 50, 100  # per cent: the axis
T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # of 95%, by the number of seeds


def interval(gains: np.ndarray) -> tuple[float, float]:
    """Return the mean of the seeds' differences, and the margin of its 95% interval."""
    return float(gains.mean()), float(T[len(gains)] * gains.std(ddof=1) / len(gains) ** 0.5)


@dataclass(frozen=True)
class Tuned:
    """LoRA's answers by rate, (seeds,) each; the variants' at their best rates; LoRA's rate.

    ``limit`` is what gradients were clipped to, and ``missing`` the variants not run with it.
    """

    lora: dict[float, np.ndarray]
    others: dict[str, np.ndarray]
    rate: float
    limit: float = 1.0
    missing: tuple[str, ...] = ()

    @property
    def here(self) -> np.ndarray:
        """LoRA's answers at its rate."""
        return self.lora[self.rate]

    def difference(self, name: str) -> tuple[float, float]:
        """Of a variant's answers from LoRA's, seed by seed: the mean, and its 95% margin."""
        return interval(self.others[name] - self.here)

    def decided(self, sign: int = 1, times: float = 1.0) -> list[str]:
        """The variants whose 95% interval lies above zero, or below it for a ``sign`` of -1, even
        if it is ``times`` as wide.
        """
        found = {name: self.difference(name) for name in self.others}
        return [name for name, (mean, margin) in found.items() if sign * mean > times * margin]

    def above(self) -> list[str]:
        """The variants whose mean is above LoRA's at this rate."""
        here = self.here.mean() + 1e-6  # a tie is no win
        return [name for name, each in self.others.items() if each.mean() > here]


def compute(lora: Mapping[float, np.ndarray], others: Mapping[str, np.ndarray],
            rate: float, limit: float = 1.0, missing: Sequence[str] = ()) -> Tuned:
    """Set LoRA's rate, in runs of one limit of the gradients.

    Raises:
        ValueError: LoRA was not run at this rate, or a variant has other seeds than LoRA.
    """
    if rate not in lora:
        raise ValueError(f"LoRA was not run at {rate}; allowed are {', '.join(map(str, lora))}")
    counts = {len(each) for each in (*lora.values(), *others.values())}
    if len(counts) > 1 or not counts <= T.keys():
        raise ValueError(f"the numbers of seeds are {sorted(counts)}: all must have 2, 3, 4 or 5")
    return Tuned(dict(lora), dict(others), rate, limit, tuple(missing))


@style.styled
def draw(data: Tuned, layout: Layout = "wide") -> Figure:
    """Draw a row for each method, with LoRA's mean as a line through all of them."""
    names = ["LoRA", *data.others, *data.missing]
    high, above, sure = ROW * len(names), data.above(), data.decided()
    fig = style.canvas(layout, 1.35 + high)
    clipped = "" if data.limit == 1 else f", all clipped at {data.limit:g}"
    style.heading(fig, f"LoRA at {data.rate:g}{clipped}: "
                  f"{len(above)} of {len(data.others)} answer more",
                  f"Purple: above LoRA; filled: by the whole 95% interval ({len(sure)})"
                  if layout == "wide" else f"Filled: by the whole 95% interval ({len(sure)})")
    right = 1.15 if layout == "wide" else 0.25  # inches: where the differences stand in figures
    ax = style.place(fig, 1.2, 0.8, fig.get_size_inches()[0] - 1.2 - right, high)
    ax.set(xlim=(LEFT, RIGHT), ylim=(len(names) - 0.5, -0.5), xlabel="answers right, per cent")
    here = 100 * data.here.mean()
    if here >= LEFT:
        ax.axvline(here, color=style.DATA.mark, lw=1.1, ls="--", zorder=2)
        ax.plot([here], [0], "s", ms=7, color=style.DATA.mark, zorder=4)
    else:  # it stands further left
        ax.annotate(f"{here:.0f}%", (LEFT, 0), (LEFT + 4, 0), va="center", color=style.DATA.ink,
                    weight=600, arrowprops={"arrowstyle": "-|>", "color": style.DATA.mark})
    for row, (name, each) in enumerate(data.others.items(), 1):
        tone, mean = style.LORA if name in above else style.FROZEN, 100 * each.mean()
        margin = 100 * data.difference(name)[1]
        ax.plot([mean - margin, mean + margin], [row, row], color=tone.mark, lw=2.4, zorder=3,
                solid_capstyle="butt")
        ax.plot([mean], [row], "D", ms=7, color=tone.mark, mew=1.5, zorder=4, mfc=tone.mark
                if name in [*sure, *data.decided(-1)] else style.PAPER)
    for row, _ in enumerate(data.missing, 1 + len(data.others)):
        ax.text(LEFT + 1, row, "not run with this limit", va="center_baseline", color=style.MUTED,
                size=style.SMALL, bbox={"fc": style.PAPER, "ec": "none", "pad": 1})
    ax.set_yticks(range(len(names)), names)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set(color=style.LORA.ink if name in above else style.INK,
                  weight=600 if name in above or name == "LoRA" else 400)
    if layout == "wide":
        found = [data.difference(name) for name in data.others]
        side = ax.secondary_yaxis("right")
        side.set_yticks(range(len(names)), ["points above", *(
            f"{100 * mean:+.1f} ± {100 * margin:.1f}" for mean, margin in found),
            *("" for _ in data.missing)])
        side.tick_params(length=0)
        side.spines["right"].set_visible(False)
    ax.grid(axis="x")
    return fig


def alt(data: Tuned) -> str:
    """Return the frame in words."""
    above, sure = data.above(), data.decided()
    clipped = "" if data.limit == 1 else f", all clipped at {data.limit:g},"
    return (f"LoRA at a rate of {data.rate:g}{clipped} answers {100 * data.here.mean():.1f}%; "
            f"{len(above)} of {len(data.others)} others, at their best rates, answer more: "
            f"{', '.join(above) or 'none'}. By the whole 95% interval: "
            f"{', '.join(sure) or 'none'}.")
