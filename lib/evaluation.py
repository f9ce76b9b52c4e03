"""How good a model is: loss, exact answers, facts recalled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lib.corpus import Example
from lib.generation import start_of_text
from lib.losses import IGNORE, cross_entropy_loss
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer
from lib.training import Batch, pad

#: Rows of one forward at most: keeps the largest array, the logits, at some tens of megabytes.
ROWS = 64


def encode_examples(tokenizer: BPETokenizer, examples: Iterable[Example], end: bool = True,
                    longest: int | None = None) -> list[tuple[list[int], list[int]]]:
    """Examples to (prompt, answer) ids: ``<eos>`` before the prompt and, if ``end``, after
    the answer.  What is over ``longest`` inputs, a model's context, is cut off the answer.

    Raises:
        ValueError: a prompt alone is longer than that.
    """
    last = [tokenizer.eos_id] if end else []
    pairs = [(start_of_text(tokenizer, example.prompt), tokenizer.encode(example.answer) + last)
             for example in examples]
    if longest is None:
        return pairs
    if too_long := [len(prompt) for prompt, _ in pairs if len(prompt) > longest]:
        raise ValueError(f"a prompt has {max(too_long)} tokens, more than the {longest} allowed")
    return [(prompt, answer[:longest + 1 - len(prompt)]) for prompt, answer in pairs]


def mean_loss(model: GPTModel, batches: Iterable[Batch]) -> float:
    """Mean loss a target, in nats, over batches of (inputs, targets), each (batch, time).

    Raises ValueError if there are no batches.
    """
    total = count = 0.0
    for inputs, targets in batches:
        counted = int((targets != IGNORE).sum())
        total += counted * cross_entropy_loss(model.forward(inputs, training=False), targets)
        count += counted
    if not count:
        raise ValueError("there are no batches to measure the loss on")
    return total / count


def example_batches(examples: Sequence[tuple[list[int], list[int]]]) -> Iterable[Batch]:
    """Examples as padded batches, similar lengths together."""
    order = sorted(range(len(examples)), key=lambda i: sum(map(len, examples[i])))
    for at in range(0, len(order), ROWS):
        yield pad([examples[i] for i in order[at:at + ROWS]])


def stream_batches(stream: np.ndarray, time: int = 64) -> Iterable[Batch]:
    """A long row of tokens as windows side by side, what does not fill a window left out."""
    windows = (len(stream) - 1) // time
    inputs = stream[:windows * time].reshape(windows, time)
    targets = stream[1:windows * time + 1].reshape(windows, time)
    for at in range(0, windows, ROWS):
        yield inputs[at:at + ROWS], targets[at:at + ROWS]


def exact_matches(model: GPTModel, examples: Sequence[tuple[list[int], list[int]]]) -> np.ndarray:
    """Which answers the model would write, token for token, if it wrote greedily: (examples,).

    One forward shows it without writing: greedy writing gives the answer exactly when, with the
    answer as input, each of its tokens is the likeliest after those before it.
    """
    order = np.array(sorted(range(len(examples)), key=lambda i: sum(map(len, examples[i]))), int)
    right = np.zeros(len(examples), bool)
    for at in range(0, len(order), ROWS):
        places = order[at:at + ROWS]
        inputs, targets = pad([examples[i] for i in places])
        likeliest = model.forward(inputs, training=False).argmax(-1)
        right[places] = ((likeliest == targets) | (targets == IGNORE)).all(-1)
    return right


def exact_match(model: GPTModel, tokenizer: BPETokenizer, examples: Sequence[Example],
                end: bool = True) -> float:
    """Share of the answers, from 0 to 1, that greedy writing would give exactly.

    Raises ValueError if there are no examples.
    """
    if not examples:
        raise ValueError("there are no examples to measure the answers to")
    return float(exact_matches(model, encode_examples(tokenizer, examples, end)).mean())


def fact_recall(model: GPTModel, tokenizer: BPETokenizer, facts: Sequence[Example]) -> float:
    """Share of facts whose prompt is continued rightly; what is written after it is free."""
    return exact_match(model, tokenizer, facts, end=False)
