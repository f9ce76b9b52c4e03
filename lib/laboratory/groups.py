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
#: Steps of a run on each task, of 16 examples each; groups of many choices on qa take half as many.
STEPS = {"qa": 300, "elements": 150, "pirate": 150, "instructions": 300, "recipes": 150,
         "new_facts": 200}
HALF = 150
FULL_RATES, LORA_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
#: Beyond those, where the highest of them did best.
HIGHER_RATES = {("full", "elements"): (3e-2,), ("full", "recipes"): (3e-2,),
                ("full", "new_facts"): (3e-2,)}
#: The tasks that teach a form of asking; the others teach whole texts, and want higher rates.
FORMS = ("qa", "instructions")
#: The lowest of four learning rates, for forms and for texts, by method and rank: so placed that
#: the best of rank 8, and of the ranks that were tried before, lies inside.
LOWEST = {("confined", 8): (1e-4, 3e-4), ("lora", 1): (1e-3, 3e-3), ("lora", 4): (1e-3, 3e-3),
          ("lora", 16): (3e-4, 1e-3), ("lora", 64): (1e-4, 1e-3)}
#: Places to adapt, and the rank at which each costs as much as all six matrices at rank 4.
PLACES = {("query",): 36, ("value",): 36, ("query", "value"): 18, ("query", "key", "value"): 12,
          ("query", "key", "value", "output"): 9, ("ffn_up", "ffn_down"): 7, LINEAR: 4,
          ("token_embedding", "output_projection"): 16, TARGETS: 3}
#: Places and ranks that did better at 0.01 than at 0.003, and so get a third rate above these two;
#: the others get one below.
HIGHER_PLACES = ((("query",), 8), (("value",), 8), (("query", "value"), 8),
                 (("token_embedding", "output_projection"), 8),
                 (("token_embedding", "output_projection"), 16))
#: What a result should not depend on: runs that differ in these alone are repetitions.
LUCK = ("seed", "split", "base")


def runs(**choices: Iterable[Any]) -> list[FineTuning]:
    """Every combination of the choices, each with the countries and texts of its seed's split."""
    sets = (dict(zip(choices, each, strict=True)) for each in itertools.product(*choices.values()))
    return [FineTuning(**{"split": values.get("seed", 0), **values}) for values in sets]


def grid(lowest: float, count: int = 4) -> tuple[float, ...]:
    """So many learning rates from the lowest on, half a decade apart: each about three times the
    last.

    Raises:
        ValueError: the lowest is none of 3e-5, 1e-4, ..., 1e-1, or so many would go beyond.
    """
    every = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    if lowest not in every[:len(every) - count + 1]:
        raise ValueError(f"{count} rates from {lowest} on are not among {every}")
    return every[every.index(lowest):][:count]


def _adapted(task: str, method: str, rank: int, **choices: Iterable[Any]) -> list[FineTuning]:
    """Five seeds of a task at four learning rates or five, alpha 2r, on a block's six matrices."""
    count = 5 if method == "confined" and task not in FORMS else 4  # full wants 0.001 to 0.01 there
    return runs(task=[task], method=[method], rank=[rank], alpha=[2.0 * rank],
                target_modules=[LINEAR], steps=[STEPS[task]], seed=range(5),
                learning_rate=grid(LOWEST[method, rank][task not in FORMS], count), **choices)


def _ranks() -> list[FineTuning]:
    """Rank at alpha 16, at alpha 2r and with alpha/sqrt(r): one factor, 2, at rank 8.

    Which of them lets one learning rate serve all ranks?  Ranks 2 and 32 were tried once, and
    differed from their neighbours by less than seeds do.
    """
    rules = {"alpha/r": (lambda rank: 16.0, lambda rank: 2.0 * rank),
             "alpha/sqrt(r)": (lambda rank: round(2 * 8**0.5, 4),)}
    return [run for rank in (1, 4, 8, 16, 64) for rule, alphas in rules.items() for alpha in alphas
            for run in runs(rank=[rank], alpha=[alpha(rank)], rule=[rule], target_modules=[LINEAR],
                            # Rank 1 at alpha 2 did best at the highest of four.
                            steps=[HALF], learning_rate=grid(3e-4, 5 if alpha(rank) == 2 else 4),
                            seed=range(3))]


