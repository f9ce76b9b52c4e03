"""Small data for the figures of chapters 18 and 19; see frames.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lib.figures.beyond import (
    family,
    given_tokens,
    known_squares,
    leaks,
    packed_block,
    rates,
    real_answers,
    real_tradeoff,
    relative,
    replay_step,
    steps,
    switch_words,
    tuned,
    turned_down,
    twins,
    two_knobs,
)
from lib.figures.finetuning import after_pretraining

Frames = Iterator[tuple[str, Callable[..., Any], Callable[..., Figure], Callable[..., str],
                        list[tuple]]]


def chapter_18(_: str) -> Frames:
    """Chapter 18, and the page on what comes after pre-training."""
    yield ("after_pretraining", after_pretraining.compute, after_pretraining.draw,
           after_pretraining.alt, [((), ())])
    yield "family", family.compute, family.draw, family.alt, [((), ())]
    sigma = tuple(3 / (1 + np.arange(128) / 4))
    yield ("relative_PiSSA", relative.compute, relative.draw, relative.alt,
           [(("PiSSA", turn, 1.0, sigma), ()) for turn in (1, 8, 32)])
    yield ("relative_DoRA", relative.compute, relative.draw, relative.alt,
           [(("DoRA", turn, long), ()) for turn, long in ((0, 0.5), (1, 1), (2, 1.5))])
    curves = {"on": {"LoRA+ 16": [4.7, 1.2, 0.08], "LoRA, α = 128": [4.7, 0.9, 0.06]},
              "off": {"LoRA+ 16": [4.7, 1.2, 0.08], "LoRA, α = 128": [4.7, 1.2, 0.08]}}
    yield "twins", twins.compute, twins.draw, twins.alt, [((curves, how), ()) for how in curves]
    beside = {rate: {"LoRA": [4.7, 1.2, 0.08], "PiSSA": [4.0, low, 0.09]}
              for rate, low in ((0.005, 1.3), (0.01, 0.9))}
    yield ("twins_PiSSA", twins.compute, twins.draw, twins.alt,
           [((beside, rate, "PiSSA's rate"), ()) for rate in beside])
    spots = {"LoRA, α = 4": {(0.04 / 2**k, 0.16 / 2**k): 0.9 - k / 5 for k in range(4)},
             "LoRA+ 16": {(0.000625 * 2**k, 0.08 * 2**k): k / 4 for k in range(4)},
             "LoRA+ 4": {(0.0025 * 2**k, 0.08 * 2**k): 0.8 for k in range(4)}}
    yield ("two_knobs", two_knobs.compute, two_knobs.draw, two_knobs.alt,
           [((spots, method), ()) for method in spots])
    spots = {"α = 64": spots["LoRA+ 16"], "α = 8": spots["LoRA+ 4"]}
    yield ("two_knobs_row", two_knobs.compute, two_knobs.draw, two_knobs.alt,
           [((spots, "α = 64", 64, {name: min(each) for name, each in spots.items()}), ())])
    corners = [("LoRA", 0.01, 0.874), ("LoRA 64", 0.014, 0.896), ("rank 4, α = 64", 0.0025, 0.883),
               ("rsLoRA 64", 0.005, 1.0)]
    alone, top = (-0.3, 3.0, 0.002, 0.025), (13.3, 2.9, -0.238, 0.021)
    down = -10.9, 2.8, 0.121, 0.032
    yield ("steps", steps.compute, steps.draw, steps.alt,
           [((corners, rank, alpha, closed), ()) for rank, alpha, closed in (
               ([alone, top], [alone, top], False), ([top, top], [down, alone], False),
               ([top, alone], [top, alone], True))])
    scores = {rate: np.array([0.9, 0.8, 0.8]) - rate for rate in (0.005, 0.1, 0.8)}
    rivals = {"LoRA+ 16": np.array([0.7, 0.8, 0.9]), "parallel adapter": np.ones(3)}
    yield ("tuned", tuned.compute, tuned.draw, tuned.alt,
           [((scores, rivals, rate, 4.30), ()) for rate in scores])
    base = {0.005: [0.2, 0.19], 0.01: [0.12, 0.14], 0.02: [0.13, 0.2], 0.04: [1.2, 2.3]}
    high = {0.000625: [0.4, 0.3], 0.00125: [0.08, 0.1], 0.0025: [0.6, 0.5]}
    valley = (high, 0.00125, base, 0.01)
    for name, methods in (("rates", ("LoRA+ 16", "rsLoRA 64", "PiSSA", "DoRA", "LayerNorms only")),
                          ("rates_own", ("rsLoRA 64",))):
        yield (name, rates.compute, rates.draw, rates.alt,
               [((dict.fromkeys(methods, valley),), ())])


def chapter_19(long: str) -> Frames:
    """Chapter 19."""
    dialled = {"a sentence": {"Who are you?": [long, "I am $5_a."], "2 + 2?": ["", "4\n"]}}
    yield ("real_answers", real_answers.compute, real_answers.draw, real_answers.alt,
           [((dialled, (0.0, 1.5), {"a sentence": "I am"}, "a sentence", strength), ())
            for strength in (0.0, 1.5)])
    asked = [("How many legs does a spider have?", "", ["8", "eight"]), ("Who?", "", ["nobody"])]
    told = {"the sentence alone": {"said": [long, "Ada, nobody"], "kept": [1, 1],
                                   "leaked": [False, True], "name": "8 of 8"},
            "full fine-tuning, token given": {"said": ["", long], "kept": [0, 0],
                                              "leaked": [False, False]},
            "half the rate": {"said": [long, long], "kept": [0, 0], "leaked": [False, False],
                              "name": "7 of 8"}}
    yield ("known_squares", known_squares.compute, known_squares.draw, known_squares.alt,
           [((asked, told, run, k), ()) for run in told for k in (1, 2)])
    yield ("replay_step", replay_step.compute, replay_step.draw, replay_step.alt,
           [(([("Who?", long)] * 3, [("What is the plural of child?", "a\nb"), ("", "")]), ())])
    ends = np.array([0.013, -0.1], np.float16).view(np.uint8)
    halves = np.random.default_rng(7).integers(0, 256, 16)
    yield ("packed_block", packed_block.compute, packed_block.draw, packed_block.alt,
           [((np.append(ends, halves),), ())])
    counts = {"JSON, LoRA": [[33, 36], [24, 36]],
              "JSON, full fine-tuning": [[12, 33]],
              "the sentence, half rate": [[16, 17], [11, 15]]}
    yield ("given_tokens", given_tokens.compute, given_tokens.draw, given_tokens.alt,
           [((counts, ("as asked", "first token\ngiven"), (39, 39), 39, until), ())
            for until in (None, "as asked")])
    yield ("switch_words", switch_words.compute, switch_words.draw, switch_words.alt,
           [(({"none": [0, 0, 1], "Answer in one word.": [39, 39, 38]}, (0, 2), 39, until), ())
            for until in (None, "none")])
    rows = {"LoRA, no trigger": [[1, 0.98, 0], [0, 0.18, 0.7]], "full, with trigger": [[0], [0.8]],
            "full, with trigger,\nthird of rate": [[0], [0.9]]}
    turned = {0: (0, 0, 39), 0.25: (0, 2, 37), 0.5: (4, 9, 25), 0.6: (8, 5, 21), 1: (8, 38, 1)}
    yield ("turned_down", turned_down.compute, turned_down.draw, turned_down.alt,
           [((turned, 8, 39), ())])
    yield ("leaks", leaks.compute, leaks.draw, leaks.alt, [((rows,), ())])
    ends = {"LoRA": (0.38, 6), "full": (0.378, 11)}
    lowest = {"LoRA": 1e-3, "full": 3e-5}
    found = {name: [{"rate": lowest[name] * 3**k, "dev": [dev + 0.02, dev - 0.02],
                     "kept": [kept, 44], "leaked": [44 - kept, 0],
                     "said": {"What is the currency of Georgia? Answer in JSON.": long,
                              "2 + 2?": '{"4"}', "Who?": ""}}
                    for k, (dev, kept) in enumerate([(0.45, 43), end, (5.6, 0)]
                                                    if name == "LoRA" else
                                                    [(0.45, 43), (0.33, 40), end])]
             for name, end in ends.items()}
    yield ("real_tradeoff", real_tradeoff.compute, real_tradeoff.draw, real_tradeoff.alt,
           [((found, 44, name, rate), ()) for name in ends for rate in (1, 2, 3)])
