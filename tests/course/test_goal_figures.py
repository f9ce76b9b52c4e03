"""The figures of the chapter on why to fine-tune: who is right, which run, what an area means."""

import numpy as np
import pytest

from lib.figures.finetuning import before_after, form_facts, job_scores, pipeline, transfer
from lib.figures.finetuning.before_after import compute
from lib.figures.finetuning.pipeline import Job

PROMPT = ("Q: Which city?\nA:", " Addis Ababa.",
          {"base": " 82, 83", "full": " Addis Aba", "lora": " Addis Ababa. It"})
SCORES = {"base": [0.0], "full": [0.9, 1.0], "lora": [0.5, 0.6, 0.7]}
GOALS = {"Answer": {"scores": SCORES, "prompts": [PROMPT]}}


def both(step_zero="", step_ten=" Juba."):
    """Two runs of 20 steps, measured at 0 and 10."""
    losses = {"base": np.linspace(4, 0.1, 20), "random": np.linspace(7, 2, 20)}
    measured = {start: {step: {"held_out": held * step / 10, "trained": 0.09 * step,
                               "answers": {"Q: Where?\nA:": text}}
                        for step, text in ((0, step_zero), (10, step_ten))}
                for start, held in (("base", 0.93), ("random", 0.16))}
    return losses, measured


def test_an_answer_is_right_as_far_as_it_goes():
    data = compute(GOALS, "Answer", 1)
    assert [data.right(name) for name in ("base", "full", "lora")] == [False, True, True]


@pytest.mark.parametrize("said", ["", " ", " Addis Bbaba.", " Juba."])
def test_a_wrong_or_empty_answer_is_not_right(said):
    goals = {"Answer": {"scores": SCORES, "prompts": [(*PROMPT[:2], PROMPT[2] | {"full": said})]}}
    assert not compute(goals, "Answer", 1).right("full")


def test_before_and_after_says_every_answer_and_mean():
    words = before_after.alt(compute(GOALS, "Answer", 1))
    for part in ("82, 83", "Addis Aba", "Addis Ababa. It", "0%", "95%", "60%"):
        assert part in words


@pytest.mark.parametrize("goal, number, message", [
    ("Sing", 1, "goal is 'Sing'; allowed are Answer"),
    ("Answer", 0, "number is 0; allowed are 1 to 1"),
    ("Answer", 2, "number is 2; allowed are 1 to 1")])
def test_an_unknown_prompt_is_refused(goal, number, message):
    with pytest.raises(ValueError, match=message):
        compute(GOALS, goal, number)


def test_every_seed_is_a_mark_at_its_score():
    fig = before_after.draw(compute(GOALS, "Answer", 1))
    scores = fig.axes[-1]
    assert [line.get_xdata().tolist() for line in scores.lines] == list(SCORES.values())


def test_both_runs_are_drawn_and_told_at_the_chosen_step():
    data = transfer.compute(*both(), 10)
    words = transfer.alt(data)
    assert "After step 10" in words and "Juba." in words
    assert "93.0% from the base, 16.0% from a random start, which has 90.0%" in words
    loss, score = transfer.draw(data).axes[:2]
    assert np.allclose(loss.lines[0].get_ydata()[0], np.log(np.mean(both()[0]["base"][:10])))
    marks = [line for line in score.lines if line.get_marker() not in ("None", None, "")]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(10, 0.93),
                                                                             (10, 0.16)]


def test_a_step_without_measurement_is_refused():
    with pytest.raises(ValueError, match="step is 5; allowed are 0, 10"):
        transfer.compute(*both(), 5)


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


def test_the_scores_have_a_mark_for_each_seed_and_a_bar_for_the_guess():
    shares = {"base": [0.0], "full": [0.9, 1.0], "lora": [0.5, 0.6, 0.7]}
    data = job_scores.compute({"Answer": shares}, {"Answer": shares}, {"Answer": 0.25})
    right, facts = job_scores.draw(data).axes[1], job_scores.draw(data).axes[-1]
    drawn = [list(map(float, line.get_xdata())) for line in right.lines]
    assert drawn == [[0.25, 0.25], [0.0], [0.9, 1.0], [0.5, 0.6, 0.7]]
    assert len(facts.lines) == 3
    assert "Answer 95% and 60%, guess 25%, old facts 95% and 60%" in job_scores.alt(data)


@pytest.mark.parametrize("right, guess, message", [
    ({}, {}, "same jobs"), ({"Answer": {"base": [0]}}, {"Sing": 0.1}, "same jobs"),
    ({"Answer": {"base": [0]}}, {"Answer": 0.1}, "'Answer' has base; needed are base, full, lora")])
def test_scores_that_do_not_fit_are_refused(right, guess, message):
    with pytest.raises(ValueError, match=message):
        job_scores.compute(right, right, guess)


def test_form_and_facts_are_means_at_each_number_of_steps():
    seeds = {30: [0.6, 0.8], 300: [0.9, 0.9]}
    data = form_facts.compute({"form": seeds, "lift": {30: [0.0], 300: [0.9]}, "facts": seeds})
    ax = form_facts.draw(data).axes[0]
    assert np.allclose(ax.lines[0].get_ydata(), [0.7, 0.9])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["30", "300"]
    assert "30, 300 steps: right kind of answer 70%, 90%" in form_facts.alt(data)


@pytest.mark.parametrize("shares, message", [
    ({"form": {1: [0]}}, "shares has form; needed are form, lift, facts"),
    (dict.fromkeys(("form", "lift", "facts"), {1: [0]}), "same steps, two or more"),
    ({"form": {1: [0], 2: [0]}, "lift": {1: [0], 2: [0]}, "facts": {1: [0]}}, "same steps")])
def test_form_and_facts_that_do_not_fit_are_refused(shares, message):
    with pytest.raises(ValueError, match=message):
        form_facts.compute(shares)
