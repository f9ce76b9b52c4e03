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
    keys are turned by their positions, so that q . k sees them only through their distance.
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

    def join_heads(self, x: np.ndarray) -> np.ndarray:
        """(batch, heads, time, head_size) -> (batch, time, d_model)."""
        batch, heads, time, head_size = x.shape
        return x.swapaxes(1, 2).reshape(batch, time, heads * head_size)

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        q = self.split_heads(self.query_linear.forward(x, training))
        k = self.split_heads(self.key_linear.forward(x, training))
        v = self.split_heads(self.value_linear.forward(x, training))
        seen = past.length if past else 0
        if self.rotary:
            angles = rotary_angles(seen + q.shape[2], q.shape[3])[seen:]
            q, k = rotate(q, angles), rotate(k, angles)
        if past:
            k, v = past.append(k, v)
        q /= math.sqrt(q.shape[-1])  # scales the scores, on the smaller array
        mask = self.mask[:k.shape[2], seen:seen + q.shape[2]]
        context = np.empty_like(q)
        weights = np.empty((*q.shape[:2], *mask.shape), q.dtype)
        # One text after the other, so that its scores stay in the processor's cache.  Keys first,
        # (heads, keys, queries): max and sum over the keys then add up whole rows of queries,
        # several times as fast as going along each row.
        for text, scores in enumerate(weights):
            np.matmul(k[text], q[text].swapaxes(-1, -2), out=scores)
            scores += mask
            scores -= scores.max(-2, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(-2, keepdims=True)
            context[text] = scores.swapaxes(-1, -2) @ v[text]
        self.cache = (q, k, v, weights) if training else None
        context = self.join_heads(context)
        return self.output_linear.forward(context, training)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """With weights P = softmax(s) and context c = P v:  dv = P^T dc,  dP = dc v^T,  and through
        the softmax ds = P (dP - sum(P dP)), the sum over the keys.
        """
        q, k, v, weights = self.cache
        d_context = self.split_heads(self.output_linear.backward(dy))
        dv = weights @ d_context
        dq, dk = np.empty_like(q), np.empty_like(k)
        for text, p in enumerate(weights):  # (heads, keys, queries)
            ds = v[text] @ d_context[text].swapaxes(-1, -2)
            ds -= np.einsum("hkq,hkq->hq", p, ds)[:, None]
            ds *= p
            dk[text] = ds @ q[text]
            dq[text] = ds.swapaxes(-1, -2) @ k[text]
        dq /= math.sqrt(q.shape[-1])
        if self.rotary:
            angles = rotary_angles(*q.shape[2:])
            dq, dk = rotate(dq, -angles), rotate(dk, -angles)
        return (self.query_linear.backward(self.join_heads(dq))
                + self.key_linear.backward(self.join_heads(dk))
                + self.value_linear.backward(self.join_heads(dv)))

    def attention_weights(self, x: np.ndarray) -> np.ndarray:
        """The softmax itself: x (batch, time, d_model) -> (batch, heads, queries, keys)."""
        self.forward(x)
        return self.cache[-1].swapaxes(-1, -2)
