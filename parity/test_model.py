"""Logits and gradients of the model, on random small shapes and in the standard size."""

import numpy as np
import pytest
import torch
from helpers import random_batch, random_config, random_tokens, shaken, tiny_model

from lib.losses import IGNORE, cross_entropy, cross_entropy_loss
from lib.model import GPTConfig, GPTModel
from parity.compare import all_close, close, gradients_of, in_float64, loss_of
from parity.twin import torch_name, twin_of

TOLERANCES = {"float64": (1e-12, 1e-10), "float32": (1e-5, 1e-5)}


def compare(model, inputs, targets, title):
    """Logits, loss and the gradient of every parameter, against a twin in float64."""
    precision = np.dtype(model.config.dtype).name
    to_logits, to_gradients = TOLERANCES[precision]
    twin = twin_of(model.astype(np.float64))
    expected = twin(torch.from_numpy(inputs))
    close(f"logits, {title}, {precision}", model.forward(inputs, False), expected, to_logits)
    logits = model.forward(inputs)
    assert logits.dtype == precision
    close(f"logits, {title}, {precision}", logits, expected, to_logits)
    loss, grad_logits = cross_entropy(logits, targets)
    model.backward(grad_logits)
    wanted = loss_of(twin, inputs, targets)
    close(f"loss, {title}, {precision}", loss, wanted, to_logits)
    gradients = gradients_of(wanted, dict(twin.named_parameters()))
    all_close(f"gradients, {title}, {precision}",
              {torch_name(name): array for name, array in model.gradients().items()},
              gradients, to_gradients)


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("seed", range(12))
def test_small_shapes(seed, precision):
    rng = np.random.default_rng(seed)
    model = shaken(GPTModel(random_config(rng), rng), rng, 0.2).astype(precision)
    batch, time = int(rng.integers(4, 9)), int(rng.integers(2, model.config.context_length + 1))
    compare(model, *random_batch(model, rng, batch, time), "small shapes")


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("ignored", [0.0, 0.4])
def test_standard_size(precision, ignored, rng):
    """As it starts, with each norm's gamma at 1 and beta at 0, and full context."""
    model = GPTModel(GPTConfig(dtype=precision), rng)
    compare(model, *random_batch(model, rng, 3, 128, ignored), "standard size")


@pytest.mark.parametrize("precision", TOLERANCES)
def test_standard_size_away_from_the_start(precision, rng):
    model = shaken(GPTModel(GPTConfig(dtype=np.float64), rng), rng, 0.05).astype(precision)
    compare(model, *random_batch(model, rng, 2, 100), "standard size")


@pytest.mark.parametrize("precision", TOLERANCES)
def test_the_base_model(precision, base, rng):
    model = in_float64(base[0]) if precision == "float64" else base[0]
    compare(model, *random_batch(model, rng, 2, 40), "base model")


def test_the_twin_has_weights_of_its_own(rng):
    model = tiny_model(rng)
    twin = twin_of(model)
    own = dict(twin.named_parameters())
    assert own.keys() == {torch_name(name) for name in model.parameters()}
    for name, array in model.parameters().items():
        assert not np.shares_memory(array, own[torch_name(name)].detach().numpy())


def test_both_ignore_the_same_targets(rng):
    model = tiny_model(rng)
    inputs, targets = random_tokens(model, rng), random_tokens(model, rng)
    whole = loss_of(twin_of(model), inputs, targets).item()
    targets[:, ::2] = IGNORE
    part = loss_of(twin_of(model), inputs, targets).item()
    assert part == pytest.approx(cross_entropy_loss(model.forward(inputs), targets), rel=1e-12)
    assert abs(part - whole) > 1e-6
