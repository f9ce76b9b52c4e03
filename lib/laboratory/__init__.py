"""The laboratory: declared groups of runs, their results and the rule that selects, doing them."""

from lib.laboratory.chapter_runs import CHAPTER_GROUPS, load_chapter
from lib.laboratory.experiments import MEASURED, distance, held_out, perform, run_groups, unseen
from lib.laboratory.groups import (
    ALPHAS,
    FULL_RATES,
    GROUPS,
    LINEAR,
    LORA_RATES,
    LUCK,
    PLACES,
    RANKS,
    group_runs,
    runs,
)
from lib.laboratory.record import recorded, sampled
from lib.laboratory.results import (
    CRITERION,
    HISTORIES,
    RESULTS,
    Line,
    at_best_rate,
    at_edge,
    best_rate,
    load_histories,
    load_results,
    made_with,
    summary,
)

__all__ = [
    "ALPHAS", "CHAPTER_GROUPS", "CRITERION", "FULL_RATES", "GROUPS", "HISTORIES", "LINEAR",
    "LORA_RATES", "LUCK", "MEASURED", "PLACES", "RANKS", "RESULTS", "Line", "at_best_rate",
    "at_edge", "best_rate", "distance", "group_runs", "held_out", "load_chapter", "load_histories",
    "load_results", "made_with", "perform", "recorded",
    "run_groups", "runs", "sampled", "summary", "unseen"]
