"""Loss on old text at about one loss on the new: full fine-tuning beside LoRA, by data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.figures.lora.tradeoff import METHODS, TITLES

CAPTION = ("The length of a bar is how much more the loss on old text rose with LoRA. "
           "At the right stand the old facts that each method still says.")
SIDE = {"full": -0.13, "lora": 0.13}  # how far a method's marks stand above or below their row
SECOND = 70  #: points from the first figure beside a row to the second one


@dataclass(frozen=True)
class Pairs:
    """The data sets of each kind, by data set and method how far the loss on old text rose above
    the base's, in nats, (seeds,). Of the ``methods`` the marks are shown: with full fine-tuning
    alone the reader can guess. ``kept`` has the mean shares of old facts kept, by data set and
    method, or nothing.
    """

    kinds: dict[str, tuple[str, ...]]
    rise: dict[str, dict[str, np.ndarray]]
    methods: tuple[str, ...] = tuple(METHODS)
    kept: dict[str, dict[str, float]] | None = None

    def still(self, task: str) -> str:
        """The facts kept with both methods: ``98 and 97%``."""
        shares = [style.percent(self.kept[task][m]) for m in METHODS] if self.kept else []
        return " and ".join(shares).replace("% and", " and")

    @property
    def said(self) -> str:
        """In how many pairs of one seed LoRA's loss rose more; before that, the question."""
        if len(self.methods) < len(METHODS):
            return "Loss on old text after full fine-tuning. And after LoRA?"
        ahead = np.concatenate([each["lora"][:n] > each["full"][:n]
                                for tasks in self.kinds.values()
                                for each in map(self.rise.get, tasks)
                                for n in [min(map(len, each.values()))]])
        return ("At about one loss LoRA's loss on old text rose more in "
                f"{ahead.sum()} of {len(ahead)} pairs")


def compute(found: Mapping[str, Mapping[str, np.ndarray]], kinds: Mapping[str, tuple[str, ...]],
            methods: Sequence[str] = tuple(METHODS),
            kept: Mapping[str, Mapping[str, float]] | None = None) -> Pairs:
    """Take found[task][method], (seeds,): the rise of the loss on old text by the end of a run,
    and the mean shares of old facts kept, kept[task][method], to be written beside it.

    Raises:
        ValueError: a data set of a kind has not both methods.
    """
    for task in (task for tasks in kinds.values() for task in tasks):
        if set(found.get(task, ())) != set(METHODS):
            raise ValueError(f"{task!r} has {', '.join(found.get(task, ())) or 'nothing'}")
    return Pairs(dict(kinds), {task: dict(each) for task, each in found.items()},
                 tuple(methods), kept and {task: dict(each) for task, each in kept.items()})


def _limit(data: Pairs) -> float:
    """The end of the axis, the same with one method and with both."""
    return 1.05 * max(each.max() for tasks in data.kinds.values() for task in tasks
                      for each in data.rise[task].values())


def _figures(ax: Axes, data: Pairs, row: int, task: str, wide: bool) -> None:
    """The means at the right of a row: the rise and, if they are known, the facts kept."""
    said = [f"{data.rise[task][m].mean():.2f}" for m in data.methods]
    beside = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "va": "center"}
    up = 6 if data.kept and not wide else 0
    ax.annotate(" and ".join([*said, "?"][:len(METHODS)]), (1.02, row), (0, up), **beside)
    ax.annotate(data.still(task) if wide or not data.kept else f"keeps {data.still(task)}",
                (1.02, row), (SECOND, 0) if wide else (0, -6), color=style.MUTED, **beside)


def _rows(ax: Axes, data: Pairs, kind: str, last: bool, wide: bool) -> None:
    """The data sets of one kind, from above."""
    for row, task in enumerate(data.kinds[kind]):
        shown = {m: data.rise[task][m] for m in data.methods}
        ax.plot([each.mean() for each in shown.values()], [row] * len(shown), lw=6,
                color=style.LORA.tint, solid_capstyle="butt", zorder=1)
        for method in data.methods:
            tone = METHODS[method][1]
            style.seeds(ax, shown[method], row + SIDE[method] + style.fan(shown[method], 0.1),
                        style.MARKER[method], tone, 6)
        _figures(ax, data, row, task, wide)
    ax.set(xlim=(0, _limit(data)), ylim=(len(data.kinds[kind]) - 0.5, -0.5))
    ax.minorticks_off()
    if not last:
        ax.tick_params(axis="x", labelbottom=False)
    ax.set_yticks(range(len(data.kinds[kind])), [TITLES[task] for task in data.kinds[kind]])
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.grid(axis="x")
    ax.set_title(kind)
    if last:
        ax.set_xlabel("rise of the loss on old text, nats")


def _key(fig: Figure) -> None:
    ax = style.board(fig, 0, 0.58, fig.get_size_inches()[0], 0.26)
    for left, (method, (name, tone)) in zip((0.2, 1.75), METHODS.items()):
        ax.plot(left, 0.13, style.MARKER[method], ms=6, color=tone.mark)
        ax.text(left + 0.14, 0.13, name, va="center", color=tone.ink, weight=600)


@style.styled
def draw(data: Pairs, layout: Layout = "wide") -> Figure:
    """Draw a panel for each kind of data, with a row for each data set."""
    wide = layout == "wide"
    pitch, left, right = 0.36, 1.05, 2.1 if wide and data.kept else 1.35 if wide else 1.25
    fig = style.canvas(layout, 1.35 + sum(pitch * len(each) + 0.3 for each in data.kinds.values()))
    style.heading(fig, data.said if wide else data.said.removeprefix("At about one loss "),
                  "A mark is a seed. The bar joins the means of both methods." if wide
                  else "At about one loss; a mark is a seed")
    _key(fig)
    if wide and data.kept:
        for beside, words in ((0.1, "rise"), (0.1 + SECOND / 72, "facts kept")):
            style.write(fig, style.WIDTH[layout] - right + beside, 0.95, words, style.MUTED,
                        style.SMALL)
    top = 1.15
    for at, (kind, tasks) in enumerate(data.kinds.items(), start=1):
        high = pitch * len(tasks)
        _rows(style.place(fig, left, top, style.WIDTH[layout] - left - right, high), data, kind,
              at == len(data.kinds), wide)
        top += high + 0.3
    return fig


def alt(data: Pairs) -> str:
    """Return the picture in words."""
    said = [f"{kind}: " + ", ".join(
        f"{TITLES[task]} " + " and ".join(f"{data.rise[task][m].mean():.2f}" for m in data.methods)
        for task in tasks) for kind, tasks in data.kinds.items()]
    who = " and ".join(METHODS[m][0] for m in data.methods)
    end = "" if data.said.endswith("?") else "."
    kept = ", ".join(f"{TITLES[task]} {data.still(task)}" for tasks in data.kinds.values()
                     for task in tasks) if data.kept else ""
    return (f"{data.said}{end} Rise of the loss on old text, in nats, with {who}. "
            f"{'. '.join(said)}." + (f" Facts kept with both: {kept}." if kept else ""))
