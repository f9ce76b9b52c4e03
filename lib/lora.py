"""LoRA: a frozen layer with a trained change of low rank beside it, and all that acts on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np

from lib.layer import Layer
from lib.layers import Embedding, Linear, check_last_axis, product, sum_by_row
from lib.model import GPTModel

#: Where in a model each target module lives: (part of a block or of the model, attribute).
IN_BLOCK = {"query": ("self_attention", "query_linear"), "key": ("self_attention", "key_linear"),
            "value": ("self_attention", "value_linear"),
            "output": ("self_attention", "output_linear"),
            "ffn_up": ("feed_forward", "up_linear"), "ffn_down": ("feed_forward", "down_linear")}
IN_MODEL = ("token_embedding", "output_projection")
TARGETS = (*IN_BLOCK, *IN_MODEL)
#: The same of a Llama, whose feed-forward layer has a gate; see lib.llama.
IN_LLAMA_BLOCK = {**IN_BLOCK, "ffn_gate": ("feed_forward", "gate_linear")}
ALL_TARGETS = (*IN_LLAMA_BLOCK, *IN_MODEL)


class LoRALinear(Layer):
    """y = x W^T + alpha/r x A^T B^T + b, of which only A and B are trained.

    x: (..., d_in) -> y: (..., d_out);  base_weights W: (d_out, d_in), frozen, never written;
    lora_A: (rank, d_in), random;  lora_B: (d_out, rank), zero, so that training starts from
    the base exactly.  Hu et al. 2021, eq. 3.

    Raises:
        ValueError: rank not in 1..min(d_in, d_out), alpha not finite or <= 0, or odd shapes.
    """

    array_names = ("base_weights", "base_bias", "lora_A", "lora_B")

    def __init__(self, input_features: int, output_features: int, rank: int = 4,
                 alpha: float = 8.0, base_weights: np.ndarray | None = None,
                 base_bias: np.ndarray | None = None, *,
                 rng: np.random.Generator | None = None) -> None:
        super().__init__()
        rng = rng or np.random.default_rng(0)
        shape = output_features, input_features
        check_rank_and_alpha(rank, alpha, shape)
        if base_weights is None:
            base_weights = (input_features**-0.5 * rng.standard_normal(shape)).astype(np.float32)
        for name, array, wanted in (("base_weights", base_weights, shape),
                                    ("base_bias", base_bias, shape[:1])):
            if array is not None and array.shape != wanted:
                raise ValueError(f"{name} has shape {array.shape}, it must be {wanted}")
        self.input_features, self.output_features = input_features, output_features
        self.rank, self.alpha, self.strength = rank, alpha, 1.0
        self.base_weights, self.base_bias = base_weights, base_bias
        # Kaiming-uniform with a = sqrt(5), as usual for A: a bound of 1 / sqrt(d_in)
        bound = input_features**-0.5
        self.lora_A = rng.uniform(-bound, bound, (rank, input_features)).astype(base_weights.dtype)
        self.lora_B = np.zeros((output_features, rank), base_weights.dtype)
        self.merged: np.ndarray | None = None

    @classmethod
    def beside(cls, base: Linear, rank: int, alpha: float, rng: np.random.Generator) -> LoRALinear:
        """An adapter beside a linear layer, on its very arrays; the layer is not changed."""
        d_out, d_in = base.weights.shape
        return cls(d_in, d_out, rank, alpha, base.weights, base.bias, rng=rng)

    def base_layer(self) -> Linear:
        """The linear layer without the adapter, on the same arrays."""
        return Linear(self.base_weights, self.base_bias)

    @property
    def scaling(self) -> float:
        """The factor before B A: alpha / r, times a strength that is 1 unless dialled."""
        return float(self.strength * self.alpha / self.rank)  # no NumPy scalar: it would upcast

    def trained_names(self) -> tuple[str, ...]:
        return () if self.frozen else ("lora_A", "lora_B")

    def merge(self) -> None:
        """Work with one matrix, W + alpha/r B A, from now on; W itself is kept.

        Until ``unmerge``, A and B are read-only: a change of them would have no effect.
        """
        self.merged, self.merged_scaling = merge_lora_weights(self), self.scaling
        self.merged_A, self.merged_B = self.lora_A, self.lora_B
        self._lock()

    def unmerge(self) -> None:
        """Go back to W, A and B side by side, without any rounding."""
        if self.merged is not None:
            self.merged_A.flags.writeable = self.merged_B.flags.writeable = True
        self.merged = self.merged_scaling = self.merged_A = self.merged_B = None

    def _lock(self) -> None:
        self.lora_A.flags.writeable = self.lora_B.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.merged is not None:  # copied arrays can be written, whatever they came from
            self._lock()

    def check_merged(self) -> None:
        """Raise ValueError if A, B, alpha or the strength are others than at ``merge``."""
        if not (self.scaling == self.merged_scaling
                and self.lora_A is self.merged_A and self.lora_B is self.merged_B):
            raise ValueError("the adapter has changed since it was merged: unmerge it, and merge "
                             "it again to use the change")

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        check_last_axis(x, self.input_features, "LoRALinear")
        rows = x.reshape(-1, self.input_features)
        if self.merged is None:
            squeezed = rows @ self.lora_A.T
            y = product(rows, self.base_weights)
            y += squeezed @ (self.scaling * self.lora_B).T
            self.cache = (rows, squeezed) if training else None
        else:
            self.check_merged()
            y = product(rows, self.merged)
        if self.base_bias is not None:
            y += self.base_bias
        return y.reshape(*x.shape[:-1], self.output_features)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dB = s dy^T (x A^T),  dA = s (dy B)^T x,  dx = dy W + s (dy B) A;  nothing for W."""
        if self.merged is not None:
            raise ValueError("a merged adapter cannot be trained: unmerge it first")
        rows, squeezed = self.cache
        dy_rows = dy.reshape(-1, self.output_features)
        d_squeezed = dy_rows @ (self.scaling * self.lora_B)
        if not self.frozen:
            self.grads = {"lora_A": d_squeezed.T @ rows,
                          "lora_B": dy_rows.T @ (self.scaling * squeezed)}
        dx = dy_rows @ self.base_weights
        dx += d_squeezed @ self.lora_A
        return dx.reshape(*dy.shape[:-1], self.input_features)


