"""Small data for the figures of fine-tuning and LoRA, chapters 7 and on; see frames.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import beyond_frames
import numpy as np
from matplotlib.figure import Figure

from lib.figures.finetuning import (
    batch_mask,
    before_after,
    block_bill,
    cost_scale,
    fact_lines,
    few_examples,
    first_run,
    forgetting,
    form_facts,
    form_row,
    kept_dots,
    learning_rates,
    overfitting,
    pipeline,
    remedies,
    step_bill,
    tokens_width,
    transfer,
    weight_map,
)
from lib.figures.lora import (
    adapters_down,
    alpha_rate,
    arrows,
    batch_sizes,
    best_rates,
    both_jobs,
    capacity,
    crossed_prompts,
    drift,
    enough,
    equal_learning,
    extra_time,
    few_bits,
    final_loss,
    first_twenty,
    grid,
    half_step,
    held_equal,
    knobs,
    lora_block,
    lora_count,
    low_rank,
    merge_places,
    old_examples,
    old_text_loss,
    one_fetch,
    one_weight,
    outer_products,
    own_replies,
    product_orders,
    pull,
    qlora_step,
    rank_explorer,
    rank_facts,
    rank_gain,
    rate_map,
    rate_shift,
    reach,
    reply_cards,
    reply_forms,
    rounded_bases,
    same_loss,
    scaled_change,
    scaling,
    second_task,
    split,
    starts,
    step_cost,
    steps_to_loss,
    target_modules,
    task_rates,
    tradeoff,
    training_curve,
    two_adapters,
    two_paths,
    wide_adapter,
    wordings,
)
from lib.figures.lora import serving as where
from lib.laboratory import load_results
from lib.laboratory.chapter_runs import load_chapter
from lib.laboratory.lora_steps import Measured
from lib.losses import IGNORE
from lib.model import GPTConfig, GPTModel
from lib.training import pad

Frames = Iterator[tuple[str, Callable[..., Any], Callable[..., Figure], Callable[..., str],
                        list[tuple]]]


def goals(long: str) -> Frames:
    """Chapter 7."""
    prompts = [("Q: " + long[:60] + "?\nA:", " Lima.",
                {"base": long, "full": " It costs $5 or $6_a.\n"}),
               ("Instruction: " + long, long, {"base": "", "full": long})]
    scores = ({"base": [0.0], "full": [1.0, 0.99, 0.9]}, {"base": [0.0], "full": [0.0, 0.2, 0.1]})
    jobs = {title: {"scores": each, "prompts": prompts, "guess": 0.16,
                    "facts": {"base": [0.99], "full": [0.2, 0.3, 0.0]}} for title, each in
            zip(("Answer questions", "Learn the elements"), scores, strict=True)}
    yield ("before_after", before_after.compute, before_after.draw, before_after.alt,
           [((jobs, goal, number, measured), ()) for goal in jobs
            for number, measured in ((1, "scores"), (2, "scores"), (2, "facts"))])
    at, texts = (0, 10, 75, 200), ("", long, " Juba.", "$5 $6")
    measured = {start: {step: {"held_out": held * step / 200, "kind": step / 200,
                               "answers": {"Q: " + long: text, "Q: Where?\nA:": long,
                                           "Third $x$?": " $y"}}
                        for step, text in zip(at, texts, strict=True)}
                for start, held in (("base", 1.0), ("random", 0.1))}
    yield ("transfer", transfer.compute, transfer.draw, transfer.alt,
           [((measured, step, 0.16), ()) for step in at])
    job = pipeline.Job
    tuned = {"Answer questions": job(768, 300, 111_000, long),
             "Learn the elements": job(1500, 150, 203_000, " 72.", False),
             "Talk like a pirate": job(1500, 150, 178_000, "$1 $2"),
             "Follow instructions": job(1536, 300, 186_000, "")}
    kept = {told: [told / 81, told / 90] for told in (2, 4, 10, 20, 41, 81)}
    said = {told: [("The symbol of hydrogen is", " H.", long), (long, " Paris", "$5 $6"),
                   ("The capital of France is", " Paris", "")] for told in kept}
    yield ("form_facts", form_facts.compute, form_facts.draw, form_facts.alt,
           [(({"form": kept, "facts": {told: [0.0, 1 - told / 900] for told in kept},
               "old": {told: [1.0, 0.99, 0.0] for told in kept}}, said,
              {told: told // 2 for told in kept}, step), ()) for step in kept])
    grid = np.random.default_rng(7).integers(0, 3, (37, 16)).tolist()
    yield ("form_row", form_row.compute, form_row.draw, form_row.alt,
           [((grid, "another element's symbol", "hydrogen's symbol"), ())])
    few = {f"{count} questions": {"kind": [0.5, 1.0], "random": [0.9], "right": [0.0, count / 128]}
           for count in (8, 32, 128)}
    said = {"capital": " Addis Ababa.", "continent": " South America.", "language": " Portuguese.",
            "currency": " The \n franc."}
    yield ("few_examples", few_examples.compute, few_examples.draw, few_examples.alt,
           [((few, dict.fromkeys(few, said), "Ecuador"), ())])
    lists = {"30 countries": {0: [0], 9: [0.03], 28: [0.4, 0.5], 38: [0.8, 0.93], 75: [0.97, 1]},
             "118 countries": {0: [0], 37: [0.03], 74: [0.2], 111: [0.6, 0.7], 295: [0.98, 0.98]},
             "30 elements": {0: [0], 19: [0.0], 38: [0.1, 0.2], 56: [0.4, 0.6], 75: [0.6, 0.8]},
             "118 elements": {0: [0], 74: [0.0], 148: [0.4, 0.5], 184: [0.8], 295: [0.97, 0.99]}}
    yield ("fact_lines", fact_lines.compute, fact_lines.draw, fact_lines.alt,
           [((lists, (16 / 30, 16 / 118, 16 / 30, 16 / 118)), ())])
    yield ("pipeline", pipeline.compute, pipeline.draw, pipeline.alt,
           [((job(20_000, 1400, 2_867_200, ""), tuned), ())])


def rate_lines() -> list[dict[str, Any]]:
    """Return recorded runs at five rates, three seeds: a task with answers and one without."""
    return [{"run": {"task": task, "learning_rate": rate, "seed": seed, "steps": 300, "batch": 16},
             "loss": 3.2 - k / 2, "facts": 1 - k / 4,
             "curve": [[step, 9.0 / (k + step) + seed / 99, 2.0 + k / 9 - step / 200, None, 0.5, ""]
                       for step in (10, 30, 75, 150, 300)],
             **({"answers": k / 4 - seed * k / 99, "dev_answers": k / 4}
                if task == "instructions" else {"dev_answers": None})}
            for task in ("instructions", "recipes") for seed in range(3)
            for k, rate in enumerate((1e-4, 3e-4, 1e-3, 3e-3, 1e-2))]


def changes() -> dict[int, dict[str, float]]:
    """Return how far each array of the model moved, at four steps: nothing at first, then more."""
    names = GPTModel(GPTConfig(), np.random.default_rng(0)).parameters()
    return {step: {name: step / 300 * (0.003 + 0.0124 * k / len(names))
                   for k, name in enumerate(names)} for step in (0, 1, 30, 300)}


def full(long: str) -> Frames:
    """Chapter 8."""
    yield ("batch_mask", batch_mask.compute, batch_mask.draw, batch_mask.alt,
           [((examples, pad(examples)[1], IGNORE, (
               "Q|:| W|here| on| the| globe| is|?|\u00b6|A|:", " Europe|.|<eos>")), ())
            for examples in ([([0] * (14 + k % 9), [1] * (3 + k % 5)) for k in range(16)],)])
    yield ("first_run", first_run.compute, first_run.draw, first_run.alt, [
        (([(0, 4.7, 0), (10, 2, 0.004), (30, 0.25, 0.7), (75, 0.06, 0.94), (300, 0.04, 0.96)],
          asked, (0.0, 0.9313)), ())
        for asked in ([("Q: What is the capital of South Sudan?", " Juba.", " A\nlittle cold!",
                        " Juba."), ("Q: $5 or _a?", " b", "", " " + "Jamaica " * 9)],)])
    yield ("learning_rates", learning_rates.compute, learning_rates.draw, learning_rates.alt,
           [((rate_lines(), task, rate, 768), ()) for task in ("instructions", "recipes")
            for rate in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)])
    few = [{"step": s, "train": a, "dev": b, "answers": c} for s, a, b, c in (
        (5, 3.4, 3.0, 0.0), (10, 0.96, 1.6, 0.56), (20, 0.3, 1.2, 0.61), (75, 0.05, 1.4, 0.997))]
    many = [{"step": s, "dev": 2 - s / 150, "answers": s / 160} for s in (10, 30, 75, 150)]
    yield ("overfitting", overfitting.compute, overfitting.draw, overfitting.alt,
           [((few, many, (32, 1500), now["step"]), ()) for now in few])
    yield ("weight_map", weight_map.compute, weight_map.draw, weight_map.alt,
           [((changes(), step), ()) for step in changes()])


def costs(long: str) -> Frames:
    """Chapters 9 and 15."""
    lines = [{"run": {"learning_rate": rate},
              "curve": [[step, 3.0, 0.15 + 5 * rate**0.2 / step, None, 0.99 - rate * seed,
                         f" {long}" if seed else " $5 or _a"] for step in (10, 30, 75, 150)]}
             for rate in (1e-4, 1e-3, 1e-2) for seed in range(5)]
    yield ("forgetting", forgetting.compute, forgetting.draw, forgetting.alt,
           [((lines, rate, step, (5.7, 0.992, ""), 0.147), ())
            for rate in (1e-4, 1e-2) for step in (0, 30, 150)])
    points = {name: {f"{k}": [(0.15 + 0.1 * j * k + 0.01 * seed, 1 / (k + j / 4))
                              for seed in range(5)] for k in range(1, 5)}
              for j, name in enumerate(remedies.LOOKS, start=1)}
    yield ("remedies", remedies.compute, remedies.draw, remedies.alt, [
        ((points,), ())])
    yield ("remedies above a half", remedies.compute, remedies.draw, remedies.alt, [
        ((points, (0.16, 0.8), "What they keep", at, 0.5), ()) for at in (0.3, 0.4)])
    yield ("remedies up to 0.8 nats", remedies.compute, remedies.draw, remedies.alt, [
        ((points, (0.16, 0.8)), ()),
        ((points, (0.16, 0.8), "What they keep at equal loss", 0.3), ())])
    yield ("remedies with their settings", remedies.compute, remedies.draw, remedies.alt, [
        ((points, (0.15, 0.8), "What they keep at equal loss", at, 0, True,
          {"replay": {"1/8 at 0.003": [(0.3, 0.4)]}}, {"replay": 1e-3, "fewer steps": 1e-3},
          "two seeds; 150 steps if none is named"), ()) for at in (0.3, 0.4)])
    kept = {row: {"40 capitals": [0.0, 0.45, 0.4], "all four kinds": [0.98, 1.0, 0.99]}
            for row in ("nothing", "texts without the forty", "all old text")}
    yield ("kept_dots", kept_dots.compute, kept_dots.draw, kept_dots.alt, [
        (("What comes back: 28%", {"rate 0.001": kept, "rate 0.003": kept}), ())])
    ranks = {row: {"said": [0.0, 0.45, 0.4], "ranked first": [0.3, 0.6, 0.5]}
             for row in ("nothing", "all old text")}
    yield ("kept_dots, ranked", kept_dots.compute, kept_dots.draw, kept_dots.alt, [
        (("Said and ranked", {"": ranks}), ())])
    capitals = {row: {"40 capitals": [low, low, low + 0.02, low + 0.1]} for row, low in (
        ("no old text, at 0.00075", 0.65), ("texts without the forty", 0.76),
        ("all old text", 0.9))}
    yield ("kept_dots, compared", kept_dots.compute, kept_dots.draw, kept_dots.alt, [
        (("At equal loss 11 of 25 points", {"": capitals}, None, "all old text",
          "share of the forty capitals", "150 steps at 0.001, or as named; four seeds",
          list(zip(capitals, list(capitals)[1:]))), ())])
    kinds = {row: {"no old text": [0.0, 0.02], "an eighth of old text": [0.9, 0.8]}
             for row in ("all", "capital", "continent", "language", "currency")}
    yield ("kept_dots, by kind", kept_dots.compute, kept_dots.draw, kept_dots.alt, [
        (("What is kept of each kind of fact", {"": kinds}, dict.fromkeys(kinds, 0.3), "all"),
         ())])
    parts = {row: {"answers right": [0.9, 0.8], "facts kept": [0.95, 0.99]}
             for row in ("everything", "first block", "last block and after")}
    methods = {row: {"full fine-tuning": [high], "LoRA": [low]} for row, high, low in (
        ("questions", 0.98, 0.97), ("pirate’s talk", 0.94, 0.86), ("new facts", 0.0, 0.15))}
    yield ("kept_dots, methods", kept_dots.compute, kept_dots.draw, kept_dots.alt, [
        (("What is left", {"": methods}, dict.fromkeys(methods, 0.15), None, "old facts kept",
          "means of five seeds"), ())])
    yield ("kept_dots, parts", kept_dots.compute, kept_dots.draw, kept_dots.alt, [
        (("What a part answers", {"": parts}, None, None, "share"), ())])
    yield ("step_bill", step_bill.compute, step_bill.draw, step_bill.alt, [(({
        "full": (4_178_944, 4_178_944, 8_357_888, 86_073_344),
        "LoRA r=8, all linear": (4_473_856, 294_912, 589_824, 86_581_248)},), ())])
    yield ("block_bill", block_bill.compute, block_bill.draw, block_bill.alt,
           [(sizes, ()) for sizes in ((8, 16, 128), (64, 1, 32), (64, 16, 128))])
    yield ("cost_scale", cost_scale.compute, cost_scale.draw, cost_scale.alt,
           [((name, tokens, saving), ()) for name in cost_scale.MODELS
            for tokens in (2048, 16_384, 131_072) for saving in ("nothing", "both")])
    yield ("tokens_width", tokens_width.compute, tokens_width.draw, tokens_width.alt,
           [((cost_scale.MODELS, tokens, saving), ()) for tokens in (2048, 8192, 32_768)
            for saving in tokens_width.SAVINGS])


def low_ranks(long: str) -> Frames:
    """Chapter 10."""
    change = np.random.default_rng(4).standard_normal((512, 128))
    samples = {"Q: " + long: long, "Q: What costs $5 or $6_a?": ""}
    cut_scores = {r: {"answers": r / 128, "pretraining": 0.7 + r / 1000, "samples": samples}
                  for r in (0, 1, 2, 4, 8, 16, 32, 64, 128)}
    yield ("low_rank", low_rank.compute, low_rank.draw, low_rank.alt,
           [((name, change[:rows], change[:rows], r, cut_scores, cut_scores, kept), ())
            for name, rows in (("Query, layer 1", 128), ("Feed-forward up, layer 2", 512))
            for kept in low_rank.KEPT for r in (0, 8, 128)])
    yield ("outer_products", outer_products.compute, outer_products.draw, outer_products.alt,
           [((np.arange(-5, 5).reshape(5, 2), np.arange(-6, 6).reshape(2, 6)), ())])
    yield ("split", split.compute, split.draw, split.alt,
           [((change[:5, :6],), ()), ((-change[5:10, :6],), ())])
    yield ("enough", enough.compute, enough.draw, enough.alt,
           [(({"questions": {r: [1 - 1 / (r + 1)] * 2 for r in (1, 2, 8, 128)},
               "new facts": {r: [r / 100 - 0.27, r / 100] for r in (4, 8, 128)}},), ())])
    yield ("enough answers", enough.compute, enough.draw, enough.alt,
           [(({"questions": {r: [1 - 1 / r] * 2 for r in (1, 8, 128)}}, "answers"), ())])
    sized = [[{"run": {"method": method, "rank": r, "examples": examples},
               "answers": 0.5 + seed / 9, "loss": 3 / r + (examples or 9) / 99 + seed / 99}
              for seed in range(3)] for examples in (48, None)
             for method, r in (("lora", 1), ("lora", 64), ("full", 4))]
    yield ("capacity", capacity.compute, capacity.draw, capacity.alt,
           [((sized, "Questions about countries", examples, 1500, edges), ())
            for examples in (48, None) for edges in ((), (1, None))])


def maths(long: str) -> Frames:
    """Chapter 12."""
    steps = np.arange(21.0)
    courses = {alpha: np.stack([0.12 * np.exp(-alpha * steps / 4), 1 - np.exp(-steps / 5),
                                alpha / 20 * (1 - np.exp(-steps / 9))], axis=1)
               for alpha in (1, 4, 8)}
    grown = np.full((21, 3), np.nan)
    grown[:5] = (0.12, 0, 0), (0.03, 0.9, 0), (0.4, 0.4, 0.6), (3, 1, 0.1), (1e4, 9, 9)
    yield ("first_twenty", first_twenty.compute, first_twenty.draw, first_twenty.alt,
           [((courses, alpha, None if alpha == 1 else (4,)), ()) for alpha in courses])
    yield ("first_twenty_overflow", first_twenty.compute, first_twenty.draw, first_twenty.alt,
           [(({**courses, 32: grown}, alpha, (4,)), ()) for alpha in (1, 32)])
    yield ("final_loss", final_loss.compute, final_loss.draw, final_loss.alt,
           [((ends,), ()) for ends in ({1: 0.1, 4: 1e-8, 8: 1e-20, 24: 0.09}, {1: 0.1, 4: 0.02},
                                       {1: 0.1, 6: 0.0, 8: 0.0, 12: 1e-15, 24: 0.1})])
    falling = 4 * np.exp(-np.arange(300) / 25) + 0.03 * (1.2 + np.sin(np.arange(300)))
    yield ("training_curve", training_curve.compute, training_curve.draw, training_curve.alt,
           [((falling, {step: falling[min(step, 299)] + 0.05 for step in range(0, 301, 20)}), ())])
    asked = (("What is the", True, 1.0), ("Where is the", True, 0.5), ("Name the", False, 0.75),
             ("Say", False, 0.0))
    yield ("wordings", wordings.compute, wordings.draw, wordings.alt,
           [(([(kind, f"{words} {kind} of the place \u2026?", trained, share)
               for kind in ("capital", "continent", "language", "currency")
               for words, trained, share in asked],), ())])
    yield ("lora_count", lora_count.compute, lora_count.draw, lora_count.alt,
           [((r, d_in, d_out), ()) for r in (1, 8, 64) for d_in in (128, 4096)
            for d_out in (128, 512, 4096)])
    yield ("product_orders", product_orders.compute, product_orders.draw, product_orders.alt,
           [((n, 8, 128, 128), ()) for n in (16, 264, 1024)])
    yield ("step_cost", step_cost.compute, step_cost.draw, step_cost.alt,
           [((parts, 264), ()) for parts in (128, 6, 2)])
    yield ("two_paths", two_paths.compute, two_paths.draw, two_paths.alt,
           [((4, 4, 2, back), ()) for back in (False, True)] +
           [((6, 3, 1), ()), ((4, 4, 2, False, True), ())])
    rng = np.random.default_rng(4)
    measured = {(r, scaling.factor(r, 2, rule)):
                (np.geomspace(0.002, 0.008, 5) * r**(0.5 - scaling.RULES[rule]),
                 4.4 * np.exp(-np.arange(6) * 0.1 * r**(0.5 - scaling.RULES[rule] / 2)))
                for r in (1, 4, 8, 16, 64) for rule in scaling.RULES}
    yield ("scaling", scaling.compute, scaling.draw, scaling.alt,
           [((measured, 2, 1, ("alpha",)), ()), *(
               ((measured, 2, step), ()) for step in (1, 3, 5))])
    four = {name: [{"losses": 5 * np.exp(-np.arange(100) / decay) + 0.02 + 0.01 * rng.random(100),
                    "answers": score, "facts": 1 - decay / 60} for _ in range(2)]
            for name, decay, score in (("B = 0", 6, 0.95), ("A = 0", 10, 0.8),
                                       ("both random", 25, 0.4))}
    four["both zero"] = [{"losses": np.full(100, 4.7), "answers": 0.0, "facts": 0.99}] * 2
    before = {name: (0.5 * (name == "both random"), 0.99) for name in four}
    crossed = {(name, rate): each for name, each in four.items() for rate in (0.002, 0.005)}
    yield ("starts", starts.compute, starts.draw, starts.alt,
           [((before, crossed, rate), ()) for rate in (0.002, 0.005)])
    ran = {each: 4.4 * np.exp(-np.arange(8) * knobs.products(each)[0])
           for each in itertools.product((16, 64), (1, 4), (0.002, 0.008), (0.0005, 0.002))}
    yield ("knobs", knobs.compute, knobs.draw, knobs.alt, [((ran, each), ()) for each in ran])
    tried = [{"run": {"rank": r, "alpha": alpha, "rule": rule, "learning_rate": rate},
              "answers": float(rng.random()), "dev_answers": float(rng.random())}
             for r in (1, 8, 64) for rate in (0.001, 0.01, 0.03)
             for rule, alpha in (("alpha/r", 16.0), ("alpha/r", 2.0 * r), ("alpha/sqrt(r)", 5.7))
             if (r, rate) != (64, 0.03)]
    yield ("rate_map", rate_map.compute, rate_map.draw, rate_map.alt, [((tried,), ())])
    row, A, B = rng.standard_normal((1, 4)), rng.standard_normal((2, 4)), np.ones((3, 2))
    yield ("pull", pull.compute, pull.draw, pull.alt,
           [((row, A, B, np.array([[0.2, -0.345, 0]]), 2.0, name), ()) for name in ("A24", "B32")])
    lengths = np.eye(64) + 0.0045
    yield ("arrows", arrows.compute, arrows.draw, arrows.alt,
           [((lengths, np.full(64, 0.05), rank), ()) for rank in (1, 4, 64)])


def trials() -> list[dict[str, Any]]:
    """Return runs of two data sets with facts from none to all; LoRA did not run at every rate."""
    rng = np.random.default_rng(4)
    return [{"run": {"task": task, "method": method, "learning_rate": rate},
             "dev_loss": 0.04 + loss, "facts": facts, "moved": 30 * rate, "pretraining": 1 + loss,
             "kl_task": 9 * loss + 1,
             "curve": [[step, 1.0, 0.04 + loss + 3 / step, None, facts, ""] for step in (1, 9)]}
            for task in tradeoff.TITLES for method, rates in (("full", (1e-4, 1e-2)),
                                                           ("lora", (1e-2, 3e-2)))
            for rate in rates for loss, facts in zip(rng.random(5), (0.0, 0.004, 0.5, 0.99, 1.0))]


def two_methods() -> list[dict[str, Any]]:
    """Return runs on recipes: of each method one that the first steps show, and one that is not."""
    return [{"run": {"task": "recipes", "method": method, "learning_rate": rate},
             "curve": [[step, 1.0, loss / (1 if rate == shown else 2), None, facts, ""]
                       for step, loss, facts in ((10, 1.6, 0.95), (30, 0.3, 0.76), (75, 0.19, 0.68),
                                                 (150, 0.16, 0.6))]}
            for method, shown in equal_learning.SHOWN.items() for rate in (shown, 0.0001)]


def comparison(long: str) -> Frames:
    """Chapter 16."""
    yield ("tradeoff", tradeoff.compute, tradeoff.draw, tradeoff.alt,
           [((trials(), 0.992, task, rate), ()) for task in tradeoff.TITLES
            for rate in (1e-4, 1e-2, 3e-2)]
           + [((trials(), 0.992, "recipes", 1e-4, True, 0.147, 0.03, 5.7), ())])
    steps = {"full": {3e-4: (148, 0.925), 1e-3: (55, 0.71), 3e-3: (37, 0.19), 0.01: (55, 0.0),
                      0.03: (86, 0.0)},
             "lora": {3e-3: (150, 0.40), 0.01: (68, 0.125), 0.03: (107, 0.001)}}
    yield ("steps_to_loss", steps_to_loss.compute, steps_to_loss.draw, steps_to_loss.alt,
           [((steps, 0.222, 0.992, 0.147), ())])
    pairs = {"rate": (1e-2, 1e-2), "loss": (1e-4, 1e-2), "best": (1e-2, 3e-2)}
    yield ("held_equal", held_equal.compute, held_equal.draw, held_equal.alt,
           [((trials(), "recipes", pairs, told, 0.147), ()) for told in (False, True)])
    ends = {"full": {3e-4: (0.22, 0.925), 1e-3: (0.16, 0.678), 3e-3: (0.15, 0.178)},
            "lora": {3e-3: (0.222, 0.4), 0.01: (0.167, 0.113)}}
    runs = [{"run": {"task": "recipes", "method": method, "learning_rate": rate},
             "dev_loss": loss, "facts": facts}
            for method, of in ends.items() for rate, (loss, facts) in of.items()]
    yield ("same_loss", same_loss.compute, same_loss.draw, same_loss.alt,
           [((runs, "recipes", ends, {"full": 3e-4, "lora": 3e-3}, 0.992, 0.147), ())])
    yield ("equal_learning", equal_learning.compute, equal_learning.draw, equal_learning.alt,
           [((two_methods(), 0.992, 0.205, step), ()) for step in equal_learning.STEPS])
    kinds = {"Instruction tuning": ("instructions",),
             "Continued pre-training": ("elements", "pirate", "recipes", "new_facts")}
    ends = {task: {"full": np.array([0.0, 0.02]), "lora": np.array([0.15, 1.0])}
            for tasks in kinds.values() for task in tasks}
    still = {task: {"full": 0.92, "lora": 0.4} for task in ends}
    yield ("old_text_loss", old_text_loss.compute, old_text_loss.draw, old_text_loss.alt,
           [((ends, kinds, methods, still), ())
            for methods in (("full",), ("full", "lora"))])
    turned = np.array([0.4, 1.0, 2.0])
    ends = {"full": (0.027, 0.067, 0.37), "r = 64": (0.059, 0.36, 1.2), "r = 8": (0.088, 0.59, 2.2),
            "r = 8, A along G": (0.07, 0.6, 1.9)}
    dials = {name: np.transpose([turned, far * turned, [0.01, mid, 0.99], [0.9, 0.22, loss]])[None]
             for name, (far, mid, loss) in ends.items()}
    stay = {"full fine-tuning": np.array([[0.222, 0.923]]),
            "rank 64, α = 512": np.array([[0.222, 0.0]]),
            "rank 8, α = 512": np.array([[0.224, 0.479]]),
            "rank 8, α = 16": np.array([[0.223, 0.404]])}
    down = {"rank 8, α = 128": np.array(
        [[[0.6, 0.45, 0.88], [0.8, 0.21, 0.6], [0.9, 0.19, 0.45], [1.0, 0.18, 0.0]]])}
    yield ("adapters_down", adapters_down.compute, adapters_down.draw, adapters_down.alt,
           [((stay, down, strength, 0.992), ()) for strength in (0.6, 0.8, 1.0)])
    yield ("scaled_change", scaled_change.compute, scaled_change.draw, scaled_change.alt,
           [((dials, strength), ()) for strength in turned])


def blocks(_: str) -> Frames:
    """Chapters 10 and 13."""
    yield ("reach", reach.compute, reach.draw, reach.alt,
           [((rank, turn), ()) for rank in reach.SHAPES for turn in reach.TURNS])
    found = Measured(
        8, 2.0, 12, {"W": (128, 128), "A": (64, 128), "B": (128, 64)},
        {"rest": 12_848_128, "W": 196_608, "A": 98_304, "B": 98_304}, 0.0,
        ((4096, 128), (4096, 64)), (24, 68), {"rest": 0, "W": 0, "A": 0, "B": 123.4567},
        (14.7, 14.6), {"rest": 0, "W": 0, "A": 0, "B": 12.0261},
        {"rest": 0, "W": 0, "A": 98_304, "B": 98_304}, 786_432, (812_000, 54_194_792),
        13_044_736, 9.5e-6)
    yield ("lora_block", lora_block.compute, lora_block.draw, lora_block.alt,
           [((found, step), ()) for step in lora_block.STEPS])


def worn() -> tuple[np.ndarray, dict[tuple[int, str], dict[int, np.ndarray]]]:
    """Return a matrix, and what 1 and 4 adapters left of it in two precisions."""
    weights = np.random.default_rng(4).normal(0, 0.12, (128, 128))
    sizes = {"float16": 1e-3, "float32": 1e-7}
    return weights, {(count, kind): {
        n: (weights * (1 + size * n ** (count > 1))).astype(kind) for n in (1, 10, 100, 1000)}
        for count in (1, 4) for kind, size in sizes.items()}


def strengths_of_two(long: str) -> dict[tuple[float, float], dict[str, Any]]:
    """Return cells with the answers that are hardest to set: long, empty, ``$``."""
    rng = np.random.default_rng(5)
    return {(p, q): {**{key: rng.random() for key in ("qa", "pirate", "both")},
                     "answers": {"Q: What is the capital of Japan? A:": long if p == q else
                                 " $x$ y$", long: ""}}
            for p in (0, 0.5, 1, 1.5) for q in (0, 0.5, 1, 1.5)}


def recorded_shares() -> dict[tuple[str, int], list[list[float]]]:
    """What each of A4's methods scores in both tasks, by the old examples in sixteen."""
    found: dict[tuple[str, int], list[list[float]]] = {}
    for line in load_chapter("sequence"):
        way, replay, rate, _ = line["run"].values()
        if rate == 0.01:
            for task, part in enumerate(("first", "answers")):
                found.setdefault((way, round(16 * replay)), [[], []])[task].append(
                    100 * line[part])
    return found


