"""Whole files whose arrays, settings or notes don't fit each other: refused, nothing is changed."""

import numpy as np
import pytest
from helpers import as_bytes, refused, tiny_config, tiny_model
from test_checkpoint_damage import RECIPE, read_state, smallest, write_adapters, write_state

from lib.adapters import attach_adapters, load_adapters, save_adapters
from lib.checkpoint import load_arrays, save_arrays
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer


@pytest.mark.parametrize("changes, words", [
    ({"layers": 2}, ["missing", "layers.1"]), ({"embedding_dimension": 16}, ["(11, 8)"]),
    ({"heads": 3}, ["heads"]), ({"layers": -1}, ["layers", "above 0"]), ({"nose": 1}, ["nose"]),
    ({"dtype": "float32"}, ["float64", "float32"]), ({"dtype": "banana"}, ["banana"]), (None, [])])
def test_a_model_of_another_configuration(changes, words, tmp_path):
    path = tmp_path / "model.npz"
    model = tiny_model(np.random.default_rng(0), layers=1)
    config = None if changes is None else {**tiny_config(layers=1).to_dict(), **changes}
    save_arrays(path, model.parameters(), {"kind": "gpt", "config": config})
    with refused(path, *words):
        GPTModel.load(path)


@pytest.mark.parametrize("change, words", [
    (lambda a: {k: v for k, v in a.items() if k != "first.final_norm.gamma"},
     ["missing ['first.final_norm.gamma']"]),
    (lambda a: {k: v for k, v in a.items() if not k.startswith("second.")}, ["missing ['second."]),
    (lambda a: {k: v for k, v in a.items() if k != "model.token_embedding.weights"},
     ["missing ['model.token_embedding.weights']"]),
    (lambda a: {**a, "model.nose": np.ones(1)}, ["not expected ['model.nose']"]),
    (lambda a: {**a, "first.final_norm.beta": np.ones(9)},
     ["first.final_norm.beta", "(9,)", "(2,)"]),
    (lambda a: {**a, "model.final_norm.beta": np.ones(2, np.float32)}, ["float32", "float64"])])
def test_a_state_whose_arrays_do_not_fit(change, words, tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path)
    arrays, metadata, _ = load_arrays(path, "pretraining")
    save_arrays(path, change(arrays), metadata)
    with refused(path, *words):
        read_state(path)


def test_a_state_of_another_configuration_or_recipe(tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path)
    with refused(path, "layers.1"):
        read_state(path, tiny_model(np.random.default_rng(0)))
    with refused(path, "another recipe", "'steps': 3", "delete"):
        read_state(path, recipe={**RECIPE, "steps": 4})


@pytest.mark.parametrize("missing", ["recipe", "losses", "history"])
def test_a_state_without_its_notes(missing, tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path)
    arrays, metadata, _ = load_arrays(path, "pretraining")
    del metadata[missing]
    save_arrays(path, arrays, metadata)
    with refused(path, f"lacks {missing}"):
        read_state(path)


def test_a_state_before_the_first_step_holds_no_moments(tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path, done=0)
    assert read_state(path) == ({"losses": [], "history": [{"step": 0}]}, 0,
                                as_bytes(smallest().parameters()), {}, {})


@pytest.mark.parametrize("changes, words", [
    ({"target_modules": [["value"]]}, ["target_modules is", "value"]),
    ({"target_modules": ["value"]}, ["does not fit", "token_embedding.lora_A"]),
    ({"target_modules": ["value", "token_embedding", "key"]}, ["does not fit", "attention.key"]),
    ({"target_modules": ["value", "nose"]}, ["target_modules is", "nose"]),
    ({"target_modules": []}, ["target_modules is"]),
    ({"target_modules": 3}, ["lacks the settings"]),
    ({"rank": 2}, ["lora_A is (1, 4)", "rank should be 2"]), ({"rank": "1"}, ["should be '1'"]),
    ({"rank": None}, ["should be None"]), ({"alpha": "8"}, ["alpha is '8'"])])
def test_adapters_that_are_not_what_their_settings_say(changes, words, tmp_path):
    path = tmp_path / "x.npz"
    write_adapters(path)
    arrays, metadata, _ = load_arrays(path, "lora")
    save_arrays(path, arrays, {**metadata, **changes})
    model = smallest()
    with refused(*words, unchanged=model):
        attach_adapters(model, load_adapters(path))


@pytest.mark.parametrize("lost", range(4))
def test_adapters_that_lost_an_array(lost, tmp_path):
    path, model = tmp_path / "x.npz", tiny_model(np.random.default_rng(0))
    save_adapters(tiny_model(np.random.default_rng(0), ("key",)), path)
    arrays, metadata, _ = load_arrays(path, "lora")
    name = list(arrays)[lost]
    kept = {key: array for key, array in arrays.items() if key != name}
    for found in (kept, {**kept, name: arrays[name].reshape(-1)}, {}):
        save_arrays(path, found, metadata)
        with refused(name if found else "does not fit", unchanged=model):
            attach_adapters(model, load_adapters(path))


@pytest.mark.parametrize("merges, words", [
    (np.zeros(3, np.int64), ["merges is (3,)", "(1, 2)"]),
    (np.zeros((2, 3), np.int64), ["(2, 3)", "(3, 2)"]),
    (np.full((1, 2), 97.5), ["float64", "int64"]),
    (np.array([[97, 256]]), ["merge 0", "97 and 256"]),
    (None, ["missing ['merges']"])])
def test_merges_that_are_none(merges, words, tmp_path):
    path = tmp_path / "x.npz"
    save_arrays(path, {} if merges is None else {"merges": merges}, {"kind": "tokenizer"})
    with refused(path, *words):
        BPETokenizer.load(path)
