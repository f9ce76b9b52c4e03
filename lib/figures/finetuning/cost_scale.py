"""What a step of fine-tuning holds in memory, by formula, from this model to 175 billion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.style import Layout, Tone

CAPTION = "Choose a model and look which part of a bar is longest, and which part LoRA removes."


@dataclass(frozen=True)
class Size:
    """The sizes of a decoder: what its parameters can be counted from.

    key_value: width of keys and of values together with all their heads; ups: matrices that
    widen (2 where one gates the other); norm: arrays of a norm (scale, and shift or none);
    positions: length of a learnt table; tied: one table for embedding and output.
    """

    layers: int
    d_model: int
    d_ff: int
    vocabulary: int
    key_value: int
    ups: int = 1
    norm: int = 2
    positions: int = 0
    tied: bool = True
    biases: bool = True

    def parameters(self) -> int:
        """All parameters, counted part by part."""
        d, ff, kv = self.d_model, self.d_ff, self.key_value
        block = 2 * d * d + 2 * d * kv + (self.ups + 1) * d * ff + 2 * self.norm * d
        if self.biases:
            block += 2 * d + 2 * kv + ff + d
        tables = (self.vocabulary * (1 if self.tied else 2) + self.positions) * d
        return self.layers * block + tables + self.norm * d

    def adapter(self, rank: int, everywhere: bool = False) -> int:
        """Parameters of LoRA on query and value, or on all: r (d_in + d_out) for each matrix."""
        d, kv = self.d_model, self.key_value
        sides = 2 * d + (d + kv)  # query and value
        if everywhere:
            sides += (d + kv) + 2 * d + (self.ups + 1) * (d + self.d_ff)
        return self.layers * rank * sides


MODELS = {
    "this model": Size(4, 128, 512, 1000, 128, tied=False, biases=False),
    "GPT-2 small": Size(12, 768, 3072, 50_257, 768, positions=1024),
    "GPT-2 XL": Size(48, 1600, 6400, 50_257, 1600, positions=1024),
    "Llama 2 7B": Size(32, 4096, 11_008, 32_000, 4096, 2, 1, 0, False, False),
    "Llama 2 70B": Size(80, 8192, 28_672, 32_000, 1024, 2, 1, 0, False, False),
    "GPT-3": Size(96, 12_288, 49_152, 50_257, 12_288, positions=2048)}

#: Bytes for each parameter in mixed precision.  Rajbhandari et al. 2019, section 3.1: 16-bit
#: weights and gradients; in 32 bits a copy of the weights and Adam's two moments.
WEIGHT, GRADIENT, OPTIMIZER = 2, 2, 4 + 4 + 4
#: Bytes of activations for each token, layer and d_model.  Korthikanti et al. 2022, eq. 2, without
#: the attention maps, which fused attention does not keep; LoRA on query and value does not keep
#: the inputs of the frozen feed-forward matrices: 2 and 4 * 2 bytes less. On all linear layers it
#: keeps every input (and r numbers for each adapter, which are left out here).
FULL_ACTIVATIONS, LORA_ACTIVATIONS = 34, 24
#: Bytes of a logit and of its gradient, both in 32 bits.
LOGIT = 4 + 4
PARTS = ("weights", "gradients", "optimizer", "activations", "logits")
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
#: The two sizes of LoRA: rank 4 on query and value, rank 8 on all linear layers.
RANK, RANK_EVERYWHERE = 4, 8


@dataclass(frozen=True)
class Cost:
    """Bytes of each part for one model; totals of all models, in the order of MODELS."""

    name: str
    tokens: int
    full: dict[str, int]
    everywhere: dict[str, int]
    lora: dict[str, int]
    totals: np.ndarray  # (models, 3): full, LoRA on all linear layers, LoRA on query and value


def memory(size: Size, tokens: int, rank: int | None = None,
           everywhere: bool = False) -> dict[str, int]:
    """Bytes of each part for a step on so many tokens; with a rank, of LoRA on query and value,
    or on all linear layers.
    """
    whole = size.parameters()
    trained = whole if rank is None else size.adapter(rank, everywhere)
    frozen = 0 if rank is None else whole
    each = FULL_ACTIVATIONS if rank is None or everywhere else LORA_ACTIVATIONS
    sizes = (WEIGHT * (frozen + trained), GRADIENT * trained, OPTIMIZER * trained,
             tokens * each * size.d_model * size.layers, tokens * LOGIT * size.vocabulary)
    return dict(zip(PARTS, sizes, strict=True))


def compute(name: str, tokens: int) -> Cost:
    """Count for one of MODELS and a step on so many tokens.

    Raises:
        ValueError: There is no such model, or no token.
    """
    if name not in MODELS:
        raise ValueError(f"name is {name!r}; allowed are {', '.join(MODELS)}")
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, it must be at least 1")
    methods: tuple[tuple[int | None, bool], ...] = (
        (None, False), (RANK_EVERYWHERE, True), (RANK, False))
    totals = np.array([[sum(memory(size, tokens, *method).values()) for method in methods]
                       for size in MODELS.values()], float)
    return Cost(name, tokens, *(memory(MODELS[name], tokens, *method) for method in methods),
                totals=totals)


def written(size: float) -> str:
    """Write bytes with three digits: ``2.79 TB``."""
    for unit, name in UNITS:
        if size >= 0.9995 * unit:
            scaled = size / unit
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f} {name}"
    return f"{size:.0f} B"


def _looks(tone: Tone) -> dict[str, dict[str, object]]:
    """How each part is filled: what is held for training in the method's own colour."""
    return {"weights": {"fc": style.FROZEN.mark}, "gradients": {"fc": tone.tint},
            "optimizer": {"fc": tone.mark}, "activations": {"fc": style.DATA.tint},
            "logits": {"fc": style.DATA.tint, "hatch": "/////"}}


