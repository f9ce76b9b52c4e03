"""How fast facts of several lists are learnt: the shares that are right, against the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import Named, name_lines
from lib.figures.kit.style import Layout, Tone

CAPTION = ("The two lines with 40× end far apart, but only a few facts lie between them. The "
           "known countries have nearly all of theirs.")

#: Tone, marker and dash of the lines, in the order of the lists.
LOOKS: tuple[tuple[Tone, str, object], ...] = (
    (style.TASK, "D", "-"), (style.FACTS, "s", (0, (5, 1.2, 1, 1.2))),
    (style.A, "o", (0, (4, 1.5))), (style.B, "^", (0, (1, 1.2))))

#: Least distance between the words at two lines' ends, as a share.
APART = 0.23


@dataclass(frozen=True)
class FactLines:
    """By list, its words -> step -> the shares right, (seeds,); and how many facts are asked."""

    lists: dict[str, dict[int, np.ndarray]]
    asked: dict[str, int]

    def last(self, name: str) -> float:
        """The mean over the seeds at the list's last step."""
        return float(self.lists[name][max(self.lists[name])].mean())

    def count(self, name: str) -> str:
        """That mean as a count of the facts asked."""
        return f"{self.last(name) * self.asked[name]:.0f} of {self.asked[name]}"


def compute(lists: Mapping[str, Mapping[int, Sequence[float]]],
            asked: Sequence[int]) -> FactLines:
    """Sort each list's shares by step; ``asked`` has its number of facts, in the lists' order.

    Raises:
        ValueError: There are no lists or more than looks, one has fewer than two steps, or
            ``asked`` isn't as long as the lists are many.
    """
    if not 0 < len(lists) <= len(LOOKS) or any(len(each) < 2 for each in lists.values()):
        raise ValueError(f"1 to {len(LOOKS)} lists are needed, each with two steps or more")
    if len(asked) != len(lists):
        raise ValueError(f"{len(lists)} lists need as many numbers of facts; {len(asked)} are "
                         "given")
    return FactLines({name: {step: np.atleast_1d(np.asarray(each[step], float))
                             for step in sorted(each)} for name, each in lists.items()},
                     dict(zip(lists, asked, strict=True)))


@style.styled
def draw(data: FactLines, layout: Layout = "wide") -> Figure:
    """Draw a line through the means of each list, every seed as a mark, and its name beside it."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.1 if wide else 4.2)
    last = max(max(each) for each in data.lists.values())
    style.heading(fig, f"Facts right in the first {last} steps",
                  "10×: each was met ten times by the end; a mark is a seed" if wide
                  else "10×: each was met ten times by the end")
    ax = style.place(fig, 0.56, 0.72, 5.6 if wide else 2.36, 1.85 if wide else 2.95)
    names, heights = [], _apart([data.last(name) for name in data.lists])
    for (name, each), (tone, marker, dash), height in zip(data.lists.items(), LOOKS, heights,
                                                          strict=False):
        steps, means = np.array(list(each)), np.array([shares.mean() for shares in each.values()])
        ax.plot(steps, means, color=tone.mark, ls=dash)
        for step, shares in each.items():
            style.seeds(ax, np.full(len(shares), step), shares, marker, tone, 5)
        ax.annotate(f"{style.percent(means[-1])}\n{data.count(name)}", (steps[-1], height),
                    (8, 0), va="center", textcoords="offset points", color=tone.ink, weight=600,
                    annotation_clip=False)
        names.append(Named(steps, means, name, tone))
    ax.set(xlim=(-0.02 * last, 1.02 * last), ylim=(-0.12, 1.08), xlabel="training step")
    ax.set_xticks([0, *(step for step in next(iter(data.lists.values())) if step)])
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")
    name_lines(ax, names)
    return fig


def _apart(ends: Sequence[float]) -> list[float]:
    """The ends' heights, with too near neighbours moved away from their middle until APART."""
    placed = np.array(ends, float)
    order = placed.argsort()
    for _ in range(50):
        for low, high in zip(order, order[1:]):
            lack = max(0.0, APART - (placed[high] - placed[low])) / 2
            placed[low], placed[high] = placed[low] - lack, placed[high] + lack
    return placed.tolist()


def alt(data: FactLines) -> str:
    """Return the figure in words."""
    return "Facts right at the last step: " + "; ".join(
        f"{name} {style.percent(data.last(name))} ({data.count(name)}) after step {max(each)}"
        for name, each in data.lists.items()) + "."
