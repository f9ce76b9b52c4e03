"""From the reader's GPT to a small Llama, change by change: each state trained for one budget."""

from __future__ import annotations

import ast
import functools
import hashlib
import linecache
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib.growing import (
    BATCH,
    TIME,
    borrowed_training,
    held_out_loss,
    my_gpt,
    practice_streams,
    sources,
)
from lib.laboratory.record import recorded
from lib.losses import cross_entropy
from lib.optim import AdamW
from lib.training import stream_batch

#: The page's changes 1 to 5, in the order in which the ladder takes them.
CHANGES = ("RMSNorm", "SwiGLU", "rotary", "grouped queries", "tied table")
#: The best learning rate, and those that were tried with the first seed.
RATE, TRIED = 0.005, (0.0025, 0.01)
SEEDS = (0, 1, 2)
#: As many seeds have rotary positions alone and with SwiGLU, this GPT and the small Llama.
MORE = 5
#: What the ladder calls its states, with the changes that each has.
STATES = {"this GPT": (), **{f"+ {name}": CHANGES[:k] for k, name in enumerate(CHANGES, 1)}}
#: A state's last change alone in the reader's GPT; the ladder's first row is already so.
ALONE = {f"+ {name}": (name,) for name in CHANGES[1:]}
#: Rotary positions with one of the two changes that come before, to see which one of them costs.
PAIRED = {f"{name}, rotary": (name, "rotary") for name in CHANGES[:CHANGES.index("rotary")]}
FILE = Path(__file__).parents[2] / "book" / "small_llama.py"
#: The definitions of that file that each change takes over as they are.
TAKEN = {"RMSNorm": ("norm_weights", "layer_norm"),
         "SwiGLU": ("HIDDEN", "block_weights", "feed_forward"),
         "rotary": ("turned", "positions", "attention", "model"),
         "grouped queries": ("KV_HEADS",),
         "tied table": ("embedding", "new_weights")}
#: For the controls: how a table starts, by how much its rows are multiplied, steps that are timed.
START, FACTOR, ROUNDS = 0.1, 10.0, 30
#: Where two changes meet in one function, what one of them replaces in it.
ROWS = ("matrix(rng, D_MODEL, D_MODEL, std)",
        'matrix(rng, D_MODEL // (1 if part in ("query", "output") else HEADS // KV_HEADS), '
        "D_MODEL, std)")
TABLES = ('"output_projection.weights"', '"token_embedding.weights"')


@functools.cache
def _gpt() -> str:
    """The reader's file of chapter 6, read once."""
    return my_gpt(6)


@functools.cache
def _definitions(text: str) -> dict[str, str]:
    """The definitions of a file by each name that they bind."""
    found = {}
    for node in ast.parse(text).body:
        names = ([node.name] if isinstance(node, ast.FunctionDef) else
                 [each.name for each in node.names] if isinstance(node, ast.ImportFrom) else
                 [each.id for each in node.targets if isinstance(each, ast.Name)]
                 if isinstance(node, ast.Assign) else [])
        found |= dict.fromkeys(names, ast.get_source_segment(text, node) or "")
    return found


def source(changes: Sequence[str]) -> str:
    """``my_gpt.py`` of chapter 6 with some of the changes, as text to run.

    Raises:
        ValueError: there is no such change.
    """
    if unknown := [each for each in changes if each not in CHANGES]:
        raise ValueError(f"no such change: {unknown}; there are {CHANGES}")
    own, newer = _definitions(_gpt()), _definitions(FILE.read_text(encoding="utf-8"))
    taken = {name: newer[name] for name in ("split", "grouped")}  # the same with as many heads
    taken["KV_HEADS"] = "KV_HEADS = HEADS"
    taken["attention"] = own["attention"].replace("attend(", "grouped(")
    taken["block_weights"] = own["block_weights"].replace(*ROWS)
    for change in CHANGES:
        if change in changes:
            taken |= {name: newer[name] for name in TAKEN[change]}
    if ("rotary" in changes) != ("tied table" in changes):
        old, new = TABLES
        taken["model"] = (
            own["model"].replace(old, new) if "tied table" in changes else
            newer["model"].replace(f"linear(x, w, {new})", f"linear(x, w, {old})"))
    return _gpt() + "\n\n" + "\n\n\n".join(dict.fromkeys(taken.values())) + "\n"


@functools.cache
def built(changes: tuple[str, ...]) -> dict[str, Any]:
    """The names that ``source`` defines."""
    text, name, names = source(changes), f"small Llama of {', '.join(changes)}", {}
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name  # for inspect
    exec(compile(text, name, "exec"), names)
    return names


def digest(changes: Sequence[str]) -> str:
    """A name for the code of a state: another one as soon as a function of it changes."""
    names = built(tuple(changes))
    return hashlib.sha256(sources(names["model"], names["new_weights"]).encode()).hexdigest()[:12]


