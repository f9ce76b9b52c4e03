"""What the drawing of chapter 18 computes: the numbers of a frame, and what it refuses."""

import pytest
from matplotlib.colors import to_rgba

from lib.figures.beyond import family, variants
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
