"""Cross-entropy against its definition, ignored targets, extremes, what is refused."""

import math

import numpy as np
import pytest
from helpers import picture, refused
from hypothesis import given
from hypothesis import strategies as st

from lib.losses import (
    IGNORE,
    cross_entropy,
    cross_entropy_loss,
    cross_entropy_loss_backward,
)


def batches(seed, ignored=0.3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    logits = (3 * rng.standard_normal((*shape, int(rng.integers(1, 9))))).astype(dtype)
    targets = rng.integers(0, logits.shape[-1], shape)
    targets[rng.random(shape) < ignored] = IGNORE
    targets[(0,) * len(shape)] = 0
    return logits, targets


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.9]))
def test_loss_and_gradient_equal_the_definition(seed, ignored):
    logits, targets = batches(seed, ignored)
    before = picture([logits, targets])
    terms, wanted = [], np.zeros_like(logits)
    for place in np.ndindex(targets.shape):
        if targets[place] != IGNORE:
            chances = np.exp(logits[place]) / np.exp(logits[place]).sum()
            terms.append(-math.log(chances[targets[place]]))
            wanted[place] = chances
            wanted[place][targets[place]] -= 1
    loss, grad = cross_entropy(logits, targets)
    assert loss == pytest.approx(sum(terms) / len(terms), rel=1e-12) and type(loss) is float
    np.testing.assert_allclose(grad, wanted / len(terms), atol=1e-14)
    assert cross_entropy_loss(logits, targets) == loss
    assert np.array_equal(cross_entropy_loss_backward(logits, targets), grad)
    assert picture([logits, targets]) == before


@given(st.integers(0, 10**6))
def test_gradient_of_each_counted_row_adds_up_to_zero(seed):
    logits, targets = batches(seed)
    grad = cross_entropy_loss_backward(logits, targets)
    assert grad.shape == logits.shape
    np.testing.assert_allclose(grad.sum(-1), 0, atol=1e-14)
    assert not grad[targets == IGNORE].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ignored", [0.0, 0.5])
def test_gradient_keeps_the_dtype(dtype, ignored):
    assert cross_entropy_loss_backward(*batches(3, ignored, dtype)).dtype == dtype


def test_equal_logits_give_the_log_of_the_vocabulary():
    loss, grad = cross_entropy(np.zeros((2, 3, 1000), np.float32), np.full((2, 3), 7))
    assert loss == pytest.approx(math.log(1000), rel=1e-6)
    assert grad[0, 0, 0] == pytest.approx(1 / 6000) and grad[0, 0, 7] == pytest.approx(-0.999 / 6)


def test_adding_a_number_to_a_row_changes_nothing():
    logits, targets = batches(1)
    moved = logits + np.arange(targets.size).reshape(targets.shape)[..., None]
    assert cross_entropy_loss(moved, targets) == pytest.approx(cross_entropy_loss(logits, targets))


def test_extreme_logits_neither_overflow_nor_vanish():
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    assert cross_entropy_loss(logits, np.array([0, 1])) == 0
    loss, grad = cross_entropy(logits, np.array([1, 1]))
    assert loss == pytest.approx(1e4) and grad[0].tolist() == [0.5, -0.5]


def test_what_is_ignored_carries_no_loss():
    logits, targets = batches(2)
    changed = logits.copy()
    changed[targets == IGNORE] = 99
    assert IGNORE == -100
    assert cross_entropy_loss(changed, targets) == cross_entropy_loss(logits, targets)


@pytest.mark.parametrize("function", [cross_entropy, cross_entropy_loss,
                                      cross_entropy_loss_backward])
@pytest.mark.parametrize("targets, words", [
    (np.zeros((2, 4), int), ["(2, 4)", "(2, 3, 5)", "(2, 3)"]),
    (np.zeros((2, 3, 5), int), ["(2, 3, 5)", "(2, 3)"]), (np.zeros(6, int), ["(6,)", "(2, 3)"]),
    (np.full((2, 3), 5), ["target 5", "0 to 4", "-100"]),
    (np.full((2, 3), -1), ["target -1", "0 to 4", "-100"]),
    (np.full((2, 3), IGNORE), ["all 6", "-100", "no loss"])])
def test_targets_that_do_not_fit(function, targets, words):
    logits = np.ones((2, 3, 5))
    with refused(*words, unchanged=[logits, targets]):
        function(logits, targets)