def serving(long: str) -> Frames:
    """Chapter 17."""
    weights, left = worn()
    yield ("drift", drift.compute, drift.draw, drift.alt,
           [((weights, left, count, kind, n), ()) for count, kind in left for n in (1, 1000)])
    yield "serving", where.compute, where.draw, where.alt, [((), ())]
    yield ("extra_time", extra_time.compute, extra_time.draw, extra_time.alt,
           [(((1, 2, 4, 8, 16, 32), {name: np.linspace(1 + 0.1 * k, 0.98, 60).reshape(6, 10)
                                     for k, name in enumerate((extra_time.CLOCK,
                                                               *extra_time.MARKS))}, 1.013), ())])
    yield ("both_jobs", both_jobs.compute, both_jobs.draw, both_jobs.alt,
           [(({name: np.linspace(low, high, 9).reshape(3, 3) for name, low, high in (
               ("qa alone, × 0.8", 0.9, 1), ("pirate alone, × 1.2", 0, 0.02),
               ("the sum", 0.07, 0.61), ("trained on both data sets", 0, 0.7),
               ("trained on joint replies", 1, 1))},), ())])
    yield ("one_fetch", one_fetch.compute, one_fetch.draw, one_fetch.alt,
           [((16.06e9, 84e6, 32, count), ()) for count in (1, 4, 32)])
    yield ("one_weight", one_weight.compute, one_weight.draw, one_weight.alt,
           [((weight, 0.06, 0.2), ()) for weight in (0.21, 0.27, 0.39)])
    yield ("grid", grid.compute, grid.draw, grid.alt,
           [((weights[4], weights[5] / 5, bits), ()) for bits in (8, 4, 3)])
    yield ("half_step", half_step.compute, half_step.draw, half_step.alt,
           [((weights / 5, np.abs(weights).max(1, keepdims=True) / most, bits), ())
            for bits, most in ((8, 127), (4, 7), (3, 3))])
    yield ("few_bits", few_bits.compute, few_bits.draw, few_bits.alt,
           [((bits, error, {
               "rate 0.001": ([0.07, 0.08], [0.95, 0.93], [[0.92, 0.93, low], [0.9, 0.9, 0.0]]),
               "rate 0.003": ([0.13], [0.96], [[0.93, 0.94, 0.85]]),
               "rate 0.01": ([0.28], [0.94], [[1.0, 0.9, 0.9]])}), ())
            for bits, error, low in ((4, 0.122, 0.14), (3, 0.284, 0.4))])
    sizes = {"3 bits": ([0.45, 0.62], [0.8, 0.84]), "4 bits": ([0.9] * 2, [0.92, 0.93])}
    yield ("rounded_bases", rounded_bases.compute, rounded_bases.draw, rounded_bases.alt,
           [((sizes, [0.96]), ())])
    after = dict.fromkeys(second_task.WAYS, ((0.0, 12.0), (80.0, 100.0)))
    yield ("second_task", second_task.compute, second_task.draw, second_task.alt,
           [((91.0, after, shown), ()) for shown in (False, True)])
    yield ("old_examples", old_examples.compute, old_examples.draw, old_examples.alt,
           [((91.0, recorded_shares(), apart, shown), ())
            for apart, shown in ((None, True), (84.2, True), (84.2, False))])
    own = [("merged", "no replies", (20.0, 30.0), (80.0, 82.0)),
           ("frozen", "own replies, after other prompts", (0.0, 4.0), (70.0, 100.0))]
    yield ("own_replies", own_replies.compute, own_replies.draw, own_replies.alt,
           [((own, guessed), ()) for guessed in (range(1, 2), None)])
    tried = {name: {rate: [(3.0 * number, 20.0 + 9 * number, rate), (50.0, 60.0 + number, 0.1)]
                    for number, rate in enumerate((0.003, 0.01, 0.03))}
             for name in ("same", "beside", "merged", "fresh")}
    yield ("task_rates", task_rates.compute, task_rates.draw, task_rates.alt,
           [((tried, old), ()) for old in (0, 2)])
    yield ("qlora_step", qlora_step.compute, qlora_step.draw, qlora_step.alt,
           [((step,), ()) for step in qlora_step.STEPS])
    yield ("merge_places", merge_places.compute, merge_places.draw, merge_places.alt,
           [(({"4 bits": [[0.9, 0.8]] * 4, "3 bits": [[1.0, 0.2]] * 4},), ())])
    yield ("wide_adapter", wide_adapter.compute, wide_adapter.draw, wide_adapter.alt,
           [((4, 128, 128), ())])
    yield ("reply_cards", reply_cards.compute, reply_cards.draw, reply_cards.alt,
           [((f"Which money do people use in {place}?", "The tugrik.",
              dict.fromkeys(("first model", "same", "beside (after)", "fresh"), text),
              lambda reply, answer: "tugrik" in reply), ())
            for place, text in (("Mongolia", "The tugrik."), ("the Philippines", long))])
    sorted_out = {way: {"bare answer": (number, 2, 38 - number),
                        "second task's sentence": (20, 8, 2), "neither": (0, 1, 29)}
                  for number, way in enumerate(("first model", "same", "beside", "fresh"))}
    yield ("reply_forms", reply_forms.compute, reply_forms.draw, reply_forms.alt,
           [((sorted_out, {"beside": ("second task's sentence", "sentences")}), ())])
    crossed = {(f"{which} frame\nInstruction: … Response:", f"{words}'s words\nName the …"): {
        name: [low, low + 9.0]
        for name, low in (("base", 0.0), ("first model", 91.0), ("beside", 0.0), ("fresh", 40.0))}
        for which in ("old", "new") for words in ("a question", "an instruction")}
    yield ("crossed_prompts", crossed_prompts.compute, crossed_prompts.draw, crossed_prompts.alt,
           [((crossed,), ())])
    cells = strengths_of_two(long)
    yield ("two_adapters", two_adapters.compute, two_adapters.draw, two_adapters.alt,
           [((cells, ("qa", "pirate"), p, q), ()) for p, q in ((0, 0), (1, 0.5), (1.5, 1.5))])


