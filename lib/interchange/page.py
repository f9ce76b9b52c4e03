"""The model in the book's page, from Python: how its base travels, what it draws, a training of it.

The page (``book/_static/lab``) has the library once more, in JavaScript. Given the page's base, its
first A and its batches, the library trains the same model: the losses agree to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lib.corpus import load_task
from lib.evaluation import encode_examples
from lib.lora import adapted_layers, apply_lora_to_model
from lib.model import GPTModel
from lib.optim import AdamW, warmup_cosine
from lib.tokenizer import BPETokenizer
from lib.training import pad, train_step_lora

BLOCK = 64  # numbers of a matrix that share a scale
#: The matrices that get an adapter in the page, and in which order their A is drawn.
TARGETS = ("query", "key", "value", "output", "ffn_up", "ffn_down")
#: Where the page's random numbers start, before their seed: from well-known constants.
STATE = (0x9E3779B9, 0x243F6A88, 0xB7E15162, 0x6A09E667)


def int8_bytes(array: np.ndarray) -> bytes:
    """Whole numbers from -127 to 127, then a half-precision scale for each block of 64 numbers.

    The scale is rounded before the numbers are divided by it, so that what is read back is the
    nearest that int8 allows.
    """
    flat = array.reshape(-1)
    blocks = np.pad(flat, (0, -flat.size % BLOCK)).reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(1, keepdims=True) / 127).astype("<f2")
    divisors = np.where(scales > 0, scales, 1).astype(np.float32)
    numbers = np.clip(np.round(blocks / divisors), -127, 127).astype(np.int8)
    return numbers.reshape(-1)[:flat.size].tobytes() + scales.tobytes()


def from_int8_bytes(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """What the page reads from ``int8_bytes``: float32 of that shape."""
    size = int(np.prod(shape))
    numbers = np.frombuffer(data, np.int8, size).astype(np.float32)
    scales = np.frombuffer(data, "<f2", offset=size).astype(np.float32)
    return (numbers * np.repeat(scales, BLOCK)[:size]).reshape(shape)


def as_it_travels(base: GPTModel) -> GPTModel:
    """A copy of the base whose matrices went through int8, as they do on their way to the page."""
    model = base.copy()
    for array in model.parameters().values():
        array.flags.writeable = True
        if array.ndim > 1:
            array[...] = from_int8_bytes(int8_bytes(array), array.shape)
    return model


def page_random(*seed: int) -> Iterator[float]:
    """The page's random numbers, from 0 to below 1.  Marsaglia 2003, section 4 (xorshift)."""
    a, b, c, d = STATE
    for number in seed:
        a ^= (number + 1) * 0x85EBCA6B % 2**32
        for _ in range(24):  # until every bit of the seed has reached every word
            a, b, c, d = b, c, d, _next_word(a, d)
    while True:
        a, b, c, d = b, c, d, _next_word(a, d)
        yield d / 2**32


def _next_word(first: int, last: int) -> int:
    mixed = (first ^ first << 11) % 2**32
    return last ^ last >> 19 ^ mixed ^ mixed >> 8


def page_order(count: int, seed: int, epoch: int) -> list[int]:
    """0 to count - 1 in the order of an epoch (Fisher and Yates)."""
    order, random = list(range(count)), page_random(seed, epoch)
    for i in range(count - 1, 0, -1):
        j = int(next(random) * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def page_training(base: GPTModel, tokenizer: BPETokenizer, steps: int = 60, *, rank: int = 4,
                  alpha: float = 8.0, learning_rate: float = 5e-3, batch: int = 8,
                  seed: int = 0) -> list[float]:
    """Train an adapter of the questions as the page does when a reader presses *Train*.

    Returns the loss of each step.
    """
    examples = encode_examples(tokenizer, load_task("qa").train)
    model = apply_lora_to_model(as_it_travels(base), rank, alpha, TARGETS)
    random = page_random(seed)
    for layer in adapted_layers(model).values():  # uniform, since browsers agree on those bits
        A, bound = layer.lora_A, 1 / np.sqrt(layer.input_features)
        A[...] = [[bound * (2 * next(random) - 1) for _ in row] for row in A]
    optimizer, losses = AdamW(), []
    for step in range(steps):
        epoch, place = divmod(step, len(examples) // batch)
        order = page_order(len(examples), seed, epoch)[place * batch:(place + 1) * batch]
        rate = warmup_cosine(step, steps, learning_rate, warmup=steps // 20)
        losses.append(train_step_lora(model, optimizer, *pad([examples[i] for i in order]), rate))
    return losses
