"""The product of a rotated query and key over their distance, for one pair of their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "Black: the pair that you choose. Pale: the others that you can choose."


@dataclass(frozen=True)
class Waves:
    """every: (pairs, distances), the cosines; ``turn``: tokens of a turn of the chosen pair."""

    name: str
    pair: int
    turn: float
    every: np.ndarray = field(repr=False)

    @property
    def product(self) -> np.ndarray:
        """The product of the chosen pair, (distances,)."""
        return self.every[self.pair]


def compute(omega: np.ndarray, name: str, pair: int, distances: int = 128) -> Waves:
    """Choose one of these frequencies, in radians a token.

    Raises:
        ValueError: there is no such pair.
    """
    if not 0 <= pair < len(omega):
        raise ValueError(f"pair is {pair}; allowed are 0 to {len(omega) - 1}")
    return Waves(name, pair, float(2 * np.pi / omega[pair]),
                 np.cos(omega[:, None] * np.arange(distances)))


@style.styled
def draw(data: Waves, layout: Layout = "wide") -> Figure:
    """Draw the wave of each pair, the chosen one over the others."""
    fig = style.canvas(layout, 3.05)
    last = data.every.shape[1] - 1
    style.heading(fig, f"{data.name}: a turn in {data.turn:,.1f} tokens",
                  "Product of a query and an equal key"
                  + (", with all pairs of length 1" if layout == "wide" else ""))
    ax = style.place(fig, 0.65, 0.75, fig.get_size_inches()[0] - 0.9, 1.75)
    ax.plot(data.every.T, color=style.RULE, lw=style.THIN, zorder=1)
    ax.plot(data.product, color=style.DATA.mark, lw=2.2, zorder=3, clip_on=False)
    ax.set(xlim=(0, last), ylim=(-1.1, 1.1), yticks=[-1, 0, 1], xlabel="distance, in tokens",
           ylabel="q \u00b7 k of the pair")
    ax.set_xticks([*np.linspace(0, last + 1, 5)[:-1].astype(int), last])
    return fig


def alt(data: Waves) -> str:
    """Return the frame in words."""
    last = len(data.product) - 1
    return (f"{data.name}, a turn in {data.turn:,.1f} tokens: the product is 1 at distance 0, "
            f"{data.product[1]:.2f} at 1 and {data.product[last]:.2f} at {last}.")
