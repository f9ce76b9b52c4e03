"""The Llama: gradients, cache, groups of queries, the tied table, adapters, files."""

import dataclasses

import numpy as np
import pytest
from gguf_files import gguf_bytes, gguf_name, llama_metadata, packed_tensors
from helpers import (
    arrays_in,
    as_bytes,
    central_differences,
    random_batch,
    random_tokens,
    refused,
    tiny_llama,
    tiny_model,
)

from lib.adapters import (
    attach_adapters,
    load_adapters,
    merge_adapters,
    merged_copy,
    save_adapters,
    set_adapter_strength,
    unmerge_adapters,
)
from lib.attention import CausalSelfAttention
from lib.evaluation import mean_loss
from lib.generation import generate
from lib.gguf import read_gguf
from lib.layers import LARGE, Linear, product
from lib.llama import (
    GroupedQueryAttention,
    LlamaConfig,
    LlamaModel,
    RMSNorm,
    SwiGLU,
    array_shapes,
    logistic,
)
from lib.lora import (
    IN_LLAMA_BLOCK,
    adapted_layers,
    apply_lora_to_model,
    remove_adapters,
    targets_in,
)
from lib.losses import IGNORE, cross_entropy, cross_entropy_loss
from lib.model import GPTModel
from lib.positions import rotary_angles, rotate, rotations, turn
from lib.smollm2 import llama_of
from lib.training import fit, loss_and_gradients, trainable_count

SEVEN = tuple(IN_LLAMA_BLOCK)
ADAPTED = [(), *[(target,) for target in SEVEN], SEVEN]
SEEDS = range(4)


def check_layer(layer, x, rng):
    """Every entry of every gradient, and of the input's, against central differences."""
    dy = rng.standard_normal(layer.forward(x).shape)
    dx = layer.backward(dy.copy())
    grads = {**layer.gradients(), "the input": dx}
    for name, array in {**layer.parameters(), "the input": x}.items():
        slopes = central_differences(lambda: float((layer.forward(x, False) * dy).sum()), array,
                                     np.ndindex(array.shape))
        np.testing.assert_allclose(grads[name].reshape(-1), slopes, rtol=1e-6, atol=1e-7,
                                   err_msg=name)


def linear(rng, d_out, d_in):
    return Linear(rng.standard_normal((d_out, d_in)))


# ---------------------------------------------------------------- the parts

@pytest.mark.parametrize("seed", SEEDS)
def test_rms_norm(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 7))
    check_layer(RMSNorm(rng.standard_normal(size), 1e-3), rng.standard_normal((2, 3, size)), rng)


