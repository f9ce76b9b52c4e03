"""The GPT: a pre-LayerNorm transformer of 1,044,736 parameters in its standard size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from lib.attention import CausalSelfAttention, KVCache
from lib.checkpoint import check_arrays, load_arrays, save_arrays
from lib.layer import Layer
from lib.layers import (
    Embedding,
    LayerNorm,
    Linear,
    PositionEmbedding,
    TiedLinear,
    gelu,
    gelu_with_slope,
)
from lib.positions import sinusoidal_positions

POSITIONS = ("sinusoidal", "rotary", "learned")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a model, and its kind.  Raises ValueError on sizes that no model can have.

    Learned positions, ``biases`` of the blocks' linear layers, and the output ``tied`` to the
    embedding make GPT-2's architecture (Radford et al. 2019).
    """

    vocabulary_size: int = 1000
    context_length: int = 128
    embedding_dimension: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward_dimension: int = 512
    positions: str = "sinusoidal"
    dtype: Any = np.float32
    biases: bool = False
    tied: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and (type(value) is not int or value < 1):
                raise ValueError(f"{field.name} is {value!r}, it must be a whole number above 0")
            if field.type == "bool" and type(value) is not bool:
                raise ValueError(f"{field.name} is {value!r}, it must be True or False")
        if self.embedding_dimension % (2 * self.heads):
            raise ValueError(f"embedding_dimension {self.embedding_dimension} must be a multiple "
                             f"of 2 * heads = {2 * self.heads}")
        if self.positions not in POSITIONS:
            raise ValueError(f"positions is {self.positions!r}, allowed are {POSITIONS}")
        if self.dtype not in (np.float32, np.float64, *DTYPES):
            raise ValueError(f"dtype is {self.dtype!r}, allowed are {DTYPES}")
        object.__setattr__(self, "dtype", np.dtype(self.dtype).type)

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
    def random(cls, config: GPTConfig, rng: np.random.Generator) -> Self:
        """A GPT's block, with weights drawn from ``rng``."""
        size, dtype = config.embedding_dimension, config.dtype
        # 2 * layers branches write to the residual stream: their variances add up to one
        narrow = (2 * config.layers) ** -0.5
        attention = CausalSelfAttention(
            size, config.heads, config.context_length, size**-0.5 * narrow, rng, dtype,
            rotary=config.positions == "rotary")
        feed_forward = FeedForward(config, config.feed_forward_dimension**-0.5 * narrow, rng)
        return cls(LayerNorm(size, dtype), attention, LayerNorm(size, dtype), feed_forward)

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
    """Token ids to the logits of each next token.  Radford et al. 2019, by default without biases.

    tokens: (batch, time) -> logits: (batch, time, vocabulary)
    """

    kind, config_type = "gpt", GPTConfig  # as files name them

    def __init__(self, config: GPTConfig, rng: np.random.Generator) -> None:
        super().__init__()
        size, vocabulary = config.embedding_dimension, config.vocabulary_size
        self.config = config
        table = rng.standard_normal((vocabulary, size)).astype(config.dtype)
        if config.tied:
            table *= 0.02  # the size of an output's weights: logits would be huge at first
        self.token_embedding = Embedding(table)
        if config.positions == "sinusoidal":
            self.positions = sinusoidal_positions(config.context_length, size).astype(config.dtype)
        elif config.positions == "learned":
            start = 0.02 * rng.standard_normal((config.context_length, size))
            self.position_embedding = PositionEmbedding(start.astype(config.dtype))
        self.transformer_stack = TransformerStack(
            [TransformerBlock.random(config, rng) for _ in range(config.layers)])
        if config.biases:
            for _, layer in self.transformer_stack.walk():
                if isinstance(layer, Linear):
                    layer.bias = np.zeros(len(layer.weights), config.dtype)
        self.final_norm = LayerNorm(size, config.dtype)
        self.output_projection = TiedLinear(table) if config.tied else Linear.random(
            size, vocabulary, 0.02, rng, config.dtype)
        self.frozen_before: dict[str, bool] = {}  # which layers were, when adapters were applied

    def forward(self, tokens: np.ndarray, training: bool = True,
                past: list[KVCache] | None = None) -> np.ndarray:
        """(batch, time) -> (batch, time, vocabulary); keeps what backward needs if ``training``.

        With ``past`` (from ``new_cache``) the tokens continue those that it holds.
        Raises ValueError: not two axes, ids out of range, or longer than the context.
        """
        tokens = np.asarray(tokens)
        start = past[0].length if past else 0
        self._check_tokens(tokens, start)
        x = self.token_embedding.forward(tokens, training)
        if self.config.positions == "sinusoidal":
            x += self.positions[start:start + tokens.shape[1]]
        elif self.config.positions == "learned":
            x = self.position_embedding.forward(x, start)
        x = self.transformer_stack.forward(x, training, past)
        logits = self.output_projection.forward(self.final_norm.forward(x, training), training)
        self.cache = logits.shape if training else None
        return logits

    def backward(self, grad_logits: np.ndarray) -> None:
        """Fill ``gradients()`` from (batch, time, vocabulary); stop where nothing below trains.

        Raises ValueError unless the shape is that of the last training forward's logits.
        """
        if grad_logits.shape != self.cache:
            raise ValueError(f"grad_logits has shape {grad_logits.shape}, the last training "
                             f"forward gave logits of shape {self.cache}")
        parts = [self.token_embedding, *self.transformer_stack.layers, self.final_norm,
                 self.output_projection]
        if self.config.positions == "learned":
            parts.insert(1, self.position_embedding)
        while parts and not parts[0].is_trainable():
            parts.pop(0)
        dy = grad_logits
        for part in reversed(parts):
            dy = part.backward(dy)
        if self.config.tied and self.token_embedding.is_trainable():
            self.token_embedding.grads["weights"] += self.output_projection.table_gradient(
                grad_logits)

    def new_cache(self, batch: int) -> list[KVCache]:
        """An empty KV cache of the whole context for ``batch`` sequences."""
        c = self.config
        shape = batch, c.heads, c.context_length, c.embedding_dimension // c.heads
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
    def blank(cls, config: GPTConfig) -> Self:
        """A model to be filled: its numbers mean nothing."""
        return cls(config, np.random.default_rng(0))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote; never unpickles.

        Raises:
            ValueError: the file is damaged, holds something else, or its arrays do not
                fit the configuration that it names.
        """
        arrays, metadata, _ = load_arrays(path, cls.kind)
        config = metadata.get("config")
        try:
            model = cls.blank(cls.config_type(**config))
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
