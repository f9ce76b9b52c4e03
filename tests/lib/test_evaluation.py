"""Losses over many batches, exact answers against real writing, coverage of the data."""

import numpy as np
import pytest
from helpers import picture, random_batch, refused, tiny_model
from hypothesis import given
from hypothesis import strategies as st

from lib import evaluation
from lib.corpus import Example, facts
from lib.corpus.tasks import load_task
from lib.evaluation import (
    encode_examples,
    exact_match,
    exact_matches,
    example_batches,
    fact_recall,
    loss_and_matches,
    mean_loss,
    stream_batches,
)
from lib.generation import generate
from lib.losses import IGNORE, cross_entropy_loss
from lib.tokenizer import BPETokenizer


def random_examples(model, rng, count):
    """Half of the answers are what the model writes, half are that with one token changed."""
    examples = []
    for number in range(count):
        prompt = rng.integers(0, 11, rng.integers(1, 5)).tolist()
        written = generate(model, np.array([prompt]), int(rng.integers(1, 5)))[0]
        answer = written[len(prompt):].tolist()
        if number % 2:
            place = int(rng.integers(len(answer)))
            answer[place] = (answer[place] + 1) % 11
        examples.append((prompt, answer))
    return examples


@given(st.integers(0, 10**6))
def test_exact_matches_are_what_greedy_writing_gives(seed):
    rng = np.random.default_rng(seed)
    model = tiny_model(rng)
    examples = random_examples(model, rng, 12)
    found = exact_matches(model, examples)
    loss, again = loss_and_matches(model, examples)
    assert again.tolist() == found.tolist()
    assert loss == pytest.approx(mean_loss(model, example_batches(examples)), rel=1e-12)
    wanted = [generate(model, np.array([prompt]), len(answer))[0, len(prompt):].tolist() == answer
              for prompt, answer in examples]
    assert found.tolist() == wanted == [number % 2 == 0 for number in range(12)]


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_batches_do_not_change_what_is_measured(rows, rng, monkeypatch):
    model = tiny_model(rng)
    examples = random_examples(model, rng, 13)
    wanted = exact_matches(model, examples), mean_loss(model, example_batches(examples))
    monkeypatch.setattr(evaluation, "ROWS", rows)
    assert exact_matches(model, examples).tolist() == wanted[0].tolist()
    batches = list(example_batches(examples))
    assert max(len(inputs) for inputs, _ in batches) <= rows
    assert mean_loss(model, batches) == pytest.approx(wanted[1], rel=1e-12)
    lengths = sorted(len(prompt) + len(answer) - 1 for prompt, answer in examples)
    assert [inputs.shape[1] for inputs, _ in batches] == [
        lengths[min(end, 13) - 1] for end in range(rows, 13 + rows, rows)][:len(batches)]
    assert sum(len(inputs) for inputs, _ in batches) == 13


def test_mean_loss_weighs_every_target_alike(rng):
    model = tiny_model(rng)
    batches = [random_batch(model, rng, *sizes) for sizes in ((1, 3, 0.9), (4, 9, 0.1))]
    losses = [cross_entropy_loss(model.forward(inputs[row:row + 1])[:, [place]],
                                 targets[row:row + 1, [place]])
              for inputs, targets in batches
              for row, place in np.argwhere(targets != IGNORE)]
    assert mean_loss(model, batches) == pytest.approx(np.mean(losses), rel=1e-12)


def test_measuring_changes_and_keeps_nothing(rng):
    model = tiny_model(rng, ("query",))
    before = picture(model)
    mean_loss(model, [random_batch(model, rng)])
    exact_matches(model, [([1, 2], [3])])
    assert picture(model) == before


@pytest.mark.parametrize("tokens", [6, 11, 12, 650])
def test_windows_of_a_stream_stand_side_by_side(tokens):
    stream = np.arange(tokens)
    batches = list(stream_batches(stream, time=5))
    inputs = np.concatenate([inputs for inputs, _ in batches])
    targets = np.concatenate([targets for _, targets in batches])
    assert inputs.reshape(-1).tolist() == list(range((tokens - 1) // 5 * 5))
    assert np.array_equal(targets, inputs + 1)
    assert max(len(inputs) for inputs, _ in batches) <= evaluation.ROWS


def test_examples_are_encoded_between_ends_of_text():
    tokenizer = BPETokenizer(np.empty((0, 2)))
    pair = [Example("ab", " c"), Example("", "d")]
    assert encode_examples(tokenizer, pair) == [
        ([256, 97, 98], [32, 99, 256]), ([256], [100, 256])]
    assert encode_examples(tokenizer, pair, end=False) == [
        ([256, 97, 98], [32, 99]), ([256], [100])]


@pytest.mark.parametrize("longest", [3, 4, 5, 6, 60])
def test_answers_are_cut_to_what_a_context_holds(longest):
    """A model of so many inputs reads all but the last token, and is asked for that too."""
    tokenizer = BPETokenizer(np.empty((0, 2)))
    (prompt, answer), = encode_examples(tokenizer, [Example("ab", " cd")], longest=longest)
    assert prompt == [256, 97, 98] and answer == [32, 99, 100, 256][:len(answer)]
    assert len(prompt + answer) - 1 == min(longest, 6)


def test_a_prompt_that_fills_more_than_the_context_is_refused():
    with refused("a prompt has 4 tokens", "3 allowed"):
        encode_examples(BPETokenizer(np.empty((0, 2))), [Example("a", "b"), Example("abc", "b")],
                        longest=3)


def test_shares_count_whole_answers_with_and_without_their_end(monkeypatch):
    """A model that always writes what it read in a text, whatever the prompt."""
    tokenizer = BPETokenizer(np.empty((0, 2)))
    text = [256, *b"a: xy."]

    class Parrot:
        large_vocabulary = False

        def forward(self, tokens, training):
            assert training is False
            logits = np.zeros((*tokens.shape, 257))
            for place in range(tokens.shape[1]):
                logits[:, place, text[(place + 1) % len(text)]] = 1
            return logits

    examples = [Example("a:", " xy."), Example("b:", " xy."), Example("a:", " xz."),
                Example("a:", " xy"), Example("a:", " xy.!")]
    assert exact_match(Parrot(), tokenizer, examples) == 2 / 5   # and then <eos>
    assert exact_match(Parrot(), tokenizer, examples, end=False) == 3 / 5
    # A fact is one up to its last letter: the stop, or what stands in its place, is free.
    assert fact_recall(Parrot(), tokenizer, examples) == 4 / 5


def test_answers_continue_their_prompts_in_whole_tokens(base):
    """Or else the model would be asked for tokens that it never saw there."""
    _, tokenizer = base
    qa = load_task("qa")
    for example in [*facts(), *qa.train, *qa.test]:
        assert tokenizer.encode(example.prompt) + tokenizer.encode(example.answer) \
            == tokenizer.encode(example.prompt + example.answer)
