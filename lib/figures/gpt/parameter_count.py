"""How many parameters a model has, by part, and where it lies between this one and GPT-3."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Find which part holds most of the parameters as the width, the depth and the "
           "vocabulary grow.")

#: d_model, layers and vocabulary of models that readers know.
KNOWN = {"this model": (128, 4, 1_000), "GPT-2 small": (768, 12, 50_257),
         "GPT-2 XL": (1600, 48, 50_257), "GPT-3": (12_288, 96, 50_257)}
UNITS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
AXIS = (3e5, 1e12)


@dataclass(frozen=True)
class Count:
    """Sizes of a model, and the parameters of each of its parts."""

    d_model: int
    layers: int
    vocabulary: int
    parts: dict[str, int]

    @property
    def total(self) -> int:
        """All parameters."""
        return sum(self.parts.values())


def compute(d_model: int, layers: int, vocabulary: int) -> Count:
    """Count by formula: no biases, no learnt positions, two tables, a feed-forward 4 d_model wide.

    Raises:
        ValueError: A size is below 1.
    """
    for name, value in (("d_model", d_model), ("layers", layers), ("vocabulary", vocabulary)):
        if value < 1:
            raise ValueError(f"{name} is {value}, it must be at least 1")
    return Count(d_model, layers, vocabulary, {
        "embedding and output": 2 * vocabulary * d_model,
        "attention": layers * 4 * d_model**2,
        "feed-forward": layers * 2 * d_model * 4 * d_model,
        "layer norms": layers * 4 * d_model + 2 * d_model})


def rounded(number: float) -> str:
    """Write a count as one says it: ``162 million``."""
    for unit, name in UNITS:
        if number >= unit:
            scaled = number / unit
            return f"{scaled:.{max(0, 2 - int(math.log10(scaled)))}f} {name}"
    return f"{number:,.0f}"


def _parts(ax: Axes, data: Count) -> None:
    """Each part's share of the whole, with its count."""
    for row, (name, count) in enumerate(data.parts.items()):
        share = count / data.total
        ax.barh(row, 1, 0.26, color=style.FROZEN.tint)
        ax.barh(row, share, 0.26, color=style.FROZEN.mark)
        ax.text(0, row - 0.38, name, va="center_baseline", weight=600)
        ax.text(1, row - 0.38, f"{count:,}   {style.percent(share, 1)}", ha="right",
                va="center_baseline", size=style.SMALL)
    style.bare(ax).set(xlim=(0, 1), ylim=(len(data.parts) - 0.7, -0.7))


def _axis(ax: Axes, data: Count, wide: bool) -> None:
    """The known models on a logarithmic axis, and this one among them."""
    for k, (name, sizes) in enumerate(KNOWN.items()):
        total = compute(*sizes).total
        high = 0.42 + (0 if wide or k % 2 == 0 else 0.27)
        ax.plot([total, total], [0, high - 0.09], color=style.RULE, lw=style.THIN, zorder=1)
        ax.plot(total, 0, style.MARKER["base"], color=style.FROZEN.mark, ms=7, clip_on=False,
                zorder=2)
        ax.text(total, high, name, ha="center", va="center_baseline", size=style.SMALL,
                color=style.MUTED)
    ax.plot(data.total, 0, "o", color=style.INK, ms=8, mec=style.PAPER, mew=1.2, clip_on=False,
            zorder=3)
    ax.set_xscale("log")
    ticks = (1e6, 1e8, 1e10, 1e12)
    ax.set_xticks(ticks, ["1 million", "100 million", "10 billion", "1 trillion"] if wide
                  else ["1 M", "100 M", "10 B", "1 T"])
    ax.minorticks_off()
    ax.set(xlim=AXIS, ylim=(0, 0.8), yticks=[], xlabel="parameters (logarithmic)")


@style.styled
def draw(data: Count, layout: Layout = "wide") -> Figure:
    """Draw the parts as bars, and below them the place among known models."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.92)
    style.heading(fig, f"{data.total:,} parameters",
                  f"d_model {data.d_model:,}, {data.layers} layers, "
                  f"vocabulary {data.vocabulary:,}")
    width = fig.get_size_inches()[0] - 2 * style.MARGIN
    _parts(style.place(fig, style.MARGIN, 0.62, width, 1.9), data)
    room = 0.3
    _axis(style.place(fig, room, 2.56, width + 2 * style.MARGIN - 2 * room, 0.8), data, wide)
    return fig


def alt(data: Count) -> str:
    """Return the frame in words."""
    most = max(data.parts, key=data.parts.__getitem__)
    times = data.total / compute(*KNOWN["this model"]).total
    size = "as many as this model has" if times == 1 else \
        f"{times:,.0f} times this model" if times >= 10 else f"{times:.1f} times this model"
    return (f"d_model {data.d_model:,}, {data.layers} layers, vocabulary {data.vocabulary:,}: "
            f"{data.total:,} parameters ({rounded(data.total)}), {size}. Most are in "
            f"{most}: {style.percent(data.parts[most] / data.total)}.")