def small_llama(changes: list[str], rate: float, seed: int) -> dict[str, Any]:
    """One run: ``loss`` on held-out text, in nats a token, ``parameters``, ``code`` (its name)."""
    names = built(tuple(changes))
    weights = names["new_weights"](np.random.default_rng(seed))
    borrowed_training(names["model"], weights, seed, rate)
    return {"loss": held_out_loss(names["model"], weights),
            "parameters": sum(each.size for each in weights.values()), "code": digest(changes)}


def losses(rate: float = RATE, seeds: int = len(SEEDS),
           states: Mapping[str, tuple[str, ...]] = STATES) -> dict[str, list[float]]:
    """The recorded loss of each state for the first so many seeds, in nats a token.

    ``sampled(small_llama, [...])`` of ``lib.laboratory.record`` makes a run, and records it anew.

    Raises:
        ValueError: a run was not recorded.
    """
    return {state: [run["loss"] for run in recorded("small_llama", [
        (list(changes), rate, seed) for seed in range(seeds)])]
        for state, changes in states.items()}


def comparisons() -> dict[str, tuple[list[float], list[float]]]:
    """All pairs of states that the page compares, each with its seeds' losses before and now."""
    ladder, alone, paired = (losses(states=states) for states in (STATES, ALONE, PAIRED))
    names, rotary = list(ladder), alone["+ rotary"]
    first, last = ladder[names[0]], ladder[names[-1]]
    more = losses(seeds=MORE, states={"first": (), "last": CHANGES, "rotary": ("rotary",),
                                      "both": PAIRED["SwiGLU, rotary"]})
    return {
        **{f"{now} in the ladder": (ladder[old], ladder[now])
           for old, now in zip(names, names[1:])},
        **{f"{name} alone": (first, each) for name, each in alone.items()},
        **{f"+ {name.split(',')[0]}, with rotary alone": (rotary, each)
           for name, each in paired.items()},
        "+ RMSNorm and SwiGLU, with rotary alone": (rotary, ladder["+ rotary"]),
        "all five, in this GPT": (first, last),
        "all five, against rotary alone": (rotary, last),
        "+ SwiGLU, with rotary alone, five seeds": (more["rotary"], more["both"]),
        "all five, in this GPT, five seeds": (more["first"], more["last"])}


def parameters() -> dict[str, int]:
    """The recorded number of parameters of each state."""
    return {state: recorded("small_llama", [(list(changes), RATE, SEEDS[0])])[0]["parameters"]
            for state, changes in STATES.items()}


def small_table(std: float, seed: int) -> float:
    """Held-out loss of the state with two tables, of which the first starts at ``std``, not 1."""
    names = built(CHANGES[:4])
    weights = names["new_weights"](np.random.default_rng(seed))
    weights["token_embedding.weights"] *= np.float32(std)
    borrowed_training(names["model"], weights, seed, RATE)
    return held_out_loss(names["model"], weights)


def step_times(rounds: int) -> dict[str, float]:
    """The shortest processor time of a training step in each state, in milliseconds.

    The states take turns, so that whatever else a machine does meets all of them alike.
    """
    shortest: dict[str, float] = {}
    inputs, targets = stream_batch(practice_streams()[0], 0, 0, BATCH, TIME)
    starts = {state: (built(changes)["model"], built(changes)["new_weights"](
        np.random.default_rng(0)), AdamW()) for state, changes in STATES.items()}
    for _ in range(rounds):
        for state, (model, weights, optimizer) in starts.items():
            begun, grads = time.process_time(), {}
            logits, back = model(inputs, weights)
            back(cross_entropy(logits, targets)[1], grads)
            optimizer.step(grads, weights, 1e-4)
            took = 1000 * (time.process_time() - begun)
            shortest[state] = min(took, shortest.get(state, took))
    return shortest


def scaled_table(factor: float, seed: int) -> float:
    """Held-out loss of the small Llama if a token's row enters the stream times a factor."""
    names: dict[str, Any] = {}
    exec(source(CHANGES), names)
    plain = names["embedding"]

    def embedding(tokens: np.ndarray, w: dict[str, np.ndarray], name: str) -> tuple[Any, Any]:
        x, back = plain(tokens, w, name)
        return factor * x, lambda dy, grads: back(factor * dy, grads)

    names["embedding"] = embedding
    weights = names["new_weights"](np.random.default_rng(seed))
    borrowed_training(names["model"], weights, seed, RATE)
    return held_out_loss(names["model"], weights)


def controls() -> dict[str, list[float]]:
    """Recorded losses of the tied table's two controls, in nats a token for each seed.

    Raises:
        ValueError: a run was not recorded.
    """
    return {f"tied table, rows times {FACTOR:g}":
            recorded("scaled_table", [(FACTOR, seed) for seed in SEEDS]),
            f"two tables, the first from {START:g}":
            recorded("small_table", [(START, seed) for seed in SEEDS])}


def times() -> dict[str, float]:
    """The recorded ``step_times``."""
    return recorded("step_times", [(ROUNDS,)])[0]
