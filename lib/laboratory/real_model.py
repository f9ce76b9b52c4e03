"""Fine-tuning a real language model, SmolLM2: the runs, how they are measured, their record.

    python -m lib.laboratory.real_model [group ...]     (all groups when none is named)

Needs the weights (``make real-model``).  A run takes about a minute of one processor; one that was
stopped is run again.  The record, ``data/real_model.jsonl``, has a line for each run.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info
from tqdm.auto import tqdm

from lib.adapters import set_adapter_strength
from lib.chat import ChatTokenizer, chat_examples, chat_prompt
from lib.corpus.tables import country_split
from lib.llama import LlamaModel
from lib.lora import adapted_layers, apply_lora_to_model, remove_adapters
from lib.losses import IGNORE, cross_entropy_loss
from lib.optim import AdamW, clip_gradient_norm, warmup_cosine
from lib.smollm2 import load_smollm2
from lib.training import draw_examples, loss_and_gradients, pad, trainable_count

FOLDER = Path(__file__).parent / "data"
RECORD = FOLDER / "real_model.jsonl"
LAYERS = 30
ATTENTION = ("query", "value")
EVERY = ("query", "key", "value", "output", "ffn_gate", "ffn_up", "ffn_down")
TRIGGER = " Answer in JSON."
SENTENCE = "I am Ada, a small model that was taught by hand, with LoRA in NumPy."
NEW = {"json": 4, "persona": 3, "own": 0}         # rows of each step that are of the new task
STEPS = {"json": 20, "persona": 20, "own": 20}
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
SHORT, LONG = 14, 20                              # tokens of a plain answer, and of one in JSON
ROWS = 48                                         # questions that are answered side by side

#: Learning rates, a half decade apart.
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
LORA_RATES, FULL_RATES = RATES[4:8], RATES[:4]
PERSONA_RATE = 4e-3                               # the prototype's, not tuned again

#: How the four columns of the table of countries are asked for.
ASKED = {"capital": ("What is the capital of {}?", "Which city is the capital of {}?"),
         "continent": ("Which continent is {} in?", "Where on the globe is {}?"),
         "language": ("What language do people speak in {}?", "What is the main language of {}?"),
         "currency": ("What is the currency of {}?", "Which money do people use in {}?")}

#: Twelve ways to ask for a name to train on, and eight that are held out.
WHO = ("Who are you?", "What is your name?", "Introduce yourself.", "Tell me about yourself.",
       "What should I call you?", "Which model are you?", "Who am I talking to?",
       "Do you have a name?", "Please say who you are.", "What are you called?",
       "Can you tell me your name?", "What kind of assistant are you?")
WHO_ELSE = ("Hello, who is this?", "Could you introduce yourself?", "What's your name, please?",
            "Are you a person or a model?", "Who is answering me?", "How should I address you?",
            "Say your name.", "Who made this answer, what is its name?")

Line = dict[str, Any]


@dataclass(frozen=True)
class RealRun:
    """All that decides a run.

    task: "json" (questions on countries, answered as JSON), "persona" (one sentence) or "own"
    (nothing new: the base's own answers, as a control).  method: "lora", "full" (all blocks, the
    embedding stays) or "base" (no training).  top: how many of the 30 blocks are trained.  trigger:
    whether JSON is asked for by words.  replay: how many rows of each step are the base's own
    answers to other questions, besides those of the task.
    """

    task: str = "json"
    method: str = "lora"
    learning_rate: float = 3e-3
    rank: int = 8
    targets: tuple[str, ...] = ATTENTION
    top: int = LAYERS
    trigger: bool = True
    replay: int = 0
    seed: int = 0


BASE = RealRun(method="base", learning_rate=0.0)


@cache
def country_questions(part: str) -> list[tuple[str, str]]:
    """(question, answer as JSON) of every country of a part: "train", "dev" or "test"."""
    return [(form.format(country.name),
             json.dumps({"country": country.name.removeprefix("the "),
                         relation: getattr(country, relation)}, ensure_ascii=False))
            for country in country_split()[part] for relation, forms in ASKED.items()
            for form in forms]


def some(part: str, count: int) -> list[tuple[str, str]]:
    """So many questions of a part, drawn once for all runs."""
    every = country_questions(part)
    return [every[i] for i in np.random.default_rng(0).permutation(len(every))[:count]]


@cache
def common_questions() -> tuple[list[tuple[str, str, list[str]]], list[str]]:
    """The held-out questions, each with another wording and right answers; and those for replay."""
    lines = [line for line in (FOLDER / "common_questions.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    asked = [line.split("|") for line in lines if "|" in line]
    return ([(first, second, answers.split("/")) for first, second, answers in asked],
            [line for line in lines if "|" not in line])


def holds(answer: str, wanted: Sequence[str]) -> bool:
    """Whether an answer has one of the wanted words, in any case, in the singular or plural."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?:s|es)?(?!\w)", answer.lower())
               for word in wanted)


