"""What share of a step's memory LoRA on all linear layers saves: tokens a step against width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.finetuning.cost_scale import (
    FULL_ACTIVATIONS,
    GRADIENT,
    LORA_ACTIVATIONS,
    MODELS,
    OPTIMIZER,
    RANK,
    RANK_EVERYWHERE,
    WEIGHT,
    Size,
    memory,
)
from lib.figures.kit import style
from lib.figures.kit.style import Layout

CAPTION = "More tokens move every model to the right along the curve, where LoRA saves less."

#: The model with a gate whose own curve is drawn beside the formula.
LLAMA = "Llama 2 7B"
#: Bytes for a parameter under full fine-tuning, and those that LoRA saves of them.
STATE, SPARED = WEIGHT + GRADIENT + OPTIMIZER, GRADIENT + OPTIMIZER


@dataclass(frozen=True)
class Saved:
    """By model the tokens for each unit of its width, and the share of memory that LoRA saves."""

    models: dict[str, tuple[float, float]]
    tokens: int
    #: Tokens for each unit of width at which a model saves half, with all its parts counted.
    halves: dict[str, float]

    @property
    def half(self) -> float:
        """Tokens for each unit of width at which the formula gives one half."""
        return (2 * SPARED - STATE) * 12 / FULL_ACTIVATIONS


def by_formula(ratio: float | np.ndarray, everywhere: bool = True) -> float | np.ndarray:
    """Return the share saved, if all parameters are in the blocks: 12 d^2 in each."""
    dropped = 0 if everywhere else FULL_ACTIVATIONS - LORA_ACTIVATIONS
    return (SPARED + dropped / 12 * ratio) / (STATE + FULL_ACTIVATIONS / 12 * ratio)


def on_query_value(size: Size, ratio: float | np.ndarray) -> np.ndarray:
    """Return the share that LoRA on query and value saves of all that this model has."""
    every = np.ceil(np.atleast_1d(ratio) * size.d_model).astype(int)
    return np.array([1 - _total(size, tokens, RANK) / _total(size, tokens) for tokens in every])


def _total(size: Size, tokens: int, *method: int) -> int:
    """Bytes of all parts of a step."""
    return sum(memory(size, tokens, *method).values())


def compute(sizes: Mapping[str, Size], tokens: int) -> Saved:
    """Count for each model what LoRA on all linear layers saves in a step on so many tokens.

    Raises:
        ValueError: there is no model, or no token.
    """
    if not sizes:
        raise ValueError("sizes has no model, it must have one at least")
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, it must be at least 1")
    models, halves = {}, {}
    for name, size in sizes.items():
        method = RANK_EVERYWHERE, True
        models[name] = (tokens / size.d_model,
                        1 - _total(size, tokens, *method) / _total(size, tokens))
        without, each = _total(size, 0), _total(size, 1) - _total(size, 0)
        halves[name] = (without - 2 * _total(size, 0, *method)) / each / size.d_model
    return Saved(models, tokens, halves)


@style.styled
def draw(data: Saved, layout: Layout = "wide") -> Figure:
    """Draw the formula's curve, and each model with all of its parameters counted."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.75)
    style.heading(fig, f"By the formula LoRA saves half at {data.half:.1f} tokens for each unit of "
                  "width" if wide else f"Half is saved at {data.half:.1f} tokens a unit",
                  f"Rank {RANK_EVERYWHERE} on all linear layers (black curve, marks), a step of "
                  f"{data.tokens:,} tokens, in mixed precision" if wide
                  else f"{data.tokens:,} tokens; black: all linear layers")
    ax = style.place(fig, 0.6, 0.98, 6.4 if wide else 2.8, 2.15)
    end, rise = (1500, 3) if wide else (30_000, 15)  # room for the names of the models
    ratio = np.geomspace(0.03, end, 300)
    ax.plot(ratio, 100 * by_formula(ratio), color=style.INK, lw=style.THIN)
    ax.plot(ratio, 100 * by_formula(ratio, everywhere=False), color=style.MUTED, lw=style.THIN)
    llama = 100 * on_query_value(MODELS[LLAMA], ratio)
    ax.plot(ratio, llama, color=style.MUTED, lw=style.THIN, ls=(0, (5, 2)))
    for height, words, va in ((100 * by_formula(end, everywhere=False) + rise,
                               "query and value, formula", "bottom"),
                              (llama[-1] - 2, f"the same, {LLAMA}", "top")):
        ax.text(0.95 * end, height, words, size=style.SMALL, color=style.MUTED, ha="right", va=va)
    ax.plot([0.03, data.half, data.half], [50, 50, 0], color=style.MUTED, lw=style.THIN,
            ls=(0, (3, 2)))
    ax.text(0.04, 48, "half", size=style.SMALL, color=style.MUTED, va="top")
    ax.text(data.half * 0.9, 3, f"{data.half:.1f}", size=style.SMALL, color=style.MUTED,
            ha="right", va="bottom")
    for k, (name, (at, share)) in enumerate(data.models.items()):
        ax.plot(at, 100 * share, "o", color=style.LORA.mark, ms=6.5, mec=style.PAPER, zorder=4)
        below = wide and k in (1, 2, 3, 5)
        if wide or k in (0, 3):
            ax.annotate(f"{name}, {style.percent(share)}", (at, 100 * share),
                        (-5, -8 if k == 3 else -3) if below else (5, 3),
                        va="top" if below else "bottom", textcoords="offset points",
                        size=style.SMALL,
                        ha="right" if below else "left", color=style.LORA.ink,
                        bbox={"fc": style.PAPER, "ec": "none", "pad": 0.3})
    ax.set(xscale="log", xlim=(0.03, end), ylim=(0, 100),
           title="memory saved, %", xlabel="tokens at once for each unit of width, n/d" if wide
           else "tokens for each unit of width")
    ax.set_xticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1,000"])
    ax.set_yticks([0, 25, 50, 75, 100])
    ax.minorticks_off()
    return fig


def alt(data: Saved) -> str:
    """Return the picture in words."""
    parts = [f"{name} {style.percent(share)} (at {at:.2g})"
             for name, (at, share) in data.models.items()]
    return (f"A step of {data.tokens:,} tokens. LoRA of rank {RANK_EVERYWHERE} on all linear "
            f"layers saves of the memory, at so many tokens for each unit of width: "
            f"{'; '.join(parts)}. By the formula it saves half at {data.half:.1f}, and less "
            "the further right. With all parts counted the models save half at "
            f"{', '.join(f'{at:.1f} ({name})' for name, at in data.halves.items())}; "
            "on query and value the formula levels off at "
            f"{style.percent(1 - LORA_ACTIVATIONS / FULL_ACTIVATIONS)}, and {LLAMA} at "
            f"{style.percent(on_query_value(MODELS[LLAMA], 1e6)[0])}.")
