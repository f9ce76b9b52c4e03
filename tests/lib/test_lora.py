"""LoRA layers and the models that carry them: counts, starts, merging, what is refused."""

import itertools

import numpy as np
import pytest
from helpers import ADAPTED, as_bytes, picture, random_tokens, refused, tiny_config, tiny_model
from hypothesis import given
from hypothesis import strategies as st

from lib.adapters import attach_adapters, get_adapters
from lib.layers import Embedding, Linear
from lib.lora import (
    IN_BLOCK,
    TARGETS,
    LoRAEmbedding,
    LoRALinear,
    apply_lora_to_model,
    count_lora_parameters,
    get_lora_gradients,
    get_lora_parameters,
    merge_lora_weights,
    remove_adapters,
)
from lib.model import GPTConfig, GPTModel

SUBSETS = [chosen for count in range(1, len(TARGETS) + 1)
           for chosen in itertools.combinations(TARGETS, count)]


def sides(target, config):
    """(d_in, d_out) of the weight that a target names, and how many of them there are."""
    size, hidden = config.embedding_dimension, config.feed_forward_dimension
    if target in IN_BLOCK:
        return {"ffn_up": (size, hidden), "ffn_down": (hidden, size)}.get(
            target, (size, size)), config.layers
    vocabulary = config.vocabulary_size
    return ((vocabulary, size) if target == "token_embedding" else (size, vocabulary)), 1


@pytest.mark.parametrize("rank", [1, 3])
def test_count_is_rank_times_both_sides_for_every_choice_of_targets(rank, rng):
    config = tiny_config(layers=3)
    base = GPTModel(config, rng)
    assert len(SUBSETS) == 255
    for targets in SUBSETS:
        model = apply_lora_to_model(base.copy(share_arrays=True), rank, 8.0, targets)
        wanted = sum(count * rank * sum(pair)
                     for pair, count in (sides(target, config) for target in targets))
        assert count_lora_parameters(model) == wanted, targets
        assert sum(a.size for a in model.trainable_parameters().values()) == wanted
        assert len(get_lora_parameters(model)) == 2 * sum(
            sides(target, config)[1] for target in targets)


@pytest.mark.parametrize("targets, count", [
    (("query", "value"), 8_192), (("query", "key", "value"), 12_288),
    (("query", "key", "value", "output"), 16_384), (("ffn_up", "ffn_down"), 20_480)])
def test_counts_of_the_standard_model(targets, count, rng):
    model = GPTModel(GPTConfig(), rng)
    assert count_lora_parameters(model) == 0
    apply_lora_to_model(model, target_modules=targets)
    assert count_lora_parameters(model) == count
    base = sum(a.size for name, a in model.parameters().items() if "lora_" not in name)
    assert base == 1_044_736


@given(st.integers(0, 10**6), st.sampled_from(SUBSETS), st.sampled_from([np.float32, np.float64]))
def test_adapters_at_the_start_change_nothing_bit_for_bit(seed, targets, dtype):
    rng = np.random.default_rng(seed)
    model = tiny_model(rng, dtype=dtype)
    tokens = random_tokens(model, rng)
    before, arrays = model.forward(tokens), as_bytes(model.parameters())
    apply_lora_to_model(model, 2, 5.0, targets, rng=rng)
    assert np.array_equal(model.forward(tokens), before)
    assert as_bytes(remove_adapters(model).parameters()) == arrays


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.booleans(), st.data())
def test_layer_equals_its_merged_weights(seed, d_in, d_out, bias, data):
    rng = np.random.default_rng(seed)
    rank = data.draw(st.integers(1, min(d_in, d_out)))
    alpha = data.draw(st.floats(0.1, 64))
    layer = LoRALinear(d_in, d_out, rank, alpha, rng.standard_normal((d_out, d_in)),
                       rng.standard_normal(d_out) if bias else None)
    layer.lora_B[...] = rng.standard_normal((d_out, rank))
    x, before = rng.standard_normal((2, 3, d_in)), picture(layer)
    merged = merge_lora_weights(layer)
    assert picture(layer) == before
    assert layer.scaling == pytest.approx(alpha / rank)
    change = alpha / rank * np.array([[sum(layer.lora_B[i, k] * layer.lora_A[k, j]
                                           for k in range(rank)) for j in range(d_in)]
                                      for i in range(d_out)])
    np.testing.assert_allclose(merged, layer.base_weights + change, rtol=1e-12, atol=1e-12)
    assert np.linalg.matrix_rank(merged - layer.base_weights, tol=1e-9) <= rank
    np.testing.assert_allclose(layer.forward(x), Linear(merged, layer.base_bias).forward(x),
                               rtol=1e-9, atol=1e-9)


