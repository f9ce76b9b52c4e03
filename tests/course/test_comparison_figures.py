"""Learning against forgetting, and what goes with forgetting: what the drawings compute."""

import numpy as np
import pytest

from lib.figures.lora import (
    adapters_down,
    equal_learning,
    held_equal,
    old_text_loss,
    same_loss,
    scaled_change,
    steps_to_loss,
    tradeoff,
)


def lines(tasks=("qa", "pirate"), seeds=2):
    """Runs whose loss, facts and distance tell their method, rate and seed."""
    return [{"run": {"task": task, "method": method, "learning_rate": rate, "seed": seed},
             "dev_loss": 100 * rate + seed, "facts": 0.9 - 0.1 * seed, "moved": 10 * rate,
             "pretraining": 1 + 100 * rate,
             "curve": [[10, 3.0, 4.0 + seed, None, 0.99, ""],
                       [30, 1.0, 100 * rate + seed, None, 0.9 - 0.1 * seed, ""]]}
            for task in tasks
            for method, rates in (("full", (0.001, 0.01)), ("lora", (0.01, 0.03)))
            for rate in rates for seed in range(seeds)]


def test_the_front_holds_every_run_of_its_data_set_and_the_chosen_rate():
    data = tradeoff.compute(lines(), 0.99, "qa", 0.01)
    assert {method: tuple(of) for method, of in data.runs.items()} == \
        {"full": (0.001, 0.01), "lora": (0.01, 0.03)}
    assert all(of[rate].shape == (2, 2) for of in data.runs.values() for rate in of)
    assert np.allclose(data.mean("full"), [1.5, 0.85])
    assert np.allclose(data.paths["lora"], [[4.5, 0.99], [1.5, 0.85]])


def test_the_axis_is_the_same_at_every_rate():
    limits = {tradeoff.compute(lines(), 0.99, "qa", rate).limits for rate in (0.001, 0.01, 0.03)}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low < 0.1 and high > 5


@pytest.mark.parametrize("rate, missing", [(0.001, "LoRA"), (0.03, "full fine-tuning")])
def test_a_method_that_was_not_run_is_said_to_be(rate, missing):
    words = tradeoff.alt(tradeoff.compute(lines(), 0.99, "qa", rate))
    assert f"{missing} was not run" in words and words.count("keeps") == 1


def test_full_fine_tuning_is_ringed_where_it_passes_loras_loss_at_one_rate():
    data = tradeoff.compute(lines(), 0.99, "qa", 0.01)
    assert data.passing == pytest.approx([1.5, 0.85])  # where both of these end
    data.paths["full"] = np.array([[6.0, 0.9], [3.0, 0.8], [0.75, 0.2]])
    assert data.passing == pytest.approx([1.5, 0.5])  # half way in the logarithm
    assert "had kept 50% where it passed LoRA's loss" in tradeoff.alt(data)
    data.paths["full"] = np.array([[6.0, 0.9], [3.0, 0.8]])
    assert data.passing is None and "passed" not in tradeoff.alt(data)
    for rate, lora in ((0.001, None), (0.001, 0.01)):  # LoRA not run, or another rate
        assert tradeoff.compute(lines(), 0.99, "qa", rate, lora_rate=lora).passing is None


def test_lora_may_have_a_rate_of_its_own():
    data = tradeoff.compute(lines(), 0.99, "qa", 0.001, lora_rate=0.01)
    assert np.allclose([data.mean(m) for m in ("full", "lora")], [[0.6, 0.85], [1.5, 0.85]])
    assert tradeoff.alt(data).startswith("Questions: full at 0.001, LoRA at 0.01: full fine-tuning")


PAIRS = {"rate": (0.01, 0.01), "loss": (0.001, 0.01), "best": (0.01, 0.03)}


def test_each_comparison_takes_the_runs_of_its_rates():
    data = held_equal.compute(lines(), "qa", PAIRS, told=True)
    assert data.chosen("loss") == {"full": (0.001, pytest.approx(0.6)),
                                   "lora": (0.01, pytest.approx(1.5))}
    assert data.shared("rate") == "both at 0.01" and data.shared("best") == "at 0.01 and 0.03"
    assert data.said("best", "full") == "85%"
    assert ("The same loss and steps: full at a rate of 0.001 ends at 0.60 nats and keeps 85%, LoRA"
            in held_equal.alt(data))


