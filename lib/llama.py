"""The Llama: the GPT's blocks and stack, with four other parts and one table less.

RMSNorm for LayerNorm, SwiGLU for GELU, grouped queries, rotary positions of any base, and the
output tied to the embedding.  Touvron et al. 2023; Allal et al. 2025 for the sizes of SmolLM2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lib.attention import KVCache
from lib.checkpoint import check_arrays
from lib.layer import Layer
from lib.layers import Embedding, Linear, TiedLinear, check_last_axis, column_sums
from lib.model import GPTConfig, GPTModel, TransformerBlock, TransformerStack
from lib.positions import rotary_angles, rotate


@dataclass(frozen=True)
class LlamaConfig(GPTConfig):
    """What a Llama has besides the sizes of a GPT.  Raises ValueError on what no model can have.

    ``kv_heads`` heads of keys and values serve ``heads`` of queries.
    """

    positions: str = "rotary"
    tied: bool = True
    kv_heads: int = 4
    rotary_base: float = 10_000.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heads % self.kv_heads:
            raise ValueError(f"heads {self.heads} must be a multiple of kv_heads {self.kv_heads}")
        for name in "rotary_base", "epsilon":
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}, it must be a finite number "
                                 f"above 0")
        if (self.positions, self.tied, self.biases) != ("rotary", True, False):
            raise ValueError(f"positions {self.positions!r}, tied {self.tied!r} and biases "
                             f"{self.biases!r}: a Llama has 'rotary', True and False")

    @property
    def head_size(self) -> int:
        return self.embedding_dimension // self.heads

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every array, by dotted name."""
        size, hidden = self.embedding_dimension, self.feed_forward_dimension
        shared = self.kv_heads * self.head_size
        block = {"attention_norm.gamma": (size,),
                 "self_attention.query_linear.weights": (size, size),
                 "self_attention.key_linear.weights": (shared, size),
                 "self_attention.value_linear.weights": (shared, size),
                 "self_attention.output_linear.weights": (size, size),
                 "feed_forward_norm.gamma": (size,),
                 "feed_forward.gate_linear.weights": (hidden, size),
                 "feed_forward.up_linear.weights": (hidden, size),
                 "feed_forward.down_linear.weights": (size, hidden)}
        return {"token_embedding.weights": (self.vocabulary_size, size),
                **{f"transformer_stack.layers.{number}.{name}": shape
                   for number in range(self.layers) for name, shape in block.items()},
                "final_norm.gamma": (size,)}


