"""LoRA+ and the plain LoRA with a larger alpha: their losses, with and without clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = ("Each step has a batch of its own, so a loss can rise from one step to the next. "
           "Logarithmic axis.")
SAME = 0.001  # nats: two losses that are never further apart are called the same
TONES = (style.B, style.LORA)


@dataclass(frozen=True)
class Twins:
    """By clipping, and by name, each step's loss; the clipping that is shown."""

    losses: dict[str, dict[str, np.ndarray]]
    clipping: str

    @property
    def shown(self) -> dict[str, np.ndarray]:
        """Both runs of the chosen clipping."""
        return self.losses[self.clipping]

    @property
    def apart(self) -> float:
        """The largest difference of both losses in a step, in nats."""
        one, other = self.shown.values()
        return float(np.abs(one - other).max())


def compute(losses: Mapping[str, Mapping[str, Sequence[float]]], clipping: str) -> Twins:
    """Choose a clipping.

    Raises:
        ValueError: there are no runs with this clipping, or not two of equally many steps.
    """
    if clipping not in losses:
        raise ValueError(f"unknown clipping {clipping!r}: allowed are {', '.join(losses)}")
    if len(losses[clipping]) != 2 or len({len(each) for each in losses[clipping].values()}) > 1:
        raise ValueError(f"there must be two runs of equally many steps with {clipping!r}")
    return Twins({how: {name: np.array(each, float) for name, each in runs.items()}
                  for how, runs in losses.items()}, clipping)


def _title(data: Twins) -> str:
    """Say which run has the lower loss, and how often."""
    if data.apart < SAME:
        return "The same losses, step by step"
    (one, ones), (other, others) = data.shown.items()
    lower = {one: int((ones < others).sum()), other: int((others < ones).sum())}
    name = max(lower, key=lower.__getitem__)
    return f"{name}: lower in {lower[name]} of {len(ones)} steps"


@style.styled
def draw(data: Twins, layout: Layout = "wide") -> Figure:
    """Draw both losses over the steps, the second one as a thin line upon the first."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 3.2)
    style.heading(fig, _title(data), f"Clipping {data.clipping}; "
                  + (f"up to {data.apart:.2f}" if data.apart >= SAME else f"never {SAME}")
                  + " nats apart")
    ax = style.place(fig, 0.62, 0.75, *((6.3, 2.0) if wide else (2.8, 1.9)))
    every = np.concatenate([each for runs in data.losses.values() for each in runs.values()])
    for (name, each), tone, thick in zip(data.shown.items(), TONES, (4.0, 1.3), strict=True):
        ax.plot(np.arange(1, len(each) + 1), each, color=tone.mark, lw=thick, label=name,
                alpha=0.55 if thick > 2 else 1)
    ax.set(yscale="log", ylim=(every.min() * 0.8, every.max() * 1.3), xlabel="training step",
           ylabel="loss, nats per token")
    style.number_ticks(ax.yaxis, (0.03, 0.1, 0.3, 1, 3))
    ax.legend(loc="upper right", frameon=False)
    ax.grid(axis="y")
    return fig


def alt(data: Twins) -> str:
    """Return the frame in words."""
    ends = " and ".join(f"{name} {each[-1]:.3f}" for name, each in data.shown.items())
    far = "always the same" if data.apart < SAME else f"up to {data.apart:.2f} nats apart"
    return (f"{_title(data)}. Clipping {data.clipping}: the losses of both runs are {far}; in the "
            f"last step {ends}.")
