"""The look of every figure: colours with fixed meanings, type, and a canvas measured in inches.

Nothing here touches matplotlib's global settings or pyplot: ``styled`` draws under settings of its
own. Positions are inches from the top left corner, so that no frame shifts when a slider moves.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import NullLocator

Layout = Literal["wide", "narrow"]
LAYOUTS: tuple[Layout, ...] = ("wide", "narrow")

#: Width of a figure in inches, and pixels per inch of its picture.
WIDTH = {"wide": 7.2, "narrow": 3.6}
DPI = {"wide": 150, "narrow": 200}

#: Side in inches of a picture of 128 x 128 numbers: two whole pixels each, or it would flicker.
SQUARE = {"wide": 256 / 150, "narrow": 256 / 200}

#: Type in points. SMALL is 11 px in the narrowest place where a layout is shown: 624 px for a wide
#: figure, 312 px for a narrow one. NAME is for formulas: their superscripts are 0.7 times as large.
SMALL, BASE, LARGE, TITLE, NAME = 9.25, 10.0, 11.5, 13.0, 13.25

#: Widths of lines in points.
HAIR, THIN, LINE = 0.5, 0.8, 1.8

MARGIN = 0.06  # inches that every figure leaves free at its edges


@dataclass(frozen=True)
class Tone:
    """One meaning: ``mark`` for shapes and lines, ``ink`` for words, ``tint`` for fills."""

    mark: str
    ink: str
    tint: str


PAPER, INK, MUTED = "#ffffff", "#22272f", "#5c6672"
RULE, GRID, WASH = "#d3d8de", "#e7eaee", "#f4f6f8"

FROZEN = Tone("#87919d", "#5c6672", "#e9ecf0")  # weights that do not move, the base model
A = Tone("#2a78c2", "#1f66ab", "#d9e8f6")  # down-projection (r, d_in)
B = Tone("#c8501e", "#b04214", "#f9e0d4")  # up-projection (d_out, r)
LORA = Tone("#803385", "#803385", "#eedff0")  # BA, the change of a weight, and the method
FULL = Tone("#12876b", "#0d6b55", "#d5ece5")  # full fine-tuning
TASK = Tone("#b68a08", "#836300", "#f7ebc6")  # the new task, learnt
FACTS = Tone("#2b3240", "#2b3240", "#dfe2e8")  # the old facts, kept
DATA = Tone("#22272f", "#22272f", "#eef0f3")  # inputs and outputs, which no method owns

#: What a reader learns to read from the colours.
MEANINGS = {"frozen W, base model": FROZEN, "A": A, "B": B, "BA = ΔW, LoRA": LORA,
            "full fine-tuning": FULL, "new task learnt": TASK, "old facts kept": FACTS}

#: Meanings also differ by marker, for those who see no colour.
MARKER = {"full": "o", "lora": "D", "facts": "s", "task": "o", "base": "^"}


def ramp(name: str, *colours: str) -> LinearSegmentedColormap:
    """Return a colour map of 41 shades: enough for the eye, few enough for small exact PNGs."""
    return LinearSegmentedColormap.from_list(name, colours, N=41)


#: Signed numbers: white is zero, which is the page in both themes.
WEIGHTS = ramp("weights", "#16396b", "#5f8fc4", "#c3d7ea", PAPER, "#f0d2bd", "#c97f4f", "#6e2f10")
#: Shares from 0 to 1: attention, probabilities.
ATTENTION = ramp("attention", PAPER, "#dcdff0", "#9fa6d2", "#5a62a6", "#23275c")
#: How much a weight moved.
CHANGE = ramp("change", PAPER, LORA.tint, "#c597c9", LORA.mark, "#42164a")
#: A score, from none to all; ink reads well on each shade.
SCORE = ramp("score", PAPER, TASK.tint, "#f0d98a", "#dfba4b")
#: The same for old facts.
KEPT = ramp("kept", PAPER, FACTS.tint, "#c6ccd6", "#a3adbd")


@functools.cache
def family() -> str:
    """Make Source Sans Pro known to matplotlib; return the family to use, DejaVu without it."""
    found = importlib.util.find_spec("font_source_sans_pro")
    if found is None or found.origin is None:
        return "DejaVu Sans"
    for cut in ("Regular", "It", "Semibold", "Bold"):
        font_manager.fontManager.addfont(
            str(Path(found.origin).parent / "files" / f"SourceSansPro-{cut}.ttf"))
    return "Source Sans Pro"


@functools.cache
def settings() -> dict[str, Any]:
    """Return matplotlib's parameters for every figure."""
    name = family()  # a single family: with a list, each missing glyph is a warning in the page
    return {
        "font.family": [name], "font.size": BASE, "text.color": INK,
        "mathtext.fontset": "custom", "mathtext.rm": name, "mathtext.it": f"{name}:italic",
        "mathtext.bf": f"{name}:bold", "mathtext.cal": name, "mathtext.fallback": "stixsans",
        "axes.edgecolor": RULE, "axes.linewidth": THIN, "axes.facecolor": "none",
        "axes.labelcolor": MUTED, "axes.labelsize": SMALL, "axes.titlesize": BASE,
        "axes.titleweight": 600, "axes.titlelocation": "left", "axes.titlecolor": INK,
        "axes.titlepad": 7.0, "axes.axisbelow": True, "axes.spines.left": False,
        "axes.spines.top": False, "axes.spines.right": False,
        "xtick.labelsize": SMALL, "ytick.labelsize": SMALL, "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED, "xtick.color": RULE, "ytick.color": RULE,
        "xtick.major.size": 3.0, "ytick.major.size": 0.0, "xtick.minor.size": 0.0,
        "ytick.minor.size": 0.0, "grid.color": GRID, "grid.linewidth": THIN,
        "lines.linewidth": LINE, "lines.solid_capstyle": "round",
        "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "image.interpolation": "nearest",
    }


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorate a draw function: it runs under the book's settings."""
    @functools.wraps(draw)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with mpl.rc_context(settings()):
            return draw(*args, **kwargs)
    return wrapper


