"""What the drawings of chapter 18 compute: the numbers of a frame, and what it refuses."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lib.figures.beyond import every_rate, family, tuned, variants
from lib.figures.kit import render, style
from lib.figures.kit.style import LAYOUTS


def run(loss, answers, facts):
    return {"losses": loss, "answers": answers, "facts": facts}


def runs():
    """Two seeds of each; of DoRA the loss falls from 6 to 1 in steps of one."""
    return {"LoRA": [run([3.0] * 6, 0.6, 0.9), run([1.0] * 6, 0.8, 0.7)],
            "DoRA": [run([6, 5, 4, 3, 2, 1], 1.0, 0.5), run([6, 5, 4, 3, 2, 1], 0.9, 0.5)]}


def test_curves_are_means_of_seeds_and_of_steps():
    data = variants.compute(runs(), "DoRA")
    assert data.curve("LoRA") == pytest.approx([2, 2])
    assert data.curve("DoRA") == pytest.approx([4, 3])
    assert data.answers["LoRA"].tolist() == [0.6, 0.8]
    assert data.facts["DoRA"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("chosen, answers, facts, place", [("LoRA", "70%", "80%", "number 2"),
                                                           ("DoRA", "95%", "50%", "number 1")])
def test_words_are_of_the_chosen_one(chosen, answers, facts, place):
    words = variants.alt(variants.compute(runs(), chosen))
    assert words.startswith(chosen)
    assert all(each in words for each in (f"{answers} of the test", f"{facts} of the facts", place))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_chosen_one_is_coloured_and_nothing_moves(layout):
    limits = set()
    for chosen in runs():
        fig = variants.draw(variants.compute(runs(), chosen), layout)
        curves, scores, kept = fig.axes
        coloured = [line for line in curves.lines if line.get_color() == style.LORA.mark]
        assert [line.get_ydata().tolist() for line in coloured] == [
            variants.compute(runs(), chosen).curve(chosen).tolist()]
        bold = [label.get_text() for label in scores.get_yticklabels()
                if label.get_weight() == 600]
        assert bold == [chosen] * (chosen != "LoRA")
        assert render.png(fig, layout)  # a glyph that the font lacks would warn
        limits.add((curves.get_ylim(), curves.get_xlim(), scores.get_xlim(),
                    kept.get_xlim()))
    assert len(limits) == 1


def test_a_difference_is_taken_seed_by_seed_with_its_interval():
    data = variants.compute(runs(), "LoRA")
    assert data.above("answers", "LoRA") == (0, 0)
    mean, margin = data.above("answers", "DoRA")  # 40 and 10 points
    assert (mean, margin) == (pytest.approx(25), pytest.approx(12.71 * 15))
    line = variants.draw(data).axes[1].lines[1]
    assert line.get_xdata() == pytest.approx([mean - margin, mean + margin])


@pytest.mark.parametrize("given, chosen, words", [
    (runs(), "IA3", "no runs of 'IA3'; there are LoRA, DoRA"),
    ({"LoRA": [run([1.0] * 4, 1, 1)]}, "LoRA", "a run has 4 steps, it must have at least 5")])
def test_bad_input_is_named(given, chosen, words):
    before = repr(given)
    with pytest.raises(ValueError, match=words):
        variants.compute(given, chosen)
    assert repr(given) == before


def test_of_the_grey_curves_the_lowest_and_the_two_highest_are_named():
    others = {"low": 0.5, "middle": 4.0, "high": 6.0, "higher": 7.0}
    many = runs() | {name: [run([loss] * 6, 0.5, 0.5)] * 2 for name, loss in others.items()}
    curves = variants.draw(variants.compute(many, "DoRA")).axes[0]
    names = {text.get_text() for text in curves.texts if text.get_text()}
    assert names == {"LoRA", "DoRA", "low", "high", "higher"}
    assert sorted(line.get_linestyle() for line in curves.lines) == ["-"] * 5 + ["--"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_family_has_a_panel_for_each_method_and_marks_what_is_its_own(layout):
    methods = family.compute()
    fig = family.draw(methods, layout)
    assert [ax.texts[0].get_text() for ax in fig.axes] == [each.name for each in methods]
    framed = [sum(box.get_edgecolor() == to_rgba(style.LORA.mark) for box in ax.patches)
              for ax in fig.axes]
    assert framed == [len(set(each.own) - {"factor"}) for each in methods]
    words = family.alt(methods)
    assert all(f"{each.name}: {each.words}" in words for each in methods[1:])


def test_a_win_is_sure_when_the_interval_of_the_differences_excludes_zero():
    lora = {0.01: np.array([0.5, 0.6, 0.7]), 0.02: np.array([0.9, 0.9, 0.9])}
    others = {"steady": lora[0.01] + np.array([0.1, 0.11, 0.09]),
              "lucky": lora[0.01] + np.array([0.3, 0.0, 0.0])}
    data = tuned.compute(lora, others, 0.01)
    assert data.above() == ["steady", "lucky"] and data.surely() == ["steady"]
    assert tuned.compute(lora, others, 0.02).above() == []
    assert "answer more: steady, lucky. Surely so, by the seeds: steady." in tuned.alt(data)


FOUND = {"LoRA": {0.02: (0.88, 0.7), 0.01: (0.84, 0.93)},
         "DoRA": {0.01: (0.9, 0.9), 0.04: (0.1, 0.1)}}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_rate_is_a_point_unless_it_is_outside_and_names_stay(layout):
    places = set()
    for chosen in FOUND:
        data = every_rate.compute(FOUND, chosen)
        ax = every_rate.draw(data, layout).axes[0]
        purple = [line.get_xydata() for line in ax.lines if line.get_color() == style.LORA.mark]
        wanted = {"LoRA": [[93, 84], [70, 88]], "DoRA": [[90, 90]]}[chosen]  # kept, right
        assert all(each == pytest.approx(np.array(wanted)) for each in purple) and len(purple) == 2
        places.add(tuple((text.get_text(), text.get_position()) for text in ax.texts))
    assert len(places) == 1
    assert every_rate.alt(data).startswith("DoRA, answers right and facts kept by learning rate: "
                                           "0.01, 90% and 90%; 0.04, 10% and 10%.")


@pytest.mark.parametrize("make, words", [
    (lambda: every_rate.compute(FOUND, "IA3"), "no results of 'IA3'; there are LoRA, DoRA"),
    (lambda: tuned.compute({0.1: np.ones(2)}, {}, 0.2), "not run at 0.2; allowed are 0.1")])
def test_what_was_not_run_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()
