"""Two weights of one model, one steep and one flat: what each idea of Adam does to their path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.labels import LEADING, wrap
from lib.figures.kit.style import Layout

CAPTION = ("Compare the paths at 0\u00b0, where one weight is steep and the other flat. Then turn "
           "the valley: each weight is as steep as the other.")

#: How steeply the loss rises with each weight, (flat, steep), and where the two start.
CURVE, START = np.array([1.0, 80.0]), np.array([-1.0, 0.6])
#: Each batch has its lowest loss at a place of its own, so far from that of all text.
NOISE, DRAWS, LONGEST = 0.1, 500, 40
BETAS = 0.9, 0.99
#: By how many degrees the valley is turned: each way to move with the learning rate that has the
#: lowest loss after 12 steps, of TRIED (a test tries them). ``hasty`` is Adam without the bias
#: correction.
TRIED = tuple(float(f"{0.001 * 1.1**k:.2g}") for k in range(50))
RATES = {0: {"gradient": 0.0035, "mean": 0.0016, "adam": 0.055, "hasty": 0.031},
         45: {"gradient": 0.0035, "mean": 0.0016, "adam": 0.041, "hasty": 0.021}}
TITLES = {"gradient": "Gradient descent", "mean": "First moment only", "adam": "Both moments: Adam"}
WEIGHTS = {0: ("flat weight", "steep weight"), 45: ("weight across", "weight up")}
#: What Adam has of a weight in a step: for the table, and in words. Hats: the bias is corrected.
COLUMNS = {"gradient": "gradient", r"$\hat m$": "corrected first moment",
           "\u221a$\\hat v$": "root of the corrected second", "move / rate": "move over rate"}
ACROSS, UP = (-1.45, 0.65), (-0.85, 0.75)  # what of the two weights is drawn


@dataclass(frozen=True)
class Paths:
    """Paths of one draw of batches (steps + 1, 2), mean losses of all draws (steps + 1,), both by
    the way to move; of Adam's last step the COLUMNS of both weights, (2, 4)."""

    step: int
    turned: int
    paths: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    moments: np.ndarray


def _turn(degrees: float) -> np.ndarray:
    """What turns a row (flat, steep) into the two weights: (2, 2)."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, s], [-s, c]])


def _walk(way: str, rate: float, centres: np.ndarray,
          turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All draws at once: centres (steps, draws, 2) -> places (steps + 1, draws, 2), and of each
    step gradient, mean, size and move over rate, (steps, draws, 2, 4)."""
    w, curve = np.broadcast_to(START @ turn, centres.shape[1:]), turn.T * CURVE @ turn
    first, second = np.zeros_like(w), np.zeros_like(w)
    places, noted = [w], []
    for step, centre in enumerate(centres @ turn, start=1):
        gradient = (w - centre) @ curve
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        grown = (1.0, 1.0) if way == "hasty" else (1 - BETAS[0]**step, 1 - BETAS[1]**step)
        mean, size = first / grown[0], np.sqrt(second / grown[1])
        move = -{"gradient": gradient, "mean": mean}.get(way, mean / size)
        w = w + rate * move
        places.append(w)
        noted.append(np.stack([gradient, mean, size, move], -1))
    return np.array(places), np.array(noted)


def compute(step: int = LONGEST, turned: int = 0) -> Paths:
    """Move both weights ``step`` times in every way, on the same batches.

    Raises:
        ValueError: ``step`` is not from 1 to LONGEST, or ``turned`` is not in RATES.
    """
    if not 1 <= step <= LONGEST or turned not in RATES:
        raise ValueError(f"step is {step}, it must be from 1 to {LONGEST}; turned is {turned}, it "
                         f"must be one of {list(RATES)}")
    centres = NOISE * np.random.default_rng(0).standard_normal((LONGEST, DRAWS, 2))[:step]
    turn = _turn(turned)
    walks = {way: _walk(way, rate, centres, turn) for way, rate in RATES[turned].items()}
    return Paths(step, turned, {way: places[:, 0] for way, (places, _) in walks.items()},
                 {way: (CURVE * (places @ turn.T)**2).sum(-1).mean(-1) / 2
                  for way, (places, _) in walks.items()}, walks["adam"][1][-1, 0])


def note(data: Paths) -> str:
    """What one has to know: how batches differ, what is drawn, how the rates were chosen."""
    return (f"In each batch + lies elsewhere, by noise of {NOISE:g}. Drawn: one run of {DRAWS}; "
            f"loss: mean of all. Rates: the best of {len(TRIED)} for 12 steps. Rings: Adam "
            f"without bias correction, rate {RATES[data.turned]['hasty']:g}, loss "
            f"{data.losses['hasty'][-1]:.2f}.")


