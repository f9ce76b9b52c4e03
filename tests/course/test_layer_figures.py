"""The figures of the chapter on layers show what they say: sums, digits, products, turns."""

import numpy as np
import pytest

from lib.figures.gpt import (
    chain_back,
    embedding_rows,
    gradient_check,
    linear_board,
    position_table,
    rotary,
    step_size,
    weight_slope,
)
from lib.positions import rotate, sinusoidal_positions

X, W = np.array([[1.0, 2, -1], [3, 0, 2]]), np.array([[0.5, -1, 2], [1, 0.5, -0.5]])
B, DY = np.array([-1, 0.5]), np.array([[0.5, -1], [2, 1.5]])
Q, K = np.array([0.9, 0.3]), np.array([0.5, 0.7])
BOARD = linear_board.compute(X, W, B, DY)
ENTRIES = BOARD.entries()
STEPS, ERRORS = [0.1, 0.01], {"float32": [1e-2, 1e-4], "float64": [1e-2, 2e-4]}
PAIRS = {"float32": [(122.5, 122.1), (122.34, 122.32)],
         "float64": [(122.5, 122.1), (122.34, 122.32)]}


def value(text):
    """Work out a sum as the board writes it."""
    return eval(text.replace("\u2212", "-").replace("\u00b7", "*"), {})


def test_the_linear_board_has_every_entry_once():
    assert len(ENTRIES) == len(set(ENTRIES)) == 4 + 6 + 2 + 6


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_every_written_sum_gives_its_entry(entry):
    name, i, j = entry
    terms, result = linear_board.worked(BOARD, entry).split("  =  ")
    assert value(terms) == value(result) == np.atleast_2d(getattr(BOARD, name))[i, j]
    assert terms.count("\u00b7") == {"y": 3, "dW": 2, "db": 0, "dx": 2}[name]


def test_the_linear_boards_gradients_agree_with_differences():
    """Move each number a little: the loss dy . y moves by the gradient."""
    step = 1e-6
    for gradient, place in ((BOARD.dx, 0), (BOARD.dW, 1), (BOARD.db, 2)):
        for at in np.ndindex(*gradient.shape):
            losses = []
            for sign in (1, -1):
                parts = [X.copy(), W.copy(), B.copy()]
                parts[place][at] += sign * step
                losses.append((DY * linear_board.compute(*parts, DY).y).sum())
            assert np.isclose((losses[0] - losses[1]) / (2 * step), gradient[at], atol=1e-8)


def test_the_board_shows_no_entry_before_its_turn():
    counts = [sum(np.isfinite(linear_board.known(BOARD, entry, name)).sum()
                  for name in linear_board.MEANS) for entry in ENTRIES]
    assert counts == [*range(1, len(ENTRIES) + 1)]
    assert np.array_equal(linear_board.known(BOARD, ENTRIES[-1], "dW"), BOARD.dW)


def test_the_slope_of_a_weight_is_the_boards_gradient_and_a_step_lowers_the_loss():
    wanted = BOARD.y - DY
    data = weight_slope.compute(X, W, B, wanted, W[0, 0])
    assert data.gradient == BOARD.dW[0, 0] and data.loss == 0.5 * (DY**2).sum()
    assert data.after < data.loss and data.moved < data.weight
    low, high = (weight_slope.compute(X, W, B, wanted, W[0, 0] + h).loss for h in (-1e-4, 1e-4))
    assert np.isclose((high - low) / 2e-4, data.gradient)
    assert "lower it" in weight_slope.alt(data)
    with pytest.raises(ValueError, match="which make no layer"):
        weight_slope.compute(X, W, B, wanted[:1], 0.5)


def test_a_row_gets_the_sum_of_what_comes_back_from_its_positions():
    table, tokens = np.arange(8.0).reshape(4, 2), np.array([[2, 0, 2]])
    back = np.array([[[1.0, -1], [2, 0], [4, 3]]])
    data = embedding_rows.compute(table, tokens, back, 2)
    assert np.array_equal(data.rows, table[[2, 0, 2]])
    assert np.array_equal(data.gradient, [[2, 0], [0, 0], [5, 2], [0, 0]])
    assert embedding_rows.worked(data) == "1  +  4  =  5"
    assert "stands at 1, 3:" in embedding_rows.alt(data)
    assert "its gradient is zero" in embedding_rows.alt(embedding_rows.compute(
        table, tokens, back, 3))


