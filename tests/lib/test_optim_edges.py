"""The optimiser at its edges: short memories, odd shapes, what the messages name."""

import math

import numpy as np
import pytest
from helpers import refused

from lib.optim import AdamW, warmup_cosine


@pytest.mark.parametrize("betas", [(0.3, 0.4), (0.0, 0.0), (0.4, 0.1)])
def test_moments_with_a_short_memory(betas, rng):
    gradients, parameter, optimizer = rng.standard_normal((4, 2, 3)), np.zeros((2, 3)), AdamW(betas)
    first, second = np.zeros((2, 3)), np.zeros((2, 3))
    for gradient in gradients:
        optimizer.step({"w": gradient}, {"w": parameter}, 0.1)
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
    np.testing.assert_allclose(optimizer.first["w"], first, rtol=1e-12)
    np.testing.assert_allclose(optimizer.second["w"], second, rtol=1e-12)


@pytest.mark.parametrize("shape, decays", [((3,), False), ((3, 2), True), ((2, 3, 2), True)])
def test_decay_begins_with_the_second_axis(shape, decays):
    parameter = np.full(shape, 4.0)
    AdamW(weight_decay=0.5).step({"w": np.zeros(shape)}, {"w": parameter}, 0.5)
    assert (parameter == (3.0 if decays else 4.0)).all()


def test_names_that_only_one_side_has_are_named_up_to_three():
    gradients = {name: np.ones(1) for name in "abcx"}
    parameters = {name: np.ones(1) for name in "adex"}
    with refused("only one of the two has ['b', 'c', 'd']", unchanged=parameters):
        AdamW().step(gradients, parameters, 0.1)


@pytest.mark.parametrize("rate", [-1e-9, float("inf"), math.inf, math.nan])
def test_learning_rates_that_are_none(rate):
    parameters = {"a": np.ones(1)}
    with refused(f"learning_rate is {rate}", "at least 0", unchanged=parameters):
        AdamW().step({"a": np.ones(1)}, parameters, rate)


def test_a_learning_rate_of_zero_changes_only_the_state():
    parameters, optimizer = {"a": np.ones((2, 2))}, AdamW(weight_decay=0.1)
    optimizer.step({"a": np.ones((2, 2))}, parameters, 0)
    assert (parameters["a"] == 1).all() and optimizer.steps == 1 and optimizer.first["a"].all()


@pytest.mark.parametrize("warmup", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("after", [2, 3, 4, 9, 12])
def test_schedule_of_any_length(warmup, after):
    total, rates = warmup + after, []
    for step in range(total):
        if step < warmup:
            rates.append(0.4 * (step + 1) / warmup)
        else:
            rates.append(0.4 * (0.3 + 0.35 * (1 + math.cos(math.pi * (step - warmup)
                                                           / (after - 1)))))
    found = [warmup_cosine(step, total, 0.4, warmup, final=0.3) for step in range(total)]
    np.testing.assert_allclose(found, rates, rtol=1e-12)
    assert found[-1] == pytest.approx(0.12)
