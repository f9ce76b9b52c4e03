"""What comes after pre-training: the ways of training on, and the models each has in play."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import box, route
from lib.figures.kit.style import Layout

CAPTION = ("From top to bottom as training goes on, with the models that are in play at once. "
           "Purple ones learn, grey ones stay.")
ROW = {"wide": 0.5, "narrow": 0.82}  # inches of a way


@dataclass(frozen=True)
class Training:
    """A way: its name, what it learns from, and its models; those that learn come first."""

    name: str
    source: str
    learning: tuple[str, ...]
    frozen: tuple[str, ...] = ()


def compute() -> list[Training]:
    """The ways of the page, in its order."""
    return [Training("SFT", "written answers", ("model",)),
            Training("then RLHF, by PPO", "people's rankings", ("model", "critic"),
                     ("start", "reward")),
            Training("or DPO", "pairs of answers", ("model",), ("start",)),
            Training("and GRPO", "its own answers, checked", ("model",), ("(start)",)),
            Training("instead: distillation", "a teacher's probabilities", ("model",),
                     ("teacher",))]


@style.styled
def draw(data: list[Training], layout: Layout = "wide") -> Figure:
    """Draw a row for each way: its name, what it learns from, its models."""
    wide, row = layout == "wide", ROW[layout]
    fig = style.canvas(layout, 0.7 + row * len(data) + 0.1)
    style.heading(fig, "From a base model to one that people talk to",
                  "Purple learns, grey is only asked")
    ax = style.board(fig, 0, 0.65)
    route(ax, (0.16, 0.05), (0.16, row * len(data) - 0.1))
    for k, each in enumerate(data):
        top = row * k + 0.05
        ax.plot(0.16, top + 0.14, "o", ms=6, color=style.INK, zorder=4)
        ax.text(0.36, top + 0.14, each.name, va="center_baseline", weight=600)
        ax.text(2.0 if wide else 1.82, top + 0.14, each.source, va="center_baseline",
                color=style.MUTED, size=style.SMALL)
        left, high = (4.1, top) if wide else (0.36, top + 0.32)
        for place, words in enumerate((*each.learning, *each.frozen)):
            learns = place < len(each.learning)
            box(ax, (left + 0.76 * place + 0.35, high + 0.14), (0.7, 0.28), words,
                style.LORA if learns else style.FROZEN, learns, style.SMALL)
    return fig


def alt(data: list[Training]) -> str:
    """Return the drawing in words."""
    return "; ".join(
        f"{each.name}: learns from {each.source}, with {' and '.join(each.learning)} learning"
        + (f" and {' and '.join(each.frozen)} frozen" if each.frozen else "")
        for each in data) + "."
