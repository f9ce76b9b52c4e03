"""What adapters cost: for each kind of layer its own weights and, beside them, A and B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.cells import gauge
from lib.figures.kit.style import Layout

CAPTION = "A bar is a layer's own weights, its filled beginning A and B, to scale."


@dataclass(frozen=True)
class Budget:
    """Numbers of each kind of layer in the whole model: frozen W, and A with B at ``rank``.

    chosen: the kinds that are adapted; total: all parameters of the model.
    """

    rank: int
    weights: dict[str, int]
    adapters: dict[str, int]
    chosen: tuple[str, ...]
    total: int

    @property
    def trained(self) -> int:
        """Numbers in A and B of the chosen kinds."""
        return sum(self.adapters[kind] for kind in self.chosen)


def compute(shapes: Mapping[str, Sequence[tuple[int, int]]], rank: int, chosen: Sequence[str],
            total: int) -> Budget:
    """Count r (d_in + d_out) for each matrix; ``shapes`` holds each kind's (d_out, d_in).

    Raises:
        ValueError: A chosen kind is not in ``shapes``, or the rank is above a side.
    """
    for kind in chosen:
        if kind not in shapes:
            raise ValueError(f"chosen names {kind!r}; the kinds are {', '.join(shapes)}")
    least = min(min(pair) for each in shapes.values() for pair in each)
    if not 1 <= rank <= least:
        raise ValueError(f"rank is {rank}, it must be from 1 to {least}")
    return Budget(rank, {kind: sum(a * b for a, b in each) for kind, each in shapes.items()},
                  {kind: rank * sum(a + b for a, b in each) for kind, each in shapes.items()},
                  tuple(chosen), total)


def _kinds(ax: Axes, data: Budget, wide: bool) -> None:
    """A grey bar for W of each kind, and inside it what its adapters hold."""
    for row, (kind, count) in enumerate(data.weights.items()):
        on = kind in data.chosen
        ax.barh(row, count, 0.62, color=style.FROZEN.tint, ec=style.FROZEN.mark, lw=style.THIN)
        if on:
            ax.barh(row, data.adapters[kind], 0.62, color=style.LORA.mark)
        words = f"{data.adapters[kind]:,}" if on else "not adapted"
        ax.text(count + 5000, row, words, va="center_baseline", size=style.SMALL,
                color=style.LORA.ink if on else style.MUTED, weight=600 if on else 400,
                bbox={"fc": style.PAPER, "ec": "none", "pad": 0.5})
    most = max(data.weights.values())
    ax.set(xlim=(0, most * (1.25 if wide else 1.42)), ylim=(len(data.weights) - 0.4, -0.6),
           xlabel="parameters (grey: frozen W; filled: A and B)")
    ax.set_yticks(range(len(data.weights)), [kind.replace("_", " ") for kind in data.weights])
    ticks = (0, 100_000, 200_000)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.grid(axis="x")


@style.styled
def draw(data: Budget, layout: Layout = "wide") -> Figure:
    """Draw the bars of all kinds, and the trained share of the whole model under them."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.9)
    style.heading(fig, f"Rank {data.rank}: {data.trained:,} trainable parameters",
                  f"beside {data.total:,} frozen ones" + (
                      f", on {len(data.chosen)} of {len(data.weights)} kinds of layer"
                      if wide else ""))
    left = 1.35
    width = fig.get_size_inches()[0] - left - 0.12
    _kinds(style.place(fig, left, 0.7, width, 2.1), data, wide)
    gauge(fig, style.MARGIN, 3.42, fig.get_size_inches()[0] - 2 * style.MARGIN,
          data.trained / data.total, style.LORA, "Share of the model",
          style.percent(data.trained / data.total, 2))
    return fig


def alt(data: Budget) -> str:
    """Return the frame in words."""
    kinds = ", ".join(kind.replace("_", " ") for kind in data.chosen)
    return (f"Rank {data.rank} on {kinds}: {data.trained:,} parameters are trained, "
            f"{style.percent(data.trained / data.total, 2)} of {data.total:,}.")
