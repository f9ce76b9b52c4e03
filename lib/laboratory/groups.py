"""The declared groups of fine-tuning runs: each answers one question."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from lib.corpus.tasks import TASKS
from lib.finetuning import FineTuning
from lib.lora import IN_BLOCK, TARGETS

RANKS, ALPHAS = (1, 2, 4, 8, 16, 32), (2.0, 4.0, 8.0, 16.0, 32.0)
LINEAR = tuple(IN_BLOCK)
FULL_RATES, LORA_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
#: Places to adapt, and the rank at which each costs as much as all six matrices at rank 4.
PLACES = {("query",): 36, ("value",): 36, ("query", "value"): 18, ("query", "key", "value"): 12,
          ("query", "key", "value", "output"): 9, ("ffn_up", "ffn_down"): 7, LINEAR: 4,
          ("token_embedding", "output_projection"): 16, TARGETS: 3}
#: What a result should not depend on: runs that differ in these alone are repetitions.
LUCK = ("seed", "split", "base")


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
    steps = dict.fromkeys(TASKS, 150) | {"qa": 300, "instructions": 300, "new_facts": 200}
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


def group_runs(groups: Sequence[str]) -> list[FineTuning]:
    """All runs of the groups, each once; raises ValueError on an unknown group."""
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"unknown group {group!r}: allowed are {', '.join(GROUPS)}")
    return list(dict.fromkeys(run for group in groups for run in GROUPS[group]))
