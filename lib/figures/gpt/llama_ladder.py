"""The loss of a small GPT that becomes a Llama change by change, and with each change alone: a row
for each state, hidden until it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A full dot is a seed with the change and all above it, a hollow one with the change "
           "alone in this GPT. A line is their mean; left is better.")
ROW = 0.56  # inches from row to row
FAR = 0.5  # nats above the ladder's highest: what lies farther becomes a mark at the edge
UPPER, LOWER = -0.19, 0.19  # where in a row the full and the hollow dots are
#: A mean of so many differences is clear from so many standard errors on (Student's t, 5%).
LIMITS = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
PALE = style.Tone("#b9c0c8", style.MUTED, style.FROZEN.tint)  # rows that are not looked at


@dataclass(frozen=True)
class Ladder:
    """losses: state -> (seeds,) in nats, in the order of the changes; alone: the same, for some
    states, with the last change alone; parameters of each; the row looked at, counted from 0.
    """

    losses: dict[str, np.ndarray]
    alone: dict[str, np.ndarray]
    parameters: list[int]
    row: int

    @property
    def name(self) -> str:
        """The state that is looked at."""
        return list(self.losses)[self.row]

    @property
    def start(self) -> np.ndarray:
        """The losses without any change, with which those of a change alone are compared."""
        return next(iter(self.losses.values()))

    def seen(self) -> dict[str, np.ndarray]:
        """The losses up to the state that is looked at: those below are still to be guessed."""
        return dict(list(self.losses.items())[:self.row + 1])

    def moved(self) -> str:
        """What the change brings after all those above it, in a few words."""
        return told(list(self.losses.values())[max(0, self.row - 1)], self.losses[self.name])

    def verdict(self) -> str:
        """What the seeds of the state say."""
        if self.row == 0:
            return f"{self.name}: {self.start.mean():.2f} nats"
        return f"{self.name}: {self.moved()}"

    def verdict_alone(self) -> str:
        """What the seeds of its change alone say; nothing if there are none."""
        if self.name not in self.alone:
            return ""
        return f"alone: {told(self.start, self.alone[self.name])}"


def errors(before: np.ndarray, now: np.ndarray) -> float:
    """How many standard errors the mean of the seeds' differences is from zero.

    Runs of one seed read the same batches, so the difference is taken seed by seed.
    """
    gaps = np.asarray(now) - np.asarray(before)
    with np.errstate(divide="ignore", invalid="ignore"):  # all differences are the same
        return float(gaps.mean() / (gaps.std(ddof=1) / len(gaps) ** 0.5))


def clear(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether chance alone would bring such differences less than once in 20 (paired t-test)."""
    return abs(errors(before, now)) > LIMITS[len(now)]


def told(before: np.ndarray, now: np.ndarray) -> str:
    """How the mean moved, if that is clear."""
    gap = float(now.mean() - before.mean())
    if not clear(before, now):
        return "no clear change"
    return f"the loss {'falls' if gap < 0 else 'rises'} by {abs(gap):.2f} nats"


def compute(losses: Mapping[str, np.ndarray], alone: Mapping[str, np.ndarray],
            parameters: Mapping[str, int], state: str) -> Ladder:
    """Look at one state of the ladder.

    Raises:
        ValueError: There is no such state.
    """
    if state not in losses:
        raise ValueError(f"state is {state!r}; there are {', '.join(losses)}")
    rows, single = ({name: np.asarray(each, float) for name, each in all_.items()}
                    for all_ in (losses, alone))
    return Ladder(rows, single, [parameters[name] for name in losses], list(losses).index(state))


