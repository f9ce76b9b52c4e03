"""Every hand-written backward against central differences, in float64, on random shapes."""

import math

import numpy as np
import pytest
from helpers import (
    ADAPTED,
    central_differences,
    random_batch,
    random_config,
    shaken,
    tiny_config,
    tiny_model,
)

from lib.attention import CausalSelfAttention
from lib.layers import BLOCK, Embedding, LayerNorm, Linear, gelu, gelu_with_slope, sum_by_row
from lib.lora import LoRAEmbedding, LoRALinear
from lib.losses import IGNORE, cross_entropy, cross_entropy_loss, cross_entropy_loss_backward
from lib.model import FeedForward, TransformerBlock, TransformerStack

SEEDS = range(5)
CLOSE = {"rtol": 1e-6, "atol": 1e-8}


def check_layer(layer, x, rng):
    """Every entry of every trained array's gradient, and of the input's if it is of reals."""
    shaken(layer, rng)
    dy = rng.standard_normal(layer.forward(x).shape)

    def loss():
        return float((layer.forward(x, training=False) * dy).sum())

    layer.forward(x)
    dx = layer.backward(dy.copy())
    grads = dict(layer.gradients())
    assert grads.keys() == layer.trainable_parameters().keys()
    if np.issubdtype(x.dtype, np.floating):
        grads["the input"] = dx
    else:
        assert dx is None
    for name, grad in grads.items():
        array = x if name == "the input" else layer.parameters()[name]
        assert grad.shape == array.shape
        slopes = central_differences(loss, array, np.ndindex(array.shape))
        np.testing.assert_allclose(grad.reshape(-1), slopes, **CLOSE, err_msg=name)


def lead(rng):
    """Leading axes: none, one or two."""
    return tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 3)))


def sizes(rng):
    return (int(n) for n in rng.integers(1, 8, 2))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bias", [False, True])
def test_linear(seed, bias):
    rng = np.random.default_rng(seed)
    d_in, d_out = sizes(rng)
    layer = Linear.random(d_in, d_out, 1.0, rng, np.float64)
    layer.bias = np.zeros(d_out) if bias else None
    check_layer(layer, rng.standard_normal((*lead(rng), d_in)), rng)


@pytest.mark.parametrize("seed", SEEDS)
def test_embedding_with_repeated_tokens(seed):
    rng = np.random.default_rng(seed)
    size, vocabulary = sizes(rng)
    tokens = rng.integers(0, vocabulary, (3, 5))
    check_layer(Embedding(rng.standard_normal((vocabulary, size))), tokens, rng)


def test_sum_by_row_adds_rows_of_the_same_token():
    rows = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    total = sum_by_row(np.array([2, 0, 2]), rows, 4)
    assert total.tolist() == [[10, 20], [0, 0], [101, 202], [0, 0]]


@pytest.mark.parametrize("seed", SEEDS)
def test_layer_norm(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 9))
    x = rng.normal(3, 2, (*lead(rng), size))
    check_layer(LayerNorm(size, np.float64), x, rng)


def test_layer_norm_of_a_constant_row_is_finite_and_has_a_gradient():
    rng = np.random.default_rng(0)
    layer = shaken(LayerNorm(6, np.float64), rng)
    assert np.array_equal(layer.forward(np.full((1, 6), 7.0))[0], layer.beta)
    assert np.isfinite(layer.backward(rng.standard_normal((1, 6)))).all()


def test_layer_norm_normalises():
    x = np.random.default_rng(0).normal(5, 3, (4, 64))
    y = LayerNorm(64, np.float64).forward(x)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(-1), x.var(-1) / (x.var(-1) + 1e-5), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (1, 1, 6)])
def test_layer_norm_of_one_row_is_that_of_many(shape, dtype):
    rng = np.random.default_rng(1)
    layer, x = shaken(LayerNorm(6, np.float64), rng).astype(dtype), rng.normal(3, 2, shape)
    alone, among = (layer.forward(x.astype(dtype), training) for training in (False, True))
    assert alone.shape == shape and alone.dtype == dtype
    np.testing.assert_allclose(alone, among, rtol=20 * np.finfo(dtype).eps)


