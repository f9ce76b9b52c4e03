"""Groups of runs that are made by the very code a chapter shows: its tagged cells.

The cells with a group's tag define, together, ``DECLARED``, a list of settings, each a dict that
JSON can express, and a function that does the run of such settings and returns what it measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from lib.laboratory.results import Line, short, stages, versions

Settings = dict[str, Any]
#: Does a function on each of the arguments, in any place, and yields what it returns, in order.
Each = Callable[[Callable[..., Any], list[tuple[Any, ...]]], Iterable[Any]]

FOLDER, CHAPTERS = Path(__file__).parent, Path(__file__).parents[2] / "chapters"
#: Every group by its name: the chapter, the tag of its cells, and the function that does a run.
CHAPTER_GROUPS = {
    # Does a relative of LoRA do better at its own best rate?
    "variants": (CHAPTERS / "18_variants.ipynb", "recorded", "perform"),
    # Which way to a second task keeps the first one best?
    "sequence": (CHAPTERS / "A4_second_task.ipynb", "recorded-sequence", "teach_in_turn")}


def definitions(group: str) -> dict[str, Any]:
    """What the tagged cells of a group define, by name; they are executed once in a process.

    Raises:
        ValueError: an unknown group, or a chapter without cells of its tag.
    """
    if group not in CHAPTER_GROUPS:
        raise ValueError(f"unknown group {group!r}: allowed are {', '.join(CHAPTER_GROUPS)}")
    return _execute(*CHAPTER_GROUPS[group][:2])


@cache
def _execute(chapter: Path, tag: str) -> dict[str, Any]:
    # Read as plain JSON: nbformat takes seconds to import, in every notebook that loads a record.
    cells = ["".join(cell["source"]) for cell in json.loads(chapter.read_text("utf-8"))["cells"]
             if tag in cell["metadata"].get("tags", ())]
    if not cells:
        raise ValueError(f"{chapter} has no cells with the tag {tag!r}")
    scope: dict[str, Any] = {"__name__": "chapter"}
    # What cells print is for the chapter's readers.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        exec(compile("\n".join(cells), str(chapter), "exec"), scope)
    return scope


def tasks_of(group: str) -> list[Settings]:
    """The settings of every run that a group declares; raises ValueError as ``definitions`` does.
    """
    return definitions(group)["DECLARED"]


def perform_chapter(group: str, settings: Settings) -> Line:
    """Do one run of a group: its settings as ``run``, what the chapter measures, numbers to four
    digits, ``seconds`` of processor time, ``versions``.
    """
    perform, started = definitions(group)[CHAPTER_GROUPS[group][2]], time.process_time()
    found = perform(**settings)
    return {"run": settings, **short(found),
            "seconds": round(time.process_time() - started, 1),
            "versions": versions()}


def chapter_file(group: str, folder: Path = FOLDER) -> Path:
    """Where a group's lines are: a file of its own."""
    return folder / f"{group}.jsonl"


def load_chapter(group: str, folder: Path = FOLDER) -> list[Line]:
    """The recorded lines of a group, in the order of its chapter once all are done."""
    return list(_read(chapter_file(group, folder)).values())


def run_chapter(group: str, each: Each = lambda do, tasks: (do(*task) for task in tasks),
                folder: Path = FOLDER) -> int:
    """Do all runs of a group that are due and not in its file; return how many those were.

    Lines are added as runs end, so that what was stopped goes on where it was.  The file is put
    in the chapter's order before and after; lines of runs that are not declared any more go.
    """
    path, declared, count = chapter_file(group, folder), tasks_of(group), 0
    done = _put_in_order(path, map(_key, declared))
    for _ in range(2):  # all learning rates of a setting, then more seeds at its best one
        wanted = stages(declared, done.values())
        missing = [run for run in wanted if _key(run) not in done]
        finished = each(perform_chapter, [(group, settings) for settings in missing])
        for line in tqdm(finished, total=len(wanted), initial=len(wanted) - len(missing),
                         desc=group, unit="run", disable=not missing):
            with path.open("a") as file:
                file.write(_text(line))
            count += 1
        done = _put_in_order(path, map(_key, declared))
    return count


def _put_in_order(path: Path, wanted: Iterable[str]) -> dict[str, Line]:
    """Rewrite a file, unless it is so, to hold the wanted lines in their order; return them."""
    found = _read(path)
    kept = {key: found[key] for key in wanted if key in found}
    text = "".join(map(_text, kept.values()))
    if text != (path.read_text() if path.exists() else ""):
        draft = path.with_suffix(".part")
        draft.write_text(text)
        draft.replace(path)
    return kept


def _read(path: Path) -> dict[str, Line]:
    """The lines of a file by run; one cut short, by a stop while it was written, is left out."""
    found = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            line = json.loads(text)
            found[_key(line["run"])] = line
    return found


def _key(settings: Settings) -> str:
    return json.dumps(settings, sort_keys=True)


def _text(line: Line) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"
