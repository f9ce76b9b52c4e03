"""What the drawings of chapter 14 compute: which runs count, which rate is best, refusals."""

import numpy as np
import pytest

from lib.figures.lora import (
    alpha_rate,
    batch_sizes,
    best_rates,
    rank_explorer,
    rank_facts,
    rank_gain,
    rate_shift,
    target_modules,
)


def line(answers, dev, facts=0.9, seed=0, **run):
    """A line like the laboratory's: shares answered on test and on dev, which are losses, too."""
    usual = {"task": "qa", "method": "lora", "rank": 8, "alpha": 16.0, "rule": "alpha/r",
             "target_modules": ("query",), "learning_rate": 1e-3}
    return {"run": usual | run | {"seed": seed}, "answers": answers, "dev_answers": dev,
            "loss": 1 - answers, "dev_loss": 1 - dev, "facts": facts, "parameters": 100}


def test_only_seeds_count_that_went_through_all_rates():
    explorer = rank_explorer.compute([*explorer_lines(), line(
        0.7, 0.9, rank=8, alpha=16.0, learning_rate=0.1, seed=2)], "α = 2r", 8, 0.1)
    assert [len(seeds) for seeds in explorer.scores[0]] == [2, 2]
    assert rank_explorer.means(explorer.scores)[0, 1] == pytest.approx(0.9)


def explorer_lines():
    """Two ranks and two rates under the rule alpha = 2r, and others at rank 2 that break it."""
    kept = [line(answers, dev, rank=rank, alpha=2.0 * rank, learning_rate=rate, seed=seed)
            for rank, rate, answers, dev in ((2, 0.1, 0.7, 0.2), (2, 0.2, 0.6, 0.3),
                                             (8, 0.1, 0.9, 0.9), (8, 0.2, 0.1, 0.8))
            for seed in range(2)]
    return [*kept, line(0.0, 0.99, rank=2, alpha=16.0, learning_rate=0.1, facts=0.2),
            line(0.0, 0.99, rank=2, alpha=4.0, rule="alpha/sqrt(r)", learning_rate=0.1)]


def test_the_explorer_takes_the_runs_of_its_rule():
    data = rank_explorer.compute(explorer_lines(), "α = 2r", 8, 0.2)
    assert data.ranks == (2, 8) and data.rates == (0.1, 0.2) and data.best == (1, 0)
    assert rank_explorer.means(data.scores).shape == (2, 2) and data.here.tolist() == [0.1, 0.1]
    assert data.factor == 2 and data.floors == (0.0, 0.2)
    assert rank_explorer.compute(explorer_lines(), "α/√r", 2, 0.1).factor == \
        pytest.approx(4 / np.sqrt(2))
    assert "does best at 0.1: 90%" in rank_explorer.alt(data)


def test_settings_gather_where_their_product_is_the_same():
    settings = ((1, 2.0, 0.1, 0.2), (1, 4.0, 0.1, 0.95), (4, 8.0, 0.05, 0.91), (4, 8.0, 0.1, 0.92),
                (4, 8.0, 0.2, 0.5), (8, 4.0, 0.9, 0.99))
    lines = [line(answers, 0.5, rank=rank, alpha=alpha, learning_rate=rate, seed=seed)
             for rank, alpha, rate, answers in settings for seed in range(2)]
    lines.append(line(0.0, 0.5, rank=1, alpha=4.0, learning_rate=0.1, seed=2))  # a third seed
    lines.append(line(0.0, 0.5, rank=1, alpha=4.0, learning_rate=0.1, rule="alpha/sqrt(r)"))
    data = alpha_rate.compute(lines, "α × rate")
    assert data.places.tolist() == pytest.approx([0.2, 0.4, 0.4, 0.8, 1.6, 3.6])
    assert data.good.tolist() == [1, 2, 3]  # the last one is good, but alone
    assert "has 3 settings, from 0.4 to 0.8: 91% to 95%. Rank 8: 99% at 3.6." in \
        alpha_rate.alt(data)
    data = alpha_rate.compute(lines, "rate")  # only 0.05 and 0.9 are good, and not in a row
    assert len(data.good) == 0 and "no stretch" in alpha_rate.alt(data)


