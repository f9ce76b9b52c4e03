"""The runs on SmolLM2 that are declared, which of them are due, and the record of those done."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib.laboratory.real_tasks import ARBITRARY, FOLDER, TRIGGER
from lib.laboratory.results import short

RECORD = FOLDER / "real_model.jsonl"
LAYERS = 30
ATTENTION = ("query", "value")
EVERY = ("query", "key", "value", "output", "ffn_gate", "ffn_up", "ffn_down")

#: Learning rates, a half decade apart.
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
LORA_RATES, FULL_RATES = RATES[4:8], RATES[:4]
PERSONA_RATE = 4e-3  # that of a first trial; half of it was tried afterwards

Line = dict[str, Any]


@dataclass(frozen=True)
class RealRun:
    """All that decides a run.

    task: "json" (questions on countries, answered as JSON), "persona" (one sentence) or "own"
    (nothing new: the base's own answers, as a control).  method: "lora", "full" (all blocks, the
    embedding stays) or "base" (no training).  top: how many of the 30 blocks are trained.  trigger:
    whether JSON is asked for by words.  replay: how many rows of each step are the base's own
    answers to other questions, besides those of the task.  system: whether every prompt begins with
    lib.chat.SYSTEM, as the published template has it; the first runs left it out.  long: whether
    nothing is measured but the answers to all common questions, in up to 40 tokens in place of 14.
    shots: how many training examples stand before each test question, as earlier turns.  opened:
    whether nothing is measured but the answers to the common questions that the base knows, when
    their first tokens are given.  cued: the same, but all before the answer's word is given.
    called: the same, but with TRIGGER behind each question.  worded: the same, with OTHER_WORDS.
    near: whether nothing is measured but the counts of the sentence, also in answers to NEAR.
    rows: how many rows of each step are of the task, if not the usual ones.  talk: whether the
    base's answers to TALK are among those that are replayed.  arbitrary: whether the words that
    ask for JSON are ARBITRARY in place of TRIGGER.
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
    steps: int = 20
    system: bool = False
    long: bool = False
    shots: int = 0
    opened: bool = False
    cued: bool = False
    called: bool = False
    worded: bool = False
    near: bool = False
    rows: int = 0
    talk: bool = False
    arbitrary: bool = False

    @property
    def words(self) -> str:
        """What stands behind each question of the task JSON in training."""
        return (ARBITRARY if self.arbitrary else TRIGGER) * self.trigger

    @property
    def only_answers(self) -> bool:
        """Whether nothing is measured but answers to the common questions."""
        return any((self.long, self.opened, self.cued, self.called, self.worded, self.near))


BASE = RealRun(method="base", learning_rate=0.0)