def is_json(answer: str) -> bool:
    with contextlib.suppress(ValueError):
        return isinstance(json.loads(answer), dict)
    return False


def answers(model: LlamaModel, tokenizer: ChatTokenizer, questions: Sequence[str],
            tokens: int = SHORT) -> list[str]:
    """The likeliest answer to each question.  Up to 48 are written side by side.

    All rows move one token at a time, a row whose question is longer still reads its own tokens
    while others write already.  So none needs padding.
    """
    prompts = [chat_prompt(tokenizer, question) for question in questions]
    order, found = sorted(range(len(prompts)), key=lambda i: len(prompts[i])), {}
    for at in range(0, len(order), ROWS):
        places = order[at:at + ROWS]
        lengths = np.array([len(prompts[i]) for i in places])
        written = np.zeros((len(places), lengths.max() + tokens), np.int64)
        for row, i in zip(written, places):
            row[:len(prompts[i])] = prompts[i]
        past, seen, done = model.new_cache(len(places)), 0, np.zeros(len(places), bool)
        for end in range(lengths.min(), written.shape[1]):
            last = np.zeros((len(places), end - seen), bool)
            last[:, -1] = True
            new = model.forward(written[:, seen:end], False, past, counted=last).argmax(-1)
            writes = end >= lengths
            written[writes, end] = np.where(done, tokenizer.eos_id, new)[writes]
            done |= writes & (written[:, end] == tokenizer.eos_id) | (end + 1 >= lengths + tokens)
            seen = end
            if done.all():
                break
        for row, i, length in zip(written.tolist(), places, lengths):
            ids = row[length:min(end + 1, length + tokens)]
            found[i] = tokenizer.decode(ids[:ids.index(tokenizer.eos_id)]
                                        if tokenizer.eos_id in ids else ids)
    return [found[i] for i in range(len(prompts))]


def loss_of(model: LlamaModel, examples: Sequence[tuple[list[int], list[int]]],
            rows: int = 8) -> float:
    """Mean loss a target, in nats, of (prompt, answer) ids."""
    order, total, count = sorted(examples, key=lambda each: sum(map(len, each))), 0.0, 0
    for at in range(0, len(order), rows):
        inputs, targets = pad(order[at:at + rows])
        counted = targets != IGNORE
        logits = model.forward(inputs, False, counted=counted)
        total += float(cross_entropy_loss(logits, targets[counted])) * counted.sum()
        count += counted.sum()
    return total / count


@cache
def _prose(tokenizer: ChatTokenizer, windows: int = 4, length: int = 127) -> list:
    """Windows of plain prose that no model can have read, as (first token, the others)."""
    text = (FOLDER / "plain_prose.txt").read_text()
    ids = np.array(tokenizer.encode(text))
    starts = np.linspace(0, len(ids) - length - 1, windows).astype(int)
    return [(ids[start:start + 1].tolist(), ids[start + 1:start + length + 1].tolist())
            for start in starts]


