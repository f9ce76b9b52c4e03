"""Settings and data that nothing good can come of: refused in words, and nothing is changed."""

import numpy as np
import pytest
from helpers import as_bytes, picture, random_batch, random_tokens, refused, tiny_model

from lib.adapters import get_adapters, merge_adapters, save_adapters, set_adapter_strength
from lib.evaluation import exact_match, fact_recall, mean_loss, stream_batches
from lib.generation import complete, generate, next_token_probabilities
from lib.lora import apply_lora_to_model, get_lora_parameters
from lib.losses import IGNORE
from lib.optim import AdamW, clip_gradient_norm
from lib.tokenizer import BPETokenizer
from lib.training import example_batch, fit, pad, stream_batch, train_step, train_step_lora

STEPS = [(train_step, ()), (train_step_lora, ("query", "ffn_down"))]


@pytest.mark.parametrize("settings, words", [
    ({"top_k": 0}, ["top_k is 0", "at least 1"]), ({"top_k": -3}, ["top_k is -3"]),
    ({"top_p": 0}, ["top_p is 0", "above 0", "at most 1"]), ({"top_p": 1.5}, ["top_p is 1.5"]),
    ({"top_p": np.nan}, ["top_p is nan"]),
    ({"temperature": 1e-310}, ["temperature is 1e-310", "at least 1e-100", "0 is greedy"]),
    ({"temperature": 1e-101}, ["temperature is 1e-101"]),
    ({"temperature": np.inf}, ["temperature is inf", "finite"]),
    ({"temperature": np.nan}, ["temperature is nan", "finite"]),
    ({"temperature": -np.inf}, ["temperature is -inf"])])
def test_settings_of_writing_also_where_they_would_not_be_used(settings, words, rng, monkeypatch):
    """Greedy writing needs no top_k, but a wrong one is a mistake that its writer wants to see."""
    model, draws = tiny_model(rng), np.random.default_rng(0)
    tokens, before = random_tokens(model, rng, 2, 3), draws.bit_generator.state
    with monkeypatch.context() as patched:
        patched.setattr(model, "forward", None)      # refused before the model is asked
        with refused(*words, unchanged=[model, tokens]):
            generate(model, tokens, 2, rng=draws, **settings)
    tokenizer = BPETokenizer(np.empty((0, 2)))
    with refused(*words, unchanged=model):
        complete(model, tokenizer, "", 2, rng=draws, **settings)
    with refused(*words):
        next_token_probabilities(np.zeros(3), **settings)
    assert draws.bit_generator.state == before


@pytest.mark.parametrize("temperature", [1e-100, 1e-30, 1e300])
def test_every_allowed_temperature_gives_probabilities(temperature):
    largest = float(np.finfo(np.float32).max)
    chances = next_token_probabilities(np.array([largest, -largest, 0, largest]), temperature)
    assert chances.sum() == pytest.approx(1) and chances[0] == chances[3]
    assert temperature > 1 or chances.tolist() == [0.5, 0, 0, 0.5]


@pytest.mark.parametrize("rate", [np.nan, np.inf, -np.inf, -1e-9, np.float32(-1)])
def test_a_learning_rate_that_is_no_rate(rate, rng):
    parameters, gradients = ({"w": rng.standard_normal((2, 3))} for _ in range(2))
    optimizer = AdamW(weight_decay=0.1)
    for _ in range(2):      # a new optimizer, and one with a state
        with refused(f"learning_rate is {rate}", "finite", "at least 0",
                     unchanged=[parameters, gradients, optimizer]):
            optimizer.step(gradients, parameters, rate)
        optimizer.step(gradients, parameters, 0.1)


def test_a_learning_rate_of_zero_moves_nothing_but_the_moments(rng):
    parameters, gradients = ({"w": rng.standard_normal((2, 3))} for _ in range(2))
    optimizer, before = AdamW(weight_decay=0.1), as_bytes(parameters)
    optimizer.step(gradients, parameters, 0)
    assert as_bytes(parameters) == before and optimizer.steps == 1 and optimizer.first["w"].any()


@pytest.mark.parametrize("step, targets", STEPS)
@pytest.mark.parametrize("rate", [np.nan, -0.1])
def test_a_step_with_such_a_rate(step, targets, rate, rng):
    model, optimizer = tiny_model(rng, targets), AdamW()
    with refused(f"learning_rate is {rate}", unchanged=[model.parameters(), optimizer]):
        step(model, optimizer, *random_batch(model, rng), rate)


@pytest.mark.parametrize("shape", [(2, 2), (3,), (2, 3, 1), (1, 3), ()])
def test_an_optimizer_that_knows_other_shapes(shape, rng):
    """(1, 3) and () would even broadcast: without a word, into moments of other parameters."""
    optimizer = AdamW()
    old = {"other": np.ones(2), "w": rng.standard_normal((2, 3))}
    optimizer.step(old, {name: array.copy() for name, array in old.items()}, 0.1)
    new = {"other": np.ones(2), "w": np.ones(shape)}
    gradients = {name: array.copy() for name, array in new.items()}
    with refused("w has shape", shape, "(2, 3)", "new AdamW",
                 unchanged=[new, gradients, optimizer]):
        optimizer.step(gradients, new, 0.1)


