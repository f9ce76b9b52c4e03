"""Fine-tuning runs done and measured, one by one or by groups."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from lib.adapters import merged_copy
from lib.corpus import facts
from lib.corpus.tasks import PIRATE_ENDING, Task, load_task
from lib.evaluation import example_batches, fact_recall, kl, mean_loss
from lib.finetuning import (
    FineTuning,
    encode_part,
    finetune,
    loss_and_answers,
    sample_questions,
    task_scores,
)
from lib.generation import complete
from lib.laboratory.chapter_runs import CHAPTER_GROUPS, run_chapter
from lib.laboratory.cluster import Client, connected, finished
from lib.laboratory.groups import group_runs
from lib.laboratory.results import (
    RESULTS,
    Line,
    append_line,
    due,
    put_in_order,
    versions,
)
from lib.model import GPTModel
from lib.pretraining import (
    Recipe,
    base_path,
    held_out_stream,
    load_base,
    pretrain,
    unseen_batches,
)
from lib.probes import by_relation, mean_lift, style
from lib.tokenizer import BPETokenizer
from lib.training import Batch, trainable_count

#: After these steps, and at the end, a run is measured: its curve.
MEASURED = (10, 30, 75, 150)


@cache
def held_out(base: int) -> np.ndarray:
    """The text that the base model of a seed never read: (tokens,)."""
    return held_out_stream(load_base(base_path(base))[1], Recipe(seed=base))


@cache
def unseen(base: int) -> list[Batch]:
    """Sentences that the base model of a seed never read, in their documents: (inputs, targets)."""
    return unseen_batches(load_base(base_path(base))[1], Recipe(seed=base))


def distance(base: GPTModel, model: GPTModel) -> float:
    """How far a model moved: the norm of its change over the norm of the base."""
    old, new = base.parameters(), merged_copy(model).parameters()
    change, size = (sum(float(np.vdot(a, a)) for a in arrays)
                    for arrays in ([new[name] - old[name] for name in old], old.values()))
    return (change / size) ** 0.5


def perform(run: FineTuning) -> Line:
    """Do one run and measure it; a run is decided by its line, and can be made again at any time.

    Returns the run's settings; on test ``answers`` (a share), ``loss`` (nats), ``relations``
    {relation: [share right, share of a blind guess]}, ``lift`` over that guess, for the pirate
    ``style`` (a share); ``dev_answers`` and ``dev_loss``; ``facts`` kept (a share);
    ``pretraining`` loss on unseen sentences of old text (nats); ``kl_task`` from the base, and
    ``kl_task_back``, on test, ``kl_old`` on those sentences (nats a token); ``moved`` (relative
    norm of the change); ``curve``: [step, training loss since the last one, dev loss, dev answers
    or None, facts kept, how it goes on after "The capital of France is"], ``seconds`` of processor
    time, ``versions``.
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
    found = {**_on_test(base, model, tokenizer, data), "dev_loss": curve[-1][2],
             "dev_answers": curve[-1][3], "facts": curve[-1][4],
             "pretraining": mean_loss(model, unseen(run.base)),
             "kl_old": kl(base, model, unseen(run.base))[0], "moved": distance(base, model)}
    return {"run": asdict(run), "parameters": trainable_count(model),
            **{name: _short(value) for name, value in found.items()}, "curve": curve,
            "samples": {question.prompt: complete(model, tokenizer, question.prompt, 16)
                        for question in sample_questions(data, 3)},
            "seconds": round(time.process_time() - started, 1),
            "versions": versions()}


def _on_test(base: GPTModel, model: GPTModel, tokenizer: BPETokenizer, data: Task) -> Line:
    """What ``perform`` measures on the test part of the run's task."""
    loss, right = loss_and_answers(model, tokenizer, data)
    there, back = kl(base, model, example_batches(encode_part(model, tokenizer, data)))
    found: Line = {"loss": loss, "kl_task": there, "kl_task_back": back}
    if data.probes:
        relations = by_relation(data.probes, right)
        found |= {"answers": float(right.mean()), "relations": relations,
                  "lift": mean_lift(relations)}
    if data.name == "pirate":
        found["style"] = style(model, tokenizer, [probe.prompt for probe in data.probes],
                               PIRATE_ENDING)
    return found


def _short(value: Any) -> Any:
    """The same with four digits, in lists and dicts too."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    return None if value is None else float(f"{value:.4g}")


def run_groups(groups: Sequence[str], path: Path = RESULTS, jobs: int = 2,
               cluster: str | None = None) -> Path:
    """Do all runs of the groups that the results file lacks; return the file.

    ``jobs`` runs go on side by side here, or one on each worker of the Dask cluster whose
    scheduler has the address ``cluster``; the groups that a chapter declares are always done here.

    Lines are added as runs end, so that what was stopped goes on where it was; at the end the
    file is put in the order of the groups, and lines of no group come last.  A file that lacks
    nothing is not written.

    Raises:
        ValueError: an unknown group, no jobs, no such folder, a file of something else, or a
            cluster that doesn't fit this machine; nothing is written.
        OSError: the cluster can't be reached, or was lost on the way.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, it must be at least 1")
    plain = [group for group in groups if group not in CHAPTER_GROUPS]
    group_runs(plain)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder: {path.name} can't be written there")
    done = put_in_order(path)
    if any(run not in done for run in due(plain, done)):
        with connected(cluster) if cluster is not None else nullcontext() as client:
            _do(plain, path, jobs, client)
    for group in groups:
        if group in CHAPTER_GROUPS:
            run_chapter(group, lambda do, tasks: Parallel(jobs, return_as="generator")(
                delayed(do)(*task) for task in tasks), path.parent)
    return path


def _do(groups: Sequence[str], path: Path, jobs: int, client: Client) -> None:
    for _ in range(2):  # all learning rates of a setting, then more seeds at its best one
        done = put_in_order(path)
        wanted = due(groups, done)
        missing = [run for run in wanted if run not in done]
        _pretrain_bases(missing, jobs)
        lines = (finished(client, perform, missing) if client else
                 Parallel(jobs, return_as="generator")(map(delayed(perform), missing)))
        for line in tqdm(lines, total=len(wanted), initial=len(wanted) - len(missing),
                         desc="laboratory", unit="run", disable=not missing):
            append_line(path, line)
    put_in_order(path)


def _pretrain_bases(runs: Sequence[FineTuning], jobs: int) -> None:
    for seed in sorted({run.base for run in runs}):
        if not base_path(seed).exists():
            base_path(seed).parent.mkdir(parents=True, exist_ok=True)
            pretrain(base_path(seed), Recipe(seed=seed), jobs)
