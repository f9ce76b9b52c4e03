"""The base model: its recipe, its pre-training, and the committed result."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.checkpoint import load_arrays, load_state, save_state
from lib.corpus import documents, facts
from lib.evaluation import ROWS, fact_recall, mean_loss, stream_batches
from lib.generation import complete
from lib.losses import IGNORE
from lib.model import GPTConfig, GPTModel
from lib.optim import AdamW, warmup_cosine
from lib.tokenizer import BPETokenizer
from lib.training import Batch, fit, pad, stream_batch

BASE = Path(__file__).parent / "data" / "base.npz"
RUNS = Path("runs")
#: How the file of a stopped run ends, beside that of the finished one.
STATE = ".state.npz"

#: What the model is asked to go on with while it learns.
PROMPTS = ("The capital of France is", "The capital of Japan is", "People in Brazil speak",
           "Peru is a country in", "One morning")


@dataclass(frozen=True)
class Recipe:
    """All that decides what pre-training gives; ``batch`` windows of ``time`` tokens a step."""

    seed: int = 0
    documents: int = 20_000
    held_out: int = 200
    steps: int = 1400
    batch: int = 32
    time: int = 64
    learning_rate: float = 5e-3
    warmup: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.1
    measure_every: int = 50

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint stores them."""
        return {**dataclasses.asdict(self), "betas": list(self.betas)}


def token_stream(tokenizer: BPETokenizer, texts: Iterable[str]) -> np.ndarray:
    """All texts in one row of ids, each after an ``<eos>``: (tokens,)."""
    return np.array([i for text in texts
                     for i in (tokenizer.eos_id, *tokenizer.encode(text))])


def pretraining_data(recipe: Recipe) -> tuple[BPETokenizer, np.ndarray, np.ndarray]:
    """The tokenizer, the stream to train on and a held-out stream, each (tokens,).

    Every seed reads other documents but shares one tokenizer, so that models can be compared.
    """
    tokenizer = BPETokenizer.train(documents(recipe.documents, np.random.default_rng(0)))
    train = documents(recipe.documents, np.random.default_rng([recipe.seed, 0]))
    return tokenizer, token_stream(tokenizer, train), held_out_stream(tokenizer, recipe)