def _bars(ax: Axes, data: Cost) -> None:
    """Each method as a stacked bar, as shares of what full fine-tuning holds."""
    whole = sum(data.full.values())
    for row, (parts, tone, name) in enumerate((
            (data.full, style.FULL, "full"),
            (data.everywhere, style.LORA, f"LoRA, r = {RANK_EVERYWHERE}, all linear"),
            (data.lora, style.LORA, f"LoRA, r = {RANK}, query, value"))):
        left = 0.0
        for part, size in parts.items():
            ax.barh(row, size / whole, 0.4, left, ec=style.MUTED, lw=style.HAIR,
                    **_looks(tone)[part])
            left += size / whole
        total = sum(parts.values())
        ax.text(0, row - 0.38, name, color=tone.ink, weight=600, va="center_baseline")
        ax.text(1, row - 0.38, f"{written(total)}, {style.percent(total / whole)}", ha="right",
                color=tone.ink, weight=600, va="center_baseline")
    style.bare(ax).set(xlim=(-0.002, 1.002), ylim=(2.3, -0.6))


def _table(ax: Axes, data: Cost, width: float) -> None:
    """Each part's bytes under the three methods, beside its fill in the bars."""
    for parts, tone, name, right in ((data.full, style.FULL, "full", 0.54 * width),
                                     (data.everywhere, style.LORA, "all linear", 0.79 * width),
                                     (data.lora, style.LORA, "q, v", width)):
        ax.text(right, 0.1, name, ha="right", va="center_baseline", color=tone.ink, weight=600,
                size=style.SMALL)
        for row, part in enumerate(PARTS):
            ax.text(right, 0.34 + 0.2 * row, written(parts[part]), ha="right",
                    va="center_baseline", size=style.SMALL)
    for row, part in enumerate(PARTS):
        at = 0.34 + 0.2 * row
        for k, tone in enumerate((style.FULL, style.LORA)):
            ax.add_artist(Rectangle((0.11 * k, at - 0.05), 0.1, 0.1, ec=style.MUTED,
                                   lw=style.HAIR, **_looks(tone)[part]))
        ax.text(0.26, at, part, va="center_baseline", size=style.SMALL, color=style.MUTED)