def test_two_runs_near_a_blind_guess_are_named():
    data = held_equal.compute(lines(), "qa", PAIRS, told=True, blind=0.82)
    assert data.guessed("best") == "both about a guess, 82%"
    assert held_equal.alt(data).count("both about a guess, 82%") == len(PAIRS)
    apart = held_equal.compute(lines(), "qa", PAIRS, told=True, blind=0.75)
    assert apart.guessed("best") == "" and "guess" not in held_equal.alt(apart)
    assert held_equal.compute(lines(), "qa", PAIRS, blind=0.82).guessed("best") == ""


def test_the_question_does_not_tell_the_facts_kept():
    data = held_equal.compute(lines(), "qa", PAIRS)
    words = held_equal.alt(data) + " ".join(
        text.get_text() for text in held_equal.draw(data).texts)
    assert "full keeps ?" in words and "%" not in words


FRONT = {"full": (0.001, 0.01), "lora": (0.01, 0.03)}
SAME = {"full": 0.001, "lora": 0.01}


def test_both_methods_rates_stand_at_their_means_and_a_rule_between_two_of_them():
    data = same_loss.compute(lines(), "qa", FRONT, SAME, 0.99)
    assert np.allclose(data.means("full"), [[0.6, 0.85], [1.5, 0.85]])
    assert data.same == pytest.approx((0.6 + 1.5) / 2)
    assert same_loss.alt(data) == (
        "Questions: learned and kept: full fine-tuning at a rate of 0.001 ends at 0.60 nats and "
        "keeps 85%, at a rate of 0.01 ends at 1.50 nats and keeps 85%; LoRA at a rate of 0.01 ends "
        "at 1.50 nats and keeps 85%, at a rate of 0.03 ends at 3.50 nats and keeps 85%. "
        "An upright dashed rule stands at 1.05 nats.")
    for layout, words in (("wide", "rate 0.03\nkeeps 85%"), ("narrow", "0.03\n85%")):
        said = [text.get_text() for text in same_loss.draw(data, layout).axes[0].texts]
        assert words in said and said.count("LoRA") == 1


def test_a_blind_guess_is_drawn_where_it_is_given():
    data = same_loss.compute(lines(), "qa", FRONT, SAME, 0.99, 0.147)
    assert same_loss.alt(data).endswith(" A blind guess has 15%.")
    said = [text.get_text().strip() for text in same_loss.draw(data).axes[0].texts]
    assert "a blind guess: 15%" in said


def two_runs(task="recipes"):
    """A run of each method that the first steps show, and a gentler one of full fine-tuning."""
    return [{"run": {"task": task, "method": method, "learning_rate": rate},
             "curve": [[10, 3.0, 4.0, None, 0.99, ""], [30, 1.0, 1.0, None, facts, ""],
                       [75, 1.0, 2.0, None, 0.0, ""], [150, 1.0, 0.25, None, facts / 2, ""]]}
            for method, rate, facts in (("full", 0.001, 0.8), ("full", 0.0001, 0.9),
                                        ("lora", 0.01, 0.4))]


def test_a_run_is_read_where_its_loss_first_falls_to_a_level():
    run = np.array([[10, 4.0, 0.99], [30, 1.0, 0.8], [75, 2.0, 0.0], [150, 0.25, 0.4]])
    found = equal_learning.left_at(run, np.array([5.0, 4.0, 1.0, 0.5, 0.25, 0.2]))
    assert np.allclose(found, [0.99, 0.99, 0.8, 0.6, 0.4, np.nan], equal_nan=True)


@pytest.mark.parametrize("step, full", [(2, 0.6), (3, 0.675), (4, 0.675)])
def test_the_best_rate_counts_once_all_are_shown(step, full):
    data = equal_learning.compute(two_runs(), 0.99, 0.5, step)
    assert data.at_level("full") == pytest.approx(full)
    assert data.at_level("lora") == pytest.approx(0.3)
    assert np.nanmax(data.fronts["full"] - data.fronts["lora"]) > 0.3


def test_the_view_that_is_to_be_read_by_hand_does_not_tell_the_answer():
    words = [equal_learning.alt(equal_learning.compute(two_runs(), 0.99, 0.5, step))
             for step in (2, 3)]
    assert "LoRA at a rate of 0.01: 0% of the facts left at 2 nats and 20%" in words[0]
    assert "60%" not in words[0] and "LoRA: 30% of the facts left at 0.5 nats" in words[1]


def test_the_picture_of_equal_learning_needs_the_runs_that_it_shows():
    with pytest.raises(ValueError, match="no run of lora at the rate 0.01"):
        equal_learning.compute(two_runs()[:2], 0.99, 0.5, 1)


