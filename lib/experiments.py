"""The laboratory: declared grids of fine-tuning runs, each run one line of a results file."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from lib.adapters import set_adapter_strength
from lib.base import load_base
from lib.finetuning import FineTuning, finetune, sample_questions, scores
from lib.generation import complete, next_token_probabilities, start_of_text
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer
from lib.training import trainable_count

RESULTS = Path(__file__).parent / "data"

RANKS = (1, 2, 4, 8, 16, 32)
ALPHAS = (2.0, 4.0, 8.0, 16.0, 32.0)
SEEDS = (0, 1, 2)
STRENGTHS = tuple(0.25 * k for k in range(9))  # 0 is the base, 1 as trained

#: Each grid is the list of its runs.  In ``rank_alpha`` only rank and alpha differ, the learning
#: rate does not: that is the question a reader asks first, and the trap in it.
GRIDS = {
    "rank_alpha": [FineTuning(rank=rank, alpha=alpha, steps=150, seed=seed) for rank, alpha, seed
                   in itertools.product(RANKS, ALPHAS, SEEDS)],
}


def perform(run: FineTuning) -> dict[str, Any]:
    """Do one run from the committed base; return its settings and what it reached.

    The result is decided by the run alone: the same line can be made again at any time.
    """
    model, tokenizer = load_base()
    losses = finetune(model, tokenizer, run, progress=False)
    found = scores(model, tokenizer, run.task)
    return {"run": asdict(run), "parameters": trainable_count(model),
            **{name: round(value, 4) for name, value in found.items()},
            "train_loss": round(sum(losses[-10:]) / 10, 4),
            "samples": {question.prompt: complete(model, tokenizer, question.prompt, 16)
                        for question in sample_questions(run.task, 3)}}


def strength_scan(model: GPTModel, tokenizer: BPETokenizer, countries: Sequence[str],
                  strengths: Sequence[float] = STRENGTHS) -> dict[float, dict[str, Any]]:
    """What an adapted model says and knows with its adapter dialled to each strength.

    Returns {strength: {"task": share of held-out questions answered, "facts": share of facts
    kept, country: {"answer": text, "top": [(token, probability), ...] of the five likeliest
    next tokens}, ...}}.  The model's own strength is 1 again at the end.
    """
    found: dict[float, dict[str, Any]] = {}
    for strength in strengths:
        set_adapter_strength(model, strength)
        reached = scores(model, tokenizer, "qa")
        found[strength] = {"task": reached["answers"], "facts": reached["facts"]}
        for country in countries:
            prompt = f"Q: What is the capital of {country}?\nA:"
            tokens = np.array([start_of_text(tokenizer, prompt)])
            chances = next_token_probabilities(model.forward(tokens, training=False)[0, -1])
            found[strength][country] = {
                "answer": complete(model, tokenizer, prompt, 16),
                "top": [(tokenizer.token_text(i), float(chances[i]))
                        for i in np.argsort(-chances)[:5]]}
    set_adapter_strength(model, 1.0)
    return found


def results_path(grid: str) -> Path:
    """Where the results of a grid are kept; raises ValueError on an unknown grid."""
    if grid not in GRIDS:
        raise ValueError(f"unknown grid {grid!r}: allowed are {', '.join(GRIDS)}")
    return RESULTS / f"{grid}.jsonl"


def load_results(grid: str) -> list[dict[str, Any]]:
    """The recorded lines of a grid."""
    return [json.loads(line) for line in results_path(grid).read_text().splitlines()]


def run_grid(grid: str, path: Path | None = None, jobs: int = 2) -> Path:
    """Do all runs of a grid that its results file lacks; return the file.

    Lines are added as runs end, so that a stopped grid goes on where it was; when all are there
    the file is put in the grid's order.
    """
    path = path or results_path(grid)
    wanted = [_key(asdict(run)) for run in GRIDS[grid]]
    done = {}
    if path.exists():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        done = {_key(line["run"]): line for line in lines if _key(line["run"]) in wanted}
    missing = [run for run in GRIDS[grid] if _key(asdict(run)) not in done]
    finished = Parallel(jobs, return_as="generator")(delayed(perform)(run) for run in missing)
    for line in tqdm(finished, total=len(missing), desc=grid, unit="run"):
        done[_key(line["run"])] = line
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
    draft = path.with_suffix(".part")
    draft.write_text("".join(json.dumps(done[key]) + "\n" for key in wanted))
    os.replace(draft, path)
    return path


def _key(run: dict[str, Any]) -> str:
    return json.dumps(run, sort_keys=True)