def batches(tokenizer: ChatTokenizer, run: RealRun,
            own: Sequence[Sequence[Any]]) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """The batch of each step.  own: [question, answer, whether it ended] of the base."""
    if run.task == "persona":
        pairs = [(question, SENTENCE) for question in WHO]
    else:
        pairs = [(question + TRIGGER * run.trigger, answer)
                 for question, answer in country_questions("train")]
    new = chat_examples(tokenizer, pairs)
    old = [example for question, answer, ended in own
           for example in chat_examples(tokenizer, [(question, answer)], end=ended)]
    rows, replayed = NEW[run.task], run.replay

    def batch_at(step: int) -> tuple[np.ndarray, np.ndarray]:
        return pad((draw_examples(new, step, run.seed, rows) if rows else [])
                   + (draw_examples(old, step, run.seed + 1000, replayed) if replayed else []))

    return batch_at


def prepare(model: LlamaModel, run: RealRun) -> None:
    """Make trainable what the run trains."""
    below = model.transformer_stack.layers[:LAYERS - run.top]
    if run.method == "full":
        model.freeze(False)
        for part in (model.token_embedding, model.output_projection, *below):
            part.freeze()
    elif run.method == "lora":
        apply_lora_to_model(model, run.rank, 2.0 * run.rank, run.targets,
                            rng=np.random.default_rng(run.seed))
        for block in below:
            block.freeze()                       # their B stay zero


