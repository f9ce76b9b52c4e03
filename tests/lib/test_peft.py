"""Adapters in PEFT's form: there and back, in the order of transformers' rows, and bad folders."""

import json

import numpy as np
import pytest
from helpers import as_bytes, random_tokens, refused, tiny_llama, tiny_model

from lib.adapters import attach_adapters, set_adapter_strength
from lib.interchange.peft import (
    ARRAYS,
    CONFIG,
    halves_of_pairs,
    load_peft,
    our_name,
    pairs_of_halves,
    peft_name,
    save_peft,
)
from lib.interchange.safetensors import from_bytes, to_bytes
from lib.lora import IN_LLAMA_BLOCK, get_lora_parameters, remove_adapters
from lib.positions import rotary_angles, rotate

SEVEN = tuple(IN_LLAMA_BLOCK)


def bare(model):
    """The model without its adapters, on the same arrays."""
    return remove_adapters(model.copy(share_arrays=True))


@pytest.mark.parametrize("targets", [("query", "value"), ("key",), ("ffn_gate", "output"), SEVEN],
                         ids="+".join)
def test_what_is_saved_comes_back_bit_for_bit(targets, rng, tmp_path):
    model = tiny_llama(rng, targets, dtype=np.float32)
    save_peft(model, tmp_path / "new/adapter", base="someone/some-model")
    folder = tmp_path / "new" / "adapter"
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, ARRAYS]
    adapters = load_peft(folder, model.config)
    assert set(adapters.target_modules) == set(targets)
    assert (adapters.rank, adapters.alpha) == (2, 3.0)
    assert as_bytes(adapters.arrays) == as_bytes(get_lora_parameters(model))
    other, tokens = bare(model), random_tokens(model, rng)
    assert not np.allclose(other.forward(tokens, False), model.forward(tokens, False))
    attach_adapters(other, adapters)
    assert np.array_equal(other.forward(tokens, False), model.forward(tokens, False))


def test_the_files_are_those_of_peft(rng, tmp_path):
    model = tiny_llama(rng, SEVEN, dtype=np.float32)
    save_peft(model, tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config["peft_type"] == "LORA" and config["task_type"] == "CAUSAL_LM"
    assert (config["r"], config["lora_alpha"], config["bias"]) == (2, 3.0, "none")
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert set(config["target_modules"]) == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
                                             "up_proj", "down_proj"}
    arrays, metadata = from_bytes((tmp_path / ARRAYS).read_bytes())
    assert metadata == {"format": "pt"} and len(arrays) == 2 * 7 * 2
    name = "base_model.model.model.layers.1.mlp.gate_proj.lora_B.weight"
    ours = get_lora_parameters(model)["transformer_stack.layers.1.feed_forward.gate_linear.lora_B"]
    assert np.array_equal(arrays[name], ours)
    for name in arrays:
        assert peft_name(our_name(name)) == name


def test_rows_in_transformers_order_give_the_same_scores_under_its_rotation(rng):
    """It turns (i, i + half): (x cos - y sin, y cos + x sin) on halves, as ours does on pairs."""
    w_q, w_k, x = (rng.standard_normal(shape) for shape in ((12, 5), (12, 5), (4, 5)))
    angles = rotary_angles(4, 6, 30.0)

    def halves(rows):
        turned = (x @ halves_of_pairs(rows, 6).T).reshape(4, 2, 6).swapaxes(0, 1)
        first, second = turned[..., :3], turned[..., 3:]
        cos, sin = np.cos(angles), np.sin(angles)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)

    def pairs(rows):
        return rotate((x @ rows.T).reshape(4, 2, 6).swapaxes(0, 1), angles)

    theirs, ours = (turn(w_q) @ turn(w_k).swapaxes(-1, -2) for turn in (halves, pairs))
    np.testing.assert_allclose(theirs, ours, rtol=1e-10)
    assert np.array_equal(pairs_of_halves(halves_of_pairs(w_q, 6), 6), w_q)
    assert halves_of_pairs(np.arange(12)[:, None], 6)[:, 0].tolist() == \
        [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]


def test_models_that_cannot_be_written(rng, tmp_path):
    folder = tmp_path / "new"
    with refused("Llama"):
        save_peft(tiny_model(rng, ("query",)), folder)
    with refused("no LoRA adapters"):
        save_peft(tiny_llama(rng), folder)
    with refused("strength 0.5"):
        save_peft(set_adapter_strength(tiny_llama(rng, SEVEN), 0.5), folder)
    assert not folder.exists()


@pytest.fixture
def folder(rng, tmp_path):
    model = tiny_llama(rng, ("query", "value"), dtype=np.float32)
    save_peft(model, tmp_path)
    return model, tmp_path


@pytest.mark.parametrize("changes, words", [
    ({"peft_type": "IA3"}, ["peft_type"]), ({"r": 0}, ["r is 0"]), ({"r": "2"}, ["r is '2'"]),
    ({"r": 3}, ["rank should be 3"]), ({"lora_alpha": 0}, ["lora_alpha is 0"]),
    ({"lora_alpha": None}, ["lora_alpha"]), ({"use_dora": True}, ["use_dora is True"]),
    ({"use_rslora": True}, ["use_rslora"]), ({"bias": "all"}, ["bias is 'all'"]),
    ({"rank_pattern": {"q_proj": 4}}, ["rank_pattern"]),
    ({"modules_to_save": ["lm_head"]}, ["modules_to_save"])])
def test_configurations_of_something_else(changes, words, folder):
    model, path = folder
    config = json.loads((path / CONFIG).read_text())
    (path / CONFIG).write_text(json.dumps({**config, **changes}))
    with refused(path, *words):
        load_peft(path, model.config)


def test_what_peft_says_besides_may_be_there(folder):
    model, path = folder
    config = json.loads((path / CONFIG).read_text())
    more = {"rank_pattern": {}, "alpha_pattern": {}, "use_rslora": False, "modules_to_save": None,
            "lora_dropout": 0.1, "layers_to_transform": None, "peft_version": "0.17"}
    (path / CONFIG).write_text(json.dumps({**config, **more}))
    assert as_bytes(load_peft(path, model.config).arrays) == as_bytes(get_lora_parameters(model))


@pytest.mark.parametrize("name, data", [
    (CONFIG, b""), (CONFIG, b"{"), (CONFIG, b"[1]"), (CONFIG, b"\xff"), (ARRAYS, b""),
    (ARRAYS, b"x" * 40), (ARRAYS, to_bytes({})),
    (ARRAYS, to_bytes({"base_model.model.lm_head.lora_A.weight": np.zeros((2, 3))})),
    (ARRAYS, to_bytes({"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight":
                       np.zeros((9, 2))})),
    (ARRAYS, to_bytes({"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight":
                       np.zeros(2)}))])
def test_damaged_files(name, data, folder):
    model, path = folder
    (path / name).write_bytes(data)
    with refused(path / name):
        load_peft(path, model.config)


@pytest.mark.parametrize("name", [CONFIG, ARRAYS])
def test_missing_files(name, folder):
    model, path = folder
    (path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        load_peft(path, model.config)


def test_adapters_of_another_size_are_refused_by_the_model(folder, rng):
    model, path = folder
    other = tiny_llama(rng, layers=3, dtype=np.float32)
    adapters = load_peft(path, other.config)
    with refused("missing", unchanged=other):
        attach_adapters(other, adapters)
