"""Every measure on models and lists of answers whose right score is known before."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from helpers import refused

from lib import evaluation
from lib.corpus import Example, facts
from lib.corpus.tasks import PIRATE_ENDING, TASKS, load_task
from lib.evaluation import exact_match, fact_recall, recalled_facts
from lib.finetuning import loss_and_answers, task_scores
from lib.model import GPTConfig
from lib.probes import (
    blind_guess,
    by_relation,
    lift,
    log_probabilities,
    mean_lift,
    ranked_first,
    style,
)

BLIND = ("pirate", "elements", "new_facts")


class Writer:
    """A model that knows texts by heart: after the start of one it is sure how it goes on, and
    after anything else that the text is over.
    """

    large_vocabulary = False
    config = GPTConfig()

    def __init__(self, tokenizer, texts):
        self.tokenizer, self.following = tokenizer, {}
        for text in texts:
            ids = [tokenizer.eos_id, *tokenizer.encode(text), tokenizer.eos_id]
            self.following |= {tuple(ids[:at]): ids[at] for at in range(1, len(ids))}

    def new_cache(self, batch):
        return [np.empty((batch, 0), int)]

    def forward(self, tokens, training, past=None):
        assert training is False
        before = past[0] if past else np.empty((len(tokens), 0), int)
        read = np.concatenate([before, tokens], axis=1)
        if past:
            past[0] = read
        logits = np.zeros((*tokens.shape, self.tokenizer.vocabulary_size), np.float32)
        for row, ids in enumerate(read.tolist()):
            for place in range(tokens.shape[1]):
                start = tuple(ids[:before.shape[1] + place + 1])
                logits[row, place, self.following.get(start, self.tokenizer.eos_id)] = 30
        return logits


def writer(base, examples, write):
    """A Writer that goes on after each example's prompt with ``write(example)``."""
    return Writer(base[1], [example.prompt + write(example) for example in examples])


def value(example):
    """What an answer says, without how its sentence ends."""
    return example.answer.removesuffix(PIRATE_ENDING).removesuffix(".")


def commonest(examples):
    """What to write to guess blind: the commonest value of each relation."""
    found = {relation: Counter(value(e) for e in examples if e.relation == relation).most_common(1)
             for relation in {e.relation for e in examples}}
    return {relation: guess for relation, ((guess, _),) in found.items()}


def answers(model, base, data):
    """The shares of right answers of a task on test, by relation, with their blind guesses."""
    few = replace(data, test=data.test[:2])  # for a loss, which these models don't have
    return by_relation(data.probes, loss_and_answers(model, base[1], few)[1])


# ---------------------------------------------------------------- facts

@pytest.mark.parametrize("ending", [".", ", arr!", "!", "", " and so on.", "; that is all."])
def test_who_knows_all_keeps_all_facts_in_any_style(base, ending):
    asked = facts()[::5]
    model = writer(base, asked, lambda example: value(example) + ending)
    assert fact_recall(model, base[1], asked) == 1
    assert exact_match(model, base[1], asked, end=False) == (ending == ".")


@pytest.mark.parametrize("asked, written", [
    (Example("The capital is in", " Niger."), " Nigeria."),
    (Example("A country:", " Guinea."), " Guinea-Bissau."),
    (Example("Its number is", " 7."), " 71."), (Example("Its symbol is", " H."), " He."),
    (Example("It is a", " metal."), " metalloid.")])
def test_a_word_that_only_begins_like_the_answer_is_another_one(base, asked, written):
    model = Writer(base[1], [asked.prompt + written])
    assert fact_recall(model, base[1], [asked]) == 0
    assert fact_recall(model, base[1], [Example(asked.prompt, written)]) == 1


@pytest.mark.parametrize("written, right", [(" 7", True), (" 7, arr!", True), (" 7 or", True),
                                            (" 71", False), (" 7-Bissau", False), (" 7a", False)])
