"""Small models that differ only in how they learn where a token stands: for chapter A1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from lib.attention import CausalSelfAttention, KVCache
from lib.layers import Embedding
from lib.model import GPTConfig, GPTModel
from lib.positions import rotary_angles, rotate

KINDS = ("none", "learnt", "sinusoidal", "ALiBi", "rotary")
#: The standard deviation of a learnt table's rows at the start; tokens have 1, sinusoids 0.7.
STARTS = {"learnt": 0.1, "learnt from 0.7": 0.7}
#: The same with one thing changed: how large the rows are, or in which block queries are turned.
CHANGED = ("learnt from 0.7", "sinusoidal at 0.1", "rotary in block 1", "rotary in block 2")


class TwoTables(Embedding):
    """A row of the tokens' table plus a row of a table of positions.  Radford et al. 2019."""

    array_names = ("weights", "places")

    def __init__(self, weights: np.ndarray, places: np.ndarray) -> None:
        super().__init__(weights)
        self.places = places

    def forward(self, tokens: np.ndarray, training: bool = True) -> np.ndarray:
        return super().forward(tokens, training) + self.places[:tokens.shape[1]]

    def backward(self, dy: np.ndarray) -> None:
        super().backward(dy)
        if not self.frozen:
            self.grads["places"] = np.zeros_like(self.places)
            self.grads["places"][:dy.shape[1]] = dy.sum(0)


class Penalised(CausalSelfAttention):
    """Attention that takes from each score the distance times a slope of the head.

    Press et al. 2021, section 3: the slopes of n heads are 2^(-8 / n), its square, and so on.
    """

    @classmethod
    def over(cls, plain: CausalSelfAttention) -> Penalised:
        """The same layer with penalties, on the very same arrays."""
        self = cls.__new__(cls)
        vars(self).update(vars(plain))
        slopes = 2.0 ** (-8 * np.arange(1, self.heads + 1) / self.heads)
        place = np.arange(len(self.mask))
        distance = place - place[:, None]  # [key, query]
        self.penalty = (self.mask - slopes[:, None, None] * distance).astype(self.mask.dtype)
        return self

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        q, k, v = (self.split_heads(layer.forward(x, training)) for layer in (
            self.query_linear, self.key_linear, self.value_linear))
        q = q / math.sqrt(q.shape[-1])
        time = x.shape[1]
        scores = k @ q.swapaxes(-1, -2) + self.penalty[:, :time, :time]  # (..., keys, queries)
        weights = np.exp(scores - scores.max(-2, keepdims=True))
        weights /= weights.sum(-2, keepdims=True)
        self.cache = (q, k, v, weights) if training else None
        context = self.join_heads(weights.swapaxes(-1, -2) @ v)
        return self.output_linear.forward(context, training)


def position_model(kind: str, sizes: Mapping[str, int], seed: int) -> GPTModel:
    """A fresh model of these sizes whose positions are of a kind; all else is drawn alike.

    Raises:
        ValueError: a kind that is neither in ``KINDS`` nor in ``CHANGED``.
    """
    if kind not in (*KINDS, *CHANGED):
        raise ValueError(f"unknown kind {kind!r}: allowed are {', '.join((*KINDS, *CHANGED))}")
    turned = kind.startswith("rotary")
    config = GPTConfig(**sizes, positions="rotary" if turned else "sinusoidal")
    model = GPTModel(config, np.random.default_rng(seed))
    if kind in ("none", "ALiBi", *STARTS):
        model.positions[...] = 0
    if kind == "sinusoidal at 0.1":
        model.positions *= 0.1 / 0.5**0.5
    if kind in ("rotary in block 1", "rotary in block 2"):
        for number, block in enumerate(model.transformer_stack.layers, 1):
            block.self_attention.rotary = kind.endswith(str(number))
    if kind in STARTS:
        places = np.random.default_rng([seed, 1]).standard_normal(model.positions.shape)
        model.token_embedding = TwoTables(model.token_embedding.weights,
                                          (STARTS[kind] * places).astype(model.positions.dtype))
    if kind == "ALiBi":
        for block in model.transformer_stack.layers:
            block.self_attention = Penalised.over(block.self_attention)
    return model


def only_at(model: GPTModel, distances: Iterable[int]) -> None:
    """Let every query of the model see no more than the tokens at these distances from it."""
    for block in model.transformer_stack.layers:
        attention = block.self_attention
        added = attention.penalty if isinstance(attention, Penalised) else attention.mask
        key, query = np.indices(added.shape[-2:])
        added[..., ~np.isin(query - key, list(distances))] = -np.inf


def only_near(model: GPTModel, reach: int) -> None:
    """Let every query of the model see no more than itself and the ``reach`` - 1 tokens before."""
    only_at(model, range(reach))


class OtherAngles(CausalSelfAttention):
    """Rotary attention with another base, and keys beyond a limit rotated as if at the limit."""

    limit: int
    base: float

    def forward(self, x: np.ndarray, training: bool = True,
                past: KVCache | None = None) -> np.ndarray:
        q, k, v = (self.split_heads(layer.forward(x, training)) for layer in (
            self.query_linear, self.key_linear, self.value_linear))
        time, size = q.shape[2:]
        angles = rotary_angles(max(time, self.limit + 1), size, self.base)
        near = rotate(k, angles[:time]) @ rotate(q, angles[:time]).swapaxes(-1, -2)
        far = k @ rotate(q, np.tile(angles[self.limit], (time, 1))).swapaxes(-1, -2)
        key, query = np.indices((time, time))
        scores = np.where(query - key > self.limit, far, near) / math.sqrt(size)
        scores += self.mask[:time, :time]
        weights = np.exp(scores - scores.max(-2, keepdims=True))
        weights /= weights.sum(-2, keepdims=True)
        context = self.join_heads(weights.swapaxes(-1, -2) @ v)
        return self.output_linear.forward(context, training)


def change_angles(model: GPTModel, limit: int = 0, base: float = 10_000.0) -> None:
    """Rotate with another base, and no distance further than ``limit`` (0: no limit).

    Only forward: the changed model reads, it does not train.
    """
    for block in model.transformer_stack.layers:
        plain = block.self_attention
        block.self_attention = other = OtherAngles.__new__(OtherAngles)
        vars(other).update(vars(plain) | {"limit": limit or len(plain.mask), "base": base})