def _path(ax: Axes, path: np.ndarray) -> None:
    ax.plot(*path.T, color=style.INK, lw=1.1, zorder=3)
    ax.plot(*path[:-1].T, "o", color=style.INK, ms=2.2, zorder=3)
    ax.plot(*path[-1], "o", color=style.INK, ms=6, mec=style.PAPER, mew=1.2, zorder=4)


def _valley(ax: Axes, data: Paths, way: str) -> None:
    """Lines of equal loss, its lowest place, and the path."""
    x, y = np.meshgrid(np.linspace(*ACROSS, 120), np.linspace(*UP, 120))
    loss = (CURVE * (np.stack([x, y], -1) @ _turn(data.turned).T)**2).sum(-1) / 2
    ax.contour(x, y, loss, [0.2, 1, 3, 7, 13, 21], colors=style.RULE, linewidths=style.THIN,
               zorder=1)
    ax.plot(0, 0, "+", color=style.FROZEN.mark, ms=8, zorder=2)
    if way == "adam":
        ax.plot(*data.paths["hasty"].T, "o", color="none", mec=style.FROZEN.mark, mew=0.9, ms=5.5,
                zorder=2)
    _path(ax, data.paths[way])
    style.bare(ax).set(xlim=ACROSS, ylim=UP)
    ax.text(0.98, 0.03, f"rate {RATES[data.turned][way]:g}", transform=ax.transAxes,
            ha="right", va="bottom", color=style.MUTED, size=style.SMALL, zorder=5,
            bbox={"fc": style.PAPER, "ec": "none", "pad": 0.8})
    ax.set_title(TITLES[way])
    ax.set_title(f"loss {data.losses[way][-1]:.2f}", loc="right", weight=400)


def _table(ax: Axes, data: Paths, wide: bool) -> None:
    """What Adam knows of each weight at this step."""
    left, gap = (1.9, 1.25) if wide else (0.98, 0.65)
    for k, name in enumerate(COLUMNS):
        ax.text(left + gap * (k + 0.6), 0.16, name, ha="right", va="center_baseline",
                color=style.MUTED, size=style.SMALL)
    for j, row in enumerate(data.moments):
        at = 0.4 + 0.23 * j
        ax.text(0.12, at, WEIGHTS[data.turned][j], va="center_baseline", weight=600)
        for k, number in enumerate(row):
            ax.text(left + gap * (k + 0.6), at, f"{number:.2f}".replace("-", "\u2212"),
                    ha="right", va="center_baseline")


@style.styled
def draw(data: Paths, layout: Layout = "wide") -> Figure:
    """Draw three paths over the same valley, and what Adam keeps of both weights."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.88 if wide else 6.04)
    flat, steep = (f"curvature {curve:g}" for curve in CURVE)
    across, up = WEIGHTS[0]
    words = (f"Across: the {across}, {flat}. ", f"Up: the {up}, {steep}. +: lowest loss")
    if data.turned:
        words = ("Across, up: the two weights, both as steep. ", "+: lowest loss")
    style.heading(fig, f"After {data.step} step{'s' * (data.step > 1)}",
                  "".join(words) if wide else "\n".join(words))
    top, width, height = (0.92, 2.22, 1.6) if wide else (1.02, 3.3, 0.95)
    for k, way in enumerate(TITLES):
        left, down = (0.1 + 2.39 * k, top) if wide else (0.15, top + 1.26 * k)
        _valley(style.place(fig, left, down, width, height), data, way)
    below = 2.6 if wide else 4.58
    lines = wrap(note(data), fig.get_size_inches()[0] - 0.2, style.SMALL, 5)
    for k, line in enumerate(lines):
        style.write(fig, style.MARGIN + 0.06, below + k * style.SMALL * LEADING, line, style.MUTED,
                    style.SMALL)
    below += len(lines) * style.SMALL * LEADING - 0.18
    _table(style.card(fig, style.MARGIN, below + 0.26, fig.get_size_inches()[0] - 0.12, 0.78),
           data, wide)
    return fig


def alt(data: Paths) -> str:
    """Return the frame in words."""
    def numbers(row: np.ndarray) -> str:
        return ", ".join(f"{name} {number:.2f}" for name, number in zip(COLUMNS.values(), row))
    losses = ", ".join(f"{data.losses[way][-1]:.2f} by {words}" for way, words in (
        ("gradient", "gradient descent"), ("mean", "the first moment"), ("adam", "Adam"),
        ("hasty", "Adam without the bias correction")))
    one, other = WEIGHTS[data.turned]
    return (f"After {data.step} step{'s' * (data.step > 1)} the mean loss is {losses}. In Adam "
            f"the {one} has {numbers(data.moments[0])}; the {other} "
            f"{numbers(data.moments[1])}.".replace("-", "\u2212"))
