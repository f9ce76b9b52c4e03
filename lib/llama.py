"""Llama, the architecture of most open language models, on the blocks of our GPT.

Four parts are others: RMSNorm in place of LayerNorm, SwiGLU in place of GELU, attention with
grouped queries and rotations, and one table for embedding and output.  Touvron et al. 2023a,
section 2.2, and 2023b, section 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from lib.attention import KVCache
from lib.checkpoint import check_arrays, load_arrays
from lib.layer import Layer
from lib.layers import Embedding, Linear, TiedLinear, check_last_axis, column_sums
from lib.model import GPTConfig, GPTModel, TransformerBlock, TransformerStack
from lib.positions import rotations, turn


@dataclass(frozen=True)
class LlamaConfig(GPTConfig):
    """Sizes of a Llama: those of a GPT, and three more.

    ``heads / kv_heads`` heads of queries share one head of keys and values; ``epsilon`` is
    RMSNorm's.  Raises ValueError on sizes that no model can have.
    """

    positions: str = "rotary"
    kv_heads: int = 1
    rotary_base: float = 10_000.0
    epsilon: float = 1e-5

    ALLOWED: ClassVar[tuple[str, ...]] = ("rotary",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heads % self.kv_heads:
            raise ValueError(f"heads is {self.heads}, it must be a multiple of kv_heads, "
                             f"{self.kv_heads}")
        for name, least in (("rotary_base", 1), ("epsilon", 0)):
            if not least < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}, it must be finite and above "
                                 f"{least}")

    @property
    def cached_heads(self) -> int:
        return self.kv_heads


class RMSNorm(Layer):
    """Divide each row by the root of its mean square, then scale: a LayerNorm without the mean.

    x: (..., d) -> y: (..., d);  gamma: (d,).  Zhang and Sennrich 2019, eq. 4.
    """

    array_names = ("gamma",)

    def __init__(self, gamma: np.ndarray, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gamma, self.epsilon = gamma, epsilon

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        size = self.gamma.size
        check_last_axis(x, size, "RMSNorm")
        rms = np.sqrt(np.vecdot(x, x)[..., None] / size + self.epsilon)
        x_hat = x / rms
        if not training:
            self.cache = None
            x_hat *= self.gamma
            return x_hat
        self.cache = x_hat, rms
        return x_hat * self.gamma

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = (dx_hat - x_hat mean(dx_hat x_hat)) / rms, with dx_hat = dy gamma.

        The mean is the part of the gradient that stretching the row would undo.
        """
        x_hat, rms = self.cache
        size = self.gamma.size
        if not self.frozen:
            self.grads = {"gamma": column_sums((dy * x_hat).reshape(-1, size))}
        dx = dy * self.gamma
        dx -= x_hat * (np.vecdot(dx, x_hat)[..., None] / size)
        dx /= rms
        return dx


class SwiGLU(Layer):
    """down(swish(gate(x)) up(x)), for each token alone, with swish(g) = g / (1 + exp(-g)).

    x: (..., d_model) -> (..., d_model).  Shazeer 2020, eq. 6.
    """

    def __init__(self, gate: Linear, up: Linear, down: Linear) -> None:
        super().__init__()
        self.gate_linear, self.up_linear, self.down_linear = gate, up, down

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        gate, up = self.gate_linear.forward(x, training), self.up_linear.forward(x, training)
        sigmoid = logistic(gate)
        self.cache = (gate, up, sigmoid) if training else None
        hidden = gate * sigmoid
        hidden *= up
        return self.down_linear.forward(hidden, training)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """With s = 1 / (1 + exp(-g)):  d_up = dh swish(g),  d_gate = dh up swish'(g),  where
        swish'(g) = s + g s (1 - s) = s + swish(g) (1 - s).
        """
        gate, up, sigmoid = self.cache
        d_hidden = self.down_linear.backward(dy)
        swish = gate * sigmoid
        d_gate = 1 - sigmoid
        d_gate *= swish
        d_gate += sigmoid
        d_gate *= up
        d_gate *= d_hidden
        dx = self.gate_linear.backward(d_gate)
        d_hidden *= swish
        dx += self.up_linear.backward(d_hidden)
        return dx


