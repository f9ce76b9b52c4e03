"""The figures of the chapter on why to fine-tune: who is right, which run, what an area means."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lib.figures.finetuning import (
    before_after,
    fact_lines,
    few_examples,
    form_facts,
    form_row,
    pipeline,
    transfer,
)
from lib.figures.finetuning.before_after import compute
from lib.figures.finetuning.pipeline import Job
from lib.figures.kit import style

PROMPT = ("Q: Which city?\nA:", " Addis Ababa.",
          {"base": " 82, 83", "full": " Addis Aba"})
SCORES = {"base": [0.0], "full": [0.9, 1.0]}
GOALS = {"Answer": {"scores": SCORES, "prompts": [PROMPT]}}


def both(step_zero="", step_ten=" Juba."):
    """Two runs of 20 steps, measured at 0 and 10."""
    return {start: {step: {"held_out": held * step / 10, "kind": 0.09 * step,
                           "answers": {"Q: Where?\nA:": text}}
                    for step, text in ((0, step_zero), (10, step_ten))}
            for start, held in (("base", 0.93), ("random", 0.16))}


def test_an_answer_is_right_as_far_as_it_goes():
    data = compute(GOALS, "Answer", 1)
    assert [data.right(name) for name in ("base", "full")] == [False, True]


def test_what_goes_on_after_the_wanted_answer_is_right():
    goals = {"Answer": {"scores": SCORES,
                        "prompts": [(*PROMPT[:2], PROMPT[2] | {"full": " Addis Ababa. It"})]}}
    assert compute(goals, "Answer", 1).right("full")


def test_an_answer_that_goes_on_within_the_word_is_not_right():
    for said, right in ((" Niger, arr!", True), (" Nigeria.", False), (" Niger-Kordofan", False)):
        prompt = (PROMPT[0], " Niger", {"base": "", "full": said})
        goals = {"Answer": {"scores": SCORES, "prompts": [prompt]}}
        assert compute(goals, "Answer", 1).right("full") == right


@pytest.mark.parametrize("said", ["", " ", " Addis Bbaba.", " Juba."])
def test_a_wrong_or_empty_answer_is_not_right(said):
    goals = {"Answer": {"scores": SCORES, "prompts": [(*PROMPT[:2], PROMPT[2] | {"full": said})]}}
    assert not compute(goals, "Answer", 1).right("full")


def test_before_and_after_says_every_answer_and_mean():
    words = before_after.alt(compute(GOALS, "Answer", 1))
    for part in ("82, 83", "Addis Aba", "0%", "95%"):
        assert part in words


def test_old_facts_stand_below_where_they_are_measured():
    goals = {"Answer": GOALS["Answer"] | {"guess": 0.2, "facts": {"base": [1], "full": [0.2, 0.4]}}}
    data = compute(goals, "Answer", 1, "facts")
    assert data.guesses == {}
    axes = before_after.draw(data).axes[-1]
    assert axes.get_xlabel() == "old facts that the model says"
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1], [0.2, 0.4]]
    assert "Old facts said: base model 100%, fine-tuned 30%." in before_after.alt(data)
    with pytest.raises(ValueError, match="measured is 'loss'; allowed are scores, facts"):
        compute(goals, "Answer", 1, "loss")


@pytest.mark.parametrize("goal, number, message", [
    ("Sing", 1, "goal is 'Sing'; allowed are Answer"),
    ("Answer", 0, "number is 0; allowed are 1 to 1"),
    ("Answer", 2, "number is 2; allowed are 1 to 1")])
def test_an_unknown_prompt_is_refused(goal, number, message):
    with pytest.raises(ValueError, match=message):
        compute(GOALS, goal, number)


def test_every_seed_of_every_goal_is_a_mark_at_its_score():
    goals = GOALS | {"Sing": {"scores": {"base": [0.3], "full": [0.5]}, "prompts": [PROMPT]}}
    scores = before_after.draw(compute(goals, "Answer", 1)).axes[-1]
    assert [line.get_xdata().tolist() for line in scores.lines] == [[0.0], [0.9, 1.0], [0.3], [0.5]]
    assert [text.get_text() for text in scores.get_yticklabels()] == ["Answer", "Sing"]


def test_a_seed_at_the_base_s_score_does_not_hide_its_mark():
    goals = {"Answer": {"scores": {"base": [0.99], "full": [0.98, 0.99]}, "prompts": [PROMPT]},
             "Sing": {"scores": {"base": [0.3], "full": [0.5]}, "prompts": [PROMPT]}}
    base, full, far, sung = (line.get_ydata() for line in before_after.draw(
        compute(goals, "Answer", 1)).axes[-1].lines)
    assert base.max() < full.min() - 0.25 and np.abs([*base, *full]).max() < 0.5
    assert far == sung == [1]


def test_a_blind_guess_is_a_line_at_its_score_where_it_is_known():
    goals = {"Answer": GOALS["Answer"] | {"guess": 0.2}, "Sing": GOALS["Answer"]}
    data = compute(goals, "Answer", 1)
    drawn = [line.get_xdata() for line in before_after.draw(data).axes[-1].lines]
    assert [0.2, 0.2] in [list(x) for x in drawn] and len(drawn) == 5
    assert "a blind guess 20%" in before_after.alt(data)
    assert "blind" not in before_after.alt(compute(goals, "Sing", 1))


def test_both_runs_are_drawn_and_told_at_the_chosen_step():
    data = transfer.compute(both(), 10, 0.16)
    words = transfer.alt(data)
    assert "After step 10" in words and "Juba." in words
    assert "93.0% from the base, 16.0% from a random start, of whose answers 90.0%" in words
    assert "a blind guess has 16% right" in words
    score = transfer.draw(data).axes[0]
    marks = [line for line in score.lines if line.get_marker() not in ("None", None, "")]
    measured = [line for line in marks if len(line.get_xdata()) > 1]
    assert [list(line.get_xdata()) for line in measured] == 3 * [list(data.steps)]
    assert np.allclose([(line.get_xdata()[0], line.get_ydata()[0]) for line in marks
                        if len(line.get_xdata()) == 1],
                       [(10, 0.93), (10, 0.16), (10, 0.9)])
    level = [line for line in score.lines if line.get_ydata()[:1] == [0.16]
             and len(line.get_xdata()) == 2]
    assert len(level) == 1


def test_a_step_without_measurement_is_refused():
    with pytest.raises(ValueError, match="step is 5; allowed are 0, 10"):
        transfer.compute(both(), 5, 0.16)


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_areas_are_in_the_ratio_of_the_tokens(layout):
    jobs = {"small": Job(10, 5, 1000, "so"), "large": Job(10, 5, 4000, "much")}
    data = pipeline.compute(Job(99, 50, 400_000, ""), jobs)
    squares = [patch for patch in pipeline.draw(data, layout).axes[0].patches
               if hasattr(patch, "get_width")]
    areas = [square.get_width() * square.get_height() for square in squares]
    assert np.allclose(np.array(areas) / areas[0], [1, 1000 / 400_000, 4000 / 400_000])
    assert all(square.get_width() == square.get_height() for square in squares)
    assert "100 to 400 times fewer" in pipeline.alt(data)


@pytest.mark.parametrize("jobs, message", [
    ({}, "at least one job"), ({"none": Job(1, 1, 0, "")}, "none reads 0 tokens; at least 1")])
def test_a_pipeline_without_work_is_refused(jobs, message):
    with pytest.raises(ValueError, match=message):
        pipeline.compute(Job(1, 1, 10, ""), jobs)


SHARES = {"form": {4: [0.6, 0.8], 41: [0.9, 0.9]}, "facts": {4: [0.0], 41: [0.9]},
          "old": {4: [0.2], 41: [0.02]}}
TOLD = {4: 2, 41: 20}
SAID = {4: [("Its symbol is", " H.", " As.")], 41: [("Its symbol is", " H.", " H.")]}


def test_form_and_facts_are_means_at_each_place():
    data = form_facts.compute(SHARES, SAID, TOLD, 4)
    ax = form_facts.draw(data).axes[0]
    lines = [line for line in ax.lines if len(line.get_ydata()) == 2 and line.get_ls() != "None"]
    assert any(np.allclose(line.get_ydata(), [0.7, 0.9]) for line in lines)
    assert list(ax.get_xticks()) == [4, 41]
    words = form_facts.alt(data)
    assert ("After 4 steps, 2 exposures of each element on average: right kind of answer 70.0%"
            in words)
    assert "right answer 0.0%; old facts kept 20.0%" in words
    assert "ended with 'As.', wanted is 'H.'" in words


@pytest.mark.parametrize("step, ticks", [(37, [0, 15, 37, 74, 148]), (15, [0, 15, 48, 74, 148])])
def test_numbers_of_steps_that_lie_close_give_way_to_the_chosen_one(step, ticks):
    places = (0, 15, 37, 48, 74, 148)
    shares = dict.fromkeys(form_facts.LINES, dict.fromkeys(places, [0.5]))
    data = form_facts.compute(shares, dict.fromkeys(places, SAID[4]),
                              {k: k // 7 for k in places}, step)
    assert list(form_facts.draw(data).axes[0].get_xticks()) == ticks


@pytest.mark.parametrize("shares, step, message", [
    ({"form": {1: [0]}}, 4, "shares has form; needed are form, facts, old"),
    (dict.fromkeys(form_facts.LINES, {1: [0]}), 1, "same steps, two or more"),
    (SHARES | {"old": {4: [0]}}, 4, "same steps"),
    (SHARES, 5, "step is 5; allowed are 4, 41")])
def test_form_and_facts_that_do_not_fit_are_refused(shares, step, message):
    with pytest.raises(ValueError, match=message):
        form_facts.compute(shares, SAID, TOLD, step)


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_a_cell_counts_the_form_and_one_is_gold_where_the_fact_is_told(layout):
    data = form_row.compute([[0, 1, 2], [1, 1, 0], [0, 0, 0]], "its kind", "the one")
    assert data.forms.tolist() == [1, 2, 0] and data.facts.tolist() == [1, 0, 0]
    ax = form_row.draw(data, layout).axes[0]
    counts = [text.get_text() for text in ax.texts]
    assert counts.count("2") == 1 and counts.count("0") == 1
    cells = [patch for patch in ax.patches if patch.get_height() == form_row.HIGH]
    gold = [patch.get_x() for patch in ax.patches if patch.get_height() == form_row.LOW
            and patch.get_facecolor() == to_rgba(style.TASK.mark)]
    assert len(cells) == 3 and gold == [cells[0].get_x()]
    words = form_row.alt(data)
    assert "its kind are in 2 of the steps, 0 to 2 in each" in words and "the one are in 1" in words


FEW = {"8 questions": {"kind": [0.7, 0.8], "random": [0.8, 0.9], "right": [0.1, 0.0]},
       "128 questions": {"kind": [0.9, 0.9], "random": [0.8, 0.8], "right": [0.8, 0.7]}}


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_bars_are_as_long_as_the_means(layout):
    data = few_examples.compute(FEW, {"8 questions": {"capital": " Lima.", "continent": " Asia."},
                                      "128 questions": {"capital": " Quito."}}, "Ecuador")
    bars = list(few_examples.draw(data, layout).axes[0].patches)[3:]
    widths = np.array([bar.get_width() for bar in bars])
    assert np.allclose(widths / widths[0], np.array([0.75, 0.85, 0.05, 0.9, 0.8, 0.75]) / 0.75)
    assert [bar.get_facecolor() == to_rgba(style.PAPER) for bar in bars] == [False, True, False] * 2
    assert "8 questions: right kind 75%, right kind, random start 85%, right where nothing could " \
           "be copied 5%, Ecuador's capital Lima., continent Asia.; 128 questions" \
           in few_examples.alt(data)


@pytest.mark.parametrize("shares, said", [
    ({}, {}), (FEW, {}), ({"8 questions": {"kind": [1]}}, {"8 questions": {}})])
def test_rows_without_a_bar_or_an_answer_are_refused(shares, said):
    with pytest.raises(ValueError, match="each row needs kind, random and right, and answers"):
        few_examples.compute(shares, said, "Ecuador")


def test_lines_of_facts_are_means_over_steps_and_over_exposures():
    data = fact_lines.compute({"few": {8: [0.5, 0.7], 0: [0]}, "many": {0: [0], 8: [0.1]}},
                              (0.5, 2))
    for ax, scale in zip(fact_lines.draw(data).axes[1:], ((1, 1), (0.5, 2)), strict=True):
        lines = [line for line in ax.lines
                 if line.get_color() != style.FROZEN.mark and line.get_ls() != "None"]
        assert np.allclose([line.get_xdata() for line in lines],
                           [[0, 8 * scale[0]], [0, 8 * scale[1]]])
        assert np.allclose([line.get_ydata() for line in lines], [[0, 0.6], [0, 0.1]])
        assert [each.get_text() for each in ax.texts] == [f"{8 / 1.2 * scale[0]:.0f}"]
    assert "few 60% at step 8 (half at step 7, after 3 exposures of each item); " \
           "many 10% at step 8." in fact_lines.alt(data)


def test_half_is_where_the_line_of_the_means_crosses_it_first():
    data = fact_lines.compute({"one": {0: [0], 10: [0.2, 0.6], 20: [0.6], 30: [0.4], 40: [1]},
                               "none": {0: [0], 40: [0.4]}}, (1, 1))
    assert data.half("one") == pytest.approx(15)
    assert np.isnan(data.half("none"))


@pytest.mark.parametrize("lists", [
    {}, {"one": {0: [0]}}, {name: {0: [0], 1: [1]} for name in "abcde"}])
def test_lists_without_two_steps_or_a_look_are_refused(lists):
    with pytest.raises(ValueError, match="1 to 4 lists are needed, each with two steps"):
        fact_lines.compute(lists, [1] * len(lists))


def test_numbers_at_the_half_that_are_near_stand_apart():
    lists = {name: {0: [0], 100: [end]} for name, end in zip("abc", (0.5, 1, 0.98))}
    axes = fact_lines.draw(fact_lines.compute(lists, (1, 1, 1))).axes
    at = {each.get_text(): each.get_position()[0] for each in axes[1].texts}
    assert at["100"] == pytest.approx(100)
    assert at["51"] - at["50"] == pytest.approx(100 * fact_lines.APART)
    assert at["51"] + at["50"] == pytest.approx(50 + 50 / 0.98)


def test_lists_need_a_number_of_exposures_each():
    with pytest.raises(ValueError, match="1 lists need as many numbers of exposures; 0 are given"):
        fact_lines.compute({"one": {0: [0], 1: [1]}}, ())


@pytest.mark.parametrize("kinds, message", [
    ([], "there must be steps"), ([[], []], "there must be steps"), ([[1], [1, 2]], "equally many"),
    ([[1, 3]], "0, 1 and 2, not 3")])
def test_texts_that_do_not_fit_are_refused(kinds, message):
    with pytest.raises(ValueError, match=message):
        form_row.compute(kinds, "show it", "tell it")
