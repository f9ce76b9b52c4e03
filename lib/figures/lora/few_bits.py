"""A finished adapter on bases of fewer and fewer bits: the answers, unmerged and merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "A finished adapter, moved to fewer bits: the three ways part where the steps are wide."
#: The ways, with the line and the mark of each.
WAYS = {"unmerged": ("-", style.LORA.mark), "rounded once": ((0, (4, 1.5)), style.PAPER),
        "rounded twice": ((0, (1, 1.2)), style.LORA.tint)}


@dataclass(frozen=True)
class Answers:
    """The shares of right answers, (bits, ways) in the order of ``WAYS``; ``whole``: as it is."""

    bits: tuple[int, ...]
    shares: np.ndarray
    whole: float


def compute(answers: Mapping[int, Sequence[float]], whole: float) -> Answers:
    """Gather by bits the answers unmerged, rounded once and rounded twice, each from 0 to 1.

    Raises:
        ValueError: a number of bits has not three shares.
    """
    if wrong := [bits for bits, each in answers.items() if len(each) != len(WAYS)]:
        raise ValueError(f"{wrong[0]} bits: {len(answers[wrong[0]])} shares; allowed are "
                         f"{len(WAYS)}")
    order = tuple(sorted(answers, reverse=True))
    return Answers(order, np.array([answers[bits] for bits in order], float), float(whole))


def _lines(ax: Axes, data: Answers) -> None:
    at = np.array(data.bits)  # fewer to the right
    ax.axhline(data.whole, color=style.FROZEN.mark, ls="--", lw=1.2, zorder=0)
    beside = {"xytext": (9, 0), "textcoords": "offset points", "va": "center", "weight": 600}
    ax.annotate(f"as it is {data.whole:.0%}", (at[-1], data.whole), color=style.FROZEN.ink,
                bbox={"fc": style.PAPER, "ec": "none", "pad": 1}, **beside)
    for (name, (dash, face)), shares in zip(WAYS.items(), data.shares.T, strict=True):
        ax.plot(at, shares, "D", ls=dash, ms=6, color=style.LORA.mark, mfc=face,
                mec=style.LORA.mark, clip_on=False)
        ax.annotate(f"{name} {shares[-1]:.0%}", (at[-1], shares[-1]), color=style.LORA.ink,
                    **beside)
    ax.set(xlim=(at[0] + 0.3, at[-1] - 0.07), ylim=(0, 1), xlabel="bits of a weight",
           ylabel="questions answered")
    ax.set_xticks(at, [str(bits) for bits in data.bits])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    ax.grid(axis="y")


@style.styled
def draw(data: Answers, layout: Layout = "wide") -> Figure:
    """Draw a line for each way over the bits, and the answers on the base as it is."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.4)
    style.heading(fig, "What is left with fewer bits?",
                  "One finished adapter, unmerged and merged in two ways" if wide
                  else "One finished adapter, three ways")
    _lines(style.place(fig, 0.75, 0.75, style.WIDTH[layout] - (2.35 if wide else 2.1), 2.05), data)
    return fig


def alt(data: Answers) -> str:
    """Return the picture in words."""
    return f"Questions answered on the base as it is: {data.whole:.1%}. " + " ".join(
        f"{bits} bits: " + ", ".join(f"{name} {share:.1%}" for name, share in zip(WAYS, shares))
        + "." for bits, shares in zip(data.bits, data.shares))
