"""The geometry of rank: inputs on a sphere, and where a product BA can bring them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Raise the rank, and turn the view: the inputs cover a sphere, but at rank 1 all "
           "outputs lie on a line, at rank 2 in a plane.")

#: Three rows of A and three columns of B, of which the rank takes the first ones.
A = np.array([[0.6, 0.64, 0.48], [-0.8, 0.48, 0.36], [0.0, -0.6, 0.8]])
B = np.array([[0.9, -0.45, 0.2], [0.3, 0.75, -0.4], [0.5, 0.1, 0.75]])
SHAPES = {1: "a line", 2: "a plane", 3: "all of space"}
POINTS = 500
FOLLOWED = 95  # the input that is marked, and its output
TURNS = (-78, -48, -18, 12, 42)  # in degrees; in these views no two names fall together
TILT = 0.42  # radians from which the view looks down
REACH = 1.45  # how far both pictures show


@dataclass(frozen=True)
class Reach:
    """Inputs x and outputs x A^T B^T, (points, 3) each; A: (rank, 3), B: (3, rank).

    ``turn`` is the view's angle in degrees. ``silent``, (3 - rank, 3), spans the inputs of which A
    reads nothing, ``reached``, (rank, 3), the outputs that there can be; their rows have length 1
    and are at right angles.
    """

    x: np.ndarray
    y: np.ndarray
    A: np.ndarray
    B: np.ndarray
    turn: float
    silent: np.ndarray
    reached: np.ndarray

    @property
    def rank(self) -> int:
        """The rank of the product."""
        return int(np.linalg.matrix_rank(self.B @ self.A))

    @property
    def directions(self) -> int:
        """In how many directions the outputs lie."""
        return int(np.linalg.matrix_rank(self.y, tol=1e-9))


def ball(points: int = POINTS) -> np.ndarray:
    """Return points evenly spread over the surface of a ball of radius 1: (points, 3)."""
    height = 1 - (2 * np.arange(points) + 1) / points
    angle = np.arange(points) * np.pi * (3 - 5**0.5)  # the golden angle leaves no seams
    wide = np.sqrt(1 - height**2)
    return np.stack([wide * np.cos(angle), wide * np.sin(angle), height], 1)


def compute(rank: int, turn: float = 42) -> Reach:
    """Take the first ``rank`` rows of A and columns of B, and send the ball through them.

    Raises:
        ValueError: the rank is not 1, 2 or 3.
    """
    if rank not in SHAPES:
        raise ValueError(f"rank is {rank}; allowed are {', '.join(map(str, SHAPES))}")
    rows, columns, x = A[:rank], B[:, :rank], ball()
    reached, _, read = np.linalg.svd(columns @ rows)
    return Reach(x, x @ rows.T @ columns.T, rows, columns, turn, read[rank:], reached.T[:rank])


def seen(points: np.ndarray, turn: float) -> np.ndarray:
    """Turn points (..., 3) about the vertical axis, and look down: right, up, towards the eye."""
    angle = np.deg2rad(turn)
    right = np.cos(angle) * points[..., 0] + np.sin(angle) * points[..., 1]
    away = -np.sin(angle) * points[..., 0] + np.cos(angle) * points[..., 1]
    up = np.cos(TILT) * points[..., 2] + np.sin(TILT) * away
    return np.stack([right, up, np.sin(TILT) * points[..., 2] - np.cos(TILT) * away], -1)


def _space(ax: Axes, turn: float) -> None:
    """Three thin axes through zero."""
    for axis in np.eye(3):
        ends = seen(np.array([-axis, axis]) * 1.25, turn)
        ax.plot(ends[:, 0], ends[:, 1], color=style.RULE, lw=style.THIN, zorder=1)
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))


def _flat(ax: Axes, rows: np.ndarray, turn: float, tone: style.Tone) -> None:
    """The line or the plane through zero that the rows span, as far as it is shown."""
    if len(rows) == 1:
        ends = seen(1.4 * np.array([-rows[0], rows[0]]), turn)
        ax.plot(ends[:, 0], ends[:, 1], color=tone.mark, lw=1.2, ls=(0, (4, 3)), zorder=1)
    if len(rows) == 2:
        angles = np.linspace(0, 2 * np.pi, 73)
        edge = seen(1.25 * (np.outer(np.cos(angles), rows[0])
                            + np.outer(np.sin(angles), rows[1])), turn)
        ax.fill(edge[:, 0], edge[:, 1], fc=tone.tint, ec=tone.mark, lw=1.2, ls=(0, (4, 3)),
                zorder=0.5)


def _cloud(ax: Axes, points: np.ndarray, reading: np.ndarray, turn: float) -> None:
    """Points, those behind first; the colour is what the first row of A reads of the input."""
    places = seen(points, turn)
    order = np.argsort(places[:, 2], kind="stable")
    ax.scatter(places[order, 0], places[order, 1], s=13, c=reading[order], cmap=style.WEIGHTS,
               vmin=-1, vmax=1, edgecolors=style.FROZEN.mark, linewidths=0.25, zorder=2)


def _follow(ax: Axes, place: np.ndarray, turn: float, name: str) -> None:
    """The input that is followed, or what becomes of it."""
    right, up, _ = seen(place, turn)
    ax.plot(right, up, "o", ms=7.5, color=style.INK, mec=style.PAPER, mew=1.2, zorder=6)
    ax.text(right, up - 0.2, name, ha="center", va="center", weight=600, zorder=6,
            bbox={"fc": style.PAPER, "ec": "none", "pad": 0.4})


def _arrow(ax: Axes, end: np.ndarray, turn: float, tone: style.Tone, name: str) -> None:
    """An arrow from zero, with its name a little beyond its tip."""
    right, up, _ = seen(end, turn)
    ax.annotate("", (right, up), (0, 0), zorder=4, arrowprops={
        "arrowstyle": "-|>", "color": tone.mark, "lw": 2.2, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 12})
    length = max(np.hypot(right, up), 1e-9)
    ax.text(right + 0.17 * right / length, up + 0.17 * up / length, name, ha="center",
            va="center", color=tone.ink, size=style.BASE, weight=600, zorder=5,
            bbox={"fc": style.PAPER, "ec": "none", "pad": 0.4})


@style.styled
def draw(data: Reach, layout: Layout = "wide") -> Figure:
    """Draw the inputs on the left or above, and the outputs beside or below."""
    wide = layout == "wide"
    side = 3.0 if wide else 2.32
    fig = style.canvas(layout, 0.98 + side if wide else 0.98 + 2 * side + 0.14)
    style.heading(fig, f"Rank {data.rank}: BAx reaches {SHAPES[data.rank]}",
                  "Colour: what $a_1$ reads in x. Dashed: inputs that A does not read; all that "
                  "BAx can reach." if wide else
                  "Colour: what $a_1$ reads in x. Dashed: inputs\nthat A does not read; all that "
                  "BAx can reach.")
    panels = (("inputs x", data.x, data.A, style.A, "a"),
              ("outputs BAx", data.y, data.B.T, style.B, "b"))
    for k, (title, points, arrows, tone, letter) in enumerate(panels):
        left, top = (0.3 + 3.5 * k, 0.94) if wide else (0.62, 0.92 + k * (side + 0.14))
        ax = style.bare(style.place(fig, left, top, side, side))
        _space(ax, data.turn)
        first = letter == "a"
        _flat(ax, data.silent if first else data.reached, data.turn,
              style.FROZEN if first else style.LORA)
        _cloud(ax, points, data.x @ data.A[0], data.turn)
        for j, arrow in enumerate(arrows, start=1):
            _arrow(ax, 1.12 * arrow if first else arrow, data.turn, tone,
                   f"${letter}_{j}$")
        _follow(ax, points[FOLLOWED], data.turn, "x" if first else "BAx")
        style.write(fig, left, top - 0.04 if wide else top + 0.04, title, tone.ink, weight=600)
    return fig


def alt(data: Reach) -> str:
    """Return the frame in words."""
    lost = {1: " A plane of inputs, at right angles to the row of A, lands at zero.",
            2: " A line of inputs, at right angles to both rows of A, lands at zero.",
            3: " Only zero lands at zero."}[data.rank]
    return (f"Rank {data.rank}, seen from {data.turn:g} degrees: {len(data.x)} inputs on a sphere "
            f"become outputs that lie in {data.directions} of 3 directions, {SHAPES[data.rank]}."
            f"{lost}")
