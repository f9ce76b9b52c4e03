"""What a training step of this model keeps in memory, measured: a bar for each way to train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.finetuning.cost_scale import KEPT, written
from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

PARTS = ("weights", "gradients", "optimizer", "activations")
CAPTION = "Look which part of a bar is longest, and which part LoRA takes away."


@dataclass(frozen=True)
class Bill:
    """Bytes of each of PARTS, for each way to train; the first is full fine-tuning."""

    parts: dict[str, tuple[int, ...]]

    def total(self, name: str) -> int:
        """All bytes of one way to train."""
        return sum(self.parts[name])

    @property
    def shares(self) -> list[float]:
        """The activations' share of each way to train."""
        return [parts[-1] / sum(parts) for parts in self.parts.values()]


def compute(bills: Mapping[str, Sequence[int]]) -> Bill:
    """Take the bytes of weights, gradients, optimizer and activations by name.

    Raises:
        ValueError: There are no bills, or one has not four parts.
    """
    if not bills:
        raise ValueError("bills is empty, at least one is needed")
    for name, parts in bills.items():
        if len(parts) != len(PARTS):
            raise ValueError(f"{name} has {len(parts)} parts; allowed are {', '.join(PARTS)}")
    return Bill({name: tuple(map(int, parts)) for name, parts in bills.items()})


def _tone(row: int) -> Tone:
    return style.FULL if row == 0 else style.LORA


def _looks(tone: Tone) -> tuple[str, ...]:
    """The fill of each part, as in the picture of larger models."""
    return style.FROZEN.mark, tone.tint, tone.mark, KEPT


def _bars(ax: Axes, data: Bill, width: float) -> None:
    """A stacked bar for each way to train, its name over it and its total at its end."""
    most, room = max(map(data.total, data.parts)), 0.62
    scale = most / 1e6 / (width - room)  # megabytes an inch
    for row, (name, parts) in enumerate(data.parts.items()):
        left = 0.0
        for part, size, fill in zip(PARTS, parts, _looks(_tone(row)), strict=True):
            ax.barh(row, size / 1e6, 0.42, left, fc=fill, ec=style.MUTED, lw=style.HAIR)
            words = f"{part} {written(size)}"
            if part == PARTS[-1] and size / 1e6 / scale > measure(words, style.SMALL, 600) + 0.1:
                ax.text(left + size / 2e6, row, words, ha="center", va="center_baseline",
                        size=style.SMALL, weight=600, color=style.INK)
            left += size / 1e6
        ax.text(0, row - 0.36, name, color=_tone(row).ink, weight=600, va="center_baseline")
        ax.text(left + 0.06 * scale, row, written(data.total(name)), color=_tone(row).ink,
                weight=600, va="center_baseline")
    # A little more on the left, or the frame of the bars would be cut off.
    ax.set(xlim=(-0.003 * most / 1e6, width * scale), ylim=(len(data.parts) - 0.6, -0.6),
           yticks=[], xlabel="memory that a step keeps, MB")
    ax.grid(axis="x")


@style.styled
def draw(data: Bill, layout: Layout = "wide") -> Figure:
    """Draw the bars, with the parts' fills named above them."""
    wide = layout == "wide"
    high = 0.62 * len(data.parts)
    fig = style.canvas(layout, 1.25 + high + 0.55)
    least, most = (style.percent(each(data.shares)) for each in (min, max))
    shares = least if least == most else f"{least} to {most}"
    style.heading(fig, f"Activations are {shares} of what a step keeps" if wide
                  else f"Activations: {shares} of a step",
                  "This model, measured on one step, with every number in 32 bits"
                  if wide else "What a step of this model keeps, 32 bits")
    board = style.board(fig)
    step = (fig.get_size_inches()[0] - 2 * style.MARGIN) / (5 if wide else 4)
    for at, part in enumerate(PARTS):
        x = style.MARGIN + at * step
        for k, tone in enumerate((style.FULL, style.LORA) if at in (1, 2) else (style.FULL,)):
            board.add_artist(Rectangle((x + 0.11 * k, 0.79), 0.1, 0.1, lw=style.HAIR,
                                       fc=_looks(tone)[at], ec=style.MUTED))
        board.text(x + (0.26 if at in (1, 2) else 0.15), 0.84, part, size=style.SMALL,
                   va="center_baseline", color=style.MUTED)
    left = 0.1
    width = fig.get_size_inches()[0] - left - 0.1
    _bars(style.place(fig, left, 1.15, width, high), data, width)
    return fig


def alt(data: Bill) -> str:
    """Return the picture in words."""
    said = []
    for name, parts in data.parts.items():
        said.append(f"{name} {written(data.total(name))}, of which activations "
                    f"{style.percent(parts[-1] / data.total(name))}")
    return f"What one step keeps: {'; '.join(said)}."
