"""Fine-tuning runs: what decides them, how they are done, what they reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lib.corpus import Example, facts
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
from lib.tasks import TASKS, load_task
from lib.tokenizer import BPETokenizer
from lib.training import example_batch, fit

#: Learning rates that did well on the dev countries of the Q&A task.
LEARNING_RATES = {"full": 3e-4, "lora": 5e-3}


@dataclass(frozen=True)
class FineTuning:
    """All that decides a fine-tuning run besides the base model.

    Rank, alpha and targets matter to LoRA only.  Steps warm up over a twentieth, then follow a
    cosine.  Raises ValueError on an unknown task or method,
    or without steps.
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

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"unknown task {self.task!r}: allowed are {', '.join(TASKS)}")
        if self.method not in LEARNING_RATES:
            raise ValueError(f"unknown method {self.method!r}: allowed are "
                             f"{', '.join(LEARNING_RATES)}")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, it must be at least 1")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", LEARNING_RATES[self.method])


def finetune(model: GPTModel, tokenizer: BPETokenizer, run: FineTuning,
             progress: bool | str = True) -> list[float]:
    """Fine-tune the model in place; return the loss of every step, in nats.

    For LoRA the adapters are applied here; A and the batches are drawn from ``run.seed``.
    """
    if run.method == "lora":
        apply_lora_to_model(model, run.rank, run.alpha, run.target_modules,
                            rng=np.random.default_rng(run.seed))
    examples = encode_examples(tokenizer, load_task(run.task).train)
    return fit(model, lambda step: example_batch(examples, step, run.seed, run.batch), run.steps,
               lambda step: warmup_cosine(step, run.steps, run.learning_rate, run.steps // 20),
               AdamW(), progress=progress)


def scores(model: GPTModel, tokenizer: BPETokenizer, task: str) -> dict[str, float]:
    """Held-out loss in nats and exact answers of a task, and pre-training's facts kept (shares)."""
    data = load_task(task)
    found = {"loss": mean_loss(model, example_batches(encode_examples(tokenizer, data.test))),
             "facts": fact_recall(model, tokenizer, facts())}
    if data.probes:
        found["answers"] = exact_match(model, tokenizer, data.probes, end=task == "qa")
    return found


def sample_questions(task: str, count: int) -> list[Example]:
    """Held-out prompts of a task with their answers, spread over its kinds; or facts."""
    probes = load_task(task).probes or facts()
    return probes[::max(1, len(probes) // count)][:count]