class RMSNorm(Layer):
    """Stretch each row to a mean square of 1, then scale: a LayerNorm that lets the mean be.

    x: (..., d) -> y: (..., d);  gamma: (d,).  Zhang and Sennrich 2019, eq. 4.
    """

    array_names = ("gamma",)

    def __init__(self, gamma: np.ndarray, epsilon: float) -> None:
        super().__init__()
        self.gamma, self.epsilon = gamma, epsilon

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        check_last_axis(x, self.gamma.size, "RMSNorm")
        per_rms = 1 / np.sqrt(np.vecdot(x, x) / self.gamma.size + self.epsilon)[..., None]
        x_hat = x * per_rms
        self.cache = (x_hat, per_rms) if training else None
        return x_hat * self.gamma

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = (dx_hat - x_hat mean(dx_hat x_hat)) / rms, with dx_hat = dy gamma.

        The mean is the part of the gradient that stretching the row would undo.
        """
        x_hat, per_rms = self.cache
        size = self.gamma.size
        if not self.frozen:
            self.grads = {"gamma": column_sums((dy * x_hat).reshape(-1, size))}
        dx = dy * self.gamma
        dx -= x_hat * (np.vecdot(dx, x_hat) / size)[..., None]
        dx *= per_rms
        return dx


class SwiGLU(Layer):
    """down(silu(gate(x)) up(x)), for each token alone, with silu(g) = g / (1 + exp(-g)).

    x: (..., d_model) -> (..., d_model).  Shazeer 2020, eq. 6.
    """

    def __init__(self, gate: Linear, up: Linear, down: Linear) -> None:
        super().__init__()
        self.gate_linear, self.up_linear, self.down_linear = gate, up, down

    @np.errstate(over="ignore")  # far below zero exp is infinite, and 1 / infinity the 0 wanted
    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        gate, up = self.gate_linear.forward(x, training), self.up_linear.forward(x, training)
        sigmoid = np.exp(-gate)
        sigmoid += 1
        np.reciprocal(sigmoid, out=sigmoid)
        self.cache = (gate, up, sigmoid) if training else None
        hidden = gate * sigmoid
        hidden *= up
        return self.down_linear.forward(hidden, training)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """With s the sigmoid of the gate g and h = g s:  d_up = d_hidden h,
        d_gate = d_hidden up silu'(g),  silu'(g) = s + h (1 - s).
        """
        gate, up, sigmoid = self.cache
        d_hidden = self.down_linear.backward(dy)
        silu = gate * sigmoid
        d_gate = 1 - sigmoid
        d_gate *= silu
        d_gate += sigmoid
        d_gate *= up
        d_gate *= d_hidden
        d_hidden *= silu
        dx = self.gate_linear.backward(d_gate)
        dx += self.up_linear.backward(d_hidden)
        return dx


class GroupedQueryAttention(Layer):
    """Causal attention in which ``heads / kv_heads`` heads of queries share keys and values.

    x: (batch, time, d_model) -> (batch, time, d_model).  A group's queries stand one after the
    other on the time axis: its scores are then one product, and the gradients of the shared keys
    and values add up by themselves.  Ainslie et al. 2023, section 2.2.
    """

    def __init__(self, config: LlamaConfig, query: Linear, key: Linear, value: Linear,
                 output: Linear) -> None:
        super().__init__()
        self.query_linear, self.key_linear, self.value_linear = query, key, value
        self.output_linear = output
        self.kv_heads, self.head_size = config.kv_heads, config.head_size
        self.embedding_dimension = config.embedding_dimension
        self.rotary_base = config.rotary_base

    def split_heads(self, x: np.ndarray) -> np.ndarray:
        """(batch, time, heads * head_size) -> (batch, heads, time, head_size): a view."""
        return x.reshape(*x.shape[:2], -1, self.head_size).swapaxes(1, 2)

    def group(self, q: np.ndarray) -> np.ndarray:
        """(batch, heads, time, head_size) -> (batch, kv_heads, group * time, head_size)."""
        return q.reshape(len(q), self.kv_heads, -1, self.head_size)

    def by_head(self, q: np.ndarray, time: int) -> np.ndarray:
        """(batch, kv_heads, group * time, head_size) -> (batch, heads, time, head_size)."""
        return q.reshape(len(q), -1, time, self.head_size)

    def join_heads(self, x: np.ndarray) -> np.ndarray:
        """(batch, heads, time, head_size) -> (batch, time, heads * head_size)."""
        return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        time, seen = x.shape[1], past.length if past else 0
        angles = rotary_angles(seen + time, self.head_size, self.rotary_base)[seen:]
        q = self.group(rotate(self.split_heads(self.query_linear.forward(x, training)), angles))
        k = rotate(self.split_heads(self.key_linear.forward(x, training)), angles)
        v = self.split_heads(self.value_linear.forward(x, training))
        if past:
            k, v = past.append(k, v)
        q *= self.head_size**-0.5
        scores = k @ q.swapaxes(-1, -2)  # keys first, as in lib.attention
        if time > 1:  # a single query, the newest, has no future
            future = np.tri(k.shape[2], time, -seen - 1, bool)[:, None]  # [key, 1, query]
            by_query = scores.reshape(*scores.shape[:3], -1, time)
            by_query += np.where(future, -np.inf, 0).astype(x.dtype)
        scores -= scores.max(-2, keepdims=True)
        weights = np.exp(scores, out=scores)
        weights /= weights.sum(-2, keepdims=True)
        context = weights.swapaxes(-1, -2) @ v
        self.cache = (q, k, v, weights, context, angles) if training else None
        return self.output_linear.forward(self.join_heads(self.by_head(context, time)), training)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """As in lib.attention, with sum(P dP) over the keys as dc . c, which is the same sum."""
        q, k, v, weights, context, angles = self.cache
        d_context = self.group(self.split_heads(self.output_linear.backward(dy)))
        dv = weights @ d_context
        d_scores = v @ d_context.swapaxes(-1, -2)
        d_scores -= np.vecdot(d_context, context)[..., None, :]
        d_scores *= weights
        dq = d_scores.swapaxes(-1, -2) @ k
        dq *= self.head_size**-0.5
        dq = rotate(self.by_head(dq, dy.shape[1]), -angles)
        dk = rotate(d_scores @ q, -angles)
        return (self.query_linear.backward(self.join_heads(dq))
                + self.key_linear.backward(self.join_heads(dk))
                + self.value_linear.backward(self.join_heads(dv)))


class LlamaModel(GPTModel):
    """Token ids to the logits of each next token: forward and backward are the GPT's.

    tokens: (batch, time) -> logits: (batch, time, vocabulary).  The model works on the very
    arrays given, by dotted name.  Raises ValueError unless they are those of ``config.shapes()``.
    """

    kind, config_type = "llama", LlamaConfig

    def __init__(self, config: LlamaConfig, arrays: dict[str, np.ndarray]) -> None:
        check_arrays("the model", arrays, {name: (shape, np.dtype(config.dtype))
                                           for name, shape in config.shapes().items()})
        Layer.__init__(self)  # not the GPT's, which draws other parts
        self.config = config
        self.token_embedding = Embedding(arrays["token_embedding.weights"])
        self.transformer_stack = TransformerStack([
            _block(config, arrays, f"transformer_stack.layers.{number}.")
            for number in range(config.layers)])
        self.final_norm = RMSNorm(arrays["final_norm.gamma"], config.epsilon)
        self.output_projection = TiedLinear(self.token_embedding.weights)
        self.frozen_before = {}

    @classmethod
    def random(cls, config: LlamaConfig, rng: np.random.Generator) -> LlamaModel:
        """A model with weights drawn from ``rng``: gammas of 1, all else from N(0, 0.02^2)."""
        return cls(config, {name: (np.ones(shape) if name.endswith("gamma") else
                                   0.02 * rng.standard_normal(shape)).astype(config.dtype)
                            for name, shape in config.shapes().items()})

    @classmethod
    def blank(cls, config: LlamaConfig) -> LlamaModel:
        """A model of zeros, to be filled."""
        return cls(config, {name: np.zeros(shape, config.dtype)
                            for name, shape in config.shapes().items()})

    def new_cache(self, batch: int) -> list[KVCache]:
        """An empty KV cache of the whole context for ``batch`` sequences: of kv_heads alone."""
        c = self.config
        shape = batch, c.kv_heads, c.context_length, c.head_size
        return [KVCache(np.empty(shape, c.dtype), np.empty(shape, c.dtype))
                for _ in range(c.layers)]


def _block(config: LlamaConfig, arrays: dict[str, np.ndarray], prefix: str) -> TransformerBlock:
    def norm(name: str) -> RMSNorm:
        return RMSNorm(arrays[f"{prefix}{name}.gamma"], config.epsilon)

    def linear(part: str, *names: str) -> list[Linear]:
        return [Linear(arrays[f"{prefix}{part}.{name}_linear.weights"]) for name in names]

    attention = linear("self_attention", "query", "key", "value", "output")
    return TransformerBlock(
        norm("attention_norm"), GroupedQueryAttention(config, *attention),
        norm("feed_forward_norm"), SwiGLU(*linear("feed_forward", "gate", "up", "down")))
