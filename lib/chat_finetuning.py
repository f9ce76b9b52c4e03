"""Fine-tuning a chat model on questions and answers out of a file, with adapters."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from lib.chat import ChatTokenizer, chat_examples
from lib.checkpoint import fingerprint
from lib.finetuning import run_steps
from lib.lora import ALL_TARGETS, apply_lora_to_model, check_targets
from lib.model import GPTModel
from lib.training import draw_examples, pad

KEYS = ("prompt", "completion")  # of each line
SHOWN = 5  # bad lines that a message tells of


@dataclass(frozen=True)
class ChatTuning:
    """All that decides such a run besides the model and the examples.

    The defaults are a setting of lib.laboratory.real_runs: of LoRA on query and value with 20 steps
    of four examples, the learning rate had the lowest loss on dev countries, on a grid of half
    decades.  Of 32 held-out countries 28 to 30 were answered in the form that was taught.  Another
    rank, other targets or many more steps want another rate, as chapter 19 shows.  Steps warm up
    over a twentieth, then follow a cosine.  Raises ValueError on a number out of its range.
    """

    rank: int = 8
    alpha: float = 16.0
    target_modules: tuple[str, ...] = ("query", "value")
    learning_rate: float = 3e-3
    steps: int = 20
    batch: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("rank", 1), ("steps", 1), ("batch", 1), ("seed", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"{name} is {value!r}, it must be a whole number, at least "
                                 f"{least}")
        for name in ("alpha", "learning_rate"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
                raise ValueError(f"{name} is {value!r}, it must be a finite number above 0")
        check_targets(self.target_modules, ALL_TARGETS)


def read_pairs(path: str | Path) -> list[tuple[str, str]]:
    """The (prompt, completion) texts of a file that has one JSON object a line with these keys.

    Other keys are left alone, empty lines at the end too.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: lines that are no such objects, all by their numbers, or no lines at all.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}") \
            from error
    lines = text.rstrip().split("\n")
    if lines == [""]:
        raise ValueError(f"{path} holds no examples")
    pairs, wrong = [], {}
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            wrong[number] = "is no JSON"
            continue
        if not isinstance(found, dict):
            wrong[number] = "is no object"
        elif bad := [key for key in KEYS if not isinstance(found.get(key), str)]:
            wrong[number] = f"has no text {bad[0]!r}"
        elif not found["completion"]:
            wrong[number] = "has an empty 'completion'"
        else:
            pairs.append(tuple(found[key] for key in KEYS))
    if wrong:
        told = "; ".join(f"line {number} {what}" for number, what in [*wrong.items()][:SHOWN])
        rest = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ValueError(f"{path}: {len(wrong)} of {len(lines)} lines cannot be used: {told}{rest}")
    return pairs


def finetune_chat(model: GPTModel, tokenizer: ChatTokenizer, pairs: Sequence[tuple[str, str]],
                  run: ChatTuning, progress: bool | str = True,
                  after_step: Callable[[int, float], None] | None = None,
                  state: Path | None = None) -> list[float]:
    """Put adapters on the model and train them, in place; return the loss of every step, in nats.

    ``after_step`` and ``state`` are those of ``lib.finetuning.finetune``: a stopped run goes on.

    Raises:
        ValueError: a pair is longer than the context, the model can't be tuned so, or ``state``
            is of another run.
        FloatingPointError: the run diverged.
    """
    examples = chat_examples(tokenizer, pairs, model.config.context_length)
    data = hashlib.sha256(json.dumps(examples).encode()).hexdigest()[:16]
    recipe = {**asdict(run), "examples": data, "base_arrays": fingerprint(model.parameters())}

    def batch_at(step: int) -> tuple[np.ndarray, np.ndarray]:
        return pad(draw_examples(examples, step, run.seed, run.batch))

    def prepare() -> None:
        apply_lora_to_model(model, run.rank, run.alpha, run.target_modules,
                            rng=np.random.default_rng(run.seed))

    return run_steps(model, recipe, batch_at, prepare, run.steps, run.learning_rate, progress,
                     after_step, state)