class LoRAEmbedding(LoRALinear):
    """An embedding as a linear layer on one-hot rows: W^T is the table, d_in the vocabulary.

    tokens: (batch, time) -> (batch, time, d_model);  lora_A: (rank, vocabulary);
    lora_B: (d_model, rank).
    """

    @classmethod
    def beside(cls, base: Embedding, rank: int, alpha: float,
               rng: np.random.Generator) -> LoRAEmbedding:
        """An adapter beside an embedding, on its very table; the embedding is not changed."""
        vocabulary, size = base.weights.shape
        return cls(vocabulary, size, rank, alpha, base.weights.T, rng=rng)

    def base_layer(self) -> Embedding:
        """The embedding without the adapter, on the same table."""
        return Embedding(self.base_weights.T)

    def forward(self, tokens: np.ndarray, training: bool = True) -> np.ndarray:
        if self.merged is not None:
            self.check_merged()
            return self.merged.T[tokens]
        squeezed = self.lora_A.T[tokens]
        self.cache = (tokens, squeezed) if training else None
        y = self.base_weights.T[tokens]
        y += squeezed @ (self.scaling * self.lora_B).T
        return y

    def backward(self, dy: np.ndarray) -> None:
        if self.merged is not None:
            raise ValueError("a merged adapter cannot be trained: unmerge it first")
        tokens, squeezed = self.cache
        if not self.frozen:
            rows = dy.reshape(-1, self.output_features)
            d_squeezed = rows @ (self.scaling * self.lora_B)
            self.grads = {"lora_A": sum_by_row(tokens, d_squeezed, self.input_features).T,
                          "lora_B": rows.T @ (self.scaling * squeezed).reshape(-1, self.rank)}


