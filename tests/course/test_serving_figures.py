"""What the drawings of chapter 17 compute: the numbers of a frame, and what they refuse."""

import numpy as np
import pytest

from lib.figures.kit import style
from lib.figures.lora import (
    both_jobs,
    crossed_prompts,
    drift,
    extra_time,
    few_bits,
    grid,
    half_step,
    merge_places,
    old_examples,
    one_fetch,
    one_weight,
    own_replies,
    qlora_step,
    reply_cards,
    reply_forms,
    rounded_bases,
    second_task,
    serving,
    task_rates,
    two_adapters,
    wide_adapter,
)

BEFORE = np.array([[0.12, -0.12], [0.12, 0.12]], np.float16)
GAP = 2.0**-14  # between the float16 numbers near 0.12


def worn():
    """One weight of four moved by 2 gaps after 1 swap, by 6 after 10; nothing with one adapter."""
    moved = {n: BEFORE.copy() for n in (1, 10)}
    moved[1][0, 1] -= np.float16(2 * GAP)
    moved[10][0, 1] -= np.float16(6 * GAP)
    return {(4, "float16"): moved, (1, "float16"): {n: BEFORE.copy() for n in (1, 10)}}


def cells():
    return {(p, q): {"qa": p / 2, "pirate": q / 2, "both": 0.5, "answers": {"Hm?": f" {p} {q}"}}
            for p in (0, 1, 2) for q in (0, 1, 2)}


def test_gaps_and_change_are_counted_from_the_matrix_before():
    data = drift.compute(BEFORE, worn(), 4, "float16", 10)
    assert data.gap == GAP
    assert data.moved.tolist() == [[0, 6], [0, 0]]
    size = np.linalg.norm(BEFORE.astype(float))
    assert data.change == pytest.approx(6 * GAP / size)
    assert data.curves[4, "float16"][1] == pytest.approx([2 * GAP / size, 6 * GAP / size])
    assert drift.compute(BEFORE, worn(), 1, "float16", 10).change == 0
    assert "25% of its weights" in drift.alt(data)


def test_a_pair_is_found_at_its_strengths():
    data = two_adapters.compute(cells(), ("qa", "pirate"), 2, 1)
    assert data.scores["qa"][data.at] == 1 and data.scores["pirate"][data.at] == 0.5
    assert data.scores["qa"][0].tolist() == [0, 0.5, 1]
    assert data.scores["pirate"][:, 0].tolist() == [0, 0.5, 1]
    assert data.answers == {"Hm?": " 2 1"}
    assert ("100% of qa's replies have the right answer first, 50% of pirate's test is right, "
            "where alone they have 50% and 50%") in two_adapters.alt(data)


def test_the_map_shows_all_pairs_whichever_is_chosen():
    for p, q in ((0, 0), (1, 2), (2, 2)):
        figure = two_adapters.draw(two_adapters.compute(cells(), ("qa", "pirate"), p, q))
        assert len(figure.axes[0].texts) == 9


def test_sorting_reads_the_base_for_each_adapter_and_a_mixed_batch_once():
    data = one_fetch.compute(10e9, 1e9, 4, 2)
    assert (data.single, data.ordered, data.mixed) == (44e9, 22e9, 12e9)
    words = one_fetch.alt(data)
    assert "row 3 from adapter 1" in words and "22.0 GB sorted by adapter in 2 calls" in words
    alone = one_fetch.compute(10e9, 1e9, 4, 1)
    assert alone.ordered == alone.mixed


def test_the_rows_want_the_adapters_that_the_requests_have():
    found = {adapters: one_fetch.compute(10e9, 1e9, 8, adapters) for adapters in (1, 4, 6, 8)}
    assert {adapters: data.which for adapters, data in found.items()} == {
        1: (0, 0, 0), 4: (0, 2, 2), 6: (0, 2, 2), 8: (0, 1, 2)}
    for adapters, boxes in ((1, 1), (4, 4), (6, 3), (8, 3)):
        words = [text.get_text() for text in one_fetch.draw(found[adapters]).axes[0].texts]
        assert sum(word.startswith("A") for word in words) == boxes
        assert (f"and {adapters - 3} more" in words) == (adapters > 4)


