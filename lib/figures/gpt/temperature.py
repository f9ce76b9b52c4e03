"""How unsure the next token is at every temperature, between the two limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.kit import style
from lib.figures.kit.style import Layout
from lib.generation import next_token_probabilities

CAPTION = ("Each curve is a prompt. Compare how unsure the model is at temperature 1 and how "
           "fast that rises.")

TEMPERATURES = np.geomspace(0.05, 20, 61)
#: Dash, tone, and where the name stands: at this temperature, to its right or its left.
LOOKS = (("-", style.DATA, 1.55, "left"), ((0, (4, 1.5)), style.FROZEN, 0.5, "right"),
         ((0, (1, 1.2)), style.DATA, 0.3, "right"))


@dataclass(frozen=True)
class Entropies:
    """Entropy in nats of each prompt's next token, by temperature: (TEMPERATURES,) each."""

    curves: dict[str, np.ndarray]
    vocabulary: int

    def at(self, prompt: str, temperature: float) -> float:
        """Return one curve's height."""
        return float(np.interp(np.log(temperature), np.log(TEMPERATURES), self.curves[prompt]))


def entropy(p: np.ndarray) -> float:
    """Nats; tokens without probability count for nothing."""
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def compute(logits: Mapping[str, np.ndarray]) -> Entropies:
    """Take the logits (vocabulary,) after each of at most three prompts, the surest first.

    Raises:
        ValueError: There are no prompts, or more than three.
    """
    if not 1 <= len(logits) <= len(LOOKS):
        raise ValueError(f"there are {len(logits)} prompts; 1 to {len(LOOKS)} can be told apart")
    curves = {prompt: np.array([entropy(next_token_probabilities(z, t)) for t in TEMPERATURES])
              for prompt, z in logits.items()}
    return Entropies(curves, len(next(iter(logits.values()))))


@style.styled
def draw(data: Entropies, layout: Layout = "wide") -> Figure:
    """Draw a curve for each prompt, temperature 1, and the entropy of a uniform choice."""
    fig = style.canvas(layout, 3.25)
    style.heading(fig, "From sure to clueless", "Entropy of the next token, in nats")
    ax = style.place(fig, 0.35, 0.75, fig.get_size_inches()[0] - 0.5, 1.95)
    most = np.log(data.vocabulary)
    ax.set(xscale="log", xlim=(0.05, 20), ylim=(0, 8), yticks=range(0, 8, 2),
           xlabel="temperature")
    ticks = (0.05, 0.2, 1, 5, 20)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y")
    ax.axvline(1, color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    ax.axhline(most, color=style.MUTED, lw=style.THIN, ls="--")
    ax.text(19, most + 0.22, f"uniform, log {data.vocabulary:,}", ha="right", color=style.MUTED)
    for prompt, (dash, tone, at, side) in zip(data.curves, LOOKS):
        ax.plot(TEMPERATURES, data.curves[prompt], color=tone.mark, ls=dash)
        ax.text(at * (1.12 if side == "left" else 1), data.at(prompt, at) + 0.15, prompt, ha=side,
                va="top" if side == "left" else "bottom", color=tone.ink, weight=600)
    return fig


def alt(data: Entropies) -> str:
    """Return the figure in words."""
    said = "; ".join(f"'{prompt}' {data.at(prompt, 0.5):.2f}, {data.at(prompt, 1):.2f} and "
                     f"{data.at(prompt, 2):.2f}" for prompt in data.curves)
    return (f"Entropy rises with the temperature from 0 to that of a uniform choice. At 0.5, 1 and "
            f"2 it is, in nats: {said}.")
