"""Writing: with and without cache, greedy and drawn, top-k and top-p, stopping, bad settings."""

import numpy as np
import pytest
from helpers import ADAPTED, picture, random_config, random_tokens, refused, tiny_model
from hypothesis import given
from hypothesis import strategies as st

from lib.generation import complete, generate, next_token_probabilities, start_of_text
from lib.lora import TARGETS
from lib.model import POSITIONS
from lib.tokenizer import BPETokenizer

seeds = st.integers(0, 10**6)
logits_rows = st.lists(st.integers(-6, 6), min_size=1, max_size=12).map(
    lambda row: np.array(row, float))


@given(seeds, st.sampled_from(ADAPTED), st.integers(1, 4), st.sampled_from([0.0, 0.7, 1.5]),
       st.sampled_from([{}, {"top_k": 3}, {"top_p": 0.8}, {"top_k": 4, "top_p": 0.5}]),
       st.sampled_from(POSITIONS), st.data())
def test_cache_changes_nothing(seed, targets, batch, temperature, settings, positions, data):
    rng = np.random.default_rng(seed)
    config = random_config(rng, embedding_dimension=12, heads=3, positions=positions)
    model = tiny_model(rng, targets, config=config)
    context = model.config.context_length
    start = data.draw(st.integers(1, context - 1))
    new = data.draw(st.integers(1, context - start))
    tokens = random_tokens(model, rng, batch, start)
    before = picture([model.parameters(), tokens])
    first, second = (generate(model, tokens, new, temperature=temperature, use_cache=use_cache,
                              rng=np.random.default_rng(seed), **settings)
                     for use_cache in (True, False))
    assert np.array_equal(first, second) and first.shape == (batch, start + new)
    assert np.array_equal(first[:, :start], tokens)
    assert picture([model.parameters(), tokens]) == before


@given(seeds, st.integers(1, 3))
def test_greedy_takes_the_likeliest_token_each_time(seed, batch):
    rng = np.random.default_rng(seed)
    model = tiny_model(rng)
    tokens = wanted = random_tokens(model, rng, batch, 3)
    for _ in range(6):
        likeliest = model.forward(wanted)[:, -1].argmax(-1)
        wanted = np.concatenate([wanted, likeliest[:, None]], 1)
    assert np.array_equal(generate(model, tokens, 6), wanted)
    assert np.array_equal(generate(model, tokens, 6, temperature=1.0, top_k=1, rng=rng), wanted)


def test_tokens_are_drawn_with_their_probabilities(rng):
    model = tiny_model(rng)
    tokens = np.repeat(random_tokens(model, rng, 1, 3), 20_000, 0)
    chances = next_token_probabilities(model.forward(tokens[:1])[0, -1], 1.3, top_p=0.9)
    drawn = generate(model, tokens, 1, temperature=1.3, top_p=0.9, rng=rng)[:, -1]
    counts = np.bincount(drawn, minlength=11)
    spread = np.sqrt(20_000 * chances * (1 - chances))
    assert (np.abs(counts - 20_000 * chances) <= 5 * spread).all()
    assert (counts[chances == 0] == 0).all() and (chances == 0).any()


