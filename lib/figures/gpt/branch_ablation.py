"""What the model loses without one of its branches: loss on held-out text, and facts.

A branch is taken away in two ways: it adds nothing, or at every token the mean of what it adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("The branch that costs the most loss is not the one that costs the most facts. Zeros "
           "and means agree in nearly all.")

ROW = 0.27  # inches from one bar to the next


@dataclass(frozen=True)
class Lost:
    """For each branch, such as "attention 1": by how many nats the loss rises, and the share of
    all facts that is lost, each by zeros and by means.  ``known`` is the share that the whole
    model knows.
    """

    names: list[str]
    rises: list[tuple[float, float]]
    facts: list[tuple[float, float]]
    known: float


Measured = Mapping[tuple[str, int], tuple[float, float]]


def compute(whole: tuple[float, float], zeros: Measured, means: Measured) -> Lost:
    """Take (loss, share of facts) of the whole model, and without each (kind, block)."""
    pairs = [(zeros[branch], means[branch]) for branch in zeros]
    return Lost([f"{kind} {block}" for kind, block in zeros],
                [(a[0] - whole[0], b[0] - whole[0]) for a, b in pairs],
                [(whole[1] - a[1], whole[1] - b[1]) for a, b in pairs], whole[1])


def _bars(ax: Axes, names: list[str], values: list[tuple[float, float]], form: str,
          title: str) -> None:
    """A bar for each branch by zeros, attention in its colour, and a mark where the mean ends."""
    colours = [style.ATTENTION(0.7) if name.startswith("attention") else style.FROZEN.mark
               for name in names]
    limit = 1.42 * max(*map(max, values), 0.01)
    ax.barh(range(len(values)), [zero for zero, _ in values], 0.62, color=colours)
    for row, (zero, mean) in enumerate(values):
        ax.plot(mean, row, "D", color=style.PAPER, mec=style.INK, ms=5, mew=1.3, clip_on=False,
                zorder=4)
        ax.text(max(zero, mean, 0) + 0.045 * limit, row,
                f"{zero:{form}}, {mean:{form}}", va="center_baseline", size=style.SMALL)
    ax.set(xlim=(-0.03 * limit, limit), ylim=(len(values) - 0.5, -0.5), title=title)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


@style.styled
def draw(data: Lost, layout: Layout = "wide") -> Figure:
    """Draw two rows of bars side by side, or on a phone one under the other."""
    wide, high = layout == "wide", ROW * len(data.names)
    fig = style.canvas(layout, high + 1.1 if wide else 2 * high + 1.75)
    style.heading(fig, "One branch off", "Bar, first number: by zeros. Diamond, second: by means")
    left, across = (1.2, 2.45) if wide else (1.2, 2.3)
    panels = ((data.rises, ".2f", "Loss rises by, in nats"),
              (data.facts, ".0%", "Of all facts, lost"))
    for k, (values, form, title) in enumerate(panels):
        place = (left + 3.3 * k, 0.95) if wide else (left, 0.95 + (high + 0.6) * k)
        ax = style.place(fig, *place, across, high)
        _bars(ax, data.names, values, form, title)
        ax.set_yticks(range(len(values)), [] if wide and k else data.names)
    return fig


def alt(data: Lost) -> str:
    """Return the figure in words."""
    rows = "; ".join(
        f"{name} {rise[0]:.2f} ({rise[1]:.2f}) nats, {share[0]:.0%} ({share[1]:.0%})"
        for name, rise, share in zip(data.names, data.rises, data.facts))
    return (f"Without one branch the loss rises, and of all facts, of which the whole model knows "
            f"{data.known:.0%}, a share is lost, by zeros (by means): {rows}.")