def test_an_optimizer_of_another_model(rng):
    model, larger, optimizer = tiny_model(rng), tiny_model(rng, embedding_dimension=16), AdamW()
    train_step(model, optimizer, *random_batch(model, rng), 0.1)
    with refused("token_embedding.weights", "(11, 16)", "(11, 8)",
                 unchanged=[larger.parameters(), optimizer]):
        train_step(larger, optimizer, *random_batch(larger, rng), 0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("most", [1.0, 1e30, np.inf])
def test_gradients_that_are_not_finite_are_named(bad, most):
    """Also numbers whose squares overflow: a norm of infinity would scale all gradients to zero."""
    gradients = {"a.good": np.ones(3, np.float32), "b.bad": np.ones((4, 2), np.float32),
                 "c.bad": np.full(2, bad, np.float32), "d.good": np.ones(1, np.float32)}
    gradients["b.bad"][3, 1] = bad
    with refused("gradient of b.bad", "not finite", error=FloatingPointError, unchanged=gradients):
        clip_gradient_norm(gradients, most)
    del gradients["b.bad"], gradients["c.bad"]
    assert clip_gradient_norm(gradients, 2.0)["a.good"] is gradients["a.good"]


def test_gradients_that_are_only_together_too_large():
    gradients = {name: np.full(1, 1.2e154) for name in "ab"}
    with refused("gradient of all", error=FloatingPointError, unchanged=gradients):
        clip_gradient_norm(gradients, 1.0)


@pytest.mark.parametrize("step, targets", STEPS)
def test_a_step_whose_gradient_overflows_changes_nothing(step, targets, rng):
    """The loss is a finite number, some gradient's norm is not."""
    model, optimizer = tiny_model(rng, targets, dtype=np.float32), AdamW()
    step(model, optimizer, *random_batch(model, rng), 0.01)
    largest = "1.feed_forward.down_linear.lora_A" if targets else "output_projection.weights"
    if targets:     # A's gradient grows with B, and A is so small that the loss hardly changes
        down = model.transformer_stack.layers[1].feed_forward.down_linear
        down.lora_A[...] = 1e-30
        down.lora_B *= 1e25
    else:
        model.final_norm.gamma[...], model.output_projection.weights[...] = 1e25, 1e-25
    with refused("the norm of the gradient of", largest, "not finite", error=FloatingPointError,
                 unchanged=[model.parameters(), optimizer]):
        step(model, optimizer, *random_batch(model, rng), 0.01)


def test_nothing_to_measure(rng):
    model, tokenizer = tiny_model(rng), BPETokenizer(np.empty((0, 2)))
    for batches in ([], iter(()), stream_batches(np.arange(5), time=5)):
        with refused("no batches", unchanged=model):
            mean_loss(model, batches)
    for measure in (exact_match, fact_recall):
        with refused("no examples", unchanged=model):
            measure(model, tokenizer, [])
    inputs, targets = random_batch(model, rng)
    with refused("targets are -100", unchanged=model):
        mean_loss(model, [(inputs, np.full_like(targets, IGNORE))])


@pytest.mark.parametrize("strength", [0, 0.5, -1.0, 2.0])
@pytest.mark.parametrize("use", [get_adapters, lambda model: save_adapters(model, "unused.npz")])
def test_adapters_whose_strength_would_be_lost(use, strength, rng, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = set_adapter_strength(tiny_model(rng, ("value",)), strength)
    with refused("layers.0.self_attention.value_linear", f"strength {strength}",
                 "set_adapter_strength(model, 1)", unchanged=model):
        use(model)
    assert list(tmp_path.iterdir()) == []
    set_adapter_strength(model, 1)
    use(model)


def test_one_layer_with_another_strength_is_found(rng):
    model = tiny_model(rng, ("query", "output_projection"))
    model.output_projection.strength = 0.25
    with refused("output_projection has strength 0.25", unchanged=model):
        get_adapters(model)
    model.output_projection.strength = 1.0
    assert picture(get_adapters(merge_adapters(model)).arrays) == picture(
        get_lora_parameters(model))


def test_a_refused_adapter_leaves_a_model_that_can_take_another(rng):
    model = tiny_model(rng)
    with refused("rank is 9", unchanged=model):
        apply_lora_to_model(model, 9)
    assert get_adapters(apply_lora_to_model(model, 8)).rank == 8


@pytest.mark.parametrize("tokens", [0, 1, 5])
def test_a_stream_shorter_than_its_window(tokens):
    stream = np.arange(tokens)
    with refused(f"{tokens} tokens", "window of 5", "6", unchanged=stream):
        stream_batch(stream, 0, 0, time=5)
    assert stream_batch(np.arange(6), 0, 0, batch=2, time=5)[1][1].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_stops_at_the_step_whose_gradient_overflows(workers, rng):
    model, optimizer, seen = tiny_model(rng, dtype=np.float32), AdamW(), []

    def after_step(step, loss):
        if step == 1:
            model.final_norm.gamma[...], model.output_projection.weights[...] = 1e25, 1e-25
            seen.append(picture([model.parameters(), optimizer]))

    with refused("step 2", "gradient of output_projection.weights", error=FloatingPointError):
        fit(model, lambda step: random_batch(model, np.random.default_rng(step)), 9,
            lambda step: 0.01, optimizer, workers=workers, after_step=after_step, progress=False)
    assert picture([model.parameters(), optimizer]) == seen[0]


def test_no_examples_to_train_on():
    with refused("there must be examples"):
        pad([])
    with refused("there must be examples"):
        example_batch([], 0, 0)