def test_merging_gives_a_new_array_even_without_a_change(rng):
    weights = rng.standard_normal((3, 4))
    weights.flags.writeable = False
    layer = LoRALinear(4, 3, 1, 1.0, weights)
    merged = merge_lora_weights(layer)
    assert np.array_equal(merged, weights) and not np.shares_memory(merged, weights)


def test_lora_embedding_is_a_lora_linear_on_one_hot_rows(rng):
    args = 7, 4, 2, 3.0, rng.standard_normal((4, 7))
    embedding = LoRAEmbedding(*args, rng=np.random.default_rng(1))
    linear = LoRALinear(*args, rng=np.random.default_rng(1))
    linear.lora_B[...] = embedding.lora_B[...] = rng.standard_normal((4, 2))
    tokens, dy = rng.integers(0, 7, (2, 5)), rng.standard_normal((2, 5, 4))
    np.testing.assert_allclose(embedding.forward(tokens), linear.forward(np.eye(7)[tokens]))
    embedding.backward(dy)
    linear.backward(dy)
    for name in ("lora_A", "lora_B"):
        np.testing.assert_allclose(embedding.grads[name], linear.grads[name])
    merged = Embedding(merge_lora_weights(embedding).T)
    np.testing.assert_allclose(merged.forward(tokens), embedding.forward(tokens))


def test_a_is_uniform_within_one_over_the_root_of_d_in_and_b_is_zero(rng):
    layer = LoRALinear(400, 50, 40, rng=rng)
    assert np.abs(layer.lora_A).max() <= 400**-0.5
    assert layer.lora_A.std() == pytest.approx(400**-0.5 / 3**0.5, rel=0.02)
    assert abs(layer.lora_A.mean()) < 1e-3 and not layer.lora_B.any()
    assert layer.lora_A.dtype == layer.lora_B.dtype == layer.base_weights.dtype == np.float32


def test_a_depends_on_the_rng_alone(rng):
    base = GPTModel(tiny_config(), rng)
    first, second, other = (
        as_bytes(get_lora_parameters(apply_lora_to_model(base.copy(), 2, rng=generator)))
        for generator in (None, np.random.default_rng(0), np.random.default_rng(1)))
    assert first == second != other
    arrays = [array for name, array in first.items() if name.endswith("lora_A")]
    assert len(set(arrays)) == len(arrays)  # each layer has its own


@pytest.mark.parametrize("targets", ADAPTED[1:], ids="+".join)
def test_base_arrays_are_shared_and_frozen(targets, rng):
    base = GPTModel(tiny_config(), rng)
    own = base.parameters()
    model = apply_lora_to_model(base.copy(share_arrays=True), 2, 8.0, targets)
    for name, array in model.parameters().items():
        if "lora_" not in name:
            assert np.shares_memory(array, own[name.replace("base_weights", "weights")])
    trained = model.trainable_parameters()
    assert set(trained) == set(get_lora_parameters(model))
    model.backward(np.ones_like(model.forward(random_tokens(model, rng))))
    assert set(model.gradients()) == set(get_lora_gradients(model)) == set(trained)
    for name, gradient in model.gradients().items():
        assert gradient.shape == trained[name].shape
        assert gradient.any() == name.endswith("lora_B")  # B = 0: A's first gradient is zero


def test_removing_gives_the_base_back_trainable(rng):
    model = tiny_model(rng)
    arrays = model.parameters()
    apply_lora_to_model(model, 2, 8.0, TARGETS)
    assert remove_adapters(model) is model
    assert count_lora_parameters(model) == 0
    assert model.parameters().keys() == arrays.keys() == model.trainable_parameters().keys()
    for name, array in model.parameters().items():
        assert np.shares_memory(array, arrays[name]) and np.array_equal(array, arrays[name])


@pytest.mark.parametrize("again", [apply_lora_to_model, lambda model: attach_adapters(
    model, get_adapters(apply_lora_to_model(model.copy())))])
