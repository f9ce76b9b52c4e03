"""What the drawings of chapter 6 compute: the numbers of a frame, and what they refuse."""

import numpy as np
import pytest

from lib.figures.gpt import (
    cache_cost,
    cache_flow,
    confidence,
    next_token,
    temperature,
    variety,
)

LOGITS = np.log([0.4, 0.3, 0.1, 0.05, *[0.01] * 15])


def frame(warmth=1.0, top_p=1.0):
    return next_token.compute("Chile", LOGITS, lambda i: f" {i}", warmth, top_p)


def test_a_cut_drops_the_tail_and_scales_the_rest():
    whole, cut = frame(), frame(top_p=0.75)
    assert whole.kept == 19 and whole.mass == pytest.approx(1)
    assert whole.final.sum() + whole.others_final == pytest.approx(1)
    assert whole.others == pytest.approx(0.07)
    assert cut.kept == 3 and cut.mass == pytest.approx(0.8)
    assert np.allclose(cut.final[:4], [0.5, 0.375, 0.125, 0])
    assert np.allclose(cut.warmed, whole.warmed) and cut.others_final == 0
    assert cut.entropy == pytest.approx(0.5 * np.log(2) + 0.375 * np.log(8 / 3)
                                        + 0.125 * np.log(8))


def test_warmth_keeps_the_order_of_the_bars():
    warm, cold = frame(2), frame(0.25)
    assert warm.names == cold.names == tuple(f"\u00b7{i}" for i in range(12))
    assert warm.entropy > frame().entropy > cold.entropy > 0
    assert frame(0.25, 0.5).entropy == 0


def test_entropy_goes_from_nothing_to_uniform():
    data = temperature.compute({"one": LOGITS * 3})
    curve = data.curves["one"]
    assert (np.diff(curve) > 0).all() and curve[0] < 0.01 < np.log(19) - 0.1 < curve[-1]
    assert temperature.entropy(np.array([0.5, 0.5, 0.0])) == pytest.approx(np.log(2))


def test_the_work_is_the_sum_of_all_lengths():
    work = cache_cost.compute(3, 4)
    assert work.without.tolist() == [3, 3 + 4, 3 + 4 + 5, 3 + 4 + 5 + 6]
    assert work.with_cache.tolist() == [3, 4, 5, 6]


def test_with_a_cache_each_token_goes_through_once():
    steps = cache_flow.compute(list("abcde"), 2)
    assert [list(steps.through(k, False)) for k in range(3)] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert [list(steps.through(k, True)) for k in range(3)] == [[0, 1], [2], [3]]
    work = cache_cost.compute(2, 3)
    assert (steps.work(False), steps.work(True)) == (work.without[-1], work.with_cache[-1])


@pytest.mark.parametrize("share, text", [
    (0, "0%"), (0.5, "50%"), (0.992, "99.2%"), (0.0096, "1%"), (0.0004, "0.04%"), (3e-9, "3e-9"),
    (1 - 1e-5, "99.999%"), (1 - 2e-11, "1 \u2212 2e-11"), (1 + 1e-16, "100%"), (9e-15, "9e-15")])
def test_a_probability_is_a_figure_and_no_bound(share, text):
    assert next_token.written(share) == text


def test_what_is_kept_is_not_cut_however_unlikely():
    data = next_token.compute("x", np.r_[100.0, np.zeros(30)], str, 0.5, 1)
    assert data.kept == 31 and data.final[1] > 0 and data.others_final > 0


def test_auc_counts_pairs():
    assert confidence.auc([0.9, 0.5], [0.1, 0.5]) == pytest.approx(3.5 / 4)
    assert confidence.auc([0.2], [0.7]) == 0


def test_variety_averages_over_the_groups():
    counts = np.array([[[1, 9, 1, 0], [3, 7, 2, 2]], [[8, 2, 2, 5], [8, 4, 1, 3]]])
    data = variety.compute([0.5, 1], counts, 10)
    assert data.mean("distinct").tolist() == [2, 8] and data.mean("true").tolist() == [8, 3]
    assert "most, 2, at 0.5" in variety.alt(data) and "most, 4, at 1" in variety.alt(data)


@pytest.mark.parametrize("call, words", [
    (lambda: next_token.compute("x", LOGITS[:12], str, 1, 1), r"shape \(12,\)"),
    (lambda: next_token.compute("x", LOGITS[None], str, 1, 1), r"shape \(1, 19\)"),
    (lambda: frame(top_p=0), "top_p is 0"),
    (lambda: temperature.compute({}), "0 prompts"),
    (lambda: variety.compute([1], np.zeros((2, 5, 3)), 50), r"\(2, 5, 3\)"),
    (lambda: cache_cost.compute(0, 5), "prompt is 0"),
    (lambda: cache_flow.compute("ab", 2), "prompt has 2 of 2"),
    (lambda: confidence.compute({}), r"groups are \[\]"),
    (lambda: confidence.compute({"a": {"x": [1]}, "b": {"y": [1]}}), "the same 1 to 3"),
    (lambda: confidence.compute({"a": {"x": []}}), "no probabilities")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_no_choice_is_no_entropy_and_not_minus_zero():
    sure = np.r_[100.0, np.zeros(30)]
    assert "entropy 0.00 nats" in next_token.alt(next_token.compute("x", sure, str, 0.5, 0.5))
