"""Bad input that was once unclear: each is refused in words, and changes nothing."""

import numpy as np
import pytest
from helpers import refused, tiny_model

from lib.adapters import merged_copy
from lib.finetuning import FineTuning, sample_questions
from lib.lora import TARGETS, apply_lora_to_model
from lib.losses import cross_entropy_loss
from lib.model import GPTConfig, GPTModel
from lib.pretraining import Recipe, pretrain
from lib.training import pad


@pytest.mark.parametrize("settings, words", [({"dtype": "banana"}, ["banana", "float32"]),
                                             ({"layers": True}, ["layers", "True"])])
def test_configuration(settings, words):
    with refused(*words):
        GPTConfig(**settings)


def test_cache_of_another_batch_is_left_as_it_was(rng):
    model = tiny_model(rng)
    past = model.new_cache(3)
    with refused("1", "3"):
        model.forward(np.array([[1, 2]]), False, past)
    assert [part.length for part in past] == [0] * len(past)


@pytest.mark.parametrize("forward", [False, True])
def test_backward_needs_the_shape_of_its_forward(forward, rng):
    model = tiny_model(rng)
    if forward:
        model.forward(np.array([[1, 2]]))
    with refused("(1, 3, 4)"):
        model.backward(np.zeros((1, 3, 4)))


@pytest.mark.parametrize("alpha", [None, "8"])
def test_alpha_that_is_no_number(alpha, rng):
    model = tiny_model(rng)
    with refused(repr(alpha), unchanged=model):
        apply_lora_to_model(model, 2, alpha)


def test_targets_that_run_out(rng):
    model = tiny_model(rng)
    with refused("target_modules", unchanged=model):
        apply_lora_to_model(model, 2, 4.0, (name for name in TARGETS))


def test_other_input(tmp_path):
    with refused("float64"):
        cross_entropy_loss(np.zeros((2, 3)), np.zeros(2))
    with refused("at least one token"):
        pad([([], [1, 2])])
    with refused("steps", "0"):
        FineTuning(steps=0)
    with refused("steps", "-1"):
        pretrain(tmp_path / "base.npz", Recipe(steps=-1))
    assert not list(tmp_path.iterdir())


def test_every_task_has_something_to_ask():
    assert all(sample_questions(task, 4) for task in ("qa", "recipes"))


def test_merged_copy_is_a_plain_model_that_can_be_saved(tmp_path, rng):
    base = tiny_model(rng)
    model = apply_lora_to_model(base.copy(), 2, 4.0, TARGETS)
    for array in model.trainable_parameters().values():
        array += rng.standard_normal(array.shape)
    tokens = np.array([[1, 2, 3]])
    plain = merged_copy(model)
    assert np.allclose(plain.forward(tokens), model.forward(tokens), rtol=0, atol=1e-9)
    assert plain.parameters().keys() == base.parameters().keys()
    plain.save(tmp_path / "plain.npz")
    again = GPTModel.load(tmp_path / "plain.npz")
    assert np.array_equal(again.forward(tokens), plain.forward(tokens))
    assert all(np.array_equal(array, model.parameters()[name]) for name, array
               in base.parameters().items() if name in model.parameters())
