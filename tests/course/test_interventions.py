"""What is read inside a model is what it computes, and what is put in changes what it writes."""

import numpy as np
import pytest
from helpers import tiny_model

from lib.corpus import facts
from lib.generation import start_of_text
from lib.laboratory import interventions as inside
from lib.losses import IGNORE

LIMA = "The capital of Peru is"
TOKYO = "The capital of Japan is"


@pytest.fixture
def read(rng):
    """A small model, tokens, and the stream behind each layer."""
    model, tokens = tiny_model(rng), rng.integers(0, 11, (3, 7))
    return model, tokens, inside.states(model, tokens)


def test_from_every_layer_the_rest_of_the_model_says_the_same(read):
    model, tokens, stream = read
    says = model.forward(tokens, training=False).argmax(-1)
    assert len(stream) == 3
    for after, x in enumerate(stream):
        assert np.array_equal(inside.finished(model, x, after, np.s_[:]), says)
    assert np.array_equal(inside.finished(model, stream[1], 1, np.s_[:, -1]), says[:, -1])


def test_attention_and_what_feed_forward_adds_make_the_next_state(read):
    model, _, stream = read
    rows = inside.added(model, stream, np.s_[:, 2:])
    assert list(rows) == [1, 2]
    for layer, block in enumerate(model.transformer_stack.layers, 1):
        x = stream[layer - 1]
        x = x + block.self_attention.forward(block.attention_norm.forward(x))
        want = block.feed_forward.forward(block.feed_forward_norm.forward(x))
        assert np.allclose(rows[layer], want[:, 2:])


def test_the_heads_of_a_layer_are_the_input_of_its_output_matrix(read):
    model, tokens, _ = read
    there = np.zeros(tokens.shape, bool)
    there[:, 4:] = True
    found = inside.head_outputs(model, tokens, there)
    assert list(found) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for layer, block in enumerate(model.transformer_stack.layers, 1):
        both = np.concatenate([found[layer, 1], found[layer, 2]], axis=1)
        assert np.array_equal(both, block.self_attention.output_linear.cache[there.ravel()])


def test_what_stays_with_new_weights_is_what_a_mask_leaves(read):
    model, tokens, stream = read
    edges = np.triu(np.ones((3, 7, 7), bool))
    edges[:, 2, 4:] = False
    block = model.transformer_stack.layers[0]
    attention, x = block.self_attention, block.attention_norm.forward(stream[0])
    attention.forward(x)
    kept = inside.along(attention, edges, anew=True)
    halves = inside.along(attention, edges) + inside.along(attention, ~edges)
    usual = attention.output_linear.cache.copy()
    assert np.allclose(halves.reshape(usual.shape), usual, atol=1e-6)
    both = inside.brought(model, tokens, edges)[1] + inside.brought(model, tokens, ~edges)[1]
    assert np.allclose(both, halves, atol=1e-6)
    attention.forward(x)
    rest, place = inside.along(attention, ~edges), np.tile(np.arange(7), (3, 1))
    means = inside.mean_brought(model, [stream, stream], {1: ~edges, 2: edges}, place)
    assert np.allclose(means[1], inside.mean_of_others(rest, place), atol=1e-6)
    attention.mask[2, 4:7] = -np.inf
    attention.forward(x)
    masked = attention.output_linear.cache
    assert np.allclose(kept.reshape(masked.shape), masked, atol=1e-6)
    assert not np.allclose(masked, usual, atol=1e-3)


def test_a_mean_of_others_leaves_out_ones_own():
    rows = np.array([[1.0, 2], [3, 4], [5, 9], [7, 0]])
    assert inside.mean_of_others(rows, np.array([0, 1, 0, 0])).tolist() == [
        [6, 4.5], [0, 0], [4, 1], [3, 5.5]]


def test_tokens_have_groups_and_edges_between_them_stay():
    targets = np.full((2, 7), IGNORE)
    targets[0, 4:6], targets[1, 5:7] = 1, 1
    groups, place = inside.grouped(targets, 2, between=1)
    assert groups[0].tolist() == ["question", "question", "name", "is", "is", "answer", "answer"]
    assert place.tolist() == [[0, 1, 2, 99, 100, 101, 102], [0, 1, 2, 3, 99, 100, 101]]
    alone = inside.staying([], groups)
    assert alone.sum() == 7 + 6
    stays = inside.staying([("is", "name")], groups)
    assert (stays & ~alone).sum((1, 2)).tolist() == [2, 4]
    assert stays[0, 2, 3]
    assert stays[0, 2, 4]


def test_changes_are_dealt_out_whole(rng):
    usual = {layer: rng.normal(size=(5, 3)) for layer in (1, 2)}
    rows = {layer: rng.normal(size=(5, 3)) for layer in (1, 2)}
    found = inside.shuffled(usual, rows, 0)
    for layer in usual:
        dealt, changes = found[layer] - usual[layer], rows[layer] - usual[layer]
        assert np.allclose(sorted(map(tuple, dealt)), sorted(map(tuple, changes)))
        assert not np.allclose(dealt, changes)


def test_the_next_of_the_same_size():
    assert inside.next_alike(np.array([2, 3, 2, 2, 3, 1])).tolist() == [2, 4, 3, 0, 1, 5]


@pytest.mark.parametrize(("kind", "between", "want"), [
    ("last token to the name", 0, [(6, 7, 4), (6, 7, 5)]),
    ("last token to the name", 1, [(6, 7, 4)]),
    ("is to the question", 1, [(5, 6, 1), (5, 6, 2), (5, 6, 3)]),
    ("answer to the last token", 0, [(7, 128, 6)]),
    ("inside the name", 0, [(5, 6, 4), (6, 6, 5)]),
])
def test_a_kind_of_edge_is_read_as_pairs(kind, between, want):
    assert inside.pairs_of(kind, 4, 6, between) == want


def test_each_edge_has_a_kind_that_can_be_read():
    for kind, _ in inside.EDGES.values():
        assert inside.pairs_of(kind, 4, 6)


def test_a_state_at_the_name_brings_the_other_capital(base):
    assert inside.goes_on(*base, start_of_text(base[1], TOKYO)) == " Tokyo."
    assert inside.goes_on(*base, start_of_text(base[1], TOKYO), most=1) == " T"
    assert inside.goes_on_patched(*base, TOKYO, "name", 2, LIMA) == " Lima."
    assert inside.goes_on_patched(*base, TOKYO, "question", 4, LIMA) == " Tokyo."


@pytest.mark.parametrize(("donor", "message"), [
    ("Lima is the capital of Peru", "has another form than"),
    ("The capital of Bangladesh is", "Japan has 3 pieces and Bangladesh has"),
])
def test_prompts_that_do_not_fit_are_refused(base, donor, message):
    with pytest.raises(ValueError, match=message):
        inside.refuse_unlike(base[1], TOKYO, donor)
    names = [fact.prompt for fact in facts() if fact.relation == "capital"]
    assert TOKYO in names
    inside.refuse_unlike(base[1], TOKYO, LIMA)