def test_the_same_rng_gives_the_same_text(rng):
    model = tiny_model(rng)
    tokens = random_tokens(model, rng, 4, 2)
    first, same, other = (generate(model, tokens, 8, temperature=1.0,
                                   rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


@given(logits_rows, st.floats(0.1, 5))
def test_temperature_divides_the_logits(logits, temperature):
    wanted = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    np.testing.assert_allclose(next_token_probabilities(logits, temperature), wanted)


@given(logits_rows, st.integers(1, 14))
def test_top_k_keeps_the_k_likeliest_and_ties(logits, k):
    chances, plain = next_token_probabilities(logits, top_k=k), next_token_probabilities(logits)
    kept = {i for i, logit in enumerate(logits) if (logits > logit).sum() < k}
    assert set(np.flatnonzero(chances)) == kept
    assert len(kept) >= min(k, len(logits))
    np.testing.assert_allclose(chances[list(kept)], plain[list(kept)] / plain[list(kept)].sum())


@given(logits_rows, st.floats(0.01, 1.0))
def test_top_p_keeps_the_fewest_that_reach_p(logits, p):
    chances, plain = next_token_probabilities(logits, top_p=p), next_token_probabilities(logits)
    kept = np.flatnonzero(chances)
    assert chances.sum() == pytest.approx(1)
    assert plain[kept].sum() >= p - 1e-9
    assert plain[kept].sum() - plain[kept].min() < p + 1e-9     # one fewer would not reach it
    assert plain[kept].min() >= np.delete(plain, kept).max(initial=0)
    np.testing.assert_allclose(chances[kept], plain[kept] / plain[kept].sum())


@given(st.lists(logits_rows.filter(lambda row: len(row) >= 5).map(lambda row: row[:5]),
                min_size=1, max_size=4), st.sampled_from([None, 1, 3]),
       st.sampled_from([None, 0.4, 1.0]))
def test_rows_do_not_touch_each_other(rows, top_k, top_p):
    logits = np.array(rows)
    before = logits.copy()
    together = next_token_probabilities(logits, 0.8, top_k, top_p)
    alone = [next_token_probabilities(row, 0.8, top_k, top_p) for row in logits]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    np.testing.assert_allclose(together.sum(-1), 1)
    assert np.array_equal(logits, before)


def test_extreme_logits_give_no_nan():
    chances = next_token_probabilities(np.array([1e4, -1e4, 0.0]), 0.01, top_p=0.5)
    assert chances.tolist() == [1, 0, 0]


def test_a_row_that_stopped_is_filled_and_the_others_go_on(rng):
    model = tiny_model(rng)
    tokens = random_tokens(model, rng, 8, 2)
    free = generate(model, tokens, 8)
    stop = int(free[0, 4])
    stopped = generate(model, tokens, 8, stop_token=stop)
    lengths = []
    for row, full in zip(stopped, free, strict=True):
        new = full[2:].tolist()
        end = new.index(stop) + 1 if stop in new else 8
        lengths.append(end)
        assert row[2:2 + end].tolist() == new[:end][:stopped.shape[1] - 2]
        assert (row[2 + end:] == stop).all()
    assert len(set(lengths)) > 1 and stopped.shape[1] == 2 + max(lengths)


def test_generation_ends_when_all_rows_have_stopped(rng):
    model = tiny_model(rng)
    tokens = random_tokens(model, rng, 1, 2)
    free = generate(model, tokens, 8)[0, 2:].tolist()
    stopped = generate(model, tokens, 8, stop_token=free[0])
    assert stopped[0].tolist() == [*tokens[0], free[0]]
    given_in_prompt = np.array([[free[0], *tokens[0, 1:]]])      # a prompt may hold it
    assert generate(model, given_in_prompt, 3, stop_token=free[0]).shape[1] >= 3


def test_complete_gives_what_stands_before_the_end(rng):
    tokenizer = BPETokenizer(np.empty((0, 2)))
    model = tiny_model(rng, vocabulary_size=257)
    start = start_of_text(tokenizer, "hi")
    assert start == [256, 104, 105]
    free = generate(model, np.array([start]), 7, temperature=1.0, rng=np.random.default_rng(3))
    text = complete(model, tokenizer, "hi", 7, temperature=1.0, rng=np.random.default_rng(3))
    assert 256 not in free[0, 3:] and text == tokenizer.decode(free[0, 3:].tolist())
    model.output_projection.weights[256] = 1e3 * model.final_norm.forward(
        rng.standard_normal(8))                                   # now <eos> comes soon
    long = generate(model, np.array([start]), 7)[0, 3:].tolist()
    before = long[:long.index(256)] if 256 in long else long
    assert complete(model, tokenizer, "hi", 7) == tokenizer.decode(before)
    assert "<eos>" not in complete(model, tokenizer, "hi", 7)


@pytest.mark.parametrize("settings, words", [
    ({"temperature": -0.5}, ["temperature is -0.5", "above 0"]),
    ({"temperature": np.nan}, ["temperature is nan", "above 0"]),
    ({"temperature": 1.0, "top_k": 0}, ["top_k is 0", "at least 1"]),
    ({"temperature": 1.0, "top_k": -2}, ["top_k is -2", "at least 1"]),
    ({"temperature": 1.0, "top_p": 0.0}, ["top_p is 0.0", "above 0", "at most 1"]),
    ({"temperature": 1.0, "top_p": 1.01}, ["top_p is 1.01", "at most 1"]),
    ({"temperature": 1.0, "top_p": np.nan}, ["top_p is nan"]),
    ({"temperature": 1.0, "rng": None}, ["rng"]),
    ({"max_new_tokens": 0}, ["max_new_tokens is 0", "at least 1"]),
    ({"max_new_tokens": -1}, ["max_new_tokens is -1", "at least 1"]),
    ({"max_new_tokens": 8}, ["3 tokens", "8 new", "11", "context of 10"])])
def test_settings_out_of_range(settings, words, rng):
    model = tiny_model(rng, TARGETS)
    tokens = random_tokens(model, rng, 2, 3)
    with refused(*words, unchanged=[model, tokens]):
        generate(model, tokens, **{"max_new_tokens": 2, "rng": np.random.default_rng(0),
                                   **settings})


@pytest.mark.parametrize("tokens, words", [
    ([1, 2], ["(batch, time)", "(2,)"]), ([[1, 99]], ["99", "0 to 10"]),
    ([[1.5]], ["whole numbers"]), (np.zeros((2, 0), int), ["(2, 0)"])])
def test_tokens_that_no_model_can_read(tokens, words, rng):
    model = tiny_model(rng)
    with refused(*words, unchanged=model):
        generate(model, tokens, 2)


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan])
def test_probabilities_need_a_temperature_above_zero(temperature):
    with refused(f"temperature is {temperature}", "above 0"):
        next_token_probabilities(np.zeros(3), temperature)
