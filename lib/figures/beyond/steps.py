"""Steps from LoRA by rank and by α: what each one brings, and how far it may be off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A row is one step, counted from where it begins, with the line for four. A dot is "
           "filled if its whole line lies on one side of the dashed one.")
LOW, HIGH = -4.0, 8.0  # points: the axis
ROW = 0.27  # inches for a step, and for the name of a walk
TONES = {"ahead": style.LORA, "open": style.FROZEN, "behind": style.FROZEN}


@dataclass(frozen=True)
class Step:
    """What is raised, and the points that it brings: a mean, and its ±."""

    name: str
    mean: float
    margin: float

    @property
    def verdict(self) -> str:
        """Ahead or behind if its interval lies on one side of zero, else open."""
        return "open" if abs(self.mean) <= self.margin else "ahead" if self.mean > 0 else "behind"


def compute(walks: Mapping[str, Sequence[tuple[str, float, float]]]) -> dict[str, list[Step]]:
    """Return the steps of each walk, from what is raised, mean and ± in points.

    Raises:
        ValueError: there is no walk, or one has no step.
    """
    if not walks or not all(walks.values()):
        raise ValueError(f"every walk needs a step: {dict(walks)}")
    return {walk: [Step(name, float(mean), float(margin)) for name, mean, margin in steps]
            for walk, steps in walks.items()}


def title(walks: Mapping[str, Sequence[Step]]) -> str:
    """Return what is ahead in every walk, or else the question."""
    first, *rest = ([step.name for step in steps if step.verdict == "ahead"]
                    for steps in walks.values())
    ahead = [name for name in first if all(name in names for names in rest)]
    return f"Ahead by either route: {', '.join(ahead)}" if ahead else "What does each step bring?"


@style.styled
def draw(walks: Mapping[str, Sequence[Step]], layout: Layout = "wide") -> Figure:
    """Draw a row for each step, from zero, under the name of its walk."""
    wide, rows = layout == "wide", sum(len(steps) + 1.15 for steps in walks.values())
    high = ROW * rows
    fig = style.canvas(layout, 1.35 + high)
    style.heading(fig, title(walks), "Purple: ahead. Grey: not ahead")
    left, right = 1.2 if wide else 0.9, 1.55 if wide else 0.62  # inches: the steps, the verdicts
    ax = style.place(fig, left, 0.8, style.WIDTH[layout] - left - right, high)
    ax.set(xlim=(LOW, HIGH), ylim=(rows - 0.5, -0.5), xlabel="points that the step brings",
           xticks=range(int(LOW), int(HIGH) + 1, 2))
    ax.axvline(0, color=style.DATA.mark, lw=1.1, ls="--", zorder=2)
    row, places = 0.0, []
    for walk, steps in walks.items():
        style.write(fig, style.MARGIN, 0.8 + ROW * (row + 0.5), walk, size=style.BASE,
                    weight=600, va="center", zorder=5,
                    bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1})
        for step in steps:
            row += 1
            tone = TONES[step.verdict]
            ax.plot([step.mean - step.margin, step.mean + step.margin], [row, row],
                    color=tone.mark, lw=2.4, zorder=3, solid_capstyle="butt")
            ax.plot([step.mean], [row], "o", ms=7, color=tone.mark, mew=1.5, zorder=4,
                    mfc=style.PAPER if step.verdict == "open" else tone.mark)
            words = f"{step.mean:+.1f} ± {step.margin:.1f}  {step.verdict}"
            places.append((row, step, words if wide else step.verdict))
        row += 1.15
    ax.set_yticks([row for row, *_ in places], [step.name for _, step, _ in places])
    side = ax.secondary_yaxis("right")
    side.set_yticks([row for row, *_ in places], [words for *_, words in places])
    for label, (_, step, _) in zip(side.get_yticklabels(), places, strict=True):
        label.set(color=TONES[step.verdict].ink, weight=400 if step.verdict == "open" else 600)
    side.tick_params(length=0)
    side.spines["right"].set_visible(False)
    ax.grid(axis="x")
    return fig


def alt(walks: Mapping[str, Sequence[Step]]) -> str:
    """Return the walks in words."""
    return " ".join(
        f"{walk}: " + ", ".join(f"{step.name} {step.mean:+.1f} ± {step.margin:.1f} points, "
                                f"{step.verdict}" for step in steps) + "."
        for walk, steps in walks.items())