def choices(_: str) -> Frames:
    """Chapter 14, from the recorded runs."""
    rates, ranks, layers = (load_results(group) for group in ("rates", "ranks", "places"))
    yield ("rate_shift", rate_shift.compute, rate_shift.draw, rate_shift.alt,
           [((rates, factor), ()) for factor in (1, 10)])
    yield ("rank_explorer", rank_explorer.compute, rank_explorer.draw, rank_explorer.alt,
           [((ranks, rule, rank, rate), ()) for rule in rank_explorer.RULES
            for rate, rank in ((0.001, 1), (0.01, 64))])
    yield ("rank_explorer without bars", rank_explorer.compute, rank_explorer.draw,
           rank_explorer.alt, [((ranks, "α = 2r", 64, rate, False), ()) for rate in (0.003, 0.01)])
    yield ("alpha_rate", alpha_rate.compute, alpha_rate.draw, alpha_rate.alt,
           [((ranks, axis), ()) for axis in alpha_rate.AXES])
    yield ("batch_sizes", batch_sizes.compute, batch_sizes.draw, batch_sizes.alt,
           [((load_results("batch"),), ())])
    falling = np.outer((0.0123, 0.004, 0.0006), (1, 1.2))
    found = {"α = 16": falling**0 / 400, "α = 2r": falling, "α/√r": falling**0.5 / 10}
    yield ("best_rates", best_rates.compute, best_rates.draw, best_rates.alt,
           [(((1, 8, 64), found), ())])
    five = np.linspace(0.9, 1.1, 5)
    yield ("rank_gain", rank_gain.compute, rank_gain.draw, rank_gain.alt,
           [(({task: {4: 2.3 * five, 8: 0 * five + 1, 64: five / 2}
               for task in ("qa", "instructions", "pirate", "elements", "recipes", "new_facts")},
              8), ())])
    curves = {name: [{"run": {"task": task, "learning_rate": rate, "seed": seed},
                      "dev_loss": scale * loss, "facts": kept}
                     for task in ("qa", "instructions", "pirate", "elements", "recipes",
                                  "new_facts")
                     for rate, loss, kept in ((1e-3, 0.9, 0.99), (3e-3, 0.3, 0.5), (1e-2, 4, 0))
                     for seed in (0, 1)]
              for name, scale in (("rank 8, α = 16", 1), ("rank 64, α = 128", 0.6),
                                  ("rank 8, α = 128", 0.8))}
    yield ("rank_facts", rank_facts.compute, rank_facts.draw, rank_facts.alt,
           [((curves, ("pirate", "elements", "recipes", "new_facts"),
              (("rank 8, α = 16", 3e-3), ("rank 64, α = 128", 1e-3))), ())])
    yield ("target_modules", target_modules.compute, target_modules.draw, target_modules.alt,
           [((layers, budget_, rate), ()) for budget_ in target_modules.BUDGETS
            for rate in (0.003, target_modules.BEST)])


def figures(long: str) -> Frames:
    """All of them; ``long`` is a text longer than any line."""
    yield from goals(long)
    for part in (full, costs, low_ranks, blocks, maths, choices, comparison, serving,
                 beyond_frames.chapter_18, beyond_frames.chapter_19):
        yield from part(long)
