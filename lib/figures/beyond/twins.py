"""Two runs, step by step: LoRA+ beside a larger alpha by clipping, PiSSA beside LoRA by rate."""

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
FIRST = 5  # the title compares the first and the last fifth of the steps


@dataclass(frozen=True)
class Twins:
    """By setting, and by name, each step's loss; the setting that is shown, and its words."""

    losses: dict[str | float, dict[str, np.ndarray]]
    setting: str | float
    words: str

    @property
    def shown(self) -> dict[str, np.ndarray]:
        """Both runs of the chosen setting."""
        return self.losses[self.setting]

    @property
    def apart(self) -> float:
        """The largest difference of both losses in a step, in nats."""
        one, other = self.shown.values()
        return float(np.abs(one - other).max())


def compute(losses: Mapping[str | float, Mapping[str, Sequence[float]]], setting: str | float,
            words: str = "clipping") -> Twins:
    """Choose a setting, of clipping or of what ``words`` say.

    Raises:
        ValueError: there are no runs with this setting, or not two of equally many steps.
    """
    if setting not in losses:
        raise ValueError(f"unknown setting {setting!r}: allowed are "
                         f"{', '.join(map(str, losses))}")
    if len(losses[setting]) != 2 or len({len(each) for each in losses[setting].values()}) > 1:
        raise ValueError(f"there must be two runs of equally many steps with {setting!r}")
    return Twins({how: {name: np.array(each, float) for name, each in runs.items()}
                  for how, runs in losses.items()}, setting, words)


def _lower(runs: Mapping[str, np.ndarray]) -> tuple[str, int]:
    """The run with the lower loss in more of the steps, and in how many."""
    (one, ones), (other, others) = runs.items()
    counts = {one: int((ones < others).sum()), other: int((others < ones).sum())}
    name = max(counts, key=counts.__getitem__)
    return name, counts[name]


def title(data: Twins) -> str:
    """Return which run has the lower loss, and how often, or that the other one is lower first."""
    if data.apart < SAME:
        return "The same losses, step by step"
    steps = len(next(iter(data.shown.values())))
    some = max(1, steps // FIRST)
    first, last = (_lower({name: each[part] for name, each in data.shown.items()})[0]
                   for part in (slice(some), slice(-some, None)))
    if first != last:
        return f"{first} is lower at first, {last} in the end"
    return "{}: lower in {} of {} steps".format(*_lower(data.shown), steps)


def _set(data: Twins) -> str:
    """The setting in words."""
    shown = f"{data.setting:g}" if isinstance(data.setting, float) else data.setting
    return f"{data.words[:1].upper()}{data.words[1:]} {shown}"


@style.styled
def draw(data: Twins, layout: Layout = "wide") -> Figure:
    """Draw both losses over the steps, the second one as a thin line upon the first."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.3 if wide else 3.2)
    style.heading(fig, title(data), f"{_set(data)}; "
                  + (f"up to {data.apart:.2f}" if data.apart >= SAME else f"never {SAME}")
                  + " nats apart")
    ax = style.place(fig, 0.62, 0.75, *((6.3, 2.0) if wide else (2.8, 1.9)))
    every = np.concatenate([each for runs in data.losses.values() for each in runs.values()])
    tones = (style.FROZEN if "LoRA" in data.shown else style.B, style.LORA)
    for (name, each), tone, thick in zip(data.shown.items(), tones, (4.0, 1.3), strict=True):
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
    return (f"{title(data)}. {_set(data)}: the losses of both runs are {far}; in the "
            f"last step {ends}.")