def test_gelu_and_its_slope():
    x = np.linspace(-6, 6, 241)
    y, slope = gelu_with_slope(x)
    assert np.array_equal(y, gelu(x))
    for value, found in zip(x, y, strict=True):
        cubic = math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)
        assert found == pytest.approx(0.5 * value * (1 + math.tanh(cubic)), abs=1e-14)
    step = 1e-5
    np.testing.assert_allclose(slope, (gelu(x + step) - gelu(x - step)) / (2 * step), **CLOSE)
    exact = [0.5 * value * (1 + math.erf(value / math.sqrt(2))) for value in x]
    np.testing.assert_allclose(y, exact, atol=5e-4)  # the tanh form is an approximation


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_far_from_zero_is_zero_or_its_input_without_a_warning(dtype):
    x = np.array([-1e4, -40, -12, 12, 40, 1e4], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, slope = gelu_with_slope(x)
        assert np.array_equal(y, gelu(x)) and y.dtype == slope.dtype == dtype
    np.testing.assert_allclose(y, [0, 0, 0, 12, 40, 1e4], atol=1e-30)
    np.testing.assert_allclose(slope, [0, 0, 0, 1, 1, 1], atol=1e-30)


def test_gelu_in_blocks_is_gelu_of_each_number(rng):
    x = rng.standard_normal((3, BLOCK // 2 + 5)).astype(np.float32)
    y, slope = gelu_with_slope(x)
    assert np.array_equal(y, gelu(x)) and y.shape == slope.shape == x.shape
    for row in range(3):
        found = gelu_with_slope(x[row])
        assert np.array_equal(y[row], found[0]) and np.array_equal(slope[row], found[1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rotary", [False, True])
def test_attention(seed, rotary):
    rng = np.random.default_rng(seed)
    config = random_config(rng)
    layer = CausalSelfAttention(config.embedding_dimension, config.heads, config.context_length,
                                0.5, rng, np.float64, rotary)
    time = int(rng.integers(1, config.context_length + 1))
    check_layer(layer, rng.standard_normal((2, time, config.embedding_dimension)), rng)


def test_attention_with_huge_scores_is_finite_and_looks_at_one_place():
    rng = np.random.default_rng(0)
    layer = CausalSelfAttention(8, 2, 6, 0.5, rng, np.float32)
    layer.query_linear.weights *= 1e4
    x = rng.standard_normal((1, 6, 8)).astype(np.float32)
    assert np.isfinite(layer.forward(x)).all() and np.isfinite(layer.backward(x.copy())).all()
    assert layer.attention_weights(x).max(-1).min() > 0.99


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("part", ["feed forward", "block", "stack"])
def test_feed_forward_block_and_stack(seed, part):
    rng = np.random.default_rng(seed)
    config = random_config(rng)
    layer = (FeedForward(config, 0.5, rng) if part == "feed forward" else
             TransformerBlock.random(config, rng) if part == "block" else
             TransformerStack.random(config, rng))
    check_layer(layer, rng.standard_normal((2, 4, config.embedding_dimension)), rng)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bias", [False, True])
def test_lora_linear(seed, bias):
    rng = np.random.default_rng(seed)
    d_in, d_out = sizes(rng)
    rank = int(rng.integers(1, min(d_in, d_out) + 1))
    layer = LoRALinear(d_in, d_out, rank, 3.0, rng.standard_normal((d_out, d_in)),
                       rng.standard_normal(d_out) if bias else None, rng=rng)
    check_layer(layer, rng.standard_normal((*lead(rng), d_in)), rng)
    assert set(layer.gradients()) == {"lora_A", "lora_B"}


@pytest.mark.parametrize("seed", SEEDS)
def test_lora_embedding(seed):
    rng = np.random.default_rng(seed)
    size, vocabulary = sizes(rng)
    rank = int(rng.integers(1, min(size, vocabulary) + 1))
    layer = LoRAEmbedding(vocabulary, size, rank, 3.0, rng.standard_normal((size, vocabulary)),
                          rng=rng)
    check_layer(layer, rng.integers(0, vocabulary, (2, 5)), rng)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ignored", [0.0, 0.4])
def test_cross_entropy(seed, ignored):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((2, 3, int(rng.integers(2, 9))))
    targets = rng.integers(0, logits.shape[-1], (2, 3))
    targets[rng.random((2, 3)) < ignored] = IGNORE
    targets[0, 0] = 0
    grad = cross_entropy_loss_backward(logits, targets)
    assert (grad[targets == IGNORE] == 0).all()
    slopes = central_differences(lambda: cross_entropy_loss(logits, targets), logits,
                                 np.ndindex(logits.shape))
    np.testing.assert_allclose(grad.reshape(-1), slopes, **CLOSE)


@pytest.mark.parametrize("targets", ADAPTED, ids="+".join)
def test_whole_model(targets, rng):
    """Some entries of every tensor: the largest gradient and others at random."""
    model = tiny_model(rng, targets, config=tiny_config())
    inputs, wanted = random_batch(model, rng)
    _, grad_logits = cross_entropy(model.forward(inputs), wanted)
    model.backward(grad_logits)
    gradients, trained = model.gradients(), model.trainable_parameters()
    assert gradients.keys() == trained.keys()
    for name, array in trained.items():
        size = np.abs(gradients[name])
        assert size.max() > 1e-6, f"{name} has no gradient worth a test"
        flat = [int(size.argmax()), *rng.choice(array.size, min(6, array.size), replace=False)]
        places = [np.unravel_index(place, array.shape) for place in flat]
        slopes = central_differences(
            lambda: cross_entropy_loss(model.forward(inputs, training=False), wanted),
            array, places)
        found = np.array([gradients[name][place] for place in places])
        np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("targets", [(), ("query", "ffn_down")], ids="+".join)
def test_backward_again_and_gradients_added_up(targets, rng):
    """Backward twice is the same twice, and the halves of a batch add up to the whole."""
    model = tiny_model(rng, targets)
    inputs, wanted = random_batch(model, rng, 4, ignored=0)

    def gradients_of(rows):
        _, grad_logits = cross_entropy(model.forward(inputs[rows]), wanted[rows])
        model.backward(grad_logits.copy())
        first = {name: gradient.copy() for name, gradient in model.gradients().items()}
        model.forward(inputs[rows])
        model.backward(grad_logits.copy())
        for name, gradient in model.gradients().items():
            assert np.array_equal(gradient, first[name]), name
        return first

    whole, upper, lower = map(gradients_of, (slice(4), slice(2), slice(2, 4)))
    for name, gradient in whole.items():
        np.testing.assert_allclose((upper[name] + lower[name]) / 2, gradient, rtol=1e-9,
                                   atol=1e-12, err_msg=name)


def test_a_wrong_gradient_is_seen():
    """The check itself: one gradient, off by one part in a thousand, does not pass."""
    class Wrong(Linear):
        def backward(self, dy):
            dx = super().backward(dy)
            self.grads["weights"] *= 1.001
            return dx

    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError):
        check_layer(Wrong(rng.standard_normal((3, 4))), rng.standard_normal((2, 4)), rng)