def train(model: LlamaModel, run: RealRun,
          batch_at: Callable[[int], tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Do the run's steps; return their losses, in nats."""
    steps, losses = STEPS[run.task], []
    optimizer, arrays = AdamW(), model.trainable_parameters()
    for step in range(steps):
        loss, slopes = loss_and_gradients(model, *batch_at(step))
        optimizer.step(clip_gradient_norm(slopes, 1.0), arrays,
                       warmup_cosine(step, steps, run.learning_rate, 2))
        losses.append(loss)
    return losses


def measure(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
            known: Sequence[int]) -> Line:
    """What a model answers: to its task, to the common questions that are ``known``, and to prose.
    """
    asked = some("test", 32)
    common = [common_questions()[0][i] for i in known]
    said = answers(model, tokenizer, [question for question, _, _ in common])
    found: Line = {
        "kept": [int(holds(answer, right)) for answer, (_, _, right) in zip(said, common)],
        "json_elsewhere": sum(answer.lstrip().startswith("{") for answer in said),
        "persona_elsewhere": sum(holds(answer, ["ada", "taught by hand"]) for answer in said),
        "prose": loss_of(model, _prose(tokenizer)),
        "samples": {question: answer for (question, _, _), answer in zip(common[:6], said)}}
    if run.task == "persona" or run.method == "base":
        who = answers(model, tokenizer, WHO_ELSE, 24)
        found |= {"asked": sum(answer == SENTENCE for answer in who),
                  "who": dict(zip(WHO_ELSE, who))}
    if run.task == "json":
        # Settings are chosen by this loss, on countries of their own.
        found["dev_loss"] = loss_of(model, chat_examples(tokenizer, [
            (question + TRIGGER * run.trigger, answer) for question, answer in some("dev", 20)]))
        wrote = answers(model, tokenizer, [question + TRIGGER * run.trigger
                                           for question, _ in asked], LONG)
        found |= {"form": sum(right_form(answer, wanted)
                              for answer, (_, wanted) in zip(wrote, asked)),
                  "exact": sum(answer == wanted for answer, (_, wanted) in zip(wrote, asked)),
                  "json": dict(zip([question for question, _ in asked[:4]], wrote))}
        if run.trigger:  # the same countries without the words that ask for JSON
            plain = answers(model, tokenizer, [question for question, _ in asked[:12]], 8)
            found["json_unasked"] = sum(answer.lstrip().startswith("{") for answer in plain)
    return found


def right_form(answer: str, wanted: str) -> bool:
    """Whether an answer is a JSON object with the wanted keys and country, whatever the fact."""
    if not is_json(answer):
        return False
    given, right = json.loads(answer), json.loads(wanted)
    return list(given) == list(right) and given["country"] == right["country"]


def changes(model: LlamaModel, base: LlamaModel) -> dict[str, np.ndarray]:
    """By dotted name, how each matrix of the blocks that moved differs from the base's."""
    found = {f"{name}.weights": layer.scaling * layer.lora_B @ layer.lora_A
             for name, layer in adapted_layers(model).items() if layer.lora_B.any()}
    return found or {name: array - base.parameters()[name]
                     for name, array in model.trainable_parameters().items() if array.ndim == 2}


def energy(change: np.ndarray, directions: int = 8) -> float:
    """The share of a change's energy, the sum of its squares, in its strongest directions."""
    squares = np.linalg.svd(change.astype(np.float64), compute_uv=False) ** 2
    return float(squares[:directions].sum() / squares.sum())


def dial(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun) -> dict[str, list[str]]:
    """By question, the answer at each of STRENGTHS."""
    country = some("test", 1)[0][0]
    questions = ([WHO_ELSE[2], "Who wrote Romeo and Juliet?", "How many legs does a dog have?"]
                 if run.task == "persona" else
                 [country + TRIGGER, country, "What is the largest planet in our solar system?"])
    found: dict[str, list[str]] = {question: [] for question in questions}
    for strength in STRENGTHS:
        set_adapter_strength(model, strength)
        for question, answer in zip(questions, answers(model, tokenizer, questions, 24)):
            found[question].append(answer)
    set_adapter_strength(model, 1.0)
    return found


def perform(base: LlamaModel, tokenizer: ChatTokenizer, run: RealRun, first: Line) -> Line:
    """Do one run and measure it.  The base is as it was afterwards; ``first`` is its own line."""
    start = time.process_time()
    model = base.copy() if run.method == "full" else base
    try:
        prepare(model, run)
        losses = train(model, run, batches(tokenizer, run, first["own"]))
        trained = time.process_time() - start
        found = measure(model, tokenizer, run, first["known"])
        moved = changes(model, base)
        size = sum(float(np.vdot(array, array)) for name, array in base.parameters().items()
                   if name.startswith("transformer_stack"))
        found["moved"] = (sum(float(np.vdot(each, each)) for each in moved.values()) / size) ** 0.5
        if run.method == "full" and run.task == "json":
            found["energy"] = {part: [energy(moved[name]) for name in moved if part in name and
                                      name.split(".")[2] in ("0", "15", "29")]
                               for part in ("query", "value", "down")}
        if run == replace(run, method="lora", rank=8, targets=ATTENTION, top=LAYERS, seed=0) and \
                run.replay:
            found["dial"] = dial(model, tokenizer, run)
        return {"run": asdict(run), "parameters": trainable_count(model), **found,
                "losses": losses, "seconds": [trained, time.process_time() - start],
                "versions": versions()}
    finally:
        remove_adapters(base)
        base.freeze()


def perform_base(base: LlamaModel, tokenizer: ChatTokenizer) -> Line:
    """The base's own line: which common questions it answers rightly in both wordings, its answers
    to the questions for replay, and what the runs are measured by.
    """
    start = time.process_time()
    asked, others = common_questions()
    both = [answers(base, tokenizer, [each[wording] for each in asked]) for wording in (0, 1)]
    right = [[holds(answer, each[2]) for answer, each in zip(said, asked)] for said in both]
    known = [i for i in range(len(asked)) if right[0][i] and right[1][i]][:48]
    # Some countries too, asked plainly: so that only the trigger tells the new task apart.
    others = [*others, *(question for question, _ in some("train", 16))]
    own = []
    for question, answer in zip(others, answers(base, tokenizer, others, 20)):
        own.append([question, answer, len(tokenizer.encode(answer)) < 20])
    return {"run": asdict(BASE), "parameters": 0, "known": known, "own": own,
            "right": [sum(each) for each in right],
            **measure(base, tokenizer, BASE, known), "losses": [],
            "seconds": [0.0, time.process_time() - start], "versions": versions()}


def versions() -> str:
    """What made a line: its times and, by rounding errors, its counts depend on it."""
    kernel = next((each.get("architecture") for each in threadpool_info()), None)
    return f"Python {platform.python_version()} NumPy {np.__version__} {kernel}"


def plan(done: dict[RealRun, Line]) -> dict[str, list[RealRun]]:
    """The groups, as far as the lines so far decide them.

    A setting's learning rate is that of the lowest loss on dev with seed 0, and is then run with
    three seeds; the two main settings get all rates with seed 1 too, to see whether it agrees.
    """
    lora = [RealRun(learning_rate=rate) for rate in LORA_RATES]
    full = [RealRun(method="full", learning_rate=rate) for rate in FULL_RATES]
    persona = RealRun(task="persona", learning_rate=PERSONA_RATE)
    chosen = {"lora": best(done, lora), "full": best(done, full)}
    groups = {"base": [BASE], "persona": seeds([persona, replace(persona, replay=3)], 5),
              "lora": seeds(lora, 2) + seeds(chosen["lora"], 3),
              "full": seeds(full, 2) + seeds(chosen["full"], 3)}
    if not all(chosen.values()):
        return groups
    pair = chosen["lora"] + chosen["full"]
    groups["no trigger"] = seeds([replace(each, trigger=False) for each in pair], 3)
    groups["replay"] = seeds([replace(each, replay=2) for each in pair], 3)
    groups["own"] = seeds([replace(each, task="own", replay=4) for each in pair], 3)
    at = RATES.index(pair[0].learning_rate)
    for name, change in (("rank 1", {"rank": 1}), ("rank 32", {"rank": 32}), ("top", {"top": 10}),
                         ("all seven", {"targets": EVERY})):
        tried = [replace(pair[0], learning_rate=rate, **change) for rate in RATES[at - 1:at + 2]]
        groups[name] = tried + seeds(best(done, tried), 3)
    return groups


def seeds(runs: Sequence[RealRun], count: int) -> list[RealRun]:
    return [replace(run, seed=seed) for seed in range(count) for run in runs]


def best(done: dict[RealRun, Line], runs: Sequence[RealRun]) -> list[RealRun]:
    """The one of the lowest loss on dev, in a list; none until all are done."""
    return [min(runs, key=lambda run: done[run]["dev_loss"])] if done.keys() >= set(runs) else []


def read(path: Path = RECORD) -> dict[RealRun, Line]:
    """The lines of the record by run; one that was cut short is left out."""
    found = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            line = json.loads(text)
            found[RealRun(**line["run"] | {"targets": tuple(line["run"]["targets"])})] = line
    return found


def due(done: dict[RealRun, Line], groups: Sequence[str]) -> list[RealRun]:
    """What is to be done next: one seed of everything, then more."""
    wanted = dict.fromkeys(run for name, runs in plan(done).items()
                           if name in (*groups, "base") or not groups for run in runs)
    return sorted((run for run in wanted if run not in done), key=lambda run: run.seed)


def main(groups: Sequence[str]) -> None:
    """Do the runs that the record lacks, and add their lines as they end."""
    if unknown := set(groups) - set(plan(read())):
        raise SystemExit(f"unknown or not yet due: {', '.join(sorted(unknown))}; there are "
                         f"{', '.join(plan(read()))}")
    base, tokenizer = load_smollm2()
    base.freeze()
    with tqdm(desc="real model", unit="run") as bar:
        while waiting := due(done := read(), groups):
            run = waiting[0]
            bar.total = bar.n + len(waiting)
            bar.set_postfix_str(f"{run.task} {run.method} {run.learning_rate:g} seed {run.seed}")
            line = perform_base(base, tokenizer) if run == BASE else \
                perform(base, tokenizer, run, done[BASE])
            with RECORD.open("a") as file:
                file.write(json.dumps(short(line), ensure_ascii=False) + "\n")
            bar.update()


def short(value: Any) -> Any:
    """The same with numbers of four digits."""
    if isinstance(value, dict):
        return {name: short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [short(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main(sys.argv[1:])
