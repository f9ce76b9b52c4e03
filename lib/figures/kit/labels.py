"""Words in figures: measuring, wrapping, making tokens visible, and naming lines at the line."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch

from lib.figures.kit import style

#: Space between the feet of two lines of text, in inches for each point of size.
LEADING = 1.35 / 72


#: Room for a space, which measuring does not count at the end of words, in inches a point.
SPACE = 0.22 / 72


_RENDERERS = [RendererAgg(1, 1, dpi) for dpi in style.DPI.values()]


@functools.lru_cache(4096)
def measure(words: str, size: float, weight: int = 400) -> float:
    """Return the width of one line of words in inches: the larger of both layouts' hinted type."""
    font = FontProperties(family=style.family(), size=size, weight=weight)
    return max(renderer.get_text_width_height_descent(words, font, False)[0] / renderer.dpi
               for renderer in _RENDERERS)


def visible(text: str) -> str:
    """Show what a model wrote on one line: new lines as ``¶``, what cannot be printed as ``·``."""
    text = text.replace("\n", " \u00b6 ")
    return "".join(ch if ch.isprintable() and ch != "\ufffd" else "\u00b7" for ch in text).strip()


def token(text: str) -> str:
    """Show one token: a space as ``·``, a new line as ``¶``, the end of a text in words."""
    if text == "<eos>":
        return "end of text"
    shown = text.replace("\n", "\u00b6").replace(" ", "\u00b7")
    return "".join(ch if ch.isprintable() and ch != "\ufffd" else "?" for ch in shown)


def wrap(words: str, width: float, size: float, lines: int, weight: int = 400) -> list[str]:
    """Break words into at most ``lines`` lines of ``width`` inches; what is too long ends in ``…``.

    A single word that is wider than a line is broken anywhere.
    """
    done, rest = [], words.split()
    while rest and len(done) < lines:
        line = rest.pop(0)
        while rest and measure(f"{line} {rest[0]}", size, weight) <= width:
            line += " " + rest.pop(0)
        if measure(line, size, weight) > width:
            line, tail = _split(line, width, size, weight)
            rest.insert(0, tail)
        done.append(line)
    if rest:
        last = done[-1]
        while measure(last + "\u2026", size, weight) > width:
            last = last.rpartition(" ")[0] or last[:-1]
        done[-1] = last.rstrip(" ,.") + "\u2026"
    return done or [""]


def _split(word: str, width: float, size: float, weight: int) -> tuple[str, str]:
    cut = len(word) - 1
    while cut > 1 and measure(word[:cut], size, weight) > width:
        cut -= 1
    return word[:cut], word[cut:]


def paragraph(ax: Axes, left: float, top: float, words: str, width: float, lines: int,
              tone: str = style.INK, size: float = style.BASE, weight: int = 400) -> None:
    """Write words of any length on a ``board``; nothing in them is read as a formula."""
    for k, line in enumerate(wrap(visible(words), width, size, lines, weight)):
        ax.text(left, top + (k + 0.5) * size * LEADING, line, color=tone, size=size, weight=weight,
                va="center", parse_math=False)


@dataclass(frozen=True)
class Named:
    """A line of a chart: its points, and the name to write at it; without one it is kept free."""

    x: np.ndarray
    y: np.ndarray
    name: str
    tone: style.Tone


def box(ax: Axes, middle: tuple[float, float], size: tuple[float, float], words: str,
        tone: style.Tone, own: bool = False, letters: float = style.BASE) -> None:
    """A part with its name in it, around its middle; what is trained has a thick purple frame."""
    wide, high = size
    ax.add_patch(FancyBboxPatch(
        (middle[0] - wide / 2, middle[1] - high / 2), wide, high, fc=tone.tint, zorder=3,
        ec=style.LORA.mark if own else tone.mark, lw=2.2 if own else style.THIN,
        boxstyle="round,pad=0,rounding_size=.05"))
    ax.text(*middle, words, ha="center", va="center_baseline", color=tone.ink, weight=600,
            size=letters, zorder=4)


