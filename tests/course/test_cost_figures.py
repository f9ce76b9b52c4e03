"""The drawings of chapters 9 and 15: costs by formula, forgetting and remedies from runs."""

import numpy as np
import pytest

from lib.figures.finetuning import (
    block_bill,
    cost_scale,
    forgetting,
    kept_dots,
    remedies,
    step_bill,
    tokens_width,
)
from lib.lora import TARGETS, apply_lora_to_model, count_lora_parameters
from lib.model import GPTConfig, GPTModel

START = (5.7, 0.99, " Paris. The country is in")


def line(rate, curve):
    return {"run": {"learning_rate": rate}, "curve": curve}


def recorded():
    """Two learning rates of two seeds each, measured after 10 and after 150 steps."""
    return [line(rate, [[10, 3.0, 1.0 + seed, None, 0.9, " Paris. Wash"],
                        [150, 0.2, 0.2, None, kept - seed / 10, text]])
            for rate, kept in ((1e-3, 0.8), (1e-2, 0.3))
            for seed, text in ((0, " Paris."), (1, " ginger. Mix"))]


@pytest.mark.parametrize("name, count", [
    ("GPT-2 small", 124_439_808), ("GPT-2 XL", 1_557_611_200),
    ("Llama 3.2 1B", 1_235_814_400), ("Llama 2 7B", 6_738_415_616),
    ("Llama 2 70B", 68_976_648_192), ("GPT-3", 174_604_259_328)])
def test_known_models_have_their_published_counts(name, count):
    assert cost_scale.MODELS[name].parameters() == count


@pytest.mark.parametrize("layers, d, ff, vocabulary", [(4, 128, 512, 1000), (2, 64, 96, 300)])
def test_the_formula_counts_the_librarys_models(layers, d, ff, vocabulary):
    size = cost_scale.Size(layers, d, ff, vocabulary, d, tied=False, biases=False)
    model = GPTModel(GPTConfig(vocabulary, 32, d, layers, 4, ff), np.random.default_rng(0))
    assert size.parameters() == sum(array.size for array in model.parameters().values())
    every = apply_lora_to_model(model.copy(), 3, 6.0, TARGETS[:6])
    assert size.adapter(3, everywhere=True) == count_lora_parameters(every)
    apply_lora_to_model(model, 3, 6.0, ("query", "value"))
    assert size.adapter(3) == count_lora_parameters(model)


def test_keys_narrower_than_queries_have_smaller_adapters():
    size = cost_scale.MODELS["Llama 2 70B"]
    assert size.adapter(2) == 80 * 2 * (8192 + 8192 + 8192 + 1024)
    assert size.adapter(2, everywhere=True) == 80 * 2 * (
        2 * (8192 + 8192) + 2 * (8192 + 1024) + 3 * (8192 + 28_672))


def test_full_fine_tuning_holds_16_bytes_a_parameter_and_lora_2():
    size = cost_scale.MODELS["GPT-2 XL"]
    full, lora = cost_scale.memory(size, 100), cost_scale.memory(size, 100, 4)
    few, whole = size.adapter(4), size.parameters()
    held = ("weights", "gradients", "optimizer")
    assert sum(full[part] for part in held) == 16 * whole
    assert sum(lora[part] for part in held) == 2 * whole + 16 * few
    assert full["activations"] == 100 * 34 * 1600 * 48
    assert full["logits"] == lora["logits"] == 100 * 8 * 50_257
    assert full["activations"] - lora["activations"] == 100 * 10 * 1600 * 48
    assert cost_scale.memory(size, 100, 4, True)["activations"] == full["activations"]


def test_a_gated_feed_forward_part_keeps_more_and_drops_less():
    for name, full, lora in (("Llama 2 7B", 37.5, 30.125), ("Llama 2 70B", 40.5, 31.5),
                             ("GPT-3", 34, 24)):
        size = cost_scale.MODELS[name]
        assert size.kept() == full * size.d_model
        assert size.kept(everywhere=False) == lora * size.d_model


def test_frozen_weights_in_4_bits_and_checkpointing_change_their_own_parts():
    size = cost_scale.MODELS["Llama 2 7B"]
    plain, saved = (cost_scale.memory(size, 100, 8, True, *how) for how in ((), (4, True)))
    assert plain["weights"] - saved["weights"] == 12 * size.parameters() // 8
    assert saved["activations"] == 100 * 2 * 4096 * 32
    assert plain["optimizer"] == saved["optimizer"] and plain["logits"] == saved["logits"]