def check_rank_and_alpha(rank: int, alpha: float, shape: tuple[int, int]) -> None:
    """Raise ValueError unless rank and alpha suit a weight of shape (d_out, d_in)."""
    if isinstance(rank, bool) or not isinstance(rank, int | np.integer) \
            or not 1 <= rank <= min(shape):
        raise ValueError(f"rank is {rank!r}, it must be a whole number from 1 to {min(shape)}, "
                         f"the smaller side of weights of shape {shape}")
    if not (isinstance(alpha, Real) and math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha is {alpha!r}, it must be a finite number above 0")


def check_targets(target_modules: Sequence[str], allowed: Sequence[str] = TARGETS) -> None:
    """Raise ValueError unless the targets are a list or tuple of some that are allowed."""
    if (not isinstance(target_modules, list | tuple) or not target_modules
            or not all(target in allowed for target in target_modules)):
        raise ValueError(f"target_modules is {target_modules!r}, it must be a sequence of names "
                         f"from {allowed}")


def targets_in(model: GPTModel) -> tuple[str, ...]:
    """The targets that a model has.  A table that is both embedding and output is none: an adapter
    beside one of its uses would part them.
    """
    block = model.transformer_stack.layers[0]
    inside = [target for target, (part, attribute) in IN_LLAMA_BLOCK.items()
              if hasattr(getattr(block, part), attribute)]
    return (*inside, *(() if model.tied else IN_MODEL))


def targets_of(model: GPTModel, target_modules: Sequence[str]) -> Iterator[tuple[Layer, str]]:
    """Yield (owner, attribute) of every layer that the targets name, in the model's order."""
    if "token_embedding" in target_modules:
        yield model, "token_embedding"
    for block in model.transformer_stack.layers:
        for target, (part, attribute) in IN_LLAMA_BLOCK.items():
            owner = getattr(block, part)
            if target in target_modules and hasattr(owner, attribute):
                yield owner, attribute
    if "output_projection" in target_modules:
        yield model, "output_projection"


def adapted_layers(model: GPTModel) -> dict[str, LoRALinear]:
    """All layers with an adapter, by dotted name."""
    return {prefix.removesuffix("."): layer for prefix, layer in model.walk()
            if isinstance(layer, LoRALinear)}


def apply_lora_to_model(model: GPTModel, rank: int = 4, alpha: float = 8.0,
                        target_modules: Sequence[str] = ("query", "key", "value"), *,
                        rng: np.random.Generator | None = None) -> GPTModel:
    """Freeze the model and put an adapter beside every target layer, in place; return it.

    The base's arrays are neither copied nor ever written: any number of adapted models can
    share them.  ``rng`` draws the A matrices (by default one with seed 0).

    Raises:
        ValueError: unknown or no targets, adapters that are there already, or a rank or alpha
            that does not suit every target.  The model is then as it was.
    """
    if adapted_layers(model):
        raise ValueError("the model carries LoRA adapters already: remove_adapters first")
    check_targets(target_modules, targets_in(model))
    rng = rng or np.random.default_rng(0)
    adapted = []    # all of them before the first is put in: a refusal must change nothing
    for owner, attribute in targets_of(model, target_modules):
        base = getattr(owner, attribute)
        kind = LoRAEmbedding if isinstance(base, Embedding) else LoRALinear
        adapted.append((owner, attribute, kind.beside(base, rank, alpha, rng)))
    model.frozen_before = {prefix: layer.frozen for prefix, layer in model.walk()}
    model.freeze()
    for owner, attribute, layer in adapted:
        setattr(owner, attribute, layer)
    return model


def remove_adapters(model: GPTModel) -> GPTModel:
    """Take all adapters off, in place: what is left is the base, bit for bit.

    It trains what it trained before; a model without adapters is left as it is.
    """
    if not adapted_layers(model):
        return model
    for owner, attribute in targets_of(model, targets_in(model)):
        layer = getattr(owner, attribute)
        if isinstance(layer, LoRALinear):
            layer.unmerge()
            setattr(owner, attribute, layer.base_layer())
    for prefix, layer in model.walk():
        layer.freeze(model.frozen_before.get(prefix, False))
    return model


def get_lora_parameters(model: GPTModel) -> dict[str, np.ndarray]:
    """All A and B by dotted name: the arrays themselves."""
    return {name: array for name, array in model.parameters().items()
            if name.endswith(("lora_A", "lora_B"))}


def get_lora_gradients(model: GPTModel) -> dict[str, np.ndarray]:
    """Gradients of all A and B from the last backward, by the same names."""
    return {name: array for name, array in model.gradients().items()
            if name.endswith(("lora_A", "lora_B"))}


def count_lora_parameters(model: GPTModel) -> int:
    """How many numbers A and B hold."""
    return sum(array.size for array in get_lora_parameters(model).values())


def merge_lora_weights(layer: LoRALinear) -> np.ndarray:
    """W + alpha/r B A as a new array of W's shape; the layer is unchanged.  Hu et al. 2021, 4.1."""
    return layer.base_weights + layer.scaling * layer.lora_B @ layer.lora_A
