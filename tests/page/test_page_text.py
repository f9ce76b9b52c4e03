"""The page's tokenizer and its writing against the library's."""

import numpy as np
import pytest
from engine import MODEL, given_model, worst
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpus import documents, facts, load_task
from lib.generation import generate, next_token_probabilities
from lib.tokenizer import BPETokenizer

TOKENIZER = "const tokenizer = new E.BPETokenizer(given.merges || lab_data.merges);"
ENCODE = TOKENIZER + "return given.texts.map((text) => tokenizer.encode(text));"
DECODE = TOKENIZER + "return given.ids.map((ids) => tokenizer.decode(ids));"
#: Every kind of piece and their borders, letters of more than one byte, a mark that decoders drop.
LETTERS = st.sampled_from("ab Zz0123 .,'\n\t\r\x0b\xa0éß漢😀\ufeff")
TEXTS = st.one_of(st.text(LETTERS, max_size=12), st.text(st.one_of(
    LETTERS, st.characters(exclude_categories=["Cs"])), max_size=40))
#: What random letters may miss.
EDGES = ["", "\ufeffa", " 12 1 3", "\t\t\r\n\n  a", "漢é 漢", "a1 1a", "<eos>"]


def test_ids_of_the_corpus_and_the_tasks(wasm, base):
    tokenizer = base[1]
    texts = documents(500, np.random.default_rng([0, 0]))
    for name in ("qa", "pirate", "instructions"):
        task = load_task(name)
        texts += [f"{each.prompt}{each.answer}" for each in task.train + task.dev + task.test]
    texts += [f"{each.prompt}{each.answer}" for each in facts()]
    found = wasm.run(ENCODE, texts=texts)
    print(f"{len(texts)} texts, {sum(map(len, found))} tokens")
    assert found == [tokenizer.encode(text) for text in texts]
    assert wasm.run(DECODE, ids=found) == texts


@settings(max_examples=20)
@given(st.lists(TEXTS, min_size=10, max_size=30))
def test_ids_of_any_text(wasm, base, texts):
    """With the course's tokenizer, and with one that joins what it may of the letters of TEXTS."""
    letters = "12 12 34 12. a1 a1 ab ab \t\t\r\n\n  zz éé éß 漢漢 .. ,, '' 😀😀 \ufeffa \xa0a Z9"
    texts = texts + EDGES
    for tokenizer in (base[1], BPETokenizer.train([letters], 280)):
        merges = tokenizer.merges
        found = wasm.run(ENCODE, texts=texts, merges=merges)
        assert found == [tokenizer.encode(text) for text in texts]
        assert wasm.run(DECODE, ids=found, merges=merges) == texts


@settings(max_examples=20)
@given(st.lists(st.lists(st.one_of(st.integers(0, 999), st.integers(128, 255)), max_size=8),
                min_size=10, max_size=30))
def test_text_of_any_ids(wasm, base, ids):
    assert wasm.run(DECODE, ids=ids) == [base[1].decode(each) for each in ids]


@pytest.mark.parametrize("call, words", [
    ("encode('a\\ud800b')", "half of a surrogate pair"), ("decode([1, 1000])", "token id 1000"),
    ("decode([-1])", "token id -1"), ("decode([0.5])", "token id 0.5")])
def test_what_is_no_text_or_id_is_refused(wasm, call, words):
    with pytest.raises(Exception, match=words):
        wasm.run(f"{TOKENIZER} tokenizer.{call};")


@pytest.mark.parametrize("temperature, top_p", [(1, 1), (0.5, 1), (2, 0.9), (1, 0.3), (1, 1e-9)])
def test_probabilities(wasm, temperature, top_p, rng):
    logits = (3 * rng.standard_normal(50)).astype(np.float32)
    found = wasm.run("""return E.next_token_probabilities(given.logits.numbers, given.temperature,
        given.top_p);""", logits=logits, temperature=temperature, top_p=top_p)
    assert worst(found, next_token_probabilities(logits, temperature, top_p=top_p)) < 1e-12


def test_greedy_text(engine, base):
    model, tokenizer = base
    prompts = [tokenizer.encode(text) for text in ("The capital of France is", "One morning")]
    found = engine.run(MODEL + """
        return given.prompts.map((ids) => E.generate(model, ids, 20));""", **given_model(model),
                       prompts=prompts)
    for ids, new in zip(prompts, found):
        assert ids + new == generate(model, np.array([ids]), 20)[0].tolist()


def test_drawn_tokens_have_their_probabilities(wasm):
    """Of 4,000 draws, each token's share is within four standard deviations of its probability."""
    logits = np.log([0.5, 0.3, 0.15, 0.05]).astype(np.float32)
    counts = wasm.run("""
        const model = { config: { context_length: 9 }, new_cache: () => [], forward: () =>
          ({ numbers: given.logits.numbers }) };
        const rng = E.make_rng(7), counts = [0, 0, 0, 0];
        for (let i = 0; i < 4000; i++) {
          counts[E.generate(model, [0], 1, { temperature: 1, top_p: 0.9, rng })[0]] += 1;
        }
        return counts;""", logits=logits)
    wanted = np.array([0.5, 0.3, 0.15, 0]) / 0.95
    assert np.all(np.abs(np.array(counts) / 4000 - wanted) <= 4 * np.sqrt(wanted / 4000))
