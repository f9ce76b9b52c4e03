"""Causal self-attention with many heads, forward, backward, and with a KV cache."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lib.layer import Layer
from lib.layers import Linear
from lib.positions import rotary_angles, rotate


@dataclass
class KVCache:
    """Keys and values of the tokens that one attention layer has seen so far.

    keys, values: (batch, heads, context, head_size), of which the first ``length`` are filled.
    """

    keys: np.ndarray
    values: np.ndarray
    length: int = 0

    def append(self, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Add (batch, heads, time, head_size); return all keys and values seen so far.

        Raises ValueError if the batch is not the one that the cache was made for.
        """
        if len(keys) != len(self.keys):
            raise ValueError(f"the batch is {len(keys)}, the cache was made for {len(self.keys)}")
        end = self.length + keys.shape[2]
        self.keys[:, :, self.length:end] = keys
        self.values[:, :, self.length:end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class CausalSelfAttention(Layer):
    """Each token gathers from itself and the tokens before it.

    x: (batch, time, d_model) -> (batch, time, d_model);  four weights of (d_model, d_model).
    Vaswani et al. 2017, eq. 1 and section 3.2.2, with a causal mask; with ``rotary``, queries and
    keys are turned by their positions, so that q . k depends on the distance alone.
    """

    def __init__(self, embedding_dimension: int, heads: int, context_length: int,
                 output_std: float, rng: np.random.Generator, dtype: type = np.float32,
                 rotary: bool = False) -> None:
        super().__init__()
        size, std = embedding_dimension, embedding_dimension**-0.5
        self.embedding_dimension, self.heads, self.rotary = size, heads, rotary
        self.query_linear = Linear.random(size, size, std, rng, dtype)
        self.key_linear = Linear.random(size, size, std, rng, dtype)
        self.value_linear = Linear.random(size, size, std, rng, dtype)
        self.output_linear = Linear.random(size, size, output_std, rng, dtype)
        future = np.tril(np.ones((context_length, context_length), bool), -1)  # [key, query]
        self.mask = np.where(future, -np.inf, 0).astype(dtype)

    def split_heads(self, x: np.ndarray) -> np.ndarray:
        """(batch, time, d_model) -> (batch, heads, time, head_size): a view, not a copy."""
        batch, time, size = x.shape
        return x.reshape(batch, time, self.heads, size // self.heads).swapaxes(1, 2)

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        q = self.split_heads(self.query_linear.forward(x, training))
        k = self.split_heads(self.key_linear.forward(x, training))
        v = self.split_heads(self.value_linear.forward(x, training))
        before = past.length if past else 0
        if self.rotary:
            angles = rotary_angles(before + q.shape[2], q.shape[3])[before:]
            q, k = rotate(q, angles), rotate(k, angles)
        if past:
            k, v = past.append(k, v)
        q *= 1 / math.sqrt(q.shape[-1])  # scales q . k on the smaller array
        # Keys first, (batch, heads, keys, queries): max and sum over the keys then add up
        # whole rows of queries, several times as fast as going along each row.
        weights = k @ q.swapaxes(-1, -2)
        if q.shape[2] > 1:                # a single query comes last and sees all keys
            weights += self.mask[:k.shape[2], before:before + q.shape[2]]
        weights -= weights.max(-2, keepdims=True)
        np.exp(weights, out=weights)
        # The softmax's division is done on the (time, head_size) result: fewer numbers.
        inv_sum = 1 / weights.sum(-2)[..., None]
        context = np.empty_like(x)
        by_head = self.split_heads(context)
        np.matmul(weights.swapaxes(-1, -2), v, out=by_head)
        by_head *= inv_sum
        self.cache = (q, k, v, weights, inv_sum, by_head) if training else None
        return self.output_linear.forward(context, training)

    def backward(self, dy: np.ndarray, to_input: bool = True) -> np.ndarray | None:
        """With P the softmax of q k^T: dv = P^T dc, dP = dc v^T, and the softmax's backward
        is P (dP - sum(P dP)), where the sum over a row equals dc . context.
        """
        q, k, v, weights, inv_sum, context = self.cache
        d_context = self.split_heads(self.output_linear.backward(dy))
        d_context = d_context * inv_sum      # once here instead of on the larger P
        along = np.vecdot(d_context, context)
        dq, dk, dv = (np.empty_like(dy) for _ in range(3))
        np.matmul(weights, d_context, out=self.split_heads(dv))
        d_scores = v @ d_context.swapaxes(-1, -2)     # keys first, like the weights
        d_scores -= along[..., None, :]
        d_scores *= weights
        np.matmul(d_scores.swapaxes(-1, -2), k, out=self.split_heads(dq))
        np.matmul(d_scores, q, out=self.split_heads(dk))
        dq *= 1 / math.sqrt(q.shape[-1])
        if self.rotary:
            for by_head in (self.split_heads(dq), self.split_heads(dk)):
                by_head[...] = rotate(by_head, -rotary_angles(*q.shape[2:]))
        dx = self.query_linear.backward(dq, to_input)
        dx_from_keys = self.key_linear.backward(dk, to_input)
        dx_from_values = self.value_linear.backward(dv, to_input)
        if not to_input:
            return None
        dx += dx_from_keys
        dx += dx_from_values
        return dx

    def attention_weights(self, x: np.ndarray) -> np.ndarray:
        """The softmax itself: x (batch, time, d_model) -> (batch, heads, time, time)."""
        self.forward(x)
        weights, inv_sum = self.cache[3:5]
        return weights.swapaxes(-1, -2) * inv_sum
