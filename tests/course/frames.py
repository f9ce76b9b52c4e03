"""Small data for every figure, and all frames that it gives: shared by the tests of figures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tuning_frames
from matplotlib.figure import Figure

from lib.figures.gpt import (
    adam_path,
    architecture,
    attention_board,
    attention_cost,
    attention_graph,
    attention_map,
    block_pairs,
    cache_cost,
    cache_flow,
    calibration,
    chain_back,
    chances,
    confidence,
    embedding_rows,
    expert_layer,
    fact_answers,
    fact_path,
    found_alone,
    gelu_curve,
    gradient_check,
    guess_costs,
    head_importance,
    head_pairs,
    latent_attention,
    linear_board,
    llama_ladder,
    logit_push,
    lone_space,
    loss_by_rate,
    mean_edge,
    merge_steps,
    merging,
    next_token,
    norm_circle,
    one_way,
    pair_neuron,
    parameter_count,
    patch_swap,
    position_move,
    position_race,
    position_reach,
    position_table,
    position_waves,
    position_ways,
    pretraining,
    prompt_tokens,
    rotary,
    rows_alike,
    shared_keys,
    state_patching,
    step_size,
    sublayer_ablation,
    temperature,
    text_read,
    training_window,
    two_blocks,
    two_choices,
    variety,
    weight_slope,
)
from lib.figures.kit.style import Layout
from lib.figures.lora import gradient_board, matrix_board, rank_alpha, strength
from lib.model import GPTConfig, GPTModel
from lib.positions import sinusoidal_positions
from lib.tokenizer import BPETokenizer

LONG = "Lima Lima is the capital of the country and the city of " + "the river and the " * 12
PROMPTS = ("The capital of France is", "Oxygen is", "The long river of the country runs", "Peru")


@dataclass(frozen=True)
class Frame:
    """One value of each slider: its data, and what else ``draw`` and ``alt`` take."""

    data: Any
    more: tuple
    _draw: Callable[..., Figure]
    _alt: Callable[..., str]

    def draw(self, layout: Layout) -> Figure:
        return self._draw(self.data, *self.more, layout=layout)

    def words(self) -> str:
        return self._alt(self.data, *self.more)


def strengths() -> dict[float, dict[str, Any]]:
    """Return recorded strengths with the answers that are hardest to set: empty, long, ``$``."""
    answers = {0.0: "", 0.5: " Lima.", 1.0: " It costs $5 or $6_a.\n", 2.0: LONG}
    tops = [["<eos>", 0.9987], [" neighbourhoods", 0.001], ["\n", 0.0002], [" $", 0.0],
            ["\ufffd", 0.0]]
    flat = [[" L", 0.2], [" M", 0.2], [" N", 0.2], [" O", 0.2], [" P", 0.2]]
    sure = [[" L", 1.0], *([each, 0.0] for each in (" M", " N", " O", " P"))]
    return {at: {"Peru": {"answer": answer, "top": top}, "task": task, "facts": facts,
                 "old": 0.76 + at**2 / 3}
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


WORDS = ["<eos>", "The", " capital", " of", " neighbours", "ap", "an", " is", " $", "\n", "y",
         "\ufffd", ".", " People", " there", " speak"]


def heads() -> np.ndarray:
    """Return maps (2 layers, 2 heads, 16, 16): one that looks at itself, and three at random."""
    scores = np.random.default_rng(2).normal(0, 2, (2, 2, 16, 16))
    scores[0, 0] = 40 * np.eye(16)
    powers = np.tril(np.exp(scores))
    return powers / powers.sum(-1, keepdims=True)


def steps() -> tuple[list[float], dict[str, list[float]], dict[str, list[tuple[float, float]]]]:
    """Return steps of central differences with made-up errors and losses."""
    sizes = [10 ** (-half / 2) for half in range(2, 25)]
    errors, pairs = {}, {}
    for kind, digits in (("float32", 7), ("float64", 16)):
        errors[kind] = [min(h * h + 10.0**-digits / h, 1.0) for h in sizes]
        pairs[kind] = [(122.2962711 + 250 * h, 122.2962711 - 250 * h) for h in sizes]
    return sizes, errors, pairs


def _figures() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Figure],
                                 Callable[..., str], list[tuple]]]:
    """Yield name, compute, draw, alt, and the arguments of compute and draw for each frame."""
    board = [*((4.0, 1.0, step) for step in range(1, 6)), (64.0, 0.37, 5), (1.0, 0.0, 5)]
    yield ("matrix_board", matrix_board.compute, matrix_board.draw, matrix_board.alt,
           [((alpha, training), (step,)) for alpha, training, step in board])
    yield ("gradient_board", functools.partial(gradient_board.compute, gradient_board.UPSTREAM),
           gradient_board.draw, gradient_board.alt,
           [((alpha, training), (step,)) for alpha, training, step in board])
    yield ("strength", strength.compute, strength.draw, strength.alt,
           [((strengths(), "Peru", at), ()) for at in strengths()]
           + [((strengths(), "Peru", at, strength.QUESTION,
                [{1.0: {"task": 0.96, "facts": kept, "old": 1.1},
                  2.0: {"task": kept, "facts": 0.2, "old": 2.3}} for kept in (0.6, 0.75, 0.9)]), ())
              for at in (0.5, 1.0, 2.0)])
    yield ("strength_old", functools.partial(strength.compute, old_text=True), strength.draw,
           strength.alt, [((strengths(), "Peru", at), ()) for at in strengths()]
           + [((strengths(), "Peru", 1.0, strength.QUESTION,
                [{1.0: {"task": 0.96, "facts": 0.9, "old": 1.1},
                  2.0: {"task": 0.3, "facts": 0.2, "old": 2.3}}]), ())])
    yield ("rank_alpha", rank_alpha.compute, rank_alpha.draw, rank_alpha.alt,
           [((grid(), r, a, 1_044_736), ()) for r, a in ((1, 0.5), (4, 8), (16, 64))])
    yield ("pretraining", pretraining.compute, pretraining.draw, pretraining.alt,
           [((history(), step), ()) for step in (0, 600, 1200)])
    yield ("pretraining_one", pretraining.compute, pretraining.draw, pretraining.alt,
           [((history(1), step), ()) for step in (0, 1200)])
    yield ("training_window", training_window.compute, training_window.draw, training_window.alt,
           [((["ica", ".", "<eos>", "The", " city", " called", " Ch", "is", "ina"], 4), ()),
            ((["One", " old", " clock", " in"], 2), ())])
    yield ("adam_path", adam_path.compute, adam_path.draw, adam_path.alt,
           [((step, turned), ()) for turned in (0, 45) for step in (1, 12, 40)])
    yield ("logit_push", logit_push.compute, logit_push.draw, logit_push.alt,
           [((logit,), ()) for logit in (-2, 1, 6)])
    odds = np.random.default_rng(4).random(4000) ** 0.3
    yield ("calibration", calibration.compute, calibration.draw, calibration.alt,
           [((odds, np.random.default_rng(5).random(4000) < odds), ())])
    sentences = ("The capital of France is Paris, and people there speak French.",
                 "Yamoussoukro costs $5 or $6_a.", "C\u00f4te \u6771\u4eac \U0001f642 <eos>")
    tokenizer = BPETokenizer.train(sentences[:1] * 2 + sentences[1:], 310)
    counts = range(0, len(tokenizer.merges) + 1, 4)
    curve = merging.measure_curve(tokenizer.merges, sentences[:2], counts)
    yield ("merging", merging.compute, merging.draw, merging.alt,
           [((tokenizer.merges, text, count, curve), ()) for text in sentences
            for count in (0, 1, 20, 52)])
    yield ("merge_steps", merge_steps.compute, merge_steps.draw, merge_steps.alt,
           [((tokenizer, piece), ())
            for piece in (" people", "Yamoussoukro", " \u6771\u4eac", " French")])
    asked = [prompt_tokens.Asked(("The", " capital", " of", " Fr", "anc", "e", " is") + last,
                                 (265, 293, 281, 679, 455, 101, 262, 32)[:7 + len(last)], answer)
             for last, answer in (((), "Paris"), ((" ",), "Antananarivo"))]
    yield ("prompt_tokens", prompt_tokens.Prompts, prompt_tokens.draw, prompt_tokens.alt,
           [((tuple(asked[::way]), 7), ()) for way in (1, -1)])
    small = dict(zip(("rain", "read", "rab", "qu", "end"), range(279, 100, -40)))
    yield ("lone_space", lone_space.Followers, lone_space.draw, lone_space.alt,
           [(({"uppercase letters": {"Q": 292, "X": 39}, "lowercase letters": small,
               "signs": {"$": 1}},
              {"uppercase letters": (0, 0), "lowercase letters": (11, 849), "signs": (0, 0)}), ())])
    sure_of = {"order learnt": np.array([0.99] * 6 + [0.3, 0.6, 0.01]),
               "longest first": np.array([0.95] * 5 + [0.3, 0.05, 1e-5, 1e-6])}
    yield "chances", chances.compute, chances.draw, chances.alt, [((sure_of,), ())]
    yield ("attention_map", attention_map.compute, attention_map.draw, attention_map.alt,
           [((WORDS, heads(), layer, head, (7, 15)), ()) for layer in (1, 2) for head in (1, 2)])
    keys = np.array([[2.0, 1, 0, 0], [0, 1, 2, 2], [0, 3, 0, 0]])
    values = np.array([[10.0, 0], [0, 10], [5, 5]])
    yield ("attention_board", attention_board.compute, attention_board.draw, attention_board.alt,
           [((("capital", "Japan", "is"), np.array([first, 0.0, third, 1.0]), keys, values), ())
            for first in (-1.0, 1.0, 3.0) for third in (-1.0, 2.0, 3.0)])
    said = dict(zip(fact_path.GROUPS, ("The capital of", "J|ap|an", "is", "Tok|yo")))
    lost = {("question", "is"): (156, 1, 156), ("name", "is"): (2, 139, 145),
            ("name", "name"): (39, 1, 39), ("question", "answer"): (0, -1, 0),
            ("name", "answer"): (5, 56, 131), ("answer", "answer"): (124, 4, 125),
            ("is", "answer"): (5, 1, 11)}
    yield ("fact_path", fact_path.compute, fact_path.draw, fact_path.alt,
           [((said, lost, 156), ())])
    boxes = {("name", 0): 76, ("is", 0): 40, ("answer", 0): 119, ("is", 1): 80,
             ("answer", 1): 64}
    yield ("fact_path_boxes", fact_path.compute, fact_path.draw, fact_path.alt,
           [((said, lost, 156, None, ("", ""), each, by, marked, finds), ())
            for each, by, marked, finds in (
               (boxes, "mixed mean", (), ""),
               (boxes | {("question", 0): 72}, "language mean",
                (("question", 0), ("is", 0)), ""),
               (boxes | {("question", 0): 72}, "zeros",
                (("question", 0), ("is", 0)), "139 to 144"))])
    others = [(f"The {asks} of", name, "is") for asks, name in (
        ("language", "Chile"), ("currency", "Kenya"), ("continent", "Peru"))]
    yield ("mean_edge", mean_edge.compute, mean_edge.draw, mean_edge.alt,
           [((others, 477, ("The capital of", "Japan", "is"), "the yen"), ())])
    answers = {"fetch the relation": "the yen", "fetch the country": "Beijing"}
    all_answers = answers | {"join": "Tokyo", "enrich": "Beijing", "spell": "Toky",
                             "the country again": "Tegucigalpa"}
    yield ("fact_answers", fact_answers.compute, fact_answers.draw, fact_answers.alt,
           [((said, "The capital of Japan is", each), ()) for each in (answers, all_answers)])
    yield ("fact_path_cut", fact_path.compute, fact_path.draw, fact_path.alt,
           [((said, lost, 156, (path, half), ("The capital of Japan is", " Antananarivo."), each),
             ()) for each in ({}, boxes) for path in lost for half in (0, 1, 2)])
    shares = dict.fromkeys(("country", "relation"), np.array([[0.0, 0.19, 1, 0.28, 0.995]] * 3))
    shares["country"] = np.vstack([np.full(5, np.nan), shares["country"][1:]])
    says = {"country": ("The capital of Peru is", " Antananarivo."),
            "relation": ("The language of Japan is", " Japanese.")}
    yield ("state_patching", state_patching.compute, state_patching.draw, state_patching.alt,
           [((shares, place, block, "The capital of Japan is", says), ())
            for place in state_patching.PLACES for block in (0, 4)])
    yield ("patch_swap", patch_swap.compute, patch_swap.draw, patch_swap.alt,
           [(("The capital of Peru is", "The capital of Japan is", ("Lima", "Tokyo"), place,
              after), ()) for place, after in (("name", 2), ("is", 0))])
    yield ("attention_graph", attention_graph.compute, attention_graph.draw, attention_graph.alt,
           [((direction,), ()) for direction in ("forward", "backward")])
    losses = np.tril(np.arange(64).reshape(8, 8) % 9)
    losses[5, 0] = 156
    losses[3, 1] = -1
    yield ("head_pairs", head_pairs.compute, head_pairs.draw, head_pairs.alt,
           [(([f"{layer}.{head}" for layer in (1, 2) for head in (1, 2, 3, 4)],
              [row[:i + 1] for i, row in enumerate(losses)], 156, "is", by), ())
            for by in ("mixed mean", "zeros", "continent")])
    sets = [("4 edges", "all boxes"), ("5 edges", "all boxes"), ("6 edges", "all boxes"),
            ("6 edges", "6 boxes")]
    found = {"mixed mean": (25, 140, 148, 142), "zeros": (17, 110, 141, 139),
             "single prompts": (0, 156, 156, 90)}
    in_boxes = [("mixed mean", "“Tokyo”"), ("currency mean", "“the yen”"),
                ("zeros", "“,\" said Paul”")]
    lost = {"question": (1, 24, 72), "is": (4, 7, 41), "both": (3, 147, 121)}
    yield ("found_alone", found_alone.compute, found_alone.draw, found_alone.alt,
           [((sets, found, 156), ())])
    yield ("lost_in_boxes", found_alone.compute, found_alone.draw, found_alone.alt,
           [((in_boxes, each, 156, "lost"), ())
            for each in (lost, lost | {"both": (None, None, None)})])
    yield ("head_importance", head_importance.compute, head_importance.draw, head_importance.alt,
           [((np.array([[0.0, 0.5], [0.996, 1.0]]), np.array([[-1, 0], [12, 156]]), 156), ())])
    yield ("attention_cost", attention_cost.compute, attention_cost.draw, attention_cost.alt,
           [((128, 4, 128), ()), ((64, 2, 1024), ())])
    yield ("architecture", architecture.compute, architecture.draw, architecture.alt,
           [((GPTModel(GPTConfig(), np.random.default_rng(0)),), ())])
    yield ("two_blocks", two_blocks.compute, two_blocks.draw, two_blocks.alt, [((), ())])
    yield ("shared_keys", shared_keys.compute, shared_keys.draw, shared_keys.alt,
           [((keys,), ()) for keys in (32, 8, 1)])
    yield ("block_pairs", block_pairs.compute, block_pairs.draw, block_pairs.alt, [((), ())])
    yield ("expert_layer", expert_layer.compute, expert_layer.draw, expert_layer.alt, [((), ())])
    yield ("latent_attention", latent_attention.compute, latent_attention.draw,
           latent_attention.alt, [((), ())])
    rows = {name: np.array([mean + 0.04, mean - 0.06, mean]) for name, mean in zip(
        ("this GPT", "+ RMSNorm", "+ SwiGLU", "+ rotary", "+ grouped queries", "+ tied table"),
        (2.28, 2.31, 2.29, 2.02, 2.05, 2.31))}
    yield ("llama_ladder", llama_ladder.compute, llama_ladder.draw, llama_ladder.alt,
           [((rows, {"+ rotary": rows["+ rotary"] - 0.13, "+ tied table": rows["this GPT"] + 3},
              dict.fromkeys(rows, 1_047_680), state), ())
            for state in ("this GPT", "+ rotary", "+ tied table")])
    yield ("text_read", text_read.compute, text_read.draw, text_read.alt, [((), ())])
    yield ("pair_neuron", pair_neuron.compute, pair_neuron.draw, pair_neuron.alt, [((), ())])
    yield ("gelu_curve", gelu_curve.compute, gelu_curve.draw, gelu_curve.alt, [((), ())])
    kinds = [(kind, block) for block in (1, 2, 3, 4) for kind in ("attention", "feed-forward")]
    yield ("sublayer_ablation", sublayer_ablation.compute, sublayer_ablation.draw,
           sublayer_ablation.alt,
           [(((0.7, 0.992), {kind: (0.7 + 1.6 * share, 1 - share)
                             for kind, share in zip(kinds, (1.0, 0.5, 0.1, -0.001, 0.0, 0.002,
                                                            0.3, 0.4))}), ())])
    ends = dict(zip([(name, rate) for name in ("pre-norm", "post-norm", "pre-norm, scaled",
                                               "post-norm, scaled")
                     for rate in (0.001, 0.003, 0.005, 0.02)],
                    (4.86, 3.74, 3.4, 3.92, 5.06, 4.48, 5.68, 5.69,
                     4.7, 3.57, 3.24, 3.25, 4.74, 3.61, 3.3, 5.69)))
    yield ("two_choices", two_choices.compute, two_choices.draw, two_choices.alt,
           [((ends, 5.69), ())])
    yield ("loss_by_rate", loss_by_rate.compute, loss_by_rate.draw, loss_by_rate.alt,
           [(({"one block": {0.005: (2.4, 2.38), 0.01: (2.19, 2.15), 0.02: (2.25, 2.27)},
               "four blocks": {0.0025: (2.66, 2.68), 0.005: (2.31, 2.33), 0.01: (2.4, 2.46)},
               "four blocks, no norms": {0.0025: (2.4, 2.44), 0.005: (2.33, 2.24),
                                         0.01: (4.2, 4.6)}}, 1400), ())])
    towards = np.random.default_rng(0).standard_normal((5, 1, 13, 8))
    yield ("rows_alike", rows_alike.compute, rows_alike.draw, rows_alike.alt,
           [((["<eos>", *WORDS[:12]],
              {"residual connections": towards, "without them": 3 * towards[::-1]},
              {"residual connections": np.arange(5) / 20, "without them": np.arange(5) / 4},
              blocks),
             ()) for blocks in range(5)])
    yield ("norm_circle", norm_circle.compute, norm_circle.draw, norm_circle.alt,
           [((stretch, shift), ()) for stretch in (0.5, 1.0, 2.0, 3.0)
            for shift in (-3.0, 0.0, 3.0)])
    yield ("parameter_count", parameter_count.compute, parameter_count.draw, parameter_count.alt,
           [((d, n, v), ()) for d in (128, 768, 12_288) for n in (4, 12, 96)
            for v in (1000, 50_257)])
    layer = (np.array([[1.0, 2, -1], [3, 0, 2]]), np.array([[0.5, -1, 2], [1, 0.5, -0.5]]),
             np.array([-1, 0.5]), np.array([[0.5, -1], [2, 1.5]]))
    yield ("linear_board", linear_board.compute, linear_board.draw, linear_board.alt,
           [(layer, (entry,)) for entry in linear_board.compute(*layer).entries()])
    yield ("gradient_check", gradient_check.compute, gradient_check.draw, gradient_check.alt,
           [(("dW = dy.T @ x", layer[3].T @ layer[0], layer[3].T @ layer[0] + 1e-10), ()),
            (("db = dy.mean(0)", layer[3].mean(0), layer[3].sum(0)), ()),
            (("dx = dy @ W.T", np.full((2, 3), -2.274), np.full((2, 3), 4.851)), ())])
    wanted = np.array([[-5.0, 4], [2.5, 1]])
    yield ("weight_slope", weight_slope.compute, weight_slope.draw, weight_slope.alt,
           [((*layer[:3], wanted, weight), ()) for weight in (-1, -0.15, 0.5, 1)])
    table = np.array([[1.0, 2, -1], [0, 1, 1], [3, 0, 2]])
    yield ("chain_back", chain_back.compute, chain_back.draw, chain_back.alt,
           [((table, np.array([0, 2]), *layer[1:3], wanted, step), ())
            for step in chain_back.STEPS])
    places = np.array([[1, 4, 1], [0, 1, 2]])
    rows = np.arange(5)[:, None] + np.array([0, 0.1, 0.2])
    back = np.arange(1, 7).reshape(2, 3, 1) * np.array([1.0, 10, 100])
    yield ("embedding_rows", embedding_rows.compute, embedding_rows.draw, embedding_rows.alt,
           [((rows, places, back, token), ()) for token in range(5)])
    yield ("step_size", step_size.compute, step_size.draw, step_size.alt,
           [((*steps(), h), ()) for h in steps()[0]])
    yield ("position_table", position_table.compute, position_table.draw, position_table.alt,
           [((sinusoidal_positions(128, 128), row), ()) for row in (0, 64, 127)])
    yield ("position_ways", position_ways.compute, position_ways.draw, position_ways.alt,
           [((), ())])
    yield ("position_waves", position_waves.compute, position_waves.draw, position_waves.alt,
           [((10_000.0 ** (-np.arange(16) / 16), name, pair, 128, (0, 4, 8, 15, None)), ())
            for name, pair in (
               ("pair 1, the fastest", 0), ("pair 16, the slowest", 15), ("all 16", None))])
    noise = np.random.default_rng(2)
    raced = {way: 3 + np.array([0.3, 0.1, 0, 0.2])[:, None] + noise.normal(0, 0.02, (4, 2))
             + 0.1 * k for k, way in enumerate(position_race.TONES)}
    yield ("position_race", position_race.compute, position_race.draw, position_race.alt,
           [(({way: each[0, 0] + noise.normal(0, 0.05, 3) for way, each in raced.items()}, 400),
             ())])
    reach = {way: each[0][:, None] + np.linspace(0, 3, 16) for way, each in raced.items()}
    yield ("position_reach", position_reach.compute, position_reach.draw, position_reach.alt,
           [((reach, {way: each[:, ::-1] for way, each in reach.items()}, way), ())
            for way in reach])
    moved = {way: {move: 2 + 0.1 * np.arange(3) + rise for move, rise in rises}
             for way, rises in (("sinusoidal", ((0, 0.2), (46, 0.3), (60, 1.0), (110, 2.1))),
                                ("rotary", ((0, 0), (46, 0), (60, 0), (110, 0))))}
    yield ("position_move", position_move.compute, position_move.draw, position_move.alt,
           [((moved, move), ()) for move in (0, 46, 60, 110)])
    yield ("rotary", rotary.compute, rotary.draw, rotary.alt,
           [((np.array([0.9, 0.3]), np.array([0.5, 0.7]), at, distance, 0.3), ())
            for at in (12, 14, 16, 18, 20, 22) for distance in (0, 2, 4, 7, 10, 12)])
    rng = np.random.default_rng(3)
    flat, sure = rng.normal(0, 0.1, 40), np.r_[30.0, rng.normal(0, 1, 39)]
    yield ("next_token", next_token.compute, next_token.draw, next_token.alt,
           [((LONG[:30], logits, lambda i: WORDS[i % len(WORDS)], warmth, top_p), ())
            for logits in (flat, sure) for warmth in (0.3, 1.0, 2.0) for top_p in (0.5, 1.0)])
    yield ("temperature", temperature.compute, temperature.draw, temperature.alt,
           [(({LONG[:20]: sure, "One": rng.normal(0, 2, 40), "Peru": flat},), ())])
    counts = np.sort(rng.integers(0, 51, (4, 5, 4)), -1)[..., ::-1]
    yield ("variety", variety.compute, variety.draw, variety.alt,
           [(([0.5, 0.8, 1.0, 2.0], counts, 50), ())])
    yield ("cache_cost", cache_cost.compute, cache_cost.draw, cache_cost.alt, [((8, 120), ())])
    yield ("cache_flow", cache_flow.compute, cache_flow.draw, cache_flow.alt,
           [((["<eos>", " Ch", "ile", " is", " a", " country", " in"], 3), ())])
    yield ("guess_costs", guess_costs.compute, guess_costs.draw, guess_costs.alt,
           [((WORDS, {"before": [6.9] * 16, "after": [0.0, 9.4] * 8}), ())])
    yield ("guess_costs_long", guess_costs.compute, guess_costs.draw, guess_costs.alt,
           [((2 * WORDS, {"the trained model": [0.0, 7.2] * 16}), ())])
    yield ("one_way", one_way.compute, one_way.draw, one_way.alt,
           [(({"country first": [[16, 0]] * 3, "both ways": [[16, 15]]}, 16), ())])
    shares = {group: rng.random(20) for group in ("known", "invented", "unknown")}
    yield ("confidence", confidence.compute, confidence.draw, confidence.alt,
           [(({"capital": shares, "language": shares, "currency": shares},), ())])
    yield from tuning_frames.figures(LONG)


def frames() -> dict[str, list[Frame]]:
    """Return all frames of every figure, by the figure's name."""
    return {name: [Frame(compute(*first), second, draw, alt) for first, second in values]
            for name, compute, draw, alt, values in _figures()}