def test_what_was_frozen_before_the_adapters_is_frozen_after_them(again, rng):
    model = tiny_model(rng, rank=4)
    model.token_embedding.freeze()
    model.transformer_stack.layers[1].freeze()
    trained = list(model.trainable_parameters())
    assert 0 < len(trained) < len(model.parameters())
    for use in (apply_lora_to_model, again):
        use(model)
        assert set(model.trainable_parameters()) == set(get_lora_parameters(model))
        remove_adapters(model)
        assert list(model.trainable_parameters()) == trained


@pytest.mark.parametrize("frozen", [False, True])
def test_removing_nothing_changes_nothing(frozen, rng):
    model = tiny_model(rng)
    model.transformer_stack.freeze(frozen)
    model.forward(random_tokens(model, rng))
    before = picture(model)
    assert remove_adapters(model) is model and picture(model) == before


@pytest.mark.parametrize("rank, alpha, words", [
    (0, 8.0, ["rank is 0", "from 1 to 5"]), (-2, 8.0, ["rank is -2", "from 1 to 5"]),
    (6, 8.0, ["rank is 6", "from 1 to 5", "(5, 6)"]), (2.0, 8.0, ["rank is 2.0", "whole"]),
    (True, 8.0, ["rank is True", "whole"]), ("4", 8.0, ["rank is '4'", "whole"]),
    (2, 0.0, ["alpha is 0.0", "above 0"]), (2, -1, ["alpha is -1", "above 0"]),
    (2, np.inf, ["alpha is inf", "finite"]), (2, -np.inf, ["alpha is -inf", "finite"]),
    (2, np.nan, ["alpha is nan", "finite"])])
def test_layer_refuses_rank_and_alpha(rank, alpha, words):
    with refused(*words):
        LoRALinear(6, 5, rank, alpha)


@pytest.mark.parametrize("rank", [1, 5, np.int64(5)])
def test_layer_takes_every_rank_up_to_the_smaller_side(rank):
    assert LoRALinear(6, 5, rank).lora_A.shape == (rank, 6)


@pytest.mark.parametrize("arrays, words", [
    ({"base_weights": np.ones((6, 5))}, ["base_weights", "(6, 5)", "(5, 6)"]),
    ({"base_bias": np.ones(6)}, ["base_bias", "(6,)", "(5,)"])])
def test_layer_refuses_base_arrays_of_another_shape(arrays, words):
    with refused(*words, unchanged=arrays):
        LoRALinear(6, 5, 2, 8.0, **arrays)


@pytest.mark.parametrize("settings, words", [
    ({"rank": 0}, ["rank is 0", "from 1 to 8"]), ({"rank": 9}, ["rank is 9", "from 1 to 8"]),
    ({"rank": 9, "target_modules": ("query", "output_projection")}, ["rank is 9", "1 to 8"]),
    ({"alpha": 0}, ["alpha is 0", "finite", "above 0"]), ({"alpha": np.nan}, ["alpha is nan"]),
    ({"alpha": np.inf}, ["alpha is inf"]), ({"alpha": -8.0}, ["alpha is -8.0"]),
    ({"target_modules": ("query", "keys")}, ["keys", *TARGETS]),
    ({"target_modules": ()}, ["()", *TARGETS]), ({"target_modules": []}, ["[]", *TARGETS]),
    ({"target_modules": "query"}, ["'query'", "sequence", *TARGETS])])
def test_model_refuses_and_stays_as_it_was(settings, words, rng):
    model = tiny_model(rng)
    with refused(*words, unchanged=model):
        apply_lora_to_model(model, **{"rank": 2, **settings})
    assert model.is_trainable() and count_lora_parameters(model) == 0


def test_a_rank_too_large_for_the_last_target_changes_none(rng):
    model = tiny_model(rng, vocabulary_size=5)
    with refused("rank is 6", "from 1 to 5", unchanged=model):
        apply_lora_to_model(model, 6, target_modules=("query", "output_projection"))


@pytest.mark.parametrize("again", [("query",), ("output",)])
def test_adapters_are_not_applied_twice(again, rng):
    model = tiny_model(rng, ("query", "value"))
    with refused("already", "remove_adapters", unchanged=model):
        apply_lora_to_model(model, 2, target_modules=again)
