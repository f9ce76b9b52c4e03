"""Replies to one fact in both tasks' frames, and both scores, by the number of own replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph, visible
from lib.figures.kit.style import Layout

CAPTION = ("Above, one fact asked with each task's prompt, and the reply. Below, the share of both "
           "tests.")
TASKS = (("first task", "s", style.FACTS), ("second task", "o", style.TASK))
ROW = {"wide": 0.44, "narrow": 0.88}  # inches of a reply
HIGH = 1.5  # inches of the chart


@dataclass(frozen=True)
class Replayed:
    """A chosen number of own replies in a batch; prompt, right answer and reply of each task with
    it, and for each number the percent right of the first and of the second task."""

    count: int
    replies: tuple[tuple[str, str, str], ...]
    scores: dict[int, tuple[float, float]]

    @property
    def seen(self) -> dict[int, tuple[float, float]]:
        """The scores up to the chosen number: the others are for the reader to find."""
        return {at: each for at, each in self.scores.items() if at <= self.count}


def compute(asked: Sequence[tuple[str, str]],
            found: Mapping[int, tuple[Sequence[str], Sequence[float]]],
            count: int) -> Replayed:
    """Look up one number of own replies.

    Args:
        asked: Prompt and right answer, one pair for each of the two tasks.
        found: Number of own replies in a batch of sixteen -> the replies to both prompts, and the
            percent right of both tasks.
        count: The chosen number.

    Raises:
        ValueError: there is no such number, or there are not two prompts.
    """
    if count not in found:
        raise ValueError(f"count is {count}; allowed are {sorted(found)}")
    if len(asked) != len(TASKS):
        raise ValueError(f"there are {len(asked)} prompts; allowed is one for each of both tasks")
    said = (tuple(" ".join(words.split()) for words in (*pair, reply))
            for pair, reply in zip(asked, found[count][0], strict=True))
    return Replayed(count, tuple((prompt, answer, reply) for prompt, answer, reply in said), {
        at: (float(first), float(second)) for at, (_, (first, second)) in sorted(found.items())})


def _chart(ax: Axes, data: Replayed) -> None:
    """Both scores over the number; the chosen one has a line, and larger marks."""
    ax.axvline(data.count, color=style.MUTED, lw=style.THIN, zorder=1)
    for task, (_, marker, tone) in enumerate(TASKS):
        ax.plot(list(data.seen), [each[task] for each in data.seen.values()], marker + "-",
                color=tone.mark, ms=4, mec=style.PAPER, mew=0.6)
        ax.plot(data.count, data.scores[data.count][task], marker, color=tone.mark, ms=8,
                mec=style.PAPER, zorder=4)
    ax.set(xlim=(-0.25, 8.25), ylim=(-6, 106), xlabel="own replies in a batch of 16")
    ax.set_xticks(list(data.scores), [f"{count}" for count in data.scores])
    ax.set_yticks((0, 25, 50, 75, 100), ("0", "25", "50", "75", "100%"))
    ax.grid(axis="y")


@style.styled
def draw(data: Replayed, layout: Layout = "wide") -> Figure:
    """Draw the replies as cards, and both scores below them."""
    wide, high = layout == "wide", ROW[layout]
    top = 0.64 + (high + 0.06) * len(TASKS)
    fig = style.canvas(layout, top + 0.4 + HIGH + 0.5)
    style.heading(fig, f"Merged, with {data.count} own replies in a batch of 16" if wide
                  else f"Merged, with {data.count} own replies in 16",
                  "One fact asked for in both frames, and exact answers to all tests (one seed)"
                  if wide else "One fact, and exact answers (one seed)")
    width = style.WIDTH[layout] - 2 * style.MARGIN
    for number, (prompt, answer, reply) in enumerate(data.replies):
        ax = style.card(fig, style.MARGIN, 0.64 + number * (high + 0.06), width, high)
        paragraph(ax, 0.12, 0.13 if wide else 0.08, prompt, 4.3 if wide else width - 0.24,
                  1 if wide else 2, style.MUTED, style.SMALL)
        left, down = (4.45, 0.12) if wide else (0.12, 0.57)
        paragraph(ax, left, down, reply, width - left - 0.75, 1, style.INK)
        right = reply == answer
        ax.text(width - 0.12, 0.22 if wide else 0.67, "exact" if right else "wrong", ha="right",
                va="center_baseline", weight=600 if right else 400,
                color=style.FACTS.ink if right else style.MUTED)
    legend = style.board(fig, style.MARGIN, top + 0.08, width, 0.25)
    for number, (task, marker, tone) in enumerate(TASKS):
        legend.plot(0.48 + 1.6 * number, 0.12, marker, color=tone.mark, ms=6)
        legend.text(0.6 + 1.6 * number, 0.12, f"{task}: {data.scores[data.count][number]:.0f}%",
                    va="center", color=tone.ink, weight=600)
    _chart(style.place(fig, 0.5, top + 0.4, style.WIDTH[layout] - 0.62, HIGH), data)
    return fig


def alt(data: Replayed) -> str:
    """Return the frame in words."""
    said = "; ".join(f"{prompt} '{visible(reply)}', {'exact' if reply == answer else 'wrong'}"
                     for prompt, answer, reply in data.replies)
    scores = ", ".join(f"{first:.0f}% and {second:.0f}% with {at}"
                       for at, (first, second) in data.seen.items())
    return (f"{data.count} own replies in a batch of sixteen. {said}. First and second task: "
            f"{scores}.")