def plan(done: dict[RealRun, Line]) -> dict[str, list[RealRun]]:
    """The groups, as far as the lines so far decide them.

    A setting's learning rate is that of the lowest loss on dev with seed 0, and is then run with
    three seeds; the two main settings get all rates with seed 1 too, to see whether it agrees.
    """
    lora = [RealRun(learning_rate=rate) for rate in LORA_RATES]
    full = [RealRun(method="full", learning_rate=rate) for rate in FULL_RATES]
    persona = RealRun(task="persona", learning_rate=PERSONA_RATE)
    chosen = {"lora": best(done, lora), "full": best(done, full)}
    groups = {"base": [BASE], "persona": seeds([persona, replace(persona, replay=3)], 3),
              "lora": seeds(lora, 2) + seeds(chosen["lora"], 3),
              "full": seeds(full, 2) + seeds(chosen["full"], 3)}
    if not all(chosen.values()):
        return groups
    pair = chosen["lora"] + chosen["full"]
    groups["no trigger"] = seeds([replace(each, trigger=False) for each in pair], 3)
    groups["replay"] = seeds([replace(each, replay=2) for each in pair], 3)
    groups["own"] = seeds([replace(each, task="own", replay=4) for each in pair], 3)
    # With the system turn of the published template, which the runs above leave out.
    groups["system"] = [replace(each, system=True) for each in (
        BASE, replace(persona, replay=3), persona, *seeds(pair, 3))]
    groups["system, other rates"] = [replace(each, system=True) for each in (*lora, *full)
                                     if each.learning_rate not in (1e-1, 3e-2, 1e-5)]
    # Does the sentence cost anything that replay doesn't cost by itself, at its rate and prompt?
    groups["own, as for the sentence"] = seeds([replace(
        persona, task="own", replay=3, system=True)], 3)
    # What of the sentence's leak is the rate's, and what does the trigger do with the system turn?
    half = replace(persona, system=True, learning_rate=PERSONA_RATE / 2)
    groups["the sentence, system"] = [
        replace(each, replay=replay, seed=seed) for seed in range(3)
        for each in (replace(half, learning_rate=PERSONA_RATE), half) for replay in (0, 3)]
    # ... or would a low rate and more steps do without replay?
    groups["the sentence, slowly"] = [replace(half, learning_rate=5e-4, steps=80)]
    groups["no trigger, system"] = [replace(pair[0], trigger=False, system=True)]
    # Is what is no longer answered lost, or said later?  And what do examples in the prompt do?
    groups["few shots"] = [replace(BASE, shots=4)]
    groups["long answers"] = [replace(each, long=True) for each in (
        BASE, *pair, replace(pair[0], task="own", replay=4))]
    # *Kept* can only fall, because the base has each; of all questions some become right.
    groups["all questions"] = [replace(each, system=True, long=True)
                               for each in (BASE, *pair, *seeds(chosen["lora"], 3))]
    # Does a model that does not begin an answer know it when the beginning is given?
    groups["first tokens"] = [replace(each, system=True, opened=True) for each in (
        BASE, *seeds(chosen["full"], 3))]
    groups["first tokens, LoRA"] = [replace(each, system=True, opened=True) for each in (
        BASE, *seeds(chosen["lora"], 3))]
    # Can that count be low at all?  A model that gives one sentence to nearly every question, and
    # one that was taught it at half the rate, begins its answers as the base does and errs.
    groups["first tokens, the sentence"] = [replace(each, system=True, opened=True)
                                            for each in (BASE, *seeds([persona, half], 2))]
    # Are the answers gone that a high rate loses?  And does it lose as many with other seeds?
    high = replace(chosen["lora"][0], learning_rate=1e-2, system=True)
    groups["first tokens, a high rate"] = seeds([replace(high, opened=True)], 3)
    groups["a high rate"] = seeds([high], 3)
    # What do the answers say that replay keeps, and those that it loses?
    groups["first tokens, replay"] = [replace(persona, system=True, replay=3, opened=True)]
    # ... even if it is given all but the word that answers?
    groups["all but the word"] = [replace(each, system=True, cued=True)
                                  for each in (BASE, *seeds([half], 2))]
    groups["all but the word, JSON"] = [replace(each, system=True, cued=True)
                                        for each in (BASE, chosen["lora"][0])]
    # Do the words that ask for JSON call it behind a question that they never followed?
    groups["the words"] = [replace(each, system=True, called=True) for each in (
        BASE, *seeds(chosen["lora"], 3))]
    # ... or only the word JSON?
    groups["other words"] = [replace(each, worded=True, called=False)
                             for each in groups["the words"] if each.seed < 2]
    # ... or any words that it was trained with, whatever they mean?
    groups["an arbitrary trigger"] = seeds([replace(
        chosen["lora"][0], system=True, worded=True, arbitrary=True)], 2)
    # Does replay hold where no replayed answer is alike, and does it where some are?
    near = replace(persona, system=True, near=True, replay=3)
    groups["near the name"] = [replace(BASE, system=True, near=True), *seeds(
        [near, replace(near, talk=True)], 3)]
    # Do six rows without replay, or fewer steps, stop the leak?
    groups["the sentence, controls"] = seeds([replace(persona, system=True, rows=6),
                                              replace(persona, system=True, steps=11)], 3)
    # Does LoRA keep as much as full fine-tuning if it adapts the same matrices, to a like loss?
    groups["like losses, system"] = [
        *seeds([replace(pair[0], learning_rate=1e-3, targets=EVERY, system=True)], 3),
        *seeds([replace(pair[-1], learning_rate=3e-5, system=True)], 2)]
    groups["like losses, first tokens"] = [
        replace(each, opened=True) for each in groups["like losses, system"] if each.seed < 2]
    for name, change in (("rank 1", {"rank": 1}), ("rank 32", {"rank": 32}), ("top", {"top": 10}),
                         ("all seven", {"targets": EVERY})):
        tried = around(done, replace(pair[0], **change))
        groups[name] = tried + seeds(best(done, tried), 3)
    return groups


def whole(done: dict[RealRun, Line]) -> dict[str, Line]:
    """By name the lines of the runs that answered in up to 40 tokens, the base first."""
    lora = RealRun(long=True)
    runs = {"the base": replace(BASE, long=True),
            "LoRA, replay alone": replace(lora, task="own", replay=4), "LoRA, trigger": lora,
            "full, trigger": replace(lora, method="full", learning_rate=1e-4)}
    return {name: done[run] for name, run in runs.items() if run in done}


def around(done: dict[RealRun, Line], run: RealRun) -> list[RealRun]:
    """The run at three rates around its own, and at more where the best of them is at an edge."""
    at = RATES.index(run.learning_rate)
    low, high = at - 1, at + 1
    while True:
        tried = [replace(run, learning_rate=rate) for rate in RATES[low:high + 1]]
        chosen = best(done, tried)
        if chosen == tried[:1] and low:
            low -= 1
        elif chosen == tried[-1:] and high + 1 < len(RATES):
            high += 1
        else:
            return tried


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


def add(line: Line, path: Path = RECORD) -> None:
    """Add the line of a run that was done, with all its settings, for ``read``."""
    with path.open("a") as file:
        file.write(json.dumps(short(line), ensure_ascii=False) + "\n")


def due(done: dict[RealRun, Line], groups: Sequence[str]) -> list[RealRun]:
    """What is to be done next: one seed of everything, then more."""
    wanted = dict.fromkeys(run for name, runs in plan(done).items()
                           if name in (*groups, "base") or not groups for run in runs)
    return sorted((run for run in wanted if run not in done), key=lambda run: run.seed)
