"""What share of a step's memory LoRA on all linear layers saves: tokens a step against width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lib.figures.finetuning.cost_scale import (
    CHECKPOINTED,
    FULL_ACTIVATIONS,
    GRADIENT,
    LORA_ACTIVATIONS,
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
#: The models whose names stand left of their marks.
LEFT = ("GPT-2 small", "Llama 3.2 1B", LLAMA, "GPT-3")
#: What is kept of the activations: all, or with checkpointing what enters each block.
SAVINGS = ("nothing", "checkpointing")
#: Bytes for a parameter under full fine-tuning, and those that LoRA saves of them.
STATE, SPARED = WEIGHT + GRADIENT + OPTIMIZER, GRADIENT + OPTIMIZER


@dataclass(frozen=True)
class Saved:
    """By model the tokens for each unit of its width, and the share of memory that LoRA saves."""

    models: dict[str, tuple[float, float]]
    tokens: int
    #: Tokens for each unit of width at which a model saves half, with all its parts counted.
    halves: dict[str, float]
    saving: str = "nothing"

    @property
    def half(self) -> float:
        """Tokens for each unit of width at which the formula gives one half."""
        return (2 * SPARED - STATE) * 12 / _each(self.saving)


def _each(saving: str, everywhere: bool = True) -> int:
    """Bytes of activations for each token, block and unit of width of a GPT."""
    if saving == "checkpointing":
        return CHECKPOINTED
    return FULL_ACTIVATIONS if everywhere else LORA_ACTIVATIONS


def by_formula(ratio: float | np.ndarray, everywhere: bool = True,
               saving: str = "nothing") -> float | np.ndarray:
    """Return the share saved, if all parameters are in the blocks: 12 d^2 in each."""
    full = _each(saving)
    dropped = full - _each(saving, everywhere)
    return (SPARED + dropped / 12 * ratio) / (STATE + full / 12 * ratio)


def on_query_value(size: Size, ratio: float | np.ndarray) -> np.ndarray:
    """Return the share that LoRA on query and value saves of all that this model has."""
    every = np.ceil(np.atleast_1d(ratio) * size.d_model).astype(int)
    return np.array([1 - _total(size, tokens, RANK) / _total(size, tokens) for tokens in every])


def _total(size: Size, tokens: int, *method: int, saving: str = "nothing") -> int:
    """Bytes of all parts of a step."""
    return sum(memory(size, tokens, *method, checkpointing=saving == "checkpointing").values())


def compute(sizes: Mapping[str, Size], tokens: int, saving: str = "nothing") -> Saved:
    """Count for each model what LoRA on all linear layers saves in a step on so many tokens,
    where full fine-tuning and LoRA both keep what one of SAVINGS leaves.

    Raises:
        ValueError: there is no model, no token, or no such saving.
    """
    if not sizes:
        raise ValueError("sizes has no model, it must have one at least")
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, it must be at least 1")
    if saving not in SAVINGS:
        raise ValueError(f"saving is {saving!r}; allowed are {', '.join(SAVINGS)}")
    models, halves = {}, {}
    for name, size in sizes.items():
        method = RANK_EVERYWHERE, True
        full = _total(size, tokens, saving=saving)
        models[name] = (tokens / size.d_model,
                        1 - _total(size, tokens, *method, saving=saving) / full)
        without = _total(size, 0)
        each = _total(size, 1, saving=saving) - without
        halves[name] = (without - 2 * _total(size, 0, *method)) / each / size.d_model
    return Saved(models, tokens, halves, saving)


@style.styled
def draw(data: Saved, layout: Layout = "wide") -> Figure:
    """Draw the formula's curve, and each model with all of its parameters counted."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.75)
    plain = data.saving == "nothing"
    style.heading(fig, f"By the formula LoRA saves half at {data.half:.2g} tokens for each unit of "
                  "width" if wide else f"Half is saved at {data.half:.2g} tokens a unit",
                  f"Marks: rank {RANK_EVERYWHERE} on all linear layers, a step of {data.tokens:,} "
                  f"tokens, in mixed precision, {'without' if plain else 'with'} checkpointing"
                  if wide else f"{data.tokens:,} tokens{'' if plain else ', checkpointing'}; "
                  "marks: all linear layers")
    ax = style.place(fig, 0.6, 0.98, 6.4 if wide else 2.8, 2.15)
    end = 1500 if wide else 30_000  # room for the names of the models
    ratio = np.geomspace(0.03, end, 300)
    short = "query and value" if wide else "q and v"
    ax.plot(ratio, 100 * by_formula(ratio, saving=data.saving), color=style.INK, lw=style.THIN,
            label="formula, all linear layers" if plain else "formula, any of the layers")
    if plain:
        ax.plot(ratio, 100 * by_formula(ratio, everywhere=False), color=style.MUTED,
                lw=style.THIN, ls=(0, (5, 2)), label=f"formula, {short}")
    ax.legend(loc="upper right", bbox_to_anchor=(1, 1 if wide else 1.14), fontsize=style.SMALL,
              frameon=False, borderaxespad=0, borderpad=0, labelspacing=0.3, handlelength=1.8)
    ax.plot([0.03, data.half, data.half], [50, 50, 0], color=style.MUTED, lw=style.THIN,
            ls=(0, (3, 2)))
    ax.text(0.04, 48, "half", size=style.SMALL, color=style.MUTED, va="top")
    ax.text(data.half * 0.9, 3 if plain else 38, f"{data.half:.2g}", size=style.SMALL,
            color=style.MUTED, ha="right", va="bottom")
    for k, (name, (at, share)) in enumerate(data.models.items()):
        ax.plot(at, 100 * share, "o", color=style.LORA.mark, ms=6.5, mec=style.PAPER, zorder=4)
        below = wide and (name in LEFT or k == 0 and (at < 30 or not plain))
        # Above a flat curve there is room, and above the axis.
        over = wide and not plain and (name == "GPT-3" or share < 0.1 and k == 0)
        if wide or k in (0, 4):
            ax.annotate(f"{name}, {style.percent(share)}", (at, 100 * share),
                        (-5, 3 if over else -8 if name == LLAMA else -3) if below else (5, 3),
                        va="top" if below and not over else "bottom", textcoords="offset points",
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
    ends = ("on query and value the formula levels off at "
            f"{style.percent(1 - LORA_ACTIVATIONS / FULL_ACTIVATIONS)}."
            if data.saving == "nothing" else "on query and value the formula gives the same.")
    return (f"A step of {data.tokens:,} tokens, "
            f"{'without' if data.saving == 'nothing' else 'with'} checkpointing. LoRA of rank "
            f"{RANK_EVERYWHERE} on all linear "
            f"layers saves of the memory, at so many tokens for each unit of width: "
            f"{'; '.join(parts)}. By the formula it saves half at {data.half:.2g}, and less "
            "the further right. With all parts counted the models save half at "
            f"{', '.join(f'{at:.1f} ({name})' for name, at in data.halves.items())}; {ends}")
