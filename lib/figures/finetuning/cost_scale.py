"""What a step of fine-tuning holds in memory, part by part, from this model to 175 billion."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.figures.kit import style
from lib.figures.kit.labels import measure
from lib.figures.kit.style import Layout, Tone

CAPTION = "Look which part of a bar is longest, and what LoRA, 4 bits and checkpointing remove."


@dataclass(frozen=True)
class Size:
    """The sizes of a decoder: what its parameters can be counted from.

    key_value: width of keys and of values together with all their heads; ups: matrices that
    widen (2 where one gates the other); norm: arrays of a norm (scale, and shift or none);
    positions: length of a learnt table; tied: one table for both ends; query: as key_value, or 0.
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
    query: int = 0

    def parameters(self) -> int:
        """All parameters, counted part by part."""
        d, ff, kv, q = self.d_model, self.d_ff, self.key_value, self.query or self.d_model
        block = 2 * d * q + 2 * d * kv + (self.ups + 1) * d * ff + 2 * self.norm * d
        if self.biases:
            block += q + 2 * kv + d + ff + d
        tables = (self.vocabulary * (1 if self.tied else 2) + self.positions) * d
        return self.layers * block + tables + self.norm * d

    def adapter(self, rank: int, everywhere: bool = False) -> int:
        """Parameters of LoRA on query and value, or on all: r (d_in + d_out) for each matrix."""
        d, kv, q = self.d_model, self.key_value, self.query or self.d_model
        sides = (d + q) + (d + kv)  # query and value
        if everywhere:
            sides += (d + kv) + (q + d) + (self.ups + 1) * (d + self.d_ff)
        return self.layers * rank * sides

    def kept(self, everywhere: bool = True) -> int:
        """Bytes of activations for each token and block, in 16 bits.

        With ``everywhere`` every input is kept, as in full fine-tuning and with LoRA on all
        linear layers; without it those of the feed-forward matrices are not (query and value).
        """
        d, ff = self.d_model, self.d_ff
        numbers = 4 * d + 2 * (self.query or d) + 2 * self.key_value + 2 * self.ups * ff
        numbers -= 0 if everywhere else d + ff
        return 2 * numbers + (2 * d if self.ups == 1 else 0)  # GPTs mask two arrays: dropout


MODELS = {
    "this model": Size(4, 128, 512, 1000, 128, tied=False, biases=False),
    "GPT-2 small": Size(12, 768, 3072, 50_257, 768, positions=1024),
    "GPT-2 XL": Size(48, 1600, 6400, 50_257, 1600, positions=1024),
    "Llama 3.2 1B": Size(16, 2048, 8192, 128_256, 512, 2, 1, 0, True, False),
    "Llama 2 7B": Size(32, 4096, 11_008, 32_000, 4096, 2, 1, 0, False, False),
    "Llama 2 70B": Size(80, 8192, 28_672, 32_000, 1024, 2, 1, 0, False, False),
    "GPT-3": Size(96, 12_288, 49_152, 50_257, 12_288, positions=2048)}

#: Bytes for each parameter in mixed precision.  Rajbhandari et al. 2019, section 3.1: 16-bit
#: weights and gradients; in 32 bits a copy of the weights and Adam's two moments.
WEIGHT, GRADIENT, OPTIMIZER = 2, 2, 4 + 4 + 4
#: Bytes of activations for each token, layer and d_model of a GPT.  Korthikanti et al. 2022, eq. 2,
#: without the attention maps, which fused attention does not keep; LoRA on query and value does
#: not keep the inputs of the frozen feed-forward matrices. On all linear layers it keeps every
#: input (and r numbers for each adapter, left out here), with checkpointing what enters a block.
FULL_ACTIVATIONS, LORA_ACTIVATIONS, CHECKPOINTED = 34, 24, 2
#: Bytes of a logit and of its gradient, both in 32 bits.
LOGIT = 4 + 4
PARTS = ("weights", "gradients", "optimizer", "activations", "logits")
#: The fill of activations, which no method owns.
KEPT = "#e1e5ea"
#: What the GPUs hold that have a mark in the picture, in GiB; the share left for a step.
CARDS, FREE = (16, 24, 80), 0.9
UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
#: The two sizes of LoRA: rank 4 on query and value, rank 8 on all linear layers.
RANK, RANK_EVERYWHERE = 4, 8
#: What else saves memory: bits of a frozen weight, and whether activations are recomputed.
SAVINGS = {"nothing": (16, False), "4 bits": (4, False), "checkpointing": (16, True),
           "both": (4, True)}


