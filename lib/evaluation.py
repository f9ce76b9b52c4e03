"""How good a model is, and how far from another: loss, exact answers, facts recalled, KL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lib.corpus import Example
from lib.generation import start_of_text
from lib.losses import IGNORE, cross_entropy_loss
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer
from lib.training import Batch, pad

#: Rows of one forward at most: keeps the largest array, the logits, at some tens of megabytes.
ROWS = 64
FEW_ROWS = 4  # the same where the vocabulary is large


def rows_of(model: GPTModel) -> int:
    """How many rows of one forward the model's vocabulary allows."""
    return FEW_ROWS if model.large_vocabulary else ROWS


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
        where = targets != IGNORE
        counted = int(where.sum())
        if counted and model.large_vocabulary:
            logits, targets = model.forward(inputs, False, counted=where), targets[where]
        else:
            logits = model.forward(inputs, training=False)
        total += counted * cross_entropy_loss(logits, targets)
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


def _forwards(model: GPTModel, examples: Sequence[tuple[list[int], list[int]]],
              ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of examples: their places in the list (rows,), logits (rows, time, vocabulary) and
    targets (rows, time).
    """
    order = np.array(sorted(range(len(examples)), key=lambda i: sum(map(len, examples[i]))), int)
    rows = rows_of(model)
    for at in range(0, len(order), rows):
        places = order[at:at + rows]
        inputs, targets = pad([examples[i] for i in places])
        yield places, model.forward(inputs, training=False), targets


def loss_and_matches(model: GPTModel, examples: Sequence[tuple[list[int], list[int]]],
                     ) -> tuple[float, np.ndarray]:
    """``mean_loss`` of the examples' batches and their ``exact_matches``, from the same forwards.

    Raises ValueError if there are no examples.
    """
    if not examples:
        raise ValueError("there are no examples to measure the loss on")
    right, total, count = np.zeros(len(examples), bool), 0.0, 0
    for places, logits, targets in _forwards(model, examples):
        right[places] = _matches(logits, targets)
        counted = int((targets != IGNORE).sum())
        total, count = total + counted * cross_entropy_loss(logits, targets), count + counted
    return total / count, right


def _matches(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return ((logits.argmax(-1) == targets) | (targets == IGNORE)).all(-1)


def exact_matches(model: GPTModel, examples: Sequence[tuple[list[int], list[int]]]) -> np.ndarray:
    """Which answers the model would write, token for token, if it wrote greedily: (examples,).

    One forward shows it without writing: greedy writing gives the answer exactly when, with the
    answer as input, each of its tokens is the likeliest after those before it.
    """
    right = np.zeros(len(examples), bool)
    for places, logits, targets in _forwards(model, examples):
        right[places] = _matches(logits, targets)
    return right


def exact_match(model: GPTModel, tokenizer: BPETokenizer, examples: Sequence[Example],
                end: bool = True) -> float:
    """Share of the answers, from 0 to 1, that greedy writing would give exactly.

    Raises ValueError if there are no examples.
    """
    if not examples:
        raise ValueError("there are no examples to measure the answers to")
    return float(exact_matches(model, encode_examples(tokenizer, examples, end)).mean())


def bare_answers(facts: Sequence[Example]) -> list[Example]:
    """The facts with their answers up to the first of ``.,;:!?``: how a sentence ends is free.

    Raises:
        ValueError: an answer has nothing before such a sign.
    """
    bare = [replace(fact, answer=re.split("[.,;:!?]", fact.answer)[0]) for fact in facts]
    for fact, stripped in zip(facts, bare, strict=True):
        if not stripped.answer.strip():
            raise ValueError(f"the answer {fact.answer!r} to {fact.prompt!r} tells no fact")
    return bare


def recalled_facts(model: GPTModel, tokenizer: BPETokenizer,
                   facts: Sequence[Example]) -> np.ndarray:
    """Which facts the model would write, if it wrote greedily: (facts,).

    A fact counts up to the last letter or digit before the first of ``.,;:!?`` in its answer, as
    ``bare_answers`` cuts it.  But the word must end there, so the likeliest token after it must
    not go on with a letter, digit or hyphen: "Nigeria" is not "Niger".

    Raises:
        ValueError: an answer has nothing before such a sign.
    """
    # <eos> holds the place after the fact, where any token is right that ends the word
    ends = ~np.array([piece[:1].isalnum() or piece[:1] == b"-" for piece in tokenizer.pieces]
                     + [False])
    right = np.zeros(len(facts), bool)
    bare = encode_examples(tokenizer, bare_answers(facts))
    for places, logits, targets in _forwards(model, bare):
        likeliest = logits.argmax(-1)
        fits = np.where(targets == tokenizer.eos_id, ends[likeliest], likeliest == targets)
        right[places] = (fits | (targets == IGNORE)).all(-1)
    return right


def fact_recall(model: GPTModel, tokenizer: BPETokenizer, facts: Sequence[Example]) -> float:
    """Share of facts, from 0 to 1, that ``recalled_facts`` finds.

    Raises ValueError if there are none.
    """
    if not facts:
        raise ValueError("there are no examples to measure the recall of")
    return float(recalled_facts(model, tokenizer, facts).mean())


def kl(base: GPTModel, model: GPTModel, batches: Iterable[Batch]) -> tuple[float, float]:
    """How far a model's predictions are from its base's: KL(base || model), KL(model || base).

    Each is a mean over the targets that count, in nats a token, of the divergence between the two
    predictions there, sum p log(p / q) over the whole vocabulary (Kullback and Leibler 1951).
    Which token the target is does not matter.  Raises ValueError if no targets count.
    """
    totals, count = np.zeros(2), 0
    for inputs, targets in batches:
        counted = targets != IGNORE
        old, new = (_log_probabilities(each.forward(inputs, training=False)[counted])
                    for each in (base, model))
        difference = old - new
        totals += np.vdot(np.exp(old), difference), -np.vdot(np.exp(new), difference)
        count += int(counted.sum())
    if not count:
        raise ValueError("there are no targets to compare the models at")
    there, back = (totals / count).tolist()
    return there, back


def _log_probabilities(logits: np.ndarray) -> np.ndarray:
    """(rows, vocabulary) -> the same shape, float64."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
    return shifted
