"""The laboratory: declared groups of fine-tuning runs, each run one line of a results file."""

from __future__ import annotations

import itertools
import json
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info
from tqdm.auto import tqdm

from lib.adapters import merged_copy
from lib.corpus import documents, facts
from lib.corpus.tasks import TASKS, load_task
from lib.evaluation import fact_recall, mean_loss, stream_batches
from lib.finetuning import FineTuning, finetune, sample_questions, task_scores
from lib.generation import complete
from lib.lora import IN_BLOCK, TARGETS
from lib.model import GPTModel
from lib.pretraining import Recipe, base_path, load_base, pretrain, token_stream
from lib.training import trainable_count

RESULTS = Path(__file__).parent / "laboratory.jsonl"
HISTORIES = RESULTS.with_name("pretraining.json")

RANKS, ALPHAS = (1, 2, 4, 8, 16, 32), (2.0, 4.0, 8.0, 16.0, 32.0)
LINEAR = tuple(IN_BLOCK)
FULL_RATES, LORA_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
#: Places to adapt, and the rank at which each costs as much as all six matrices at rank 4.
PLACES = {("query",): 36, ("value",): 36, ("query", "value"): 18, ("query", "key", "value"): 12,
          ("query", "key", "value", "output"): 9, ("ffn_up", "ffn_down"): 7, LINEAR: 4,
          ("token_embedding", "output_projection"): 16, TARGETS: 3}
#: After these steps, and at the end, a run is measured: its curve.
MEASURED = (10, 30, 75, 150)
#: What a result should not depend on: runs that differ in these alone are repetitions.
LUCK = ("seed", "split", "base")

Line = dict[str, Any]


def runs(**choices: Iterable[Any]) -> list[FineTuning]:
    """Every combination of the choices, each with the countries and texts of its seed's split."""
    sets = (dict(zip(choices, each, strict=True)) for each in itertools.product(*choices.values()))
    return [FineTuning(**{"split": values.get("seed", 0), **values}) for values in sets]


def _ranks() -> list[FineTuning]:
    """Rank at alpha 16, at alpha 2r and with alpha/sqrt(r): one factor, 2, at rank 8."""
    rules = {"alpha/r": (lambda rank: 16.0, lambda rank: 2.0 * rank),
             "alpha/sqrt(r)": (lambda rank: round(2 * 8**0.5, 4),)}
    return [run for rank in (*RANKS, 64) for rule, alphas in rules.items() for alpha in alphas
            for run in runs(rank=[rank], alpha=[alpha(rank)], rule=[rule], target_modules=[LINEAR],
                            learning_rate=(1e-3, 3e-3, 1e-2, 3e-2), seed=range(3))]


def _sizes() -> list[FineTuning]:
    """Few or many examples, little or much rank, on a task of form and on one of new facts."""
    return [run for task, sizes, steps in (("qa", (48, 192, None), 300),
                                           ("elements", (100, 400, None), 150))
            for method, rates, ranks in (("full", (3e-4, 1e-3), (4,)),
                                         ("lora", (3e-3, 1e-2), (1, 4, 64)))
            for rank in ranks
            for run in runs(task=[task], examples=sizes, steps=[steps], method=[method],
                            rank=[rank], alpha=[2.0 * rank], target_modules=[LINEAR],
                            learning_rate=rates, seed=range(3))]


