"""Batches, and the clock: two sides take turns, and the lower quartile of each counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.report import lower_quartile

Call = Callable[[], Any]


def token_batch(batch: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of (batch, length), always the same."""
    rng = np.random.default_rng(1)
    return tuple(rng.integers(0, 1000, (2, batch, length)))


def interleave(pairs: Mapping[str, tuple[Call, Call]], rounds: int,
               clock: Callable[[], float] = time.process_time,
               pause: float = 0.0) -> dict[str, tuple[float, float]]:
    """Lower quartile, in seconds, of both calls of every pair.

    Every round runs everything once, so that a change of the machine's speed meets all alike;
    which side goes first changes from round to round.  ``pause``: seconds of rest before each
    call, in which the threads of the call before stop waiting for more work.
    """
    times = {key: ([], []) for key in pairs}
    for number in range(rounds):
        for key, calls in pairs.items():
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                time.sleep(pause)
                start = clock()
                calls[side]()
                times[key][side].append(clock() - start)
    return {key: (lower_quartile(ours), lower_quartile(theirs))
            for key, (ours, theirs) in times.items()}
