"""The comparison of stored outputs: what a declared tolerance lets pass, and what it doesn't."""

import pytest

from tools import tolerance

STORED = "rank 4:  92% right, loss 0.123 nats, -0.50 points, 1,044,736 numbers, 2.0 s\n"


@pytest.mark.parametrize("new", [
    STORED.replace("right", "wrong"),                  # a changed word
    STORED.replace("92%", "95%"),                      # a number out of tolerance
    STORED.replace("92%", "92"),                       # a unit that is gone
    STORED.replace("0.123 ", ""),                      # a missing number
    STORED.replace("0.123", "0.123 0.123"),            # one too many
    STORED.replace("-0.50", "0.50"),                   # a sign
    STORED.replace("rank 4", "rank 8"),                # a label
    STORED.replace("0.123", "nan"),
    STORED + "and more\n"])
def test_it_bites(new):
    assert tolerance.difference(STORED, new, {"points": 2, "absolute": 0.01})


@pytest.mark.parametrize("stored, within, beyond, allowed", [
    ("92%", "94%", "94.1%", {"points": 2}), ("92%", "90%", "89%", {"points": 2}),
    ("0.123", "0.125", "0.1260", {"absolute": 0.002}), ("0.123", "0.125", "0.126", {"digits": 2}),
    ("0.123", "0.13", "0.137", {"relative": 0.1}), ("-0.50", "-0.45", "-0.4", {"absolute": 0.05}),
    ("1,044,736", "1,044,737", "1,044,738", {"absolute": 1}),
    ("2.0 s", "5.9 s", "6.1 s", {"factor": 3}), ("2.0 s", "0.7 s", "0.6 s", {"factor": 3}),
    ("0.123", "0.129", "-0.123", {"factor": 1.05}), ("0.123", "0.123", "0.124", {"points": 50}),
    ("rank 4:  92%", "rank 4: 92%", "rank4: 92%", {"points": 1})])
def test_a_tolerance_reaches_as_far_as_it_says_and_none_reaches_nowhere(stored, within, beyond,
                                                                        allowed):
    near, far = (STORED.replace(stored, each) for each in (within, beyond))
    assert tolerance.difference(STORED, near, allowed) is None
    assert near == STORED or tolerance.difference(STORED, near)
    assert tolerance.difference(STORED, far, allowed)


@pytest.mark.parametrize("wrong", [
    {}, [2], {"percent": 2}, {"points": -1}, {"points": "2"}, {"points": True}, {"factor": 1},
    {"rounding": 1}, {"relative": float("nan")}])
def test_a_tolerance_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="toleran"):
        tolerance.check(wrong)


def test_a_rounding_error_may_be_none_at_all_and_covers_no_other_number():
    allowed = {"rounding": 1000}
    assert tolerance.difference("0.50 off by 2e-10", "0.50 off by 9e-9", allowed) is None
    assert tolerance.difference("off by 0e+00", "off by 3e-15", allowed) is None
    assert tolerance.difference("off by 2e-16", "off by 3e-12", allowed)
    assert tolerance.difference("0.50 off by 2e-10", "0.51 off by 2e-10", allowed)
    assert tolerance.difference("off by 0", "off by 1", allowed)


def test_readers_see_it_in_words():
    said = tolerance.note({"points": 2, "relative": 0.1})
    assert "± 2 percentage points" in said and "± 10%" in said