def _declare() -> dict[str, list[FineTuning]]:
    """The groups: each answers one question, and what is not named in it is held fixed."""
    steps = {task: 300 if task in ("qa", "instructions") else 150 for task in TASKS}
    usual = {"rank": [8], "alpha": [16.0], "target_modules": [LINEAR]}
    rates = [run for task in TASKS for method, each in (("full", FULL_RATES), ("lora", LORA_RATES))
             for run in runs(task=[task], method=[method], steps=[steps[task]], learning_rate=each,
                             seed=range(5), **usual)]
    replay = runs(task=["recipes"], method=["full"], steps=[150], learning_rate=[1e-3],
                  replay=(0.0, 0.125, 0.25, 0.5), seed=range(5), **usual)
    places = [run for place, rank in PLACES.items() for r in (8, rank)
              for run in runs(rank=[r], alpha=[2.0 * r], target_modules=[place],
                              learning_rate=(3e-3, 1e-2), seed=range(3))]
    bases = [run for task in ("qa", "recipes")
             for method, rate in (("full", 3e-4), ("lora", 3e-3))
             for run in runs(task=[task], method=[method], steps=[steps[task]],
                             learning_rate=[rate], base=range(3), **usual)]
    rank_alpha = runs(rank=RANKS, alpha=ALPHAS, steps=[150], seed=range(3), split=[0])
    return {"rates": rates, "replay": replay, "ranks": _ranks(), "places": places,
            "sizes": _sizes(), "rank_alpha": rank_alpha, "bases": bases}


#: Every group by its name; a run may be in several, and is done once.
GROUPS = _declare()


@cache
def held_out(base: int) -> np.ndarray:
    """The text that the base model of a seed never read: (tokens,)."""
    texts = documents(Recipe.held_out, np.random.default_rng([base, 1]))
    return token_stream(load_base(base_path(base))[1], texts)


def distance(base: GPTModel, model: GPTModel) -> float:
    """How far a model moved: the norm of its change over the norm of the base."""
    old, new = base.parameters(), merged_copy(model).parameters()
    change, size = (sum(float(np.vdot(a, a)) for a in arrays)
                    for arrays in ([new[name] - old[name] for name in old], old.values()))
    return (change / size) ** 0.5


def perform(run: FineTuning) -> Line:
    """Do one run and measure it; a run is decided by its line, and can be made again at any time.

    Returns the run's settings; ``answers`` (a share) and ``loss`` (nats) on test, ``dev_answers``
    and ``dev_loss`` on dev; ``facts`` kept (a share), ``pretraining`` loss (nats), ``moved``
    (relative norm of the change), ``curve``: [step, training loss since the last one, dev loss,
    dev answers or None, facts kept, how it goes on after "The capital of France is"],
    ``seconds`` of processor time, ``versions``.
    """
    started = time.process_time()
    base, tokenizer = load_base(base_path(run.base))
    model, data = base.copy(), load_task(run.task, run.split, run.split)
    losses: list[float] = []
    curve: list[list[Any]] = []

    def after_step(step: int, loss: float) -> None:
        losses.append(loss)
        if step + 1 in (*MEASURED, run.steps):
            found = task_scores(model, tokenizer, data, "dev")
            since = losses[curve[-1][0] if curve else 0:]
            curve.append([step + 1, _short(sum(since) / len(since)), _short(found["loss"]),
                          _short(found.get("answers")),
                          _short(fact_recall(model, tokenizer, facts())),
                          complete(model, tokenizer, "The capital of France is", 8)])

    finetune(model, tokenizer, run, progress=False, after_step=after_step)
    test = task_scores(model, tokenizer, data)
    found = {**test, "dev_loss": curve[-1][2], "dev_answers": curve[-1][3], "facts": curve[-1][4],
             "pretraining": mean_loss(model, stream_batches(held_out(run.base))),
             "moved": distance(base, model)}
    kernel = next((each.get("architecture") for each in threadpool_info()), None)
    return {"run": asdict(run), "parameters": trainable_count(model),
            **{name: _short(value) for name, value in found.items()}, "curve": curve,
            "samples": {question.prompt: complete(model, tokenizer, question.prompt, 16)
                        for question in sample_questions(data, 3)},
            "seconds": round(time.process_time() - started, 1),
            "versions": f"Python {platform.python_version()} NumPy {np.__version__} {kernel}"}


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def load_results(group: str, path: Path = RESULTS) -> list[Line]:
    """The recorded lines of a group, in its order; raises ValueError on an unknown group."""
    wanted, found = group_runs([group]), _read(path)
    return [found[run] for run in wanted if run in found]


