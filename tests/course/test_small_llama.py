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
    ALONE,
    CHANGES,
    FILE,
    PAIRED,
    RATE,
    SEEDS,
    STATES,
    TRIED,
    comparisons,
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


def test_each_change_was_tried_alone_and_with_rotary():
    assert set(ALONE) < set(STATES) and STATES["+ RMSNorm"] == ("RMSNorm",)
    assert all(STATES[name][-1:] == changes for name, changes in ALONE.items())
    assert list(PAIRED.values()) == [("RMSNorm", "rotary"), ("SwiGLU", "rotary")]
    for states in (ALONE, PAIRED):
        assert all(len(each) == len(SEEDS) for each in losses(states=states).values())


def test_rotary_alone_is_at_its_best_rate_and_ahead_at_each():
    only = {"alone": ALONE["+ rotary"]}
    best = losses(seeds=1, states=only)["alone"][0]
    for rate in TRIED:
        alone, ladder = losses(rate, 1, only)["alone"][0], losses(rate, 1)
        assert best < alone < ladder["+ rotary"][0] < ladder["+ tied table"][0]


def test_the_page_calls_clear_what_is_clear():
    """By a paired t-test; SwiGLU's cost with rotary positions only with five seeds."""
    found = {name: llama_ladder.clear(*each) for name, each in comparisons().items()}
    assert {name for name, each in found.items() if each} == {
        "+ rotary in the ladder", "+ tied table in the ladder", "+ rotary alone",
        "+ tied table alone", "all five, against rotary alone",
        "+ SwiGLU, with rotary alone, five seeds", "all five, in this GPT, five seeds"}
    assert len(found) == 16
    for name, (before, now) in comparisons().items():
        if "all five, in this GPT" in name:  # the page says: lower with each seed
            assert all(np.less(now, before))


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


ONLY = {"three": np.array([2.0, 1.9])}  # the third's change alone is lower still


def look(rows, state, alone=ONLY):
    """The ladder with one state looked at."""
    return llama_ladder.compute(rows, alone, dict.fromkeys(rows, 1000), state)


def test_clear_is_a_paired_t_test():
    """Seeds that overlap can differ clearly, if each moves alike; t is as counted by hand."""
    before = np.array([2.0, 2.2, 2.1])
    now = before - [0.10, 0.11, 0.12]
    assert llama_ladder.errors(before, now) == pytest.approx(-0.11 / (0.01 / 3 ** 0.5))
    assert llama_ladder.clear(before, now) and now.max() > before.min()
    assert not llama_ladder.clear(before, before - [0.05, 0.15, 0.25])
    assert not llama_ladder.clear(before, before)


@pytest.mark.parametrize(("state", "words"), [
    ("one", "one: 2.25 nats. "), ("two", "two: no clear change. "),
    ("three", "three: the loss falls by 0.25 nats; alone: the loss falls by 0.30 nats. ")])
def test_the_ladder_says_only_what_the_seeds_say(rows, state, words):
    data = look(rows, state)
    assert llama_ladder.alt(data).startswith(words) and words.startswith(data.verdict())
    assert len(llama_ladder.draw(data).findobj(lambda artist: hasattr(artist, "arrow_patch"))) == (
        2 * (state == "three"))


def test_a_change_alone_is_compared_with_the_first_row(rows):
    """And not with the row above it, and its arrow is missing where that isn't clear."""
    data = look(rows, "two", {"two": np.array([2.0, 1.9])})
    assert data.verdict() == "two: no clear change"
    assert data.verdict_alone() == "alone: the loss falls by 0.30 nats"
    assert look(rows, "three", {"three": rows["two"]}).verdict_alone() == "alone: no clear change"
    assert look(rows, "two").verdict_alone() == ""


def test_far_seeds_stand_as_one_mark_at_the_edge(rows):
    """So that they don't squeeze all others; their number is told."""
    near = llama_ladder.draw(look(rows, "three", {})).axes[-1].get_xlim()
    data = look(rows, "three", {"three": np.array([5.2, 5.4])})
    ax = llama_ladder.draw(data).axes[-1]
    assert ax.get_xlim() == near
    mark, = (line for line in ax.lines if line.get_marker() == ">")
    assert near[0] < mark.get_xdata()[0] < near[1] and "alone 5.30" in llama_ladder.alt(data)
    assert "5.30" in {text.get_text() for text in ax.texts}
    assert all(max(each.get_position()[0], each.xy[0]) <= near[1] for each in ax.texts
               if hasattr(each, "arrow_patch"))


def test_rows_are_hidden_until_they_are_looked_at(rows):
    """A mean for each set so far, but the names of all; the axis has the width of all rows."""
    limits = set()
    for count, state in enumerate(rows, 1):
        data = look(rows, state)
        fig, words = llama_ladder.draw(data), llama_ladder.alt(data)
        told = {text.get_text() for text in fig.findobj(Text)}
        limits.add(fig.axes[-1].get_xlim())
        for row, (name, each) in enumerate(rows.items()):
            assert name in told and (f"{each.mean():.2f}" in told) == (row < count)
            assert (f"{name} {each.mean():.2f}" in words) == (row < count)
        assert ("1.95" in told) == ("alone 1.95" in words) == (state == "three")
        assert ("Still hidden" in words) == (count < len(rows))
    assert len(limits) == 1


def test_a_rise_is_told_and_a_wrong_state_named(rows):
    turned = dict(reversed(rows.items()))
    assert look(turned, "two", {}).verdict() == "two: the loss rises by 0.25 nats"
    with pytest.raises(ValueError, match="state is 'four'; there are one, two, three"):
        look(rows, "four")