@dataclass(frozen=True)
class Cost:
    """Bytes of each part for one model: full, LoRA on all linear layers, on query and value."""

    name: str
    tokens: int
    full: dict[str, int]
    everywhere: dict[str, int]
    lora: dict[str, int]
    saving: str = "nothing"

    @property
    def settings(self) -> str:
        """What else saves memory, in words that follow a comma; empty for nothing."""
        bits, checkpointing = SAVINGS[self.saving]
        return ", 4 bits under LoRA" * (bits == 4) + ", checkpointing" * checkpointing

    @property
    def largest(self) -> str:
        """The part that takes most of full fine-tuning's bytes."""
        return max(self.full, key=self.full.__getitem__)


def memory(size: Size, tokens: int, rank: int | None = None,
           everywhere: bool = False, bits: int = 16,
           checkpointing: bool = False) -> dict[str, int]:
    """Bytes of each part for a step on so many tokens; with a rank, of LoRA on query and value,
    or on all linear layers, with so many bits for each frozen weight.
    """
    whole = size.parameters()
    trained = whole if rank is None else size.adapter(rank, everywhere)
    frozen = 0 if rank is None else whole
    each = CHECKPOINTED * size.d_model if checkpointing else size.kept(rank is None or everywhere)
    sizes = (bits * frozen // 8 + WEIGHT * trained, GRADIENT * trained, OPTIMIZER * trained,
             tokens * each * size.layers, tokens * LOGIT * size.vocabulary)
    return dict(zip(PARTS, sizes, strict=True))


def compute(name: str, tokens: int, saving: str = "nothing") -> Cost:
    """Count for one of MODELS and a step on so many tokens, with one of SAVINGS.

    Raises:
        ValueError: There is no such model or saving, or no token.
    """
    if name not in MODELS:
        raise ValueError(f"name is {name!r}; allowed are {', '.join(MODELS)}")
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, it must be at least 1")
    if saving not in SAVINGS:
        raise ValueError(f"saving is {saving!r}; allowed are {', '.join(SAVINGS)}")
    methods: tuple[tuple[int | None, bool], ...] = (
        (None, False), (RANK_EVERYWHERE, True), (RANK, False))
    return Cost(name, tokens, *(memory(MODELS[name], tokens, *method, *SAVINGS[saving])
                                for method in methods), saving)


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
            "optimizer": {"fc": tone.mark}, "activations": {"fc": KEPT},
            "logits": {"fc": style.DATA.tint, "hatch": "/////"}}


def _methods(data: Cost) -> tuple[tuple[dict[str, int], Tone, str], ...]:
    """The three ways to train, from the top: bytes, colours, name."""
    return ((data.full, style.FULL, "full"),
            (data.everywhere, style.LORA, f"LoRA, r = {RANK_EVERYWHERE}, all linear"),
            (data.lora, style.LORA, f"LoRA, r = {RANK}, query, value"))


def _ends(whole: int, width: float) -> dict[float, tuple[str, str]]:
    """Where GPUs end, as shares of ``whole``: name, its alignment; only those with room for it."""
    cards = [card for card in CARDS if 0.06 <= FREE * card * 2**30 / whole <= 1]
    ends, taken = {}, -1.0
    for card in cards:
        at, last = FREE * card * 2**30 / whole, card == cards[-1]
        name = f"{card} GB GPU" if last else f"{card}"
        long = measure(name, style.SMALL) / width
        tight = at - long / 2 < max(taken, 0)
        side = "left" if last and tight else "right" if last and at > 0.85 else "center"
        left = at - long * {"left": 0, "center": 0.5, "right": 1}[side]
        if left >= taken:
            ends[at], taken = (name, side), left + long + 0.06 / width
    return ends


def _cards(ax: Axes, whole: int, rows: int, width: float) -> None:
    """Where a GPU ends, across the bars."""
    for at, (name, side) in _ends(whole, width).items():
        for row in range(rows):
            ax.plot([at, at], [row - 0.2, row + 0.24], color=style.INK, lw=1.2,
                    ls=(0, (2, 1.5)), zorder=4)
        ax.text(at, rows - 0.68, name, color=style.INK, size=style.SMALL, va="top", ha=side)


def _bars(ax: Axes, data: Cost, width: float) -> None:
    """Each method as a stacked bar, as shares of what full fine-tuning holds."""
    whole = sum(data.full.values())
    methods = _methods(data)
    for row, (parts, tone, name) in enumerate(methods):
        left = 0.0
        for part, size in parts.items():
            look = _looks(tone)[part]
            ax.barh(row, size / whole, 0.4, left, ec=style.MUTED, lw=style.HAIR, **look)
            long, middle = measure(part, style.SMALL, 600) + 0.1, left + size / whole / 2
            free = all(abs(at - middle) * width > long / 2 for at in _ends(whole, width))
            if width * size / whole > long and free and part != "logits":
                ax.text(middle, row, part, ha="center", va="center_baseline",
                        size=style.SMALL, weight=600, zorder=5,
                        color=style.PAPER if part == "optimizer" else style.INK)
            left += size / whole
        total = sum(parts.values())
        ax.text(0, row - 0.38, name, color=tone.ink, weight=600, va="center_baseline")
        less = f", {style.percent(1 - total / whole)} less" if row else ""
        ax.text(1, row - 0.38, f"{written(total)}{less}", ha="right", color=tone.ink,
                weight=600, va="center_baseline")
    _cards(ax, whole, len(methods), width)
    style.bare(ax).set(xlim=(-0.002, 1.002), ylim=(2.6, -0.6))


