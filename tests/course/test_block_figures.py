"""LoRA in a block: the drawing's numbers against the arrays and files of a live model."""

import numpy as np
import pytest

from lib.adapters import save_adapters
from lib.figures.lora import lora_block
from lib.laboratory.lora_steps import measure_step
from lib.lora import apply_lora_to_model, count_lora_parameters
from lib.model import GPTConfig, GPTModel
from lib.training import loss_and_gradients

RATE = 1e-3


@pytest.fixture(scope="module")
def base():
    config = GPTConfig(vocabulary_size=40, context_length=16, embedding_dimension=16, layers=3,
                       heads=2, feed_forward_dimension=32, dtype=np.float64)
    return GPTModel(config, np.random.default_rng(0))


@pytest.fixture(scope="module")
def batch():
    return tuple(np.random.default_rng(1).integers(0, 40, (2, 5, 7)))


@pytest.fixture(scope="module")
def found(base, batch):
    return measure_step(base, *batch, rank=2, alpha=8.0, learning_rate=RATE)


def test_the_table_counts_every_array_once(base, found):
    adapted = apply_lora_to_model(base.copy(), 2, 8.0)
    assert found.base == sum(array.size for array in base.parameters().values())
    assert found.added == count_lora_parameters(adapted) == 2 * 9 * 2 * 16
    assert found.counts["W"] == 9 * 16 * 16 and found.matrices == 9 and found.scaling == 4
    assert found.shapes == {"W": (16, 16), "A": (2, 16), "B": (16, 2)}
    assert found.merged_count == found.base


def test_a_new_adapter_changes_nothing_and_keeps_its_input_and_what_a_makes_of_it(found):
    assert found.gap == 0 and found.kept == ((35, 16), (35, 2))


def test_only_b_gets_a_gradient_and_moves_in_the_first_step(base, batch, found):
    model = apply_lora_to_model(base.copy(), 2, 8.0)
    loss, gradients = loss_and_gradients(model, *batch)
    squares = sum((array**2).sum() for name, array in gradients.items() if name.endswith("_B"))
    assert found.gradients == {"rest": 0, "W": 0, "A": 0, "B": pytest.approx(squares**0.5)}
    assert found.with_gradient == (18, len(model.parameters())) and found.losses[0] == loss
    # AdamW's first step moves each number by one learning rate.
    assert found.moved == {"rest": 0, "W": 0, "A": 0,
                           "B": pytest.approx(RATE * found.counts["B"]**0.5, rel=1e-3)}
    assert found.losses[1] < loss
    assert "B moved" in lora_block.words(lora_block.compute(found, "one step"))


def test_the_file_holds_a_and_b_and_merging_leaves_the_outputs(base, found, tmp_path):
    save_adapters(apply_lora_to_model(base.copy(), 2, 8.0), tmp_path / "one.npz")
    base.save(tmp_path / "base.npz")
    assert found.stored == {"rest": 0, "W": 0, "A": found.counts["A"], "B": found.counts["B"]}
    assert found.stored_bytes == 8 * found.added  # float64 here
    assert found.files[0] == pytest.approx((tmp_path / "one.npz").stat().st_size, rel=0.01)
    assert found.files[1] == pytest.approx((tmp_path / "base.npz").stat().st_size, rel=0.01)
    assert 0 < found.merged_gap < 1e-12


def test_columns_come_with_their_step(found):
    rows = {step: lora_block._cells(lora_block.compute(found, step), "B", True)
            for step in lora_block.STEPS}
    assert rows["base"] == ("",) * 5 and rows["merged"] == ("in W", "", "", "", "")
    assert [sum(map(bool, rows[step])) for step in list(lora_block.STEPS)[1:6]] == [2, 2, 3, 4, 5]
    assert lora_block._cells(lora_block.compute(found, "backward"), "W", True)[2] == "none"


def test_an_unknown_step_is_named(found):
    with pytest.raises(ValueError, match="step is 'later'; allowed are base, put on"):
        lora_block.compute(found, "later")
