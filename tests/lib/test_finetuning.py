"""Fine-tuning runs: what decides them is really used, and what makes no run is refused."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import as_bytes, refused

from lib import finetuning
from lib.corpus import documents, facts
from lib.corpus.tasks import load_task
from lib.evaluation import example_batches, mean_loss
from lib.finetuning import (
    LEARNING_RATES,
    FineTuning,
    batches,
    encode_part,
    finetune,
    old_texts,
    sample_questions,
    task_scores,
)
from lib.lora import IN_BLOCK, apply_lora_to_model, get_lora_parameters, targets_of
from lib.training import trainable_count

QUICK = FineTuning(steps=6, batch=2, examples=8, learning_rate=1e-2)


def texts(base, run, steps=1):
    """What the batches of a run say: a list of texts for each step."""
    batch_at = batches(*base, run)
    return [[base[1].decode(row[1:]).rstrip("\0") for row in batch_at(step)[0]]
            for step in range(steps)]


def asked(batch):
    return [text for text in batch if text.startswith("Q: ")]


@pytest.mark.parametrize("settings, words", [
    ({"task": "nose"}, ["task 'nose'", "qa", "recipes"]),
    ({"method": "nose"}, ["method 'nose'", "full", "lora"]),
    ({"rule": "alpha"}, ["rule 'alpha'", "alpha/r, alpha/sqrt(r)"]),
    *[({name: value}, [f"{name} is {value!r}", "a whole number, at least 1"])
      for name in ("rank", "steps", "batch", "examples") for value in (0, -3, 2.0, True, "3")],
    *[({name: value}, [f"{name} is {value!r}", "a whole number, at least 0"])
      for name in ("seed", "split", "base") for value in (-1, 0.5, None)],
    *[({name: value}, [f"{name} is {value!r}", "a finite number above 0"])
      for name in ("alpha", "learning_rate")
      for value in (0, -1.0, float("nan"), float("inf"), "8", True)],
    *[({"replay": value}, [f"replay is {value!r}", "at least 0 and below 1"])
      for value in (1.0, -0.1, float("nan"), "x")]])
def test_settings_that_make_no_run_are_refused(settings, words):
    with refused(*words):
        FineTuning(**settings)


def test_the_learning_rate_is_the_methods_own_unless_given():
    for method, rate in LEARNING_RATES.items():
        assert FineTuning(method=method).learning_rate == rate
    assert FineTuning(learning_rate=0.25).learning_rate == 0.25


def test_numbers_of_numpy_make_the_same_run():
    run = FineTuning(rank=np.int64(2), alpha=np.float64(4), seed=np.int32(1))
    assert run == FineTuning(rank=2, alpha=4.0, seed=1)
    assert [type(value) for value in (run.rank, run.alpha, run.seed)] == [int, float, int]


@pytest.mark.parametrize("method", ["full", "confined"])
def test_full_fine_tuning_of_an_adapted_model_is_refused(base, method):
    model = apply_lora_to_model(base[0].copy(), rank=2)
    with refused("12 LoRA adapters", "6,144", "remove_adapters", unchanged=model):
        finetune(model, base[1], FineTuning(method=method, steps=1), progress=False)


def test_full_fine_tuning_of_a_model_that_is_all_frozen_is_refused(base):
    model = base[0].copy()
    model.freeze()
    with refused("all of the model is frozen", unchanged=model.parameters()):
        finetune(model, base[1], FineTuning(method="full", steps=1), progress=False)


def test_full_fine_tuning_leaves_what_was_frozen_by_hand(base):
    model = base[0].copy()
    model.freeze()
    model.final_norm.freeze(False)
    finetune(model, base[1], FineTuning(method="full", steps=1, batch=1), progress=False)
    changed = [name for name, array in model.parameters().items()
               if not np.array_equal(array, base[0].parameters()[name])]
    assert changed and all(name.startswith("final_norm.") for name in changed)


@pytest.mark.parametrize(("targets", "matrices", "numbers"), [
    (tuple(IN_BLOCK), 24, 786_432), (("key",), 4, 65_536),
    (("output_projection", "token_embedding", "ffn_up"), 6, 518_144)])
def test_confined_fine_tuning_moves_the_matrices_of_its_targets_and_nothing_else(
        base, targets, matrices, numbers):
    model = base[0].copy()
    model.transformer_stack.freeze()    # whatever was frozen before: the targets decide
    finetune(model, base[1], replace(QUICK, method="confined", target_modules=targets), False)
    named = {id(getattr(owner, attribute).weights) for owner, attribute in
             targets_of(model, targets)}
    moved = {id(array) for name, array in model.parameters().items()
             if not np.array_equal(array, base[0].parameters()[name])}
    assert moved == named and len(moved) == matrices
    assert trainable_count(model) == numbers


@pytest.mark.parametrize("method", ["lora", "confined"])
@pytest.mark.parametrize("targets", [("nose",), (), "key"])
def test_targets_that_are_none_change_nothing(base, method, targets):
    model = base[0].copy()
    model.final_norm.freeze()
    with refused(repr(targets), "token_embedding", unchanged=model):
        finetune(model, base[1], replace(QUICK, method=method, target_modules=targets), False)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", LEARNING_RATES)
@pytest.mark.parametrize("steps", [1, 3])
def test_a_run_that_diverges_says_so(base, method, steps):
    run = replace(QUICK, method=method, steps=steps, learning_rate=1e30)
    with refused("learning rate", error=FloatingPointError):
        finetune(base[0].copy(), base[1], run, progress=False)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_numbers_that_the_last_batch_does_not_read_must_be_finite(base, value, monkeypatch):
    """Such as the row of a token that is not in it."""
    model = base[0].copy()

    def breaks(model, *_, **__):
        model.token_embedding.weights[base[1].encode("zebra")[0]] = value

    monkeypatch.setattr(finetuning, "fit", breaks)
    with refused("not finite", error=FloatingPointError):
        finetune(model, base[1], replace(QUICK, method="full", examples=1, batch=1),
                 progress=False)


def test_lora_runs_leave_the_base_alone(base):
    before = as_bytes(base[0].parameters())
    model = base[0].copy(share_arrays=True)
    losses = finetune(model, base[1], QUICK, progress=False)
    assert as_bytes(base[0].parameters()) == before and len(losses) == QUICK.steps
    assert any(array.any() for name, array in get_lora_parameters(model).items()
               if name.endswith("lora_B"))


@pytest.mark.parametrize(("rule", "factor"), [("alpha/r", 0.5), ("alpha/sqrt(r)", 2.0)])
def test_the_rule_decides_the_factor(base, rule, factor):
    model = base[0].copy(share_arrays=True)
    finetune(model, base[1], replace(QUICK, rank=16, alpha=8.0, rule=rule, steps=1), progress=False)
    assert model.transformer_stack.layers[0].self_attention.query_linear.scaling == factor


def test_seed_and_split_each_decide_what_they_say(base):
    """The seed the order of the examples, the split which countries they are of."""
    run = FineTuning(batch=200)
    first, again, seed, split = (texts(base, each)[0] for each in (
        run, run, replace(run, seed=1), replace(run, split=1)))
    assert first == again
    assert first != seed and len(set(first) & set(seed)) > 30  # of the same examples
    train = {split: {example.prompt for example in load_task("qa", split, split).train}
             for split in (0, 1)}
    for batch, own, other in ((seed, train[0], train[1]), (split, train[1], train[0])):
        prompts = {text[:text.index("\nA:") + 3] for text in batch}
        assert prompts <= own and not prompts <= other


def test_the_seed_draws_the_adapters(base):
    first, again, other = (base[0].copy(share_arrays=True) for _ in range(3))
    for model, seed in ((first, 0), (again, 0), (other, 1)):
        finetuning._prepare(model, replace(QUICK, seed=seed))
    found = [as_bytes(get_lora_parameters(model)) for model in (first, again, other)]
    assert found[0] == found[1] != found[2]


def test_the_rate_warms_up_over_a_twentieth_and_falls(base, monkeypatch):
    rates = []

    def fit(model, batch_at, steps, learning_rate_at, *_, **__):
        rates.extend(learning_rate_at(step) for step in range(steps))

    monkeypatch.setattr(finetuning, "fit", fit)
    finetune(base[0].copy(), base[1], FineTuning(steps=300, learning_rate=0.3), progress=False)
    np.testing.assert_allclose(rates[:15], 0.3 * np.arange(1, 16) / 15)
    assert (np.diff(rates[15:]) < 0).all() and rates[-1] < 0.1 * 0.3


def test_replay_and_examples_decide_the_batches(base):
    run = FineTuning(method="full", steps=6, examples=4, replay=0.75, batch=8)
    found = texts(base, run, 6)
    assert [len(batch) for batch in found] == [8] * 6
    assert [len(asked(batch)) for batch in found] == [2] * 6  # a quarter is new, the rest is old
    assert len({text for batch in found for text in asked(batch)}) <= 4
    assert len({text for batch in found for text in batch if not text.startswith("Q: ")}) > 30


def test_replay_leaves_a_row_for_the_task(base):
    batch, = texts(base, FineTuning(steps=1, replay=0.99, batch=8))
    assert len(batch) == 8 and len(asked(batch)) == 1


def test_replay_is_of_the_documents_of_the_runs_own_base(base):
    model, tokenizer = base
    for seed in (0, 2):
        found = old_texts(model, tokenizer, FineTuning(base=seed, replay=0.5), 20)
        wanted = documents(20, np.random.default_rng([seed, 0]))  # those held out are [seed, 1]
        assert [tokenizer.decode(answer[:-1]) for _, answer in found] == wanted
        assert all(prompt == [tokenizer.eos_id] == answer[-1:] for prompt, answer in found)
    replayed = [{text for batch in texts(base, FineTuning(base=seed, replay=0.5), 3)
                 for text in batch if not text.startswith("Q: ")} for seed in (0, 2)]
    assert not replayed[0] & replayed[1]


@pytest.mark.parametrize("part", ["test", "dev"])
@pytest.mark.parametrize("task", ["qa", "pirate"])
def test_scores_are_of_the_part_asked_for(base, task, part):
    data, name = load_task(task, 1, 1), "probes" if part == "test" else "dev_probes"
    few = {part: getattr(data, part)[:7], name: getattr(data, name)[:9]}
    if data.ends:
        few[name] = few[part]
    wanted = task_scores(*base, replace(data, **few), part)
    short = replace(data, **{**dict.fromkeys(("dev", "test", "probes", "dev_probes"), []), **few})
    found = task_scores(*base, short, part)
    assert found == wanted and found["loss"] > 0 and set(found) == {"loss", "answers"}
    encoded = encode_part(*base, short, part)
    assert [base[1].decode(prompt[1:]) for prompt, _ in encoded] == [
        example.prompt for example in few[part]]
    assert found["loss"] == pytest.approx(mean_loss(base[0], example_batches(encoded)), rel=1e-6)


def test_sample_questions_are_held_out_and_spread_over_kinds():
    found = sample_questions("qa", 4)
    qa = load_task("qa")
    assert len(found) == 4 and all(example in qa.test for example in found)
    elements = sample_questions("elements", 6)
    assert len({example.relation for example in elements}) >= 5
    assert len({example.relation for example in sample_questions("recipes", 4)}) == 4
    assert all(example in facts() for example in sample_questions("recipes", 4))


def stop_after(count):
    """An ``after_step`` that ends a run after so many of its steps."""
    def after_step(step, loss):
        if step + 1 == count:
            raise KeyboardInterrupt
    return after_step


@pytest.mark.parametrize("method", LEARNING_RATES)
@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_run_that_was_stopped_goes_on_bit_for_bit(base, method, count, tmp_path):
    run, state = replace(QUICK, method=method), tmp_path / "x.state.npz"
    whole, model = base[0].copy(), base[0].copy()
    losses = finetune(whole, base[1], run, progress=False)
    with pytest.raises(KeyboardInterrupt):
        finetune(model, base[1], run, False, stop_after(count), state)
    assert list(tmp_path.iterdir()) == [state]
    assert as_bytes(model.parameters()) != as_bytes(whole.parameters()) or count == 6
    again, steps = base[0].copy(), []
    assert finetune(again, base[1], run, False, lambda step, loss: steps.append(step),
                    state) == losses
    assert as_bytes(again.parameters()) == as_bytes(whole.parameters())
    assert steps == list(range(count, 6))


def test_what_is_stopped_within_a_step_keeps_no_half_of_it(base, tmp_path, monkeypatch):
    def interrupted(optimizer, *args):
        optimizer.steps += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(finetuning.AdamW, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finetune(base[0].copy(), base[1], QUICK, False, state=tmp_path / "x.state.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", LEARNING_RATES)
def test_a_state_of_another_run_or_base_is_refused(base, method, tmp_path):
    run, state = replace(QUICK, method=method), tmp_path / "x.state.npz"
    with pytest.raises(KeyboardInterrupt):
        finetune(base[0].copy(), base[1], run, False, stop_after(2), state)
    moved = base[0].copy()
    moved.final_norm.beta[3] += 1e-3
    before = state.read_bytes()
    for model, other in ((base[0].copy(), replace(run, seed=1)), (moved, run)):
        model.token_embedding.freeze()      # what is frozen stays so, and nothing else
        names = list(model.trainable_parameters())
        with refused(state, "another recipe", "delete", unchanged=model.parameters()):
            finetune(model, base[1], other, False, state=state)
        assert list(model.trainable_parameters()) == names
    assert state.read_bytes() == before