def shift_lines(factor):
    """Two seeds of both methods, LoRA's losses at ``factor`` times the rate; and a third seed."""
    return [line(0.5, 0.5, method=method, learning_rate=rate * times, seed=seed) | {"loss": loss}
            for method, times in (("full", 1), ("lora", factor)) for seed in range(3)
            for rate, loss in ((1e-3, 2.0), (1e-2, 1.0), (1e-1, 9.0 if method == "lora" else 1.3))
            if seed < 2 or rate == 1e-2]


def test_pairs_agree_at_the_factor_between_the_curves():
    data = rate_shift.compute(shift_lines(10), 10)
    assert data.pairs == (2, 3)  # the last pair is far apart
    rates, losses = data.curves["qa"]["lora"]
    assert rates.tolist() == pytest.approx([1e-3, 1e-2, 1e-1]) and losses.tolist() == [2, 1, 9]
    assert rate_shift.compute(shift_lines(10), 1).pairs == (0, 2)
    assert "divided by 10" in rate_shift.alt(data) and "2 of 3 pairs" in rate_shift.alt(data)


def batch_lines():
    """Two batch sizes, of which the larger does best at the higher rate."""
    return [line(dev, dev, method=method, batch=batch, learning_rate=rate, seed=seed)
            for method in ("full", "lora") for batch, best in ((4, 1e-3), (64, 1e-2))
            for rate in (1e-3, 1e-2) for seed in range(3 if rate == best else 2)
            for dev in [0.9 if rate == best else 0.5]]


def test_each_batch_size_is_shown_at_its_best_rate():
    data = batch_sizes.compute(batch_lines())
    assert data.sizes == (4, 64) and data.means("loss", "lora").tolist() == pytest.approx([0.1] * 2)
    assert [len(seeds) for seeds in data.scores["answers"]["full"]] == [3, 3]
    assert "LoRA from 0.100 nats at batches of 4 to 0.100 at 64" in batch_sizes.alt(data)


def layer_lines():
    return [line(answers, dev, rank=rank, learning_rate=rate, target_modules=place)
            for place, more in ((("query",), 36), (tuple("abcdef"), 4)) for rank in (8, more)
            for rate, answers, dev in ((0.1, 0.5, 0.9), (0.2, 0.8, 0.3 + rank / 50))]


def test_places_go_by_budget_and_by_their_own_best_rate():
    rows = target_modules.compute(layer_lines(), "equal parameters", target_modules.BEST).rows
    assert [(row.name, row.rank, row.rate) for row in rows] == [("query", 36, 0.2),
                                                               ("all six", 4, 0.1)]
    same = target_modules.compute(layer_lines(), "equal rank", 0.2)
    assert [row.rank for row in same.rows] == [8, 8] and same.floors == (0.5, 0.9)
    assert same.rows[0].scores.tolist() == [0.8]
    more = [*layer_lines(), line(0.1, 0.9, learning_rate=0.2, seed=2)]
    assert target_modules.compute(more, "equal rank", 0.2).rows[0].scores.tolist() == [0.8]


def test_best_rates_are_geometric_means_of_the_seeds():
    data = best_rates.compute((1, 8), {"α = 16": np.array([[0.001, 0.004], [0.002, 0.002]])})
    assert data.mean("α = 16").tolist() == pytest.approx([0.002, 0.002])
    assert "α = 16 from 0.0020 at rank 1 to 0.0020 at rank 8" in best_rates.alt(data)