def _scale(ax: Axes, data: Cost) -> None:
    """Total memory of both methods over the models' sizes, with what two cards hold."""
    sizes = np.array([size.parameters() for size in MODELS.values()], float)
    here = list(MODELS).index(data.name)
    ax.set(xscale="log", yscale="log", xlim=(5e5, 4e11), ylim=(1.5e7, 3e13))
    for card, up in ((24, False), (80, True)):
        ax.axhline(card * 1e9, color=style.RULE, lw=style.THIN, zorder=0)
        ax.annotate(f"card of {card} GB", (5.6e5, card * 1e9), (0, 1.5 if up else -1.5),
                    textcoords="offset points", color=style.MUTED, size=style.SMALL, zorder=1,
                    va="baseline" if up else "top",
                    bbox={"fc": style.PAPER, "ec": "none", "pad": 0})
    ax.axvline(sizes[here], color=style.FROZEN.mark, lw=style.THIN, zorder=0)
    for column, (tone, marker, dashes) in enumerate(((style.FULL, "o", "-"), (style.LORA, "D", "-"),
                                                     (style.LORA, "D", (0, (3, 2))))):
        ax.plot(sizes, data.totals[:, column], marker=marker, color=tone.mark, ms=4.5, lw=1.4,
                ls=dashes, zorder=2)
        ax.plot(sizes[here], data.totals[here, column], marker, color=tone.mark, ms=8,
                mec=style.PAPER, mew=1.2, zorder=3)
    ax.minorticks_off()
    ax.set_xticks([1e6, 1e8, 1e10], ["1 million", "100 million", "10 billion"])
    ax.set_yticks([1e8, 1e10, 1e12], ["100 MB", "10 GB", "1 TB"])
    ax.set(xlabel="parameters", title="Memory of a step")
    ax.grid(axis="x")


@style.styled
def draw(data: Cost, layout: Layout = "wide") -> Figure:
    """Draw the parts as bars and in numbers, and the totals over all sizes."""
    wide = layout == "wide"
    fig = style.canvas(layout, 4.55 if wide else 5.95)
    count = MODELS[data.name].parameters()
    style.heading(fig, f"{data.name}: {count:,} parameters",
                  f"Memory of one step on {data.tokens:,} tokens, in mixed precision")
    if wide:
        _bars(style.place(fig, style.MARGIN, 0.68, 3.3, 1.3), data)
        _table(style.board(fig, 3.75, 0.72, 3.3, 1.3), data, 3.3)
        _scale(style.place(fig, 0.72, 2.42, 6.25, 1.6), data)
    else:
        _bars(style.place(fig, style.MARGIN, 0.68, 3.44, 1.15), data)
        _table(style.board(fig, style.MARGIN, 1.95, 3.44, 1.3), data, 3.44)
        _scale(style.place(fig, 0.72, 3.6, 2.72, 1.85), data)
    return fig


def alt(data: Cost) -> str:
    """Return the frame in words."""
    full, wide, lora = (sum(parts.values()) for parts in (data.full, data.everywhere, data.lora))
    most = max(data.full, key=data.full.__getitem__)
    return (f"{data.name}, {MODELS[data.name].parameters():,} parameters, a step on "
            f"{data.tokens:,} tokens: full fine-tuning holds {written(full)}, most of it "
            f"{most} ({style.percent(data.full[most] / full)}); LoRA of rank {RANK_EVERYWHERE} on "
            f"all linear layers holds {written(wide)}, {style.percent(1 - wide / full)} less, and "
            f"of rank {RANK} on query and value {written(lora)}, "
            f"{style.percent(1 - lora / full)} less.")
