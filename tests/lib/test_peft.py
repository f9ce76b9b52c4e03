"""Adapters in PEFT's format: names, order of rows, settings, and all that is refused.

That PEFT itself reads them, and the model answers the same there, parity/ checks.
"""

import json

import numpy as np
import pytest
from helpers import as_bytes, random_tokens, refused, tiny_llama, tiny_model

from lib.adapters import attach_adapters, get_adapters
from lib.interchange.peft import ARRAYS, CONFIG, MODULES, load_peft, save_peft
from lib.interchange.safetensors import from_bytes, to_bytes
from lib.lora import get_lora_parameters, remove_adapters, targets_in

PREFIX = "base_model.model.model.layers.1"


@pytest.fixture
def model(rng):
    """Heads of 4 numbers, 6 of queries and 2 of keys; adapters on all that a Llama has."""
    model = tiny_llama(rng)
    return tiny_llama(rng, targets_in(model))


@pytest.fixture
def folder(model, tmp_path):
    save_peft(get_adapters(model), model.config, tmp_path / "adapter")
    return tmp_path / "adapter"


def arrays_of(folder):
    return from_bytes((folder / ARRAYS).read_bytes())


def settings_of(folder, **changes):
    """Write the settings with changes; return them."""
    settings = {**json.loads((folder / CONFIG).read_text()), **changes}
    (folder / CONFIG).write_text(json.dumps(settings))
    return settings


@pytest.mark.parametrize("targets", [("query",), ("key", "ffn_down"), tuple(MODULES)])
def test_what_was_written_comes_back(targets, tmp_path, rng):
    model = tiny_llama(rng, targets)
    adapters = get_adapters(model)
    save_peft(adapters, model.config, tmp_path)
    found = load_peft(tmp_path, model.config)
    assert (found.rank, found.alpha, found.target_modules) == (2, 3.0, adapters.target_modules)
    assert as_bytes(found.arrays) == as_bytes(adapters.arrays)
    tokens = random_tokens(model, rng)
    wanted = model.forward(tokens, False)
    attach_adapters(remove_adapters(model), found)
    assert np.array_equal(model.forward(tokens, False), wanted)


def test_names_and_settings_are_those_of_peft(folder):
    arrays, metadata = arrays_of(folder)
    assert metadata == {"format": "pt"}
    assert arrays.keys() == {
        f"base_model.model.model.layers.{layer}.{module}.lora_{matrix}.weight"
        for layer in range(2) for matrix in "AB" for module in (
            "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")}
    settings = json.loads((folder / CONFIG).read_text())
    assert settings["target_modules"] == ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj",
                                          "down_proj", "gate_proj"]
    assert (settings["r"], settings["lora_alpha"], settings["peft_type"], settings["task_type"]
            ) == (2, 3.0, "LORA", "CAUSAL_LM")


def test_rows_of_queries_and_keys_are_in_transformers_order(folder, model):
    """Of a head's 4 rows 0 1 2 3 the first entries of pairs come first: 0 2 1 3."""
    arrays, _ = arrays_of(folder)
    own = get_lora_parameters(model)
    part = "transformer_stack.layers.1.self_attention"
    for short, name, heads in (("q", "query", 6), ("k", "key", 2)):
        order = [4 * head + row for head in range(heads) for row in (0, 2, 1, 3)]
        assert np.array_equal(arrays[f"{PREFIX}.self_attn.{short}_proj.lora_B.weight"],
                              own[f"{part}.{name}_linear.lora_B"][order])
        assert np.array_equal(arrays[f"{PREFIX}.self_attn.{short}_proj.lora_A.weight"],
                              own[f"{part}.{name}_linear.lora_A"])
    for short, name in (("v", "value"), ("o", "output")):
        assert np.array_equal(arrays[f"{PREFIX}.self_attn.{short}_proj.lora_B.weight"],
                              own[f"{part}.{name}_linear.lora_B"])


def test_what_peft_adds_to_its_settings_is_read(folder, model):
    settings_of(folder, lora_dropout=0.1, use_rslora=False, use_dora=False, lora_bias=False,
                modules_to_save=None, rank_pattern={}, alpha_pattern={}, layers_to_transform=None,
                megatron_core="megatron.core", init_lora_weights=True)
    assert as_bytes(load_peft(folder, model.config).arrays) == as_bytes(get_lora_parameters(model))


