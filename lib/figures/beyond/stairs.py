"""One gain in two steps, walked more than once: what each step brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Each staircase walks from LoRA to rsLoRA 64: first the rank is raised, then α."
#: a step's mean and the ± behind it, in points
Step = tuple[float, float]
PLACES = (("LoRA", "rank 4, α = 8"), ("LoRA 64", "rank 64, α = 8"),
          ("rsLoRA 64", "rank 64, α = 64"))
STEPS = ("rank", "α")
LOW, HIGH = -1.2, 5.6  # points: the axis
FLAT = 0.36  # half the length of a stair


@dataclass(frozen=True)
class Stairs:
    """By the setting of the run in the middle, the step up to it and the step from it."""

    walks: dict[str, tuple[Step, ...]]

    def heights(self, walk: str) -> list[float]:
        """Points above the start at each of the three places."""
        (first, _), (second, _) = self.walks[walk]
        return [0.0, first, first + second]

    def ahead(self, walk: str) -> list[str]:
        """The steps whose interval lies above zero."""
        return [name for name, (mean, margin) in zip(STEPS, self.walks[walk], strict=True)
                if mean > margin]


def compute(walks: Mapping[str, Sequence[Step]]) -> Stairs:
    """Set the steps of each walk.

    Args:
        walks: By the name of a walk two steps, each a mean and its margin in points.

    Raises:
        ValueError: there is no walk, or one of them hasn't two steps.
    """
    if not walks or any(len(steps) != len(STEPS) for steps in walks.values()):
        raise ValueError(f"every walk needs {len(STEPS)} steps: {dict(walks)}")
    return Stairs({name: tuple((float(mean), float(margin)) for mean, margin in steps)
                   for name, steps in walks.items()})


def _walk(ax: Axes, data: Stairs, walk: str, wide: bool) -> None:
    """Draw the three stairs of a walk and the two risers between them."""
    heights, ahead = data.heights(walk), data.ahead(walk)
    ax.set(xlim=(-0.5, 2.5), ylim=(LOW, HIGH))
    for place, height in enumerate(heights):
        ax.plot([place - FLAT, place + FLAT], [height, height], color=style.DATA.mark, lw=2.6,
                solid_capstyle="butt", zorder=3)
    for place, (name, (mean, margin)) in enumerate(zip(STEPS, data.walks[walk], strict=True)):
        tone, middle = style.LORA if name in ahead else style.FROZEN, place + 0.5
        low, high = heights[place], heights[place + 1]
        ax.plot([place + FLAT, middle], [low, low], color=style.MUTED, lw=0.9, zorder=2)
        ax.plot([middle, place + 1 - FLAT], [high, high], color=style.MUTED, lw=0.9, zorder=2)
        ax.annotate("", (middle, high), (middle, low), zorder=4, arrowprops={
            "arrowstyle": "-|>", "color": tone.mark, "lw": 2.2, "shrinkA": 0, "shrinkB": 0})
        ax.annotate(f"{name} {mean:+.1f} ± {margin:.1f}", (middle, max(low, high)), (-3, 8),
                    textcoords="offset points", ha="center" if place == 0 else "right",
                    color=tone.ink, weight=600 if name in ahead else 400)
    ax.set_xticks(range(len(PLACES)), ["\n".join(words) for words in PLACES])
    ax.tick_params(axis="x", length=0, labelsize=style.SMALL)
    ax.set_yticks([0, 2, 4])
    ax.grid(axis="y")
    ax.set_title(walk, loc="left", size=style.BASE, weight=600, color=style.INK)
    if wide is False or walk == next(iter(data.walks)):
        ax.set_ylabel("points above LoRA")


@style.styled
def draw(data: Stairs, layout: Layout = "wide") -> Figure:
    """Draw a staircase for each walk, side by side, or one below the other if narrow."""
    wide, count = layout == "wide", len(data.walks)
    high, gap, start = 1.7, 0.85, 0.95  # inches
    fig = style.canvas(layout, start + (high + 0.5 if wide else count * (high + gap) - 0.35))
    style.heading(fig, "Which step brings the points?" if not wide else
                  "Which of the two steps brings the points?", "Purple: ahead. Grey: open")
    whole = style.WIDTH[layout]
    across = (whole - 0.7 - 0.35 * (count - 1)) / count if wide else whole - 0.7
    for k, walk in enumerate(data.walks):
        left, top = (0.6 + k * (across + 0.35), start) if wide else (0.6, start + k * (high + gap))
        _walk(style.place(fig, left, top, across, high), data, walk, wide)
    return fig


def alt(data: Stairs) -> str:
    """Return the staircases in words."""
    return " ".join(
        f"{walk}: " + ", ".join(f"{name} {mean:+.1f} ± {margin:.1f} points" for name, (mean, margin)
                                in zip(STEPS, steps, strict=True)) + "."
        for walk, steps in data.walks.items())
