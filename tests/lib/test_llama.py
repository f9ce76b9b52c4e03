"""The Llama: against a textbook forward, central differences, its cache, and with adapters.

GPT-2's architecture, which the GPT takes as options, is checked in the same way.
"""

import math

import numpy as np
import pytest
from helpers import (
    as_bytes,
    central_differences,
    picture,
    random_batch,
    random_tokens,
    refused,
    shaken,
    tiny_llama,
    tiny_model,
)

from lib.adapters import (
    attach_adapters,
    get_adapters,
    merge_adapters,
    merged_copy,
    set_adapter_strength,
    unmerge_adapters,
)
from lib.generation import generate
from lib.layers import Linear
from lib.llama import GroupedQueryAttention, LlamaConfig, LlamaModel, RMSNorm, SwiGLU
from lib.lora import (
    IN_LLAMA_BLOCK,
    IN_MODEL,
    adapted_layers,
    apply_lora_to_model,
    get_lora_parameters,
    remove_adapters,
    targets_in,
)
from lib.losses import cross_entropy, cross_entropy_loss
from lib.model import GPTModel
from lib.optim import AdamW
from lib.training import loss_and_gradients, train_step, train_step_lora

ALL = tuple(IN_LLAMA_BLOCK)
GPT2 = {"positions": "learned", "biases": True, "tied": True}


def check_layer(layer, x, rng):
    """Every entry of every gradient, the input's among them."""
    shaken(layer, rng)
    dy = rng.standard_normal(layer.forward(x).shape)
    grads = {"the input": layer.backward(dy.copy()), **layer.gradients()}
    arrays = {"the input": x, **layer.parameters()}
    assert grads.keys() == arrays.keys()
    for name, grad in grads.items():
        slopes = central_differences(
            lambda: float((layer.forward(x, training=False) * dy).sum()), arrays[name],
            np.ndindex(arrays[name].shape))
        np.testing.assert_allclose(grad.reshape(-1), slopes, rtol=1e-6, atol=1e-8, err_msg=name)


def linears(rng, *shapes):
    return [Linear(rng.standard_normal(shape)) for shape in shapes]


