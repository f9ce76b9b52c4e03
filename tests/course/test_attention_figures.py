"""What the figures about attention say is true of the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest

from lib.attention import CausalSelfAttention
from lib.figures.gpt import (
    attention_board,
    attention_cost,
    attention_graph,
    attention_map,
    fact_answers,
    fact_path,
    found_alone,
    head_importance,
    head_pairs,
    mean_edge,
    patch_swap,
    state_patching,
)
from lib.model import FeedForward, GPTConfig

TOKENS = ["<eos>", "The", " capital"]


def maps() -> np.ndarray:
    """Two layers of two heads over three tokens; layer 2, head 1 ends in 0.2, 0.7, 0.1."""
    rows = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.3, 0.3, 0.4]])
    found = np.tile(rows, (2, 2, 1, 1))
    found[1, 0, 2] = 0.2, 0.7, 0.1
    return found


def test_the_map_is_the_chosen_heads():
    data = attention_map.compute(TOKENS, maps(), 2, 1, (2,))
    assert data.top(2, 2) == [("The", 0.7), ("end of text", 0.2)]
    assert data.top(0, 5) == [("end of text", 1.0)]  # what is still to come is not listed
    words = attention_map.alt(data)
    assert words.startswith("Layer 2, head 1")
    assert "'The' 70%, 'end of text' 20%, '·capital' 10%" in words


def test_the_board_does_what_the_layer_does():
    rng = np.random.default_rng(0)
    layer = CausalSelfAttention(8, 1, 5, 1.0, rng, np.float64)
    x = rng.standard_normal((1, 5, 8))
    layer.output_linear.weights[...] = np.eye(8)
    q, k, v = (each.forward(x)[0] for each in (layer.query_linear, layer.key_linear,
                                               layer.value_linear))
    data = attention_board.compute("abcde", q[-1], k, v)
    assert np.allclose(data.weights, layer.attention_weights(x)[0, 0, -1])
    assert np.allclose(data.output, layer.forward(x)[0, -1])
    words = attention_board.alt(attention_board.compute(
        ("capital", "is"), np.array([2.0, 0, 0, 0]), np.eye(2, 4), np.eye(2)))
    assert "(2, 0, 0, 0)" in words and "capital 73% (score 1)" in words and "(0.73, 0.27)" in words


@pytest.mark.parametrize("count, size, values", [(3, 4, 2), (2, 3, 2), (2, 4, 3)])
def test_a_board_that_does_not_fit_is_refused(count, size, values):
    with pytest.raises(ValueError, match="which make no attention"):
        attention_board.compute("abc"[:count], np.ones(size), np.ones((2, 4)), np.ones((values, 2)))


def test_the_path_names_what_matters():
    said = dict(zip(fact_path.GROUPS, ("The capital of", "Peru", "is", "Lima")))
    lost = {path: (0, 0) for path, _ in fact_path.ROLES} | {("name", "is"): (2, 30)}
    data = fact_path.compute(said, lost, 40)
    assert data.named() == [("fetch the country", 30)]
    assert "(layers 3 and 4, 'is' looks at the name): 30" in fact_path.alt(data)
    chosen = fact_path.compute(said, lost, 40, (("name", "is"), 1), ("Peru is", " Quito."))
    words = fact_path.alt(chosen)
    assert words.startswith("Replaced by its mean in layers 3 and 4, 'is' looks at the name: 30")
    assert "'Peru is' goes on with ' Quito.'" in words
    lost_both = {path: (*each, 35) for path, each in lost.items()}
    both = fact_path.alt(fact_path.compute(said, lost_both, 40, (("name", "is"), 2)))
    assert both.startswith("Replaced by its mean in layers 1 to 4, 'is' looks at the name: 35")
    with pytest.raises(ValueError, match=r"no losses for the paths \[\('is', 'is'\)\]"):
        fact_path.compute(said, lost, 40, (("is", "is"), 0))
    boxed = fact_path.compute(said, lost, 40, boxes={("name", 0): 21, ("is", 1): 9})
    assert "enrich: 21; feed-forward 3 and 4 at 'is': 9." in fact_path.alt(boxed)
    by_zeros = fact_path.compute(said, lost, 40, boxes={("question", 0): 12}, by="zeros")
    assert "one part replaced by zeros" in fact_path.alt(by_zeros)
    assert "feed-forward 1 and 2 at the question: 12." in fact_path.alt(by_zeros)
    marked = fact_path.compute(said, lost, 40, boxes={("is", 0): 12, ("is", 1): 9},
                               marked=[("is", 0)])
    assert fact_path.alt(marked).endswith("cost less than 10: feed-forward 1 and 2 at 'is'.")
    alone = fact_path.compute(said, lost, 40, boxes={("is", 1): 9}, by="zeros", finds="30 to 33")
    words = fact_path.alt(alone)
    assert words.startswith("A circuit that finds 30 to 33 capitals alone. Capitals lost of 40")
    assert "the country, early (layers 1 and 2, the answer looks at the name): 0." in words
    assert "early" not in fact_path.alt(by_zeros)
    with pytest.raises(ValueError, match=r"marked boxes \[\('is', 0\)\] aren't all among \[\]"):
        fact_path.compute(said, lost, 40, marked=[("is", 0)])
    with pytest.raises(ValueError, match=r"no place for the boxes \[\('question', 1\)\]"):
        fact_path.compute(said, lost, 40, boxes={("question", 1): 1})
    both = fact_path.compute(said, lost, 40, (("name", "is"), 1), boxes={("name", 0): 21})
    assert "looks at the name): 30. Feed-forward layers: enrich: 21." in fact_path.alt(both)
    with pytest.raises(ValueError, match=r"no text for the groups \['answer', 'is'\], no losses "
                                         r"for the paths \[\('name', 'is'\)\]"):
        fact_path.compute(dict(list(said.items())[:2]),
                          {path: gone for path, gone in lost.items() if path[1] != "is" or
                           path[0] != "name"}, 40)


def test_a_mean_replaces_what_an_edge_brings():
    others = [("The language of", "Chile", "is"), ("The currency of", "Kenya", "is")]
    asked = ("The capital of", "Japan", "is")
    words = mean_edge.alt(mean_edge.compute(others, 477, asked, "the yen"))
    assert words.startswith("In 'The language of Chile is', 'The currency of Kenya is' and so on, ")
    assert words.endswith("in 'The capital of Japan is', which goes on with 'the yen'.")
    for some, count in ((others[:1], 5), (others, 1), (others * 2, 5)):
        with pytest.raises(ValueError, match="draw 2 or 3 of them"):
            mean_edge.compute(some, count, asked, "")


def test_a_part_says_what_is_answered_without_it():
    said = dict(zip(fact_path.GROUPS, ("The capital of", "Peru", "is", "Lima")))
    data = fact_answers.compute(said, "The capital of Peru is", {"fetch the relation": " the sol."})
    words = fact_answers.alt(data)
    assert "'is' looks at the question): \u201cthe sol.\u201d" in words
    assert "enrich (layers 1 and 2, feed-forward at the name): a guess" in words
    assert "the country again" not in words  # was not guessed
    kept = fact_answers.compute(said | {"answer": "Lim|a"}, "", {"join": " Lima", "spell": "Lim"})
    assert [kept.missed(part) for part in ("join", "spell", "enrich")] == [False, True, True]
    for tokens, part, complaint in ((said, "guess", r"no parts \['guess'\]"),
                                    ({"is": "is"}, "join", r"groups \['answer', 'name', 'quest")):
        with pytest.raises(ValueError, match=complaint):
            fact_answers.compute(tokens, "", {part: ""})


def test_a_patched_state_says_what_follows():
    shares = {"country": np.array([[0, 0], [1, 0], [0, 0.5]]), "relation": np.eye(3, 2)}
    says = {"country": ("Peru is", " Lima."), "relation": ("Spain speaks", " Spanish.")}
    words = state_patching.alt(state_patching.compute(shares, "is", 1, "Japan is", says))
    assert words.startswith("The states at 'is', after layer 1, are patched.")
    assert "50% of answers" in words and "' Lima.'" in words and "0% of answers" in words
    early = state_patching.alt(state_patching.compute(shares, "name", 0, "Japan is", says))
    assert early.startswith("The states at the name, at the start, are patched.")
    shares["country"] = np.array([[np.nan] * 2, [1, 0], [0, 0.5]])
    alike = state_patching.alt(state_patching.compute(shares, "question", 0, "Japan is", says))
    assert "For the country both prompts are the same there; with" in alike
    for place, block in (("answer", 0), ("is", 2)):
        with pytest.raises(ValueError, match="the places are question, name, is"):
            state_patching.compute(shares, place, block, "Japan is", says)


def test_a_patch_touches_what_comes_after_it():
    prompts = "The capital of Peru is", "The capital of Japan is", ("Lima", "Tokyo")
    data = patch_swap.compute(*prompts, "name", 2)
    touched = {(place, layer) for place in patch_swap.PLACES for layer in range(5)
               if data.touched(place, layer)}
    assert touched == {("name", 2), ("name", 3), ("name", 4), ("is", 3), ("is", 4)}
    assert "at the name after layer 2 are copied" in patch_swap.alt(data)
    assert "at 'is' at the start" in patch_swap.alt(patch_swap.compute(*prompts, "is", 0))
    for place, after in (("answer", 0), ("is", 4)):
        with pytest.raises(ValueError, match="the places are question, name, is"):
            patch_swap.compute(*prompts, place, after)


def test_the_graph_goes_both_ways():
    forward, backward = map(attention_graph.alt, ("forward", "backward"))
    assert forward.startswith("Forward") and backward.startswith("Backward")
    with pytest.raises(ValueError, match="direction is 'sideways'; allowed are forward, backward"):
        attention_graph.compute("sideways")


@pytest.mark.parametrize("change, words", [
    ({"layer": 3}, "layer is 3; allowed are 1 to 2"), ({"head": 0}, "head is 0"),
    ({"tokens": TOKENS[:2]}, "2 tokens for a map of 3"), ({"rows": (3,)}, r"rows are \(3,\)")])
def test_bad_choices_are_named(change, words):
    good = {"tokens": TOKENS, "maps": maps(), "layer": 1, "head": 1, "rows": (2,)}
    with pytest.raises(ValueError, match=words):
        attention_map.compute(**(good | change))


def test_the_tables_name_the_head_that_looks_most_and_the_dearest():
    data = head_importance.compute([[0.1, 0.9], [0.5, 0.2]], [[0, 2], [-1, 7]], 20)
    words = head_importance.alt(data)
    assert "Head 2 of layer 1 looks at the name most, 90%, and 2 of 20 capitals" in words
    assert "Most are lost, 7, without head 2 of layer 2, which gives the name 20%" in words
    with pytest.raises(ValueError, match=r"shapes \(2, 2\) and \(2,\)"):
        head_importance.compute(np.ones((2, 2)), np.ones(2), 20)


def test_pairs_stand_beside_single_heads():
    words = head_pairs.alt(head_pairs.compute(("1.1", "1.2", "2.2"), [[4], [5, 0], [129, 7, 2]],
                                              156, "is"))
    assert "of 156 that are lost if heads at 'is' are replaced by zeros." in words
    assert "Alone: 1.1 4; 1.2 0; 2.2 2." in words
    assert "The pair 1.1 and 2.2 costs 129, all other pairs 7 at most." in words
    lent = head_pairs.compute(("1.1", "1.2"), [[4], [5, 0]], 156, "is", "currency")
    assert "at 'is' are replaced by their outputs for 'currency'." in head_pairs.alt(lent)
    for names, lost in ((("1.1",), [[4]]), (("1.1", "1.2"), [[4, 5], [0]])):
        with pytest.raises(ValueError, match=f"{len(names)} heads and rows of"):
            head_pairs.compute(names, lost, 156, "is")


def test_each_set_is_found_by_each_replacement():
    sets = [("4 edges", "all boxes"), ("5 edges", "6 boxes")]
    words = found_alone.alt(found_alone.compute(sets, {"a mean": (25, 132), "zeros": (17, 0)}, 156))
    assert "4 edges and all boxes: a mean 25, zeros 17; 5 edges and 6 boxes: a mean 132" in words
    for bad in ((25,), (25, 157), (-1, 3)):
        with pytest.raises(ValueError, match="zeros has the counts"):
            found_alone.compute(sets, {"zeros": bad}, 156)


def test_both_boxes_stand_out_among_the_lost():
    columns, rows = [("currency mean", "“the yen”")], {"is": (7,), "both": (147,)}
    data = found_alone.compute(columns, rows, 156, "lost")
    assert not data.strong(0, 0) and data.strong(0, 1)
    assert "currency mean, “the yen”: is 7, both 147." in found_alone.alt(data)
    asked = found_alone.compute(columns, rows | {"both": (None,)}, 156, "lost")
    assert asked.hidden() and not data.hidden() and "is 7, both ?." in found_alone.alt(asked)
    with pytest.raises(ValueError, match="found or lost, not 'kept'"):
        found_alone.compute(columns, rows, 156, "kept")


def test_what_is_found_or_lost_makes_the_title():
    sets, boxes = [("4 edges", "all boxes"), ("5 edges", "6 boxes")], [("zeros", ""), ("mean", "")]

    def said(columns, rows, counted):
        return found_alone.title(found_alone.compute(columns, rows, 156, counted))

    assert said(sets, {"mean": (25, 120), "zeros": (150, 140)}, "found") == (
        "Enough? Not quite: 120 to 140 found with 5 edges and 6 boxes")
    assert said(sets, {"mean": (25, 155), "zeros": (25, 126)}, "found").startswith(
        "Enough? Nearly: 126 to 155 found")
    assert said(sets, {"mean": (140, 156)}, "found").startswith("Enough? Yes: 156 to 156 found")
    assert said(boxes, {"is": (9, 90), "both": (12, 3)}, "lost") == "Zeros in both boxes: 12 lost"
    assert said(boxes, {"is": (9, 90), "both": (12, 30)}, "lost") == "Mean in both boxes: 30 lost"
    assert said(boxes, {"is": (9, 90), "both": (None, None)}, "lost") == found_alone.ASKED


@pytest.mark.parametrize("d_model, heads", [(128, 4), (32, 2)])
def test_the_cost_is_what_a_block_has(d_model, heads):
    data = attention_cost.compute(d_model, heads)
    rng, time = np.random.default_rng(0), 64
    at = int(np.flatnonzero(data.contexts == time)[0])
    layer = CausalSelfAttention(d_model, heads, time, 0.1, rng)
    layer.forward(np.ones((1, time, d_model), np.float32))
    (q, k, v, scores), context = layer.cache, layer.output_linear.cache
    assert data.score_bytes[at] == scores.nbytes
    assert data.other_bytes[at] == sum(each.nbytes for each in (q, k, v, context))
    config = GPTConfig(embedding_dimension=d_model, heads=heads, feed_forward_dimension=4 * d_model)
    parts = [*layer.parameters().values(), *FeedForward(config, 0.1, rng).parameters().values()]
    assert data.weight_operations[at] == 2 * time * sum(each.size for each in parts)


def test_the_lines_meet_where_the_words_say():
    words = attention_cost.alt(attention_cost.compute(64, 2))
    data = attention_cost.compute(64, 2)
    memory = np.interp(0, np.log(data.score_bytes / data.other_bytes), np.log(data.contexts))
    arithmetic = np.interp(0, np.log(data.pair_operations / data.weight_operations),
                           np.log(data.contexts))
    assert f"at {round(np.exp(memory))} tokens" in words
    assert f"at {round(np.exp(arithmetic))}." in words
