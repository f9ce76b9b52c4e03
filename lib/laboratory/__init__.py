"""The laboratory: declared groups of fine-tuning runs, the rule that selects, recorded results."""

from lib.laboratory.experiments import (
    ALPHAS,
    FULL_RATES,
    GROUPS,
    LINEAR,
    LORA_RATES,
    LUCK,
    MEASURED,
    PLACES,
    RANKS,
    RESULTS,
    Line,
    at_best_rate,
    distance,
    group_runs,
    held_out,
    load_histories,
    load_results,
    perform,
    run_groups,
    runs,
)

__all__ = [
    "ALPHAS", "FULL_RATES", "GROUPS", "LINEAR", "LORA_RATES", "LUCK", "MEASURED", "PLACES", "RANKS",
    "RESULTS", "Line", "at_best_rate", "distance", "group_runs", "held_out", "load_histories",
    "load_results", "perform", "run_groups", "runs"]