def held_out_stream(tokenizer: BPETokenizer, recipe: Recipe) -> np.ndarray:
    """Text that a model of this recipe is not trained on: (tokens,)."""
    texts = documents(recipe.held_out, np.random.default_rng([recipe.seed, 1]))
    return token_stream(tokenizer, texts)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a text begins and ends: [from, to).

    A sentence ends with ``.``, ``!`` or ``?``, with or without a quotation mark after it, before
    white space; or at the end of a line.
    """
    cuts = [match.span() for match in re.finditer(r'(?<=[.!?])\s+|(?<=[.!?]")\s+|\n', text)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def unseen_batches(tokenizer: BPETokenizer, recipe: Recipe, longest: int = 128) -> list[Batch]:
    """Held-out documents as (inputs, targets), each (batch, time), with targets only in sentences
    that stand, letter for letter, in no document that a model of this recipe is trained on.

    Each document is read from its ``<eos>`` on, up to ``longest`` tokens, with the sentences that
    training holds; those carry no loss, nor does the end of the text.  Documents without an unseen
    sentence are left out.
    """
    train, held_out = (documents(count, np.random.default_rng([recipe.seed, part]))
                       for part, count in enumerate((recipe.documents, recipe.held_out)))
    seen = {text[start:end] for text in train for start, end in sentences(text)}
    rows = []
    for text in held_out:
        new = [span for span in sentences(text) if text[slice(*span)] not in seen]
        ids = tokenizer.encode(text)[:longest]
        # A token belongs to the sentence of its last letter: the space before a word is the word's
        last = np.cumsum([len(tokenizer.pieces[token]) for token in ids]) - 1
        counts = np.any([(start <= last) & (last < end) for start, end in new], axis=0)
        if np.any(counts):
            rows.append((ids, counts))
    rows.sort(key=lambda row: len(row[0]))
    batches = []
    for at in range(0, len(rows), ROWS):
        inputs, targets = pad([([tokenizer.eos_id], ids) for ids, _ in rows[at:at + ROWS]])
        for row, (_, counts) in enumerate(rows[at:at + ROWS]):
            targets[row, :len(counts)][~counts] = IGNORE
        batches.append((inputs, targets))
    return batches


def measure(model: GPTModel, tokenizer: BPETokenizer, held_out: np.ndarray) -> dict[str, Any]:
    """Held-out loss in nats, share of facts recalled, and what the model writes."""
    return {"held_out": mean_loss(model, stream_batches(held_out)),
            "recall": fact_recall(model, tokenizer, facts()),
            "samples": {prompt: complete(model, tokenizer, prompt, 24) for prompt in PROMPTS}}


def pretrain(path: Path, recipe: Recipe, workers: int = 2,
             stop_after: int | None = None) -> GPTModel:
    """Train the base model, save it to ``path`` with tokenizer, recipe and history.

    A run that was stopped goes on from its last measurement: its state lies beside ``path``
    until the run is complete.  ``stop_after`` ends early at that step, as if stopped.

    Raises:
        ValueError: the state beside ``path`` is of another recipe, the seed is negative, or
            there are no workers or steps.
        FloatingPointError: the run diverged.
    """
    for name, value, least in (("workers", workers, 1), ("steps", recipe.steps, 1),
                               ("seed", recipe.seed, 0)):
        if value < least:
            raise ValueError(f"{name} is {value}, it must be at least {least}")
    tokenizer, stream, held_out = pretraining_data(recipe)
    model = GPTModel(GPTConfig(), np.random.default_rng([recipe.seed, 2]))
    optimizer = AdamW(recipe.betas, weight_decay=recipe.weight_decay)
    losses: list[float] = []
    history: list[dict[str, Any]] = []
    state = path.with_suffix(STATE)
    if state.exists():
        found = load_state(state, "pretraining", recipe.to_dict(), model.parameters(), optimizer,
                           "history")
        losses, history = found["losses"], found["history"]

    def note(step: int) -> None:
        now = {"step": step, **measure(model, tokenizer, held_out)}
        if not np.isfinite(now["held_out"]):
            raise FloatingPointError(f"after {step} steps the held-out loss is {now['held_out']}")
        history.append(now)
        save_state(state, "pretraining", recipe.to_dict(), model.parameters(), optimizer, losses,
                   history=history)

    def after_step(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % recipe.measure_every == 0 or step + 1 == recipe.steps:
            note(step + 1)

    if not history:
        note(0)
    fit(model, lambda step: stream_batch(stream, step, recipe.seed, recipe.batch, recipe.time),
        min(recipe.steps, stop_after or recipe.steps),
        lambda step: warmup_cosine(step, recipe.steps, recipe.learning_rate, recipe.warmup),
        optimizer, start=len(losses), workers=workers, after_step=after_step,
        progress="pre-training")
    if stop_after is None:
        model.save(path, merges=tokenizer.merges, recipe=recipe.to_dict(), history=history,
                   losses=[round(loss, 4) for loss in losses])
        state.unlink(missing_ok=True)
    return model


def base_path(seed: int) -> Path:
    """Where the base model of a seed is: with the library for seed 0, else where
    ``python -m lib pretrain --seed`` puts it.
    """
    return BASE if seed == 0 else RUNS / f"base-seed{seed}.npz"


def load_base(path: str | Path = BASE) -> tuple[GPTModel, BPETokenizer]:
    """The pre-trained model and its tokenizer, as committed.

    Raises:
        ValueError: the file is damaged or no base model.
    """
    return GPTModel.load(path), BPETokenizer(_extra(path)["merges"])


def load_history(path: str | Path = BASE) -> dict[str, Any]:
    """What pre-training noted on its way: ``recipe``, ``losses`` (one a step), ``history``."""
    return {key: value for key, value in _extra(path).items() if key != "merges"}


def _extra(path: str | Path) -> dict[str, Any]:
    extra = load_arrays(path, "gpt")[2]
    if not {"merges", "recipe", "history", "losses"} <= extra.keys():
        raise ValueError(f"{path} is no base model: it lacks its tokenizer, recipe or history")
    return extra