def test_pairs_are_counted_seed_by_seed():
    found = {"qa": {"full": np.array([0.1, 0.2]), "lora": np.array([0.3, 0.15, 0.0])}}
    found["pirate"] = {"full": np.array([0.1]), "lora": np.array([0.2])}
    kinds = {"Instruction tuning": ("qa",), "Continued pre-training": ("pirate",)}
    data = old_text_loss.compute(found, kinds)
    assert data.said.endswith("rose more in 2 of 3 pairs")
    assert "Instruction tuning: Questions 0.15 and 0.15. Continued" in old_text_loss.alt(data)
    alone = old_text_loss.alt(old_text_loss.compute(found, kinds, ("full",)))
    assert "And after LoRA? Rise of" in alone and "Instruction tuning: Questions 0.15." in alone
    assert "kept" not in alone


def test_beside_the_old_text_stand_the_facts_kept_with_both_methods():
    found = {"qa": {"full": np.array([0.1]), "lora": np.array([0.3])}}
    data = old_text_loss.compute(found, {"Instruction tuning": ("qa",)}, ("full",),
                                 {"qa": {"full": 0.984, "lora": 0.971}})
    assert old_text_loss.alt(data).endswith("Facts kept with both: Questions 98 and 97%.")
    for layout, words in (("wide", "98 and 97%"), ("narrow", "keeps 98 and 97%")):
        assert words in [text.get_text() for ax in old_text_loss.draw(data, layout).axes
                         for text in ax.texts]


def test_runs_at_higher_rates_are_not_shown():
    def marks(rate):
        ax = tradeoff.draw(tradeoff.compute(lines(), 0.99, "qa", rate, ways=False)).axes[0]
        return sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() in ("o", "D"))
    assert [marks(rate) for rate in (0.001, 0.01, 0.03)] == [2, 6, 8]


def test_the_lower_rates_stand_beside_their_marks_and_the_chosen_one_does_not():
    def said(rate):
        ax = tradeoff.draw(tradeoff.compute(lines(), 0.99, "qa", rate, ways=False)).axes[0]
        return [text.get_text() for text in ax.texts if text.get_text().startswith("0.")]
    assert said(0.001) == [] and said(0.01) == ["0.001"]
    assert set(said(0.03)) == {"0.001", "0.01"}


def test_a_scaled_change_is_read_at_the_chosen_strength():
    full = np.array([[[0.8, 0.02, 0.02, 0.26], [1.0, 0.03, 0.06, 0.21]],
                     [[0.8, 0.02, 0.04, 0.24], [1.0, 0.03, 0.08, 0.23]]])
    data = scaled_change.compute({"full": full, "r = 8": 2 * full + (-0.8, 0, 0, 0)}, 0.8)
    assert data.at("full") == pytest.approx([0.8, 0.02, 0.03, 0.25])
    assert scaled_change.alt(data) == (
        "Trained changes scaled to strength 0.8: full at a distance of 2.0% lost 3% at 0.25 "
        "nats; r = 8 at a distance of 4.0% lost 6% at 0.5 nats.")


STAY = {"full": np.array([[0.2, 0.9], [0.3, 0.8]]), "rank 64": np.array([[0.35, 0.7]]),
        "rank 8": np.array([[0.3, 0.6]])}
DOWN = {"high α": np.array([[[0.8, 0.5, 0.7], [1.0, 0.2, 0.4]],
                            [[0.8, 0.7, 0.5], [1.0, 0.4, 0.2]]])}


def test_adapters_stand_at_the_chosen_strength_beside_those_that_stay():
    data = adapters_down.compute(STAY, DOWN, 0.8, 0.99)
    assert data.level == pytest.approx(0.3)
    assert list(data.rows) == ["full", "rank 64", "rank 8", "high α, times 0.8"]
    assert data.rows["high α, times 0.8"] == pytest.approx([0.6, 0.6])
    assert ("full, keeps 85% of the facts at 0.25 nats; rank 64, keeps 70%"
            in adapters_down.alt(data))
    assert list(adapters_down.compute(STAY, DOWN, 1.0, 0.99).rows)[-1] == "high α, times 1"


def test_adapters_stand_in_the_order_of_what_they_keep_and_no_two_look_alike():
    data = adapters_down.compute(STAY | {"rank 8": np.array([[0.3, 0.88]])}, DOWN, 0.8, 0.99)
    assert list(data.rows) == ["rank 8", "full", "rank 64", "high α, times 0.8"]
    looks = [adapters_down._look(name) for name in (
        "full fine-tuning", "rank 64, α = 512", "rank 8, α = 512", "rank 8, α = 16")]
    assert len({(tone.mark, marker) for tone, marker in looks}) == len(looks)


