"""Steps, workers, and the loop: what changes, what does not, stopping and going on."""

import math

import numpy as np
import pytest
from helpers import arrays_in, as_bytes, picture, random_batch, refused, tiny_model

from lib.lora import TARGETS, apply_lora_to_model, get_lora_parameters
from lib.losses import IGNORE, cross_entropy_loss
from lib.optim import AdamW
from lib.training import (
    ParallelModel,
    fit,
    loss_and_gradients,
    train_step,
    train_step_lora,
    trainable_count,
)


@pytest.mark.parametrize("step, targets", [(train_step, ()), (train_step_lora, ("query", "value")),
                                           (train_step_lora, TARGETS)])
def test_steps_lower_the_loss_and_give_the_loss_before(step, targets, rng):
    model, optimizer = tiny_model(rng, targets), AdamW()
    inputs, wanted = random_batch(model, rng)
    losses = []
    for _ in range(20):
        before = cross_entropy_loss(model.forward(inputs, training=False), wanted)
        losses.append(step(model, optimizer, inputs, wanted, 0.02))
        assert losses[-1] == pytest.approx(before, rel=1e-12)
    assert losses[-1] < losses[1] < losses[0] and losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("step, targets", [(train_step, ()), (train_step_lora, ("query",))])
@pytest.mark.parametrize("most", [1e-3, 1e3])
def test_a_step_is_clipping_and_adamw(step, targets, most, rng):
    """Adam hides the size of its first gradient; its moments do not."""
    model, optimizer, plain = tiny_model(rng, targets), AdamW(), AdamW()
    inputs, wanted = random_batch(model, rng)
    other = model.copy()
    step(model, optimizer, inputs, wanted, 0.1, max_grad_norm=most)
    _, gradients = loss_and_gradients(other, inputs, wanted)
    norm = math.sqrt(sum((g**2).sum() for g in gradients.values()))
    factor = min(1, most / norm)
    assert (factor < 1) == (most < 1)
    plain.step({name: g * factor for name, g in gradients.items()},
               other.trainable_parameters(), 0.1)
    for name, array in model.parameters().items():
        np.testing.assert_allclose(array, other.parameters()[name], rtol=1e-9, atol=1e-12)
    for name, array in optimizer.first.items():
        np.testing.assert_allclose(array, plain.first[name], rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("thaw", [False, True])
def test_a_lora_step_changes_a_and_b_and_nothing_else(thaw, rng):
    """Not even what somebody else made trainable."""
    model = tiny_model(rng, ("query", "token_embedding", "ffn_up"), dtype=np.float32)
    if thaw:
        model.final_norm.freeze(False)
    before, optimizer = as_bytes(model.parameters()), AdamW(weight_decay=0.1)
    for _ in range(3):
        train_step_lora(model, optimizer, *random_batch(model, rng), 0.1)
    after = as_bytes(model.parameters())
    changed = {name for name in before if before[name] != after[name]}
    assert changed == set(get_lora_parameters(model)) == set(optimizer.first)
    assert {array.dtype for array in arrays_in([model, optimizer.first, optimizer.second])} \
        == {np.dtype(np.float32)}


def test_a_full_step_changes_every_array(rng):
    model, optimizer = tiny_model(rng, dtype=np.float32), AdamW()
    before = as_bytes(model.parameters())
    train_step(model, optimizer, *random_batch(model, rng), 0.1)
    after = as_bytes(model.parameters())
    assert all(before[name] != after[name] for name in before)
    assert {array.dtype for array in arrays_in([model, optimizer.first, optimizer.second])} \
        == {np.dtype(np.float32)}


def test_a_lora_step_needs_adapters(rng):
    model = tiny_model(rng)
    with refused("no LoRA adapters", "apply_lora_to_model", unchanged=model):
        train_step_lora(model, AdamW(), *random_batch(model, rng), 0.1)


@pytest.mark.parametrize("step, targets", [(train_step, ()), (train_step_lora, ("query",))])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_changes_nothing(step, targets, bad, rng):
    model, optimizer = tiny_model(rng, targets), AdamW()
    step(model, optimizer, *random_batch(model, rng), 0.01)
    model.final_norm.beta[0] = bad
    kept = [model.parameters(), optimizer]
    with np.errstate(invalid="ignore"), refused("loss is nan", error=FloatingPointError,
                                                unchanged=kept):
        step(model, optimizer, *random_batch(model, rng), 0.01)


@pytest.mark.parametrize("step", [train_step, train_step_lora])
@pytest.mark.parametrize("change, words", [
    (lambda i, t: (i, t[:, 1:]), ["targets have shape", "(3, 6)"]),
    (lambda i, t: (i + 11, t), ["token id", "0 to 10"]),
    (lambda i, t: (i, np.full_like(t, IGNORE)), ["all 21 targets"]),
    (lambda i, t: (i, np.full_like(t, 11)), ["target 11", "0 to 10"])])
def test_batches_that_do_not_fit_change_no_parameter(step, change, words, rng):
    model, optimizer = tiny_model(rng, ("query",)), AdamW()
    batch = change(*random_batch(model, rng))
    with refused(*words, unchanged=[model.parameters(), optimizer]):
        step(model, optimizer, *batch, 0.1)
    with refused("max_norm is -1", unchanged=[model.parameters(), optimizer]):
        step(model, optimizer, *random_batch(model, rng), 0.1, max_grad_norm=-1)


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 5e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("targets", [(), ("value", "ffn_up")], ids="+".join)
@pytest.mark.parametrize("workers, batch", [(2, 5), (3, 4), (2, 1), (4, 2)])
def test_workers_give_the_gradients_of_one(dtype, tolerance, targets, workers, batch, rng):
    """Also when their shares hold very different numbers of targets that count, or none."""
    model = tiny_model(rng, targets, dtype=dtype)
    inputs, wanted = random_batch(model, rng, batch, ignored=0)
    wanted[0, 1:] = IGNORE
    wanted[batch - 1, :] = wanted[0] if batch == 1 else IGNORE
    loss, gradients = loss_and_gradients(model, inputs, wanted)
    gradients = {name: gradient.copy() for name, gradient in gradients.items()}
    shared_loss, shared = ParallelModel(model, workers).loss_and_gradients(inputs, wanted)
    assert shared_loss == pytest.approx(loss, rel=tolerance)
    assert shared.keys() == gradients.keys()
    for name, gradient in gradients.items():
        size = np.linalg.norm(gradient)
        assert np.linalg.norm(shared[name] - gradient) <= tolerance * max(size, 1), name
        assert shared[name].dtype == dtype


@pytest.mark.parametrize("targets", [(), ("query", "value")], ids="+".join)
def test_workers_give_the_gradients_of_one_at_full_size(base, targets, rng):
    """The tiny models above, a few rows whose terms cancel, are harder on float32 than this."""
    model = base[0].copy()
    if targets:
        apply_lora_to_model(model, 4, 8, targets)
        for array in get_lora_parameters(model).values():
            array += 0.1 * rng.standard_normal(array.shape)
    inputs, wanted = random_batch(model, rng, 16, 64, ignored=0.1)
    _, gradients = loss_and_gradients(model, inputs, wanted)
    gradients = {name: gradient.copy() for name, gradient in gradients.items()}
    _, shared = ParallelModel(model, 2).loss_and_gradients(inputs, wanted)
    sizes = {name: np.linalg.norm(gradient) for name, gradient in gradients.items()}
    errors = {name: np.linalg.norm(shared[name] - gradients[name]) for name in gradients}
    assert math.hypot(*errors.values()) <= 1e-6 * math.hypot(*sizes.values())
    for name, size in sizes.items():
        assert errors[name] <= 3e-6 * size, name


def test_workers_read_the_very_same_arrays(rng):
    model = tiny_model(rng, ("query",))
    for other in ParallelModel(model, 3).models:
        for name, array in model.parameters().items():
            assert other.parameters()[name] is array


@pytest.mark.parametrize("workers", [0, -1])
def test_at_least_one_worker(workers, rng):
    model = tiny_model(rng)
    with refused(f"workers is {workers}", "at least 1", unchanged=model):
        fit(model, None, 3, None, workers=workers, progress=False)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("targets", [(), ("query",)], ids="+".join)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(workers, targets, rng):
    whole, calls = tiny_model(rng, targets, dtype=np.float32), []
    halves = whole.copy()
    batches = [random_batch(whole, rng) for _ in range(6)]

    def run(model, start, end, optimizer):
        return fit(model, batches.__getitem__, end, lambda step: 0.05 / (step + 1), optimizer,
                   start=start, workers=workers, progress=False,
                   after_step=lambda step, loss: calls.append((step, loss)))

    first, second = AdamW(weight_decay=0.1), AdamW(weight_decay=0.1)
    losses = run(whole, 0, 6, first)
    assert calls == list(enumerate(losses)) and len(losses) == 6
    assert run(halves, 0, 3, second) + run(halves, 3, 6, second) == losses
    assert as_bytes(whole.parameters()) == as_bytes(halves.parameters())
    assert as_bytes(first.second) == as_bytes(second.second) and first.steps == second.steps


def test_fit_is_train_step_again_and_again(rng):
    model, optimizer, own = tiny_model(rng), AdamW(), AdamW()
    other = model.copy()
    batches = [random_batch(model, rng) for _ in range(4)]
    losses = fit(model, batches.__getitem__, 4, lambda step: 0.1 * (step + 1), own,
                 progress=False, max_grad_norm=0.01)
    wanted = [train_step(other, optimizer, *batch, 0.1 * (step + 1), 0.01)
              for step, batch in enumerate(batches)]
    np.testing.assert_allclose(losses, wanted, rtol=1e-12)
    for name, array in own.first.items():
        np.testing.assert_allclose(array, optimizer.first[name], rtol=1e-9, atol=1e-15)
    for name, array in model.parameters().items():
        np.testing.assert_allclose(array, other.parameters()[name], rtol=1e-9, atol=1e-12)


def test_fit_without_an_optimizer_is_fit_with_a_plain_one(rng):
    model = tiny_model(rng)
    other, batches = model.copy(), [random_batch(model, rng) for _ in range(3)]
    for each, given in ((model, ()), (other, (AdamW(),))):
        fit(each, batches.__getitem__, 3, lambda step: 0.1, *given, progress=False)
    assert as_bytes(model.parameters()) == as_bytes(other.parameters())


@pytest.mark.parametrize("progress, title", [(True, "training"), ("warming up", "warming up")])
def test_progress_is_shown_with_its_title_the_steps_and_the_loss(progress, title, rng, capsys):
    model = tiny_model(rng)
    losses = fit(model, lambda step: random_batch(model, rng), 12, lambda step: 0.1, start=10,
                 progress=progress)
    shown = capsys.readouterr().err
    assert title in shown and "12/12" in shown and f"loss {losses[0]:.3f}" in shown


def test_no_progress_is_shown_where_none_is_wanted(rng, capsys):
    model = tiny_model(rng)
    fit(model, lambda step: random_batch(model, rng), 2, lambda step: 0.1, progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_stops_at_the_step_whose_loss_is_not_finite(workers, rng):
    model, optimizer, seen = tiny_model(rng), AdamW(), []

    def after_step(step, loss):
        if step == 2:
            model.final_norm.gamma[0] = np.nan
            seen.append(picture([model.parameters(), optimizer]))

    with refused("step 3", "loss is nan", error=FloatingPointError):
        fit(model, lambda step: random_batch(model, np.random.default_rng(step)), 9,
            lambda step: 0.1, optimizer, workers=workers, after_step=after_step, progress=False)
    assert picture([model.parameters(), optimizer]) == seen[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_without_any_target_says_so(workers, rng):
    model = tiny_model(rng)
    inputs, targets = random_batch(model, rng, ignored=1)
    with refused("targets are -100", unchanged=model.parameters()):
        fit(model, lambda step: (inputs, np.full_like(targets, IGNORE)), 1, lambda step: 0.1,
            workers=workers, progress=False)


def test_trainable_count(rng):
    model = tiny_model(rng)
    assert trainable_count(model) == sum(a.size for a in model.parameters().values())
    assert trainable_count(apply_lora_to_model(model, 2)) == 2 * 3 * 2 * 16
