"""Fine-tuning runs: what decides them, how they are done, what they reached."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from lib.checkpoint import fingerprint, load_state, save_state
from lib.corpus import Example, documents, facts
from lib.corpus.tasks import TASKS, Task, load_task
from lib.evaluation import (
    encode_examples,
    exact_matches,
    example_batches,
    fact_recall,
    loss_and_matches,
    mean_loss,
    recalled_facts,
)
from lib.lora import (
    adapted_layers,
    apply_lora_to_model,
    check_targets,
    remove_adapters,
    targets_in,
    targets_of,
)
from lib.losses import cross_entropy_loss
from lib.model import GPTModel
from lib.optim import AdamW, warmup_cosine
from lib.tokenizer import BPETokenizer
from lib.training import Batch, draw_examples, fit, pad, trainable_count

#: Learning rates that did well on the dev countries of the Q&A task, by method.  "confined" is
#: full fine-tuning of the target modules alone: all that LoRA on them could reach at full rank.
LEARNING_RATES = {"full": 3e-4, "lora": 5e-3, "confined": 3e-4}


#: How alpha and rank make the factor before B A: LoRA's rule, and that of Kalajdzievski 2023.
RULES = ("alpha/r", "alpha/sqrt(r)")


@dataclass(frozen=True)
class FineTuning:
    """All that decides a fine-tuning run besides the base model's numbers.

    Rank, alpha and rule matter to LoRA only, and targets not to "full".  ``examples`` is how many
    of the task's training examples there are (None: all); ``replay`` the share of each batch that
    is text of pre-training; ``split`` draws the task's countries and texts, ``base`` is the seed
    of the base model.  Steps warm up over a twentieth, then follow a cosine.

    Raises:
        ValueError: an unknown task, method or rule, or a number out of its range.
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
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", LEARNING_RATES[self.method])
        for least, names in ((1, ("rank", "steps", "batch", "examples")),
                             (0, ("seed", "split", "base"))):
            for name in names:
                self._check(name, Integral, lambda value, least=least: value >= least,
                            f"a whole number, at least {least}")
        for name in ("alpha", "learning_rate"):
            self._check(name, Real, lambda value: 0 < value < math.inf, "a finite number above 0")
        self._check("replay", Real, lambda value: 0 <= value < 1, "at least 0 and below 1")

    def _check(self, name: str, kind: type, fits: Callable[[Any], bool], allowed: str) -> None:
        value = getattr(self, name)
        if name == "examples" and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, kind) or not fits(value):
            raise ValueError(f"{name} is {value!r}, it must be {allowed}")
        # A number of NumPy's would be no value for JSON.
        object.__setattr__(self, name, int(value) if kind is Integral else float(value))


def finetune(model: GPTModel, tokenizer: BPETokenizer, run: FineTuning,
             progress: bool | str = True,
             after_step: Callable[[int, float], None] | None = None,
             state: Path | None = None) -> list[float]:
    """Fine-tune the model in place; return the loss of every step, in nats.

    For LoRA the adapters are applied here; A and the batches are drawn from ``run.seed``.  As
    after LoRA, all but the targets is frozen after "confined".
    ``after_step(step, loss)`` may measure, or end the run by raising KeyboardInterrupt.  Where it
    stopped is then kept in the file ``state``, from which the same run goes on.

    Raises:
        ValueError: the model can't be tuned by this method, or ``state`` is of another run.
        FloatingPointError: the run diverged.
    """
    recipe = {**asdict(run), "base_arrays": fingerprint(model.parameters())}
    return run_steps(model, recipe, batches(model, tokenizer, run), lambda: _prepare(model, run),
                     run.steps, run.learning_rate, progress, after_step, state)


