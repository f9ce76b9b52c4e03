"""The square from LoRA to rsLoRA 64: a score at each corner, and on each side a step's gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("A side has what its step brings in points and in loss on dev, ± for four. Ahead: both "
           "intervals are on the better side of zero.")
BOX = {"wide": (1.9, 0.8), "narrow": (1.24, 0.8)}  # inches of a corner
GAP = {"wide": 1.9, "narrow": 1.0}  # inches between two corners in a row
HIGH = 1.0  # inches between two corners one above the other
NAMES = "rank 4 → 64", "α 8 → 64"
TONES = {"ahead": style.LORA, "open": style.FROZEN, "behind": style.FROZEN}
#: Points of answers, the mean and its ±, then the same for nats of loss.
Gain = tuple[float, float, float, float]


@dataclass(frozen=True)
class Step:
    """What a step brings: points of answers and nats of loss, a mean and its ± of each."""

    mean: float
    margin: float
    loss: float
    loss_margin: float

    @property
    def verdict(self) -> str:
        """Ahead or behind if both intervals lie on that side of zero, else open."""
        if self.mean > self.margin and -self.loss > self.loss_margin:
            return "ahead"
        return "behind" if self.mean < -self.margin and self.loss > self.loss_margin else "open"

    @property
    def words(self) -> str:
        """The gain in points, and its ±."""
        return f"{self.mean:+.1f} ± {self.margin:.1f}"

    @property
    def in_loss(self) -> str:
        """The change of the loss in nats, and its ±."""
        return f"{self.loss:+.3f} ± {self.loss_margin:.3f}"


@dataclass(frozen=True)
class Square:
    """Corners (LoRA, the rank raised, α raised, both), and the steps along their sides.

    Each corner has its name, its learning rate and its share of right answers. The rank's steps
    are the lower and the upper side, α's the left and the right one, so that the first of either
    pair starts from LoRA. While it is ``closed``, what was measured between LoRA and rsLoRA 64 is
    still to be guessed.
    """

    corners: tuple[tuple[str, float, float], ...]
    rank: tuple[Step, ...]
    alpha: tuple[Step, ...]
    closed: bool = False


def compute(corners: Sequence[tuple[str, float, float]], rank: Sequence[Gain],
            alpha: Sequence[Gain], closed: bool = False) -> Square:
    """Gather the corners' names, rates and shares, and the steps' means and ±.

    Raises:
        ValueError: there are not four corners, or not two steps of either kind.
    """
    if (len(corners), len(rank), len(alpha)) != (4, 2, 2):
        raise ValueError(f"a square has 4 corners and 2 steps of either kind, not {len(corners)}, "
                         f"{len(rank)} and {len(alpha)}")
    return Square(tuple(corners), *(tuple(Step(*map(float, each)) for each in pair)
                                    for pair in (rank, alpha)), closed)


def title(square: Square) -> str:
    """Return whether a step is ahead from LoRA, or only on top of the other."""
    if square.closed:
        return "Which step brings the lead?"
    (rank, last_rank), (alpha, last_alpha) = (
        tuple(step.verdict == "ahead" for step in pair) for pair in (square.rank, square.alpha))
    if not (rank or alpha) and last_rank and last_alpha:
        return "Each step is ahead only on top of the other"
    if (rank and last_rank) != (alpha and last_alpha):
        return f"{'The rank' if rank and last_rank else 'α'}'s step is ahead on both of its sides"
    return "What does each step bring?"


def _corner(ax: Axes, middle: tuple[float, float], size: tuple[float, float], name: str,
            rate: float, score: float, end: bool, closed: bool) -> None:
    """A run: its name, its score and its learning rate; both ends of the routes are framed."""
    x, y = middle
    tone = style.DATA if end else style.FROZEN
    ax.add_patch(FancyBboxPatch(
        (x - size[0] / 2, y - size[1] / 2), *size, fc=style.PAPER, ec=tone.mark, zorder=3,
        lw=1.6 if end else style.THIN, boxstyle="round,pad=0,rounding_size=.05"))
    for shift, words, looks in (
            (-0.24, name, {"weight": 600}),
            (0.02, "?" if closed and not end else style.percent(score, 1),
             {"size": style.LARGE, "weight": 600}),
            (0.26, f"rate {rate:g}", {"size": style.SMALL, "color": style.MUTED})):
        ax.text(x, y + shift, words, ha="center", va="center_baseline", zorder=4, **looks)


def _side(ax: Axes, start: tuple[float, float], end: tuple[float, float], name: str, step: Step,
          inwards: float, closed: bool) -> None:
    """An arrow from one corner to the next, with what is raised and what that brings."""
    ahead, flat = step.verdict == "ahead" and not closed, start[1] == end[1]
    tone = style.FROZEN if closed else TONES[step.verdict]
    ax.annotate("", end, start, zorder=2, arrowprops={
        "arrowstyle": "-|>", "color": tone.mark, "lw": 2.2 if ahead else 1.2,
        "shrinkA": 0, "shrinkB": 0, "mutation_scale": 12})
    x, y = ((one + other) / 2 for one, other in zip(start, end, strict=True))
    bold = {"color": tone.ink, "weight": 600 if ahead else 400}
    small = {"color": style.MUTED, "size": style.SMALL}
    rows = ((name, small), ("?" if closed else step.words, bold),
            ("" if closed else step.in_loss, small | {"color": tone.ink}),
            ("" if closed else step.verdict, bold))
    tops = ((y - 0.14, y + 0.16, y + 0.34, y + 0.52) if flat
            else (y - 0.29, y - 0.09, y + 0.1, y + 0.29))
    for (words, looks), top in zip(rows, tops, strict=True):
        ax.text(x + inwards * 0.1 * (not flat), top, words, va="center_baseline",
                ha="center" if flat else "left" if inwards > 0 else "right", **looks)


@style.styled
def draw(square: Square, layout: Layout = "wide") -> Figure:
    """Draw the corners, and the steps from left to right and upwards between them."""
    (wide, high), gap = BOX[layout], GAP[layout]
    fig = style.canvas(layout, 0.7 + 2 * high + HIGH + 0.22)
    style.heading(fig, title(square), "Per cent right" if square.closed else
                  "Purple: ahead, in points and in nats of loss")
    ax = style.board(fig, 0, 0.65)
    left = (style.WIDTH[layout] - 2 * wide - gap) / 2 + wide / 2
    right, top = left + wide + gap, high / 2 + 0.02
    low = top + high + HIGH
    places = (left, low), (right, low), (left, top), (right, top)
    for k, (corner, place) in enumerate(zip(square.corners, places, strict=True)):
        _corner(ax, place, (wide, high), *corner, end=k in (0, 3), closed=square.closed)
    for step, y in zip(square.rank, (low, top), strict=True):
        _side(ax, (left + wide / 2, y), (right - wide / 2, y), NAMES[0], step, 0,
              square.closed)
    for step, x, inwards in zip(square.alpha, (left, right), (1, -1), strict=True):
        _side(ax, (x, low - high / 2), (x, top + high / 2), NAMES[1], step, inwards,
              square.closed)
    return fig


def alt(square: Square) -> str:
    """Return the corners and the steps in words."""
    first, ranked, raised, last = square.corners
    if square.closed:
        return (f"{title(square)} From {first[0]}, {style.percent(first[2], 1)}, to {last[0]}, "
                f"{style.percent(last[2], 1)}, by {ranked[0]} or by {raised[0]}, whose answers are "
                "still to be guessed.")
    corners = ", ".join(f"{name} {style.percent(score, 1)} at a rate of {rate:g}"
                        for name, rate, score in square.corners)
    sides = ((first, ranked, NAMES[0], square.rank[0]), (raised, last, NAMES[0], square.rank[1]),
             (first, raised, NAMES[1], square.alpha[0]), (ranked, last, NAMES[1], square.alpha[1]))
    return f"{title(square)}. Right answers: {corners}. " + " ".join(
        f"From {one[0]} to {other[0]}, {name}: {step.words} points, {step.in_loss} nats, "
        f"{step.verdict}."
        for one, other, name, step in sides)
