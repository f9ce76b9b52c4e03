"""Adapters of whole models: merged, dialled, taken out, saved, loaded and swapped."""

import numpy as np
import pytest
from helpers import ADAPTED, as_bytes, picture, random_batch, random_tokens, refused, tiny_model
from hypothesis import given
from hypothesis import strategies as st

from lib.adapters import (
    Adapters,
    attach_adapters,
    get_adapters,
    load_adapters,
    merge_adapters,
    merged_copy,
    save_adapters,
    set_adapter_strength,
    unmerge_adapters,
)
from lib.checkpoint import load_arrays, save_arrays
from lib.layers import Linear
from lib.lora import (
    TARGETS,
    adapted_layers,
    apply_lora_to_model,
    get_lora_parameters,
    remove_adapters,
)
from lib.optim import AdamW
from lib.training import train_step, train_step_lora


@given(st.integers(0, 10**6), st.sampled_from(ADAPTED[1:]),
       st.sampled_from([(np.float64, 1e-12), (np.float32, 2e-4)]))
def test_merged_and_unmerged_give_the_same_outputs(seed, targets, kind):
    dtype, tolerance = kind
    rng = np.random.default_rng(seed)
    model = tiny_model(rng, targets, dtype=dtype)
    tokens, before = random_tokens(model, rng), as_bytes(model.parameters())
    apart = model.forward(tokens)
    assert merge_adapters(model) is model
    merged = model.forward(tokens)
    np.testing.assert_allclose(merged, apart, rtol=tolerance, atol=tolerance)
    assert as_bytes(model.parameters()) == before
    assert unmerge_adapters(model) is model
    assert np.array_equal(model.forward(tokens), apart)
    assert as_bytes(model.parameters()) == before


def test_merging_a_thousand_times_does_not_drift(rng):
    model = tiny_model(rng, TARGETS, dtype=np.float32)
    tokens = random_tokens(model, rng)
    apart = model.forward(tokens)
    for _ in range(1000):
        unmerge_adapters(merge_adapters(model))
    assert np.array_equal(model.forward(tokens), apart)


@pytest.mark.parametrize("target", TARGETS)
def test_merged_outputs_come_from_the_merged_matrices(target, rng):
    model = tiny_model(rng, (target,))
    tokens = random_tokens(model, rng)
    apart = merge_adapters(model).forward(tokens)
    for layer in adapted_layers(model).values():
        layer.merged = np.zeros_like(layer.merged)
    assert not np.allclose(model.forward(tokens), apart)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("change", ["lora_A", "lora_B", "another A", "alpha", "strength"])
def test_a_merged_adapter_that_changes_says_so(change, target, rng):
    model = tiny_model(rng, (target,))
    tokens = random_tokens(model, rng)
    merge_adapters(model).forward(tokens)
    layer = list(adapted_layers(model).values())[-1]
    if change == "another A":
        layer.lora_A = layer.lora_A + 1
    elif change.startswith("lora"):
        for each in (model, model.copy(), model.copy(share_arrays=True)):
            array = getattr(list(adapted_layers(each).values())[-1], change)
            with refused("read-only", unchanged=each.parameters()):
                array[-1, -1] += 1e-9
        unmerge_adapters(model)
        array[-1, -1] += 1e-9
        return
    else:
        setattr(layer, change, 2.0)
    with refused("changed since it was merged", "unmerge", unchanged=model.parameters()):
        model.forward(tokens, training=False)
    apart = unmerge_adapters(model).forward(tokens)
    np.testing.assert_allclose(merge_adapters(model).forward(tokens), apart, rtol=1e-9, atol=1e-12)


def test_adapters_taken_off_a_merged_model_can_be_trained_on_another(rng):
    model = merge_adapters(tiny_model(rng, TARGETS))
    merged_copy(model)
    adapters = get_adapters(model)
    with refused("read-only"):
        adapters.arrays["output_projection.lora_A"][0, 0] = 1
    other = attach_adapters(remove_adapters(model), adapters)
    before = as_bytes(get_lora_parameters(other))
    train_step_lora(other, AdamW(), *random_batch(other, rng), 1e-2)
    assert as_bytes(get_lora_parameters(other)) != before