@pytest.mark.parametrize("seed", range(3))
def test_rms_norm(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(1, 2, (2, 3, 5))
    norm = RMSNorm(np.ones(5), 1e-2)
    wanted = [row / math.sqrt(sum(value**2 for value in row) / 5 + 1e-2)
              for row in x.reshape(-1, 5)]
    np.testing.assert_allclose(norm.forward(x).reshape(-1, 5), wanted, rtol=1e-12)
    check_layer(norm, x, rng)
    with refused("RMSNorm", "(..., 5)", "(2, 4)"):
        norm.forward(np.ones((2, 4)))


@pytest.mark.parametrize("seed", range(3))
def test_swiglu(seed):
    rng = np.random.default_rng(seed)
    layer = SwiGLU(*linears(rng, (6, 4), (6, 4), (4, 6)))
    x = rng.standard_normal((2, 3, 4))
    gate, up = (x @ part.weights.T for part in (layer.gate_linear, layer.up_linear))
    wanted = (gate / (1 + np.exp(-gate)) * up) @ layer.down_linear.weights.T
    np.testing.assert_allclose(layer.forward(x), wanted, rtol=1e-12, atol=1e-12)
    check_layer(layer, x, rng)


def test_swiglu_far_from_zero_is_zero_or_its_input_without_a_warning():
    one = np.ones((1, 1), np.float32)
    layer = SwiGLU(Linear(one), Linear(one), Linear(one))
    x = np.array([[-2000], [-90], [90], [2000]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        assert np.array_equal(layer.forward(x), np.maximum(x, 0) ** 2)
        assert np.isfinite(layer.backward(np.ones_like(x))).all()


@pytest.mark.parametrize("kv_heads", [1, 2, 3, 6])
def test_grouped_query_attention(kv_heads, rng):
    """From one head of keys for all, to one for each: plain attention."""
    config = LlamaConfig(embedding_dimension=12, heads=6, kv_heads=kv_heads)
    layer = GroupedQueryAttention(config, *linears(
        rng, (12, 12), (2 * kv_heads, 12), (2 * kv_heads, 12), (12, 12)))
    check_layer(layer, rng.standard_normal((2, 5, 12)), rng)


def turned(x, base):
    """(time, head_size), pair i at position t turned by t / base^(2i / head_size)."""
    time, size = x.shape
    angle = np.arange(time)[:, None] / base ** (np.arange(0, size, 2) / size)
    pairs = (x[:, 0::2] + 1j * x[:, 1::2]) * np.exp(1j * angle)
    return np.stack([pairs.real, pairs.imag], -1).reshape(time, size)


def textbook(model, tokens):
    """One sequence, head by head: tokens (time,) -> logits (time, vocabulary)."""
    c, arrays = model.config, model.parameters()
    size, time = c.head_size, len(tokens)

    def normed(name, x):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + c.epsilon) * arrays[f"{name}.gamma"]

    x = arrays["token_embedding.weights"][tokens]
    for number in range(c.layers):
        block = f"transformer_stack.layers.{number}"

        def linear(name, rows, block=block):
            return rows @ arrays[f"{block}.{name}_linear.weights"].T

        row = normed(f"{block}.attention_norm", x)
        q, k, v = (linear(f"self_attention.{name}", row) for name in ("query", "key", "value"))
        heads = []
        for head in range(c.heads):
            own = slice(size * head, size * (head + 1))
            shared = head // (c.heads // c.kv_heads)
            shared = slice(size * shared, size * (shared + 1))
            scores = turned(q[:, own], c.rotary_base) @ turned(k[:, shared], c.rotary_base).T
            scores = np.exp(np.where(np.tri(time) == 1, scores / math.sqrt(size), -np.inf))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v[:, shared])
        x = x + linear("self_attention.output", np.concatenate(heads, -1))
        row = normed(f"{block}.feed_forward_norm", x)
        gate = linear("feed_forward.gate", row)
        x = x + linear("feed_forward.down",
                       gate / (1 + np.exp(-gate)) * linear("feed_forward.up", row))
    return normed("final_norm", x) @ arrays["token_embedding.weights"].T


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_logits_are_those_of_the_textbook(kv_heads, rng):
    model = tiny_llama(rng, kv_heads=kv_heads)
    tokens = random_tokens(model, rng)
    for training in True, False:
        for row, logits in zip(tokens, model.forward(tokens, training), strict=True):
            np.testing.assert_allclose(logits, textbook(model, row), rtol=1e-10, atol=1e-12)


def check_gradients(model, rng):
    """The largest entry of every gradient and some others, each array being used in full."""
    inputs, targets = random_batch(model, rng)
    _, gradients = loss_and_gradients(model, inputs, targets)
    trained = model.trainable_parameters()
    assert gradients.keys() == trained.keys()
    for name, array in trained.items():
        size = np.abs(gradients[name])
        flat = [int(size.argmax()), *rng.choice(array.size, min(4, array.size), replace=False)]
        places = [np.unravel_index(place, array.shape) for place in flat]
        slopes = central_differences(
            lambda: cross_entropy_loss(model.forward(inputs, training=False), targets),
            array, places)
        found = [gradients[name][place] for place in places]
        # A bias of the keys adds the same to all scores of a query, which softmax does not see.
        assert size.max() > 1e-6 or name.endswith("key_linear.bias"), name
        np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("targets", [(), ("query", "value"), ALL], ids="+".join)
def test_gradients_of_a_llama(targets, rng):
    check_gradients(tiny_llama(rng, targets), rng)


@pytest.mark.parametrize("options", [{"positions": "learned"}, {"biases": True}, {"tied": True},
                                     GPT2], ids="+".join)
def test_gradients_of_gpt_2s_options(options, rng):
    check_gradients(tiny_model(rng, **options), rng)


@pytest.mark.parametrize("frozen", ["token_embedding", "output_projection", "position_embedding",
                                    "transformer_stack", "final_norm"])
def test_gradients_of_gpt_2_with_a_frozen_part(frozen, rng):
    model = tiny_model(rng, **GPT2)
    getattr(model, frozen).freeze()
    check_gradients(model, rng)


def test_options_that_are_off_make_the_same_model_as_ever(rng):
    plain = GPTModel.blank(tiny_model(rng).config)
    assert list(plain.parameters())[-1] == "output_projection.weights"
    assert not any("bias" in name or "position" in name for name in plain.parameters())
    full = GPTModel.blank(tiny_model(rng, **GPT2).config).parameters()
    assert {"position_embedding.weights", "transformer_stack.layers.1.feed_forward.up_linear.bias",
            "transformer_stack.layers.0.self_attention.key_linear.bias"} <= full.keys()
    assert "output_projection.weights" not in full


@pytest.mark.parametrize("make", [tiny_llama, lambda rng: tiny_model(rng, **GPT2)],
                         ids=["Llama", "GPT-2"])
class TestBothKinds:
    def test_a_cache_gives_the_logits_of_the_whole(self, make, rng):
        model = make(rng)
        tokens = random_tokens(model, rng, 2, 10)
        whole = model.forward(tokens, False)
        for parts in ([3, 1, 1, 4, 1], [1] * 10, [10]):
            past, start = model.new_cache(2), 0
            for part in parts:
                found = model.forward(tokens[:, start:start + part], False, past)
                np.testing.assert_allclose(found, whole[:, start:start + part], rtol=1e-10,
                                           atol=1e-12)
                start += part

    def test_generation_with_a_cache_and_without(self, make, rng):
        model = make(rng)
        tokens = random_tokens(model, rng, 2, 3)
        found = generate(model, tokens, 7)
        assert found.tolist() == generate(model, tokens, 7, use_cache=False).tolist()

    def test_a_sequence_longer_than_the_context(self, make, rng):
        model = make(rng)
        with refused("11 tokens", "context of 10", unchanged=model):
            model.forward(random_tokens(model, rng, 1, 11))
        with refused("4 tokens and 7 new ones make 11", "context of 10"):
            generate(model, random_tokens(model, rng, 1, 4), 7)

    def test_the_tied_table_stays_one_array(self, make, rng, tmp_path):
        model = make(rng)
        optimizer = AdamW()
        train_step(model, optimizer, *random_batch(model, rng), 0.01)
        model.save(tmp_path / "model.npz")
        for each in (model, model.copy(), model.astype(np.float32), type(model).load(
                tmp_path / "model.npz"), model.copy(share_arrays=True)):
            assert each.output_projection.weights is each.token_embedding.weights
            assert "output_projection.weights" not in each.parameters()
        assert as_bytes(type(model).load(tmp_path / "model.npz").parameters()) == as_bytes(
            model.parameters())

    def test_training_lowers_the_loss(self, make, rng):
        model, optimizer = make(rng), AdamW()
        batch = random_batch(model, rng)
        losses = [train_step(model, optimizer, *batch, 0.01) for _ in range(20)]
        assert losses[-1] < losses[0] / 2

    def test_the_table_is_no_target_for_it_serves_twice(self, make, rng):
        model = make(rng)
        assert not set(targets_in(model)) & set(IN_MODEL)
        for target in IN_MODEL:
            with refused(target, *targets_in(model), unchanged=model):
                apply_lora_to_model(model, 2, 4.0, ("query", target))

    def test_adapters(self, make, rng):
        """Nothing at first; trained, merged, dialled, taken off and put on another copy."""
        model = make(rng)
        other, tokens = model.copy(), random_tokens(model, rng)
        before, plain = as_bytes(model.parameters()), model.forward(tokens, False)
        names = list(model.parameters())
        apply_lora_to_model(model, 2, 4.0, targets_in(model), rng=rng)
        assert len(adapted_layers(model)) == model.config.layers * len(targets_in(model))
        assert np.array_equal(model.forward(tokens, False), plain)
        optimizer = AdamW()
        for _ in range(3):
            train_step_lora(model, optimizer, *random_batch(model, rng), 0.05)
        tuned = model.forward(tokens, False)
        assert np.abs(tuned - plain).max() > 1e-2
        attach_adapters(other, get_adapters(model))
        assert np.array_equal(other.forward(tokens, False), tuned)
        np.testing.assert_allclose(merged_copy(model).forward(tokens, False), tuned, rtol=1e-9,
                                   atol=1e-11)
        np.testing.assert_allclose(merge_adapters(model).forward(tokens, False), tuned,
                                   rtol=1e-9, atol=1e-11)
        set_adapter_strength(unmerge_adapters(model), 0)
        assert np.array_equal(model.forward(tokens, False), plain)
        remove_adapters(model)
        assert as_bytes(model.parameters()) == before and list(model.parameters()) == names


def test_a_gate_is_a_target_of_the_llama_alone(rng):
    assert targets_in(tiny_llama(rng)) == ALL
    with refused("ffn_gate", "ffn_up", "output_projection"):
        apply_lora_to_model(tiny_model(rng), 2, 4.0, ("ffn_gate",))


def test_float32_stays_float32(rng):
    model = tiny_llama(rng, ("query", "ffn_gate"), dtype=np.float32)
    inputs, targets = random_batch(model, rng)
    _, gradients = loss_and_gradients(model, inputs, targets)
    assert {gradient.dtype for gradient in gradients.values()} == {np.dtype(np.float32)}
    wide = model.astype(np.float64)
    np.testing.assert_allclose(model.forward(inputs), wide.forward(inputs), rtol=1e-4, atol=1e-4)


def test_backward_needs_the_gradient_of_the_last_logits(rng):
    model = tiny_llama(rng)
    _, grad = cross_entropy(model.forward(random_tokens(model, rng)), np.ones((3, 7), int))
    with refused("(3, 6, 11)", "(3, 7, 11)"):
        model.backward(grad[:, 1:])


@pytest.mark.parametrize("changes, words", [
    ({"heads": 4, "kv_heads": 3}, ["heads 4", "kv_heads 3"]),
    ({"kv_heads": 0}, ["kv_heads is 0", "above 0"]),
    ({"rotary_base": 0.0}, ["rotary_base is 0.0", "above 0"]),
    ({"epsilon": math.inf}, ["epsilon is inf", "finite"]),
    ({"epsilon": math.nan}, ["epsilon is nan"]),
    ({"positions": "learned"}, ["'learned'", "'rotary'"]), ({"biases": True}, ["biases True"]),
    ({"tied": False}, ["tied False"]), ({"tied": 1}, ["tied is 1", "True or False"])])
def test_a_configuration_that_no_llama_has(changes, words):
    with refused(*words):
        LlamaConfig(**changes)


def test_arrays_that_do_not_fit(rng):
    model = tiny_llama(rng)
    arrays = dict(model.parameters())
    name = "transformer_stack.layers.1.self_attention.key_linear.weights"
    kept = arrays.pop(name)
    with refused(name, "missing"):
        LlamaModel(model.config, arrays)
    with refused(name, "(24, 24)", "(8, 24)"):
        LlamaModel(model.config, {**arrays, name: np.ones((24, 24))})
    with refused("extra", "not expected"):
        LlamaModel(model.config, {**arrays, name: kept, "extra": kept})
    before = picture(model)
    assert LlamaModel(model.config, {**arrays, name: kept}).parameters().keys() == \
        model.parameters().keys()
    assert picture(model) == before


def test_lora_parameters_have_the_names_of_their_parts(rng):
    names = get_lora_parameters(tiny_llama(rng, ("ffn_gate", "key")))
    assert names["transformer_stack.layers.1.feed_forward.gate_linear.lora_A"].shape == (2, 24)
    assert names["transformer_stack.layers.0.self_attention.key_linear.lora_B"].shape == (8, 2)
