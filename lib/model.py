"""The GPT: a pre-LayerNorm transformer of 1,044,736 parameters in its standard size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lib.attention import CausalSelfAttention, KVCache
from lib.checkpoint import check_arrays, load_arrays, save_arrays
from lib.layer import Layer
from lib.layers import Embedding, LayerNorm, Linear, gelu, gelu_with_slope
from lib.positions import sinusoidal_positions

POSITIONS = ("sinusoidal", "rotary")
DTYPES = ("float32", "float64")
LARGE_VOCABULARY = 10_000  # tokens: see GPTModel.large_vocabulary


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a model.  Raises ValueError on sizes that no model can have."""

    vocabulary_size: int = 1000
    context_length: int = 128
    embedding_dimension: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward_dimension: int = 512
    positions: str = "sinusoidal"
    dtype: Any = np.float32

    ALLOWED: ClassVar[tuple[str, ...]] = POSITIONS

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and (type(value) is not int or value < 1):
                raise ValueError(f"{field.name} is {value!r}, it must be a whole number above 0")
        if self.embedding_dimension % (2 * self.heads):
            raise ValueError(f"embedding_dimension {self.embedding_dimension} must be a multiple "
                             f"of 2 * heads = {2 * self.heads}")
        if self.positions not in self.ALLOWED:
            raise ValueError(f"positions is {self.positions!r}, allowed are {self.ALLOWED}")
        if self.dtype not in (np.float32, np.float64, *DTYPES):
            raise ValueError(f"dtype is {self.dtype!r}, allowed are {DTYPES}")
        object.__setattr__(self, "dtype", np.dtype(self.dtype).type)

    @property
    def cached_heads(self) -> int:
        """How many heads have keys and values of their own."""
        return self.heads

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint stores them."""
        return {**dataclasses.asdict(self), "dtype": np.dtype(self.dtype).name}


class FeedForward(Layer):
    """down(gelu(up(x))), for each token alone.  x: (..., d_model) -> (..., d_model)."""

    def __init__(self, config: GPTConfig, output_std: float, rng: np.random.Generator) -> None:
        super().__init__()
        size, hidden = config.embedding_dimension, config.feed_forward_dimension
        self.up_linear = Linear.random(size, hidden, size**-0.5, rng, config.dtype)
        self.down_linear = Linear.random(hidden, size, output_std, rng, config.dtype)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        hidden = self.up_linear.forward(x, training)
        if not training:
            return self.down_linear.forward(gelu(hidden), training)
        active, self.cache = gelu_with_slope(hidden)
        return self.down_linear.forward(active)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        d_hidden = self.down_linear.backward(dy)
        d_hidden *= self.cache
        return self.up_linear.backward(d_hidden)


class TransformerBlock(Layer):
    """x + attention(norm(x)), then x + feed_forward(norm(x)).  (batch, time, d_model) -> same."""

    def __init__(self, attention_norm: Layer, self_attention: Layer, feed_forward_norm: Layer,
                 feed_forward: Layer) -> None:
        super().__init__()
        self.attention_norm, self.self_attention = attention_norm, self_attention
        self.feed_forward_norm, self.feed_forward = feed_forward_norm, feed_forward

    @classmethod
    def random(cls, config: GPTConfig, rng: np.random.Generator) -> TransformerBlock:
        """A GPT's block, with weights drawn from ``rng``."""
        size, dtype = config.embedding_dimension, config.dtype
        # 2 * layers sublayers write to the residual stream: their variances add up to one
        narrow = (2 * config.layers) ** -0.5
        return cls(
            LayerNorm(size, dtype),
            CausalSelfAttention(size, config.heads, config.context_length, size**-0.5 * narrow,
                                rng, dtype, rotary=config.positions == "rotary"),
            LayerNorm(size, dtype),
            FeedForward(config, config.feed_forward_dimension**-0.5 * narrow, rng))

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        normed = self.attention_norm.forward(x, training)
        x = x + self.self_attention.forward(normed, training, past)
        x += self.feed_forward.forward(self.feed_forward_norm.forward(x, training), training)
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = dy + self.feed_forward_norm.backward(self.feed_forward.backward(dy))
        dx += self.attention_norm.backward(self.self_attention.backward(dx))
        return dx


class TransformerStack(Layer):
    """The blocks one after the other.  (batch, time, d_model) -> same."""

    def __init__(self, layers: list[TransformerBlock]) -> None:
        super().__init__()
        self.layers = layers

    @classmethod
    def random(cls, config: GPTConfig, rng: np.random.Generator) -> TransformerStack:
        """A GPT's blocks, with weights drawn from ``rng``."""
        return cls([TransformerBlock.random(config, rng) for _ in range(config.layers)])

    def forward(self, x: np.ndarray, training: bool = True,
                past: list[KVCache] | None = None) -> np.ndarray:
        for number, layer in enumerate(self.layers):
            x = layer.forward(x, training, past[number] if past else None)
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy


