"""A LoRA layer of its own: its random weights, and shapes that are too small or too large."""

import math

import numpy as np
import pytest
from helpers import refused

from lib.lora import LoRALinear


def test_without_a_base_the_weights_are_of_the_usual_size():
    layer = LoRALinear(400, 300, rank=100)
    assert layer.base_weights.std() == pytest.approx(1 / math.sqrt(400), rel=0.02)
    assert abs(layer.base_weights.mean()) < 5e-4 and layer.base_weights.dtype == np.float32
    assert (layer.base_weights > 0).mean() == pytest.approx(0.5, abs=0.01)
    assert abs(layer.lora_A).max() == pytest.approx(1 / math.sqrt(400), rel=0.001)
    assert layer.lora_A.std() == pytest.approx(1 / math.sqrt(3 * 400), rel=0.02)
    assert abs(layer.lora_A.mean()) < 1e-3


def test_without_a_generator_the_one_of_seed_0_draws():
    layer, same = LoRALinear(8, 6), LoRALinear(8, 6, rng=np.random.default_rng(0))
    other = LoRALinear(8, 6, rng=np.random.default_rng(1))
    for name in ("base_weights", "lora_A"):
        assert np.array_equal(getattr(layer, name), getattr(same, name))
        assert not np.array_equal(getattr(layer, name), getattr(other, name))


@pytest.mark.parametrize("shape", [(5, 8), (7, 8), (6, 7), (6, 9), (8, 6), (6,), (6, 8, 1)])
def test_base_weights_of_another_shape(shape):
    with refused(f"base_weights has shape {shape}", "must be (6, 8)"):
        LoRALinear(8, 6, base_weights=np.zeros(shape, np.float32))


@pytest.mark.parametrize("shape", [(5,), (7,), (), (1, 6), (8,)])
def test_a_bias_of_another_shape(shape):
    with refused(f"base_bias has shape {shape}", "must be (6,)"):
        LoRALinear(8, 6, base_bias=np.zeros(shape, np.float32))
