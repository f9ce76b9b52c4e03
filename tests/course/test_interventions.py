"""What is read inside a model is what it computes, and what is put in changes what it writes."""

import numpy as np
import pytest
from helpers import tiny_model

from lib.corpus import facts
from lib.generation import start_of_text
from lib.laboratory import interventions as inside

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
