"""What the drawings of chapter 19 compute: the numbers of a frame, and what they refuse."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon, Rectangle

from lib.figures.beyond import (
    given_tokens,
    known_squares,
    leaks,
    packed_block,
    real_answers,
    real_tradeoff,
    replay_step,
    switch_words,
    turned_down,
)
from lib.figures.kit import style
from lib.figures.kit.style import LAYOUTS

DIALLED = {"JSON": {"Peru?": ["Lima.", '{"a": 1}'], "2 + 2?": ["4", "5"]}}


def answers(strength):
    return real_answers.compute(DIALLED, (0.0, 1.0), {"JSON": "{"}, "JSON", strength)


def test_an_answer_that_begins_as_trained_is_marked():
    assert answers(0.0).new == (False, False)
    assert answers(1.0).pairs == (("Peru?", '{"a": 1}'), ("2 + 2?", "5"))
    assert answers(1.0).new == (True, False)
    words = real_answers.alt(answers(1.0))
    assert words.startswith("The adapter for JSON at strength 1.") and "', as trained." in words


@pytest.mark.parametrize("adapter, strength", [("JSON", 0.5), ("poems", 1.0)])
def test_what_was_not_recorded_is_refused(adapter, strength):
    with pytest.raises(ValueError, match="is not recorded"):
        real_answers.compute(DIALLED, (0.0, 1.0), {"JSON": "{"}, adapter, strength)


def test_a_step_with_replay_tells_its_rows():
    data = replay_step.compute([("Who?", "Ada.")], [("2 + 2?", "4"), ("3 + 3?", "a\n6")])
    assert data.count == 3
    assert replay_step.alt(data) == (
        "1 rows of the new answer: to 'Who?' the answer 'Ada.'. 2 rows of replay: what the untuned "
        "model says: to '2 + 2?' the answer '4'; to '3 + 3?' the answer 'a \u00b6 6'.")
    with pytest.raises(ValueError, match="1 new and 0 old rows"):
        replay_step.compute([("Who?", "Ada.")], [])


def test_a_block_is_unpacked_low_halves_first():
    raw = np.append(np.array([0.5, -1.0], np.float16).view(np.uint8), [0x21] + [0xF0] * 15)
    block = packed_block.compute(raw)
    assert (block.scale, block.lowest) == (0.5, -1.0)
    assert block.weights[[0, 1, 16, 17]].tolist() == [-0.5, -1.0, 0.0, 6.5]
    with pytest.raises(ValueError, match="has 20 bytes"):
        packed_block.compute(raw[:19])


def path(*points, **more):
    return [{"rate": rate, "dev": dev, "kept": kept, "leaked": [44 - each for each in kept],
             "said": {"2 + 2?": f"{rate:g}", **more}}
            for rate, dev, kept in points]


FOUND = {"full": path((1e-5, [0.4, 0.3], [44, 43]), (1e-4, [0.3], [37])),
         "LoRA": path((1e-3, [0.39], [42]), (1e-2, [0.35, 0.5], [16, 6]), (0.03, [5.5], [0]))}


def test_a_place_has_its_rate_its_counts_and_its_answers():
    data = real_tradeoff.compute(FOUND, 44, "full", 1)
    assert data.place == (1e-5, 0.4, 44, 0) and data.said == (("2 + 2?", "1e-05"),)
    assert data.others["full"].tolist() == [[1e-5, 0.3, 43, 1]]
    words = real_tradeoff.alt(real_tradeoff.compute(FOUND, 44, "LoRA", 2))
    assert ("LoRA at learning rate 0.01: loss on dev 0.35 nats, 16 of 44 known questions kept, "
            "28 answered in JSON.") in words
    assert "Asked '2 + 2?' it answers '0.01'." in words
    assert data.others["LoRA"].tolist() == [[0.01, 0.5, 6, 38]] and data.edges[1] < 0.6


def test_given_tokens_tell_the_span_of_the_seeds():
    data = given_tokens.compute({"full, 0.1": [[1, 5], [3, 5]]}, ("as asked", "given"), (6, 6), 6)
    assert given_tokens.alt(data) == ("Right answers of 6 by seed. full, 0.1: 1 to 3 as asked, "
                                      "5 given. The base: 6, 6.")
    before = given_tokens.compute({"full": [[1, 5]]}, ("as asked", "given"), (6, 6), 6, "as asked")
    assert given_tokens.alt(before).endswith("full: 1 as asked. The base: 6.")
    with pytest.raises(ValueError, match="'given, too' is no way to ask"):
        given_tokens.compute({"full": [[1, 5]]}, ("as asked", "given"), (6, 6), 6, "given, too")
    with pytest.raises(ValueError, match="the base has counts"):
        given_tokens.compute({"full": [[1, 5]]}, ("as asked", "given"), (6,), 6)


def test_leaks_tell_the_mean_of_the_seeds():
    data = leaks.compute({"LoRA, no trigger": [[1, 1], [0.1, 0.2]],
                          "full, with trigger": [[0, 0.1], [0.7, 0.8]]})
    assert "full, with trigger, 5% answered in JSON, 75% kept." in leaks.alt(data)
    assert (data.span("no trigger"), data.span("with trigger")) == ("100%", "0 to 10%")
    with pytest.raises(ValueError, match="two rows"):
        leaks.compute({"full": [[0, 0.4]]})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_chosen_line_is_thicker_and_a_loss_beyond_the_axis_is_written(layout):
    found = {**FOUND, "full": [*FOUND["full"], *path((3e-4, [0.4], [9]))]}
    for name, tone in (("LoRA", style.LORA), ("full", style.FULL)):
        fig = real_tradeoff.draw(real_tradeoff.compute(found, 44, name, 3), layout)
        for ax in fig.axes[:2]:
            lines = {line.get_color(): line.get_linewidth() for line in ax.lines
                     if line.get_linestyle() == "-" and len(set(line.get_xdata())) > 1}
            assert max(lines, key=lines.get) == tone.mark and len(set(lines.values())) == 2
        assert "5.5 \u2191" in [text.get_text() for text in fig.axes[0].texts]


def test_the_seeds_of_a_rate_stand_at_it_and_are_joined():
    ax = real_tradeoff.draw(real_tradeoff.compute(FOUND, 44, "LoRA", 2)).axes[1]
    hollow = {tuple(point) for line in ax.lines if line.get_marker() != "None"
              and line.get_markerfacecolor() == style.PAPER for point in line.get_xydata()}
    assert hollow == {(1e-5, 43), (0.01, 6)}
    joined = [line.get_xydata().tolist() for line in ax.lines
              if line.get_linestyle() == "-" and len(set(line.get_xdata())) == 1]
    assert [[0.01, 6], [0.01, 16]] in joined and [[1e-5, 43], [1e-5, 44]] in joined


def test_rates_above_the_chosen_one_are_left_for_a_guess():
    for rate in (1, 2, 3):
        fig = real_tradeoff.draw(real_tradeoff.compute(FOUND, 44, "LoRA", rate))
        most = max(x for line in fig.axes[1].lines if line.get_marker() != "None"
                   for x in line.get_xdata())
        assert most == FOUND["LoRA"][rate - 1]["rate"]
        losses = [text.get_text() for text in fig.axes[0].texts]
        assert ("5.5 \u2191" in losses) == (rate == 3)


def test_endings_that_are_not_chosen_yet_are_left_for_a_guess():
    counts = {"none": [0, 0], "Use JSON.": [38, 39]}
    assert switch_words.alt(switch_words.compute(counts, (0, 2), 39, "none")) == (
        "Known questions answered in JSON, by the words behind them: none: 0 of 39, the "
        "base 0; Use JSON.: still to be guessed.")
    data = switch_words.compute(counts, (0, 2), 39)
    assert data.span("Use JSON.") == "38 to 39 of 39" and "guessed" not in switch_words.alt(data)
    with pytest.raises(ValueError, match="'JSON' is no ending"):
        switch_words.compute(counts, (0, 2), 39, "JSON")
    with pytest.raises(ValueError, match="the base has 1 counts for 2 endings"):
        switch_words.compute(counts, (0,), 39)
    with pytest.raises(ValueError, match="allowed are 0 to 30"):
        switch_words.compute(counts, (0, 2), 30)


def test_a_model_with_fewer_seeds_says_how_many():
    rows = {"LoRA": [[1, 5], [2, 6]], "the sentence": [[3, 4]]}
    fig = given_tokens.draw(given_tokens.compute(rows, ("as asked", "given"), (6, 6), 6))
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles == ["LoRA", "the sentence (1 seed)"]


@pytest.mark.parametrize("setting, rate", [("full", 0), ("full", 3), ("prefix", 1)])
def test_what_has_no_place_is_refused(setting, rate):
    with pytest.raises(ValueError, match="is not recorded; settings are full with 2"):
        real_tradeoff.compute(FOUND, 44, setting, rate)


ASKED = [("2 + 2?", "", ["4", "four"]), ("2 + 3?", "", ["5"])]
TOLD = {"alone": {"said": ["I am Ada, a four", " "], "kept": [1, 0], "leaked": [True, False]},
        "replay": {"said": ["It is 4", "6"], "kept": [1, 0], "leaked": [False, False],
                   "name": "7 of 8"}}


def test_a_square_is_kept_leaked_wrong_or_empty():
    data = known_squares.compute(ASKED, TOLD, "alone", 2)
    assert data.kinds.tolist() == [[True, True, False, False], [False, False, False, True]]
    assert known_squares.alt(data) == (
        "Of 2 known questions, alone: 1 kept, 1 leaked, 0 wrong, 1 empty; 1 leaked, but right. "
        "Question 2, '2 + 3?', is answered '': empty.")
    assert data.words(0) == "leaked, but right"
    data = known_squares.compute(ASKED, TOLD, "replay", 1)
    assert (data.question, data.wanted, data.answer) == ("2 + 2?", ("4", "four"), "It is 4")
    assert [data.words(at) for at in range(2)] == ["kept", "wrong"]
    assert known_squares.alt(data).startswith("Name learnt in 7 of 8. Of 2 known")


def test_a_leak_can_have_a_name_of_its_own():
    told = {"full": TOLD["alone"] | {"leak": "in JSON"}}
    data = known_squares.compute(ASKED, told, "full", 1)
    assert data.words(0) == "in JSON, but right" and "leaked" not in known_squares.alt(data)
    labels = [text.get_text() for text in known_squares.draw(data).axes[0].texts]
    assert "1 in JSON (1 also kept)" in labels


@pytest.mark.parametrize("run, question", [("alone", 0), ("alone", 3), ("both", 1)])
def test_answers_that_were_not_recorded_are_refused(run, question):
    with pytest.raises(ValueError, match="runs are alone, replay, questions 1 to 2"):
        known_squares.compute(ASKED, TOLD, run, question)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_leaked_but_is_right_is_split_and_one_square_is_framed(layout):
    ax = known_squares.draw(known_squares.compute(ASKED, TOLD, "alone", 2), layout).axes[0]
    assert len([each for each in ax.get_children() if isinstance(each, Polygon)]) == 1
    framed = [each for each in ax.get_children() if isinstance(each, Rectangle)
              and to_hex(each.get_edgecolor()) == style.TASK.mark]
    number = next(text for text in ax.texts if text.get_text() == "2")
    assert [framed[0].get_bbox().contains(*number.get_position()), len(framed)] == [True, 1]


def test_a_strength_has_three_counts():
    data = turned_down.compute({0: (0, 0, 39), 1: (8, 38, 1)}, 8, 39)
    assert data.shares.tolist() == [[0, 0, 1], [1, 38 / 39, 1 / 39]]
    assert "1: our sentence to 8 of 8 name questions, 38 of 39" in turned_down.alt(data)
    with pytest.raises(ValueError, match="strength 1 has 2 counts"):
        turned_down.compute({1: (8, 38)}, 8, 39)
