"""Three ways to teach an adapter a second task, and what is right in both tasks afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box
from lib.figures.kit.style import Layout

CAPTION = ("Whichever way you take: without replay little of the first task is left, and with it "
           "most of it.")
#: Way -> what it does, and the parts that stand beside each other: words, and if they are trained.
WAYS = {"same": ("train the same adapter on", (("W", False), ("first adapter", True))),
        "beside": ("put a new one beside it and train both",
                   (("W", False), ("first adapter", True), ("new adapter", True))),
        "merged": ("merge the first, then train a new one",
                   (("W with the first", False), ("new adapter", True)))}
TOP = 104.0  # percent


@dataclass(frozen=True)
class Second:
    """A way, and percent right: ``before`` of the first task, then (first, second) afterwards."""

    way: str
    before: float
    without: tuple[float, float]
    replay: tuple[float, float]


def compute(before: float, after: Mapping[tuple[str, bool], tuple[float, float]],
            way: str) -> Second:
    """Pick a way out of ``after``: (way, with replay) -> percent right of the first and second.

    Raises:
        ValueError: a way that is not drawn.
    """
    if way not in WAYS:
        raise ValueError(f"no way {way!r}; there are {', '.join(WAYS)}")
    return Second(way, before, after[way, False], after[way, True])


def _parts(ax: Axes, data: Second) -> None:
    ax.text(0.05, 0.12, WAYS[data.way][0], va="center", weight=600)
    for number, (words, trained) in enumerate(WAYS[data.way][1]):
        at, tone = 0.34 + 0.56 * number, style.LORA if words != "W" else style.FROZEN
        if number:
            ax.text(0.9, at, "+", ha="center", va="center", weight=600)
        box(ax, (0.9, at + 0.26), (1.64, 0.32), words, tone, trained)
        ax.text(1.84, at + 0.26, "trained" if trained else "frozen", va="center_baseline",
                color=style.INK if trained else style.MUTED)


def _bars(ax: Axes, data: Second) -> None:
    bars = (("first task: before", data.before, style.FACTS),
            ("without replay", data.without[0], style.FACTS),
            ("with replay", data.replay[0], style.FACTS),
            ("second: without replay", data.without[1], style.TASK),
            ("with replay", data.replay[1], style.TASK))
    for at, (words, share, tone) in zip((0, 1, 2, 3.4, 4.4), bars, strict=True):
        ax.barh(at, share, 0.66, color=tone.mark)
        ax.text(share + 1.5, at, f"{share:.0f}%", va="center", color=tone.ink, weight=600)
        ax.text(-2, at, words, ha="right", va="center", color=tone.ink)
    ax.set(xlim=(0, TOP + 12), ylim=(4.9, -0.5))
    style.bare(ax)


@style.styled
def draw(data: Second, layout: Layout = "wide") -> Figure:
    """Draw what is trained, and beside it the answers that are right in both tasks."""
    wide = layout == "wide"
    fig = style.canvas(layout, 2.9 if wide else 4.7)
    style.heading(fig, f"Way: {data.way}", "What is trained, and answers right afterwards")
    _parts(style.board(fig, style.MARGIN, 0.66, 2.9, 2.0), data)
    _bars(style.place(fig, 4.75 if wide else 1.62, 0.66 if wide else 2.75,
                      2.3 if wide else 1.72, 2.05 if wide else 1.8), data)
    return fig


def alt(data: Second) -> str:
    """Return the frame in words."""
    return (f"{data.way}: {WAYS[data.way][0]}. Of the first task {data.before:.0f}% were right "
            f"before, {data.without[0]:.0f}% after the second task without replay and "
            f"{data.replay[0]:.0f}% with it; of the second {data.without[1]:.0f}% and "
            f"{data.replay[1]:.0f}%.")
