"""LoRA in a block of the model, step by step: put on, forward, backward, a step, file, merged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import paragraph
from lib.figures.kit.style import Layout, Tone
from lib.laboratory.lora_steps import ADAPTED, ROWS, Measured

BOX, BAR, THROUGH = 0.28, 0.2, 0.26  # a box's height, an adapter's short side, from A to B

CAPTION = ("Go through the steps from left to right: grey is frozen and stays as it is, blue and "
           "orange are all that LoRA adds, trains and stores.")

#: The steps, as buttons, with the titles of their frames.
STEPS = {"base": "The base model", "put on": "Adapters are put on", "forward": "Forward",
         "backward": "Backward", "one step": "After one step", "file": "What the file holds",
         "merged": "Merged"}


@dataclass(frozen=True)
class Stage:
    """What was measured, and the step that is shown."""

    found: Measured
    step: str

    @property
    def number(self) -> int:
        """The place of the step, from 0."""
        return list(STEPS).index(self.step)

    @property
    def adapters(self) -> bool:
        """Whether A and B stand beside W."""
        return 0 < self.number < 6


def compute(found: Measured, step: str) -> Stage:
    """Pick a step.

    Raises:
        ValueError: there is no such step.
    """
    if step not in STEPS:
        raise ValueError(f"step is {step!r}; allowed are {', '.join(STEPS)}")
    return Stage(found, step)


def _names(rows: Sequence[str]) -> str:
    return " and ".join(rows) or "nothing"


def words(data: Stage) -> str:
    """Return what happens in this step, with its numbers."""
    f = data.found
    rows, inside = f.kept
    still = [row for row in "AB" if not f.gradients[row]]
    return {
        "base": f"{f.base:,} parameters. In full fine-tuning all of them are trained; LoRA freezes "
                "all of them.",
        "put on": f"{f.added:,} new numbers beside {f.matrices} matrices, {f.added / f.base:.2%} "
                  f"of the base. B is 0, so no logit changes: largest difference {f.gap:g}.",
        "forward": "Both paths are added. Squares: what an adapter keeps for the way back. x, "
                   f"{rows[0]} × {rows[1]}, once for the three; what A makes of it, "
                   f"{inside[0]} × {inside[1]}, for each.",
        "backward": f"The gradient goes through every box, but only {f.with_gradient[0]} of "
                    f"{f.with_gradient[1]} arrays receive one of their own: A and B."
                    + f" That of {_names(still)} is 0, as B is." * bool(still),
        "one step": f"Of W, A and B, {_names([r for r in 'WAB' if f.moved[r]])} moved. Loss on "
                    f"this batch: {f.losses[0]:.2f} nats before, {f.losses[1]:.2f} after."
                    + f" From the next step on {_names(still)} moves, too." * bool(still),
        "file": f"A and B alone, {f.stored_bytes / 1e3:.0f} kB of numbers, "
                f"{f.files[0] / 1e3:.0f} kB with their names. The base's file, "
                f"{f.files[1] / 1e6:.1f} MB, stays as it is.",
        "merged": f"(α/r) BA is added into W: {f.merged_count:,} numbers, as many as the base "
                  "has, and one path. Largest difference of a logit: "
                  f"{style.power(f.merged_gap)}.",
    }[data.step]


@dataclass(frozen=True)
class Places:
    """Where things stand, in inches: stream, first box, a column, a square's side, the gap."""

    stream: float
    box: float
    column: float
    side: float
    gap: float
    top: float
    wide: bool

    @property
    def right(self) -> float:
        """The right end of the columns."""
        return self.box + 3 * self.column - (0.12 if self.wide else 0.06)

    @property
    def bus(self) -> float:
        """The height of the wire that brings x to all matrices and adapters."""
        return self.top + BOX + 0.2

    @property
    def attention(self) -> float:
        """The top of the box in which queries, keys and values meet."""
        return self.bus + BAR + THROUGH + self.side + 0.59

    @property
    def second(self) -> float:
        """The top of the feed-forward's boxes."""
        return self.attention + 2 * BOX + 0.34

    @property
    def end(self) -> float:
        """Where the stream leaves the picture."""
        return self.second + BOX + 0.44


def _wire(ax: Axes, points: Sequence[tuple[float, float]], back: bool, colour: str = style.INK,
          lw: float = 1.1) -> None:
    """A line with its arrow at the end, or at the start where the gradient goes back."""
    points = list(points)[::-1] if back else list(points)
    ax.plot(*zip(*points), color=colour, lw=lw, solid_joinstyle="round", zorder=2)
    ax.annotate("", points[-1], points[-2], zorder=3, arrowprops={
        "arrowstyle": "-|>", "color": colour, "lw": lw, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 8})


