"""Every exercise's check: it refuses the stub that the reader starts from, and takes the solution.

An exercise with a check has a fenced Python block, the stub, in its directive; the last line of its
solution's code is the call of the check.
"""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from tools.environment import VARIABLES

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(ROOT.glob("chapters/*.ipynb"))
STUB = re.compile(r"^(`{3,})\{exercise\}.*?\n:label: (\S+)\n"
                  r"(?:(?!^\1\s*$).)*?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SOLUTION = re.compile(r"\{solution-(?:start\} (\S+)|end\})")

#: Chapters that are held to at least this many exercises with a check.
CHECKED = {f"{number:02}": 3 for number in range(1, 18)}


def stubs(notebook):
    """Label -> the code that the reader starts from."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return {label: code for _, label, code in STUB.findall(text)}


def call_of_check(code):
    """The source of the last statement if that is a call of a check, else nothing."""
    source = ast.unparse(ast.parse(code).body[-1])
    return source if source.startswith("check_") else ""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_checks_refuse_the_stub_and_take_the_solution(path, monkeypatch, capsys):
    notebook = nbformat.read(path, as_version=4)
    wanted = stubs(notebook)
    assert len(wanted) >= CHECKED.get(path.stem[:2], 0)
    if not wanted:
        return
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(path.parent)
    space, label, tried = {"__name__": "__main__"}, None, []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            label = ([label] + SOLUTION.findall(cell.source))[-1]  # "" where a solution ended
        else:
            call = call_of_check(cell.source)
            if label in wanted and label not in tried and call:
                with pytest.raises((AssertionError, TypeError, ValueError)):
                    exec(wanted[label] + "\n" + call, dict(space))
                tried.append(label)
            exec(compile(cell.source, f"{path.stem} {label or ''}", "exec"), space)
    assert tried == list(wanted), "each stub needs a solution that ends in a check"
    capsys.readouterr()


def test_a_check_that_takes_the_stub_is_seen():
    text = ("````{exercise} Double it (easy)\n:label: ex-double\n\nDouble it.\n\n```python\n"
            "def double(x):\n    ...\n```\n````")
    cell = nbformat.v4.new_markdown_cell(text)
    found = stubs(nbformat.v4.new_notebook(cells=[cell]))
    assert found == {"ex-double": "def double(x):\n    ...\n"}
    assert call_of_check("x = 1\ncheck_double(lambda x: x)") == "check_double(lambda x: x)"
    assert call_of_check("check_double(lambda x: x)\nx = 1") == ""
