"""The model of ``lib`` a second time, written for PyTorch and apart from it.

A module has the path of lib's layer, and of an array's name only the last part differs: so
weights are copied by name, and PEFT finds its targets under lib's paths.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: The last part of an array's name in lib -> in PyTorch.
LAST = {"weights": "weight", "gamma": "weight", "beta": "bias"}
#: Keys and values that one layer has seen, each (batch, heads, seen, head size); at first [].
Past = list[Tensor]


class SelfAttention(nn.Module):
    """x: (batch, time, size) -> the same, through PyTorch's own attention."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_linear = nn.Linear(size, size, bias=False)
        self.key_linear = nn.Linear(size, size, bias=False)
        self.value_linear = nn.Linear(size, size, bias=False)
        self.output_linear = nn.Linear(size, size, bias=False)

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        q, k, v = (linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for linear in
                   (self.query_linear, self.key_linear, self.value_linear))
        if past is not None:
            if past:
                k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
            past[:] = k, v
        # A single token may look at every key; is_causal would show it none but the first.
        context = F.scaled_dot_product_attention(q, k, v, is_causal=x.shape[1] > 1)
        return self.output_linear(context.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """(batch, time, size) -> the same."""

    def __init__(self, size: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.self_attention = SelfAttention(size, heads)
        self.feed_forward = nn.Sequential(OrderedDict(
            up_linear=nn.Linear(size, hidden, bias=False), gelu=nn.GELU(approximate="tanh"),
            down_linear=nn.Linear(hidden, size, bias=False)))

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        x = x + self.self_attention(self.attention_norm(x), past)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Twin(nn.Module):
    """tokens: (batch, time) -> logits: (batch, time, vocabulary).  Sizes as in lib's GPTConfig."""

    def __init__(self, vocabulary_size: int = 1000, context_length: int = 128,
                 embedding_dimension: int = 128, layers: int = 4, heads: int = 4,
                 feed_forward_dimension: int = 512, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        size = embedding_dimension
        self.token_embedding = nn.Embedding(vocabulary_size, size)
        self.transformer_stack = nn.Module()
        self.transformer_stack.layers = nn.ModuleList(
            Block(size, heads, feed_forward_dimension) for _ in range(layers))
        self.final_norm = nn.LayerNorm(size)
        self.output_projection = nn.Linear(size, vocabulary_size, bias=False)
        turns = torch.exp(torch.arange(0, size, 2).double() * (-math.log(10_000.0) / size))
        angles = torch.outer(torch.arange(context_length).double(), turns)
        self.register_buffer("positions", torch.stack([angles.sin(), angles.cos()], -1).flatten(1),
                             persistent=False)
        self.to(dtype)

    def forward(self, tokens: Tensor, past: list[Past] | None = None) -> Tensor:
        """``past``: a list for each layer, all empty before a prompt; then one token at a time."""
        start = past[0][0].shape[2] if past and past[0] else 0
        x = self.token_embedding(tokens) + self.positions[start:start + tokens.shape[1]]
        for number, block in enumerate(self.transformer_stack.layers):
            x = block(x, past[number] if past else None)
        return self.output_projection(self.final_norm(x))


def torch_name(name: str) -> str:
    """The twin's name of what lib calls ``name``."""
    path, last = name.rsplit(".", 1)
    return f"{path}.{LAST[last]}"


def copy_weights(model: Any, twin: Twin) -> Twin:
    """Copy every array of lib's ``model`` into the twin, which shares none with it."""
    twin.load_state_dict({torch_name(name): torch.from_numpy(array)
                          for name, array in model.parameters().items()})
    return twin


def twin_of(model: Any) -> Twin:
    """The twin of lib's ``model``: the same sizes, precision and weights."""
    sizes = model.config.to_dict()
    for other in "positions", "biases", "tied":
        del sizes[other]
    return copy_weights(model, Twin(**{**sizes, "dtype": getattr(torch, sizes["dtype"])}))


@torch.inference_mode()
def generate(twin: Twin, tokens: Tensor, new: int) -> Tensor:
    """Continue (batch, time) greedily -> (batch, time + new), with a KV cache."""
    past: list[Past] = [[] for _ in twin.transformer_stack.layers]
    parts = [tokens]
    for _ in range(new):
        parts.append(twin(parts[-1], past)[:, -1].argmax(-1, keepdim=True))
    return torch.cat(parts, 1)
