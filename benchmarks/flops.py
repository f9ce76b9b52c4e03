"""The floating-point operations of a step's matrix products, counted by formula."""

from __future__ import annotations


def product(rows: int, inner: int, columns: int) -> int:
    """Operations of (rows, inner) @ (inner, columns): a multiplication and an addition each."""
    return 2 * rows * inner * columns


def forward_flops(batch: int, time: int, *, size: int = 128, hidden: int = 512,
                  layers: int = 4, vocabulary: int = 1000) -> int:
    """All matrix products of one forward: the linear layers' and attention's two.

    Attention counts the whole (time, time) square, as it is multiplied, although half of it is
    masked.  Everything else (softmax, GELU, LayerNorm, additions, look-ups) counts as nothing.
    The number of heads does not matter: heads * (size / heads) = size.
    """
    rows = batch * time
    linear = 4 * product(rows, size, size) + 2 * product(rows, size, hidden)
    attention = 2 * batch * product(time, size, time)
    return layers * (linear + attention) + product(rows, size, vocabulary)


def step_flops(batch: int, time: int, **sizes: int) -> int:
    """A full training step: each product y = a b has two in backward, for da and for db."""
    return 3 * forward_flops(batch, time, **sizes)