def test_rms_norm_makes_a_mean_square_of_one_and_leaves_the_mean(rng):
    x = rng.normal(3, 2, (4, 50))
    y = RMSNorm(np.ones(50)).forward(x)
    np.testing.assert_allclose((y**2).mean(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(y, x / np.sqrt((x**2).mean(-1, keepdims=True)), rtol=1e-5)
    assert (y.mean(-1) > 0.5).all()
    assert np.array_equal(RMSNorm(np.full(50, 2.0)).forward(x, False), 2 * y)
    assert not RMSNorm(np.ones(3)).forward(np.zeros((1, 3))).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_swiglu(seed):
    rng = np.random.default_rng(seed)
    size, hidden = rng.integers(1, 6, 2)
    layer = SwiGLU(linear(rng, hidden, size), linear(rng, hidden, size), linear(rng, size, hidden))
    check_layer(layer, rng.standard_normal((2, 3, size)), rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logistic_function_far_from_zero_is_0_or_1_without_a_warning(dtype):
    with np.errstate(all="raise", under="ignore"):
        found = logistic(np.array([-1e4, -90, 0, 90, 1e4], dtype))
    assert found.dtype == dtype and np.allclose(found, [0, 0, 0.5, 1, 1], atol=1e-30)


def attention(rng, heads, kv_heads, head_size=4, context=9):
    size, shared = heads * head_size, kv_heads * head_size
    config = LlamaConfig(5, context, size, 1, heads, 3, dtype=np.float64, kv_heads=kv_heads,
                         rotary_base=30.0)
    return GroupedQueryAttention(config, linear(rng, size, size), linear(rng, shared, size),
                                 linear(rng, shared, size), linear(rng, size, size))


@pytest.mark.parametrize("heads, kv_heads", [(1, 1), (2, 1), (4, 2), (6, 2), (3, 3)])
def test_grouped_query_attention(heads, kv_heads, rng):
    layer = attention(rng, heads, kv_heads)
    check_layer(layer, 0.3 * rng.standard_normal((2, 5, 4 * heads)), rng)


def test_with_a_head_of_keys_for_each_of_queries_it_is_our_attention(rng):
    layer = attention(rng, 3, 3)
    layer.rotary_base = 10_000.0  # that of ours
    ours = CausalSelfAttention(12, 3, 9, 1.0, rng, np.float64, rotary=True)
    for name in ("query", "key", "value", "output"):
        setattr(ours, f"{name}_linear", getattr(layer, f"{name}_linear"))
    x = rng.standard_normal((2, 7, 12))
    np.testing.assert_allclose(layer.forward(x), ours.forward(x), rtol=1e-10, atol=1e-12)


def test_shared_keys_are_the_same_as_copies_of_them(rng):
    """Six heads of queries on two of keys are plain attention with each of the two three times."""
    grouped, plain = attention(rng, 6, 2), attention(rng, 6, 6)
    for name in ("query", "output"):
        setattr(plain, f"{name}_linear", getattr(grouped, f"{name}_linear"))
    for name in ("key", "value"):
        shared = getattr(grouped, f"{name}_linear").weights.reshape(2, 4, 24)
        setattr(plain, f"{name}_linear", Linear(np.repeat(shared, 3, 0).reshape(24, 24)))
    x = rng.standard_normal((2, 8, 24))
    np.testing.assert_allclose(grouped.forward(x), plain.forward(x), rtol=1e-10, atol=1e-12)


def test_the_rotary_base_sets_the_slowest_rotation():
    angles = rotary_angles(5, 8, 16.0)
    np.testing.assert_allclose(angles[3], [3, 3 / 2, 3 / 4, 3 / 8])
    assert np.array_equal(rotary_angles(5, 8), rotary_angles(5, 8, 10_000.0))
    x = np.ones((1, 5, 8))
    np.testing.assert_allclose(rotate(rotate(x, angles), -angles), x)


@pytest.mark.parametrize("dtype, kind", [(np.float32, np.complex64), (np.float64, np.complex128)])
def test_turning_complex_numbers_is_rotating_pairs(dtype, kind, rng):
    x = rng.standard_normal((2, 6, 3, 8)).astype(dtype).swapaxes(1, 2)    # a view, as heads are
    turns = rotations(6, 8, 30.0, dtype)
    found = turn(x, turns)
    assert (turns.dtype, found.dtype) == (kind, dtype) and found.flags.c_contiguous
    np.testing.assert_allclose(found, rotate(x, rotary_angles(6, 8, 30.0)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(turn(found, turns.conj()), x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 32, 33])
def test_few_rows_and_a_large_matrix(rows, rng):
    weights, x = rng.standard_normal((600, 300)), rng.standard_normal((rows, 300))
    assert weights.size > LARGE and product(x, weights).shape == (rows, 600)
    np.testing.assert_allclose(product(x, weights), x @ weights.T, rtol=1e-10)
    assert product(x, weights).flags.c_contiguous
    bias = rng.standard_normal(600)
    np.testing.assert_allclose(Linear(weights, bias).forward(x[None]), (x @ weights.T + bias)[None],
                               rtol=1e-10)


def test_large_matrices_and_few_rows_in_a_whole_model(rng, monkeypatch):
    model = tiny_llama(rng, ("query", "ffn_up"))
    tokens = random_tokens(model, rng)
    wanted = model.forward(tokens)
    monkeypatch.setattr("lib.layers.LARGE", 0)
    np.testing.assert_allclose(model.forward(tokens), wanted, rtol=1e-10)
    model.backward(np.ones_like(wanted))
    np.testing.assert_allclose(model.forward(tokens, False, model.new_cache(3)), wanted, rtol=1e-10)


# ---------------------------------------------------------------- the model

@pytest.mark.parametrize("targets", ADAPTED, ids="+".join)
def test_every_gradient_of_the_model(targets, rng):
    model = tiny_llama(rng, targets)
    inputs, wanted = random_batch(model, rng)
    _, grad_logits = cross_entropy(model.forward(inputs), wanted)
    model.backward(grad_logits)
    gradients, trained = dict(model.gradients()), model.trainable_parameters()
    assert gradients.keys() == trained.keys()
    for name, array in trained.items():
        largest = int(np.abs(gradients[name]).argmax())
        flat = [largest, *rng.choice(array.size, min(5, array.size), replace=False)]
        places = [np.unravel_index(place, array.shape) for place in flat]
        slopes = central_differences(
            lambda: cross_entropy_loss(model.forward(inputs, False), wanted), array, places)
        found = np.array([gradients[name][place] for place in places])
        assert abs(found[0]) > 1e-6, f"{name} has no gradient worth a test"
        np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-9, err_msg=name)


def test_the_tied_table_counts_once_and_frozen_it_gets_no_gradient(rng):
    model = tiny_llama(rng)
    assert set(model.parameters()) == set(array_shapes(model.config))
    assert model.output_projection.weights is model.token_embedding.weights
    assert trainable_count(model) == sum(array.size for array in model.parameters().values())
    model.token_embedding.freeze()
    inputs, wanted = random_batch(model, rng)
    _, gradients = loss_and_gradients(model, inputs, wanted)
    assert set(gradients) == set(model.trainable_parameters())
    assert not any("embedding" in name or "projection" in name for name in gradients)
    assert model.output_projection.grads == {} and model.output_projection.cache is None


@pytest.mark.parametrize("change", ["copy", "shared", "float32"])
def test_copies_keep_the_table_tied(change, rng):
    model = tiny_llama(rng)
    other = (model.astype(np.float32) if change == "float32" else
             model.copy(share_arrays=change == "shared"))
    assert other.output_projection.weights is other.token_embedding.weights
    assert (other.token_embedding.weights is model.token_embedding.weights) == (change == "shared")
    tokens = random_tokens(model, rng)
    np.testing.assert_allclose(other.forward(tokens), model.forward(tokens), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [tiny_llama, tiny_model])
@pytest.mark.parametrize("targets", [(), ("query", "ffn_down")], ids="+".join)
def test_logits_where_targets_count_give_the_same_loss_and_gradients(make, targets, rng,
                                                                    monkeypatch):
    model = make(rng, targets)
    inputs, wanted = random_batch(model, rng)
    loss, gradients = loss_and_gradients(model, inputs, wanted)
    gradients = {name: array.copy() for name, array in gradients.items()}
    monkeypatch.setattr("lib.model.LARGE_VOCABULARY", 5)
    again, found = loss_and_gradients(model, inputs, wanted)
    assert again == pytest.approx(loss, rel=1e-12) and found.keys() == gradients.keys()
    assert mean_loss(model, [(inputs, wanted)] * 2) == pytest.approx(loss, rel=1e-12)
    for name, array in gradients.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-13, err_msg=name)
    counted = wanted != IGNORE
    np.testing.assert_allclose(model.forward(inputs, counted=counted),
                               model.forward(inputs)[counted], rtol=1e-12)
    with refused("all", "ignored"):
        loss_and_gradients(model, inputs, np.full_like(wanted, IGNORE))


@pytest.mark.parametrize("targets", [(), SEVEN], ids="+".join)
@pytest.mark.parametrize("cuts", [[3], [1, 2, 3], [6, 7], [1, 5]])
def test_the_cache_equals_the_whole_forward(targets, cuts, rng):
    model = tiny_llama(rng, targets)
    tokens, past = random_tokens(model, rng, 2, 9), model.new_cache(2)
    assert past[0].keys.shape == (2, 2, 10, 4)
    parts = [model.forward(part, False, past) for part in np.split(tokens, cuts, 1)]
    np.testing.assert_allclose(np.concatenate(parts, 1), model.forward(tokens, False), rtol=1e-9,
                               atol=1e-11)


@pytest.mark.parametrize("large", [False, True])
def test_generate_with_and_without_a_cache(large, rng, monkeypatch):
    if large:
        monkeypatch.setattr("lib.model.LARGE_VOCABULARY", 5)
    model = tiny_llama(rng)
    tokens = random_tokens(model, rng, 3, 4)
    written = generate(model, tokens, 6)
    assert np.array_equal(written, generate(model, tokens, 6, use_cache=False))
    logits = model.forward(written[:, :-1], False)
    assert np.array_equal(logits[:, 3:].argmax(-1), written[:, 4:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_array_keeps_the_models_dtype(dtype, rng):
    model = tiny_llama(rng, SEVEN, dtype=dtype)
    inputs, wanted = random_batch(model, rng)
    loss_and_gradients(model, inputs, wanted)
    assert {array.dtype for array in arrays_in(model)} == {np.dtype(dtype)}
    assert {cache.keys.dtype for cache in model.new_cache(1)} == {np.dtype(dtype)}
    assert model.forward(inputs, False, model.new_cache(3)).dtype == dtype


def test_a_later_token_never_changes_an_earlier_logit(rng):
    model = tiny_llama(rng)
    tokens = random_tokens(model, rng, 2, 8)
    before = model.forward(tokens, False)
    tokens[:, 5] = (tokens[:, 5] + 1) % 11
    after = model.forward(tokens, False)
    assert np.array_equal(before[:, :5], after[:, :5])
    assert not np.allclose(before[:, 5], after[:, 5])


# ---------------------------------------------------------------- adapters

@pytest.mark.parametrize("target", SEVEN)
def test_an_adapter_on_every_target_trains_merges_dials_and_is_saved(target, rng, tmp_path):
    model = tiny_llama(rng)
    base, tokens = as_bytes(model.parameters()), random_tokens(model, rng)
    plain = model.forward(tokens, False)
    apply_lora_to_model(model, 2, 4.0, (target,), rng=rng)
    assert len(adapted_layers(model)) == 2
    assert np.array_equal(model.forward(tokens, False), plain)
    batch = random_batch(model, rng)
    losses = fit(model, lambda step: batch, 12, lambda step: 0.1, progress=False)
    assert losses[-1] < losses[0] - 0.01
    beside = model.forward(tokens, False)
    np.testing.assert_allclose(merge_adapters(model).forward(tokens, False), beside, rtol=1e-9,
                               atol=1e-11)
    np.testing.assert_allclose(merged_copy(model).forward(tokens, False), beside, rtol=1e-9,
                               atol=1e-11)
    unmerge_adapters(model)
    save_adapters(model, tmp_path / "a.npz")
    assert np.array_equal(set_adapter_strength(model, 0).forward(tokens, False), plain)
    other = LlamaModel(model.config, {name.replace("base_weights", "weights"): array for name, array
                                      in model.parameters().items() if "lora" not in name})
    attach_adapters(other, load_adapters(tmp_path / "a.npz"))
    assert np.array_equal(other.forward(tokens, False), beside)
    assert as_bytes(remove_adapters(other).parameters()) == base


def test_the_targets_of_a_llama_and_of_a_gpt(rng):
    model = tiny_llama(rng)
    assert set(targets_in(model)) == set(SEVEN) and "ffn_gate" in SEVEN
    for target in ("token_embedding", "output_projection", "nose"):
        with refused(target, "ffn_gate", unchanged=model):
            apply_lora_to_model(model, 2, 4.0, (target,))
    gpt = tiny_model(rng)
    with refused("ffn_gate", unchanged=gpt):
        apply_lora_to_model(gpt, 2, 4.0, ("ffn_gate",))


# ---------------------------------------------------------------- files and sizes

def test_save_and_load(rng, tmp_path):
    model = tiny_llama(rng)
    model.save(tmp_path / "m.npz", note=1)
    again = LlamaModel.load(tmp_path / "m.npz")
    assert as_bytes(again.parameters()) == as_bytes(model.parameters())
    assert again.config == model.config
    with refused("m.npz", "'llama'", "'gpt'"):
        GPTModel.load(tmp_path / "m.npz")
    tiny_model(rng).save(tmp_path / "gpt.npz")
    with refused("gpt.npz", "'gpt'", "'llama'"):
        LlamaModel.load(tmp_path / "gpt.npz")


@pytest.mark.parametrize("changes, words", [
    ({"kv_heads": 3}, ["heads", 4, "kv_heads", 3]), ({"kv_heads": 0}, ["kv_heads", 0]),
    ({"positions": "sinusoidal"}, ["positions", "sinusoidal"]),
    ({"rotary_base": 1.0}, ["rotary_base"]),
    ({"rotary_base": np.inf}, ["rotary_base"]), ({"epsilon": 0.0}, ["epsilon"]),
    ({"epsilon": np.nan}, ["epsilon", "nan"]), ({"layers": 0}, ["layers"])])
def test_sizes_that_no_llama_can_have(changes, words, rng):
    config = tiny_llama(rng).config
    with refused(*words):
        dataclasses.replace(config, **changes)


def test_arrays_that_are_not_the_configurations(rng):
    model = tiny_llama(rng)
    arrays = model.parameters()
    with refused("missing", "final_norm.gamma"):
        LlamaModel(model.config, {n: a for n, a in arrays.items() if n != "final_norm.gamma"})
    with refused("final_norm.gamma", "(16,)", "(3,)"):
        LlamaModel(model.config, {**arrays, "final_norm.gamma": np.ones(3)})


@pytest.fixture
def written(rng, tmp_path):
    """A Llama of 64 dimensions in a file: its matrices in 4 bits, its table in 8."""
    model = tiny_llama(rng, vocabulary_size=320, embedding_dimension=64, heads=4,
                       feed_forward_dimension=96, dtype=np.float32, epsilon=2.0**-17)
    arrays = {gguf_name(name): array for name, array in model.parameters().items()}
    tensors, values = packed_tensors(arrays, lambda name: "F32" if "norm" in name else
                                     "Q8_0" if "embd" in name else "Q4_1")
    path = tmp_path / "tiny.gguf"

    def write(changes=None, **changed):
        metadata = {name: value for name, value in
                    llama_metadata(model.config, **(changes or {})).items() if value is not None}
        path.write_bytes(gguf_bytes(metadata, {**tensors, **changed}))
        return read_gguf(path)

    return model.config, values, write


def test_a_llama_out_of_a_file_computes_with_its_packed_weights(written, rng):
    config, values, write = written
    model = llama_of(write(), 10)
    assert model.config == config
    for name, array in model.parameters().items():
        assert np.array_equal(array, values[gguf_name(name)]), name
    tokens = random_tokens(model, rng)
    wide = llama_of(write(), 10, np.float64)
    assert wide.config.dtype is np.float64
    np.testing.assert_allclose(model.forward(tokens), wide.forward(tokens), rtol=1e-4, atol=1e-4)
    inputs, wanted = random_batch(model, rng)
    loss_and_gradients(model, inputs, wanted)      # no array is a part of the file, to be read only
    fit(model, lambda step: (inputs, wanted), 1, lambda step: 1e-3, progress=False)


@pytest.mark.parametrize("changes, words", [
    ({"general.architecture": "gpt2"}, ["architecture", "'gpt2'", "'llama'"]),
    ({"general.architecture": None}, ["general.architecture"]),
    ({"llama.block_count": None}, ["llama.block_count"]),
    ({"llama.block_count": 1}, ["not expected", "layers.1"]),
    ({"llama.block_count": 3}, ["missing", "layers.2"]),
    ({"llama.block_count": "two"}, ["layers", "'two'"]),
    ({"llama.attention.head_count": 5}, ["embedding_dimension", 10]),
    ({"llama.rope.dimension_count": 8}, ["8 dimensions", "rotated"]),
    ({"llama.context_length": 9}, ["context is 10", "at most 9"]),
    ({"llama.vocab_size": 319}, ["token_embedding", "(320, 64)"])])
def test_files_that_hold_no_llama_of_ours(changes, words, written):
    gguf = written[2](changes)
    with refused(*words):
        llama_of(gguf, 10)


def test_a_tensor_that_a_llama_of_ours_does_not_have(written):
    extra = (np.ones(64, "<f4").tobytes(), (64,), 0)
    for name in ("blk.0.attn_q.bias", "output.weight", "blk.0.nose.weight"):
        with refused("not expected"):
            llama_of(written[2](**{name: extra}), 10)