def _box(ax: Axes, left: float, top: float, width: float, name: str, faint: bool) -> None:
    ax.add_artist(FancyBboxPatch((left, top), width, BOX, fc=style.PAPER if faint else
                                 style.FROZEN.tint, ec=style.FROZEN.mark, lw=style.THIN,
                                 ls=(0, (2, 2)) if faint else "-", zorder=4,
                                 boxstyle="round,pad=0,rounding_size=.05"))
    ax.text(left + width / 2, top + BOX / 2, name, ha="center", va="center_baseline", zorder=5,
            color=style.MUTED if faint else style.INK, size=style.SMALL)


def _array(ax: Axes, left: float, top: float, width: float, height: float, tone: Tone, name: str,
           *, full: bool = False, faint: bool = False, empty: bool = False) -> None:
    """A matrix: ``full`` where it is what the step is about, ``empty`` where it is zero."""
    fill = tone.ink if full else style.PAPER if faint or empty else tone.tint
    ax.add_artist(Rectangle((left, top), width, height, fc=fill, ec=tone.mark, lw=1.2, zorder=4,
                           ls=(0, (2, 2)) if faint else "-"))
    ax.text(left + width / 2, top + height / 2, name, ha="center", va="center_baseline", zorder=5,
            size=style.SMALL, weight=600, color=style.PAPER if full else
            style.MUTED if faint else tone.ink if tone is not style.FROZEN else style.INK)


def _plus(ax: Axes, x: float, y: float) -> None:
    ax.plot(x, y, "o", ms=11, mfc=style.PAPER, mec=style.INK, mew=1.1, zorder=6)
    ax.text(x, y, "+", ha="center", va="center_baseline", weight=600, zorder=7)


def _kept(ax: Axes, x: float, y: float) -> None:
    """A square on a wire: an activation that is kept for the way back."""
    ax.plot(x, y, "s", ms=7, color=style.TASK.mark, mec=style.PAPER, mew=0.8, zorder=6)


def _column(ax: Axes, data: Stage, at: Places, k: int) -> None:
    """One adapted matrix: W on the left, A over B beside it, and their sum."""
    left, back, faint = at.box + k * at.column, data.step == "backward", data.step == "file"
    middle, bus, low = left + at.side / 2, at.bus, at.attention
    top, bottom = bus + 0.15, bus + 0.15 + BAR + THROUGH + at.side
    square = (top + bottom - at.side) / 2
    joined = bottom + 0.19
    merged = data.step == "merged"
    _array(ax, left, square, at.side, at.side, style.LORA if merged else style.FROZEN,
           f"{ADAPTED[k]}\n+ BA" if merged else ADAPTED[k], faint=faint)
    _wire(ax, [(middle, bus), (middle, square)], back)
    if not data.adapters:
        _wire(ax, [(middle, square + at.side), (middle, low)], back)
        return
    side = left + at.side + at.gap
    centre = side + at.side / 2
    _wire(ax, [(middle, square + at.side), (middle, joined - 0.09)], back)
    _wire(ax, [(middle, joined + 0.09), (middle, low)], back)
    _wire(ax, [(centre, bus), (centre, top)], back, style.LORA.mark)
    _wire(ax, [(centre, top + BAR), (centre, top + BAR + THROUGH)], back, style.LORA.mark)
    _wire(ax, [(centre, bottom), (centre, joined), (middle + 0.09, joined)], back, style.LORA.mark)
    shown = {3: data.found.gradients, 4: data.found.moved, 5: data.found.stored}
    full = {row: bool(shown.get(data.number, {}).get(row)) for row in "AB"}
    _array(ax, side, top, at.side, BAR, style.A, "A", full=full["A"])
    _array(ax, centre - BAR / 2, top + BAR + THROUGH, BAR, at.side, style.B,
           "B" if data.number >= 4 or at.wide else "0", full=full["B"], empty=data.number < 4)
    if at.wide and data.number < 4:
        ax.text(centre + 0.16, bottom - at.side / 2, "= 0", va="center_baseline", color=style.B.ink)
    _plus(ax, middle, joined)
    if data.step in ("forward", "backward"):
        _kept(ax, centre, top + BAR + THROUGH / 2)
    if at.wide:
        ax.text(centre + 0.14, top + BAR + THROUGH / 2, f"{data.found.rank} numbers",
                va="center_baseline", size=style.SMALL, color=style.LORA.ink)
        ax.text(centre + 0.2, bottom - 0.06, f"α/r = {data.found.scaling:g}",
                va="center_baseline", size=style.SMALL, color=style.LORA.ink)