def test_a_copy_in_another_precision_stays_merged(rng):
    model = merge_adapters(tiny_model(rng, TARGETS, dtype=np.float32))
    tokens, wide = random_tokens(model, rng), model.astype(np.float64)
    np.testing.assert_allclose(wide.forward(tokens), model.forward(tokens), rtol=2e-4, atol=2e-4)
    with refused("read-only", unchanged=wide.parameters()):
        wide.output_projection.lora_A[0, 0] += 1e-9


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("strength", [0.0, 0.5, -1.0])
def test_merging_keeps_the_strength_that_was_dialled(strength, target, rng):
    model = tiny_model(rng, (target,))
    tokens = random_tokens(model, rng)
    as_trained = model.forward(tokens)
    apart = set_adapter_strength(model, strength).forward(tokens)
    assert not np.allclose(apart, as_trained)
    for merged in (merged_copy(model), merge_adapters(model)):
        np.testing.assert_allclose(merged.forward(tokens), apart, rtol=1e-9, atol=1e-12)


def with_biases(model, rng):
    """The model with a bias in each linear layer: a GPT of this library has none."""
    for _, layer in model.walk():
        if isinstance(layer, Linear):
            layer.bias = rng.standard_normal(len(layer.weights))
    return model


def test_a_bias_is_kept_when_adapters_are_applied_merged_and_removed(rng):
    model = with_biases(tiny_model(rng), rng)
    tokens, biases = random_tokens(model, rng), biases_of(model)
    base = model.forward(tokens)
    apply_lora_to_model(model, 2, 3.0, TARGETS)
    assert np.array_equal(model.forward(tokens), base) and biases_of(model) == biases
    for array in get_lora_parameters(model).values():
        array += rng.standard_normal(array.shape)
    apart = model.forward(tokens)
    plain = merged_copy(model)
    for merged in (plain, merge_adapters(model)):
        np.testing.assert_allclose(merged.forward(tokens), apart, rtol=1e-9, atol=1e-12)
    assert biases_of(plain) == biases
    assert np.array_equal(remove_adapters(model).forward(tokens), base)
    assert biases_of(model) == biases


def biases_of(model):
    """All biases by the dotted name of their layer: the very arrays."""
    return {name.rsplit(".", 1)[0]: id(array) for name, array in model.parameters().items()
            if name.endswith("bias")}


@pytest.mark.parametrize("target", ["query", "token_embedding", "output_projection"])
def test_merged_adapters_cannot_be_trained(target, rng):
    model, optimizer = merge_adapters(tiny_model(rng, (target,))), AdamW()
    before = picture([model.parameters(), optimizer])
    for step in (train_step, train_step_lora):
        with pytest.raises(ValueError, match="unmerge"):
            step(model, optimizer, *random_batch(model, rng), 0.1)
    assert picture([model.parameters(), optimizer]) == before


@pytest.mark.parametrize("targets", ADAPTED[1:], ids="+".join)
def test_strength_zero_is_the_base_and_one_the_adapter(targets, rng):
    base = tiny_model(rng)
    tokens = random_tokens(base, rng)
    model = apply_lora_to_model(base.copy(share_arrays=True), 2, 3.0, targets)
    for array in get_lora_parameters(model).values():
        array += rng.standard_normal(array.shape)
    trained = model.forward(tokens)
    assert set_adapter_strength(model, 0) is model
    assert np.array_equal(model.forward(tokens), base.forward(tokens))
    doubled = set_adapter_strength(model, 2.0).forward(tokens)
    assert not np.allclose(doubled, trained)
    for name, array in get_lora_parameters(model).items():
        if name.endswith("B"):
            array /= 2
    np.testing.assert_allclose(model.forward(tokens), trained, rtol=1e-12)


@pytest.mark.parametrize("strength", [np.nan, np.inf, -np.inf])
def test_strength_is_finite(strength, rng):
    model = tiny_model(rng, ("query",))
    with refused(f"strength is {strength}", "finite", unchanged=model):
        set_adapter_strength(model, strength)


def test_strength_of_merged_adapters_is_refused(rng):
    model = merge_adapters(tiny_model(rng, ("query",)))
    with refused("merged", "unmerge_adapters", unchanged=model):
        set_adapter_strength(model, 0.5)


@pytest.mark.parametrize("targets", ADAPTED[1:], ids="+".join)
def test_saved_and_loaded_adapters_are_the_same_bit_for_bit(targets, rng, tmp_path):
    model = tiny_model(rng, targets, dtype=np.float32)
    tokens, path = random_tokens(model, rng), tmp_path / "adapter.npz"
    save_adapters(model, path, note="pirate", steps=3, extra_array=np.arange(3))
    adapters = load_adapters(path)
    assert (adapters.rank, adapters.alpha) == (2, 3.0)
    assert set(adapters.target_modules) == set(targets)
    assert as_bytes(adapters.arrays) == as_bytes(get_lora_parameters(model))
    base = remove_adapters(model.copy())
    assert attach_adapters(base, adapters) is base
    assert np.array_equal(base.forward(tokens), model.forward(tokens))
    assert set(base.trainable_parameters()) == set(adapters.arrays)
    extra = load_arrays(path, "lora")[2]
    assert extra.pop("extra_array").tolist() == [0, 1, 2]
    assert extra == {"note": "pirate", "steps": 3}


