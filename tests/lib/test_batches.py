"""What a step trains on, and pre-training that is stopped and goes on."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from helpers import as_bytes, picture, refused

from lib import pretraining
from lib.checkpoint import load_arrays
from lib.losses import IGNORE
from lib.pretraining import Recipe, load_base, load_history, pretrain
from lib.training import example_batch, pad, stream_batch


def test_padded_targets_are_the_answers_one_place_earlier():
    inputs, targets = pad([([9, 1, 2], [3, 4]), ([9], [5]), ([9, 6], [7, 8, 1])])
    skip = IGNORE
    assert inputs.tolist() == [[9, 1, 2, 3], [9, 0, 0, 0], [9, 6, 7, 8]]
    assert targets.tolist() == [[skip, skip, 3, 4], [5, skip, skip, skip], [skip, 7, 8, 1]]


def test_every_counted_target_follows_its_input(rng):
    examples = [(rng.integers(0, 50, rng.integers(1, 6)).tolist(),
                 rng.integers(0, 50, rng.integers(1, 6)).tolist()) for _ in range(20)]
    inputs, targets = pad(examples)
    assert inputs.shape == targets.shape == (20, max(len(p) + len(a) for p, a in examples) - 1)
    for (prompt, answer), row, wanted in zip(examples, inputs, targets, strict=True):
        places = np.flatnonzero(wanted != IGNORE)
        assert wanted[places].tolist() == answer
        for place in places:
            assert [*row[:place + 1], wanted[place]] == (prompt + answer)[:place + 2]


@pytest.mark.parametrize("count, batch", [(20, 4), (23, 4), (3, 16), (16, 16)])
def test_no_example_comes_twice_within_an_epoch(count, batch):
    examples = [([1], [number]) for number in range(count)]
    per_epoch, orders = max(1, count // batch), []
    for epoch in range(3):
        seen = []
        for step in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            inputs, targets = example_batch(examples, step, 0, batch)
            assert inputs.shape == targets.shape == (min(batch, count), 1)
            seen += targets[:, 0].tolist()
        assert max(Counter(seen).values()) == 1 and len(seen) >= count - batch + 1
        orders.append(seen)
    assert len(set(map(tuple, orders))) > 1
    again = example_batch(examples, 0, 0, batch)[1][:, 0].tolist()
    other = [example_batch(examples, 0, seed, batch)[1][:, 0].tolist() for seed in range(1, 6)]
    assert again == orders[0][:len(again)] and any(found != again for found in other)


def test_windows_of_a_stream_reach_both_its_ends():
    stream = np.arange(30)
    seen = set()
    for step in range(200):
        inputs, targets = stream_batch(stream, step, 0, batch=4, time=5)
        assert inputs.shape == targets.shape == (4, 5)
        assert np.array_equal(targets, inputs + 1) and (np.diff(inputs) == 1).all()
        seen |= set(inputs[:, 0].tolist())
    assert seen == set(range(25))
    first, same, other, step = (stream_batch(stream, *place, 4, 5)[0]
                                for place in ((3, 0), (3, 0), (3, 1), (4, 0)))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other) and not np.array_equal(first, step)


@pytest.fixture
def small(monkeypatch):
    """A recipe that takes seconds, with few facts to ask for."""
    facts = pretraining.facts()[:8]
    monkeypatch.setattr(pretraining, "facts", lambda: facts)
    return Recipe(documents=400, held_out=3, steps=6, batch=3, time=16, warmup=2, measure_every=3)


def test_pretraining_that_was_stopped_goes_on_bit_for_bit(small, tmp_path):
    whole, halves = tmp_path / "whole.npz", tmp_path / "sub" / "halves.npz"
    made = pretrain(whole, small)
    assert list(tmp_path.iterdir()) == [whole]                  # its state is gone
    pretrain(halves, small, stop_after=4)                       # one step after a measurement
    state = tmp_path / "sub" / "halves.state.npz"
    assert list(halves.parent.iterdir()) == [state]
    assert len(load_arrays(state, "pretraining")[1]["losses"]) == 3
    pretrain(halves, small)
    assert list(halves.parent.iterdir()) == [halves]
    (first, tokenizer), (second, _) = load_base(whole), load_base(halves)
    assert as_bytes(first.parameters()) == as_bytes(second.parameters())
    assert as_bytes(first.parameters()) == as_bytes(made.parameters())
    noted = load_history(whole)
    assert noted == load_history(halves)
    assert noted["recipe"] == small.to_dict() and len(noted["losses"]) == small.steps
    assert [entry["step"] for entry in noted["history"]] == [0, 3, 6]
    assert tokenizer.vocabulary_size == 1000 and noted["losses"][-1] < noted["losses"][0]


def test_the_last_measurement_is_of_the_finished_model(small, tmp_path):
    path = tmp_path / "x.npz"
    pretrain(path, replace(small, steps=2))
    assert [entry["step"] for entry in load_history(path)["history"]] == [0, 2]


def test_a_state_of_another_recipe_is_refused(small, tmp_path):
    path = tmp_path / "x.npz"
    pretrain(path, small, stop_after=3)
    before = picture([each.read_bytes() for each in tmp_path.iterdir()])
    with refused("x.state.npz", "another recipe", "delete"):
        pretrain(path, replace(small, seed=1))
    assert picture([each.read_bytes() for each in tmp_path.iterdir()]) == before


def test_a_damaged_state_is_refused(small, tmp_path):
    (tmp_path / "x.state.npz").write_bytes(b"PK damaged")
    with refused("x.state.npz", "not a whole file"):
        pretrain(tmp_path / "x.npz", small)
    assert [each.name for each in tmp_path.iterdir()] == ["x.state.npz"]
