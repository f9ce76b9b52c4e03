"""Answers beside rounded weights: by adapters that were moved there, and by QLoRA's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each bar is what QLoRA gains over an adapter that was moved to the same base. "
           "Right of 0, an interval shows a gain.")
#: Student's t for a 95% interval of the mean, by the number of seeds.
T95 = {2: 12.71, 3: 4.3, 4: 3.18, 5: 2.78}


@dataclass(frozen=True)
class Bases:
    """For each base its name and every seed's share of right answers, both ways.

    ``whole`` is the mean of adapters that met no rounded weights.
    """

    names: tuple[str, ...]
    moved: tuple[np.ndarray, ...]
    trained: tuple[np.ndarray, ...]
    whole: float

    @property
    def gains(self) -> list[tuple[float, float]]:
        """For each base the mean of the seeds' gains in points, and its 95% margin."""
        pairs = [100 * (two - one) for one, two in zip(self.moved, self.trained)]
        return [(float(each.mean()), float(T95[len(each)] * each.std(ddof=1) / len(each) ** 0.5))
                for each in pairs]


def compute(answers: Mapping[str, tuple[Sequence[float], Sequence[float]]],
            whole: Sequence[float]) -> Bases:
    """Gather the answers on each base, from 0 to 1, moved there and trained there; on no rounded
    one.

    Raises:
        ValueError: a base has not two to five seeds, the same ones in both ways.
    """
    if wrong := [name for name, (one, two) in answers.items()
                 if len(one) != len(two) or len(one) not in T95]:
        raise ValueError(f"both ways need the same two to five seeds on {', '.join(wrong)}")
    moved, trained = (tuple(np.array(both[way]) for both in answers.values()) for way in (0, 1))
    return Bases(tuple(answers), moved, trained, float(np.mean(whole)))


def _rows(ax: Axes, data: Bases) -> None:
    for row, (moved, trained) in enumerate(zip(data.moved, data.trained)):
        ax.plot([moved.mean(), trained.mean()], [row, row], color=style.LORA.tint, lw=5,
                solid_capstyle="butt", zorder=1)
        for values, side, face in ((moved, 0.24, style.PAPER), (trained, -0.24, style.LORA.mark)):
            ax.plot(values, np.full(len(values), row + side), "D", ms=4, mfc=face,
                    mec=style.LORA.mark, mew=0.8, clip_on=False)
            ax.plot(values.mean(), row, "D", ms=8, mfc=face, mec=style.LORA.mark, mew=1.5,
                    zorder=3, clip_on=False)
    ax.axvline(data.whole, color=style.FROZEN.mark, ls="--", lw=1.2, zorder=0)
    ax.text(1, -0.68, f"never rounded {data.whole:.1%}", ha="right", va="bottom",
            color=style.FROZEN.ink, weight=600, size=style.BASE)
    low = 0.1 * np.floor(10 * min(each.min() for each in data.moved + data.trained))
    ax.set(xlim=(low - 0.02, 1), ylim=(len(data.names) - 0.5, -0.6), xlabel="questions answered")
    ax.set_yticks(range(len(data.names)), [
        f"{name}\n{moved.mean():.1%} \u2192 {trained.mean():.1%}"
        for name, moved, trained in zip(data.names, data.moved, data.trained)])
    ax.tick_params(axis="y", length=0, labelcolor=style.INK, labelsize=style.BASE)
    style.share_ticks(ax.xaxis, low)
    ax.grid(axis="x")


def _gains(ax: Axes, data: Bases, named: bool) -> None:
    """The gain on each base with its interval, around a line at none."""
    ax.axvline(0, color=style.FROZEN.mark, lw=1.2, zorder=0)
    for row, (gain, margin) in enumerate(data.gains):
        ax.errorbar(gain, row, xerr=margin, fmt="D", ms=6, color=style.LORA.mark, lw=1.6,
                    capsize=3, zorder=3)
        ax.text(gain, row - 0.2, f"{gain:+.1f}".replace("-", "\u2212"), ha="center", va="bottom",
                color=style.LORA.ink, weight=600,
                bbox={"fc": style.PAPER, "ec": "none", "pad": 1.5})
    ends = [end for gain, margin in data.gains for end in (gain - margin, gain + margin)]
    ax.set(xlim=(min(-5.0, min(ends) - 1), max(5.0, max(ends) + 1)),
           ylim=(len(data.names) - 0.5, -0.6), xlabel="gain in points, 95% interval")
    ax.set_yticks(range(len(data.names)), data.names if named else [""] * len(data.names))
    ax.tick_params(axis="y", length=0, labelcolor=style.INK, labelsize=style.BASE)
    ax.grid(axis="x")


def _key(fig: Figure) -> None:
    """The two marks with their names, above the rows."""
    ax = style.bare(style.place(fig, style.MARGIN, 0.6, 3.4, 0.26))
    ax.set(xlim=(0, 3.4), ylim=(0, 1))
    for left, face, name in ((0.1, style.PAPER, "moved"),
                             (0.95, style.LORA.mark, "QLoRA")):
        ax.plot(left, 0.5, "D", ms=7, mfc=face, mec=style.LORA.mark, mew=1.5)
        ax.text(left + 0.15, 0.5, name, va="center", color=style.LORA.ink, weight=600)
    for left, face in ((1.95, style.PAPER), (2.1, style.LORA.mark)):
        ax.plot(left, 0.5, "D", ms=4, mfc=face, mec=style.LORA.mark, mew=0.8)
    ax.text(2.22, 0.5, "one seed", va="center", color=style.LORA.ink, weight=600)


@style.styled
def draw(data: Bases, layout: Layout = "wide") -> Figure:
    """Draw a row for each base: the seeds and the mean of both ways, and the gain between them."""
    wide, high = layout == "wide", 0.72 * len(data.names)
    top, left = (1.0, 1.3) if wide else (1.22, 1.3)
    fig = style.canvas(layout, (1.6 if wide else 2.45) + high * (1 if wide else 2))
    style.heading(fig, "What does training on the rounded base gain?",
                  f"moved \u2192 QLoRA, means of {len(data.moved[0])} seeds")
    _key(fig)
    across = style.WIDTH[layout] - left - 0.25
    first = across - 2.25 if wide else across
    _rows(style.place(fig, left, top, first, high), data)
    _gains(style.place(fig, left + first + 0.4, top, 1.85, high) if wide
           else style.place(fig, left, top + high + 0.62, across, high), data, not wide)
    return fig


def alt(data: Bases) -> str:
    """Return the picture in words."""
    return f"Questions answered, means of the seeds; never rounded {data.whole:.1%}. " + " ".join(
        f"{name}: {moved.mean():.1%} moved there, {trained.mean():.1%} with QLoRA; gain in points "
        f"{gain:+.1f}, 95% interval {gain - margin:.1f} to {gain + margin:.1f}."
        for name, moved, trained, (gain, margin) in zip(data.names, data.moved, data.trained,
                                                        data.gains))
