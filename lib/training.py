"""Training steps, and the loop around them: progress, history, workers, stop and resume."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from tqdm.auto import tqdm

from lib.layer import Layer
from lib.lora import get_lora_parameters
from lib.losses import IGNORE, cross_entropy
from lib.model import GPTModel
from lib.optim import AdamW, clip_gradient_norm

Batch = tuple[np.ndarray, np.ndarray]
LossAndGradients = tuple[float, dict[str, np.ndarray]]


def loss_and_gradients(model: GPTModel, inputs: np.ndarray,
                       targets: np.ndarray) -> LossAndGradients:
    """One forward and one backward; inputs, targets: (batch, time).

    Where the vocabulary is large, logits are made only for the targets that count.

    Raises:
        FloatingPointError: the loss is not a finite number.
    """
    counted = targets != IGNORE
    if model.large_vocabulary and counted.any():
        logits, targets = model.forward(inputs, counted=counted), targets[counted]
    else:
        logits = model.forward(inputs)
    loss, grad_logits = cross_entropy(logits, targets)
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss}: a lower learning rate may help")
    model.backward(grad_logits)
    return loss, model.gradients()


def update(optimizer: AdamW, parameters: dict[str, np.ndarray],
           loss_and_gradients: Callable[[np.ndarray, np.ndarray], LossAndGradients],
           inputs: np.ndarray, targets: np.ndarray, learning_rate: float,
           max_grad_norm: float) -> float:
    """One step on ``parameters`` alone: gradients, clipping, AdamW; return the loss before it.

    Raises:
        FloatingPointError: the loss or the norm of a gradient is not finite; no parameter has
            been changed.
    """
    loss, gradients = loss_and_gradients(inputs, targets)
    wanted = {name: gradient for name, gradient in gradients.items() if name in parameters}
    optimizer.step(clip_gradient_norm(wanted, max_grad_norm), parameters, learning_rate)
    return loss


def train_step(model: GPTModel, optimizer: AdamW, inputs: np.ndarray, targets: np.ndarray,
               learning_rate: float, max_grad_norm: float = 1.0) -> float:
    """One step on everything that is trainable; return the loss before it, in nats.

    Raises FloatingPointError, and changes nothing, as ``update`` does.
    """
    return update(optimizer, model.trainable_parameters(), partial(loss_and_gradients, model),
                  inputs, targets, learning_rate, max_grad_norm)


def train_step_lora(model: GPTModel, optimizer: AdamW, inputs: np.ndarray, targets: np.ndarray,
                    learning_rate: float, max_grad_norm: float = 1.0) -> float:
    """The same step on nothing but the A and B of the adapters.

    Raises FloatingPointError, and changes nothing, as ``update`` does.  Raises ValueError if the
    model carries no adapters.
    """
    adapters = get_lora_parameters(model)
    if not adapters:
        raise ValueError("the model carries no LoRA adapters: call apply_lora_to_model first")
    return update(optimizer, adapters, partial(loss_and_gradients, model), inputs, targets,
                  learning_rate, max_grad_norm)


class ParallelModel:
    """Several workers over one set of parameters, each with a share of every batch.

    NumPy releases Python's lock inside its loops, so that threads really run side by side.
    The workers read the same arrays; their gradients are added in a fixed order.
    """

    def __init__(self, model: GPTModel, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}, it must be at least 1")
        self.models = [model] + [model.copy(share_arrays=True) for _ in range(workers - 1)]
        self.pool = ThreadPoolExecutor(workers)

    def loss_and_gradients(self, inputs: np.ndarray, targets: np.ndarray) -> LossAndGradients:
        """Like the function of this name; inputs, targets: (batch, time)."""
        count = min(len(self.models), len(inputs))
        shares = list(zip(np.array_split(inputs, count), np.array_split(targets, count),
                          strict=True))
        # A share's loss is a mean over its own targets: weigh it by their number.
        weights = [float((wanted != IGNORE).sum()) for _, wanted in shares]
        jobs = [self.pool.submit(loss_and_gradients, model, *share) for model, share, weight
                in zip(self.models, shares, weights, strict=False)
                if weight or not any(weights)]  # none counts at all: the loss says so
        parts = [job.result() for job in jobs]
        if len(parts) == 1:
            return parts[0]
        weights = [weight / sum(weights) for weight in weights if weight]
        loss = sum(weight * part for weight, (part, _) in zip(weights, parts, strict=True))
        total = {name: grad * weights[0] for name, grad in parts[0][1].items()}
        for weight, (_, gradients) in zip(weights[1:], parts[1:], strict=True):
            for name, gradient in gradients.items():
                total[name] += weight * gradient
        return loss, total


def fit(model: GPTModel, batch_at: Callable[[int], Batch], steps: int,
        learning_rate_at: Callable[[int], float], optimizer: AdamW | None = None, *,
        start: int = 0, workers: int = 1, max_grad_norm: float = 1.0,
        after_step: Callable[[int, float], None] | None = None,
        progress: bool | str = True) -> list[float]:
    """Train what is trainable for ``steps`` steps; return the loss of each, in nats.

    ``batch_at(step)`` gives (inputs, targets), each (batch, time), and depends on the step alone:
    so a run that was stopped goes on as if it never had been, with ``start`` and the same
    ``optimizer``.  ``after_step(step, loss)`` may measure or save.  ``workers`` are threads.

    Raises:
        FloatingPointError: the loss or a gradient's norm is not finite, with the step at which.
    """
    optimizer = optimizer or AdamW()
    parallel = ParallelModel(model, workers)
    parameters = model.trainable_parameters()
    losses: list[float] = []
    title = progress if isinstance(progress, str) else "training"
    with tqdm(range(start, steps), desc=title, unit="step", disable=not progress,
              initial=start, total=steps, mininterval=0.5) as bar:
        for step in bar:
            try:
                loss = update(optimizer, parameters, parallel.loss_and_gradients, *batch_at(step),
                              learning_rate_at(step), max_grad_norm)
            except FloatingPointError as error:
                raise FloatingPointError(f"step {step}: {error}") from error
            losses.append(loss)
            if step % 10 == 0:
                bar.set_postfix_str(f"loss {loss:.3f}")
            if after_step:
                after_step(step, loss)
    return losses


def stream_batch(stream: np.ndarray, step: int, seed: int, batch: int = 32,
                 time: int = 64) -> Batch:
    """Windows from random places of one long row of tokens, for pre-training.

    stream: (tokens,) -> inputs, targets: (batch, time); a target is the token after its input.
    """
    if len(stream) <= time:
        raise ValueError(f"the stream has {len(stream)} tokens, a window of {time} and the token "
                         f"after it need {time + 1}")
    rng = np.random.default_rng([seed, step])
    starts = rng.integers(0, len(stream) - time, batch)
    windows = stream[starts[:, None] + np.arange(time + 1)]
    return windows[:, :-1], windows[:, 1:]


def example_batch(examples: Sequence[tuple[list[int], list[int]]], step: int, seed: int,
                  batch: int = 16) -> Batch:
    """Examples as (prompt, answer) ids, drawn without repetition inside an epoch, and padded.

    Returns inputs, targets: (batch, longest); prompts and padding carry no loss.
    """
    return pad(draw_examples(examples, step, seed, batch))


def draw_examples(examples: Sequence[tuple[list[int], list[int]]], step: int, seed: int,
                  batch: int) -> list[tuple[list[int], list[int]]]:
    """The examples of one step's batch; every epoch has an order of its own."""
    per_epoch = max(1, len(examples) // batch)
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(len(examples))
    return [examples[i] for i in order[place * batch:(place + 1) * batch]]


def pad(examples: Sequence[tuple[list[int], list[int]]]) -> Batch:
    """(prompt, answer) ids to inputs, targets: (batch, longest), with IGNORE outside answers."""
    if not examples or not all(prompt and answer for prompt, answer in examples):
        raise ValueError("there must be examples, each needs at least one token of prompt and one "
                         "of answer")
    longest = max(len(prompt) + len(answer) for prompt, answer in examples) - 1
    inputs = np.zeros((len(examples), longest), np.int64)
    targets = np.full((len(examples), longest), IGNORE)
    for row, (prompt, answer) in enumerate(examples):
        ids = prompt + answer
        inputs[row, :len(ids) - 1] = ids[:-1]
        targets[row, len(prompt) - 1:len(ids) - 1] = answer
    return inputs, targets


def trainable_count(layer: Layer) -> int:
    """How many numbers training changes."""
    return sum(array.size for array in layer.trainable_parameters().values())
