"""The figures of chapter 4 show what the library computes."""

import numpy as np
import pytest
from helpers import random_config

from lib.figures.gpt import (
    architecture,
    gelu_curve,
    norm_circle,
    parameter_count,
    rows_alike,
)
from lib.layers import gelu
from lib.model import GPTConfig, GPTModel


def live_count(config):
    model = GPTModel(config, np.random.default_rng(0))
    return model, sum(array.size for array in model.parameters().values())


@pytest.mark.parametrize("seed", range(6))
def test_the_boxes_hold_every_parameter(seed):
    model, count = live_count(random_config(np.random.default_rng(seed)))
    parts = architecture.compute(model)
    assert parts.total == count
    d, hidden = model.config.embedding_dimension, model.config.feed_forward_dimension
    assert [part.count for part in parts.block] == [2 * d, 4 * d**2, 2 * d, 2 * d * hidden]
    assert {part.times for part in parts.block} == {model.config.layers}


@pytest.mark.parametrize("d, layers, vocabulary", [(8, 1, 11), (16, 3, 50), (128, 4, 1000)])
def test_the_formula_counts_live_models(d, layers, vocabulary):
    _, count = live_count(GPTConfig(vocabulary, 16, d, layers, 2, 4 * d))
    assert parameter_count.compute(d, layers, vocabulary).total == count


def test_known_models_have_their_published_sizes():
    assert parameter_count.compute(*parameter_count.KNOWN["this model"]).total == 1_044_736
    for name, published in (("GPT-2 XL", 1.5576e9), ("GPT-3", 174.6e9)):
        total = parameter_count.compute(*parameter_count.KNOWN[name]).total
        assert 1 < total / published < 1.06, name


@pytest.mark.parametrize("number, words", [
    (1_044_736, "1.04 million"), (162_167_808, "162 million"), (16.2e6, "16.2 million"),
    (175.2e9, "175 billion"), (900, "900"), (2e12, "2.00 trillion")])
def test_counts_are_written_as_one_says_them(number, words):
    assert parameter_count.rounded(number) == words


@pytest.mark.parametrize("stretch", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_shift_and_stretch_leave_the_output_alone(stretch, shift):
    data, plain = norm_circle.compute(stretch, shift), norm_circle.compute()
    assert np.allclose(data.x.mean(), shift) and np.isclose(data.x.std(), stretch)
    assert np.allclose(data.x_hat, plain.x_hat, atol=1e-4)
    assert np.isclose(np.linalg.norm(data.x_hat), 3**0.5, atol=1e-4)
    assert np.isclose(data.length, plain.length / stretch, rtol=1e-4) and data.length > 0.4
    assert abs(data.dx.sum()) < 1e-9 and abs(data.dx @ data.x_hat) < 1e-3
    # what was taken out is the part along the output and the part along (1, 1, 1)
    rest = data.upstream - data.along - data.dx * stretch
    assert np.allclose(rest, rest.mean(), atol=1e-3)


def test_the_curve_has_the_slope_of_its_values():
    data = gelu_curve.compute()
    assert np.array_equal(data.y, gelu(data.x))
    assert np.allclose(np.gradient(data.y, data.x)[1:-1], data.slope[1:-1], atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_cosines_are_those_of_the_rows_that_are_picked(seed):
    """A map's squares are cosines, whatever the rows' lengths; the mean leaves the diagonal out."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((3, 1, 5, 8))
    data = rows_alike.compute("abcde", {"one": rows, "other": 7 * rows[::-1]},
                              {"one": [1, 2, 3], "other": [4, 5, 6]}, 1)
    x = rows[1, 0]
    told = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in x] for a in x]
    assert np.allclose(data.cosines, told) and data.means == {"one": 2, "other": 5}
    assert np.isclose(rows_alike.mean_cosine(rows[1]), (np.sum(told) - 5) / 20)
    assert np.isclose(rows_alike.mean_cosine(np.tile(rows[1, :, :1], (1, 5, 1))), 1)


@pytest.mark.parametrize("call, words", [
    (lambda: rows_alike.compute("a", {"one": np.ones((3, 1, 1, 2))}, {}, 3), "blocks is 3"),
    (lambda: norm_circle.compute(0.0), "stretch is 0.0"),
    (lambda: parameter_count.compute(0, 4, 1000), "d_model is 0"),
    (lambda: parameter_count.compute(8, 4, -1), "vocabulary is -1")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
