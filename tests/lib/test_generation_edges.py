"""Writing at its edges: ties at the threshold, draws of 0 and almost 1, what is refused early."""

import math

import numpy as np
import pytest
from helpers import random_tokens, refused, tiny_model

from lib.generation import COLDEST, complete, generate, next_token_probabilities
from lib.tokenizer import BPETokenizer


class Drawing:
    """Stands for a generator whose every draw is the same number."""

    def __init__(self, draw):
        self.draw = draw

    def random(self, shape):
        return np.full(shape, self.draw)


def calls(model, monkeypatch):
    """The shapes that model.forward is given from now on, and whether it was for training."""
    seen, forward = [], model.forward

    def record(tokens, training=True, past=None):
        seen.append((tokens.shape, training))
        return forward(tokens, training, past)

    monkeypatch.setattr(model, "forward", record)
    return seen


def test_without_settings_the_probabilities_are_those_of_the_model():
    np.testing.assert_allclose(next_token_probabilities(np.log([0.1, 0.2, 0.7])), [0.1, 0.2, 0.7])


def test_the_coldest_temperature_and_its_neighbours():
    assert next_token_probabilities(np.array([1.0, 3, 2]), COLDEST).tolist() == [0, 1, 0]
    for temperature in (COLDEST / 2, math.inf, float("inf"), -math.inf):
        with refused(f"temperature is {temperature}", "finite", f"at least {COLDEST}"):
            next_token_probabilities(np.zeros(3), temperature)


def test_a_negative_top_p():
    with refused("top_p is -0.1", "above 0"):
        next_token_probabilities(np.zeros(3), top_p=-0.1)


def test_top_k_of_long_rows(rng):
    logits = rng.standard_normal((500, 1000))
    ranked = np.sort(logits)
    for k in (1, 2, 40, 100, 500, 900, 998, 999):
        kept = next_token_probabilities(logits, top_k=k) > 0
        assert np.array_equal(kept, logits >= ranked[:, -k, None]), k


def test_top_p_stops_as_soon_as_p_is_reached():
    assert next_token_probabilities(np.zeros(2), top_p=0.5).tolist() == [1, 0]
    assert next_token_probabilities(np.zeros(4), top_p=0.75)[3] == 0


def test_the_lowest_and_the_highest_draw_give_tokens_that_have_a_chance(rng):
    model = tiny_model(rng, vocabulary_size=300)
    tokens = random_tokens(model, rng, 200, 2)
    chances = next_token_probabilities(model.forward(tokens)[:, -1], top_k=250)
    lowest, highest = (generate(model, tokens, 1, temperature=1.0, top_k=250,
                                rng=Drawing(draw))[:, -1] for draw in (0.0, np.nextafter(1, 0)))
    assert lowest.tolist() == [np.flatnonzero(row)[0] for row in chances] and lowest.any()
    assert highest.tolist() == [np.flatnonzero(row)[-1] for row in chances]
    sums = chances.cumsum(-1)[:, -1]                # rounding left some of them short of 1
    assert (sums < 1 - 2**-53).any()


def test_each_token_is_read_once_unless_the_cache_is_off(rng, monkeypatch):
    model = tiny_model(rng)
    tokens = random_tokens(model, rng, 2, 3)
    seen = calls(model, monkeypatch)
    generate(model, tokens, 3)
    assert seen == [((2, 3), False), ((2, 1), False), ((2, 1), False)]
    seen.clear()
    generate(model, tokens, 3, use_cache=False)
    assert seen == [((2, 3), False), ((2, 4), False), ((2, 5), False)]


@pytest.mark.parametrize("settings, words", [
    ({"temperature": -1.0}, ["temperature is -1.0"]), ({"temperature": 1e-200}, ["1e-200"]),
    ({"temperature": 1.0, "top_k": 0}, ["top_k is 0"]), ({"top_k": 0}, ["top_k is 0"]),
    ({"max_new_tokens": 7}, ["4 tokens", "7 new", "make 11", "context of 10"]),
    ({"max_new_tokens": 12}, ["make 16", "context of 10"])])
def test_settings_are_refused_before_anything_is_computed(settings, words, rng, monkeypatch):
    model = tiny_model(rng)
    tokens = random_tokens(model, rng, 2, 4)
    seen = calls(model, monkeypatch)
    with refused(*words):
        generate(model, tokens, **{"max_new_tokens": 6, "rng": rng, **settings})
    assert not seen
    assert generate(model, tokens, 6).shape == (2, 10)         # all of the context may be used


def test_a_prompt_as_long_as_what_is_asked_for(rng):
    model = tiny_model(rng)
    with refused("6 tokens", "6 new", "make 12", "context of 10"):
        generate(model, random_tokens(model, rng, 1, 6), 6)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_the_token_that_stops_is_the_last_one(length, rng):
    model = tiny_model(rng)
    tokens = random_tokens(model, rng, 1, length)
    free = generate(model, tokens, 5)
    assert np.array_equal(generate(model, tokens, 5, stop_token=free[0, length]),
                          free[:, :length + 1])


def test_tokens_of_three_axes(rng):
    with refused("(batch, time)", "(1, 2, 3)"):
        generate(tiny_model(rng), np.zeros((1, 2, 3), int), 2)


def test_complete_writes_32_tokens_unless_told_otherwise(rng):
    tokenizer = BPETokenizer(np.empty((0, 2)))
    model = tiny_model(rng, vocabulary_size=257, context_length=40)
    model.output_projection.weights[:] = 0
    model.output_projection.weights[65] = model.final_norm.beta = np.ones(8)
    assert complete(model, tokenizer, "hi") == "A" * 32
