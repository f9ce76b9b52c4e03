"""The check of an exercise: a row for each value that the reader's code gives, beside its target.

.. code-block:: python

    @check
    def check_double(double):
        yield "double(2)", lambda: double(2), 4

    check_double(lambda x: ...)     # the row, then "Not yet: double(2) is ..., fill in the dots"
"""

from __future__ import annotations

import functools
import linecache
import re
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

AGREE = 1e-5  # relative to the target's largest entry, and to each entry
WIDTH, NAME = 88, 30  # columns of a line and of a name
ENTRIES, LONG = 3, 18  # numbers shown of an array, and the columns from which on it is one less
SOLVED, NOT_YET = "Solved.", "Not yet: "
Rows = Callable[..., Iterator[tuple[Any, ...]]]


def check(rows: Rows) -> Callable[..., None]:
    """Make a check of a generator of rows ``(name, yours, target)`` or ``(..., target, agree)``.

    ``yours`` takes no argument and runs the reader's code, before the generator goes on: what it
    raises is shown with its line, not thrown, and the text of an AssertionError is the hint.
    ``agree`` is a relative tolerance for floats and arrays, or a predicate of (yours, target).
    All else is compared with ``==``.
    """
    @functools.wraps(rows)
    def checked(*answers: Any) -> None:
        table = [("", "", "yours", "target")]
        trouble = []
        for name, yours, target, *agree in rows(*answers):
            value, wanted, wrong = judged(name, yours, target, *agree, answers=answers)
            table.append(("·" if wrong else "✓", name, value, wanted))
            trouble += [wrong] if wrong else []
        first = min(max(len(row[1]) for row in table), NAME)
        left = min(max(len(row[2]) for row in table), (WIDTH - 6 - first) // 2)
        for sign, name, value, wanted in table:
            print(f"{sign:1} {cut(name, first):{first}}  {cut(value, left):{left}}  "
                  f"{cut(wanted, WIDTH - 6 - first - left)}".rstrip())
        print(textwrap.fill(NOT_YET + trouble[0], WIDTH) if trouble else SOLVED)
    return checked


def judged(name: str, yours: Callable[[], Any], target: Any,
           agree: float | Callable[[Any, Any], Any] = AGREE, *,
           answers: Sequence[Any] = ()) -> tuple[str, str, str]:
    """What to show of the reader's value and of the target, and what is wrong, if anything."""
    in_words = callable(agree) and isinstance(target, str)
    mine, wanted = "", target if in_words else shown(target, target)
    try:
        value = yours()
        mine = shown(value, target)
        wrong = difference(value, target, agree)
        if wrong.startswith("has shape"):
            mine, wanted = f"{np.shape(value)} {mine}", f"{np.shape(target)} {wanted}"
        return mine, wanted, wrong and f"{name} {wrong}"
    except AssertionError as error:
        return mine or "-", wanted, str(error) or f"{name}: an assertion does not hold"
    except Exception as error:
        # What Python says of the dots differs from release to release.
        if "ellipsis" in str(error):
            return mine or "...", wanted, f"{name}: fill in the dots"
        return (mine or type(error).__name__, wanted,
                f"{name}: {type(error).__name__}{where(error, answers)}: {error}")


def where(error: Exception, answers: Sequence[Any]) -> str:
    """The line of the reader's function that an error came through; nothing if there is none."""
    # The line of a lambda holds more than the lambda.
    codes = [each.__code__ for each in answers if getattr(each, "__name__", "") != "<lambda>"
             and hasattr(each, "__code__")]
    lines = [linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
             for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code in codes]
    return f" in the line `{lines[-1]}`" if lines and lines[-1] else ""


def difference(value: Any, target: Any, agree: float | Callable[[Any, Any], Any]) -> str:
    """Say what is wrong with a value; nothing if it agrees with the target."""
    if dotted(value):
        return "is ..., fill in the dots" if value is ... else "holds a ..., fill in the dots"
    if value is None and target is not None:
        return "is None: does the function return what it found?"
    if callable(agree):
        return "" if agree(value, target) else "does not agree with the target"
    if not isinstance(target, float | np.floating | np.ndarray):
        same = np.array_equal(value, target) if isinstance(value, np.ndarray) else value == target
        return "" if same else f"is {shown(value)}, not {shown(target)}"
    given, wanted = np.asarray(value), np.asarray(target)
    if given.dtype.kind not in "biuf":
        return f"is not made of numbers, but of type {type(value).__name__}"
    if given.shape != wanted.shape:
        return f"has shape {given.shape}, not {wanted.shape}"
    if np.isnan(given).any() and not np.isnan(wanted).any():
        return "is NaN, not a number" if given.ndim == 0 else "holds NaN, which is not a number"
    if wanted.dtype.kind in "biu":
        return "" if np.array_equal(given, wanted) else "has other numbers"
    if np.allclose(given, wanted, agree, agree * (largest(wanted) or 1), equal_nan=True):
        return ""
    with np.errstate(invalid="ignore"):
        return f"is off by {'up to ' * (given.ndim > 0)}{shown(np.nanmax(abs(given - wanted)))}"


def dotted(value: Any) -> bool:
    """Tell whether a value is, or holds, the ``...`` of the stub."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    return value is ... or isinstance(value, list | tuple) and any(map(dotted, value))


def shown(value: Any, beside: Any = None) -> str:
    """A value in few words, the same on every machine; what is tiny ``beside`` an array is 0."""
    match value:
        case bool() | np.bool_() | None:
            return str(value)
        case int() | np.integer():
            return f"{value:,}"
        case float() | np.floating():
            # Rounded twice, so that the last bits don't tip a number that ends in 5.
            value = 0.0 if abs(value) <= 1e-7 * largest(beside) else float(f"{value:.9g}")
            return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value + 0.0:.3g}"
        case np.ndarray() if value.ndim:
            flat = [shown(each, beside) for each in value.ravel()[:ENTRIES]]
            if sum(map(len, flat)) > LONG:
                flat.pop()
            return "  ".join(flat) + " ..." * (value.size > len(flat))
        case np.ndarray():
            return shown(value[()], beside)
        case list() | tuple():
            inner = ", ".join(shown(each, beside) for each in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner})"
        case _:
            text = "..." if value is ... else repr(value)
            return " ".join(re.sub(r" at 0x\w+", "", text).split())


def largest(value: Any) -> float:
    """The largest size among finite numbers; 0 without any."""
    array = np.asarray(value if isinstance(value, float | np.floating | np.ndarray) else 0.0)
    sizes = np.abs(array[np.isfinite(array)]) if array.dtype.kind in "biuf" else np.zeros(0)
    return float(sizes.max(initial=0))


def cut(text: str, width: int) -> str:
    """A text of at most ``width`` characters."""
    return text if len(text) <= width else text[:width - 1] + "…"
