"""The small models of appendix A1: their gradients, and what each of them can know of places."""

from __future__ import annotations

import numpy as np
import pytest

from lib.laboratory.position_kinds import (
    ALL,
    CONSTANTS,
    KINDS,
    change_angles,
    only_at,
    only_near,
    position_model,
)
from lib.training import loss_and_gradients

SIZES = {"vocabulary_size": 20, "embedding_dimension": 16, "layers": 2, "heads": 2,
         "feed_forward_dimension": 32, "context_length": 8}


def model_of(kind):
    return position_model(kind, SIZES, 0).astype(np.float64)


@pytest.mark.parametrize("kind", ALL)
def test_every_gradient_is_that_of_the_loss(kind):
    rng, model = np.random.default_rng(1), model_of(kind)
    inputs, targets = rng.integers(0, 20, (2, 3, 6))
    _, gradients = loss_and_gradients(model, inputs, targets)
    for name, array in model.trainable_parameters().items():
        at = tuple(rng.integers(0, size) for size in array.shape)
        at = (1, *at[1:]) if name.endswith("places") else at
        kept, ends = array[at], []
        for array[at] in (kept + 1e-5, kept - 1e-5):
            ends.append(loss_and_gradients(model, inputs, targets)[0])
        array[at] = kept
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradients[name][at], abs=1e-8)


def test_a_learnt_row_beyond_the_text_gets_no_gradient():
    model, rng = model_of("learnt"), np.random.default_rng(2)
    _, gradients = loss_and_gradients(model, *rng.integers(0, 20, (2, 3, 6)))
    rows = gradients["token_embedding.places"]
    assert rows[:6].all() and not rows[6:].any()


def test_penalties_are_the_papers_slopes_and_hide_what_comes():
    penalty = model_of("ALiBi").transformer_stack.layers[0].self_attention.penalty
    assert penalty[:, 1, 4].tolist() == [-3 / 16, -3 / 256]  # [head, key, query]
    assert not penalty[:, 2, 2].any() and np.isneginf(penalty[:, 3, 2]).all()


def test_a_factor_makes_the_slopes_steeper():
    penalty = model_of("ALiBi × 16").transformer_stack.layers[0].self_attention.penalty
    assert penalty[:, 1, 4].tolist() == [-3, -3 / 16]


def test_another_base_is_what_changed_angles_make_of_the_usual_one():
    tokens, usual, other = np.array([[1, 2, 3, 4, 5, 6]]), *map(model_of, ("rotary",
                                                                          "rotary, base 100"))
    plain = usual.forward(tokens, training=False)
    change_angles(usual, base=100)
    assert np.allclose(usual.forward(tokens, training=False),
                       other.forward(tokens, training=False))
    assert not np.allclose(plain, other.forward(tokens, training=False))


def test_all_kinds_start_from_the_same_numbers():
    arrays = [model_of(kind).parameters() for kind in KINDS]
    for name, array in arrays[0].items():
        assert all(np.array_equal(array, other[name]) for other in arrays[1:]), name


@pytest.mark.parametrize("kind, spread", [("learnt", 0.1), ("learnt from 0.7", 0.7)])
def test_a_learnt_table_starts_as_large_as_is_said(kind, spread):
    places = position_model(kind, SIZES | {"context_length": 512}, 0).token_embedding.places
    assert places.std() == pytest.approx(spread, rel=0.05)


def test_what_is_changed_is_one_thing():
    table, small = (position_model(kind, SIZES, 0).positions
                    for kind in ("sinusoidal", "sinusoidal at 0.1"))
    assert small.std() == pytest.approx(0.1 * table.std() / 0.5**0.5)
    assert all(any(kind in KINDS for kind in kinds) for kinds in CONSTANTS.values())


@pytest.mark.parametrize("kind", ("ALiBi", "rotary"))
def test_a_query_that_sees_near_tokens_only_is_not_changed_by_far_ones(kind):
    model, tokens = model_of(kind), np.array([[1, 2, 3, 4, 5, 6]])
    other = np.array([[9, 2, 3, 4, 5, 6]])
    only_near(model, 2)  # in two layers: two tokens back
    here, there = (model.forward(each, training=False)[0] for each in (tokens, other))
    assert [bool(np.allclose(a, b)) for a, b in zip(here, there)] == [False] * 3 + [True] * 3


def test_a_query_sees_only_tokens_at_the_distances_it_is_given():
    model = model_of("rotary")
    only_at(model, [0, 3])  # in two layers: the distances 0, 3 and 6
    tokens = np.array([[1, 2, 3, 4, 5, 6, 7, 8]])
    here = model.forward(tokens, training=False)[0, -1]
    for distance in range(1, 8):
        other = tokens.copy()
        other[0, -1 - distance] = 9
        there = model.forward(other, training=False)[0, -1]
        assert np.allclose(here, there) == (distance not in (3, 6))


def test_changed_angles_are_the_same_up_to_the_limit_and_alike_beyond_it():
    model, tokens = model_of("rotary"), np.array([[1, 2, 3, 4, 5, 6, 7, 8]])
    before = model.forward(tokens, training=False)[0]
    change_angles(model)  # to what they are
    assert np.allclose(before, model.forward(tokens, training=False)[0])
    change_angles(model, base=20_000)
    assert not np.allclose(before, model.forward(tokens, training=False)[0])
    change_angles(model, limit=3)
    after = model.forward(tokens, training=False)[0]
    assert np.allclose(before[:4], after[:4]) and not np.allclose(before[4:], after[4:])
    one = model_of("rotary")
    one.transformer_stack.layers = one.transformer_stack.layers[:1]
    change_angles(one, limit=3)
    last, swapped = (one.forward(np.array([each]), training=False)[0, -1]
                     for each in ([1, 2, 3, 4, 5, 6, 7, 8], [4, 2, 3, 1, 5, 6, 7, 8]))
    assert np.allclose(last, swapped)  # beyond the limit the order cannot be seen


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown kind 'clock': allowed are none; learnt"):
        position_model("clock", SIZES, 0)