def canvas(layout: Layout, height: float) -> Figure:
    """Return an empty figure of the layout's width and of ``height`` inches.

    Raises:
        ValueError: ``layout`` is neither ``wide`` nor ``narrow``.
    """
    if layout not in WIDTH:
        raise ValueError(f"layout is {layout!r}; allowed are {', '.join(WIDTH)}")
    return Figure(figsize=(WIDTH[layout], height))


def place(fig: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose top left corner is ``(left, top)``, in inches."""
    full_width, full_height = fig.get_size_inches()
    return fig.add_axes((left / full_width, 1 - (top + height) / full_height,
                         width / full_width, height / full_height))


def bare(ax: Axes) -> Axes:
    """Take ticks and frame away."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(NullLocator())
    ax.spines[:].set_visible(False)
    return ax


def board(fig: Figure, left: float = 0, top: float = 0, width: float | None = None,
          height: float | None = None) -> Axes:
    """Return bare axes whose coordinates are inches from their own top left corner."""
    full_width, full_height = fig.get_size_inches()
    width, height = width or full_width - left, height or full_height - top
    ax = bare(place(fig, left, top, width, height))
    ax.set(xlim=(0, width), ylim=(height, 0))
    return ax


def card(fig: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return a quiet panel for words: a ``board`` with a tinted ground."""
    ax = board(fig, left, top, width, height)
    ax.add_artist(FancyBboxPatch((0.01, 0.01), width - 0.02, height - 0.02, fc=WASH, ec="none",
                                boxstyle="round,pad=0,rounding_size=.07"))
    return ax


def write(fig: Figure, left: float, top: float, words: str, tone: str = INK, size: float = BASE,
          **kwargs: Any) -> None:
    """Write words with their top left corner at ``(left, top)`` inches."""
    width, height = fig.get_size_inches()
    fig.text(left / width, 1 - top / height, words, color=tone, size=size,
             **{"va": "top", "ha": "left", "linespacing": 1.3, **kwargs})


def heading(fig: Figure, title: str, note: str = "") -> None:
    """Write the state as the title, smaller where it is long, and under it what the figure is."""
    from lib.figures.kit.labels import measure  # which is built on this module

    size, room = TITLE, fig.get_size_inches()[0] - 2 * MARGIN
    while size > SMALL and measure(title, size, 600) > room:
        size -= 0.25  # step by step, because hinted type doesn't grow in proportion
    write(fig, MARGIN, 0.05 + (TITLE - size) / 100, title, size=size, weight=600,
          parse_math=False)
    write(fig, MARGIN, 0.31, note, MUTED)


def point(ax: Axes, x: float | np.ndarray, y: float | np.ndarray, marker: str, tone: Tone,
          size: float = 6.5) -> None:
    """Mark a place on a curve: where the slider stands."""
    ax.plot(x, y, marker, color=tone.mark, ms=size, mec=PAPER, mew=1.2, zorder=5, clip_on=False)


def seeds(ax: Axes, x: np.ndarray, y: np.ndarray, marker: str, tone: Tone,
          size: float = 5.0) -> None:
    """Mark every seed's measurement."""
    ax.plot(x, y, marker, ls="", color=tone.mark, ms=size, mec=PAPER, mew=0.8, zorder=3,
            clip_on=False)


def fan(values: np.ndarray, room: float) -> np.ndarray:
    """Return how far each seed's mark stands aside, at most ``room``; a single one does not."""
    return np.linspace(-room, room, len(values)) if len(values) > 1 else np.zeros(len(values))


def share_ticks(axis: Axis, low: float = 0.0) -> None:
    """Mark an axis of shares at ``low``, at one, and between them, in percent."""
    ticks = (low, (1 + low) / 2, 1)
    axis.set_ticks(ticks, [f"{100 * tick:g}%" for tick in ticks])


def number_ticks(axis: Axis, numbers: Iterable[float], digits: int = 3) -> None:
    """Mark those of the numbers that are within the axis' limits, and nothing between them."""
    low, high = axis.get_view_interval()
    ticks = [number for number in numbers if low <= number <= high]
    axis.set_ticks(ticks, [short(tick, digits) for tick in ticks])
    axis.set_minor_locator(NullLocator())


def short(number: float, digits: int = 2) -> str:
    """Write a number without a leading zero and with a true minus: ``−.48``."""
    text = f"{number:.{digits}f}"
    if float(text) == 0:
        return "0"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1).replace("-", "\u2212") if abs(number) < 1 \
        else text.replace("-", "\u2212")


def power(number: float, digits: int = 0) -> str:
    """Write a number as in code, but shorter: ``3e−4``, and ``1`` for one."""
    mantissa, exponent = f"{number:.{digits}e}".split("e")
    return f"{mantissa}e{int(exponent)}".removesuffix("e0").replace("-", "\u2212")


def percent(share: float, digits: int = 0) -> str:
    """Write a share as ``97%``; short of all it is never ``100%``, nor ``0%`` above nothing."""
    text = f"{share:.{digits}%}"
    step = 10.0 ** -(digits + 2)
    if share < 1 and float(text[:-1]) >= 100:
        return f">{1 - step:.{digits}%}"
    return f"<{step:.{digits}%}" if share > 0 and float(text[:-1]) == 0 else text
