"""AdamW against its formulas written out, clipping, the learning-rate schedule."""

import math

import numpy as np
import pytest
from helpers import as_bytes, picture, refused
from hypothesis import given
from hypothesis import strategies as st

from lib.optim import AdamW, clip_gradient_norm, warmup_cosine


def plain_adamw(start, gradients, rates, betas, epsilon, decay):
    """One number after the other, straight from the paper's algorithm 2."""
    value, m, v = start, 0.0, 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = m / (1 - betas[0]**t)
        v_hat = v / (1 - betas[1]**t)
        value = value - rate * decay * value - rate * m_hat / (math.sqrt(v_hat) + epsilon)
    return value


@pytest.mark.parametrize("betas, epsilon, decay", [
    ((0.9, 0.999), 1e-8, 0.0), ((0.9, 0.99), 1e-8, 0.1), ((0.5, 0.7), 0.3, 0.5)])
def test_several_steps_equal_the_formulas(betas, epsilon, decay, rng):
    shapes = {"matrix": (3, 4), "vector": (5,)}
    parameters = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    starts = {name: array.copy() for name, array in parameters.items()}
    rates = [0.1, 0.05, 0.2, 0.01, 0.3, 0.1, 0.1]
    gradients = [{name: rng.standard_normal(shape) for name, shape in shapes.items()}
                 for _ in rates]
    optimizer = AdamW(betas, epsilon, decay)
    for found, rate in zip(gradients, rates, strict=True):
        optimizer.step(found, parameters, rate)
    assert optimizer.steps == len(rates)
    for name, shape in shapes.items():
        for place in np.ndindex(shape):
            wanted = plain_adamw(starts[name][place], [found[name][place] for found in gradients],
                                 rates, betas, epsilon, decay if name == "matrix" else 0.0)
            assert parameters[name][place] == pytest.approx(wanted, rel=1e-12), (name, place)


def test_the_defaults_are_the_usual_ones():
    optimizer = AdamW()
    assert optimizer.betas == (0.9, 0.999) and optimizer.epsilon == 1e-8
    assert optimizer.weight_decay == 0.0


def test_the_first_step_is_the_learning_rate_against_the_sign():
    parameters = {"w": np.array([[1.0, 1.0, 1.0]])}
    AdamW().step({"w": np.array([[5.0, -0.002, 0.0]])}, parameters, 0.1)
    np.testing.assert_allclose(parameters["w"], [[0.9, 1.1, 1.0]], rtol=1e-5)


def test_it_finds_the_bottom_of_a_bowl():
    bottom, parameters, optimizer = np.array([[3.0, -2.0]]), {"w": np.zeros((1, 2))}, AdamW()
    for step in range(500):
        optimizer.step({"w": parameters["w"] - bottom}, parameters, 0.1 * 0.99**step)
    np.testing.assert_allclose(parameters["w"], bottom, atol=1e-3)


def test_decay_shrinks_matrices_only_and_without_a_gradient():
    parameters = {"w": np.full((2, 2), 8.0), "gamma": np.full(2, 8.0)}
    AdamW(weight_decay=0.5).step({"w": np.zeros((2, 2)), "gamma": np.zeros(2)}, parameters, 0.5)
    assert (parameters["w"] == 6).all() and (parameters["gamma"] == 8).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1)])
def test_parameters_change_in_place_and_everything_keeps_its_dtype(dtype, rate, rng):
    parameters = {"w": rng.standard_normal((3, 2)).astype(dtype)}
    gradients = {"w": rng.standard_normal((3, 2)).astype(dtype)}
    array, before, kept = parameters["w"], parameters["w"].copy(), picture(gradients)
    optimizer = AdamW(weight_decay=0.1)
    clipped = clip_gradient_norm(gradients, np.float64(0.5))
    assert clipped["w"].dtype == dtype
    for _ in range(3):
        optimizer.step(clipped, parameters, rate)
    assert parameters["w"] is array and not np.array_equal(array, before)
    assert picture(gradients) == kept
    for state in (parameters, optimizer.first, optimizer.second):
        assert state["w"].dtype == dtype and state["w"].shape == (3, 2)
    assert not np.shares_memory(optimizer.first["w"], gradients["w"])


@pytest.mark.parametrize("gradients, words", [
    ({"a": np.ones(2)}, ["same names", "'b'"]),
    ({"a": np.ones(2), "b": np.ones((2, 2)), "c": np.ones(1)}, ["same names", "'c'"]),
    ({}, ["same names", "'a'"]),
    ({"a": np.ones(2), "b": np.ones((2, 3))}, ["gradient of b", "(2, 3)", "(2, 2)"]),
    ({"a": np.ones(1), "b": np.ones((2, 2))}, ["gradient of a", "(1,)", "(2,)"])])
def test_gradients_that_do_not_fit_change_nothing(gradients, words):
    parameters, optimizer = {"a": np.ones(2), "b": np.ones((2, 2))}, AdamW()
    optimizer.step({"a": np.ones(2), "b": np.ones((2, 2))}, parameters, 0.1)
    with refused(*words, unchanged=[parameters, optimizer, gradients]):
        optimizer.step(gradients, parameters, 0.1)


@given(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3), st.floats(0.01, 300))
def test_clipping_scales_all_gradients_by_one_factor(numbers, most):
    gradients = {"a": np.array(numbers[:2]), "b": np.array([[numbers[2]]])}
    before, norm = as_bytes(gradients), math.hypot(*numbers)
    clipped = clip_gradient_norm(gradients, most)
    assert as_bytes(gradients) == before and list(clipped) == ["a", "b"]
    factor = min(1.0, most / norm) if norm else 1.0
    for name, gradient in gradients.items():
        np.testing.assert_allclose(clipped[name], gradient * factor, rtol=1e-9, atol=1e-300)
    if norm <= most * (1 - 1e-12):
        assert all(clipped[name] is gradient for name, gradient in gradients.items())


def test_clipping_by_hand():
    clipped = clip_gradient_norm({"a": np.array([3.0]), "b": np.array([[4.0]])}, 1.0)
    assert clipped["a"] == pytest.approx(0.6) and clipped["b"] == pytest.approx(0.8)


@pytest.mark.parametrize("most", [0, -1.0, np.nan])
def test_clipping_needs_a_norm_above_zero(most):
    gradients = {"a": np.ones(2)}
    with refused(f"max_norm is {most}", "above 0", unchanged=gradients):
        clip_gradient_norm(gradients, most)


def test_schedule_rises_to_its_peak_and_falls_to_its_end():
    rates = [warmup_cosine(step, 100, 0.2, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[9] == rates[10] == 0.2 == max(rates)
    assert rates[99] == pytest.approx(0.01) == min(rates)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    np.testing.assert_allclose(np.diff(rates[:10]), 0.02)


@pytest.mark.parametrize("step", [0, 7, 25, 40, 50])
def test_schedule_is_half_a_cosine(step):
    wanted = 0.3 * (0.1 + 0.9 * (1 + math.cos(math.pi * step / 50)) / 2)
    assert warmup_cosine(step, 51, 0.3, final=0.1) == pytest.approx(wanted)


def test_schedule_without_warmup_of_one_step_and_beyond_the_end():
    assert warmup_cosine(0, 100, 0.2) == 0.2
    assert warmup_cosine(0, 1, 0.2) == 0.2
    assert warmup_cosine(500, 100, 0.2) == pytest.approx(0.01)
