"""The product of a rotated query and key over their distance, for one pair or for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from lib.figures.gpt.position_race import apart
from lib.figures.kit import style
from lib.figures.kit.style import Layout

LOW, ROUND = -1.45, -0.99  # a pair that falls so low is named below its lowest point
CAPTION = "Black: what you choose. Pale: the pairs that you can choose; grey: all of them."


@dataclass(frozen=True)
class Waves:
    """turn: tokens of a turn of the chosen pair, 0 for all; ``pale``: number -> (distances,).

    The number 0 stands for the mean of all pairs.
    """

    name: str
    pairs: int
    turn: float
    product: np.ndarray = field(repr=False)
    pale: dict[int, np.ndarray] = field(repr=False)

    @property
    def what(self) -> str:
        """What is drawn black, in a few words."""
        return f"a turn in {self.turn:,.1f} tokens" if self.turn else f"the sum / {self.pairs}"


def compute(omega: np.ndarray, name: str, pair: int | None, distances: int = 128,
            pale: Sequence[int | None] = ()) -> Waves:
    """Choose one of these frequencies, in radians a token, or None for the mean of all.

    Raises:
        ValueError: there is no such pair.
    """
    if pair is not None and not 0 <= pair < len(omega):
        raise ValueError(f"pair is {pair}; allowed are 0 to {len(omega) - 1}")
    every = np.cos(omega[:, None] * np.arange(distances))
    turn, product = ((0.0, every.mean(0)) if pair is None
                     else (float(2 * np.pi / omega[pair]), every[pair]))
    return Waves(name, len(omega), turn, product, {
        0 if each is None else each + 1: every.mean(0) if each is None else every[each]
        for each in pale})


@style.styled
def draw(data: Waves, layout: Layout = "wide") -> Figure:
    """Draw the wave that is chosen over those of the pale pairs."""
    fig = style.canvas(layout, 3.05)
    last = len(data.product) - 1
    style.heading(fig, f"{data.name}: {data.what}",
                  "Product of a query and an equal key"
                  + (", with all pairs of length 1" if layout == "wide" else ""))
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - (1.3 if data.pale else 0.9), 1.75)
    for number, each in data.pale.items():
        ax.plot(each, zorder=1, **({"color": style.RULE, "lw": style.THIN} if number else
                                   {"color": style.FROZEN.mark, "lw": 1.2}))
    ax.plot(data.product, color=style.DATA.mark, lw=2.2, zorder=3, clip_on=False)
    ax.set(xlim=(0, last), ylim=(LOW, 1.1), yticks=[-1, 0, 1], xlabel="distance, in tokens",
           ylabel="q \u00b7 k of the pair" if data.turn else f"q \u00b7 k / {data.pairs}")
    names = {"color": style.MUTED, "size": style.SMALL}
    ends = {number: each[-1] for number, each in data.pale.items() if each.min() > ROUND}
    for number, height in apart(ends, LOW, 1.1) if ends else ():
        ax.text(1.02, height, f"pair {number}" if number else f"all {data.pairs}", va="center",
                transform=ax.get_yaxis_transform(), **names)
    for number in data.pale.keys() - ends.keys():
        ax.text(data.pale[number].argmin(), -1.08, f"pair {number}", ha="center", va="top",
                **names)
    ax.set_xticks([*np.linspace(0, last + 1, 5)[:-1].astype(int), last])
    return fig


def alt(data: Waves) -> str:
    """Return the frame in words."""
    last = len(data.product) - 1
    return (f"{data.name}, {data.what}: the product is 1 at distance 0, "
            f"{data.product[1]:.2f} at 1 and {data.product[last]:.2f} at {last}.")