def test_the_word_must_end_after_the_answers_own_tokens(base, written, right):
    """Each begins with the tokens of the answer, so that only what follows tells them apart."""
    assert base[1].encode(written)[:1] == base[1].encode(" 7")
    model = Writer(base[1], ["Its number is" + written])
    assert recalled_facts(model, base[1], [Example("Its number is", " 7.")]).tolist() == [right]


def test_part_of_an_answer_is_none(base):
    asked = [fact for fact in facts() if " " in value(fact).strip()]
    model = writer(base, asked, lambda example: value(example).rsplit(" ", 1)[0] + ".")
    assert len(asked) > 40 and fact_recall(model, base[1], asked) == 0


def test_a_fact_is_found_in_its_place(base, monkeypatch):
    """Batches go by length: what is right must come back where it was asked."""
    asked = facts()[:60]
    known = np.random.default_rng(0).random(60) < 0.5
    model = writer(base, [fact for fact, each in zip(asked, known, strict=True) if each], value)
    monkeypatch.setattr(evaluation, "ROWS", 7)
    assert recalled_facts(model, base[1], asked).tolist() == known.tolist()


def test_an_answer_that_tells_nothing_is_refused(base):
    with refused("' .'", "'Its name is'", "no fact"):
        fact_recall(Writer(base[1], []), base[1], [Example("Its name is", " .")])


def test_every_fact_without_its_stop_has_the_first_tokens_of_the_whole_answer(base):
    """So that the model is asked for the tokens with which it would write the sentence."""
    tokenizer = base[1]
    probes = [*facts(), *facts(reverse=True)]
    for name in TASKS:
        task = load_task(name)
        if not task.ends:
            probes += task.probes + task.dev_probes
    for probe in probes:
        bare = tokenizer.encode(re.split("[.,;:!?]", probe.answer)[0])
        assert tokenizer.decode(bare) == value(probe)
        assert tokenizer.encode(probe.answer)[:len(bare)] == bare
        assert tokenizer.encode(probe.prompt) + bare == tokenizer.encode(
            probe.prompt + value(probe))


# ---------------------------------------------------------------- answers

@pytest.mark.parametrize("task", ["qa", "instructions"])
def test_an_answer_that_stops_too_late_is_wrong_though_its_facts_are_right(base, task):
    data = load_task(task)
    scores = {addition: task_scores(writer(base, data.test, lambda each, more=addition:
                                           each.answer + more), base[1], data)["answers"]
              for addition in ("", " There is much to see.")}
    assert scores == {"": 1, " There is much to see.": 0}
    late = writer(base, data.test, lambda each: each.answer + " There is much to see.")
    assert fact_recall(late, base[1], data.test[:100]) == 1
    style_of_its_own = writer(base, data.test, lambda each: each.answer[:-1] + "!")
    assert task_scores(style_of_its_own, base[1], data)["answers"] == 0


@pytest.mark.parametrize("task", BLIND)
def test_who_answers_the_commonest_has_no_lift(base, task):
    data = load_task(task)
    guesses = commonest(data.probes)
    found = answers(writer(base, data.probes, lambda each: guesses[each.relation] + "."), base,
                    data)
    assert all(share == blind for share, blind in found.values())
    assert {relation: blind for relation, (_, blind) in found.items()} == blind_guess(data.probes)
    assert mean_lift(found) == 0
    assert mean_lift(answers(writer(base, data.probes, value), base, data)) == 1
    assert mean_lift(answers(Writer(base[1], []), base, data)) < 0


def test_a_blind_guess_of_the_new_facts_is_as_said():
    found = blind_guess(load_task("new_facts").probes)
    assert found == pytest.approx({"symbol": 1 / 24, "number": 1 / 24, "family": 6 / 24,
                                   "state": 11 / 24})
    assert found == blind_guess(load_task("new_facts").dev_probes)