def test_a_gain_is_a_ratio_of_each_seed_and_of_the_means():
    data = rank_gain.compute({"qa": {64: np.array([1.0, 1.0]), 4: np.array([2.0, 6.0]),
                                     8: np.array([1.0, 3.0])}}, 8)
    assert {rank: each.tolist() for rank, each in data.ratios["qa"].items()} == {
        4: [2, 2], 64: [1, pytest.approx(1 / 3)]}
    assert data.means["qa"] == {4: 2, 64: 0.5} and data.at_base == {"qa": 2}
    assert "qa 2.00 and 0.50" in rank_gain.alt(data)


def test_facts_over_loss_are_means_of_two_seeds_up_to_the_best_rate():
    runs = [{"run": {"task": "qa", "learning_rate": rate, "seed": seed},
             "dev_loss": loss + seed, "facts": 0.5}
            for rate, loss in ((3.0, 4.0), (2.0, 1.0), (1.0, 2.0)) for seed in (0, 1, 2)]
    data = rank_facts.compute({"rank 8": runs}, ["qa"])
    assert data.curves["qa"]["rank 8"].tolist() == [[1, 2.5, 0.5], [2, 1.5, 0.5]]
    assert "qa: rank 8 50% at 2.50 50% at 1.50." in rank_facts.alt(data)


def test_an_arrow_counts_where_both_get_better():
    runs = {name: [{"run": {"task": task, "learning_rate": 1.0, "seed": seed}, "dev_loss": loss,
                    "facts": kept} for task, kept in facts.items() for seed in (0, 1)]
            for name, loss, facts in (("a", 2.0, {"qa": 0.5, "pirate": 0.5}),
                                      ("b", 1.0, {"qa": 0.6, "pirate": 0.4}))}
    data = rank_facts.compute(runs, ["qa", "pirate"], (("a", 1.0), ("b", 1.0)))
    assert data.better == 1 and data.arrow("qa").tolist() == [[2, 0.5], [1, 0.6]]
    assert "to more facts on 1 of 2" in rank_facts.alt(data)


@pytest.mark.parametrize("call, words", [
    (lambda: alpha_rate.compute([line(0.5, 0.5)], "α"), "allowed are rate"),
    (lambda: alpha_rate.compute([], "rate"), "no runs"),
    (lambda: alpha_rate.compute([line(0.5, 0.5, rank=rank) for rank in range(1, 7)], "rate"),
     "6 ranks, at most 5"),
    (lambda: rank_facts.compute({"a": []}, ["qa"]), "no runs on qa"),
    (lambda: rank_facts.compute(dict.fromkeys("abcd", []), []), "at most 3"),
    (lambda: best_rates.compute((1, 8), {"α": np.ones((3, 2))}), "shape"),
    (lambda: best_rates.compute((1,), dict.fromkeys("abcd", np.ones((1, 2)))), "at most 3"),
    (lambda: rank_gain.compute({"qa": {4: [1.0], 8: [1.0]}}, 8), "not 8 and 2 others"),
    (lambda: batch_sizes.compute(batch_lines()[:10]), "no lora runs of batch size 4"),
    (lambda: batch_sizes.compute([]), "no full runs of batch size 0"),
    (lambda: rate_shift.compute(shift_lines(10), 0), "factor is 0"),
    (lambda: rate_shift.compute(shift_lines(10)[:3], 1), "qa has no lora runs"),
    (lambda: rank_explorer.compute(explorer_lines(), "α = r", 8, 0.2), "rule is 'α = r'"),
    (lambda: rank_explorer.compute(explorer_lines(), "α = 2r", 4, 0.2), "allowed are 2, 8"),
    (lambda: rank_explorer.compute(explorer_lines(), "α = 2r", 8, 0.3), "allowed are 0.1, 0.2"),
    (lambda: target_modules.compute(layer_lines(), "equal", 0.1), "budget is 'equal'"),
    (lambda: target_modules.compute(layer_lines(), "equal rank", 0.3), "own best, 0.1, 0.2")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