@np.errstate(over="ignore")  # far below zero exp is infinite, and 1 / infinity the 0 wanted
def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), a new array of any shape."""
    y = np.negative(x)
    np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


class GroupedQueryAttention(Layer):
    """Causal attention in which a group of query heads shares one head of keys and values.

    x: (batch, time, d_model) -> same;  query and output weights: (d_model, d_model);  key and value
    weights: (kv_heads * head_size, d_model).  Ainslie et al. 2023, section 2.2.  The queries of a
    group are put one after the other on the time axis: so the products are those of plain attention
    with ``kv_heads`` heads, and the gradients of shared keys and values add up in them.
    """

    def __init__(self, config: LlamaConfig, query: Linear, key: Linear, value: Linear,
                 output: Linear) -> None:
        super().__init__()
        self.query_linear, self.key_linear, self.value_linear = query, key, value
        self.output_linear = output
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.head_size = config.embedding_dimension // config.heads
        self.rotary_base, self.context_length = config.rotary_base, config.context_length

    def split_heads(self, x: np.ndarray) -> np.ndarray:
        """(batch, time, heads * head_size) -> (batch, heads, time, head_size): a view."""
        return x.reshape(*x.shape[:2], -1, self.head_size).swapaxes(1, 2)

    def join_heads(self, x: np.ndarray, time: int) -> np.ndarray:
        """(batch, heads, time, head_size), axes 1 and 2 split in any way -> (batch, time, d_model).
        """
        by_head = x.reshape(len(x), -1, time, self.head_size)
        return by_head.swapaxes(1, 2).reshape(len(x), time, -1)

    def group(self, x: np.ndarray) -> np.ndarray:
        """(batch, heads, time, head_size) -> (batch, kv_heads, group * time, head_size)."""
        return x.reshape(len(x), self.kv_heads, -1, self.head_size)

    def turns(self, start: int, time: int, dtype: np.dtype) -> np.ndarray:
        """(time, head_size / 2): the rotations of places from ``start`` on."""
        table = rotations(self.context_length, self.head_size, self.rotary_base, dtype)
        return table[start:start + time]

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        time, seen = x.shape[1], past.length if past else 0
        turns = self.turns(seen, time, x.dtype)
        q = turn(self.split_heads(self.query_linear.forward(x, training)), turns)
        k = turn(self.split_heads(self.key_linear.forward(x, training)), turns)
        v = self.split_heads(self.value_linear.forward(x, training))
        if past:
            k, v = past.append(k, v)
        q = self.group(q)
        q /= math.sqrt(self.head_size)
        weights = k @ q.swapaxes(-1, -2)  # keys first, as in lib.attention
        if time > 1:
            future = np.tri(seen + time, time, -seen - 1, bool)  # [key, query]
            by_query = weights.reshape(*weights.shape[:3], -1, time)
            by_query += np.where(future, -np.inf, 0).astype(x.dtype)[:, None]
        weights -= weights.max(-2, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(-2, keepdims=True)
        context = weights.swapaxes(-1, -2) @ v
        self.cache = (q, k, v, weights, context) if training else None
        return self.output_linear.forward(self.join_heads(context, time), training)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """As in lib.attention:  dv = P^T dc,  dP = dc v^T,  ds = P (dP - sum(P dP)), where the sum
        over the keys is dc . c, since c = P v.  Keys come first here: ``weights`` is P^T.
        """
        q, k, v, weights, context = self.cache
        time = dy.shape[1]
        back = self.turns(0, time, dy.dtype).conj()
        d_context = self.group(self.split_heads(self.output_linear.backward(dy)))
        dv = weights @ d_context
        ds = v @ d_context.swapaxes(-1, -2)
        ds -= np.vecdot(d_context, context)[..., None, :]
        ds *= weights
        dk = turn(ds @ q, back)
        dq = (ds.swapaxes(-1, -2) @ k).reshape(len(dy), self.heads, time, self.head_size)
        dq /= math.sqrt(self.head_size)
        dq = turn(dq, back)
        dx = self.query_linear.backward(self.join_heads(dq, time))
        dx += self.key_linear.backward(self.join_heads(dk, time))
        dx += self.value_linear.backward(self.join_heads(dv, time))
        return dx


def array_shapes(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """The names and shapes of all arrays of a Llama, by dotted name."""
    size, hidden = config.embedding_dimension, config.feed_forward_dimension
    shared = config.kv_heads * (size // config.heads)
    block = {"attention_norm.gamma": (size,),
             "self_attention.query_linear.weights": (size, size),
             "self_attention.key_linear.weights": (shared, size),
             "self_attention.value_linear.weights": (shared, size),
             "self_attention.output_linear.weights": (size, size),
             "feed_forward_norm.gamma": (size,),
             "feed_forward.gate_linear.weights": (hidden, size),
             "feed_forward.up_linear.weights": (hidden, size),
             "feed_forward.down_linear.weights": (size, hidden)}
    return {"token_embedding.weights": (config.vocabulary_size, size),
            **{f"transformer_stack.layers.{number}.{name}": shape
               for number in range(config.layers) for name, shape in block.items()},
            "final_norm.gamma": (size,)}


class LlamaModel(GPTModel):
    """Token ids to the logits of each next token: our GPT, forward and backward, with other parts.

    tokens: (batch, time) -> logits: (batch, time, vocabulary);  arrays: see ``array_shapes``.
    Raises ValueError unless the arrays are those of the configuration.
    """

    kind = "llama"
    tied = True

    def __init__(self, config: LlamaConfig, arrays: dict[str, np.ndarray]) -> None:
        Layer.__init__(self)
        check_arrays("a Llama", arrays, {name: (shape, np.dtype(config.dtype))
                                         for name, shape in array_shapes(config).items()})
        self.config = config

        def norm(name: str) -> RMSNorm:
            return RMSNorm(arrays[f"{name}.gamma"], config.epsilon)

        def block(number: int) -> TransformerBlock:
            start = f"transformer_stack.layers.{number}."
            attention = [Linear(arrays[f"{start}self_attention.{name}_linear.weights"])
                         for name in ("query", "key", "value", "output")]
            feed_forward = [Linear(arrays[f"{start}feed_forward.{name}_linear.weights"])
                            for name in ("gate", "up", "down")]
            return TransformerBlock(
                norm(f"{start}attention_norm"), GroupedQueryAttention(config, *attention),
                norm(f"{start}feed_forward_norm"), SwiGLU(*feed_forward))

        self.token_embedding = Embedding(arrays["token_embedding.weights"])
        self.transformer_stack = TransformerStack([block(i) for i in range(config.layers)])
        self.final_norm = norm("final_norm")
        self.output_projection = TiedLinear(self.token_embedding.weights)
        self.frozen_before: dict[str, bool] = {}

    @classmethod
    def random(cls, config: LlamaConfig, rng: np.random.Generator) -> LlamaModel:
        """Weights from N(0, 1 / d_in), norms that change nothing."""
        return cls(config, {
            name: np.ones(shape, config.dtype) if name.endswith("gamma") else
            (shape[-1] ** -0.5 * rng.standard_normal(shape)).astype(config.dtype)
            for name, shape in array_shapes(config).items()})

    @classmethod
    def load(cls, path: str | Path) -> LlamaModel:
        """Read what ``save`` wrote; never unpickles.

        Raises:
            ValueError: the file is damaged, holds something else, or its arrays do not
                fit the configuration that it names.
        """
        arrays, metadata, _ = load_arrays(path, cls.kind)
        config = metadata.get("config")
        try:
            return cls(LlamaConfig(**config), arrays)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: no model can have the configuration {config} with its "
                             f"arrays: {error}") from error
