"""GPT-2's architecture: gradients, cache, tied table, and models as transformers writes them."""

import json

import numpy as np
import pytest
from helpers import as_bytes, central_differences, random_batch, random_tokens, refused, shaken

from lib.gpt2 import GPT2Config, GPT2Model
from lib.interchange.gpt2 import IN_BLOCK, NAMES, NEEDED, load_gpt2
from lib.interchange.safetensors import to_bytes
from lib.lora import IN_BLOCK as TARGETS
from lib.lora import apply_lora_to_model, get_lora_parameters, targets_in
from lib.losses import cross_entropy, cross_entropy_loss
from lib.training import loss_and_gradients, trainable_count


def tiny(rng, **changes):
    sizes = {"vocabulary_size": 11, "context_length": 10, "embedding_dimension": 8, "layers": 2,
             "heads": 2, "feed_forward_dimension": 12, "dtype": np.float64}
    return shaken(GPT2Model(GPT2Config(**{**sizes, **changes}), rng), rng, 0.3)


@pytest.mark.parametrize("targets", [(), ("query", "ffn_down")], ids="+".join)
def test_every_gradient(targets, rng):
    model = tiny(rng)
    if targets:
        shaken(apply_lora_to_model(model, 2, 3.0, targets, rng=rng), rng)
    inputs, wanted = random_batch(model, rng)
    _, grad_logits = cross_entropy(model.forward(inputs), wanted)
    model.backward(grad_logits)
    gradients, trained = dict(model.gradients()), model.trainable_parameters()
    assert gradients.keys() == trained.keys()
    for name, array in trained.items():
        places = [np.unravel_index(place, array.shape)
                  for place in rng.choice(array.size, min(6, array.size), replace=False)]
        slopes = central_differences(
            lambda: cross_entropy_loss(model.forward(inputs, False), wanted), array, places)
        np.testing.assert_allclose([gradients[name][place] for place in places], slopes, rtol=1e-5,
                                   atol=1e-9, err_msg=name)


def test_names_and_sizes(rng):
    model = tiny(rng)
    names = set(model.parameters())
    assert "position_embedding.weights" in names and "output_projection.weights" not in names
    assert "transformer_stack.layers.1.self_attention.query_linear.bias" in names
    assert set(targets_in(model)) == set(TARGETS)
    count = 50257 * 768 + 1024 * 768 + 12 * (12 * 768**2 + 13 * 768) + 2 * 768
    assert count == 124_439_808
    size, hidden, layers = 8, 12, 2
    block = 4 * (size**2 + size) + 2 * size * hidden + hidden + size + 4 * size
    assert trainable_count(model) == 11 * size + 10 * size + layers * block + 2 * size
    with refused("'sinusoidal'", "learned"):
        GPT2Config(positions="sinusoidal")


def test_a_place_that_trains_alone_and_a_frozen_table(rng):
    model = tiny(rng)
    model.freeze()
    model.position_embedding.freeze(False)
    _, gradients = loss_and_gradients(model, *random_batch(model, rng, time=4))
    assert set(gradients) == {"position_embedding.weights"}
    rows = np.abs(gradients["position_embedding.weights"]).max(1)
    assert (rows[:4] > 0).all() and not rows[4:].any()


@pytest.mark.parametrize("cuts", [[3], [1, 2, 3], [6]])
def test_the_cache_equals_the_whole_forward(cuts, rng):
    model = tiny(rng)
    tokens, past = random_tokens(model, rng, 2, 9), model.new_cache(2)
    parts = [model.forward(part, False, past) for part in np.split(tokens, cuts, 1)]
    np.testing.assert_allclose(np.concatenate(parts, 1), model.forward(tokens, False), rtol=1e-9)


def test_save_and_load(rng, tmp_path):
    model = tiny(rng)
    model.save(tmp_path / "m.npz")
    again = GPT2Model.load(tmp_path / "m.npz")
    assert as_bytes(again.parameters()) == as_bytes(model.parameters())
    tokens = random_tokens(model, rng)
    assert np.array_equal(again.forward(tokens), model.forward(tokens))


def in_their_layout(model, prefix="transformer."):
    """A model's arrays as transformers has them."""
    own, theirs = model.parameters(), {}
    for name, stem in NAMES.items():
        theirs[prefix + stem] = own[name]
    for number in range(model.config.layers):
        joined = {}
        for name, (stem, _) in IN_BLOCK.items():      # thirds come in their order
            joined.setdefault(stem, []).append(own[f"transformer_stack.layers.{number}.{name}"])
        for stem, parts in joined.items():
            theirs[f"{prefix}h.{number}.{stem}"] = np.concatenate(parts).T
    return theirs


@pytest.fixture
def folder(rng, tmp_path):
    model = tiny(rng, dtype=np.float32)
    c = model.config
    settings = {**NEEDED, "vocab_size": c.vocabulary_size, "n_positions": c.context_length,
                "n_embd": c.embedding_dimension, "n_layer": c.layers, "n_head": c.heads,
                "n_inner": c.feed_forward_dimension, "resid_pdrop": 0.1}

    def write(arrays=None, **changes):
        (tmp_path / "config.json").write_text(json.dumps(
            {name: value for name, value in {**settings, **changes}.items() if value != "gone"}))
        (tmp_path / "model.safetensors").write_bytes(to_bytes(arrays or in_their_layout(model)))
        return tmp_path

    return model, write


@pytest.mark.parametrize("prefix", ["transformer.", ""])
def test_a_model_of_transformers_is_read_bit_for_bit(prefix, folder, rng):
    model, write = folder
    path = write({**in_their_layout(model, prefix), "h.0.attn.masked_bias": np.zeros(1)})
    found = load_gpt2(path)
    assert as_bytes(found.parameters()) == as_bytes(model.parameters())
    assert found.config == model.config
    assert load_gpt2(path, np.float64).config.dtype is np.float64
    assert not get_lora_parameters(found)


@pytest.mark.parametrize("changes, words", [
    ({"model_type": "llama"}, ["model_type is 'llama'", "'gpt2'"]),
    ({"activation_function": "relu"}, ["activation_function"]),
    ({"layer_norm_epsilon": 1e-6}, ["layer_norm_epsilon"]),
    ({"tie_word_embeddings": False}, ["tie_word_embeddings"]), ({"n_head": "gone"}, ["n_head"]),
    ({"n_layer": 0}, ["layers is 0"]), ({"n_head": 3}, ["embedding_dimension 8"]),
    ({"n_embd": "8"}, ["config.json"])])
def test_configurations_of_something_else(changes, words, folder):
    with refused("config.json", *words):
        load_gpt2(folder[1](**changes))


def test_files_that_do_not_fit(folder):
    model, write = folder
    arrays = in_their_layout(model)
    for name in ("transformer.h.1.mlp.c_fc.bias", "transformer.wpe.weight"):
        with refused("model.safetensors", "missing"):
            load_gpt2(write({n: a for n, a in arrays.items() if n != name}))
    with refused("model.safetensors", "missing"):
        load_gpt2(write(n_layer=3))
    with refused("model.safetensors", "(10, 8)"):
        load_gpt2(write(n_positions=12))
    path = write()
    (path / "model.safetensors").write_bytes(b"")
    with refused("model.safetensors", "safetensors file"):
        load_gpt2(path)
    (path / "config.json").write_text("[")
    with refused("config.json"):
        load_gpt2(path)
    (path / "config.json").write_text("[]")
    with refused("config.json", "no settings"):
        load_gpt2(path)