def test_losses_share_the_digits_up_to_the_first_that_differs():
    assert step_size.shared((122.30481, 122.28772), 8) == ("122.30481", "122.28772", 4)
    assert step_size.shared((122.296, 122.296), 8) == ("122.29600", "122.29600", 9)
    words = step_size.alt(step_size.compute(STEPS, ERRORS, PAIRS, 0.01))
    assert "1e\u22124 in float32, where the two losses share 4 of 8 digits" in words
    assert "2e\u22124 in float64, where the two losses share 4 of 16 digits" in words


@pytest.mark.parametrize("number, text", [
    (1.0, "1"), (1e-12, "1e\u221212"), (10**-4.5, "3.2e\u22125"), (0.1, "1e\u22121")])
def test_steps_are_written_as_in_code(number, text):
    assert step_size.step_name(number) == text


def test_gradients_of_both_layers_agree_with_differences():
    table, tokens = np.array([[1.0, 2, -1], [0, 1, 1], [3, 0, 2]]), np.array([0, 2])
    wanted = np.array([[-5.0, 4], [2.5, 1]])
    data = chain_back.compute(table, tokens, W, B, wanted, "embedding")
    for place in np.ndindex(table.shape):
        losses = []
        for nudge in (1e-4, -1e-4):
            moved = table.copy()
            moved[place] += nudge
            losses.append(chain_back.compute(moved, tokens, W, B, wanted, "loss").loss)
        assert np.isclose((losses[0] - losses[1]) / 2e-4, data.dE[place])
    assert "token 1 nothing" in chain_back.alt(data) and data.loss == 3.75
    assert "dx" not in chain_back.alt(chain_back.compute(table, tokens, W, B, wanted, "loss"))


def test_products_of_positions_keep_their_shape():
    table = sinusoidal_positions(64, 32)
    here, there = (position_table.compute(table, row).products for row in (10, 30))
    assert np.allclose(here[:44], there[20:]) and here.argmax() == 10
    assert np.isclose(here[10], 16)


def test_turning_keeps_the_product_and_is_the_librarys():
    angle = 0.3
    for distance in (0, 3, 20):
        frames = [rotary.compute(Q, K, at, distance, angle) for at in (0, 7, 31)]
        assert np.ptp([frame.product for frame in frames]) < 1e-12
        assert np.allclose(frames[1].q_turned, rotate(Q[None], np.array([[7 * angle]]))[0])
        assert np.allclose(frames[1].k_turned,
                           rotate(K[None], np.array([[(7 - distance) * angle]]))[0])


def test_a_wrong_gradient_is_caught_where_it_differs_and_a_right_one_passes():
    right = gradient_check.compute("dW", BOARD.dW, BOARD.dW + 1e-10)
    wrong = BOARD.dW.copy()
    wrong[1, 2] = 0
    caught = gradient_check.compute("dW", wrong, BOARD.dW)
    assert right.error == 0 and "passes" in gradient_check.alt(right)
    assert np.isclose(caught.error, abs(BOARD.dW[1, 2]) / np.linalg.norm(BOARD.dW))
    assert "Caught" in gradient_check.alt(caught) and "differ: 1 of 6" in gradient_check.alt(caught)
    assert (caught.difference != 0).sum() == 1


@pytest.mark.parametrize("call, words", [
    (lambda: embedding_rows.compute(W, np.array([0]), X, 0), "does not fit tokens"),
    (lambda: embedding_rows.compute(W, np.array([0, 1]), X, 2), "token is 2; allowed are 0 to 1"),
    (lambda: linear_board.compute(X, W.T, B, DY), "which make no layer"),
    (lambda: linear_board.compute(X, W, B, DY[:1]), "which make no layer"),
    (lambda: linear_board.draw(BOARD, ("dW", 2, 0)), r"entry is \('dW', 2, 0\)"),
    (lambda: chain_back.compute(W, np.array([0]), W, B, X, "back"), "step is 'back'"),
    (lambda: chain_back.compute(W, np.array([0]), W, B, X, "loss"), "which make no two layers"),
    (lambda: gradient_check.compute("dW", X, W.T), "can't be compared"),
    (lambda: gradient_check.compute("dW", X, 0 * X), "can't be compared"),
    (lambda: step_size.compute(STEPS, ERRORS, PAIRS, 0.2), "h is 0.2"),
    (lambda: position_table.compute(np.ones((4, 2)), 4), "row is 4; allowed are 0 to 3"),
    (lambda: position_table.compute(np.ones((4, 2)), -1), "row is -1"),
    (lambda: rotary.compute(Q, K, 5, 21, 0.3), "distance is 21"),
    (lambda: rotary.compute(Q, K, 5, -1, 0.3), "distance is -1")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
