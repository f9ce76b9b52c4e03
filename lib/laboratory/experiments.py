"""Fine-tuning runs done and measured, one by one or by groups."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info
from tqdm.auto import tqdm

from lib.adapters import merged_copy
from lib.corpus import facts
from lib.corpus.tasks import load_task
from lib.evaluation import fact_recall, mean_loss, stream_batches
from lib.finetuning import FineTuning, finetune, sample_questions, task_scores
from lib.generation import complete
from lib.laboratory.cluster import connected, finished
from lib.laboratory.groups import group_runs
from lib.laboratory.results import RESULTS, Line, append_line, put_in_order
from lib.model import GPTModel
from lib.pretraining import Recipe, base_path, held_out_stream, load_base, pretrain
from lib.training import trainable_count

#: After these steps, and at the end, a run is measured: its curve.
MEASURED = (10, 30, 75, 150)


@cache
def held_out(base: int) -> np.ndarray:
    """The text that the base model of a seed never read: (tokens,)."""
    return held_out_stream(load_base(base_path(base))[1], Recipe(seed=base))


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


def run_groups(groups: Sequence[str], path: Path = RESULTS, jobs: int = 2,
               cluster: str | None = None) -> Path:
    """Do all runs of the groups that the results file lacks; return the file.

    ``jobs`` runs go on side by side here, or one on each worker of the Dask cluster whose
    scheduler has the address ``cluster``.

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
    wanted = group_runs(groups)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder: {path.name} can't be written there")
    done = put_in_order(path)
    missing = [run for run in wanted if run not in done]
    if not missing:
        return path
    with connected(cluster) if cluster is not None else nullcontext() as client:
        for seed in sorted({run.base for run in missing}):
            if not base_path(seed).exists():
                base_path(seed).parent.mkdir(parents=True, exist_ok=True)
                pretrain(base_path(seed), Recipe(seed=seed), jobs)
        lines = (finished(client, perform, missing) if client else
                 Parallel(jobs, return_as="generator")(delayed(perform)(run) for run in missing))
        for line in tqdm(lines, total=len(wanted), initial=len(wanted) - len(missing),
                         desc="laboratory", unit="run"):
            append_line(path, line)
    put_in_order(path)
    return path
