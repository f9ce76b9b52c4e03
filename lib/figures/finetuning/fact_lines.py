"""How fast facts of several lists are learnt, by training steps and by exposures of each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = ("By steps, the long lists (solid) have half after the short ones. By exposures, the "
           "elements have it after the countries.")

#: Tone, marker and dash of the lines, in the order of the lists: two of a subject share a tone.
LOOKS: tuple[tuple[Tone, str, object], ...] = (
    (style.B, "^", (0, (4, 1.5))), (style.B, "v", "-"),
    (style.TASK, "s", (0, (4, 1.5))), (style.TASK, "D", "-"))

#: Least distance between two numbers at the half, as a share of the axis.
APART = 0.085

#: Above each panel, what it compares; below it, what its axis counts.
PANELS = (("by steps", "training step"),
          ("by exposures", "exposures of each item, on average"))


@dataclass(frozen=True)
class FactLines:
    """By list, its words -> step -> the shares right, (seeds,); and exposures of an item a step."""

    lists: dict[str, dict[int, np.ndarray]]
    often: dict[str, float]

    def half(self, name: str) -> float:
        """The step at which the line of the means first crosses a half; nan where it doesn't."""
        steps = list(self.lists[name])
        means = [float(shares.mean()) for shares in self.lists[name].values()]
        for k, (low, high) in enumerate(zip(means, means[1:])):
            if low < 0.5 <= high:
                return steps[k] + (steps[k + 1] - steps[k]) * (0.5 - low) / (high - low)
        return float("nan")


def compute(lists: Mapping[str, Mapping[int, Sequence[float]]],
            often: Sequence[float]) -> FactLines:
    """Sort each list's shares by step; ``often`` has each item's exposures a step.

    Raises:
        ValueError: There are no lists or more than looks, one has fewer than two steps, or
            ``often`` isn't as long as the lists are many.
    """
    if not 0 < len(lists) <= len(LOOKS) or any(len(each) < 2 for each in lists.values()):
        raise ValueError(f"1 to {len(LOOKS)} lists are needed, each with two steps or more")
    if len(often) != len(lists):
        raise ValueError(f"{len(lists)} lists need as many numbers of exposures; {len(often)} are "
                         "given")
    return FactLines({name: {step: np.atleast_1d(np.asarray(each[step], float))
                             for step in sorted(each)} for name, each in lists.items()},
                     dict(zip(lists, often, strict=True)))


@style.styled
def draw(data: FactLines, layout: Layout = "wide") -> Figure:
    """Draw the lists' lines by steps and by exposures of an item, with every seed as a mark."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.65 if wide else 6.2)
    style.heading(fig, "The same four trainings, counted twice",
                  "Share of the list that is right; mark: a seed; number: where half is right"
                  if wide else "Share of the list right; a mark is a seed")
    key = style.board(fig)
    for k, (name, (tone, marker, dash)) in enumerate(zip(data.lists, LOOKS, strict=False)):
        x, y = (0.56 + 1.68 * k, 0.79) if wide else (0.1 + 1.7 * (k % 2), 0.79 + 0.24 * (k // 2))
        key.plot([x, x + 0.4], [y, y], marker=marker, ms=4.5, mec=style.PAPER, mew=0.8,
                 color=tone.mark, ls=dash)
        key.text(x + 0.5, y, name, va="center", color=tone.ink, weight=600, size=style.SMALL)
    size, top = ((2.75, 1.85) if wide else (2.7, 1.65)), 1.32 if wide else 1.55
    for k, (words, label) in enumerate(PANELS):
        left, down = (0.56 + 3.4 * k, top) if wide else (0.56, top + 2.45 * k)
        style.write(fig, left, down - 0.28, words, style.INK, weight=600)
        _panel(style.place(fig, left, down, *size), data, label, exposures=bool(k))
    return fig


def _panel(ax: Axes, data: FactLines, label: str, exposures: bool) -> None:
    """The lines of all lists over steps or exposures, each with its number where it has half."""
    scale = {name: often if exposures else 1.0 for name, often in data.often.items()}
    last = max(max(each) * scale[name] for name, each in data.lists.items())
    ax.axhline(0.5, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    halves = {name: data.half(name) * scale[name] for name in data.lists
              if np.isfinite(data.half(name))}
    places = dict(zip(halves, _apart([each / last for each in halves.values()]), strict=True))
    for (name, each), (tone, marker, dash) in zip(data.lists.items(), LOOKS, strict=False):
        x = scale[name] * np.array(list(each))
        ax.plot(x, [shares.mean() for shares in each.values()], color=tone.mark, ls=dash)
        for at, shares in zip(x, each.values(), strict=True):
            style.seeds(ax, np.full(len(shares), at), shares, marker, tone, 4.5)
    for name, (tone, _, _) in zip(data.lists, LOOKS, strict=False):
        if name in halves:
            ax.text(places[name] * last, 0.5, f"{halves[name]:.0f}", ha="center", va="center",
                    color=tone.ink, weight=600, size=style.SMALL, zorder=9,
                    bbox={"boxstyle": "round,pad=0.2", "fc": style.PAPER, "ec": tone.mark})
    ax.set(xlim=(-0.02 * last, 1.02 * last), ylim=(-0.06, 1.06), xlabel=label)
    style.share_ticks(ax.yaxis)
    ax.grid(axis="y")


def _apart(at: Sequence[float]) -> list[float]:
    """The places, with too near neighbours moved away from their middle until APART."""
    placed = np.array(at, float)
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
        + (f" (half at step {data.half(name):.0f}, after "
           f"{data.half(name) * data.often[name]:.0f} exposures of each item)"
           if data.half(name) > 0 else "")
        for name, each in data.lists.items()) + "."