def _swatches(ax: Axes, part: str, x: float, y: float) -> None:
    """A part's fill under full fine-tuning and under LoRA."""
    for k, tone in enumerate((style.FULL, style.LORA)):
        ax.add_artist(Rectangle((x + 0.11 * k, y - 0.05), 0.1, 0.1, ec=style.MUTED,
                               lw=style.HAIR, **_looks(tone)[part]))


def _wide_table(ax: Axes, data: Cost, width: float) -> None:
    """A row for each method and a column for each part, under its fill."""
    short = ("full", "LoRA, all linear", "LoRA, query, value")
    step = (width - 1.3) / len(PARTS)
    for row, ((parts, tone, _), name) in enumerate(zip(_methods(data), short, strict=True)):
        at = 0.36 + 0.21 * row
        ax.text(0, at, name, va="center_baseline", color=tone.ink, weight=600, size=style.SMALL)
        for k, part in enumerate(PARTS):
            ax.text(1.3 + step * (k + 1), at, written(parts[part]), ha="right",
                    va="center_baseline", size=style.SMALL)
    for k, part in enumerate(PARTS):
        right = 1.3 + step * (k + 1)
        ax.text(right, 0.1, part, ha="right", va="center_baseline", size=style.SMALL,
                color=style.MUTED)
        _swatches(ax, part, right - measure(part, style.SMALL) - 0.27, 0.1)


def _narrow_table(ax: Axes, data: Cost, width: float) -> None:
    """A row for each part, beside its fill, and a column for each method."""
    for (parts, tone, _), name, right in zip(
            _methods(data), ("full", "all linear", "q, v"), (0.54, 0.79, 1), strict=True):
        ax.text(right * width, 0.1, name, ha="right", va="center_baseline", color=tone.ink,
                weight=600, size=style.SMALL)
        for row, part in enumerate(PARTS):
            ax.text(right * width, 0.34 + 0.2 * row, written(parts[part]), ha="right",
                    va="center_baseline", size=style.SMALL)
    for row, part in enumerate(PARTS):
        at = 0.34 + 0.2 * row
        _swatches(ax, part, 0, at)
        ax.text(0.26, at, part, va="center_baseline", size=style.SMALL, color=style.MUTED)


@style.styled
def draw(data: Cost, layout: Layout = "wide") -> Figure:
    """Draw the parts of the three ways to train as bars, and in numbers."""
    wide = layout == "wide"
    fig = style.canvas(layout, 3.75 if wide else 3.85)
    part = data.largest
    verb = "are" if part.endswith("s") else "is"
    style.heading(fig, f"{data.name}: the {part} {verb} the largest part" if wide
                  else f"{data.name}: {part} {verb} largest",
                  f"{MODELS[data.name].parameters():,} parameters, one step on {data.tokens:,} "
                  f"tokens, in mixed precision{data.settings}" if wide
                  else f"{data.tokens:,} tokens{data.settings or ', in mixed precision'}")
    if wide:
        _bars(style.place(fig, style.MARGIN, 0.72, 7.0, 1.8), data, 7.0)
        _wide_table(style.board(fig, style.MARGIN, 2.72, 7.0, 0.95), data, 7.0)
    else:
        _bars(style.place(fig, style.MARGIN, 0.68, 3.44, 1.6), data, 3.44)
        _narrow_table(style.board(fig, style.MARGIN, 2.42, 3.44, 1.3), data, 3.44)
    return fig


def alt(data: Cost) -> str:
    """Return the frame in words."""
    full, wide, lora = (sum(parts.values()) for parts in (data.full, data.everywhere, data.lora))
    most = data.largest
    return (f"{data.name}, {MODELS[data.name].parameters():,} parameters, a step on "
            f"{data.tokens:,} tokens{data.settings}: full fine-tuning takes {written(full)}, "
            f"the largest part {most} ({style.percent(data.full[most] / full)}); "
            f"LoRA of rank {RANK_EVERYWHERE} on all linear layers takes "
            f"{written(wide)}, {style.percent(1 - wide / full)} less, "
            f"and of rank {RANK} on query and value {written(lora)}, "
            f"{style.percent(1 - lora / full)} less.")
