"""Writing text: greedy or by chance, with temperature, top-k, top-p and a KV cache."""

from __future__ import annotations

import math

import numpy as np

from lib.attention import KVCache
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer

#: The least temperature: even the largest float32 divided by it is a finite float64.
COLDEST = 1e-100


def next_token_probabilities(logits: np.ndarray, temperature: float = 1.0,
                             top_k: int | None = None, top_p: float | None = None) -> np.ndarray:
    """Logits (..., vocabulary) to probabilities of the same shape.

    ``temperature`` divides the logits.  ``top_k`` keeps the k likeliest tokens (ties included).
    ``top_p`` keeps the fewest tokens whose probabilities reach p together (Holtzman et al.
    2019, section 3.1).  What is kept is scaled to a sum of 1.

    Raises:
        ValueError: temperature below 1e-100 or not finite, top_k < 1 or top_p not in (0, 1].
    """
    _check_settings(temperature, top_k, top_p)
    scaled = np.asarray(logits, np.float64) / temperature
    if top_k is not None and top_k < scaled.shape[-1]:
        smallest = np.partition(scaled, -top_k, axis=-1)[..., -top_k, None]
        scaled = np.where(scaled < smallest, -np.inf, scaled)
    chances = np.exp(scaled - scaled.max(-1, keepdims=True))
    chances /= chances.sum(-1, keepdims=True)
    if top_p is not None and top_p < 1:  # 1 keeps all, also where the sum is rounded to 1 too early
        order = np.argsort(-chances, axis=-1, kind="stable")
        ranked = np.take_along_axis(chances, order, -1)
        before = np.cumsum(ranked, -1) - ranked      # the likeliest token always stays
        np.put_along_axis(chances, order, np.where(before < top_p, ranked, 0), -1)
        chances /= chances.sum(-1, keepdims=True)
    return chances


def _check_settings(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not COLDEST <= temperature < math.inf:
        raise ValueError(f"temperature is {temperature}, it must be finite and above 0, at least "
                         f"{COLDEST} (0 is greedy: only generate takes it)")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}, it must be at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}, it must be above 0 and at most 1")


def generate(model: GPTModel, tokens: np.ndarray, max_new_tokens: int, *,
             temperature: float = 0.0, top_k: int | None = None, top_p: float | None = None,
             rng: np.random.Generator | None = None, stop_token: int | None = None,
             use_cache: bool = True) -> np.ndarray:
    """Continue every row of tokens (batch, time) -> (batch, time + new).

    Temperature 0 takes the likeliest token; above it, tokens are drawn with ``rng``.  A row that
    wrote ``stop_token`` is filled up with it; generation ends when all rows have.

    Raises:
        ValueError: the whole does not fit the context, ``rng`` is missing where tokens are
            drawn, or a setting is out of range.
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 2:
        raise ValueError(f"tokens must have shape (batch, time), got {tokens.shape}")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens is {max_new_tokens}, it must be at least 1")
    length, context = tokens.shape[1] + max_new_tokens, model.config.context_length
    if length > context:
        raise ValueError(f"{tokens.shape[1]} tokens and {max_new_tokens} new ones make {length}, "
                         f"more than the context of {context}")
    _check_settings(1.0 if temperature == 0 else temperature, top_k, top_p)
    if temperature != 0 and rng is None:
        raise ValueError("temperature above 0 draws tokens: give an rng")
    past = model.new_cache(len(tokens)) if use_cache else None
    done = np.zeros(len(tokens), bool)
    written = np.empty((len(tokens), length), np.result_type(tokens, np.int64))
    written[:, :tokens.shape[1]] = tokens
    seen = 0                                # how many tokens the cache holds
    for end in range(tokens.shape[1], length):
        logits = _last_logits(model, written[:, seen:end], past)
        seen = end if use_cache else 0
        written[:, end] = _choose(logits, temperature, top_k, top_p, rng)
        if stop_token is not None:
            written[done, end] = stop_token
            done |= written[:, end] == stop_token
            if done.all():
                return written[:, :end + 1]
    return written


def _last_logits(model: GPTModel, tokens: np.ndarray, past: list[KVCache] | None) -> np.ndarray:
    """Logits of the token after each row: (batch, vocabulary); no others if there are many."""
    if not model.large_vocabulary:
        return model.forward(tokens, False, past)[:, -1]
    last = np.zeros(tokens.shape, bool)
    last[:, -1] = True
    return model.forward(tokens, False, past, last)


def _choose(logits: np.ndarray, temperature: float, top_k: int | None, top_p: float | None,
            rng: np.random.Generator | None) -> np.ndarray:
    """One token for each row of logits (batch, vocabulary) -> (batch,)."""
    if temperature == 0:
        return logits.argmax(-1)
    edges = next_token_probabilities(logits, temperature, top_k, top_p).cumsum(-1)
    drawn = rng.random((len(logits), 1)) * edges[:, -1:]
    return (edges <= drawn).sum(-1)


def start_of_text(tokenizer: BPETokenizer, prompt: str) -> list[int]:
    """The ids of a text's start: ``<eos>``, after which every text begins, and the prompt."""
    return [tokenizer.eos_id, *tokenizer.encode(prompt)]


def complete(model: GPTModel, tokenizer: BPETokenizer, prompt: str, max_new_tokens: int = 32,
             **settings) -> str:
    """What the model writes after a prompt, up to ``<eos>``.  ``settings`` are generate's."""
    start = start_of_text(tokenizer, prompt)
    out = generate(model, np.array([start]), max_new_tokens, stop_token=tokenizer.eos_id,
                   **settings)
    new = out[0, len(start):].tolist()
    return tokenizer.decode(new[:new.index(tokenizer.eos_id)] if tokenizer.eos_id in new else new)
