"""Experiments of a chapter that take long: recorded once, a sample of them made again each time.

    make record NB=chapters/A1_positions.ipynb   runs all of a chapter's, and writes them anew
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: A file for each experiment, named after its function.
FOLDER = Path(__file__).parent / "data"
#: Set while the record is made anew.
RECORD = "COURSE_RECORD"
#: A number, by which one more run of each experiment is drawn and made again.
DRAW = "COURSE_DRAW"


def sampled(run: Callable[..., Any], settings: Sequence[tuple[Any, ...]], again: int = 1,
            folder: Path = FOLDER) -> list[Any]:
    """The results of ``run(*each)`` for each of the settings.

    The first ``again`` are run here and now.  The others are read from the record if it holds
    them as they came out of this very function; otherwise they are run as well, so that a function
    that a reader has changed gives its own results.  All are rounded to six digits.

    Args:
        run: What is done; returns numbers or texts, or lists or dicts of them.
        settings: The arguments of each run.

    Raises:
        ValueError: two of the settings are the same.
    """
    names = [json.dumps(each) for each in settings]
    if len(set(names)) != len(names):
        raise ValueError(f"the same run stands twice in the settings {sorted(names)}")
    path, code = folder / f"{run.__name__}.json", _code(run)
    known = _read(path, code)
    anew = bool(os.environ.get(RECORD))
    drawn = int(os.environ[DRAW]) % len(settings) if os.environ.get(DRAW) else -1
    results = [known[name] if name in known and number >= again and number != drawn and not anew
               else json.loads(json.dumps(_short(run(*each))))
               for number, (name, each) in enumerate(zip(names, settings, strict=True))]
    if anew:
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps({"code": code, "runs": known | dict(zip(names, results))},
                                    indent=1) + "\n")
        draft.replace(path)
    return results


def recorded(name: str, settings: Sequence[tuple[Any, ...]], folder: Path = FOLDER) -> list[Any]:
    """The recorded results of a function by its name: for a picture before the code that made it.

    Whether the record is of that code ``sampled`` finds out, further down on the same page.

    Raises:
        FileNotFoundError: nothing is recorded under this name.
        ValueError: the record does not hold one of the settings.
    """
    known = json.loads((folder / f"{name}.json").read_text())["runs"]
    if missing := [each for each in settings if json.dumps(each) not in known]:
        raise ValueError(f"of {name} these settings were not recorded: {missing}")
    return [known[json.dumps(each)] for each in settings]


def _code(run: Callable[..., Any]) -> str:
    """A name for the source of a function."""
    return hashlib.sha256(textwrap.dedent(inspect.getsource(run)).encode()).hexdigest()[:16]


def _read(path: Path, code: str) -> dict[str, Any]:
    """A function's recorded results by their settings; none if the record is of other code."""
    record = json.loads(path.read_text()) if path.exists() else {}
    return record["runs"] if record.get("code") == code else {}


def _short(value: Any) -> Any:
    """The same with numbers of six digits: recorded or made now, they print alike."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): _short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