def test_the_map_of_adapters_has_one_range_at_every_strength():
    def limits(strength):
        data = adapters_down.compute(STAY, DOWN, strength, 0.99)
        return adapters_down.draw(data).axes[0].get_xlim()
    assert limits(0.8) == limits(1.0)


def test_an_adapter_is_filled_as_trained_and_hollow_turned_down():
    def faces(strength):
        ax = adapters_down.draw(adapters_down.compute(STAY, DOWN, strength, 0.99)).axes[1]
        return [line.get_markerfacecolor() == line.get_markeredgecolor()
                for line in ax.lines if line.get_markersize() == 8]
    assert faces(0.8) == [True, True, True, False] and faces(1.0) == [True] * 4


WAYS = {"full": {0.01: (30, 0.2), 0.001: (90, 0.8), 0.0001: (np.nan, np.nan)},
        "lora": {0.01: (100, 0.4)}}


def test_each_rate_that_comes_down_to_the_loss_has_its_steps_and_its_facts():
    data = steps_to_loss.compute(WAYS, 0.222, 0.99, 0.15)
    assert data.ways["full"].tolist() == [[0.001, 90, 0.8], [0.01, 30, 0.2]]
    assert steps_to_loss.alt(data) == (
        "Down to 0.22 nats on recipes: full fine-tuning at 0.001 takes 90 steps and keeps 80%, at "
        "0.01 takes 30 steps and keeps 20%; LoRA at 0.01 takes 100 steps and keeps 40% of the "
        "facts.")
    said = [text.get_text() for text in steps_to_loss.draw(data).axes[0].texts]
    assert [said.count(rate) for rate in ("0.001", "0.01", "0.0001")] == [1, 2, 0]


def test_a_rate_is_pale_where_a_lower_one_needs_fewer_steps_and_keeps_more():
    ways = WAYS | {"full": WAYS["full"] | {0.03: (50, 0.1), 0.1: (95, 0.0)}}
    data = steps_to_loss.compute(ways, 0.222, 0.99, 0.15)
    assert data.front("full").tolist() == [True, True, False, False]
    assert steps_to_loss.alt(data).count("(pale)") == 2
    ax = steps_to_loss.draw(data).axes[0]
    assert [line.get_alpha() for line in ax.lines if line.get_linewidth() == 1.6
            and len(line.get_xdata()) == 2 and line.get_marker() == "None"][:3] == [1, 0.4, 0.4]


def test_a_way_may_begin_at_the_base():
    data = tradeoff.compute(lines(), 0.99, "qa", 0.01, begin=9.0)
    assert np.allclose(data.paths["lora"], [[9.0, 0.99], [4.5, 0.99], [1.5, 0.85]])
    assert data.limits[1] > 9 and data.passing == pytest.approx([1.5, 0.85])


@pytest.mark.parametrize("call, words", [
    (lambda: adapters_down.compute(STAY, DOWN, 0.5, 0.99), "'high α' was not measured"),
    (lambda: adapters_down.compute(STAY, {}, 0.8, 0.99), "3 as trained and 0 turned down"),
    (lambda: steps_to_loss.compute({"full": WAYS["full"]}, 0.2, 0.99, 0.15),
     "no rate of 'lora' comes down to 0.2 nats"),
    (lambda: tradeoff.compute(lines(), 0.99, "qa", 0.5), "'qa' has the learning rate 0.5"),
    (lambda: tradeoff.compute(lines(), 0.99, "recipes", 0.01), "'recipes'"),
    (lambda: held_equal.compute(lines(), "qa", {}), "pairs are none; wanted are rate, loss, best"),
    (lambda: held_equal.compute(lines(), "qa", PAIRS | {"loss": (0.03, 0.01)}),
     "full fine-tuning was not run on 'qa' at 0.03"),
    (lambda: same_loss.compute(lines(), "qa", FRONT | {"lora": (0.001,)}, SAME, 0.99),
     "LoRA was not run on 'qa' at 0.001"),
    (lambda: old_text_loss.compute({"qa": {}}, {"new": ("qa",)}), "'qa' has nothing"),
    (lambda: scaled_change.compute({"full": np.ones((1, 1, 4))}, 0.5), "'full' was not measured")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
