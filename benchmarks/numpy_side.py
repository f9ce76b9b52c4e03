"""The workloads on ``lib``; ``torch_side`` has the same ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.goals import ALPHA, LORA, NEW_TOKENS, RANK, REAL_ALPHA, REAL_RANK, REAL_TOKENS
from lib.generation import generate
from lib.layers import Layer
from lib.lora import apply_lora_to_model, targets_of
from lib.model import GPTConfig, GPTModel
from lib.optim import AdamW
from lib.training import ParallelModel, train_step, train_step_lora, update

LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 1e-3, 0.1, 1.0


def new_model(context: int = 128) -> GPTModel:
    """The course's model, always the same."""
    return GPTModel(GPTConfig(context_length=context), np.random.default_rng(0))


def adapt(model: GPTModel, workload: str) -> GPTModel:
    """Adapters as the workload names them; backward below the lowest one is an error."""
    targets, lowest = LORA[workload]
    apply_lora_to_model(model, RANK, ALPHA, targets, rng=np.random.default_rng(2))
    below = {id(layer) for block in model.transformer_stack.layers[:lowest]
             for _, layer in block.walk()}
    for owner, attribute in targets_of(model, targets):
        layer = getattr(owner, attribute)
        if id(layer) in below:
            setattr(owner, attribute, layer.base_layer())
            getattr(owner, attribute).freeze()
    for block in model.transformer_stack.layers[:lowest]:
        block.backward = _unreachable
    return model


def _unreachable(*_: Any) -> np.ndarray:
    raise AssertionError("backward went below the lowest adapted block")


def is_adapted(model: Layer) -> bool:
    return any(name.endswith("lora_A") for name in model.trainable_parameters())


def training_step(model: GPTModel, inputs: np.ndarray, targets: np.ndarray,
                  ) -> Callable[[], float]:
    """A call that does one whole step and returns the loss before it."""
    optimizer = AdamW(weight_decay=WEIGHT_DECAY)
    step = train_step_lora if is_adapted(model) else train_step
    return lambda: step(model, optimizer, inputs, targets, LEARNING_RATE, MAX_GRAD_NORM)


def parallel_step(model: GPTModel, inputs: np.ndarray, targets: np.ndarray,
                  workers: int = 2) -> Callable[[], float]:
    """The same step by several workers: what ``fit`` does in each of its steps."""
    optimizer, parallel = AdamW(weight_decay=WEIGHT_DECAY), ParallelModel(model, workers)
    parameters = model.trainable_parameters()
    return lambda: update(optimizer, parameters, parallel.loss_and_gradients, inputs, targets,
                          LEARNING_RATE, MAX_GRAD_NORM)


def forward(model: GPTModel, inputs: np.ndarray) -> Callable[[], np.ndarray]:
    """A call that returns the logits, without keeping anything for a backward."""
    return lambda: model.forward(inputs, training=False)


def generation(model: GPTModel) -> Callable[[], np.ndarray]:
    """A call that writes NEW_TOKENS tokens after token 1, greedily, with a KV cache."""
    start = np.array([[1]])
    return lambda: generate(model, start, NEW_TOKENS)


def real_generation(model: GPTModel, start: list[int]) -> Callable[[], np.ndarray]:
    """A call that lets SmolLM2 write REAL_TOKENS tokens after some, greedily."""
    return lambda: generate(model, np.array([start]), REAL_TOKENS)


def real_adapt(model: GPTModel) -> GPTModel:
    """SmolLM2 with adapters on queries and values."""
    return apply_lora_to_model(model, REAL_RANK, REAL_ALPHA, ("query", "value"),
                               rng=np.random.default_rng(2))
