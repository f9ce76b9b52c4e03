"""The opening page: its hours are sums of the chapters' own, and there is one short way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lib.figures.lora import strength
from lib.growing import my_gpt
from lib.laboratory.strength_scan import recorded_scan, recorded_seeds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
GUIDE = 20  # minutes, as its title says
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4}
DURATION = r"([\w.]+) (minutes?|hours?)"
READ = re.compile(rf"{DURATION} to read")
EXERCISES = re.compile(rf"{DURATION} for the exercises")
PLACEHOLDER = re.compile(r"\b(?:READ|ALL|HOURS|TODO|TBD|XXX)\d*\b")


def minutes(pattern: re.Pattern[str], line: str) -> int:
    """The minutes of a duration: ``75 minutes``, ``an hour``, ``two hours``."""
    found = pattern.search(line)
    if not found:
        raise ValueError(f"no time that reads like {pattern.pattern!r} in {line!r}")
    number = NUMBERS.get(found[1]) or int(found[1])
    return number * (60 if found[2].startswith("hour") else 1)


def times() -> dict[int, tuple[int, int]]:
    """Of each chapter, the minutes to read and those for the exercises, from its Time line."""
    found = {}
    for path in sorted(ROOT.glob("chapters/[0-9]*.ipynb")):
        prose = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]
                 if cell["cell_type"] == "markdown"]
        lines = [source[source.index("**Time:**"):].split("\n\n")[0] for source in prose
                 if "**Time:**" in source]
        assert len(lines) == 1, f"{path.stem} has {len(lines)} lines that say **Time:**"
        found[int(path.stem[:2])] = minutes(READ, lines[0]), minutes(EXERCISES, lines[0])
    return found


def chapters(way: str) -> list[int]:
    """The chapters of a way, such as ``5, 7 and 9 to 18; more`` without the ``more``."""
    plain = re.sub(r"\]\([^)]*\)", "]", way.split(";")[0])
    found: list[int] = []
    for first, last in re.findall(r"\b(\d+)(?: to (\d+))?\b", plain):
        found += range(int(first), int(last or first) + 1)
    return found


def ways() -> list[tuple[str, str, str]]:
    """The second to fourth cell of each row of the table: the way, its hours to read and in all."""
    rows = PAGE.split("| you are |")[1].split("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in row.strip("|").split("|")[1:]) for row in rows]


def test_the_hours_are_sums_of_the_chapters_own():
    each, table = times(), ways()
    assert len(table) == 5 and chapters(table[0][0]) == list(each)
    assert f"about {table[0][1].split(' + ')[0]} to read" in PAGE  # the sentence at the top
    for way, *said in table:
        read = sum(each[k][0] for k in chapters(way)) + GUIDE * ("guide.md" in way)
        whole = read + sum(each[k][1] for k in chapters(way))
        more = " + A2" * ("A2" in way)  # whose time no row counts
        assert said == [f"{round(spent / 60)} hours{more}" for spent in (read, whole)], way


@pytest.mark.parametrize("line, read, exercises", [
    ("**Time:** about 50 minutes to read, 90 minutes for the exercises.", 50, 90),
    ("about an hour to read, two hours for the exercises, an evening for the project", 60, 120),
    ("75 minutes to read, 25 more for what is folded, three hours for the exercises", 75, 180)])
def test_times_are_read(line, read, exercises):
    assert (minutes(READ, line), minutes(EXERCISES, line)) == (read, exercises)


@pytest.mark.parametrize("line, error", [("about a while to read", "no time"),
                                         ("some minutes to read", "invalid literal")])
def test_what_is_no_time_is_refused(line, error):
    with pytest.raises(ValueError, match=error):
        minutes(READ, line)


def test_chapters_of_a_way():
    assert chapters("[twenty](guide.md), then 5, 7 and 9 to 11; chapter 2 too") == [5, 7, 9, 10, 11]


def test_there_is_one_short_way():
    filled = [int(each) for each in re.findall(r'class="short" href="../chapters/(\d\d)_', PAGE)]
    assert filled == chapters(next(way for way, *_ in ways() if "guide.md" in way))
    assert "In a hurry" not in PAGE


def test_the_picture_shows_every_recorded_seed_and_its_caption_gives_their_range():
    seeds = recorded_seeds(range(1, 8))
    kept = [run[1.0]["facts"] for run in seeds]
    assert f"keep {100 * min(kept):.0f} to {max(kept):.0%} of the facts" in PAGE
    first = strength.compute(recorded_scan(), "Japan", 1.0, others=seeds)
    assert first.found == "95 to 97% answered, 81 to 98% of the facts kept (8 trainings)"
    assert "others=recorded_seeds(range(1, 8))" in PAGE
    few = strength.compute(recorded_scan(), "Japan", 1.0, others=seeds[:2])
    assert few.found == "96% answered, 98% of the facts kept"
    between = strength.compute(recorded_scan(), "Japan", 1.25, others=seeds)
    assert between.found == "93% answered, 89% of the facts kept", "the others weren't measured"


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.md")), ids=lambda path: path.stem)
def test_no_page_has_a_placeholder(path):
    assert PLACEHOLDER.findall(path.read_text(encoding="utf-8")) == []
    assert PLACEHOLDER.findall("READ2, ALL2; never all of a word") == ["READ2", "ALL2"]


def test_the_command_of_the_running_page_writes_the_readers_file():
    text = (ROOT / "book" / "running.md").read_text(encoding="utf-8")
    code, chapter, target = re.search(
        r'^\.venv/bin/python -c "(.*print\(my_gpt\((\d+)\)\))" > (\S+)$', text, re.M).groups()
    assert target == "chapters/my_gpt.py"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, text=True,
                          capture_output=True).stdout
    assert said == my_gpt(int(chapter)) + "\n"
    compile(said, target, "exec")