def run_steps(model: GPTModel, recipe: dict[str, Any], batch_at: Callable[[int], Batch],
              prepare: Callable[[], None], steps: int, learning_rate: float,
              progress: bool | str, after_step: Callable[[int, float], None] | None,
              state: Path | None) -> list[float]:
    """What ``finetune`` does with any batches: ``prepare`` decides what trains, ``recipe`` is all
    that decides the run, by which its ``state`` is known.
    """
    frozen_before = {prefix: layer.frozen for prefix, layer in model.walk()}
    prepare()
    optimizer, losses = AdamW(), []
    if state and state.exists():
        try:
            losses = load_state(state, "finetuning", recipe, model.trainable_parameters(),
                                optimizer)["losses"]
        except ValueError:
            remove_adapters(model)
            for prefix, layer in model.walk():
                layer.freeze(frozen_before[prefix])
            raise

    def note(step: int, loss: float) -> None:
        losses.append(loss)
        if after_step:
            after_step(step, loss)

    try:
        fit(model, batch_at, steps,
            lambda step: warmup_cosine(step, steps, learning_rate, steps // 20),
            optimizer, start=len(losses), after_step=note, progress=progress)
    except KeyboardInterrupt:
        # Only between two steps are model and optimizer of one step.
        if state and optimizer.steps == len(losses):
            save_state(state, "finetuning", recipe, model.trainable_parameters(), optimizer, losses)
        raise
    _check_finite(model, batch_at(steps - 1))
    return losses


def batches(model: GPTModel, tokenizer: BPETokenizer, run: FineTuning) -> Callable[[int], Batch]:
    """A run's batch at each step: (inputs, targets), each (batch, longest)."""
    task = load_task(run.task, run.split, run.split)
    examples = encode_examples(tokenizer, task.train[:run.examples],
                               longest=model.config.context_length)
    old = old_texts(model, tokenizer, run) if run.replay else []
    share = min(round(run.replay * run.batch), run.batch - 1)  # at least one row is new

    def batch_at(step: int) -> Batch:
        fresh = draw_examples(examples, step, run.seed, run.batch - share)
        return pad(fresh + (draw_examples(old, step, run.seed, share) if share else []))

    return batch_at


def _prepare(model: GPTModel, run: FineTuning) -> None:
    """Apply adapters for LoRA; refuse full fine-tuning of a model that carries some.

    Parts that were frozen by hand stay so with "full", while "confined" decides by the targets.
    """
    if run.method == "lora":
        # alpha/sqrt(r) is alpha/r with an alpha that is sqrt(r) times as large
        alpha = run.alpha * (run.rank**0.5 if run.rule == "alpha/sqrt(r)" else 1.0)
        apply_lora_to_model(model, run.rank, alpha, run.target_modules,
                            rng=np.random.default_rng(run.seed))
    elif adapted := adapted_layers(model):
        raise ValueError(f"full fine-tuning of a model with {len(adapted)} LoRA adapters would "
                         f"train {trainable_count(model):,} numbers only: remove_adapters first")
    elif run.method == "confined":
        check_targets(run.target_modules, targets_in(model))
        model.freeze()
        for owner, attribute in targets_of(model, run.target_modules):
            getattr(owner, attribute).freeze(False)
    elif not trainable_count(model):
        raise ValueError("all of the model is frozen: freeze(False) first, or there is nothing to "
                         "train")


def _check_finite(model: GPTModel, batch: Batch) -> None:
    """Raise FloatingPointError if the last step, after which no loss is known, broke the model."""
    with np.errstate(all="ignore"):  # infinite numbers are what is looked for
        loss = cross_entropy_loss(model.forward(batch[0], training=False), batch[1])
    if not (math.isfinite(loss) and all(np.isfinite(array).all()
                                        for array in model.trainable_parameters().values())):
        raise FloatingPointError(f"after the last step the loss is {loss}, or some numbers of "
                                 f"the model are not finite: a lower learning rate may help")


def old_texts(model: GPTModel, tokenizer: BPETokenizer, run: FineTuning,
              count: int = 2000) -> list[tuple[list[int], list[int]]]:
    """Documents like those that the run's base read, as (prompt, answer) ids, cut to the context.
    """
    texts = [Example("", text) for text in documents(count, np.random.default_rng([run.base, 0]))]
    return encode_examples(tokenizer, texts, longest=model.config.context_length)


def encode_part(model: GPTModel, tokenizer: BPETokenizer, data: Task,
                part: str = "test") -> list[tuple[list[int], list[int]]]:
    """The examples of the part of a task, "dev" or "test", as ids, cut to the model's context."""
    return encode_examples(tokenizer, data.test if part == "test" else data.dev,
                           longest=model.config.context_length)


def loss_and_answers(model: GPTModel, tokenizer: BPETokenizer, data: Task,
                     part: str = "test") -> tuple[float, np.ndarray]:
    """Loss in nats on the part of a task, "dev" or "test", and which of its probes are answered
    rightly: (probes,), empty for a task without.

    Questions and instructions are to be answered exactly, token for token up to ``<eos>``; the
    facts that a text tells as ``recalled_facts`` has it, so that style does not matter.
    """
    examples, probes = ((data.test, data.probes) if part == "test" else
                        (data.dev, data.dev_probes))
    encoded = encode_part(model, tokenizer, data, part)
    if data.ends and probes is examples:
        return loss_and_matches(model, encoded)
    return (mean_loss(model, example_batches(encoded)),
            exact_matches(model, encode_examples(tokenizer, probes)) if data.ends else
            recalled_facts(model, tokenizer, probes))


def task_scores(model: GPTModel, tokenizer: BPETokenizer, data: Task,
                part: str = "test") -> dict[str, float]:
    """``loss_and_answers`` on the part of a task, the answers as a share if there are any."""
    loss, right = loss_and_answers(model, tokenizer, data, part)
    return {"loss": loss, **({"answers": float(right.mean())} if len(right) else {})}


def scores(model: GPTModel, tokenizer: BPETokenizer, task: str) -> dict[str, float]:
    """Held-out loss in nats and right answers of a task, and pre-training's facts kept (shares)."""
    return {**task_scores(model, tokenizer, load_task(task)),
            "facts": fact_recall(model, tokenizer, facts())}


def sample_questions(task: str | Task, count: int) -> list[Example]:
    """Held-out prompts of a task with their answers, spread over its kinds; or facts."""
    probes = (load_task(task) if isinstance(task, str) else task).probes or facts()
    return probes[::max(1, len(probes) // count)][:count]
