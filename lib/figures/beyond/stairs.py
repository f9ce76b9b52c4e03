"""Walks from LoRA by rank and by α: what each step brings, and how far it may be off."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Bars are mean heights above LoRA. A thin line is the ± of a step; if it reaches the "
           "dotted height at which the step begins, the step is open.")
START = "rank 4\nα = 8"
LOW, HIGH = -11.0, 9.6  # points: the axis
FLAT = 0.36  # half the length of a stair
TONES = {"ahead": style.LORA, "open": style.FROZEN, "behind": style.DATA}


@dataclass(frozen=True)
class Step:
    """What is raised, to which settings, and the points that it brings: a mean, and its ±."""

    name: str
    place: str
    mean: float
    margin: float

    @property
    def verdict(self) -> str:
        """Ahead or behind if its interval lies on one side of zero, else open."""
        return "open" if abs(self.mean) <= self.margin else "ahead" if self.mean > 0 else "behind"


@dataclass(frozen=True)
class Stairs:
    """The steps of each walk by its name; in those that are ``apart`` each begins at LoRA."""

    walks: dict[str, tuple[Step, ...]]
    apart: frozenset[str]

    def starts(self, walk: str) -> list[float]:
        """Points above LoRA at which each step begins."""
        steps = self.walks[walk]
        return [0.0 if walk in self.apart else sum(step.mean for step in steps[:k])
                for k in range(len(steps))]


def compute(walks: Mapping[str, Sequence[tuple[str, str, float, float]]],
            apart: Collection[str] = ()) -> Stairs:
    """Set the steps of each walk.

    Args:
        walks: By a walk's name its steps: what is raised, the settings then, mean and ± in points.
        apart: The walks whose steps all begin at LoRA, and not at the step before.

    Raises:
        ValueError: there is no walk, one has no step, or one that is apart isn't among them.
    """
    if not walks or not all(walks.values()):
        raise ValueError(f"every walk needs a step: {dict(walks)}")
    if unknown := set(apart) - set(walks):
        raise ValueError(f"unknown walks {sorted(unknown)}: allowed are {', '.join(walks)}")
    return Stairs({name: tuple(Step(*words, float(mean), float(margin))
                               for *words, mean, margin in steps)
                   for name, steps in walks.items()}, frozenset(apart))


def _walk(ax: Axes, data: Stairs, walk: str) -> None:
    """Draw a walk's stairs, each with the ± of the step up to it."""
    steps, begins = data.walks[walk], data.starts(walk)
    ax.set(xlim=(-0.45, len(steps) + 0.6), ylim=(LOW, HIGH))
    ends = [begin + step.mean for begin, step in zip(begins, steps, strict=True)]
    for place, height in enumerate([0.0, *ends]):
        ax.plot([place - FLAT, place + FLAT], [height, height], color=style.DATA.mark, lw=2.6,
                solid_capstyle="butt", zorder=3)
    for place, (step, begin) in enumerate(zip(steps, begins, strict=True), 1):
        tone, end = TONES[step.verdict], begin + step.mean
        ax.plot([0 if walk in data.apart else place - 1, place + FLAT], [begin, begin], ":",
                color=style.MUTED, lw=1.1, zorder=2)
        ax.plot([place, place], [end - step.margin, end + step.margin], color=tone.mark, lw=2,
                solid_capstyle="butt", zorder=4)
        up = step.verdict != "behind"
        ax.annotate(f"{step.name} {step.mean:+.1f} ± {step.margin:.1f}",
                    (place, end + (step.margin if up else -step.margin)), (0, 3 if up else -3),
                    textcoords="offset points", ha="center", va="bottom" if up else "top",
                    color=tone.ink, weight=400 if step.verdict == "open" else 600,
                    size=style.SMALL, zorder=3,
                    bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6})
    ax.set_xticks(range(len(steps) + 1), [START, *(step.place for step in steps)])
    ax.tick_params(axis="x", length=0, labelsize=style.SMALL)
    ax.set_yticks([-4, 0, 4])
    ax.grid(axis="y")
    ax.set_title(walk, loc="left", size=style.BASE, weight=600, color=style.INK)


@style.styled
def draw(data: Stairs, layout: Layout = "wide") -> Figure:
    """Draw the walks side by side, or one below the other if narrow."""
    wide, count = layout == "wide", len(data.walks)
    high, gap, start = 2.0 if wide else 1.2, 0.6, 0.95  # inches
    fig = style.canvas(layout, start + (high + 0.5 if wide else count * (high + gap) - 0.15))
    style.heading(fig, "The split depends on LoRA 64's rate" + wide * ", and on the order",
                  "Purple: ahead. Black: behind. Grey: open")
    whole = style.WIDTH[layout]
    across = (whole - 0.7 - 0.3 * (count - 1)) / count if wide else whole - 0.7
    for k, walk in enumerate(data.walks):
        left, top = (0.6 + k * (across + 0.3), start) if wide else (0.6, start + k * (high + gap))
        ax = style.place(fig, left, top, across, high)
        _walk(ax, data, walk)
        if not wide or k == 0:
            ax.set_ylabel("points above LoRA")
    return fig


def alt(data: Stairs) -> str:
    """Return the walks in words."""
    return " ".join(
        f"{walk}: " + ", ".join(f"{step.name} {step.mean:+.1f} ± {step.margin:.1f} points"
                                for step in steps) + "."
        for walk, steps in data.walks.items())