def better(ax: Axes, way: str, x: float, y: float) -> None:
    """Say where better is: the word, and an arrow: up, down, left, right or top left.

    ``x`` and ``y`` are shares of the axes; the word begins a little to the right of them.
    """
    width, height = ax.get_window_extent().size / ax.figure.dpi
    right, up = {"up": (0, 0.17), "down": (0, -0.17), "right": (0.17, 0), "left": (-0.17, 0),
                 "top left": (-0.15, 0.15)}[way]
    ax.annotate("", (x + right / 2 / width, y + up / 2 / height),
                (x - right / 2 / width, y - up / 2 / height), xycoords="axes fraction",
                annotation_clip=False, zorder=4, arrowprops={
                    "arrowstyle": "-|>", "color": style.INK, "lw": 1.4, "shrinkA": 0,
                    "shrinkB": 0, "mutation_scale": 9})
    ax.text(x + (0.07 + abs(right) / 2) / width, y, "better", transform=ax.transAxes, ha="left",
            va="center_baseline", size=style.SMALL, clip_on=False, zorder=4,
            bbox={"fc": style.PAPER, "ec": "none", "pad": 0.4})


def ring(ax: Axes, x: float, y: float) -> None:
    """Ring one mark: the one that the words are about."""
    ax.plot(x, y, "o", ms=13, mfc="none", mec=style.INK, mew=1.3, zorder=6, clip_on=False)


def _inches(ax: Axes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 200 points along a line, in inches from the axes' lower left corner."""
    corner = ax.transAxes.transform((0, 0))
    points = (ax.transData.transform(np.column_stack([x, y])) - corner) / ax.figure.dpi
    along = np.linspace(0, len(points) - 1, 200)
    return np.column_stack([np.interp(along, np.arange(len(points)), points[:, k])
                            for k in (0, 1)])


def name_lines(ax: Axes, lines: Sequence[Named], size: float = style.BASE,
               clear: float = 0.03) -> None:
    """Write each line's name where it is nearest to that line, on no line and no other name.

    The place depends on the lines alone, so that it is the same in all frames of a slider.
    Every other line is at least ``clear`` inches further away than its own, where there is room.
    """
    width, height = ax.get_window_extent().size / ax.figure.dpi
    curves, high = [_inches(ax, line.x, line.y) for line in lines], size / 72
    taken: list[tuple[float, float, float]] = []
    for k, line in enumerate(lines):
        if not line.name:
            continue
        wide = measure(line.name, size, 600)
        others = [curve for j, curve in enumerate(curves) if j != k]
        x, y = (each.ravel() for each in np.meshgrid(
            np.linspace(wide / 2 + 0.05, width - wide / 2 - 0.05, 25),
            np.linspace(high / 2 + 0.02, height - high / 2, 30), indexing="ij"))
        own = _gap(curves[k], x, y, wide, high)
        other = np.min([_gap(curve, x, y, wide, high) for curve in others], 0, initial=np.inf)
        name = np.min([_gap(np.array([[left, low]]), x, y, wide + w, 2 * high)
                       for left, low, w in taken], 0, initial=np.inf)
        near = np.maximum(own + clear - other, 0)
        clash = np.maximum(0.04 - np.minimum(np.minimum(own, other), name), 0)
        best = (own + 10 * near + 1000 * clash).argmin()
        taken.append((x[best], y[best], wide))
        ax.text(x[best] / width, y[best] / height, line.name, transform=ax.transAxes, size=size,
                ha="center", va="center", color=line.tone.ink, weight=600, zorder=4,
                bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})


def _gap(points: np.ndarray, x: np.ndarray, y: np.ndarray, wide: float,
         high: float) -> np.ndarray:
    """Return how far a box around each ``(x, y)`` is from the nearest point; 0 if one is inside."""
    beside = np.maximum(np.abs(points[:, 0] - x[:, None]) - wide / 2, 0)
    above = np.maximum(np.abs(points[:, 1] - y[:, None]) - high / 2, 0)
    return np.hypot(beside, above).min(1)


def route(ax: Axes, *points: tuple[float, float]) -> None:
    """A line through the points that ends in an arrow."""
    for start, end in zip(points[:-2], points[1:-1], strict=True):
        ax.plot(*zip(start, end, strict=True), color=style.MUTED, lw=1.1,
                solid_capstyle="projecting")
    ax.annotate("", points[-1], points[-2], zorder=2, arrowprops={
        "arrowstyle": "-|>", "color": style.MUTED, "lw": 1.1, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 7})
