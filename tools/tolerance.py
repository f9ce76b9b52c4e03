"""What may differ between a stored output and the same output on another machine.

A cell declares it in its metadata, as in ``{"tolerance": {"points": 2}}``; without that, outputs
are equal to the letter. The text around numbers is always equal, but for the width of white space
in a tolerant cell.

    points     percentage points, for numbers that a % sign follows
    absolute   the printed number itself
    relative   a share of the stored number: 0.1 is a tenth
    digits     units of the last printed digit
    factor     at most so many times as large or as small: for measured seconds and megabytes
    rounding   the same, for numbers that are printed with an exponent such as 3e-15, and for none
               other; all below 1e-12, zero too, count as equal
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

KINDS = ("points", "absolute", "relative", "digits", "factor", "rounding")
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
                    r"(?:[eE][-+]?\d+)?(?:\s?%)?")

ROUNDING = 1e-12


def check(tolerance: Mapping[str, float]) -> None:
    """Raise ValueError unless every entry is a known kind with a number that can hold."""
    if not isinstance(tolerance, Mapping) or not tolerance:
        raise ValueError(f"tolerance is {tolerance!r}, it must be a dict such as {{'points': 2}}")
    for kind, size in tolerance.items():
        if kind not in KINDS:
            raise ValueError(f"unknown tolerance {kind!r}: allowed are {', '.join(KINDS)}")
        if isinstance(size, bool) or not isinstance(size, int | float) or not (
                math.isfinite(size) and size > (kind in ("factor", "rounding"))):
            raise ValueError(f"the tolerance {kind} is {size!r}, it must be a number above "
                             f"{int(kind in ('factor', 'rounding'))}")


def note(tolerance: Mapping[str, float]) -> str:
    """The tolerance in words, as readers see it beside the output."""
    words = {"points": "± {:g} percentage points", "absolute": "± {:g}", "relative": "± {:.0%}",
             "digits": "± {:g} in the last digit", "factor": "up to {:g} times more or less",
             "rounding": "rounding errors up to {:g} times more or less"}
    said = [words[kind].format(size) for kind, size in tolerance.items()]
    return f"On other machines: {', '.join(said)}"


def difference(stored: str, new: str, tolerance: Mapping[str, float] | None = None) -> str | None:
    """Say where ``new`` differs from ``stored`` by more than is allowed; None where it does not."""
    if stored == new:
        return None
    if not tolerance:
        return "the text differs, and the cell declares no tolerance"
    check(tolerance)
    (words, numbers), (new_words, new_numbers) = _parts(stored), _parts(new)
    for old, now in zip(words, new_words):
        if old != now:
            return f"the text {old!r} has become {now!r}"
    if len(words) != len(new_words):
        return f"{len(numbers)} numbers are stored, {len(new_numbers)} were printed"
    for old, now in zip(numbers, new_numbers):
        if not _near(old, now, tolerance):
            return f"{old} has become {now}, over the tolerance {dict(tolerance)}"
    return None


def _parts(text: str) -> tuple[list[str], list[str]]:
    """The text between numbers, white space folded, and the numbers as they are printed."""
    numbers = [match[0] for match in NUMBER.finditer(text)]
    words = [" ".join(part.split()) for part in NUMBER.split(text)]
    return words, numbers


def _near(stored: str, new: str, tolerance: Mapping[str, float]) -> bool:
    if stored == new:
        return True
    if stored.endswith("%") != new.endswith("%"):
        return False
    old, now = _value(stored), _value(new)
    slack = 1e-9 * max(1.0, abs(old))  # decimal fractions are not exact in binary
    limits = {"absolute": lambda size: size, "relative": lambda size: size * abs(old),
              "digits": lambda size: size * _last_digit(stored),
              "points": lambda size: size if stored.endswith("%") else 0.0}
    for kind, size in tolerance.items():
        if kind in ("factor", "rounding"):
            small = kind == "rounding" and max(abs(old), abs(now)) < ROUNDING
            applies = kind == "factor" or "e" in stored.lower() or "e" in new.lower()
            if applies and (small or (old * now > 0 and abs(old) <= abs(now) * size * (1 + 1e-9)
                                      and abs(now) <= abs(old) * size * (1 + 1e-9))):
                return True
        elif abs(now - old) <= limits[kind](size) + slack:
            return True
    return False


def _value(number: str) -> float:
    return float(number.rstrip("% ").replace(",", "").replace("−", "-"))


def _last_digit(number: str) -> float:
    """The unit of the last printed digit: 0.01 of 3.14, 1e-5 of 1.2e-4."""
    mantissa, _, exponent = number.rstrip("% ").lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)