def _batch(usual: dict[str, list[Any]]) -> list[FineTuning]:
    """Does LoRA bear large batches less than full fine-tuning?  All see 2,400 examples.

    Adam's best rate grows with the batch, and so does the grid.
    """
    lowest = {4: (3e-5, 3e-4), 16: (1e-4, 3e-4), 64: (1e-4, 1e-3), 128: (1e-4, 1e-3)}
    return [run for batch, each in lowest.items()
            for method, rate in zip(("full", "lora"), each, strict=True)
            for run in runs(method=[method], batch=[batch], steps=[round(16 * HALF / batch)],
                            learning_rate=grid(rate), seed=range(5), **usual)]


def _sizes() -> list[FineTuning]:
    """How few examples of a form are enough, and does a high rank need more?  Alpha is 2r."""
    return [run for method, rank, lowest in (("full", 8, 1e-4), ("lora", 1, 1e-3),
                                             ("lora", 4, 1e-3), ("lora", 64, 3e-4))
            for run in runs(examples=(48, 192, None), method=[method], rank=[rank],
                            alpha=[2.0 * rank], target_modules=[LINEAR], steps=[HALF],
                            learning_rate=grid(lowest, 3), seed=range(3))]


def _declare() -> dict[str, list[FineTuning]]:
    """The groups: each answers one question, and what is not named in it is held fixed."""
    usual = {"rank": [8], "alpha": [16.0], "target_modules": [LINEAR]}

    def at_all_rates(task: str) -> list[FineTuning]:
        return [run for method, rates in (("full", FULL_RATES), ("lora", LORA_RATES))
                for run in runs(task=[task], method=[method], steps=[STEPS[task]], seed=range(5),
                                learning_rate=rates + HIGHER_RATES.get((method, task), ()),
                                **usual)]

    # Which learning rate does each method want, what does it reach there, what does it forget?
    rates = [run for task in TASKS for run in at_all_rates(task)]
    # At one loss, is it the rank that decides what is forgotten, the place, or the method?
    # Rank 8 and full fine-tuning of everything are those of `rates`.
    forgetting = [run for task in TASKS for method, rank in (("lora", 4), ("lora", 64),
                                                             ("confined", 8))
                  for run in _adapted(task, method, rank)]
    # How many new facts does a rank have room for, against full fine-tuning?
    capacity = [*[run for rank in (1, 4, 16, 64) for run in _adapted("new_facts", "lora", rank)],
                *[run for run in at_all_rates("new_facts") if run.method == "full"]]
    # Does a share of old text in each batch keep old facts?
    replay = runs(task=["recipes"], method=["full"], steps=[150], learning_rate=[1e-3],
                  replay=(0.0, 0.0625, 0.125, 0.25, 0.5), seed=range(5), **usual)
    # Where to put adapters: at one rank, and at one number of parameters?
    places = [run for place, rank in PLACES.items() for r in (8, rank)
              for run in runs(rank=[r], alpha=[2.0 * r], target_modules=[place], steps=[HALF],
                              learning_rate=grid(3e-3 if (place, r) in HIGHER_PLACES else 1e-3, 3),
                              seed=range(3))]
    # Is the base model of one seed like that of another?
    bases = [run for task in ("qa", "recipes")
             for method, rate in (("full", 3e-4), ("lora", 3e-3))
             for run in runs(task=[task], method=[method], steps=[STEPS[task]],
                             learning_rate=[rate], base=range(3), **usual)]
    # What do rank and alpha do together at one learning rate?
    rank_alpha = runs(rank=RANKS, alpha=ALPHAS, steps=[HALF], seed=range(3), split=[0])
    return {"rates": rates, "forgetting": forgetting, "capacity": capacity,
            "batch": _batch(usual), "replay": replay, "ranks": _ranks(), "places": places,
            "sizes": _sizes(), "rank_alpha": rank_alpha, "bases": bases}


#: Every group by its name; a run may be in several, and is done once.
GROUPS = _declare()


def group_runs(groups: Sequence[str]) -> list[FineTuning]:
    """All runs of the groups, each once; raises ValueError on an unknown group."""
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"unknown group {group!r}: allowed are {', '.join(GROUPS)}")
    return list(dict.fromkeys(run for group in groups for run in GROUPS[group]))
