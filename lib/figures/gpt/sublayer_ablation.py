"""What the model loses without one of its sublayers: loss on held-out text, and facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Compare the two sides, and see whether the sublayers stand in the same order."

ROW = 0.27  # inches from one bar to the next


@dataclass(frozen=True)
class Lost:
    """For each sublayer, such as "attention 1": by how many nats the loss rises, and the share of
    all facts that is lost.  ``known`` is the share that the whole model knows.
    """

    names: list[str]
    rises: list[float]
    facts: list[float]
    known: float


def compute(whole: tuple[float, float],
            without: Mapping[tuple[str, int], tuple[float, float]]) -> Lost:
    """Take (loss, share of facts) of the whole model, and without each (kind, block)."""
    return Lost([f"{kind} {block}" for kind, block in without],
                [loss - whole[0] for loss, _ in without.values()],
                [whole[1] - facts for _, facts in without.values()], whole[1])


def _bars(ax: Axes, names: list[str], values: list[float], form: str, title: str) -> None:
    """A bar for each sublayer, attention in its colour."""
    colours = [style.ATTENTION(0.7) if name.startswith("attention") else style.FROZEN.mark
               for name in names]
    limit = 1.25 * max(*values, 0.01)
    ax.barh(range(len(values)), values, 0.62, color=colours)
    for row, value in enumerate(values):
        ax.text(max(value, 0) + 0.025 * limit, row, f"{value:{form}}", va="center_baseline",
                size=style.SMALL)
    ax.set(xlim=(-0.03 * limit, limit), ylim=(len(values) - 0.5, -0.5), title=title)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)


@style.styled
def draw(data: Lost, layout: Layout = "wide") -> Figure:
    """Draw two rows of bars side by side, or on a phone one under the other."""
    wide, high = layout == "wide", ROW * len(data.names)
    fig = style.canvas(layout, high + 1.1 if wide else 2 * high + 1.75)
    style.heading(fig, f"Without one of {len(data.names)} sublayers",
                  "Violet: attention. Grey: feed-forward")
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
    rows = "; ".join(f"{name} {rise:.2f} nats, {share:.0%}"
                     for name, rise, share in zip(data.names, data.rises, data.facts))
    return ("Without one sublayer the loss rises, and of all facts, of which the whole model "
            f"knows {data.known:.0%}, a share is lost: {rows}.")
