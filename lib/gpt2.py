"""GPT-2's architecture: our GPT with learned positions, biases, and one table for both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lib.layer import Layer
from lib.layers import Linear, TiedLinear
from lib.model import GPTConfig, GPTModel


@dataclass(frozen=True)
class GPT2Config(GPTConfig):
    """Sizes of a GPT-2; by default those of the smallest, of 124,439,808 parameters."""

    vocabulary_size: int = 50257
    context_length: int = 1024
    embedding_dimension: int = 768
    layers: int = 12
    heads: int = 12
    feed_forward_dimension: int = 3072
    positions: str = "learned"

    ALLOWED: ClassVar[tuple[str, ...]] = ("learned",)


class LearnedPositions(Layer):
    """x + a row of a table for each place.  x: (batch, time, d_model) -> same;
    weights: (context, d_model).  Gehring et al. 2017, section 3.1.
    """

    array_names = ("weights",)

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, x: np.ndarray, start: int = 0, training: bool = True) -> np.ndarray:
        return x + self.weights[start:start + x.shape[1]]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """A row's gradient is the sum over the batch; training always starts at place 0."""
        if not self.frozen:
            self.grads = {"weights": np.zeros_like(self.weights)}
            self.grads["weights"][:dy.shape[1]] = dy.sum(0)
        return dy


class GPT2Model(GPTModel):
    """Token ids to the logits of each next token.  Radford et al. 2019, section 2.3.

    tokens: (batch, time) -> logits: (batch, time, vocabulary)
    """

    kind = "gpt2"
    tied = True
    config_type = GPT2Config

    def __init__(self, config: GPT2Config, rng: np.random.Generator) -> None:
        super().__init__(config, rng)
        size, dtype = config.embedding_dimension, config.dtype
        self.token_embedding.weights *= dtype(0.02)
        self.position_embedding = LearnedPositions(
            (0.02 * rng.standard_normal((config.context_length, size))).astype(dtype))
        for _, layer in self.transformer_stack.walk():
            if isinstance(layer, Linear):
                layer.bias = np.zeros(len(layer.weights), dtype)
        self.output_projection = TiedLinear(self.token_embedding.weights)

    def embed(self, tokens: np.ndarray, start: int, training: bool) -> np.ndarray:
        x = self.token_embedding.forward(tokens, training)
        return self.position_embedding.forward(x, start, training)

    def parts(self) -> list[Layer]:
        first, *others = super().parts()
        return [first, self.position_embedding, *others]
