"""What the drawings of chapter 18 compute: the numbers of a frame, and what it refuses."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lib.figures.beyond import family, rates, tuned, variants
from lib.figures.kit import render, style
from lib.figures.kit.style import LAYOUTS


def run(answers, facts):
    return {"answers": answers, "facts": facts, "numbers": 12288}


def runs():
    """Two seeds of each: one variant is level on average, one is always below."""
    return {"LoRA": [run(0.6, 0.9), run(0.8, 0.7)], "DoRA": [run(1.0, 0.5), run(0.9, 0.5)],
            "norms": [run(0.1, 0.9), run(0.3, 0.7)]}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_difference_is_taken_seed_by_seed_and_hollow_where_the_seeds_do_not_decide(layout):
    data = variants.compute(runs())
    assert data.above("LoRA") == (0, 0)
    mean, margin = data.above("DoRA")  # 40 and 10 points
    assert (mean, margin) == (pytest.approx(25), pytest.approx(12.71 * 15))
    fig = variants.draw(data, layout)
    answers, = fig.axes
    assert answers.lines[1].get_xdata() == pytest.approx([mean - margin, mean + margin])
    assert data.ordered() == ["DoRA", "norms"]
    hollow = [line.get_markerfacecolor() == style.PAPER for line in answers.lines[2::2]]
    assert hollow == [True, False]
    assert data.decided(-1) == ["norms"] and data.decided(1) == []
    assert fig.texts[0].get_text() == (
        "0 of 2 significantly above LoRA, 1 below" if layout == "wide"
        else "Significant: 0 above LoRA, 1 below")
    assert "12,288" in [each.get_text() for each in answers.texts]
    assert render.png(fig, layout)  # a glyph that the font lacks would warn
    assert "above LoRA by the 95% interval: none; below: norms." in variants.alt(data)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mark_is_pale_where_only_the_interval_of_one_comparison_excludes_zero(layout):
    given = runs() | {"rsLoRA": [run(0.61, 0.9), run(0.811, 0.7)]}  # 1 and 1.1 points
    data = variants.compute(given, times=3.0)
    mean, margin = data.above("rsLoRA")
    assert margin < mean < 3 * margin
    assert data.decided(1, times=1) == ["rsLoRA"]
    fig = variants.draw(data, layout)
    assert data.ordered() == ["DoRA", "rsLoRA", "norms"]
    thin, thick, mark = fig.axes[0].lines[4:7]
    assert np.ptp(thin.get_xdata()) == pytest.approx(3 * np.ptp(thick.get_xdata()))
    assert mark.get_markerfacecolor() == style.TASK.tint
    assert fig.texts[0].get_text().startswith(
        "0 of 3 significantly above" if layout == "wide" else "Significant: 0 above LoRA, 1 below")
    shown = [each.get_text() for each in fig.axes[0].texts]
    assert (f"{3 * margin:.1f}" in shown) == (layout == "wide")
    assert "above LoRA after the correction: none; below: norms." in variants.alt(data)


def test_the_first_seeds_count_and_the_axis_stays():
    given = {name: [*each, run(each[0]["answers"], 1)] for name, each in runs().items()}
    data, two = variants.compute(given), variants.compute(given, seeds=2)
    assert two.above("DoRA") == variants.compute(runs()).above("DoRA") != data.above("DoRA")
    assert variants.draw(two).axes[0].get_xlim() == variants.draw(data).axes[0].get_xlim()
    with pytest.raises(ValueError, match="seeds is 4, it must be 2 to 3"):
        variants.compute(given, seeds=4)


@pytest.mark.parametrize("given, words", [
    ({"LoRA": runs()["LoRA"]}, "there are 1 methods, there must be two or more"),
    (runs() | {"IA3": [run(1, 1)]}, "'IA3': 1}: all methods must have 2, 3, 4 or 5"),
    ({"LoRA": [run(1, 1)], "DoRA": [run(1, 1)]}, "all methods must have 2, 3, 4 or 5")])
def test_bad_input_is_named(given, words):
    before = repr(given)
    with pytest.raises(ValueError, match=words):
        variants.compute(given)
    assert repr(given) == before


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
    half = {"steady": lora[0.01][:2] - 0.1, "lucky": lora[0.01][:2] + 0.01}
    others = {"best": others, "half": half}
    data = tuned.compute(lora, others, 0.01)
    assert data.above() == ["steady", "lucky"] and data.decided() == ["steady"]
    assert data.decided(times=100) == [] and data.decided(-1) == []
    assert tuned.compute(lora, others, 0.02).above() == []
    assert tuned.alt(data).endswith("answer more: steady, lucky.")
    marks = [line.get_color() for line in tuned.draw(data).axes[0].lines[2::2]]
    assert marks == [style.DATA.mark, style.LORA.mark, style.LORA.mark]


    fewer = tuned.compute(lora, others, 0.01, "half")  # the same two seeds of both
    assert fewer.above() == ["lucky"] and fewer.here == pytest.approx([0.5, 0.6])


def test_what_was_not_run_is_named():
    with pytest.raises(ValueError, match="not run at 0.2; allowed are 0.1"):
        tuned.compute({0.1: np.ones(2)}, {}, 0.2)
    with pytest.raises(ValueError, match="not run at 'twice'; allowed are best"):
        tuned.compute({0.1: np.ones(2)}, {"best": {}}, 0.1, "twice")
    with pytest.raises(ValueError, match="DoRA: the rates 0.2 and 0.1 must have losses"):
        rates.compute({"DoRA": ({0.1: [1]}, 0.2, {0.1: [1]}, 0.1)})
    with pytest.raises(ValueError, match="no panel"):
        rates.compute({})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_panel_has_its_lowest_mean_and_the_title_names_those_below_lora(layout):
    base = {0.01: [0.12, 0.14], 0.02: [0.4, 0.2]}
    data = rates.compute({"DoRA": ({0.01: [0.1, 0.12], 0.02: [0.3]}, 0.01, base, 0.01),
                          "LoRA-FA": ({0.04: [0.5], 0.02: [0.3]}, 0.02, base, 0.01)})
    assert data.panels[0].lowest == pytest.approx((0.11, 0.13)) and data.lower == ["DoRA"]
    fig = rates.draw(data, layout)
    assert fig.texts[0].get_text() == "Lower than LoRA at their best: DoRA"
    assert [ax.texts[1].get_text() for ax in fig.axes] == ["0.110 at 0.01", "0.300 at 0.02"]
    assert len({ax.get_ylim() for ax in fig.axes}) == 1
    assert rates.alt(data).endswith("LoRA-FA: 0.300 at 0.02, LoRA 0.130 at 0.01.")
    both = rates.compute({"DoRA": ({0.01: [0.1], 0.02: [0.5]}, 0.01, base, 0.01)}, shared=False)
    assert rates.alt(both).startswith("Lower than LoRA at 1 of 2 rates.")
    alone = rates.compute({"LoRA": (base, 0.01, base, 0.01)})
    assert rates.alt(alone).startswith("LoRA: lowest loss at a rate of 0.01.")
