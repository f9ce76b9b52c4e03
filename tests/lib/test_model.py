"""The model as a whole: causality, the KV cache, precision, freezing, copies, bad input."""

import dataclasses
import math

import numpy as np
import pytest
from helpers import (
    ADAPTED,
    arrays_in,
    as_bytes,
    picture,
    random_batch,
    random_config,
    random_tokens,
    refused,
    tiny_config,
    tiny_model,
)
from hypothesis import given
from hypothesis import strategies as st

from lib.adapters import merge_adapters
from lib.attention import CausalSelfAttention
from lib.layers import Embedding, LayerNorm, Linear
from lib.lora import TARGETS, LoRALinear, apply_lora_to_model
from lib.losses import cross_entropy
from lib.model import (
    FeedForward,
    GPTConfig,
    GPTModel,
    TransformerBlock,
)
from lib.positions import rotary_angles, rotate, sinusoidal_positions

seeds = st.integers(0, 10**6)


@given(seeds, st.sampled_from(ADAPTED), st.data())
def test_a_later_token_never_changes_an_earlier_logit(seed, targets, data):
    rng = np.random.default_rng(seed)
    model = tiny_model(rng, targets, config=random_config(rng, embedding_dimension=12, heads=2))
    time = data.draw(st.integers(2, model.config.context_length))
    place = data.draw(st.integers(1, time - 1))
    tokens = random_tokens(model, rng, 2, time)
    before = model.forward(tokens, training=False)
    tokens[0, place] = (tokens[0, place] + 1) % model.config.vocabulary_size
    after = model.forward(tokens, training=False)
    assert np.array_equal(after[0, :place], before[0, :place])
    assert np.array_equal(after[1], before[1])              # the other row never saw it
    assert not np.allclose(after[0, place], before[0, place])


@given(seeds, st.sampled_from(ADAPTED), st.integers(1, 4), st.data())
def test_kv_cache_equals_the_full_forward_for_any_split(seed, targets, batch, data):
    rng = np.random.default_rng(seed)
    model = tiny_model(rng, targets, config=random_config(rng, embedding_dimension=12, heads=3))
    time = data.draw(st.integers(1, model.config.context_length))
    tokens = random_tokens(model, rng, batch, time)
    cuts = sorted(data.draw(st.sets(st.integers(1, time - 1)))) if time > 1 else []
    past = model.new_cache(batch)
    parts = [model.forward(part, False, past) for part in np.split(tokens, cuts, axis=1)]
    full = model.forward(tokens, training=False)
    np.testing.assert_allclose(np.concatenate(parts, 1), full, rtol=0, atol=1e-12)
    assert {cache.length for cache in past} == {time}


@given(seeds, st.integers(1, 5))
def test_forward_is_the_same_with_and_without_training_and_in_any_batch(seed, batch):
    rng = np.random.default_rng(seed)
    model = tiny_model(rng, ("value",))
    tokens = random_tokens(model, rng, batch)
    logits = model.forward(tokens)
    np.testing.assert_allclose(model.forward(tokens, training=False), logits, atol=1e-12)
    one_by_one = [model.forward(row[None])[0] for row in tokens]
    np.testing.assert_allclose(logits, one_by_one, rtol=0, atol=1e-12)


def test_attention_weights_are_a_causal_softmax(rng):
    attention = tiny_model(rng).transformer_stack.layers[0].self_attention
    x = rng.standard_normal((2, 6, 8))
    weights = attention.attention_weights(x)
    assert weights.shape == (2, 2, 6, 6)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)
    assert (np.triu(weights, 1) == 0).all() and (np.tril(weights) >= 0).all()
    values = attention.split_heads(attention.value_linear.forward(x))
    context = (weights @ values).swapaxes(1, 2).reshape(2, 6, 8)
    np.testing.assert_allclose(attention.output_linear.forward(context), attention.forward(x))


