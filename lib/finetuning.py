"""Fine-tuning runs: what decides them, how they are done, what they reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.corpus import Example, documents, facts
from lib.corpus.tasks import TASKS, Task, load_task
from lib.evaluation import (
    encode_examples,
    exact_match,
    example_batches,
    fact_recall,
    mean_loss,
)
from lib.lora import apply_lora_to_model
from lib.model import GPTModel
from lib.optim import AdamW, warmup_cosine
from lib.tokenizer import BPETokenizer
from lib.training import Batch, draw_examples, fit, pad

#: Learning rates that did well on the dev countries of the Q&A task.
LEARNING_RATES = {"full": 3e-4, "lora": 5e-3}


#: How alpha and rank make the factor before B A: LoRA's rule, and that of Kalajdzievski 2023.
RULES = ("alpha/r", "alpha/sqrt(r)")


@dataclass(frozen=True)
class FineTuning:
    """All that decides a fine-tuning run besides the base model's numbers.

    Rank, alpha, rule and targets matter to LoRA only.  ``examples`` is how many of the task's
    training examples there are (None: all); ``replay`` the share of each batch that is text
    of pre-training; ``split`` draws the task's countries and texts, ``base`` is the seed of the
    base model.  Steps warm up over a twentieth, then follow a cosine.  Raises ValueError on an
    unknown task, method or rule, a share that is none, or without steps or examples.
    """

    task: str = "qa"
    method: str = "lora"
    rank: int = 4
    alpha: float = 8.0
    target_modules: tuple[str, ...] = ("query", "key", "value")
    learning_rate: float | None = None
    steps: int = 300
    batch: int = 16
    seed: int = 0
    rule: str = RULES[0]
    examples: int | None = None
    replay: float = 0.0
    split: int = 0
    base: int = 0

    def __post_init__(self) -> None:
        for name, allowed in (("task", TASKS), ("method", tuple(LEARNING_RATES)), ("rule", RULES)):
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"unknown {name} {value!r}: allowed are {', '.join(allowed)}")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, it must be at least 1")
        if self.examples is not None and self.examples < 1:
            raise ValueError(f"examples is {self.examples}, it must be at least 1")
        if not 0 <= self.replay < 1:
            raise ValueError(f"replay is {self.replay}, it must be at least 0 and below 1")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", LEARNING_RATES[self.method])


def finetune(model: GPTModel, tokenizer: BPETokenizer, run: FineTuning,
             progress: bool | str = True,
             after_step: Callable[[int, float], None] | None = None) -> list[float]:
    """Fine-tune the model in place; return the loss of every step, in nats.

    For LoRA the adapters are applied here; A and the batches are drawn from ``run.seed``.
    ``after_step(step, loss)`` may measure.
    """
    if run.method == "lora":
        # alpha/sqrt(r) is alpha/r with an alpha that is sqrt(r) times as large
        alpha = run.alpha * (run.rank**0.5 if run.rule == "alpha/sqrt(r)" else 1.0)
        apply_lora_to_model(model, run.rank, alpha, run.target_modules,
                            rng=np.random.default_rng(run.seed))
    task = load_task(run.task, run.split, run.split)
    examples = encode_examples(tokenizer, task.train[:run.examples],
                               longest=model.config.context_length)
    old = old_texts(model, tokenizer, run) if run.replay else []
    share = min(round(run.replay * run.batch), run.batch - 1)  # at least one row is new

    def batch_at(step: int) -> Batch:
        fresh = draw_examples(examples, step, run.seed, run.batch - share)
        return pad(fresh + (draw_examples(old, step, run.seed, share) if share else []))

    return fit(model, batch_at, run.steps,
               lambda step: warmup_cosine(step, run.steps, run.learning_rate, run.steps // 20),
               AdamW(), after_step=after_step, progress=progress)


def old_texts(model: GPTModel, tokenizer: BPETokenizer, run: FineTuning,
              count: int = 2000) -> list[tuple[list[int], list[int]]]:
    """Documents of pre-training as (prompt, answer) ids, cut to what the model can read."""
    texts = [Example("", text) for text in documents(count, np.random.default_rng([run.base, 0]))]
    return encode_examples(tokenizer, texts, longest=model.config.context_length)


def task_scores(model: GPTModel, tokenizer: BPETokenizer, data: Task,
                part: str = "test") -> dict[str, float]:
    """Loss in nats and share of exact answers on the part of a task, "dev" or "test"."""
    examples, probes = ((data.test, data.probes) if part == "test" else
                        (data.dev, data.dev_probes))
    encoded = encode_examples(tokenizer, examples, longest=model.config.context_length)
    found = {"loss": mean_loss(model, example_batches(encoded))}
    if probes:
        found["answers"] = exact_match(model, tokenizer, probes, end=data.name == "qa")
    return found


def scores(model: GPTModel, tokenizer: BPETokenizer, task: str) -> dict[str, float]:
    """Held-out loss in nats and exact answers of a task, and pre-training's facts kept (shares)."""
    return {**task_scores(model, tokenizer, load_task(task)),
            "facts": fact_recall(model, tokenizer, facts())}


def sample_questions(task: str | Task, count: int) -> list[Example]:
    """Held-out prompts of a task with their answers, spread over its kinds; or facts."""
    probes = (load_task(task) if isinstance(task, str) else task).probes or facts()
    return probes[::max(1, len(probes) // count)][:count]
