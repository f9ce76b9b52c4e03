"""The figures of full fine-tuning show what was measured."""

import numpy as np
import pytest

from lib.figures.finetuning import batch_mask, first_run, learning_rates, overfitting, weight_map
from lib.losses import IGNORE
from lib.model import GPTConfig, GPTModel
from lib.training import pad

FEW = [{"step": step, "train": train, "dev": dev, "answers": answers} for step, train, dev, answers
       in ((5, 3.4, 3.0, 0.0), (20, 0.3, 1.2, 0.61), (75, 0.05, 1.4, 0.58))]
MANY = [{"step": step, "dev": 2.0, "answers": 0.5} for step in (10, 150)]


def lines(scored=True):
    """Recorded runs at two rates, two seeds each, the higher rate first."""
    answers = {"answers": 0.9, "dev_answers": 0.8} if scored else {"dev_answers": None}
    return [{"run": {"task": "qa", "learning_rate": rate, "seed": seed, "steps": 30, "batch": 16},
             "loss": 10 * rate + seed, "facts": 0.5 + seed / 4, **answers,
             "curve": [[10, 3.0 + seed, 2.0, None, 1.0, ""], [30, rate, 7 * rate, None, 1.0, ""]]}
            for rate in (0.02, 0.01) for seed in (0, 1)]


def changes(factor=1.0, layers=2):
    model = GPTModel(GPTConfig(50, 16, 8, layers, 2, 16), np.random.default_rng(0))
    return {name: factor * (k + 1) / 1000 for k, name in enumerate(model.parameters())}


def test_every_place_of_a_batch_is_prompt_answer_or_padding():
    examples = [([9, 1, 2], [3, 9]), ([9, 4], [5, 6, 7, 9]), ([9], [8])]
    data = batch_mask.compute(examples, pad(examples)[1], IGNORE)
    p, a, empty = batch_mask.PROMPT, batch_mask.ANSWER, batch_mask.PADDING
    assert data.kinds.tolist() == [[p, p, a, a, empty], [p, a, a, a, a], [a] + [empty] * 4]
    assert (data.count(p), data.count(a), data.count(empty)) == (3, 7, 5)
    assert "Only the 7 places" in batch_mask.alt(data) and "row 1" not in batch_mask.alt(data)
    said = batch_mask.compute(examples, pad(examples)[1], IGNORE, ("Q|:", " Europe|."))
    assert "In row 1 the targets are Q|:, ignored, and then  Europe|." in batch_mask.alt(said)


def test_the_map_has_a_cell_for_every_array():
    found = changes()
    data = weight_map.compute({0: changes(0), 7: found}, 7)
    ax = weight_map.draw(data).axes[0]
    shown = [text.get_text() for text in ax.texts]
    assert len(shown) == len(ax.patches) == len(found) == 24
    assert sorted(shown) == sorted(map(weight_map.thousandths, found.values()))
    assert data.most == max(found.values())
    words = weight_map.alt(data)
    assert "projection by 24.0" in words and "embedding by 1.0" in words


def test_the_parts_of_the_map_are_means():
    data = weight_map.compute({0: changes(0), 5: changes(0.5), 7: changes()}, 7)
    found = weight_map.groups(data)
    matrices = [value for name, value in data.now.items() if "layers" in name
                and name.endswith("weights")]
    assert len(matrices) == 12 and np.allclose(found["blocks"][0], np.mean(matrices) * np.r_[.5, 1])
    assert np.allclose(found["embedding"][0], [0.0005, 0.001])


@pytest.mark.parametrize("move, words", [(0.0074, "7.4"), (0.002, "2.0"), (0.00029, ".29"),
                                         (0.000996, "1.0"), (0.0, "0")])
def test_moves_are_written_in_thousandths(move, words):
    assert weight_map.thousandths(move) == words


def test_rates_are_sorted_and_keep_their_seeds_apart():
    data = learning_rates.compute(lines(), "qa", 0.02, 160)
    assert list(data.curves) == [0.01, 0.02] and data.epochs == 3 and data.scored
    assert data.curves[0.02].shape == (2, 2, 2)
    assert data.curves[0.02][1].tolist() == [[4.0, 2.0], [0.02, 0.14]]
    assert data.shares[0.01]["facts"].tolist() == [0.5, 0.75]
    assert np.isclose(data.test_loss, 0.7)
    words = learning_rates.alt(data)
    assert "dev 80%, test 90%" in words and "dev loss 0.140" in words


def test_a_rate_of_other_tasks_is_said_to_be_missing():
    other = [line | {"run": line["run"] | {"task": "elements", "learning_rate": 0.03}}
             for line in lines()]
    data = learning_rates.compute(lines() + other, "qa", 0.03, 160)
    assert not data.ran and "not run at learning rate 0.03" in learning_rates.alt(data)
    assert len(learning_rates.draw(data).axes[0].lines) == 2


def test_a_task_without_answers_says_so():
    data = learning_rates.compute(lines(scored=False), "qa", 0.01, 160)
    assert not data.scored and "no answers to score" in learning_rates.alt(data)


def test_the_lowest_held_out_loss_is_named():
    data = overfitting.compute(FEW, MANY, (32, 1500), 75)
    assert data.epochs == 37.5 and data.now("dev") == 1.4
    assert "lowest at step 20" in overfitting.alt(data)


def test_a_first_run_says_what_it_changed():
    data = first_run.compute([(0, 4.8, 0), (300, 0.04, 0.96)],
                             [("Q: a?", " b.", " c", " b.")], (0.0, 0.93))
    assert data.title == "300 steps: from 0% to 93% of the test questions"
    assert "'Q: a?' is answered 'c' before and 'b.' after" in first_run.alt(data)
    assert "0% at step 0, 96% at step 300" in first_run.alt(data)


@pytest.mark.parametrize("call, words", [
    (lambda: batch_mask.compute([([1], [2])], np.zeros((2, 3)), IGNORE), "1 examples and 2 rows"),
    (lambda: weight_map.compute({0: changes()}, 3), "step is 3; allowed are 0"),
    (lambda: weight_map.compute({0: {"token_embedding.weights": 0.1}}, 0), "final_norm.beta"),
    (lambda: weight_map.compute({0: changes() | {"other": 0.1}}, 0), "other is missing or unknown"),
    (lambda: weight_map.compute({0: {name: 0.1 for name in changes() if "up_" not in name}}, 0),
     "up_linear.weights'. is missing"),
    (lambda: learning_rates.compute(lines(), "qa", 0.5, 160), "rate of qa is 0.5; .* 0.01, 0.02"),
    (lambda: first_run.compute([(0, 5, 0)], [("Q: a?", " b.", "", "")], (0, 1)), "1 measurements"),
    (lambda: overfitting.compute(FEW, MANY, (32, 1500), 6), "step is 6; allowed are 5, 20, 75")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