def test_an_adapters_file_is_small_and_holds_no_base(rng, tmp_path):
    model = tiny_model(rng, ("query",))
    save_adapters(model, tmp_path / "adapter.npz")
    arrays, _, _ = load_arrays(tmp_path / "adapter.npz", "lora")
    assert set(arrays) == set(get_lora_parameters(model))


def test_swapping_over_one_base_that_refuses_to_be_written(rng):
    base = tiny_model(rng)
    tokens = random_tokens(base, rng)
    for array in base.parameters().values():
        array.flags.writeable = False
    plain, before = base.forward(tokens), as_bytes(base.parameters())
    found, wanted = [], []
    for targets in (("query", "value"), ("ffn_up",), TARGETS):
        model = apply_lora_to_model(base.copy(share_arrays=True), 2, 3.0, targets, rng=rng)
        for _ in range(3):
            train_step_lora(model, AdamW(), *random_batch(model, rng), 0.05)
        found.append(get_adapters(model))
        wanted.append(model.forward(tokens))
    for adapters, logits in [*zip(found, wanted, strict=True), (found[0], wanted[0])]:
        attach_adapters(base, adapters)
        assert np.array_equal(base.forward(tokens), logits)
        assert not np.allclose(logits, plain)
        merge_adapters(base)
        assert get_adapters(base).arrays == adapters.arrays  # the very same arrays
    remove_adapters(base)
    assert np.array_equal(base.forward(tokens), plain)
    assert as_bytes(base.parameters()) == before


def test_adapters_of_a_model_are_its_own_arrays(rng):
    model = tiny_model(rng, ("key", "output_projection"))
    adapters = get_adapters(model)
    assert isinstance(adapters, Adapters)
    assert adapters.arrays["output_projection.lora_A"] is model.output_projection.lora_A


@pytest.mark.parametrize("use", [get_adapters, lambda model: save_adapters(model, "unused.npz")])
def test_a_model_without_adapters_says_so(use, rng, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = tiny_model(rng)
    with refused("no LoRA adapters", "apply_lora_to_model", unchanged=model):
        use(model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change, words", [
    (lambda a: {**a, "rank": 3}, ["lora_A", "(2, 8)", "(3, 8)"]),
    (lambda a: {**a, "rank": 99}, ["rank is 99", "from 1 to 8"]),
    (lambda a: {**a, "alpha": -1.0}, ["alpha is -1.0"]),
    (lambda a: {**a, "target_modules": ("nose",)}, ["nose", "query"]),
    (lambda a: {**a, "target_modules": ("query", "value")}, ["value_linear", "missing"]),
    (lambda a: {**a, "target_modules": ("value",)}, ["query_linear", "not expected"]),
    (lambda a: {**a, "arrays": {}}, ["missing"]),
    (lambda a: {**a, "arrays": {name: array.astype(np.float32)
                                for name, array in a["arrays"].items()}}, ["float32", "float64"]),
    (lambda a: {**a, "arrays": {name: array.T for name, array in a["arrays"].items()}},
     ["(8, 2)", "(2, 8)"])])
def test_adapters_that_do_not_fit_leave_the_model_as_it_was(change, words, rng):
    adapters = get_adapters(tiny_model(rng, ("query",)))
    for model in (tiny_model(rng), tiny_model(rng, ("value",))):
        with refused(*words, unchanged=model):
            attach_adapters(model, Adapters(**change(vars(adapters))))


def test_adapters_of_a_model_of_another_size(rng):
    adapters = get_adapters(tiny_model(rng, ("query",)))
    larger, deeper = tiny_model(rng, embedding_dimension=16), tiny_model(rng, layers=3)
    with refused("(2, 8)", "(2, 16)", unchanged=larger):
        attach_adapters(larger, adapters)
    with refused("layers.2.self_attention", "missing", unchanged=deeper):
        attach_adapters(deeper, adapters)


@pytest.mark.parametrize("missing", ["rank", "alpha", "target_modules"])
def test_a_file_without_its_settings_is_refused(missing, rng, tmp_path):
    path = tmp_path / "adapter.npz"
    settings = {"rank": 2, "alpha": 8.0, "target_modules": ["query"]}
    settings.pop(missing)
    save_arrays(path, get_lora_parameters(tiny_model(rng, ("query",))),
                {"kind": "lora", **settings})
    with refused(path, missing):
        load_adapters(path)
