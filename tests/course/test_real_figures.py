"""What the drawings of chapter 19 compute: the numbers of a frame, and what they refuse."""

import numpy as np
import pytest

from lib.figures.beyond import packed_block, real_answers, real_rates
from lib.figures.kit import style
from lib.figures.kit.style import LAYOUTS

DIALLED = {"JSON": {"Peru?": ["Lima.", '{"a": 1}'], "2 + 2?": ["4", "5"]}}


def answers(strength):
    return real_answers.compute(DIALLED, (0.0, 1.0), {"JSON": "{"}, "JSON", strength)


def test_an_answer_that_begins_as_trained_is_marked():
    assert answers(0.0).new == (False, False)
    assert answers(1.0).pairs == (("Peru?", '{"a": 1}'), ("2 + 2?", "5"))
    assert answers(1.0).new == (True, False)
    words = real_answers.alt(answers(1.0))
    assert words.startswith("The adapter for JSON at strength 1.") and "', as trained." in words


@pytest.mark.parametrize("adapter, strength", [("JSON", 0.5), ("poems", 1.0)])
def test_what_was_not_recorded_is_refused(adapter, strength):
    with pytest.raises(ValueError, match="is not recorded"):
        real_answers.compute(DIALLED, (0.0, 1.0), {"JSON": "{"}, adapter, strength)


def test_a_block_is_unpacked_low_halves_first():
    raw = np.append(np.array([0.5, -1.0], np.float16).view(np.uint8), [0x21] + [0xF0] * 15)
    block = packed_block.compute(raw)
    assert (block.scale, block.lowest) == (0.5, -1.0)
    assert block.weights[[0, 1, 16, 17]].tolist() == [-0.5, -1.0, 0.0, 6.5]
    with pytest.raises(ValueError, match="has 20 bytes"):
        packed_block.compute(raw[:19])


RATES = {"full": {1e-4: [(0.3, 40, 0.1), (0.5, 38, 0.2)], 1e-5: [(0.9, 44, 0.0)]},
         "lora": {1e-3: [(0.8, 30, 0.1)], 3e-3: [(0.2, 20, 0.3)]}}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_rate_is_that_of_the_first_seeds_lowest_loss(layout):
    data = real_rates.compute(RATES, 45)
    assert data.rates["full"].tolist() == [1e-5, 1e-4]
    assert [data.best(method) for method in ("full", "lora")] == [1, 1]
    words = real_rates.alt(data)
    assert "best at 0.0001: loss on dev 0.40 nats, 39.0 of 45 common answers kept" in words
    fig = real_rates.draw(data, layout)
    assert "30 times" in fig.texts[0].get_text()
    assert {line.get_color() for line in fig.axes[0].lines} == {style.LORA.mark, style.FULL.mark}


@pytest.mark.parametrize("given", [{}, {"lora": {}}, {"prefix": RATES["lora"]}])
def test_other_rates_are_refused(given):
    with pytest.raises(ValueError, match="there must be rates"):
        real_rates.compute(given, 45)
