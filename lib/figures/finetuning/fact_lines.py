"""How fast facts of several lists are learnt: the shares that are right, and the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("The short list's share is ahead of the long one's. By counts the two of a subject stay "
           "near, until most of the short list is learnt.")

#: Tone, marker and dash of the lines, in the order of the lists: two of a subject share a tone.
LOOKS: tuple[tuple[Tone, str, object], ...] = (
    (style.B, "^", (0, (4, 1.5))), (style.B, "v", "-"),
    (style.TASK, "s", (0, (4, 1.5))), (style.TASK, "D", "-"))

#: Least distance between the words at two lines' ends, as a share of the axis.
APART = 0.12


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
    """Draw the lists' lines twice, as shares and as counts, with every seed as a mark."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.55 if wide else 6.2)
    last = max(max(each) for each in data.lists.values())
    style.heading(fig, f"Facts right in the first {last} steps",
                  "The same four trainings twice; a mark is a seed")
    key = style.board(fig)
    for k, (name, (tone, marker, dash)) in enumerate(zip(data.lists, LOOKS, strict=False)):
        x, y = (0.56 + 1.68 * k, 0.79) if wide else (0.1 + 1.7 * (k % 2), 0.79 + 0.24 * (k // 2))
        key.plot([x, x + 0.4], [y, y], marker=marker, ms=4.5, mec=style.PAPER, mew=0.8,
                 color=tone.mark, ls=dash)
        key.text(x + 0.5, y, name, va="center", color=tone.ink, weight=600, size=style.SMALL)
    size, top = ((2.4, 1.8) if wide else (2.1, 1.75)), 1.3 if wide else 1.5
    for k, words in enumerate(("share of the list", "count of facts")):
        left, down = (0.56 + 3.4 * k, top) if wide else (0.56, top + 2.42 * k)
        style.write(fig, left, down - 0.26, words, style.INK, weight=600)
        _panel(style.place(fig, left, down, *size), data, last, bool(k))
    return fig


def _panel(ax: Axes, data: FactLines, last: int, counts: bool) -> None:
    """The lines of all lists, each with its value at its end."""
    full = max(data.asked.values()) if counts else 1
    scale = {name: asked if counts else 1 for name, asked in data.asked.items()}
    heights = _apart([data.last(name) * scale[name] / full for name in data.lists])
    for (name, each), (tone, marker, dash), height in zip(data.lists.items(), LOOKS, heights,
                                                          strict=False):
        steps = np.array(list(each))
        means = scale[name] * np.array([shares.mean() for shares in each.values()])
        ax.plot(steps, means, color=tone.mark, ls=dash)
        for step, shares in each.items():
            style.seeds(ax, np.full(len(shares), step), scale[name] * shares, marker, tone, 4.5)
        ax.annotate(data.count(name) if counts else style.percent(data.last(name)),
                    (steps[-1], height * full), (8, 0), va="center", textcoords="offset points",
                    color=tone.ink, weight=600, annotation_clip=False)
    ax.set(xlim=(-0.02 * last, 1.02 * last), ylim=(-0.08 * full, 1.06 * full),
           xlabel="training step")
    shown = list(next(reversed(data.lists.values())))
    ax.set_xticks([shown[0], *shown[2:]])  # the first two stand too near
    if counts:
        ax.set_yticks([0, *sorted(set(data.asked.values()))])
    else:
        style.share_ticks(ax.yaxis)
    ax.grid(axis="y")


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
    return "Facts right, as the mean of the seeds: " + "; ".join(
        f"{name} " + ", ".join(f"{style.percent(shares.mean())} at step {step}"
                               for step, shares in each.items() if step)
        + f" ({data.count(name)})" for name, each in data.lists.items()) + "."
