"""Small models that differ only in how they learn where a token stands: for chapter A1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from lib.attention import CausalSelfAttention, KVCache
from lib.layers import Embedding, Linear
from lib.model import GPTConfig, GPTModel
from lib.positions import rotary_angles, rotate

#: The encodings of the race.
KINDS = ("none", "learnt", "sinusoidal", "ALiBi", "ALiBi \u00d7 16", "rotary")
#: What the slopes of ALiBi's formula are multiplied by.
FACTORS = {"ALiBi": 1, "ALiBi \u00d7 4": 4, "ALiBi \u00d7 16": 16, "ALiBi \u00d7 64": 64}
#: The base of the rotations' frequencies.
BASES = {"rotary, base 10": 10, "rotary, base 100": 100, "rotary, base 1,000": 1_000,
         "rotary": 10_000, "rotary, base 100,000": 100_000}
#: The standard deviation of a position vector's numbers at the start; tokens have 1.
STARTS = {"learnt": 0.1, "learnt from 0.7": 0.7}
SCALES = {"sinusoidal at 0.1": 0.1, "sinusoidal": 0.7}
#: Each encoding's constant, and the kinds that differ in nothing else.
CONSTANTS = {"ALiBi: slopes times": FACTORS, "rotary: base": BASES,
             "learnt: size at the start": STARTS, "sinusoidal: size": SCALES}
ALL = (*KINDS, *(kind for kinds in CONSTANTS.values() for kind in kinds if kind not in KINDS))


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
    def over(cls, plain: CausalSelfAttention, factor: float = 1) -> Penalised:
        """The same layer with penalties, on the very same arrays; the slopes times a factor."""
        self = cls.__new__(cls)
        vars(self).update(vars(plain))
        slopes = factor * 2.0 ** (-8 * np.arange(1, self.heads + 1) / self.heads)
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


class Turned(Linear):
    """A linear layer whose output is rotated, head by head, with a base of its own."""

    heads: int
    base: float

    @classmethod
    def over(cls, plain: Linear, heads: int, base: float) -> Turned:
        """The same layer with rotations, on the very same arrays."""
        self = cls.__new__(cls)
        vars(self).update(vars(plain) | {"heads": heads, "base": base})
        return self

    def turn(self, y: np.ndarray, way: int) -> np.ndarray:
        """Rotate y (batch, time, size) forward (1) or back (-1)."""
        heads = y.reshape(*y.shape[:2], self.heads, -1).swapaxes(1, 2)
        angles = rotary_angles(y.shape[1], heads.shape[-1], self.base)
        return rotate(heads, way * angles).swapaxes(1, 2).reshape(y.shape)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        return self.turn(super().forward(x, training), 1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return super().backward(self.turn(dy, -1))


def position_model(kind: str, sizes: Mapping[str, int], seed: int) -> GPTModel:
    """A fresh model of these sizes whose positions are of a kind; all else is drawn alike.

    Raises:
        ValueError: a kind that is not in ``ALL``.
    """
    if kind not in ALL:
        raise ValueError(f"unknown kind {kind!r}: allowed are {'; '.join(ALL)}")
    config = GPTConfig(**sizes, positions="rotary" if kind in BASES else "sinusoidal")
    model = GPTModel(config, np.random.default_rng(seed))
    if kind in ("none", *FACTORS, *STARTS):
        model.positions[...] = 0
    if kind == "sinusoidal at 0.1":
        model.positions *= 0.1 / 0.5**0.5
    if kind in BASES and kind != "rotary":
        for block in model.transformer_stack.layers:
            attention = block.self_attention
            attention.rotary = False  # its queries and keys come rotated
            for name in ("query_linear", "key_linear"):
                plain = getattr(attention, name)
                setattr(attention, name, Turned.over(plain, attention.heads, BASES[kind]))
    if kind in STARTS:
        places = np.random.default_rng([seed, 1]).standard_normal(model.positions.shape)
        model.token_embedding = TwoTables(model.token_embedding.weights,
                                          (STARTS[kind] * places).astype(model.positions.dtype))
    if kind in FACTORS:
        for block in model.transformer_stack.layers:
            block.self_attention = Penalised.over(block.self_attention, FACTORS[kind])
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
