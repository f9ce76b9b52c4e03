"""The figures of the chapter on pre-training: Adam's path is the optimiser's, bins count right."""

import numpy as np
import pytest

from lib.figures.gpt import adam_path, calibration, guess_costs, training_window
from lib.optim import AdamW


def test_the_path_is_that_of_the_librarys_optimiser():
    centres = adam_path.NOISE * np.random.default_rng(0).standard_normal(
        (adam_path.LONGEST, adam_path.DRAWS, 2))
    weight, optimizer = {"w": adam_path.START[None].copy()}, AdamW(adam_path.BETAS)
    for centre in centres[:, 0]:
        gradient = {"w": adam_path.CURVE * (weight["w"] - centre)}
        optimizer.step(gradient, weight, adam_path.RATES[0]["adam"])
    data = adam_path.compute(adam_path.LONGEST)
    assert np.allclose(data.paths["adam"][-1], weight["w"][0], atol=1e-6)
    assert np.allclose(data.moments[:, 0], gradient["w"][0])


def test_a_shorter_path_is_the_beginning_of_a_longer_one():
    short, long = adam_path.compute(5), adam_path.compute(20)
    for way in adam_path.RATES[0]:
        assert np.array_equal(long.paths[way][:6], short.paths[way])
        assert np.array_equal(long.losses[way][:6], short.losses[way])


@pytest.mark.parametrize("turned", adam_path.RATES)
@pytest.mark.parametrize("way", adam_path.TITLES | {"hasty": ""})
def test_each_way_to_move_has_the_rate_that_suits_it(way, turned, monkeypatch):
    found = {}
    for rate in adam_path.TRIED:
        monkeypatch.setitem(adam_path.RATES, turned, {"adam": 0.05} | {way: rate})
        found[rate] = adam_path.compute(12, turned).losses[way][-1]
    monkeypatch.undo()
    assert adam_path.RATES[turned][way] == min(found, key=found.get)


def test_gradient_descent_does_not_see_that_the_valley_is_turned():
    straight, turned = (adam_path.compute(12, degrees).losses for degrees in (0, 45))
    for way in ("gradient", "mean"):
        np.testing.assert_allclose(turned[way], straight[way], rtol=1e-9)
    assert straight["adam"][-1] < 0.3 * straight["gradient"][-1]
    assert turned["adam"][-1] > 0.9 * turned["gradient"][-1]


def test_without_the_correction_the_first_steps_are_longer():
    paths = adam_path.compute(3).paths
    moves = {way: np.abs(np.diff(paths[way], axis=0)[2]) / adam_path.RATES[0][way]
             for way in ("adam", "hasty")}
    assert (moves["hasty"] > 1.4 * moves["adam"]).all()


@pytest.mark.parametrize("step", [0, 41])
def test_a_step_that_there_is_not_is_named(step):
    with pytest.raises(ValueError, match=f"step is {step}"):
        adam_path.compute(step)


def test_a_turn_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="turned is 30"):
        adam_path.compute(5, 30)


def test_bins_hold_means_shares_and_counts():
    tops = np.array([0.1, 0.3, 0.5, 0.5, 0.5, 1.0])
    bins = calibration.compute(tops, [0, 1, 1, 0, 1, 1], (0, 0.5, 1))
    assert bins.count.tolist() == [2, 4]
    assert np.allclose(bins.given, [0.2, 0.625]) and np.allclose(bins.came, [0.5, 0.75])
    assert np.allclose(bins.error, [np.sqrt(0.125), np.sqrt(0.1875 / 4)])


@pytest.mark.parametrize(("tops", "words"), [
    ([0.7, 0.8], "no guess is from 0 to 0.5"), ([0.7], "outcomes")])
def test_bad_guesses_are_named(tops, words):
    with pytest.raises(ValueError, match=words):
        calibration.compute(tops, [1, 0], (0, 0.5, 1))


def test_the_window_says_what_a_guess_may_look_at():
    data = training_window.compute([" a", "<eos>", "The", " city", " of"], 2)
    assert data.begins == 1
    assert "'·city' may look at '·a', 'end of text', 'The', of which the first 1" in \
        training_window.alt(data)
    assert training_window.compute(["One", " old", "<eos>"], 1).begins == 0


@pytest.mark.parametrize("asked", [-1, 2])
def test_a_guess_that_has_no_target_is_named(asked):
    with pytest.raises(ValueError, match=f"asked is {asked}"):
        training_window.compute(["One", " old", " clock"], asked)


def test_running_text_holds_every_piece_once_and_keeps_to_the_width():
    data = guess_costs.compute([" Lima"] * 40, {"it": [0.0, 7.2] * 20})
    lines = guess_costs._lines(data, 3.0)
    assert [at for line in lines for at, _, _ in line] == list(range(40)) and len(lines) > 1
    assert all(line[-1][1] + line[-1][2] <= 3.0 for line in lines)
