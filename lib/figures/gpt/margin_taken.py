"""How much of the margin is lost without two heads, one at a time and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("The frame has the first two bars end to end. The line is the whole model's margin: "
           "a longer bar takes it below zero, on average.")

ROW = 0.34  # inches from one bar to the next
ADDED = "these two added"


@dataclass(frozen=True)
class Taken:
    """For each group of heads its words, how many logits of the margin are lost, and an answer.

    The first two are single heads, and the third is both of them.  ``whole`` is the margin of the
    whole model, in logits.
    """

    names: tuple[str, ...]
    lost: tuple[float, ...]
    answers: tuple[str, ...]
    prompt: str
    whole: float

    @property
    def apart(self) -> float:
        """What the two heads take if their own losses are added, in logits."""
        return self.lost[0] + self.lost[1]


def compute(rows: Sequence[tuple[str, float, str]], prompt: str, whole: float) -> Taken:
    """Take (words, logits lost, answer) of one head, another one, both, and perhaps more.

    Raises:
        ValueError: there are fewer than three rows, or the whole margin isn't above zero.
    """
    if not whole > 0:
        raise ValueError(f"the whole model's margin is {whole}; needed is one above zero")
    if len(rows) < 3:
        raise ValueError(f"{len(rows)} rows; needed are one head, another one, and both")
    names, lost, answers = zip(*rows)
    return Taken(names, tuple(map(float, lost)), answers, prompt, float(whole))


@style.styled
def draw(data: Taken, layout: Layout = "wide") -> Figure:
    """Draw a bar for each group, a frame as long as the first two bars, and the whole margin."""
    wide = layout == "wide"
    names = [*data.names[:2], ADDED, *data.names[2:]]
    lost, answers = [*data.lost[:2], data.apart, *data.lost[2:]], [*data.answers]
    answers.insert(2, "")
    high = ROW * len(names)
    fig = style.canvas(layout, high + 1.1)
    style.heading(fig, f"Alone {data.apart:.2f} in all, together {data.lost[2]:.2f}",
                  "Lost of the margin of the first piece, mean over countries" if wide
                  else "Lost of the margin, mean over countries")
    left, last = (1.55, 1.2) if wide else (1.35, 0.62)
    right = fig.get_size_inches()[0] - style.MARGIN
    ax = style.place(fig, left, 0.95, right - left - last, high)
    limit = 1.2 * max(*lost, data.whole)
    ax.plot([data.whole] * 2, [-0.5, len(names) - 0.5], color=style.INK, lw=1.2, zorder=3)
    ax.annotate(f"all of it: {data.whole:.2f}", (data.whole, -0.5), (0, 4), ha="center",
                va="bottom", textcoords="offset points", size=style.SMALL, annotation_clip=False)
    for row, (name, each) in enumerate(zip(names, lost)):
        frame = name == ADDED
        ax.barh(row, each, 0.6, color="none" if frame else style.ATTENTION(0.7),
                ec=style.MUTED if frame else "none", lw=1.2, ls=(0, (3, 2)) if frame else "-")
        end = data.whole if 0 <= data.whole - each < 0.1 * limit else max(each, 0)  # past the line
        ax.text(end + 0.02 * limit, row, f"{each:.2f}", va="center_baseline",
                size=style.SMALL)
    ax.set(xlim=(0, limit), ylim=(len(names) - 0.5, -0.5))
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    style.write(fig, right - last + 0.08, 0.7, data.prompt if wide else
                data.prompt.partition(" ")[0], style.MUTED, style.SMALL)
    for row, answer in enumerate(answers):
        style.write(fig, right - last + 0.08, 0.95 + ROW * (row + 0.5), answer, va="center",
                    weight=600)
    return fig


def alt(data: Taken) -> str:
    """Return the figure in words."""
    rows = "; ".join(f"{name} {lost:.2f}, {data.prompt} {answer}" for name, lost, answer
                     in zip(data.names, data.lost, data.answers))
    return (f"Logits of the margin that are lost without some heads: {rows}. The first two add up "
            f"to {data.apart:.2f}, and together they take {data.lost[2]:.2f}. The whole model's "
            f"margin is {data.whole:.2f}.")
