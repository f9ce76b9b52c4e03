"""Fine-tuning a real language model, SmolLM2: the runs are done, measured and recorded.

    python -m lib.laboratory.real_model [group ...]     (all groups when none is named)

Needs the weights (``make real-model``).  A run takes about a minute of one processor; one that was
stopped is run again.  The record, ``data/real_model.jsonl``, has a line for each run.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from lib.adapters import set_adapter_strength
from lib.chat import ChatTokenizer, chat_examples, chat_prompt
from lib.laboratory.real_answers import measure_answers, own_ids, system_of, turned
from lib.laboratory.real_runs import (
    ATTENTION,
    BASE,
    LAYERS,
    Line,
    RealRun,
    add,
    due,
    plan,
    read,
)
from lib.laboratory.real_tasks import (
    LONG,
    SENTENCE,
    SHORT,
    TALK,
    TRIGGER,
    WHO,
    WHO_ELSE,
    answers,
    common_questions,
    country_questions,
    holds,
    loss_of,
    prose,
    right_form,
    some,
    written_ids,
)
from lib.laboratory.results import versions
from lib.llama import LlamaModel
from lib.lora import adapted_layers, apply_lora_to_model, remove_adapters
from lib.optim import AdamW, clip_gradient_norm, warmup_cosine
from lib.smollm2 import load_smollm2
from lib.training import draw_examples, loss_and_gradients, pad, trainable_count

NEW = {"json": 4, "persona": 3, "own": 0}  # rows of each step that are of the new task
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
BETWEEN = (0.25, 0.5, 0.55, 0.6, 0.65, 0.75)  # of which the known questions are counted, too


def batches(tokenizer: ChatTokenizer, run: RealRun,
            own: Sequence[Sequence[Any]]) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """The batch of each step.  own: [question, answer, whether it ended] of the base."""
    if run.task == "persona":
        pairs = [(question, SENTENCE) for question in WHO]
    else:
        pairs = [(question + run.words, answer)
                 for question, answer in country_questions("train")]
    new = chat_examples(tokenizer, pairs, system=system_of(run))
    old = [example for question, answer, ended in own for example in
           chat_examples(tokenizer, [(question, answer)], system=system_of(run), end=ended)]
    rows, replayed = run.rows or NEW[run.task], run.replay

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
    losses: list[float] = []
    optimizer, arrays = AdamW(), model.trainable_parameters()
    for step in range(run.steps):
        loss, slopes = loss_and_gradients(model, *batch_at(step))
        optimizer.step(clip_gradient_norm(slopes, 1.0), arrays,
                       warmup_cosine(step, run.steps, run.learning_rate, 2))
        losses.append(loss)
    return losses


def measure(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
            known: Sequence[int]) -> Line:
    """What a model answers: to its task, to the common questions that are ``known``, and to prose.
    """
    def ask(questions: Sequence[str], tokens: int = SHORT) -> list[str]:
        return answers(model, tokenizer, questions, tokens, system_of(run))

    asked = some("test", 32)
    common = [common_questions()[0][i] for i in known]
    said = ask([question for question, _, _ in common])
    found: Line = {
        "kept": [int(holds(answer, right)) for answer, (_, _, right) in zip(said, common)],
        "json_elsewhere": sum(answer.lstrip().startswith("{") for answer in said),
        "persona_elsewhere": sum(holds(answer, ["ada", "taught by hand"]) for answer in said),
        "prose": loss_of(model, prose(tokenizer)),
        "samples": {question: answer for (question, _, _), answer in zip(common[:6], said)}}
    if run.method == "base":
        facts = ask([question for question, _ in asked], LONG)
        found["facts"] = sum(holds(answer, [str(list(json.loads(wanted).values())[1]).lower()])
                             for answer, (_, wanted) in zip(facts, asked))
    if run.task == "persona" or run.method == "base":
        who = ask(WHO_ELSE, 24)
        if run.system and run.replay:  # and in prompts that it was not trained on
            found["asked_bare"] = answers(model, tokenizer, WHO_ELSE, 24, None).count(SENTENCE)
        found |= {"asked": sum(answer == SENTENCE for answer in who),
                  "who": dict(zip(WHO_ELSE, who))}
    if run.task == "json":
        # Settings are chosen by this loss, on countries of their own.
        found["dev_loss"] = loss_of(model, chat_examples(tokenizer, [
            (question + run.words, answer)
            for question, answer in some("dev", 20)], system=system_of(run)))
        wrote = ask([question + run.words for question, _ in asked], LONG)
        found |= {"form": sum(right_form(answer, wanted)
                              for answer, (_, wanted) in zip(wrote, asked)),
                  "exact": sum(answer == wanted for answer, (_, wanted) in zip(wrote, asked)),
                  "json": dict(zip([question for question, _ in asked[:4]], wrote))}
        if run.trigger:  # the same countries without the words that ask for JSON
            plain = ask([question for question, _ in asked[:12]], 8)
            found["json_unasked"] = sum(answer.lstrip().startswith("{") for answer in plain)
    return found


def measure_shots(model: LlamaModel, tokenizer: ChatTokenizer, run: RealRun) -> Line:
    """The task of JSON without any training: examples of training countries, one for each kind of
    fact, stand before each question as earlier turns.
    """
    examples = {list(json.loads(answer))[1]: (question, answer)
                for question, answer in reversed(some("train", 64))}
    shown = list(examples.values())[:run.shots]
    asked, before = some("test", 32), []
    for example in chat_examples(tokenizer, [(question + run.words, answer)
                                             for question, answer in shown],
                                 system=system_of(run)):
        before += [*example[0], *example[1], *tokenizer.encode("\n")]
    prompts = [before + chat_prompt(tokenizer, question + run.words, None)
               for question, _ in asked]
    wrote = [tokenizer.decode(each)
             for each in written_ids(model, prompts, LONG, tokenizer.eos_id)]
    return {"form": sum(right_form(answer, wanted) for answer, (_, wanted) in zip(wrote, asked)),
            "exact": sum(answer == wanted for answer, (_, wanted) in zip(wrote, asked)),
            "shown": shown, "prompt": [min(map(len, prompts)), max(map(len, prompts))],
            "json": dict(zip([question for question, _ in asked[:4]], wrote))}


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
        for question, answer in zip(questions, answers(model, tokenizer, questions, 24,
                                                      system_of(run))):
            found[question].append(answer)
    set_adapter_strength(model, 1.0)
    return found


def own_answers(base: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                questions: Sequence[str]) -> list[list[Any]]:
    """[question, answer, whether it ended] of the base, in up to 20 tokens, for replay."""
    said = answers(base, tokenizer, questions, 20, system_of(run))
    return [[question, answer, len(tokenizer.encode(answer)) < 20]
            for question, answer in zip(questions, said)]


def perform(base: LlamaModel, tokenizer: ChatTokenizer, run: RealRun, first: Line) -> Line:
    """Do one run and measure it.  The base is as it was afterwards; ``first`` is its own line."""
    model = base.copy() if run.method == "full" else base
    own = own_ids(base, tokenizer, run, first["known"]) if run.opened or run.cued else []
    talk = own_answers(base, tokenizer, run, TALK) if run.talk else []
    start = time.process_time()
    try:
        prepare(model, run)
        losses = train(model, run, batches(tokenizer, run, [*first["own"], *talk]))
        trained = time.process_time() - start
        if run.only_answers:
            found = measure_answers(model, tokenizer, run, first["known"], own)
        else:
            found = measure(model, tokenizer, run, first["known"])
        moved = changes(model, base)
        size = sum(float(np.vdot(array, array)) for name, array in base.parameters().items()
                   if name.startswith("transformer_stack"))
        found["moved"] = (sum(float(np.vdot(each, each)) for each in moved.values()) / size) ** 0.5
        if run.method == "full" and run.task == "json" and not run.only_answers:
            found["energy"] = {part: [energy(moved[name]) for name in moved if part in name and
                                      name.split(".")[2] in ("0", "15", "29")]
                               for part in ("query", "value", "down")}
        usual = replace(run, method="lora", rank=8, targets=ATTENTION, top=LAYERS, seed=0,
                        steps=RealRun.steps, rows=0)
        if run == usual and (run.replay or run.system) and run.task != "own" \
                and not run.only_answers:
            found["dial"] = dial(model, tokenizer, run)
            if run.task == "persona" and run.system and not run.replay:
                found["turned"] = turned(model, tokenizer, run, first["known"], BETWEEN)
        return {"run": asdict(run), "parameters": trainable_count(model), **found,
                "losses": losses, "seconds": [trained, time.process_time() - start],
                "versions": versions()}
    finally:
        remove_adapters(base)
        base.freeze()


def perform_base(base: LlamaModel, tokenizer: ChatTokenizer, run: RealRun,
                 known: Sequence[int] = ()) -> Line:
    """The base's own line: which common questions it answers rightly in both wordings, its answers
    to the questions for replay, and what the runs are measured by.  known: those questions where
    they are found already, for a run whose answers are opened.
    """
    start = time.process_time()
    if run.only_answers or run.shots:
        own = own_ids(base, tokenizer, run, known) if run.opened or run.cued else []
        found = measure_answers(base, tokenizer, run, known, own) if run.only_answers else \
            measure_shots(base, tokenizer, run)
        return {"run": asdict(run), "parameters": 0, **found, "losses": [],
                "seconds": [0.0, time.process_time() - start], "versions": versions()}
    asked, others = common_questions()
    system = system_of(run)
    both = [answers(base, tokenizer, [each[wording] for each in asked], system=system)
            for wording in (0, 1)]
    right = [[holds(answer, each[2]) for answer, each in zip(said, asked)] for said in both]
    known = [i for i in range(len(asked)) if right[0][i] and right[1][i]][:48]
    # Some countries too, asked plainly: so that only the trigger tells the new task apart.
    others = [*others, *(question for question, _ in some("train", 16))]
    own = own_answers(base, tokenizer, run, others)
    return {"run": asdict(run), "parameters": 0, "known": known, "own": own,
            "right": [sum(each) for each in right],
            **measure(base, tokenizer, run, known), "losses": [],
            "seconds": [0.0, time.process_time() - start], "versions": versions()}


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
            first = done.get(replace(BASE, system=run.system), {})
            line = perform_base(base, tokenizer, run, first.get("known", ())) \
                if run.method == "base" else perform(base, tokenizer, run, first)
            add(line)
            bar.update()


if __name__ == "__main__":
    main(sys.argv[1:])