@style.styled
def draw(data: Ladder, layout: Layout = "wide") -> Figure:
    """Draw the seeds of the states so far, those of their last change alone under them, and an
    arrow from the mean before to the mean now.
    """
    wide, count = layout == "wide", len(data.losses)
    fig = style.canvas(layout, 1.32 + ROW * count)
    size = f"{data.parameters[data.row]:,} parameters"
    style.heading(fig, data.verdict(), "; ".join(filter(None, (size, data.verdict_alone()))))
    ax = style.place(fig, 1.5 if wide else 1.32, 0.72,
                     fig.get_size_inches()[0] - (2.3 if wide else 1.85), ROW * count)
    every = np.concatenate([*data.losses.values(), *data.alone.values()])
    highest = np.concatenate(list(data.losses.values())).max()
    last = every[every < highest + FAR].max()
    ax.set(xlim=(np.floor(10 * every.min() - 0.3) / 10, np.ceil(10 * last + 0.3) / 10),
           ylim=(count - 0.5, -0.5), xlabel="loss on held-out text, nats")
    ax.set_yticks([])
    ax.hlines(np.arange(1, count) - 0.5, *ax.get_xlim(), color=style.GRID, lw=1, zorder=0)
    ax.grid(axis="x")
    ax.text(1.05, -0.5, "mean", transform=ax.get_yaxis_transform(), va="bottom",
            color=style.MUTED)
    for row, name in enumerate(data.losses):
        picked = row == data.row
        tone = style.DATA if picked else PALE
        ax.text(-0.04, row, name, transform=ax.get_yaxis_transform(), ha="right",
                va="center_baseline", color=tone.ink, weight=600 if picked else 400)
        if row > data.row:
            continue
        both = name in data.alone
        _row(ax, data.losses[name], row + UPPER * both, tone, True, picked)
        if both:
            _row(ax, data.alone[name], row + LOWER, tone, False, picked)
    if data.row:
        _moved(ax, list(data.losses.values())[data.row - 1], data.losses[data.name], data.row - 0.4)
    if data.name in data.alone:
        _moved(ax, data.start, data.alone[data.name], data.row + 0.4)
    return fig


def _moved(ax: Axes, before: np.ndarray, now: np.ndarray, y: float) -> None:
    """An arrow from the mean before to the mean now, if the change is clear."""
    if clear(before, now):
        end = min(now.mean(), ax.get_xlim()[1])
        ax.annotate("", (end, y), (before.mean(), y), zorder=5, arrowprops={
            "arrowstyle": "-|>", "color": style.INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0,
            "mutation_scale": 9})


def _row(ax: Axes, each: np.ndarray, y: float, tone: style.Tone, full: bool, picked: bool) -> None:
    """One set of seeds with its mean, in numbers at the right; beyond the edge one mark for all."""
    start, end = ax.get_xlim()
    edge = end - 0.03 * (end - start)
    inside = each.max() < edge
    if inside:
        ax.plot([each.mean()] * 2, [y - 0.15, y + 0.15], color=tone.mark, lw=1.6, zorder=2)
    ax.plot(each if inside else [edge], y + style.fan(each, 0.08) if inside else [y],
            "o" if inside else ">", ms=6.5, color=tone.mark, zorder=3, clip_on=False,
            mfc=tone.mark if full else style.PAPER, mec=style.PAPER if full else tone.mark,
            mew=0.8 if full else 1.3)
    ax.text(1.05, y, f"{each.mean():.2f}", transform=ax.get_yaxis_transform(),
            va="center_baseline", color=tone.ink, weight=600 if picked else 400)


def alt(data: Ladder) -> str:
    """Return the frame in words."""
    def named(name: str, each: np.ndarray) -> str:
        return f"{name} {each.mean():.2f} ({each.min():.2f} to {each.max():.2f})"

    rows = "; ".join(", ".join([named(name, each), *(
        [named("alone", data.alone[name])] if name in data.alone else [])])
        for name, each in data.seen().items())
    hidden = list(data.losses)[data.row + 1:]
    rest = f" Still hidden: {', '.join(hidden)}." if hidden else ""
    alone = f"; {data.verdict_alone()}" * (data.name in data.alone)
    return (f"{data.verdict()}{alone}. It has {data.parameters[data.row]:,} parameters. Mean loss "
            f"in nats, and the range of the seeds: {rows}.{rest}")
