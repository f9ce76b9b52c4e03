"""The cells of exercises: found, tried in the stub's place, each rule broken and seen."""

import contextlib
import io
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_notebooks import CHAPTERS, PROJECT

from tools import exercises
from tools.refresh import normalise

CHECK = '@check\ndef check_double(f):\n    yield "double(2)", lambda: f(2), 4'
STUB = "def double(x):\n    return ...\n\n\ncheck_double(double)"
SOLUTION = "def double_solution(x):\n    return 2 * x\n\n\ncheck_double(double_solution)"
START = "````{solution-start} ex-double\n:class: dropdown\n````"
END = "Twice.\n\n````{solution-end}\n````"


def tagged(tag, source, outputs=()):
    return new_code_cell(source, metadata={"tags": [tag]}, outputs=list(outputs),
                         execution_count=1)


def exercise(check=CHECK, stub_said=(), solution_said=()):
    """The cells of an exercise with a check, with outputs of its stub and its solution."""
    return [
        tagged("remove-cell", check),
        new_markdown_cell("````{exercise} Double it (easy)\n:label: ex-double\n\nDouble it.\n````"),
        tagged("exercise", STUB, stub_said), new_markdown_cell(START),
        tagged("solution", SOLUTION, solution_said), new_markdown_cell(END)]


def chapter():
    """An exercise with a check, one without, and a project; their solutions are cells 4 and 8."""
    return normalise(new_notebook(cells=[
        *exercise(), new_markdown_cell("````{exercise} Guess (hard)\n:label: ex-guess\n````"),
        tagged("exercise", "guess = ..."), new_markdown_cell(START.replace("double", "guess")),
        tagged("solution", "print(len('four'))"), new_markdown_cell(END),
        new_markdown_cell("````{exercise} Your own (project)\n:label: ex-own\n````"),
        tagged("exercise", "plan = ...")]))


def problems(notebook: nbformat.NotebookNode) -> list[str]:
    """A sentence for each rule that the exercises of a chapter break."""
    every = exercises.exercises(notebook)
    project = [each for each in every if each.title.endswith(PROJECT)]
    yours = {name for each in every for cell in each.stubs.values()
             for name in exercises.bound(cell.source)} - {"_"}
    found = [] if len(project) == 1 else [f"{len(project)} open projects instead of one"]
    found += [f"cell {number} goes on after the solution's end: make another cell"
              for number, cell in enumerate(notebook.cells)
              if re.search(r"\{solution-end\}\n`*\n", cell.source)]
    for each in every:
        if len(each.stubs) != 1:
            found.append(f"{each.label} has {len(each.stubs)} stubs: cells with the tag "
                         f"{exercises.STUB}")
        if bool(each.solution) == (each in project):
            found.append(f"{each.label} needs a solution, or is a project and needs none")
        call = "" if each.solved is None else exercises.call_of_check(
            each.solution[each.solved].source)
        if each.renamed.sub(r"\1", call) != each.check:
            found.append(f"{each.label} calls {each.check or 'no check'}, its solution "
                         f"{call or 'none'}")
        for cell in each.solution.values():
            found += [f"{each.label}: the solution has a name of the reader's, {name}"
                      for name in sorted(yours & (exercises.bound(cell.source)
                                                  | exercises.used(cell.source)))]
            if exercises.SOLUTION not in cell.metadata.get("tags", ()) or not cell.metadata.get(
                    "jupyter", {}).get("source_hidden"):
                found.append(f"{each.label}: the solution is not tagged and hidden: make refresh")
    return found


def test_chapters_keep_to_the_form():
    broken = {}
    for path in CHAPTERS:
        notebook = nbformat.read(path, as_version=4)
        if found := problems(notebook):
            broken[path.stem] = found
    assert not broken


def test_exercises_are_found_with_their_cells():
    found = exercises.exercises(chapter())
    assert [(each.label, list(each.stubs), list(each.solution), each.check) for each in found] == [
        ("ex-double", [1], [2], "check_double(double)"), ("ex-guess", [3], [4], ""),
        ("ex-own", [5], [], "")]
    assert list(exercises.expected(chapter())) == [1, 2]


def test_names_are_told_apart_by_where_they_live():
    code = "import numpy as np\ny = x\ndef f(a):\n    b = [c for c in a]\n    return b + z"
    assert exercises.bound(code) == {"np", "y", "f"} and exercises.used(code) == {"x", "z"}


def test_jupyterlab_folds_checks_solutions_and_explanations_alone():
    hidden = [number for number, cell in enumerate(chapter().cells)
              if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert hidden == [0, 4, 5, 9, 10]


BREAKAGES = {
    "no stub": (2, "double = len", "0 stubs", {"tags": []}),
    "another check": (4, SOLUTION.replace("check_", "check_more_"), "its solution"),
    "no check": (4, "double_solution = len", "its solution"),
    "other arguments": (4, SOLUTION + ".real", "its solution"),
    "binds": (4, SOLUTION.replace("_solution", ""), "a name of the reader's, double"),
    "uses": (9, "print(double(2))", "a name of the reader's, double"),
    "imports": (9, "from math import tau as guess", "a name of the reader's, guess"),
    "open": (4, SOLUTION, "not tagged and hidden", {"tags": ["solution"]}),
    "untagged": (9, "print(4)", "not tagged and hidden", {"jupyter": {"source_hidden": True}}),
    "more": (5, END + "\n\nAnd so on.", "goes on"),
    "no project": (11, "````{exercise} Your own (hard)\n:label: ex-own\n````", "0 open projects"),
    "two projects": (6, "````{exercise} Guess (project)\n:label: ex-guess\n````", "2 open"),
    "no solution": (8, "Nothing.", "ex-guess needs a solution")}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_rule_is_seen(name):
    notebook = chapter()
    assert problems(notebook) == []
    number, source, reason, *metadata = BREAKAGES[name]
    notebook.cells[number].source = source
    for each in metadata:
        notebook.cells[number].metadata = nbformat.from_dict(each)
    assert any(reason in each for each in problems(notebook))


@pytest.mark.parametrize("solution, passes", [
    (SOLUTION, True), (SOLUTION.replace("2 * x", "3 * x"), False),
    ("def double_solution(x):\n    return x and 2 + double_solution(x - 1)\n"
     "check_double(double_solution)", True)])
def test_the_solution_is_tried_in_the_stubs_place(solution, passes):
    notebook = chapter()
    notebook.cells[4].source = solution
    code = exercises.expected(notebook)[2][1]
    names = {}
    exec("from lib.exercises import check\n" + CHECK, names)
    names["double"] = "the reader's"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), \
            contextlib.nullcontext() if passes else pytest.raises(AssertionError, match="Not yet"):
        exec(code, names)
    assert names["double"] == "the reader's" and not said.getvalue()


def test_a_slow_solution_is_not_run_twice_and_a_check_needs_one():
    notebook = chapter()
    notebook.cells[4].metadata.slow = True
    assert exercises.expected(notebook)[2] == (exercises.SOLVED, "")
    notebook.cells[4].source = "double_solution = len"
    with pytest.raises(ValueError, match="ex-double"):
        exercises.expected(notebook)