def test_rslora_is_the_same_factor_by_another_alpha(folder, model):
    settings_of(folder, use_rslora=True)
    assert load_peft(folder, model.config).alpha == pytest.approx(3 * 2**0.5)


@pytest.mark.parametrize("changes, words", [
    ({"peft_type": "IA3"}, ["peft_type is 'IA3'", "'LORA'"]), ({"use_dora": True}, ["use_dora"]),
    ({"bias": "all"}, ["bias is 'all'"]), ({"lora_bias": True}, ["lora_bias is True"]),
    ({"rank_pattern": {"q_proj": 3}}, ["rank_pattern", "q_proj"]),
    ({"alpha_pattern": {"q_proj": 3}}, ["alpha_pattern"]),
    ({"modules_to_save": ["lm_head"]}, ["modules_to_save", "lm_head"]),
    ({"layers_to_transform": [1]}, ["layers_to_transform is [1]"]),
    ({"fan_in_fan_out": True}, ["fan_in_fan_out"]), ({"r": 0}, ["r is 0", "above 0"]),
    ({"r": "2"}, ["r is '2'"]), ({"r": None}, ["r is None"]), ({"r": 3}, ["rank should be 3"]),
    ({"lora_alpha": -1}, ["lora_alpha is -1"]), ({"lora_alpha": float("nan")}, ["lora_alpha"]),
    ({"target_modules": "all-linear"}, ["'all-linear'", "q_proj"]),
    ({"target_modules": ["lm_head"]}, ["lm_head", "gate_proj"]), ({"target_modules": []}, ["[]"])])
def test_settings_that_make_something_else(changes, words, folder, model):
    settings_of(folder, **changes)
    with refused(folder, *words):
        load_peft(folder, model.config)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_settings_that_are_none(data, folder, model):
    (folder / CONFIG).write_bytes(data)
    with refused(folder / CONFIG):
        load_peft(folder, model.config)


@pytest.mark.parametrize("name", [
    "base_model.model.lm_head.lora_A.weight", f"{PREFIX}.self_attn.q_proj.lora_magnitude_vector",
    f"{PREFIX}.self_attn.q_proj.lora_C.weight", f"{PREFIX}.mlp.q_proj.lora_A.weight", "x"])
def test_an_array_that_is_no_adapter_of_a_block(name, folder, model):
    arrays, metadata = arrays_of(folder)
    (folder / ARRAYS).write_bytes(to_bytes({**arrays, name: np.ones((2, 24))}, metadata))
    with refused(folder / ARRAYS, name):
        load_peft(folder, model.config)


def test_arrays_of_wrong_shapes(folder, model):
    arrays, metadata = arrays_of(folder)
    name = f"{PREFIX}.self_attn.q_proj.lora_B.weight"
    for shape, word in (((24, 3), "rank should be 2"), ((2,), "rank should be 2"),
                        ((23, 2), "no multiple of the 4")):
        (folder / ARRAYS).write_bytes(to_bytes({**arrays, name: np.ones(shape)}, metadata))
        with refused(folder / ARRAYS, word, "23" if word.startswith("no") else shape):
            load_peft(folder, model.config)


def test_files_that_are_cut_or_not_there(folder, model, tmp_path):
    data = (folder / ARRAYS).read_bytes()
    for length in 0, 7, 100, len(data) - 1:
        (folder / ARRAYS).write_bytes(data[:length])
        with refused(folder / ARRAYS):
            load_peft(folder, model.config)
    for name in ARRAYS, CONFIG:
        (folder / name).unlink()
        with refused(name, error=FileNotFoundError):
            load_peft(folder, model.config)


def test_adapters_that_lack_a_layer_do_not_fit(folder, model):
    arrays, metadata = arrays_of(folder)
    kept = {name: array for name, array in arrays.items() if ".layers.1." not in name}
    (folder / ARRAYS).write_bytes(to_bytes(kept, metadata))
    found = load_peft(folder, model.config)
    with refused("missing", "layers.1", unchanged=model):
        attach_adapters(model, found)


def test_a_gpts_adapters_on_its_embedding_are_not_written(tmp_path, rng):
    gpt = tiny_model(rng, ("query", "token_embedding"))
    with refused("token_embedding", *MODULES):
        save_peft(get_adapters(gpt), tiny_llama(rng).config, tmp_path / "new")
    assert not (tmp_path / "new").exists()