class GPTModel(Layer):
    """Token ids to the logits of each next token.  Radford et al. 2019, without biases.

    tokens: (batch, time) -> logits: (batch, time, vocabulary)
    """

    kind = "gpt"    # in files
    config_type = GPTConfig
    tied = False    # whether one table is both embedding and output projection

    def __init__(self, config: GPTConfig, rng: np.random.Generator) -> None:
        super().__init__()
        size, vocabulary = config.embedding_dimension, config.vocabulary_size
        self.config = config
        self.token_embedding = Embedding(
            rng.standard_normal((vocabulary, size)).astype(config.dtype))
        self.positions = sinusoidal_positions(config.context_length, size).astype(config.dtype)
        self.transformer_stack = TransformerStack.random(config, rng)
        self.final_norm = LayerNorm(size, config.dtype)
        self.output_projection = Linear.random(size, vocabulary, 0.02, rng, config.dtype)
        self.frozen_before: dict[str, bool] = {}  # which layers were, when adapters were applied

    def forward(self, tokens: np.ndarray, training: bool = True,
                past: list[KVCache] | None = None,
                counted: np.ndarray | None = None) -> np.ndarray:
        """(batch, time) -> (batch, time, vocabulary); keeps what backward needs if ``training``.

        With ``past`` (from ``new_cache``) the tokens continue those that it holds.  With
        ``counted``, (batch, time) of bool, only those n places get logits: (n, vocabulary).
        Raises ValueError: not two axes, ids out of range, or longer than the context.
        """
        tokens = np.asarray(tokens)
        start = past[0].length if past else 0
        self._check_tokens(tokens, start)
        x = self.embed(tokens, start, training)
        x = self.transformer_stack.forward(x, training, past)
        if counted is not None:
            x = x[counted]
        if self.tied:  # one table: what holds for one of its uses holds for the other
            self.output_projection.frozen = self.token_embedding.frozen
        logits = self.output_projection.forward(self.final_norm.forward(x, training), training)
        self.cache = (logits.shape, counted) if training else None
        return logits

    def embed(self, tokens: np.ndarray, start: int, training: bool) -> np.ndarray:
        """What the first block reads: (batch, time), from place ``start`` on -> (..., d_model)."""
        x = self.token_embedding.forward(tokens, training)
        if self.config.positions == "sinusoidal":
            x += self.positions[start:start + tokens.shape[1]]
        return x

    @property
    def large_vocabulary(self) -> bool:
        """Whether logits are so many that those which nobody reads are worth leaving out."""
        return self.config.vocabulary_size > LARGE_VOCABULARY

    def parts(self) -> list[Layer]:
        """What forward goes through, in its order."""
        return [self.token_embedding, *self.transformer_stack.layers, self.final_norm,
                self.output_projection]

    def backward(self, grad_logits: np.ndarray) -> None:
        """Fill ``gradients()`` from the gradient of the last training forward's logits, of their
        shape; stop where nothing below trains.

        Raises ValueError unless the shape is theirs.
        """
        shape, counted = self.cache or (None, None)
        if grad_logits.shape != shape:
            raise ValueError(f"grad_logits has shape {grad_logits.shape}, the last training "
                             f"forward gave logits of shape {shape}")
        parts = self.parts()
        while parts and not parts[0].is_trainable():
            parts.pop(0)
        dy = grad_logits
        for part in reversed(parts):
            dy = part.backward(dy)
            if counted is not None and part is self.final_norm:  # the other places have none
                whole = np.zeros((*counted.shape, dy.shape[-1]), dy.dtype)
                whole[counted] = dy
                dy = whole
        if self.tied and self.token_embedding in parts:  # the gradient of both uses
            self.token_embedding.grads["weights"] += self.output_projection.grads.pop("weights")

    def new_cache(self, batch: int) -> list[KVCache]:
        """An empty KV cache of the whole context for ``batch`` sequences."""
        c = self.config
        shape = batch, c.cached_heads, c.context_length, c.embedding_dimension // c.heads
        return [KVCache(np.empty(shape, c.dtype), np.empty(shape, c.dtype))
                for _ in range(c.layers)]

    def astype(self, dtype: type) -> GPTModel:
        """A copy in another precision: float64 to check, float32 to train fast."""
        other = super().astype(dtype)
        other.config = dataclasses.replace(self.config, dtype=dtype)
        return other

    def save(self, path: str | Path, **extra: Any) -> None:
        """Write weights and configuration to one .npz file, whole or not at all.

        ``extra`` holds arrays, and values that JSON can express, to keep in the same file.
        Raises ValueError if the model carries LoRA adapters.
        """
        arrays = self.parameters()
        adapted = [name for name in arrays if name.endswith("lora_A")]
        if adapted:
            raise ValueError(f"the model carries LoRA adapters ({adapted[0]}, ...): save them "
                             f"alone with save_adapters, or save merged_copy(model)")
        save_arrays(path, arrays, {"kind": self.kind, "config": self.config.to_dict()}, extra)

    @classmethod
    def load(cls, path: str | Path) -> GPTModel:
        """Read what ``save`` wrote; never unpickles.

        Raises:
            ValueError: the file is damaged, holds something else, or its arrays do not
                fit the configuration that it names.
        """
        arrays, metadata, _ = load_arrays(path, cls.kind)
        config = metadata.get("config")
        try:
            model = cls(cls.config_type(**config), np.random.default_rng(0))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: no model can have the configuration {config}: "
                             f"{error}") from error
        own = model.parameters()
        check_arrays(path, arrays, {name: (a.shape, a.dtype) for name, a in own.items()})
        for name, array in arrays.items():
            own[name][...] = array
        return model

    def _check_tokens(self, tokens: np.ndarray, start: int) -> None:
        if tokens.ndim != 2 or not np.issubdtype(tokens.dtype, np.integer) or not tokens.size:
            raise ValueError(f"tokens must be a (batch, time) array of whole numbers, "
                             f"got shape {tokens.shape} of {tokens.dtype}")
        low, high = tokens.min(), tokens.max()
        if low < 0 or high >= self.config.vocabulary_size:
            raise ValueError(f"token id {low if low < 0 else high} is out of range: ids go from "
                             f"0 to {self.config.vocabulary_size - 1}")
        if start + tokens.shape[1] > self.config.context_length:
            raise ValueError(f"a sequence of {start + tokens.shape[1]} tokens is longer than the "
                             f"context of {self.config.context_length}")
