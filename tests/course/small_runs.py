"""A ``perform`` of less than a second, in a file that the workers of a cluster can import."""

from __future__ import annotations

import os
import time
from dataclasses import asdict

import numpy as np
from threadpoolctl import threadpool_info

from lib.finetuning import finetune
from lib.laboratory import distance
from lib.pretraining import base_path, load_base


def perform(run):
    """Some real steps; a line of what they gave, with who did them and on how many threads."""
    started = time.process_time()
    base, tokenizer = load_base(base_path(run.base))
    model = base.copy()
    losses = finetune(model, tokenizer, run, progress=False)
    blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return {"run": asdict(run), "loss": losses[-1], "dev_loss": losses[0],
            "moved": distance(base, model), "facts": float(np.mean(losses)), "blas": blas,
            "seconds": time.process_time() - started, "versions": f"process {os.getpid()}"}


def die(run):
    """End the process that was given this run."""
    os._exit(1)


def known(dask_scheduler):
    """How many runs a scheduler keeps in mind: to be done, in hand, or with a line still wanted."""
    return len(dask_scheduler.tasks)