def at_best_rate(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each setting at the learning rate that does best on dev, averaged over seeds.

    Settings differ in anything but the learning rate and ``LUCK``.  Best is the highest share of
    dev answers, or the lowest dev loss where there are none.
    """
    def gather(lines: Iterable[Line], without: Sequence[str]) -> list[list[Line]]:
        sets: dict[str, list[Line]] = {}
        for line in lines:
            kept = [each for each in line["run"].items() if each[0] not in without]
            sets.setdefault(json.dumps(kept), []).append(line)
        return list(sets.values())

    def quality(lines: list[Line]) -> float:
        return float(np.mean([-line["dev_loss"] if line["dev_answers"] is None
                              else line["dev_answers"] for line in lines]))

    return [max(gather(same, LUCK), key=quality)
            for same in gather(lines, (*LUCK, "learning_rate"))]


def group_runs(groups: Sequence[str]) -> list[FineTuning]:
    """All runs of the groups, each once; raises ValueError on an unknown group."""
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"unknown group {group!r}: allowed are {', '.join(GROUPS)}")
    return list(dict.fromkeys(run for group in groups for run in GROUPS[group]))


def run_groups(groups: Sequence[str], path: Path = RESULTS, jobs: int = 2) -> Path:
    """Do all runs of the groups that the results file lacks; return the file.

    Lines are added as runs end, so that what was stopped goes on where it was; at the end the
    file is put in the order of the groups, and lines of no group come last.  Raises ValueError,
    with nothing written, on an unknown group, no jobs, or a file of something else.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, it must be at least 1")
    wanted = group_runs(groups)
    done = _put_in_order(path)
    missing = [run for run in wanted if run not in done]
    for seed in sorted({run.base for run in missing}):
        if not base_path(seed).exists():
            base_path(seed).parent.mkdir(parents=True, exist_ok=True)
            pretrain(base_path(seed), Recipe(seed=seed), jobs)
    finished = Parallel(jobs, return_as="generator")(delayed(perform)(run) for run in missing)
    for line in tqdm(finished, total=len(wanted), initial=len(wanted) - len(missing),
                     desc="laboratory", unit="run"):
        with path.open("a") as file:
            file.write(_compact(line) + "\n")
    _put_in_order(path)
    return path


def _put_in_order(path: Path) -> dict[FineTuning, Line]:
    """Rewrite a results file: whole lines, those of declared runs in their order; return them."""
    found = _read(path)
    order = dict.fromkeys((*group_runs(tuple(GROUPS)), *found))
    draft = path.with_suffix(".part")
    draft.write_text("".join(_compact(found[run]) + "\n" for run in order if run in found))
    draft.replace(path)
    return found


def _read(path: Path) -> dict[FineTuning, Line]:
    """The lines of a results file by run, with every setting; a line cut short is left out."""
    found = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:  # the run before was stopped while it wrote
            continue
        try:
            run = FineTuning(**{name: tuple(value) if isinstance(value, list) else value
                                for name, value in line["run"].items()})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} holds a line that is no run: {text[:60]}") from error
        found[run] = line | {"run": asdict(run)}
    return found


def _compact(line: Line) -> str:
    """A line as it is stored: without the settings that are the usual ones."""
    usual = asdict(FineTuning(method=line["run"]["method"]))
    run = {name: value for name, value in line["run"].items()
           if name in ("method", "learning_rate") or value != usual[name]}
    return json.dumps(line | {"run": run}, separators=(",", ":"))


def load_histories() -> dict[int, dict[str, Any]]:
    """What the pre-training of several seeds noted, by seed: ``losses`` (of every 10th step) and
    ``history``.
    """
    return {int(seed): found for seed, found in json.loads(HISTORIES.read_text()).items()}
