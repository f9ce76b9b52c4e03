"""Small data for every figure, and all frames that it gives: shared by the tests of figures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lib.figures import (
    gradient_board,
    matrix_board,
    palette,
    pretraining,
    rank_alpha,
    strength,
)
from lib.figures.style import LAYOUTS, Layout

LONG = "Lima Lima is the capital of the country and the city of " + "the river and the " * 12
PROMPTS = ("The capital of France is", "Oxygen is", "The long river of the country runs", "Peru")


@dataclass(frozen=True)
class Frame:
    """One value of each slider, in one layout, and the words for it."""

    name: str
    layout: Layout
    draw: Callable[[], Figure]
    words: str


def strengths() -> dict[float, dict[str, Any]]:
    """Return recorded strengths with the answers that are hardest to set: empty, long, ``$``."""
    answers = {0.0: "", 0.5: " Lima.", 1.0: " It costs $5 or $6_a.\n", 2.0: LONG}
    tops = [["<eos>", 0.9987], [" neighbourhoods", 0.001], ["\n", 0.0002], [" $", 0.0],
            ["\ufffd", 0.0]]
    flat = [[" L", 0.2], [" M", 0.2], [" N", 0.2], [" O", 0.2], [" P", 0.2]]
    sure = [[" L", 1.0], *([each, 0.0] for each in (" M", " N", " O", " P"))]
    return {at: {"Peru": {"answer": answer, "top": top}, "task": task, "facts": facts}
            for (at, answer), top, task, facts in zip(
                answers.items(), (tops, flat, sure, tops), (0.0, 0.7, 0.99, 0.4),
                (1.0, 1.0, 0.98, 0.3))}


def grid() -> list[dict[str, Any]]:
    """Return runs of three seeds for each rank and alpha; one pair was not run."""
    rng = np.random.default_rng(0)
    answers = {"Q: What is the capital of Peru?": LONG, "Q: " + LONG: "", "Q: A third?": " $x$ y$"}
    return [{"rank": r, "alpha": a, "seed": seed, "parameters": 3072 * r, "loss": 0.4,
             "score": float(np.clip(0.6 + 0.1 * np.log2(r) + rng.normal(0, 0.1), 0, 1)),
             "facts": 0.999, "answers": answers}
            for r in (1, 4, 16) for a in (0.5, 8, 64) for seed in range(3) if (r, a) != (16, 0.5)]


def history(seeds: int = 3) -> dict[int, dict[str, Any]]:
    """Return recorded runs of pre-training, one a seed."""
    rng, steps = np.random.default_rng(1), np.arange(0, 1201, 10)
    samples = dict(zip(PROMPTS, (LONG, "", " runs\non.", " $lies$ in_it.")))
    runs = {}
    for seed in range(seeds):
        losses = 0.7 + 6.2 * np.exp(-steps / 180) + rng.normal(0, 0.02, len(steps))
        runs[seed] = {"losses": losses.tolist(), "history": [
            {"step": int(step), "held_out": float(1.1 * losses[step // 10]),
             "recall": float(step / 1200), "samples": samples} for step in steps[::10]]}
    return runs


def _figures() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Figure],
                                 Callable[..., str], list[tuple]]]:
    """Yield name, compute, draw, alt, and the arguments of compute and draw for each frame."""
    board = [(alpha, training, step) for alpha, training in ((4.0, 1.0), (64.0, 0.37), (1.0, 0.0))
             for step in range(1, 6)]
    yield ("matrix_board", matrix_board.compute, matrix_board.draw, matrix_board.alt,
           [((alpha, training), (step,)) for alpha, training, step in board])
    yield ("gradient_board", functools.partial(gradient_board.compute, gradient_board.UPSTREAM),
           gradient_board.draw, gradient_board.alt,
           [((alpha, training), (step,)) for alpha, training, step in board])
    yield ("strength", strength.compute, strength.draw, strength.alt,
           [((strengths(), "Peru", at), ()) for at in strengths()])
    yield ("rank_alpha", rank_alpha.compute, rank_alpha.draw, rank_alpha.alt,
           [((grid(), r, a, 1_044_736), ()) for r, a in ((1, 0.5), (4, 8), (16, 64))])
    yield ("pretraining", pretraining.compute, pretraining.draw, pretraining.alt,
           [((history(), step), ()) for step in (0, 600, 1200)])
    yield ("pretraining_one", pretraining.compute, pretraining.draw, pretraining.alt,
           [((history(1), step), ()) for step in (0, 1200)])
    yield ("palette", palette.compute, palette.draw, palette.alt, [((), ())])


def frames() -> dict[str, list[Frame]]:
    """Return all frames of every figure, by the figure's name and layout."""
    found: dict[str, list[Frame]] = {}
    for name, compute, draw, alt, values in _figures():
        for first, second in values:
            data = compute(*first)
            words = alt(data, *second)
            for layout in LAYOUTS:
                found.setdefault(f"{name}-{layout}", []).append(Frame(
                    f"{name} {words}", layout,
                    functools.partial(draw, data, *second, layout=layout), words))
    return found