@pytest.mark.parametrize("targets", [(), ("query", "value")], ids="+".join)
def test_rotary_positions_leave_what_depends_on_distance_alone(targets, rng):
    """Turned by its position, q . k is the same wherever the two stand, if their distance is."""
    q, k = rng.standard_normal((2, 1, 8))
    turned_q, turned_k = (rotate(np.repeat(x, 9, 0), rotary_angles(9, 8)) for x in (q, k))
    products = turned_q @ turned_k.T
    for distance in range(-8, 9):
        same = np.diagonal(products, distance)
        np.testing.assert_allclose(same, same[0], rtol=1e-12)
    assert products[0, 0] == pytest.approx(float(q[0] @ k[0]))
    assert np.ptp(products) > 0.1
    model = tiny_model(rng, targets, positions="rotary")
    plain = tiny_model(np.random.default_rng(0), targets)
    assert model.parameters().keys() == plain.parameters().keys()
    tokens = random_tokens(model, rng)
    repeated = np.tile(tokens[:, :1], 7)
    once = model.forward(repeated, training=False)
    np.testing.assert_allclose(once, once[:, :1].repeat(7, 1), rtol=1e-9)  # no order to be seen
    assert np.abs(np.diff(model.forward(tokens, training=False), axis=1)).max() > 0.1


def test_a_rotation_is_undone_by_the_opposite_one_and_keeps_the_length(rng):
    x, angles = rng.standard_normal((2, 3, 5, 6)), rotary_angles(5, 6)
    y = rotate(x, angles)
    np.testing.assert_allclose(rotate(y, -angles), x, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1))
    assert np.array_equal(y[..., 0, :], x[..., 0, :])
    assert not np.allclose(y[..., 1, :], x[..., 1, :])
    wanted = x[0, 0, 3, 2] + 1j * x[0, 0, 3, 3]
    turned = wanted * np.exp(3j * 10_000 ** (-2 / 6))     # pair 1 of 3, position 3
    np.testing.assert_allclose(y[0, 0, 3, 2:4], [turned.real, turned.imag])
    assert rotate(x.astype(np.float32), angles).dtype == np.float32


def test_positions_are_the_sinusoids_of_the_paper():
    table = sinusoidal_positions(128, 128)
    for place in (0, 1, 17, 127):
        for i in range(64):
            angle = place / 10_000 ** (2 * i / 128)
            assert table[place, 2 * i] == pytest.approx(math.sin(angle), abs=1e-12)
            assert table[place, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-12)


LAYERS = (Linear, Embedding, LayerNorm, LoRALinear, CausalSelfAttention, FeedForward,
          TransformerBlock, GPTModel)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank, alpha", [(2, 3.0), (np.int64(2), np.float64(3.0))])
@pytest.mark.parametrize("targets", [(), ("query", "value"), TARGETS], ids="+".join)
def test_every_array_keeps_the_models_dtype(dtype, rank, alpha, targets, monkeypatch, rng):
    model = tiny_model(rng, targets, rank, alpha, dtype=dtype)
    seen = []

    def watched(method):
        def run(self, *args, **kwargs):
            result = method(self, *args, **kwargs)
            seen.append(result is None or result.dtype == dtype)
            return result
        return run

    for kind in LAYERS:
        for name in ("forward", "backward"):
            monkeypatch.setattr(kind, name, watched(getattr(kind, name)))
    inputs, wanted = random_batch(model, rng)
    _, grad_logits = cross_entropy(model.forward(inputs), wanted)
    model.backward(grad_logits)
    assert all(seen) and len(seen) > 20 and grad_logits.dtype == dtype
    held = list(arrays_in(model))      # parameters, gradients, caches, masks, positions
    assert {array.dtype for array in held} == {np.dtype(dtype)}
    past = model.new_cache(3)
    assert model.forward(inputs, False, past).dtype == dtype
    assert {cache.keys.dtype for cache in past} == {np.dtype(dtype)}
    if targets:
        assert merge_adapters(model).forward(inputs).dtype == dtype


def test_astype_gives_a_copy_in_the_other_precision(rng):
    model = tiny_model(rng, TARGETS, dtype=np.float32)
    before = picture(model)
    wide = model.astype(np.float64)
    assert picture(model) == before
    assert wide.config == dataclasses.replace(model.config, dtype=np.float64)
    assert {array.dtype for array in arrays_in(wide)} == {np.dtype(np.float64)}
    tokens = random_tokens(model, rng)
    np.testing.assert_allclose(wide.forward(tokens), model.forward(tokens), rtol=1e-4, atol=1e-4)
    assert as_bytes(wide.astype(np.float32).parameters()) == as_bytes(model.parameters())


def caches(layer):
    return [part for _, part in layer.walk() if part.cache is not None]


