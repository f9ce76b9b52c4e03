"""How far a model is from its base, and text that the base never read: right scores by hand."""

import re

import numpy as np
import pytest
from helpers import random_batch, refused, tiny_model

from lib import pretraining
from lib.corpus import documents
from lib.evaluation import kl, mean_loss
from lib.losses import IGNORE
from lib.pretraining import Recipe, sentences, unseen_batches

# ---------------------------------------------------------------- KL

class Constant:
    """A model that predicts the same at every place: logits (vocabulary,)."""

    def __init__(self, logits):
        self.logits = np.array(logits)

    def forward(self, tokens, training):
        assert training is False
        return np.broadcast_to(self.logits, (*tokens.shape, len(self.logits)))


HERE = [(np.zeros((1, 2), int), np.array([[0, IGNORE]]))]


def test_kl_of_a_known_pair_is_that_by_hand():
    base, model = (Constant(np.log(p)) for p in ([0.5, 0.5], [0.9, 0.1]))
    there = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)   # 0.5108
    back = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)    # 0.3681
    assert kl(base, model, HERE) == pytest.approx((there, back), rel=1e-12)
    assert (there, back) == pytest.approx((0.5108, 0.3681), abs=1e-4)


def test_kl_of_a_model_with_itself_is_zero(base, rng):
    model = tiny_model(rng)
    assert kl(model, model, [random_batch(model, rng)]) == (0, 0)
    text = np.array([base[1].encode("The capital of France is Paris.")])
    assert kl(base[0], base[0].copy(), [(text[:, :-1], text[:, 1:])]) == pytest.approx((0, 0),
                                                                                       abs=1e-6)


def test_kl_is_a_mean_over_the_targets_that_count_alone(rng):
    model, other = tiny_model(rng), tiny_model(rng)
    batches = [random_batch(model, rng, *sizes) for sizes in ((1, 3, 0.9), (4, 9, 0.5))]
    pairs = []
    for inputs, targets in batches:
        for row, place in np.argwhere(targets != IGNORE):
            p, q = (np.exp(each.forward(inputs, training=False)[row, place])
                    for each in (model, other))
            p, q = p / p.sum(), q / q.sum()
            pairs.append([(p * np.log(p / q)).sum(), (q * np.log(q / p)).sum()])
    assert kl(model, other, batches) == pytest.approx(np.mean(pairs, 0), rel=1e-9)
    assert kl(other, model, batches) == pytest.approx(np.mean(pairs, 0)[::-1], rel=1e-9)


def test_kl_of_confident_models_is_finite():
    sure, otherwise = (Constant(np.array(each, np.float32)) for each in ([900, 0], [0, 900]))
    assert kl(sure, otherwise, HERE) == (900, 900)
    # A difference far below what float32 adds up to beside a logit of 900
    near = Constant(np.array([900, 900 + 2**-14], np.float32))
    even = Constant(np.array([900, 900], np.float32))
    assert kl(even, near, HERE)[0] == pytest.approx((2**-14)**2 / 8, rel=1e-3)


def test_nothing_to_compare_at_is_refused(rng):
    model = tiny_model(rng)
    for batches in ([], [(np.zeros((1, 2), int), np.full((1, 2), IGNORE))]):
        with refused("no targets"):
            kl(model, model, batches)


# ---------------------------------------------------------------- unseen text

SMALL = Recipe(documents=1500, held_out=60)


def counted_texts(tokenizer, batches):
    """The runs of targets that count, as texts; and all that was read, a text for each row."""
    runs, read = [], []
    for inputs, targets in batches:
        for ids, wanted in zip(inputs, targets, strict=True):
            run = []
            for token in [*wanted.tolist(), IGNORE]:
                if token != IGNORE:
                    run.append(token)
                elif run:
                    runs.append(tokenizer.decode(run))
                    run = []
            read.append(tokenizer.decode(ids[1:].tolist()).rstrip("\0"))
    return runs, read


def test_unseen_text_stands_nowhere_in_training(base):
    tokenizer = base[1]
    train, held_out = (documents(count, np.random.default_rng([0, part]))
                       for part, count in enumerate((1500, 60)))
    trained = {part.strip() for text in train for part in
               re.split(r"(?<=[.!?])[ \n]|(?<=[.!?][\"])[ \n]|\n", text)}
    runs, read = counted_texts(tokenizer, unseen_batches(tokenizer, SMALL))
    unseen = [part for text in runs for part in
              re.split(r"(?<=[.!?])[ \n]|(?<=[.!?][\"])[ \n]|\n", text.strip())]
    assert len(unseen) > 30 and not trained & set(unseen)
    # And all of it that is unseen counts.
    parts = [part.strip() for text in held_out for part in
             re.split(r"(?<=[.!?])[ \n]|(?<=[.!?][\"])[ \n]|\n", text)]
    assert sorted(unseen) == sorted(part for part in parts if part and part not in trained)
    assert 0.1 < len(unseen) / len(parts) < 0.9
    assert all(any(text.startswith(start) for text in held_out) for start in read)


def test_a_sentence_is_what_the_mark_or_the_line_ends():
    text = 'So. "Do you?" Mr Hill asked!\n"Yes." He said: 1, 2\nno stop'
    assert [text[start:end] for start, end in sentences(text)] == [
        "So.", '"Do you?"', "Mr Hill asked!", '"Yes."', "He said: 1, 2", "no stop"]
    assert sentences("") == []


@pytest.mark.parametrize("seen, counted", [
    ([], ["It is in Asia. Peru is old.\nGo! no stop"]),
    (["It is in Asia."], [" Peru is old.", "Go! no stop"]),
    (["Go! Peru is old."], ["It is in Asia.", " no stop"]),
    (["It is in Asia. Peru is older.\nno stop"], [" Peru is old.", "Go!"]),
    (["It is in Asia.\nPeru is old.", "Go! no stop"], [])])
def test_only_tokens_of_unseen_sentences_count(base, monkeypatch, seen, counted):
    held_out = "It is in Asia. Peru is old.\nGo! no stop"
    monkeypatch.setattr(pretraining, "documents",
                        lambda count, rng: seen if count == 1500 else [held_out])
    batches = unseen_batches(base[1], SMALL)
    runs = counted_texts(base[1], batches)[0]
    assert [text for run in runs for text in run.split("\n") if text] == [
        text for run in counted for text in run.split("\n") if text]
    assert len(batches) == bool(counted)


def test_the_base_finds_unseen_text_harder_and_reads_it_in_its_document(base):
    model, tokenizer = base
    batches = unseen_batches(tokenizer, Recipe())
    inputs = [ids for each, _ in batches for ids in each]
    assert all(ids[0] == tokenizer.eos_id for ids in inputs) and len(inputs) > 60
    assert max(map(len, inputs)) <= model.config.context_length
    counts = sum(int((targets != IGNORE).sum()) for _, targets in batches)
    assert counts > 1500
    loss = mean_loss(model, batches)
    seen = [(each, np.where((targets == IGNORE) & (np.roll(each, -1, 1) != 0),
                            np.roll(each, -1, 1), IGNORE)) for each, targets in batches]
    for _, targets in seen:
        targets[:, -1] = IGNORE
    assert loss > 1.1 * mean_loss(model, seen)
