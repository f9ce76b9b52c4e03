"""What LoRA costs and yields, each as a share of full fine-tuning's figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Above, a bar is LoRA's cost as a share of full fine-tuning's. Below, it is LoRA's "
           "percentage, and the green mark is full fine-tuning's.")
HALVES = {"cost": "What it costs, as a share of full: less is better",
          "yield": "What it yields, in percent: more is better"}
END = 1.15  # the largest share that has room


@dataclass(frozen=True)
class Verdict:
    """Rows of a half, each with its words, full fine-tuning's figure and LoRA's, and a unit.

    LoRA's figure is shown in the first ``shown`` rows; in the others the reader is to guess it.
    """

    halves: dict[str, list[tuple[str, float, float, str]]]
    shown: int

    def shown_in(self, half: str) -> int:
        """How many rows of a half show LoRA's figure."""
        before = 0 if half == next(iter(HALVES)) else len(self.halves[next(iter(HALVES))])
        return max(0, min(self.shown - before, len(self.halves[half])))

    @property
    def said(self) -> str:
        """What a reader can do with the picture."""
        if self.shown < sum(map(len, self.halves.values())):
            return "The green marks are full fine-tuning. Guess LoRA's bars, row by row."
        return "The green marks are full fine-tuning."


def compute(rows: Sequence[tuple[str, str, float, float, str]],
            shown: int | None = None) -> Verdict:
    """Sort rows (half, words, full, LoRA, unit) into the two halves, and show LoRA's figure in the
    first rows, by default in all.

    Raises:
        ValueError: an unknown half, or a share that has no room.
    """
    halves: dict[str, list] = {half: [] for half in HALVES}
    for half, words, full, lora, unit in rows:
        if half not in halves or not 0 <= lora / full <= END:
            raise ValueError(f"{words!r}: the half is {half!r}, the share {lora / full:.2f}")
        halves[half].append((words, full, lora, unit))
    return Verdict(halves, len(rows) if shown is None else shown)


def _said(full: float, lora: float | None, unit: str) -> str:
    """Both figures, with the unit once: ``313 against 4,195 kB``; a question mark for none."""
    if unit == "%":
        return f"{'?' if lora is None else f'{lora:.1f}%'} against {full:.1f}%"
    one, other = ("?" if each is None else f"{each:,.0f}" if each >= 100 else f"{each:g}"
                  for each in (lora, full))
    return f"{one} against {other} {unit}".strip()


def _half(ax: Axes, data: Verdict, half: str, wide: bool) -> None:
    """A title, and a bar for each row."""
    left, right = (2.3, 4.9) if wide else (0.1, 2.6)
    unit = (right - left) / END
    ax.text(0.1, 0.13, HALVES[half], va="center", weight=600)
    pitch, top = (0.3, 0.45) if wide else (0.46, 0.62)
    rows = data.halves[half]
    for row, (words, full, lora, what) in enumerate(rows):
        y = top + pitch * row
        whole = 100 if what == "%" else full  # a percentage is drawn as it is
        ax.text(*((left - 0.12, y) if wide else (left, y - 0.2)), words, va="center",
                ha="right" if wide else "left")
        known = row < data.shown_in(half)
        if known:
            ax.barh(y, unit * lora / whole, 0.16, left=left, color=style.LORA.mark, zorder=2)
        if what != "%" or not wide:  # in wide a percentage stands in the words
            ax.text(right + 0.42, y, f"{lora / whole:.0%}" if known else "?", va="center",
                    ha="right", color=style.LORA.ink, weight=600)
        if wide:
            ax.text(right + 0.52, y, _said(full, lora if known else None, what), va="center",
                    color=style.LORA.ink)
        x = left + unit * full / whole
        ax.plot((x, x), (y - 0.12, y + 0.12), color=style.FULL.mark, lw=1.8, zorder=3)
        if not row:
            ax.text(x, y - 0.21, "full", ha="center", va="center", color=style.FULL.ink,
                    size=style.SMALL)


@style.styled
def draw(data: Verdict, layout: Layout = "wide") -> Figure:
    """Draw both halves, one above the other."""
    wide = layout == "wide"
    pitch, top = (0.3, 0.45) if wide else (0.46, 0.62)
    heights = [top + pitch * len(rows) for rows in data.halves.values()]
    fig = style.canvas(layout, 0.66 + sum(heights) + 0.1)
    style.heading(fig, "LoRA of rank 8 beside full fine-tuning",
                  data.said if wide else "Green: full fine-tuning")
    at = 0.66
    for half, height in zip(data.halves, heights, strict=True):
        _half(style.board(fig, 0, at, style.WIDTH[layout], height), data, half, wide)
        at += height
    return fig


def alt(data: Verdict) -> str:
    """Return the picture in words."""
    said = [f"{HALVES[half]}: " + ", ".join(
        f"{words} {_said(full, lora if row < data.shown_in(half) else None, unit)}"
        for row, (words, full, lora, unit) in enumerate(rows))
        for half, rows in data.halves.items()]
    return f"LoRA's figures beside full fine-tuning's. {'. '.join(said)}."