def _block(ax: Axes, data: Stage, at: Places) -> None:
    """The stream, attention with its adapted matrices, and the feed-forward."""
    back, faint, top = data.step == "backward", data.step == "file", at.top
    norm = 1.1 if at.wide else 0.86
    bus, low, second = at.bus, at.attention, at.second
    output, under = low + BOX + 0.14, second + BOX + 0.16
    _wire(ax, [(at.stream, top - 0.06), (at.stream, at.end)], back, lw=2.2)
    for row in (top + 0.08, second):
        _box(ax, at.box, row, norm, "layer norm", faint)
        _wire(ax, [(at.stream, row + BOX / 2), (at.box, row + BOX / 2)], back)
    last = at.box + 2 * at.column + at.side / 2 + data.adapters * (at.side + at.gap)
    first = at.box + at.side / 2
    ax.plot([first, first, last], [top + 0.08 + BOX, bus, bus], color=style.INK, lw=1.1, zorder=2)
    for k in range(3):
        _column(ax, data, at, k)
    if data.step in ("forward", "backward"):
        _kept(ax, first, bus - 0.05)
    _box(ax, at.box, low, at.right - at.box, "softmax of q·k, times v: no parameters", faint)
    _box(ax, at.box, output, norm, "output", faint)
    _wire(ax, [(first, low + BOX), (first, output)], back)
    _wire(ax, [(at.box, output + BOX / 2), (at.stream + 0.09, output + BOX / 2)], back)
    _plus(ax, at.stream, output + BOX / 2)
    step = (at.right - at.box - norm) / 2
    for k, name in enumerate(("up", "down")):
        left = at.box + norm + k * step + 0.2
        words = f"feed-forward, {name}" if at.wide else name
        _box(ax, left, second, step - 0.2, words, faint)
        _wire(ax, [(left - 0.2, second + BOX / 2), (left, second + BOX / 2)], back)
    side = at.right - 0.4
    _wire(ax, [(side, second + BOX), (side, under), (at.stream + 0.09, under)], back)
    _plus(ax, at.stream, under)


def _cells(data: Stage, row: str, wide: bool) -> tuple[str, ...]:
    """A line of the table: shape, numbers, gradient, moved, in the file; what comes later is
    empty."""
    f, there = data.found, row in ("rest", "W") or data.adapters
    if not there:
        return ("in W" if data.step == "merged" else "", "", "", "", "")
    shape = ""
    if row in f.shapes:
        matrices = f.counts[row] // math.prod(f.shapes[row])
        shape = (" × " if wide else "×").join(map(str, (matrices, *f.shapes[row])))
    shown = data.step != "merged"
    slope = style.short(f.gradients[row], 3) if row in "AB" else "none"
    return (shape, f"{f.counts[row]:,}", slope if shown and data.number > 2 else "",
            style.short(f.moved[row], 3) if shown and data.number > 3 else "",
            f"{f.stored[row]:,}" if shown and data.number > 4 else "")


def _table(fig: Figure, data: Stage, top: float, wide: bool) -> None:
    """What each kind of array holds, gets, does and leaves."""
    width, line = fig.get_size_inches()[0] - 2 * style.MARGIN, 0.2
    ax = style.card(fig, style.MARGIN, top, width, 5 * line + 0.14)
    ends = (2.3, 3.2, 4.5, 5.75, 6.9) if wide else (0.98, 1.68, 2.28, 2.78, 3.4)
    heads = ("shape", "numbers", *(("norm of gradient", "distance moved", "in the file") if wide
                                   else ("gradient", "moved", "in file")))
    names = {"rest": "rest of the base", "W": "adapted W", "A": "A", "B": "B"} if wide else \
        dict(zip(ROWS, ROWS, strict=True))
    tones = {"A": style.A.ink, "B": style.B.ink}
    for x, name in zip(ends, heads, strict=True):
        ax.text(x, 0.07 + line / 2, name, ha="right", va="center_baseline", size=style.SMALL,
                color=style.MUTED)
    for k, row in enumerate(ROWS, start=1):
        y = 0.07 + (k + 0.5) * line
        ax.text(0.1, y, names[row], va="center_baseline", size=style.SMALL, weight=600,
                color=tones.get(row, style.INK))
        for x, said in zip(ends, _cells(data, row, wide), strict=True):
            ax.text(x, y, said, ha="right", va="center_baseline", size=style.SMALL)


@style.styled
def draw(data: Stage, layout: Layout = "wide") -> Figure:
    """Draw one of the blocks from top to bottom, and the table of its arrays."""
    wide = layout == "wide"
    at = Places(0.36, 0.86, 2.1, 0.68, 0.26, 0.86, True) if wide else \
        Places(0.16, 0.44, 1.02, 0.44, 0.07, 1.16, False)
    fig = style.canvas(layout, at.end + 1.28)
    style.heading(fig, f"{data.number}  {STEPS[data.step]}")
    ax = style.board(fig)
    paragraph(ax, style.MARGIN, 0.31, words(data), fig.get_size_inches()[0] - 2 * style.MARGIN,
              2 if wide else 4, style.MUTED)
    _block(ax, data, at)
    _table(fig, data, at.end + 0.08, wide)
    return fig


def alt(data: Stage) -> str:
    """Return the frame in words."""
    ends = {"base": "A block of the model: layer norm, query, key, value, attention, output and "
                    "feed-forward, all grey.",
            "merged": "Query, key and value have taken BA in; no adapters are left beside them."}
    stands = ends.get(data.step, "Beside query, key and value of a block stand A, flat, and B, "
                      "narrow; both paths of each are added.")
    return f"Step {data.number} of 6, {STEPS[data.step].lower()}: {words(data)} {stands}"