@pytest.mark.parametrize("train", [0, 1, 2, 3])
def test_backward_stops_below_the_lowest_block_that_trains(train, rng, monkeypatch):
    """What lies below has no gradient, and its backward never runs."""
    model = tiny_model(rng, layers=3)
    model.freeze()
    blocks = model.transformer_stack.layers
    if train < 3:
        blocks[train].self_attention.query_linear.freeze(False)
    else:
        model.output_projection.freeze(False)
    ran = []
    for kind in (TransformerBlock, Embedding, LayerNorm):
        backward = kind.backward
        monkeypatch.setattr(kind, "backward", lambda self, *given, backward=backward:
                            (ran.append(self), backward(self, *given))[1])
    inputs, _ = random_batch(model, rng)
    model.backward(np.ones_like(model.forward(inputs)))
    below = [model.token_embedding, *blocks[:train]]
    for layer in below:
        assert not layer.gradients() and layer not in ran
    assert all(block in ran for block in blocks[train:])
    assert (model.final_norm in ran) == (train < 3)
    assert set(model.gradients()) == set(model.trainable_parameters())
    assert len(model.gradients()) == 1


def test_frozen_linear_layers_keep_no_cache(rng):
    model = tiny_model(rng, ("query",))
    inputs, _ = random_batch(model, rng)
    model.backward(np.ones_like(model.forward(inputs)))
    for _, layer in model.walk():
        if isinstance(layer, Linear | Embedding):
            assert layer.cache is None and layer.grads == {}


def test_forward_without_training_keeps_nothing(rng):
    model = tiny_model(rng, ("query",))
    model.forward(random_tokens(model, rng), training=False)
    assert caches(model) == []


def test_copy_is_independent_and_a_sharing_copy_is_not(rng):
    model = tiny_model(rng, ("query", "token_embedding"))
    for copy, shared in ((model.copy(), False), (model.copy(share_arrays=True), True)):
        own, other = model.parameters(), copy.parameters()
        assert as_bytes(own) == as_bytes(other)
        for name in own:
            assert np.shares_memory(own[name], other[name]) == shared
        assert not {id(layer) for _, layer in copy.walk()} & {id(a) for _, a in model.walk()}


@pytest.mark.parametrize("changes, words", [
    ({"layers": 0}, ["layers", 0, "above 0"]),
    ({"vocabulary_size": -3}, ["vocabulary_size", -3, "above 0"]),
    ({"context_length": 2.5}, ["context_length", 2.5, "whole"]),
    ({"embedding_dimension": 10, "heads": 4}, ["embedding_dimension", 10, "multiple", 8]),
    ({"positions": "relative"}, ["positions", "relative", "sinusoidal"]),
    ({"dtype": np.float16}, ["dtype", "float16", "float32", "float64"]),
    ({"dtype": "int64"}, ["dtype", "int64", "float32"])])
def test_sizes_that_no_model_can_have(changes, words):
    with refused(*words):
        GPTConfig(**changes)


@pytest.mark.parametrize("tokens, words", [
    ([[1, 11]], ["11", "0 to 10"]), ([[-1, 3]], ["-1", "0 to 10"]), ([[2**40]], [2**40]),
    ([[1] * 11], ["11", "context of 10"]), ([1, 2], ["(batch, time)", "(2,)"]),
    ([[[1]]], ["(batch, time)", "(1, 1, 1)"]), ([[1.0, 2.0]], ["whole numbers", "float64"]),
    (np.zeros((1, 0), int), ["(1, 0)"]), ([[True]], ["whole numbers", "bool"])])
def test_tokens_that_no_model_can_read(tokens, words, rng):
    model = tiny_model(rng)
    model.forward(random_tokens(model, rng))
    with refused(*words, unchanged=model):
        model.forward(tokens)


def test_a_cache_that_is_full_says_so_and_is_unchanged(rng):
    model = tiny_model(rng)
    past = model.new_cache(1)
    model.forward(random_tokens(model, rng, 1, 7), False, past)
    with refused("11 tokens", "context of 10", unchanged=[model, past]):
        model.forward(random_tokens(model, rng, 1, 4), False, past)


@pytest.mark.parametrize("layer", [Linear(np.ones((2, 5))), LayerNorm(5), LoRALinear(5, 2, 1)],
                         ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("shape", [(3, 4), (5, 6), (), (4,)])
def test_input_whose_last_axis_does_not_fit(layer, shape):
    with refused(type(layer).__name__, "(..., 5)", shape, unchanged=layer):
        layer.forward(np.ones(shape))


def test_lora_of_a_model_keeps_its_configuration(rng):
    model = GPTModel(tiny_config(), rng)
    assert apply_lora_to_model(model, 2).config == tiny_config()