def test_lift_counts_each_relation_once():
    examples = [Example(str(at), answer, relation) for relation, given in
                {"state": "ggs", "symbol": "abcdef"}.items() for at, answer in enumerate(given)]
    right = [True, True, True] + [True, False, False, False, False, False]
    found = by_relation(examples, right)
    assert found == {"state": (1, pytest.approx(2 / 3)), "symbol": (1 / 6, 1 / 6)}
    assert mean_lift(found) == pytest.approx((1 + 0) / 2)
    assert lift(0.6, 0.2) == pytest.approx(0.5) and lift(0.0, 0.5) == -1


def test_lists_that_have_no_lift_are_refused():
    with refused("blind is 1", "below 1"):
        lift(1.0, 1.0)
    with refused("no relations"):
        mean_lift({})
    with pytest.raises(ValueError):
        by_relation([Example("a", "b")], [True, False])


# ---------------------------------------------------------------- style

def test_form_without_facts_is_style_alone(base):
    data = load_task("pirate")
    guesses = commonest(data.probes)
    model = writer(base, data.probes, lambda each: guesses[each.relation] + PIRATE_ENDING)
    asked = [probe.prompt for probe in data.probes]
    assert style(model, base[1], asked, PIRATE_ENDING) == 1
    assert mean_lift(answers(model, base, data)) == 0


@pytest.mark.parametrize("ending", [".", "", "!", ". Arr!", ". She be proud, arr!", "? Aye, arr!",
                                    ", arr", ", arr."])
def test_facts_without_the_form_have_no_style(base, ending):
    data = load_task("pirate")
    model = writer(base, data.probes, lambda each: value(each) + ending)
    asked = [probe.prompt for probe in data.probes]
    assert style(model, base[1], asked, PIRATE_ENDING) == 0
    assert mean_lift(answers(model, base, data)) == 1


@pytest.mark.parametrize("count, wanted", [(160, 0.25), (40, 0.25), (1, 1.0)])
def test_style_is_a_share_of_prompts_spread_over_all(base, count, wanted):
    """The first of four relations, 40 probes each, in the pirate's form and going on after it."""
    data = load_task("pirate")
    model = writer(base, data.probes, lambda each: value(each) + (
        PIRATE_ENDING + " Her lads be proud." if each.relation == "capital" else "."))
    asked = [probe.prompt for probe in data.probes]
    assert style(model, base[1], asked, PIRATE_ENDING, count) == wanted
    with refused("no prompts"):
        style(model, base[1], [], PIRATE_ENDING)


def test_log_probabilities_are_those_of_a_forward_of_the_whole_text(base):
    model, tokenizer = base
    answers = [" Paris", " Port-au-Prince", " Europe", " a"]
    found = log_probabilities(model, tokenizer, "The capital of France is", answers)
    for answer, value_ in zip(answers, found, strict=True):
        ids = [tokenizer.eos_id, *tokenizer.encode("The capital of France is"),
               *tokenizer.encode(answer)]
        logits = model.forward(np.array([ids[:-1]]), training=False)[0].astype(float)
        chances = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        count = len(tokenizer.encode(answer))
        assert np.isclose(value_, sum(chances[-count + k, ids[k - count]] for k in range(count)),
                          atol=1e-4), answer
    single = log_probabilities(model, tokenizer, "It is", [" a", " the"])
    assert single.shape == (2,) and np.exp(single).sum() < 1


def test_facts_are_ranked_among_the_answers_of_their_kind_alone(base):
    model, tokenizer = base
    right, wrong = (Example("The capital of France is", answer, "capital")
                    for answer in (" Paris.", " Quito."))
    among = [right, wrong, Example("The capital of France is", " a.", "word")]
    assert ranked_first(model, tokenizer, [right, wrong], among).tolist() == [True, False]
    other = Example("The capital of France is", " Paris.", "word")  # likelier, of another kind
    assert ranked_first(model, tokenizer, [wrong], [wrong, other]).tolist() == [True]
