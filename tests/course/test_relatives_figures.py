"""What the drawings of chapter 18 compute: the numbers of a frame, and what it refuses."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lib.figures.beyond import family, rates, steps, tuned, twins, two_knobs
from lib.figures.kit import render, style
from lib.figures.kit.style import LAYOUTS


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


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_win_is_sure_when_the_interval_of_the_differences_excludes_zero(layout):
    lora = {0.01: np.array([0.5, 0.6, 0.7]), 0.02: np.array([0.9, 0.9, 0.9]),
            0.04: np.array([0.1, 0.2, 0.1])}
    others = {"steady": lora[0.01] + np.array([0.1, 0.11, 0.09]),
              "lucky": lora[0.01] + np.array([0.3, 0.0, 0.0])}
    data = tuned.compute(lora, others, 0.01, 4.30)
    assert data.above() == ["steady", "lucky"] and data.decided() == ["steady"]
    assert data.decided(-1) == []
    assert tuned.compute(lora, others, 0.01, 430).decided() == []
    mean, margin = data.difference("steady")
    assert (mean, margin) == (pytest.approx(0.1), pytest.approx(4.30 * 0.01 / 3**0.5))
    assert tuned.compute(lora, others, 0.02, 4.30).above() == []
    assert tuned.alt(data).endswith(
        "answer more: steady, lucky. By the whole interval: steady.")
    fig = tuned.draw(data, layout)
    ax, = fig.axes
    (across, steady), (_, lucky) = (ax.lines[2:4], ax.lines[4:6])
    assert across.get_xdata() == pytest.approx([100 * (0.7 - margin), 100 * (0.7 + margin)])
    assert (steady.get_color(), lucky.get_color()) == (style.LORA.mark, style.FROZEN.mark)
    assert lucky.get_markerfacecolor() == style.PAPER != steady.get_markerfacecolor()
    arrows = [(*line.get_xdata(), line.get_marker()) for line in ax.lines[6:]]
    assert arrows == [(50.7, "<"), (99.3, ">")]  # of "lucky", at both ends
    assert fig.texts[0].get_text() == ("LoRA at a rate of 0.01: 1 of 2 are ahead"
                                       if layout == "wide" else "LoRA at 0.01: 1 of 2 are ahead")
    assert fig.texts[1].get_text().startswith("Purple: ahead. 2 of 2")
    beside = [label.get_text() for side in ax.child_axes for label in side.get_yticklabels()]
    assert beside == (["points above", "+10.0 ± 2.5  ahead", "+10.0 ± 43.0  open"]
                      if layout == "wide" else ["", "ahead", "open"])
    assert tuned.compute(lora, {"low": lora[0.01] - 0.2}, 0.01, 4.30).verdict("low") == "behind"
    far = tuned.draw(tuned.compute(lora, others, 0.04, 4.30), layout)  # LoRA is left of the axis
    assert [each.get_text() for each in far.axes[0].texts] == ["13%"]
    assert render.png(far, layout)  # a glyph that the font lacks would warn


def test_what_was_not_run_is_named():
    with pytest.raises(ValueError, match="not run at 0.2; allowed are 0.1"):
        tuned.compute({0.1: np.ones(2)}, {}, 0.2, 5.6)
    for other in (np.ones(3), np.ones(1)):
        with pytest.raises(ValueError, match="all must have equally many"):
            tuned.compute({0.1: np.ones(len(other) // 3 + 1)}, {"DoRA": other}, 0.1, 5.6)
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
    own = rates.compute({"DoRA": ({0.02: [0.1]}, 0.02, base, 0.01)})
    assert rates.alt(own).startswith("Best rate: 0.01 for LoRA, 0.02 for DoRA.")
    ax = rates.draw(own, layout).axes[0]
    assert [text.get_text() for text in ax.texts] == ["DoRA", "LoRA"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [".01", ".02"]
    upright = [line.get_xdata()[0] for line in ax.lines if line.get_color() == style.RULE]
    assert upright == [0.02, 0.01]  # a line at each best rate


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_map_of_two_knobs_frames_the_squares_of_one_method(layout):
    spots = {"LoRA": {(0.01, 0.08): 0.9, (0.02, 0.16): 0.8}, "LoRA+ 2": {(0.01, 8 * 0.02): 0.7},
             "LoRA, α = 4": {(0.005, 0.08): 0.4}}
    data = two_knobs.compute(spots, "LoRA")
    assert data.axes == ([0.005, 0.01, 0.02], [0.08, 0.16]) and data.best == ((0.01, 0.08), 0.9)
    assert np.nan_to_num(data.shares, nan=-1).tolist() == [[0.4, 0.9, -1], [-1, 0.7, 0.8]]
    assert two_knobs.alt(data).endswith("The best square of all has 90%.")
    fig = two_knobs.draw(data, layout)
    assert fig.texts[1].get_text().startswith("Framed: LoRA. Hatched: not run")
    named = {text.get_text(): text.get_position() for text in fig.axes[0].texts
             if text.get_text() in spots}  # in its lowest square, where there is room
    lowest = {"LoRA": (1, 0), "LoRA+ 2": (1, 1), "LoRA, α = 4": (0, 0)} if layout == "wide" else {}
    assert {name: (int(x), int(y)) for name, (x, y) in named.items()} == lowest
    framed = [box.get_xy() for box in fig.axes[0].patches
              if box.get_edgecolor() == to_rgba(style.LORA.mark)]
    assert framed == [(1, 0), (2, 1)]
    ticks = [[tick.get_text() for tick in axis.get_ticklabels()]
             for axis in (fig.axes[0].xaxis, fig.axes[0].yaxis)]
    assert ticks == [[".005", ".01", ".02"], [".08", ".16"]]
    many = two_knobs.compute({"LoRA": {(0.01 * 2**k, 0.08): 0.5 for k in range(7)}}, "LoRA")
    names = [tick.get_text() for tick in two_knobs.draw(many, layout).axes[0].get_xticklabels()]
    assert names[:3] == [".01", ".02" if layout == "wide" else "", ".04"]
    row = two_knobs.compute(spots | {"LoRA+ 2": {(0.005, 8 * 0.02): 0.7}}, "LoRA", 4, {
        "LoRA+ 2": (0.005, 8 * 0.02), "LoRA": (0.02, 0.16), "LoRA, α = 4": (0.005, 0.08)})
    fig = two_knobs.draw(row, layout)
    assert fig.texts[0].get_text() == (
        "Rank 4: 80% with LoRA, 70% with LoRA+ 2, 40% with LoRA, α = 4")
    lines = [[tuple(place) for place in line.get_xydata()] for line in fig.axes[0].lines]
    assert lines == [[(1, 0.5), (1, 0.5)], [(1, 1.5), (2, 1.5)]]  # from edge to edge
    bold = {text.get_text() for text in fig.axes[0].texts if text.get_weight() == 700}
    assert bold == {"40", "70", "80"}  # the lowest losses, not the most answers
    grey = [box.get_xy() for box in fig.axes[0].patches
            if box.get_facecolor() == to_rgba(style.FROZEN.tint)]
    assert grey == [(0, 0)]  # 40%, below where the colours start
    assert two_knobs.alt(row).endswith(
        "In the row 0.16 A's rate of 0.005 has 70%, and 0.02 has 80%.")
    with pytest.raises(ValueError, match="no row is shared"):
        two_knobs.compute({"LoRA": {(0.01, 0.08): 0.9}}, "LoRA", 4, {"LoRA": (0.01, 0.08)})
    for none in ({}, {"LoRA": (0.02, 0.08)}):
        with pytest.raises(ValueError, match="each method needs a chosen spot that was run"):
            two_knobs.compute({"LoRA": {(0.01, 0.08): 0.9}}, "LoRA", 4, none)
    assert "LoRA is best with A's rate at 0.01 and α times B's rate at 0.08: 90%" in (
        two_knobs.alt(data))
    with pytest.raises(ValueError, match="unknown method 'DoRA': allowed are LoRA, LoRA"):
        two_knobs.compute(spots, "DoRA")
    with pytest.raises(ValueError, match=r"two methods were run at \[\(0.01, 0.08\)\]"):
        two_knobs.compute(spots | {"other": {(0.01, 0.08): 0.1}}, "LoRA")


CORNERS = [("LoRA", 0.01, 0.874), ("LoRA 64", 0.02, 0.872), ("rank 4, α = 64", 0.005, 0.856),
           ("rsLoRA 64", 0.005, 0.916)]
OPEN, AHEAD, BEHIND = (-0.3, 3.0, 0.002, 0.025), (4.4, 2.2, -0.038, 0.021), (-2.1, 1.6, 0.03, 0.02)
IN_LOSS, IN_ANSWERS = (2.1, 2.6, -0.024, 0.015), (2.1, 1.6, -0.012, 0.019)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_side_of_the_square_is_ahead_or_behind_if_it_is_so_in_answers_and_in_loss(layout):
    data = steps.compute(CORNERS, [OPEN, AHEAD], [BEHIND, IN_LOSS])
    assert [step.verdict for step in data.rank + data.alpha] == ["open", "ahead", "behind", "open"]
    assert steps.compute(CORNERS, [IN_ANSWERS] * 2, [OPEN] * 2).rank[0].verdict == "open"
    fig = steps.draw(data, layout)
    words = [text.get_text() for text in fig.axes[0].texts]
    for name, rate, score in CORNERS:
        assert {name, f"rate {rate:g}", f"{score:.1%}"} <= set(words)
    sides = [words[k + 1:k + 4] for k, each in enumerate(words) if each in steps.NAMES]
    assert sides == [["-0.3 ± 3.0", "+0.002 ± 0.025", "open"],
                     ["+4.4 ± 2.2", "-0.038 ± 0.021", "ahead"],
                     ["-2.1 ± 1.6", "+0.030 ± 0.020", "behind"],
                     ["+2.1 ± 2.6", "-0.024 ± 0.015", "open"]]
    purple = {text.get_text() for text in fig.axes[0].texts
              if text.get_color() == style.LORA.ink}
    assert purple == {"+4.4 ± 2.2", "-0.038 ± 0.021", "ahead"}
    assert "From LoRA to rank 4, α = 64, α 8 → 64: -2.1 ± 1.6 points, +0.030" in steps.alt(data)
    assert "rsLoRA 64, rank 4 → 64: +4.4 ± 2.2 points, -0.038 ± 0.021 nats, ahead." in (
        steps.alt(data))
    assert render.png(fig, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_closed_square_gives_away_neither_the_corners_between_nor_a_step(layout):
    data = steps.compute(CORNERS, [OPEN, AHEAD], [OPEN, AHEAD], closed=True)
    fig = steps.draw(data, layout)
    words = [text.get_text() for text in fig.axes[0].texts]
    assert [each for each in words if "%" in each] == ["87.4%", "91.6%"]
    assert words.count("?") == 6 and not {"ahead", "open"} & set(words)
    assert not any("±" in each for each in words)
    assert fig.texts[0].get_text() == "Which step brings the lead?"
    assert steps.alt(data).endswith("whose answers are still to be guessed.")
    assert not re.search("87.2|85.6|4.4|0.038", steps.alt(data))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_two_runs_are_the_same_or_one_is_lower_at_first_or_in_most_steps(layout):
    late, steady = [5, 1.0, 0.8, 0.3, 0.1], [5, 1.2, 0.9, 0.4, 0.2]
    curves = {0.01: {"LoRA": [4.0, 1, 0.8, 0.3, 0.1], "PiSSA": [3.0, 0.9, 0.9, 0.4, 0.2]},
              0.02: {"LoRA": late, "PiSSA": steady}, 0.04: {"one": late, "other": late}}
    found = {rate: twins.compute(curves, rate, "PiSSA's rate") for rate in curves}
    assert [twins.title(each) for each in found.values()] == [
        "PiSSA is lower at first, LoRA in the end", "LoRA: lower in 4 of 5 steps",
        "The same losses, step by step"]
    fig = twins.draw(found[0.01], layout)
    assert fig.texts[1].get_text() == "PiSSA's rate 0.01; up to 1.00 nats apart"
    assert [line.get_color() for line in fig.axes[0].lines] == [style.FROZEN.mark, style.LORA.mark]
    assert twins.alt(found[0.04]).endswith("always the same; in the last step one 0.100 and "
                                           "other 0.100.")
    with pytest.raises(ValueError, match="unknown setting 'off': allowed are 0.01, 0.02, 0.04"):
        twins.compute(curves, "off")
    with pytest.raises(ValueError, match="two runs of equally many steps with 'on'"):
        twins.compute({"on": {"LoRA": [1.0], "PiSSA": [1.0, 2.0]}}, "on")


def test_the_square_says_whether_a_step_is_ahead_alone_or_on_top_of_the_other():
    def title(rank, alpha):
        return steps.title(steps.compute(CORNERS, rank, alpha))

    second, both, none = [OPEN, AHEAD], [AHEAD] * 2, [OPEN] * 2
    assert title(second, second) == "Each step is ahead only on top of the other"
    assert title(both, none) == title(both, second) == (
        "The rank's step is ahead on both of its sides")
    assert title(none, both) == "α's step is ahead on both of its sides"
    for given in ((none, none), (both, both), (second, none), ([AHEAD, OPEN], second)):
        assert title(*given) == "What does each step bring?"
    for wrong in ((CORNERS[:3], both, none), (CORNERS, both[:1], none), (CORNERS, both, none * 2)):
        with pytest.raises(ValueError, match="a square has 4 corners and 2 steps"):
            steps.compute(*wrong)
