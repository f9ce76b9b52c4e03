"""Figures of one line or of a few: what they say is what the numbers are."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lib.figures.gpt import loss_by_rate, position_move, position_race, position_waves
from lib.figures.kit import style
from lib.figures.lora import final_loss, wordings


def texts(fig):
    return [each.get_text() for ax in fig.axes for each in ax.texts] + [
        each.get_text() for each in fig.texts]


def test_a_pairs_product_comes_round_after_its_turn():
    omega = 2 * np.pi / np.array([10, 15, 7])
    data = position_waves.compute(omega, "one", 1)
    assert data.product[[0, 15, 30]] == pytest.approx([1, 1, 1])
    assert "one: a turn in 15.0 tokens" in texts(position_waves.draw(data))
    assert "one, a turn in 15.0 tokens: the product is 1 at distance 0" in position_waves.alt(data)
    with pytest.raises(ValueError, match="pair is 3; allowed are 0 to 2"):
        position_waves.compute(omega, "none", 3)


def test_all_pairs_are_drawn_as_their_mean():
    data = position_waves.compute(2 * np.pi / np.array([2, 4]), "all 2", None, pale=(0,))
    assert data.product[:5] == pytest.approx([1, -0.5, 0, -0.5, 1])
    assert {"all 2: the sum / 2", "pair 1"} <= set(texts(position_waves.draw(data)))


def test_the_mean_of_all_pairs_stands_beside_a_chosen_one():
    omega = 2 * np.pi / np.array([2, 3])
    data = position_waves.compute(omega, "one", 1, pale=(0, None))
    assert data.pale[0] == pytest.approx(position_waves.compute(omega, "all", None).product)
    assert {"pair 1", "all 2"} <= set(texts(position_waves.draw(data)))


def test_a_move_says_each_ways_loss_and_how_much_more_it_is():
    losses = {"sinusoidal": {0: np.array([1.0, 2.0]), 46: np.array([1.25, 2.25])},
              "rotary": {0: np.array([1.0]), 46: np.array([1.0])}}
    data = position_move.compute(losses, 46)
    assert "sinusoidal 1.75 nats, 0.25 more than at position 0; rotary 1.00 nats, 0.00 more" in (
        position_move.alt(data))
    assert "Moved by 46: sinusoidal +0.25, rotary +0.00 nats" in texts(position_move.draw(data))
    for less, move in ((losses, 2), ({"rotary": {2: np.ones(1)}}, 2)):
        with pytest.raises(ValueError, match="there is no loss at 2 or at 0"):
            position_move.compute(less, move)


def test_a_race_is_sorted_and_says_how_far_each_is_behind_seed_by_seed():
    data = position_race.compute({"none": np.array([2.5, 2.4, 2.6]),
                                  "rotary": np.array([2.0, 1.9, 2.1])}, 400)
    assert list(data.losses) == ["rotary", "none"]
    assert data.behind("none") == pytest.approx((0.5, 0))  # the seeds differ, their gaps do not
    assert "none 2.50 nats +0.50 \u00b1 0.00" in position_race.alt(data)
    assert "After 400 steps rotary has the lowest loss" in texts(position_race.draw(data))
    with pytest.raises(ValueError, match="none has 2 seeds instead of 3"):
        position_race.compute({"none": np.array([2.5, 2.4])}, 400)


@pytest.mark.parametrize("losses, title", [
    ({1: 0.1, 2: 0.01, 3: 0.2}, "lowest with α = 2"),
    ({1: 0.1, 2: 1e-13, 3: 0.2}, "below 1e-12 with α = 2"),
    ({1: 0.1, 4: 0, 2: 1e-13, 3: 1e-20, 8: 0.2}, "below 1e-12 with α = 2 to 4"),
    ({1: 1e-13, 2: 0.1, 3: 0}, "below 1e-12 with α = 1, 3")])
def test_the_valley_is_named_by_the_alphas_that_lie_in_it(losses, title):
    assert final_loss.compute(losses).title == title


def test_wordings_in_training_and_new_ones_have_means_of_their_own():
    rows = [("capital", "old?", True, 0.9), ("capital", "older?", True, 0.7),
            ("capital", "new?", False, 0.25)]
    data = wordings.compute(rows)
    assert (data.mean(True), data.mean(False)) == (pytest.approx(0.8), 0.25)
    assert "New wordings: 25% right" in texts(wordings.draw(data))
    assert "old? (in training) 90%" in wordings.alt(data)
    with pytest.raises(ValueError, match="some wordings must be trained, and some new"):
        wordings.compute(rows[:2])


def test_means_above_the_axis_stand_in_the_table_and_no_model_is_left_out():
    found = {"low": {0.1: (2.0, 2.2), 0.2: (2.1, 3.1)}, "high": {0.1: (2.3, 2.3), 0.2: (5.0, 4.0)}}
    data = loss_by_rate.compute(found, 1400)
    said = texts(loss_by_rate.draw(data))
    assert said.count("4.50") == said.count("2.60") == 1
    assert "Held-out loss after 1,400 batches, in nats" in said
    assert "high 2.30 at 0.1, 4.50 at 0.2" in loss_by_rate.alt(data)
    with pytest.raises(ValueError, match="5 models; there are looks for 4"):
        loss_by_rate.draw(loss_by_rate.compute({str(k): {0.1: (2.0,)} for k in range(5)}, 300))


@pytest.mark.parametrize("layout", ["wide", "narrow"])
@pytest.mark.parametrize("title", ["Short", *("What was found, and how" + " it was seen"[:more]
                                              + ", that is the question" for more in range(13))])
@style.styled
def test_a_title_stays_on_its_canvas(title, layout):
    fig = style.canvas(layout, 2)
    fig.set_dpi(style.DPI[layout])  # as it is drawn
    style.heading(fig, title)
    end = fig.texts[0].get_window_extent(FigureCanvasAgg(fig).get_renderer()).x1 / fig.dpi
    assert end <= fig.get_size_inches()[0]
    assert fig.texts[0].get_size() == style.TITLE or layout == "narrow" and title != "Short"