def test_costs_name_the_largest_part():
    cost = cost_scale.compute("GPT-3", 2048)
    assert cost.largest == "optimizer"
    assert "the largest part optimizer" in cost_scale.alt(cost)
    assert "the largest part activations" in cost_scale.alt(cost_scale.compute("this model", 2048))
    assert cost_scale.compute("GPT-2 small", 131_072).largest == "logits"


@pytest.mark.parametrize("size, text", [(999, "999 B"), (2794e9, "2.79 TB"), (13.48e9, "13.5 GB"),
                                        (349e9, "349 GB"), (999.6e6, "1.00 GB"), (999e6, "999 MB")])
def test_bytes_have_three_digits(size, text):
    assert cost_scale.written(size) == text


def test_forgetting_starts_before_the_first_step():
    data = forgetting.compute(recorded(), 1e-2, 0, START)
    assert data.steps.tolist() == [0, 10, 150]
    assert data.now(data.facts).tolist() == [0.99, 0.99] and data.right == 2


def test_forgetting_has_the_chosen_seeds_values():
    data = forgetting.compute(recorded(), 1e-2, 150, START, 0.15)
    assert np.allclose(data.now(data.facts), [0.3, 0.2]) and data.right == 1
    assert data.loss[1e-3][:, 1].tolist() == [1.0, 2.0]
    assert ("25% of the facts are kept (20% to 30% over 2 seeds, a blind guess has 15%)"
            in forgetting.alt(data))


def test_of_rates_that_end_at_one_place_only_the_chosen_one_is_bold():
    data = forgetting.compute(recorded(), 1e-2, 150, START)
    fig = forgetting.draw(data)
    bold = {text.get_text(): text.get_weight() for ax in fig.axes for text in ax.texts
            if text.get_text().startswith("0.0")}
    assert bold == {"0.001": 400, "0.01": 600}


def test_remedies_average_over_seeds():
    data = remedies.compute({"LoRA": {"0.01": [(0.2, 0.5), (0.4, 0.7)], "0.03": [(0.1, 0.1)]}})
    assert np.allclose(data.mean("LoRA"), [[0.3, 0.6], [0.1, 0.1]])
    assert "LoRA from 0.01 (0.30 nats, 60% of the facts)" in remedies.alt(data)


def test_remedies_are_compared_at_one_loss():
    data = remedies.compute({"LoRA": {"0.001": [(0.4, 0.8)], "0.01": [(0.1, 0.2)]},
                             "replay": {"1/8": [(0.3, 0.9)], "1/2": [(0.4, 1)]}}, at=0.2)
    assert np.isclose(data.height("LoRA"), 0.5)
    assert data.heights() == "At 0.2 nats: LoRA 50%, replay never"


def test_kept_dots_say_mean_and_range_of_each_row():
    data = kept_dots.compute("Half comes back", {"rate 1": {
        "before": {"40 capitals": [0.0]}, "after": {"40 capitals": [0.4, 0.6]}}},
        {"before": 0.1, "after": 0.2})
    assert kept_dots.alt(data) == (
        "Half comes back. rate 1: before, 40 capitals 0%, a blind guess 10%; "
        "after, 40 capitals 50% (40% to 60%), a blind guess 20%.")


def test_kept_dots_of_equal_seeds_cover_none():
    assert kept_dots._levels(np.array([0.0, 0.0, 0.5, 0.0]), 5) == [0, 1, 0, 2]
    assert kept_dots._levels(np.array([0.5]), 5) == []


def test_kept_dots_name_the_difference_of_two_rows():
    data = kept_dots.compute("", {"": {"before": {"40 capitals": [0.4, 0.6]},
                                       "after": {"40 capitals": [0.6, 0.64]}}},
                             setting="Two seeds", brackets=[("before", "after")])
    assert data.gained("before", "after") == "+12 points"
    assert "Two seeds. " in kept_dots.alt(data)
    assert kept_dots.alt(data).endswith(" From before to after: +12 points.")


def test_remedies_leave_a_loose_setting_out_of_the_line():
    data = remedies.compute({"replay": {"1/4": [(0.3, 0.9)], "1/8": [(0.2, 0.8)]}}, at=0.15,
                            loose={"replay": {"1/8 at 0.003": [(0.1, 0.5), (0.1, 0.7)]}},
                            rates={"replay": 0.001}, note="two seeds")
    assert np.isnan(data.height("replay"))
    assert "upward (two seeds), a line for each remedy: replay (0.001) from" in remedies.alt(data)
    assert "Joined to no line: replay, 1/8 at 0.003 (0.10 nats, 60%)." in remedies.alt(data)