@pytest.mark.parametrize("call, words", [
    (lambda: one_fetch.compute(1, 1, 2, 1), "2 requests want 1 adapters"),
    (lambda: one_fetch.compute(1, 1, 4, 5), "4 requests want 5 adapters"),
    (lambda: drift.compute(BEFORE, worn(), 4, "float16", 5), r"\(4, 'float16', 5\)"),
    (lambda: drift.compute(BEFORE, worn(), 2, "float16", 1), r"\(2, 'float16', 1\)"),
    (lambda: two_adapters.compute(cells(), ("qa", "pirate"), 3, 1), r"\(3, 1\)"),
    (lambda: two_adapters.compute({(1, 0): cells()[1, 0]}, ("qa", "pirate"), 1, 0),
     r"alone is missing: \[\(0, 1\)\]")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_each_seed_of_an_adapter_has_a_dot_for_each_job(layout):
    rows = {"qa alone": [[0.9, 0, 0], [0.95, 0, 0]],
            "the sum": [[0.5, 0.6, 0.26], [0.3, 0.4, 0.07]]}
    data = both_jobs.compute(rows)
    assert data.said("the sum", 2) == "7 to 26%" and data.said("qa alone", 1) == "0%"
    assert "the sum: right answer first 50% 30%," in both_jobs.alt(data)
    ax, = both_jobs.draw(data, layout).axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [2] * 6
    left, bar = both_jobs.LEFT[layout], both_jobs.BAR[layout]
    assert dots[0].get_xdata() == pytest.approx([left + 0.9 * bar, left + 0.95 * bar])
    with pytest.raises(ValueError, match="the sum: each seed has 3 shares"):
        both_jobs.compute(rows | {"the sum": [[0.5, 0.6, 26]]})


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_extra_time_is_the_middle_and_the_range_of_its_measurements(layout):
    times = {name: [[1 + k / 10, 1.01 + k / 10, 1.4], [1, 1.02, 1.04]]
             for k, name in enumerate((extra_time.CLOCK, *extra_time.MARKS))}
    data = extra_time.compute([1, 32], times, 1.013)
    words = extra_time.alt(data)
    assert "unmerged 1.21, 1.02" in words and "copy range from 1.00 to 1.40" in words
    assert "1.3% more" in words
    ax = extra_time.draw(data, layout).axes[-1]
    marks = [line for line in ax.lines if line.get_marker() in ("^", "D")]
    assert [line.get_ydata().tolist() for line in marks] == [
        pytest.approx([1.01 + k / 10, 1.02]) for k in (1, 2, 3)]
    assert ax.get_ylim()[0] <= 0.9 and ax.get_ylim()[1] > 1.4
    for wrong in (times | {"merged": [[1, 1]]}, {extra_time.CLOCK: times["merged"]}):
        with pytest.raises(ValueError, match="merged: one row .* of the batches 1, 32"):
            extra_time.compute([1, 32], wrong, 1.013)


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_every_way_to_serve_has_a_panel_and_only_rows_with_adapters_have_a_sum(layout):
    fig = serving.draw(serving.compute(), layout)
    words = [[text.get_text() for text in ax.texts] for ax in fig.axes]
    panels = [each for each in words if "W" in each or "W + s B A" in each]
    assert [each.count("+") for each in panels] == [0, 1, 2]
    assert "the first and the last also through adapters" in serving.alt(serving.compute())


def test_a_weight_ends_where_each_way_to_use_an_adapter_puts_it():
    ends = {weight: [one_weight.compute(weight, 0.06, 0.2).effect(way) for way in (
        "unmerged", "rounded twice", "rounded once")] for weight in (0.27, 0.23, 0.39)}
    assert ends == {0.27: [0.06, 0, 0.2], 0.23: [0.06, 0, 0], 0.39: [0.06, 0, 0]}
    data = one_weight.compute(0.27, 0.06, 0.2)
    assert "rounded once 0.27, then 0.33, then 0.4, a change by 0.2" in one_weight.alt(data)
    labels = [ax.get_xlabel() for ax in one_weight.draw(data).axes]
    assert labels[1:] == ["changed by +0.06", "changed by 0: lost", "changed by +0.20"]


def test_a_change_below_half_a_step_is_rounded_away():
    row, change = np.array([7.0, 1.2, -3.4, 0.0]), np.array([0.2, 0.6, -0.4, -2.0])
    data = grid.compute(row, change, 4)
    twice, once = data.merges["twice"], data.merges["once"]
    assert data.step == 1 and data.without.tolist() == twice.starts.tolist() == [7, 1, -3, 0]
    assert twice.ends.tolist() == [7, 2, -3, -2] and twice.lost == 2
    assert "2 are lost rounded twice and 1 are lost rounded once" in grid.alt(data)
    assert twice.left == pytest.approx((0.6 + 4) / (0.04 + 0.36 + 0.16 + 4)) and data.count == 4
    assert once.starts.tolist() == row.tolist() and once.ends.tolist() == [7, 2, -4, -2]
    assert once.lost == 1
    with pytest.raises(ValueError, match="its change"):
        grid.compute(row, change[:2], 4)


def test_entries_below_half_a_step_are_counted_and_weighed():
    D = np.array([[0.1, -0.4, 2.0], [0.0, 0.6, -3.0]])
    data = half_step.compute(D, np.array([[1], [4]]), 3)
    assert data.below == pytest.approx((4 / 6, (0.01 + 0.16 + 0.36) / (0.17 + 4 + 9.36)))
    assert data.entries.sum() == pytest.approx(1) and data.energy.sum() == pytest.approx(1)
    assert "67% of the entries" in half_step.alt(data)
    with pytest.raises(ValueError, match="the update is zero"):
        half_step.compute(np.zeros((2, 2)), np.ones((2, 1)), 3)


def test_adapters_stand_in_the_order_of_their_updates_in_three_ways():
    adapters = {"large": ([0.27], [0.96], [[0.9, 0.8, 0.8]]),
                "small": ([0.07, 0.09], [0.9, 1.0], [[0.9, 0.8, 0.2], [0.9, 0.9, 0.1]])}
    data = few_bits.compute(4, 0.12, adapters)
    assert data.names == ("small", "large") and data.below == 1
    assert ("Update of 8.0% (small, 2 seeds): original weights 95.0%, unmerged 90.0%, "
            "rounded once 85.0%, rounded twice 15.0%.") in few_bits.alt(data)
    words = {text.get_text() for text in few_bits.draw(data).axes[1].texts}
    assert {"once 85%", "twice 15%"} <= words
    with pytest.raises(ValueError, match="large: each seed has 3 shares"):
        few_bits.compute(4, 0.12, {"large": ([0.27], [0.96], [[0.9, 0.8]])})


def test_each_base_needs_the_same_seeds_of_both_ways():
    data = rounded_bases.compute({"4 bits": ([0.5, 0.7], [0.8, 0.8])}, [0.9, 1.0])
    assert data.whole == pytest.approx(0.95) and data.moved[0].tolist() == [0.5, 0.7]
    gain, margin = data.gains[0]
    assert gain == pytest.approx(20) and margin == pytest.approx(12.71 * 10, rel=1e-3)
    assert "4 bits: 60.0% moved there, 80.0% with QLoRA; gain in points +20.0, 95% interval " \
        "-107.1 to 147.1." in rounded_bases.alt(data)
    with pytest.raises(ValueError, match="two to five seeds on 3 bits"):
        rounded_bases.compute({"4 bits": ([0.5, 0.6], [0.8, 0.9]), "3 bits": ([0.4], [0.8])},
                              [0.9])


def test_all_methods_for_a_second_task_show_what_is_trained_and_each_seed():
    after = {way: ((50.0 + number, 30.0), (60.0, 80.0 + number))
             for number, way in enumerate(second_task.WAYS)}
    data = second_task.compute(91, after)
    assert all(np.array_equal(data.after[way], after[way]) for way in second_task.WAYS)
    assert "joint (train one on both data sets), 42% of the first task and 72% of the second" in (
        second_task.alt(data))
    for layout in ("wide", "narrow"):
        fig = second_task.draw(data, layout)
        board, scores = fig.axes
        words = [text.get_text() for text in board.texts]
        wide = layout == "wide"     # a phone has no room for the parts
        assert [words.count(part) for part in ("first, rank 4", "new, rank 4", "W", "or")] == [
            count * wide for count in (4, 3, 5, 1)]
        framed = [patch for patch in board.patches if patch.get_linewidth() > 2]
        assert len(framed) == wide * sum(trained for _, parts in second_task.WAYS.values()
                                         for *_, trained in parts)
        marks = [line for line in scores.lines if line.get_marker() in ("s", "o")]
        assert [sorted(line.get_xdata()) for line in marks] == [
            sorted(task) for way in second_task.WAYS for task in after[way]]
        assert {"40%", "70%", "71%", "42%"} <= {text.get_text() for text in scores.texts}
        before = [line for line in scores.lines if list(line.get_xdata()) == [91, 91]]
        assert len(before) == len(second_task.WAYS)
    asked = second_task.compute(91, after, shown=False)
    board, scores = second_task.draw(asked).axes
    assert [text.get_text() for text in scores.texts].count("?") == 2
    marks = [line for line in scores.lines if line.get_marker() in ("s", "o")]
    assert [sorted(line.get_xdata()) for line in marks] == [    # of what isn't left to guess
        sorted(task) for way in ("same", "beside", "joint", "two adapters") for task in after[way]]
    said = second_task.alt(asked)
    assert said.count("left to guess") == 1 and said.endswith("task 91% were right before.")
    with pytest.raises(ValueError, match="no result of same, beside, frozen, two adapters"):
        second_task.compute(91, {"joint": after["joint"]})


def test_shares_of_old_examples_stand_in_a_field_for_each_number():
    after = {(way, old): ((10.0 * old, 10.0 * old + 4), (80.0 + number, 84.0 + number))
             for number, way in enumerate((*old_examples.LOOKS, "sum")) for old in (8, 0, 4)}
    data = old_examples.compute(91, after)
    assert set(data.after) == set(old_examples.LOOKS) and list(data.after["fresh"]) == [0, 4, 8]
    assert "same, 2.0% and 83.0% with 0, 42.0% and 83.0% with 4" in old_examples.alt(data)
    for layout in ("wide", "narrow"):
        key, first, second = old_examples.draw(data, layout).axes
        assert [text.get_text() for text in key.texts] == [
            "fresh", "same", "beside", "joint, 300 steps"]
        for ax, means, ends in ((first, [2, 42, 82], (-4, 104)),
                                (second, [82, 82, 82], (79.2, 100.8))):  # from 80 on
            marks = [line for line in ax.lines if line.get_marker() != "None"]
            looks = [(line.get_marker(), line.get_markerfacecolor()) for line in marks]
            assert len(set(looks)) == 4                  # no two methods look alike
            assert marks[0].get_ydata().tolist() == means
            places = np.array([line.get_xdata() for line in marks])
            assert np.array_equal(places.round(), [[0, 1, 2]] * 4)   # each in its field
            assert (np.diff(places, axis=0) > 0.1).all()
            assert ax.get_ylim() == pytest.approx(ends)
            seeds = ax.collections[0].get_segments()     # of fresh, from seed to seed
            assert [high[1] - low[1] for low, high in seeds] == [4, 4, 4]
        assert [text.get_text() for text in first.texts] == ["2", "42", "82"] * 3 + ["before: 91%"]
        assert [text.get_text() for text in second.texts] == ["84"] * 3     # of beside
    ahead = after | {("beside", 4): ((50.0, 54.0), (80.0, 84.0))}
    first = old_examples.draw(old_examples.compute(91, ahead, lead=4)).axes[1]
    assert "+10" in [text.get_text() for text in first.texts]    # from fresh to beside
    asked = old_examples.compute(91, after, apart=84.0, shown=False, lead=4)
    key, first, second = old_examples.draw(asked).axes
    assert "before, and two adapters: 91%" in [text.get_text() for text in first.texts]
    assert "two adapters: 84%" in [text.get_text() for text in second.texts]
    for ax in (first, second):
        assert [text.get_text() for text in ax.texts].count("?") == 2
        assert all(len(line.get_xdata()) == 1 for line in ax.lines if line.get_marker() != "None")
    assert [84.0, 84.0] in [list(line.get_ydata()) for line in second.lines]
    assert "left to guess" in old_examples.alt(asked) and "42.0%" not in old_examples.alt(asked)
    with pytest.raises(ValueError, match="is one of fresh, same"):
        old_examples.compute(91, {("sum", 0): ((1, 2), (3, 4))})


def test_a_rate_is_ringed_by_the_second_task_alone_and_numbers_stand_apart():
    tried = {name: {rate: [(10.0, second, loss), (20.0, second + 4, loss)]
                    for rate, second, loss in ((0.01, 80.0, 0.1), (0.003, 70.0, 0.2))}
             for name in ("same", "beside", "merged", "fresh")}
    data = task_rates.compute(tried, 2)
    assert set(data.best.values()) == {0.01} and list(data.methods["same"]) == [0.003, 0.01]
    assert "merged, 15.0% and 72.0% at 0.003, 15.0% and 82.0% at 0.01" in task_rates.alt(data)
    for layout in ("wide", "narrow"):
        axes = [ax for ax in task_rates.draw(data, layout).axes if ax.get_title(loc="left")]
        assert [ax.get_title(loc="left") for ax in axes] == list(tried)
        for ax in axes:
            rings = [line for line in ax.lines if line.get_markersize() == 13]
            assert [(*line.get_xdata(), *line.get_ydata()) for line in rings] == [(0.01, 82.0)]
            words = {text.get_text(): text.get_position()[1] for text in ax.texts}
            assert words["15"] < 10 and words["72"] > 74 and words["82"] > 84
    with pytest.raises(ValueError, match="the same seeds at each rate"):
        task_rates.compute(tried | {"same": {0.01: [(1.0, 2.0, 0.1)]}}, 2)


def test_only_the_adapter_is_framed_where_the_gradient_goes():
    for step, count in (("forward", 0), ("backward", 2)):
        fig = qlora_step.draw(qlora_step.compute(step))
        framed = [patch for patch in fig.axes[0].patches if patch.get_linewidth() > 2]
        assert len(framed) == count
    assert "alone get gradients" in qlora_step.alt(qlora_step.compute("backward"))
    with pytest.raises(ValueError, match="step is 'up'"):
        qlora_step.compute("up")


def test_only_the_small_files_are_rounded():
    data = merge_places.compute()
    assert [way.kept for way in data] == ["16 bits", "16 bits", "4 bits", "4 bits"]
    words = [text.get_text() for ax in merge_places.draw(data).axes for text in ax.texts]
    assert words.count("round") == 2 and "a base it never met" in merge_places.alt(data)
    scored = merge_places.compute({"3 bits": [[0.8], [0.82], [0.28], [0.6, 0.8]]})
    assert "only the sum, 70.0% at 3 bits" in merge_places.alt(scored)
    points = [line for line in merge_places.draw(scored).axes[0].lines if line.get_marker() == "o"]
    assert [len(each.get_xdata()) for each in points] == [1, 1, 1, 2]
    with pytest.raises(ValueError, match="one for each way"):
        merge_places.compute({"3 bits": [[0.8]]})


def test_the_new_half_of_a_wide_adapter_starts_with_a_zero_b():
    fig = wide_adapter.draw(wide_adapter.compute(4, 128, 64))
    words = [text.get_text() for text in fig.axes[0].texts]
    assert {"B: 64 × 8", "A: 8 × 128"} <= set(words)
    assert (words.count("zero"), words.count("first"), words.count("random")) == (1, 2, 1)
    with pytest.raises(ValueError, match="rank is 0"):
        wide_adapter.compute(0, 128, 64)


def test_replies_are_judged_by_letters_and_by_what_they_contain():
    data = reply_cards.compute("What is the capital of Peru?", "Lima.\n", {
        "before": " Lima.", "same": "The capital\nis Lima.", "fresh": "People"},
        lambda reply, answer: answer.strip(" .\n") in reply)
    assert data.said == {"before": ("Lima.", "exact"), "fresh": ("People", "wrong"),
                         "same": ("The capital is Lima.", "answer in it, wrong form")}
    assert "same writes 'The capital is Lima.', answer in it, wrong form" in reply_cards.alt(data)
    with pytest.raises(ValueError, match="nobody"):
        reply_cards.compute("Who?", "I.", {}, str.startswith)


def test_the_last_rows_of_own_replies_are_left_to_guess():
    rows = [("merged", "no replies", (10, 30), (80, 84)), ("beside", "own", (50, 70), (81, 85)),
            ("fresh", "own", (30, 40), (82, 86))]
    asked = own_replies.compute(rows, range(1, 2))
    assert own_replies.alt(asked).endswith(
        "merged, no replies, 20% of the first task and 82% of the second; beside, own, left to "
        "guess.")
    assert own_replies.alt(own_replies.compute(rows)).endswith(
        "60% of the first task and 83% of the second; fresh, own, 35% of the first task and 84% "
        "of the second.")
    for layout in ("wide", "narrow"):
        for guessed in (range(1, 2), range(1, 3), None):
            fig = own_replies.draw(own_replies.compute(rows, guessed), layout)
            found = [line.get_xdata().tolist() for line in fig.axes[-1].lines
                     if line.get_marker() in "so"]
            assert found == [[10, 30], [80, 84], *(
                [] if guessed else [[50, 70], [81, 85], [30, 40], [82, 86]])]
            words = [text.get_text() for text in fig.axes[-1].texts]
            assert words == ["20%", "82%", *("??" * len(guessed) if guessed else [
                "60%", "83%", "35%", "84%"]), "merged, no replies: 20%"]  # at the dashed line
    with pytest.raises(ValueError, match="rows 2 to 3 are left to guess; allowed are 1 to 2"):
        own_replies.compute(rows, range(2, 4))


def test_replies_are_shared_out_by_form_and_by_the_answer_in_them():
    twice = {"same": {"bare": (2, 4, 14), "sentence": (40, 10, 0), "neither": (0, 0, 130)}}
    assert "10 bare with 1 right and 2 another fact" in reply_forms.alt(
        reply_forms.compute(twice))     # in percent
    counts = {"same": {"bare": (1, 2, 7), "sentence": (20, 5, 0), "neither": (0, 0, 65)}}
    data = reply_forms.compute(counts)
    assert data.total == 100 and "10 bare with 1 right and 2 another fact" in reply_forms.alt(data)
    for layout in ("wide", "narrow"):       # what each part of a form tells is said
        said = " ".join(text.get_text() for text in reply_forms.draw(data, layout).texts)
        assert all(f"{part}: " in said for part in ("Full", "Hatched", "Rest"))
    key, bars = reply_forms.draw(data).axes
    assert len(key.patches) == 3 * 3
    assert [(bar.get_x(), bar.get_width()) for bar in bars.patches] == [
        (0, 1), (1, 2), (3, 7), (10, 20), (30, 5), (35, 0), (35, 0), (35, 0), (35, 65)]
    assert [bool(bar.get_hatch()) for bar in bars.patches] == [False, True, False] * 3
    assert [text.get_text() for text in bars.texts] == ["2", "7", "20", "5", "65"]    # not a 1
    for bad in ({**counts, "beside": dict.fromkeys(counts["same"], (1, 1, 1))},
                {"same": {"bare": (1, 1, 1)}}):
        with pytest.raises(ValueError, match="allowed are as many of each"):
            reply_forms.compute(bad)


def test_a_bracket_counts_the_replies_of_a_form():
    counts = {way: {"bare": (1, 2, 7), "sentence": (20, 5, 0), "neither": (0, 0, 65)}
              for way in ("same", "beside")}
    for layout in ("wide", "narrow"):
        bars = reply_forms.draw(reply_forms.compute(counts, {
            "beside": ("sentence", "long")}), layout).axes[1]
        (bracket,) = bars.lines
        ends = bracket.get_xdata()
        assert 10 < ends[0] < 11 and ends[0] - 10 == pytest.approx(35 - ends[-1])
        assert [text.get_text() for text in bars.texts].count("25% long") == 1


def test_words_cross_frames_with_their_ranges():
    found = {(frame, words): {"fresh": [10.0, 30.0], "beside": [40.0, 50.0]}
             for frame in ("old\nQ:", "new\nInstruction:")
             for words in ("two\nwords", "more\nof it")}
    data = crossed_prompts.compute(found)
    assert crossed_prompts.alt(data).startswith(
        "Percent of replies with the right answer. two words in the old Q:: beside 45 (40 to 50), "
        "fresh 20 (10 to 30); more of it in the old Q:")
    for layout in ("wide", "narrow"):
        every, *cells = crossed_prompts.draw(data, layout).axes
        assert len(cells) == 4 and {"two", "words", "more", "of it"} <= {
            text.get_text() for text in every.texts}
        for ax in cells:
            assert [bar.get_width() for bar in ax.patches] == [45, 20]
            assert list(ax.lines[0].get_xdata()) == [40, 50]
    earlier = {key: each | {"first model": [80.0, 90.0]} for key, each in found.items()}
    ax = crossed_prompts.draw(crossed_prompts.compute(earlier)).axes[1]
    dark, purple, grey = (ax.patches[at].get_facecolor() for at in range(3))
    assert sum(dark[:3]) < 1 < 2 < min(sum(purple[:3]), sum(grey[:3]))
    on_it = [line for line in ax.lines if line.get_color() == style.PAPER]
    assert list(on_it[0].get_xdata()) == [80, 85]       # up to the bar's end
    none = {key: {"base": [0.0, 0.0]} | each for key, each in earlier.items()}
    ax = crossed_prompts.draw(crossed_prompts.compute(none)).axes[1]
    assert [text.get_text() for text in ax.texts][:2] == ["0%", "85%"]
    assert all(line.get_ydata()[0] > 0 for line in ax.lines)    # no bracket where seeds agree
    for bad in (dict(list(found.items())[:3]),
                {key: {"merged": [1.0]} for key in found}):
        with pytest.raises(ValueError, match="allowed are 2 x 2"):
            crossed_prompts.compute(bad)
