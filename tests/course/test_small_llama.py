"""The states between the reader's GPT and a small Llama: their code, their record, their ladder."""

from __future__ import annotations

import hashlib
import itertools
import json
import linecache

import numpy as np
import pytest
from matplotlib.text import Text

from lib.figures.gpt import llama_ladder
from lib.growing import my_gpt, sources
from lib.laboratory.record import FOLDER
from lib.laboratory.small_llama import (
    CHANGES,
    FILE,
    RATE,
    SEEDS,
    STATES,
    TRIED,
    digest,
    losses,
    parameters,
    source,
)

SMALL = {"VOCABULARY": 30, "D_MODEL": 16, "HEADS": 4, "HIDDEN": 24, "LAYERS": 2}
EVERY = [tuple(itertools.compress(CHANGES, picked))
         for picked in itertools.product((0, 1), repeat=len(CHANGES))]


def small(changes):
    """The names of a state, with small sizes."""
    names: dict = {}
    exec(source(changes), names)
    names.update(SMALL, KV_HEADS=2 if "grouped queries" in changes else 4)
    return names


@pytest.mark.parametrize("changes", EVERY, ids="-".join)
def test_every_state_has_the_gradient_of_its_loss(changes):
    names, rng = small(changes), np.random.default_rng(1)
    w = {name: each.astype(float) for name, each in names["new_weights"](rng).items()}
    tokens, grads = rng.integers(0, 30, (2, 9)), {}

    def loss(weights):
        logits, back = names["model"](tokens[:, :-1], weights)
        return *names["cross_entropy"](logits, tokens[:, 1:]), back

    _, d_logits, back = loss(w)
    back(d_logits, grads)
    assert set(grads) == set(w)
    way = {name: rng.standard_normal(each.shape) for name, each in w.items()}
    ends = [loss({name: w[name] + step * way[name] for name in w})[0] for step in (1e-5, -1e-5)]
    slope = sum(float((grads[name] * way[name]).sum()) for name in w)
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_the_ends_are_the_readers_file_and_the_pages(rng):
    tokens, whole = rng.integers(0, 30, (2, 9)), {}
    exec(my_gpt(6) + FILE.read_text(encoding="utf-8"), whole)
    first, last = {}, small(CHANGES)
    exec(my_gpt(6), first)
    for names, wanted in ((small(()), first), (last, whole)):
        wanted.update(SMALL, KV_HEADS=names["KV_HEADS"])
        w = names["new_weights"](np.random.default_rng(0))
        assert set(w) == set(wanted["new_weights"](np.random.default_rng(0)))
        np.testing.assert_array_equal(names["model"](tokens, w)[0], wanted["model"](tokens, w)[0])


def test_the_readers_pasted_file_is_the_recorded_one(monkeypatch):
    """So its first seed ends where the last row's first one does."""
    text, name, whole = my_gpt(6) + FILE.read_text(encoding="utf-8"), "a reader's file", {}
    monkeypatch.setitem(linecache.cache, name, (
        len(text), None, text.splitlines(keepends=True), name))
    exec(compile(text, name, "exec"), whole)
    pasted = hashlib.sha256(sources(whole["model"], whole["new_weights"]).encode()).hexdigest()
    assert pasted.startswith(digest(CHANGES))


def test_a_change_that_there_is_not_is_named():
    with pytest.raises(ValueError, match=r"no such change: \['ALiBi'\]"):
        source(["ALiBi"])


def test_the_record_is_of_this_code():
    runs = json.loads((FOLDER / "small_llama.json").read_text())["runs"]
    assert {json.loads(name)[1] for name in runs} == {RATE, *TRIED}
    for name, each in runs.items():
        changes = json.loads(name)[0]
        assert each["code"] == digest(changes), f"{changes}: tools for the record are in its file"


def test_the_first_state_is_chapter_4s():
    known = json.loads((FOLDER / "my_gpt_practice.json").read_text())["runs"]
    own = losses()["this GPT"]
    for seed in range(3):
        assert own[seed] in [each for name, each in known.items() if json.loads(name)[1] == seed]


def test_every_state_is_at_its_best_rate_and_has_all_seeds():
    at_best = losses(seeds=1)
    for rate in TRIED:
        assert all(other[0] > at_best[name][0] for name, other in losses(rate, 1).items())
    assert list(losses()) == list(STATES) == list(parameters())
    assert all(len(each) == len(SEEDS) for each in losses().values())


@pytest.fixture
def rows():
    """Losses of three states: the second is no other than the first, the third is lower."""
    return {"one": np.array([2.3, 2.2]), "two": np.array([2.25, 2.35]), "three": np.array([2, 2.1])}


@pytest.mark.parametrize(("state", "words"), [
    ("one", "one: 2.25 nats"), ("two", "two: no clear change"),
    ("three", "three: the loss falls by 0.25 nats")])
def test_the_ladder_says_only_what_the_seeds_say(rows, state, words):
    data = llama_ladder.compute(rows, dict.fromkeys(rows, 1000), state)
    assert data.verdict() == words and llama_ladder.alt(data).startswith(words)
    assert len(llama_ladder.draw(data).findobj(lambda artist: hasattr(artist, "arrow_patch"))) == (
        state == "three")


def test_rows_are_hidden_until_they_are_looked_at(rows):
    """A mean for each row so far, but the names of all; the axis has the width of all rows."""
    limits = set()
    for count, state in enumerate(rows, 1):
        data = llama_ladder.compute(rows, dict.fromkeys(rows, 1000), state)
        fig, words = llama_ladder.draw(data), llama_ladder.alt(data)
        told = {text.get_text() for text in fig.findobj(Text)}
        limits.add(fig.axes[-1].get_xlim())
        for row, (name, each) in enumerate(rows.items()):
            assert name in told and (f"{each.mean():.2f}" in told) == (row < count)
            assert (f"{name} {each.mean():.2f}" in words) == (row < count)
        assert ("Still hidden" in words) == (count < len(rows))
    assert len(limits) == 1


def test_a_rise_is_told_and_a_wrong_state_named(rows):
    turned = dict(reversed(rows.items()))
    data = llama_ladder.compute(turned, dict.fromkeys(rows, 1000), "two")
    assert data.verdict() == "two: the loss rises by 0.25 nats"
    with pytest.raises(ValueError, match="state is 'four'; there are one, two, three"):
        llama_ladder.compute(rows, dict.fromkeys(rows, 1000), "four")