@pytest.mark.parametrize("call, words", [
    (lambda: kept_dots.compute("", {"": {"a": {"towns": [1]}}}), "counted are towns"),
    (lambda: kept_dots.compute("", {"one": {"a": {}}, "two": {"b": {}}}), "'two' has the rows b"),
    (lambda: cost_scale.compute("GPT-5", 10), "name is 'GPT-5'"),
    (lambda: cost_scale.compute("GPT-3", 0), "tokens is 0"),
    (lambda: cost_scale.compute("GPT-3", 1, "luck"), "saving is 'luck'"),
    (lambda: forgetting.compute(recorded(), 3e-3, 10, START), "rate is 0.003"),
    (lambda: forgetting.compute(recorded(), 1e-3, 30, START), "step is 30"),
    (lambda: remedies.compute({"prayer": {"daily": [(1, 1)]}}), "'prayer'"),
    (lambda: remedies.compute({"LoRA": {}}), "at least one setting"),
    (lambda: remedies.compute({"LoRA": {"0.01": [(1, 2, 3)]}}), r"shape \(1, 3\)")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_bill_adds_up_and_says_what_activations_take():
    data = step_bill.compute({"full": (1_000_000, 1_000_000, 2_000_000, 4_000_000)})
    assert data.total("full") == 8_000_000
    assert "full 8.00 MB, of which activations 50%" in step_bill.alt(data)
    for bills, words in (({}, "bills is empty"), ({"full": (1, 2)}, "full has 2 parts")):
        with pytest.raises(ValueError, match=words):
            step_bill.compute(bills)


def test_a_block_keeps_the_bytes_that_the_chapter_measures():
    for method, rank, bill in (
            ("full", 8, (4_178_944, 4_178_944, 8_357_888, 86_073_344)),
            ("LoRA, all linear", 8, (4_473_856, 294_912, 589_824, 86_581_248)),
            ("LoRA, query and value", 4, (4_211_712, 32_768, 65_536, 60_104_704))):
        assert block_bill.step(method, rank, 16, 128).bill == bill
    assert "not the inputs of output, up, down" in block_bill.alt(block_bill.compute(4, 16, 128))
    with pytest.raises(ValueError, match="at least 1"):
        block_bill.compute(0, 1, 1)


def test_lora_saves_half_at_four_tokens_for_each_unit_of_width():
    data = tokens_width.compute(cost_scale.MODELS, 2048)
    assert round(data.half, 1) == 4.2 and np.isclose(tokens_width.by_formula(data.half), 0.5)
    llama = tokens_width.on_query_value(cost_scale.MODELS["Llama 2 7B"], [0.5, 1e6])
    assert np.allclose(llama, [0.81, 0.19], atol=0.005)
    sizes, half = cost_scale.MODELS["GPT-2 XL"], data.halves["GPT-2 XL"]
    there = tokens_width.compute({"": sizes}, round(half * sizes.d_model))
    assert round(half, 1) == 3.8 and np.isclose(there.models[""][1], 0.5, atol=1e-3)
    at, share = data.models["Llama 2 7B"]
    assert at == 0.5 and abs(share - tokens_width.by_formula(at)) < 0.01
    for arguments, words in ((({}, 1), "no model"), ((cost_scale.MODELS, 0), "tokens is 0"),
                             ((cost_scale.MODELS, 1, "luck"), "saving is 'luck'")):
        with pytest.raises(ValueError, match=words):
            tokens_width.compute(*arguments)


def test_with_checkpointing_half_is_saved_while_tokens_take_12_bytes_a_parameter():
    data = tokens_width.compute(cost_scale.MODELS, 2048, "checkpointing")
    assert data.half == 72
    assert np.isclose(tokens_width.by_formula(72, saving="checkpointing"), 0.5)
    for name, half in (("GPT-2 small", 4.5), ("Llama 3.2 1B", 6.6), ("Llama 2 7B", 37.8)):
        assert np.isclose(data.halves[name], half, atol=0.05)
        size = cost_scale.MODELS[name]
        each = 2 * size.d_model * size.layers + 8 * size.vocabulary
        rule = 12 * size.parameters() / each / size.d_model
        assert abs(data.halves[name] / rule - 1) < 0.08
