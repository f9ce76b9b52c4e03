"""Checks of exercises: what they print of values that are right, wrong, missing or broken."""

import numpy as np
import pytest

from lib.exercises import NOT_YET, SOLVED, WIDTH, check, shown

ARRAY = np.arange(15.0).reshape(5, 3) / 7


def said(capsys, yours, target, *agree, name="dW"):
    """The row, and the last line, of a check with one row."""
    @check
    def check_it(answer):
        yield name, lambda: answer() if callable(answer) else answer, target, *agree

    assert check_it(yours) is None
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    return lines[1], " ".join(lines[2:])


@pytest.mark.parametrize("yours, target, agree", [
    (ARRAY * (1 + 1e-6), ARRAY, ()), (ARRAY * 1.1, ARRAY, (0.2,)), (ARRAY + 1e-17, ARRAY, ()),
    (ARRAY.tolist(), ARRAY, ()), (2.5, 2.5000001, ()), (np.float32(0.1), 0.1, ()), (-0.0, 0.0, ()),
    (1e-9, 0.0, ()), ("Paris", "Paris", ()), ([1, 2], [1, 2], ()), (np.array([1, 2]), [1, 2], ()),
    (7, 7, ()), (True, True, ()), (None, None, ()), (3, "above 2", (lambda mine, _: mine > 2,)),
    (np.array([np.nan, -np.inf]), np.array([np.nan, -np.inf]), ()),
    (np.arange(3), np.arange(3), ()),
])
def test_what_agrees_is_solved(capsys, yours, target, agree):
    row, last = said(capsys, yours, target, *agree)
    assert row.startswith("✓ dW  ") and last == SOLVED


@pytest.mark.parametrize("yours, target, agree, value, reason", [
    (ARRAY + 0.5, ARRAY, (), "0.5  0.643  0.786 ...", "dW is off by up to 0.5"),
    (2.0, 2.5, (), "2", "dW is off by 0.5"),
    (ARRAY.T, ARRAY, (), "(3, 5) 0  0.429  0.857 ...", "dW has shape (3, 5), not (5, 3)"),
    (0.0, ARRAY, (), "() 0", "dW has shape (), not (5, 3)"),
    (..., ARRAY, (), "...", "dW is ..., fill in the dots"),
    ([1, ...], [1, 2], (), "[1, ...]", "dW holds a ..., fill in the dots"),
    (np.array([..., 1.0]), ARRAY, (), "...  1", "dW holds a ..., fill in the dots"),
    (None, ARRAY, (), "None", "dW is None: does the function return what it found?"),
    (ARRAY * np.nan, ARRAY, (), "nan  nan  nan ...", "dW holds NaN, which is not a number"),
    (np.nan, 1.0, (), "nan", "dW is NaN, not a number"),
    ("Rome", "Paris", (), "'Rome'", "dW is 'Rome', not 'Paris'"),
    ([2, 1], [1, 2], (), "[2, 1]", "dW is [2, 1], not [1, 2]"), (7, 8, (), "7", "dW is 7, not 8"),
    (np.array([1, 3]), np.array([1, 2]), (), "1  3", "dW has other numbers"),
    (10_000_000, np.array(10_000_001), (), "10,000,000", "dW has other numbers"),
    ("Rome", ARRAY, (), "'Rome'", "dW is not made of numbers, but of type str"),
    (1, "above 2", (lambda mine, _: mine > 2,), "1", "dW does not agree with the target"),
    (lambda: 1 / 0, ARRAY, (), "ZeroDivisionError", "dW: ZeroDivisionError: division by zero"),
    (lambda: ... + 1, 2, (), "...", "dW: fill in the dots"),
    (lambda: np.sqrt(...), 2, (), "...", "dW: fill in the dots"),
])
def test_what_differs_is_shown_with_its_reason(capsys, yours, target, agree, value, reason):
    row, last = said(capsys, yours, target, *agree)
    assert row.startswith(f"· dW  {value}  ") and last == NOT_YET + reason


def test_an_assertion_in_the_readers_code_or_in_the_predicate_is_the_hint(capsys):
    def neighbours():
        raise AssertionError("entry i belongs with i + 4")

    assert said(capsys, neighbours, 1.0)[1] == NOT_YET + "entry i belongs with i + 4"

    def positive(mine, _):
        raise AssertionError("a step is positive")

    row, last = said(capsys, -3.5, "a step", positive)
    assert row == "· dW  -3.5   a step" and last == NOT_YET + "a step is positive"


def test_an_error_names_the_readers_line_where_it_was_raised_or_that_led_to_it(capsys):
    def answer():
        first = ARRAY @ ARRAY.T
        return first @ ARRAY.T  # the shapes do not fit

    row, last = said(capsys, answer, ARRAY, name="dx")
    assert row.startswith("· dx  ValueError  ")
    assert last.startswith(NOT_YET + "dx: ValueError in the line `return first @ ARRAY.T  # the "
                           "shapes do not fit`: matmul")

    def within():
        return int("four")

    def outer():
        return within()

    assert "in the line `return within()`: invalid" in said(capsys, outer, 4)[1]


def test_every_row_is_run_before_the_generator_goes_on_and_the_first_reason_counts(capsys):
    @check
    def check_three(square):
        """Squares."""
        for number in (1, 2, 3):
            yield f"{number} squared", lambda: square(number), number**2  # noqa: B023

    check_three(lambda x: 2 * x)
    assert capsys.readouterr().out == ("             yours  target\n· 1 squared  2      1\n"
                                       "✓ 2 squared  4      4\n· 3 squared  6      9\n"
                                       "Not yet: 1 squared is 2, not 1\n")
    check_three(lambda x: x * x)
    assert capsys.readouterr().out.endswith("\nSolved.\n")
    assert check_three.__doc__ == "Squares."


def test_long_values_and_names_are_cut_to_the_line(capsys):
    row, last = said(capsys, "a" * 200, "b" * 200, name="n" * 50)
    assert len(row) == WIDTH and row.count("…") == 3 and last.startswith(NOT_YET)


@pytest.mark.parametrize("value, words", [
    (1 / 3, "0.333"), (1.125 + 1e-13, "1.12"), (1.125, "1.12"), (-0.0, "0"),
    (1_044_736, "1,044,736"), (357_888.3, "357,888"), (1_044_736.0, "1.04e+06"),
    (1e-9, "1e-09"), (np.float32(2.5), "2.5"), (np.array(2.5), "2.5"),
    ((1, 2.0), "(1, 2)"), ({"a": 1}, "{'a': 1}"), (np.bool_(True), "True"), (np.inf, "inf")])
def test_values_look_the_same_everywhere(value, words):
    assert shown(value) == words


def test_what_is_tiny_beside_the_target_is_zero_and_addresses_are_left_out():
    assert shown(np.array([1.0, -1e-17]), np.array([1.0, 0.0])) == "1  0"
    assert shown(np.array([-1.25e-5] * 3)) == "-1.25e-05  -1.25e-05 ..."
    assert " at " not in shown(test_values_look_the_same_everywhere)
