"""The cells of a notebook's exercises: the stub that the reader fills in, its check, its solution.

CONTRIBUTING.md shows the form, which tests/book/test_exercise_cells.py keeps. The door
(tools/notebooks.py) tries each solution in its stub's place.
"""

from __future__ import annotations

import ast
import re
import symtable
from dataclasses import dataclass, field

import nbformat

from lib.exercises import NOT_YET, SOLVED

#: Tags of code cells: what the reader fills in, a solution, and a check, which pages leave out.
STUB, SOLUTION, CHECK = "exercise", "solution", "remove-cell"
SUFFIX = "_solution"  # of the names in a solution
MARK = re.compile(r"\{exercise\} ([^\n]*)\n:label: (\S+)|\{solution-start\} (\S+)|\{solution-end\}")
#: In the kernel: run code in a copy of the notebook's names, and compare the last line it prints.
TRIAL = f"""
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as said:
    exec(code, names)
assert said.getvalue().endswith({SOLVED + chr(10)!r}), said.getvalue()
"""


@dataclass
class Exercise:
    """One exercise; cells stand under their number, which counts code cells from 0."""

    title: str
    label: str
    stubs: dict[int, nbformat.NotebookNode] = field(default_factory=dict)
    solution: dict[int, nbformat.NotebookNode] = field(default_factory=dict)

    @property
    def check(self) -> str:
        """The call of the check in which the stub ends; nothing for an exercise without one."""
        return call_of_check("".join(cell.source for cell in self.stubs.values()))

    @property
    def solved(self) -> int | None:
        """The number of the solution's cell that ends in a call of a check."""
        return next((number for number, cell in self.solution.items()
                     if call_of_check(cell.source)), None)

    @property
    def renamed(self) -> re.Pattern[str]:
        """The names that the solution binds: as in the stub, with ``_solution`` behind."""
        own = set().union(*(bound(cell.source) for cell in self.solution.values()))
        names = "|".join(each.removesuffix(SUFFIX) for each in own)
        return re.compile(rf"\b({names}){SUFFIX}\b")

    def trial(self) -> str:
        """Code that puts the solution into the stub and fails unless the stub's check says so."""
        code = "\n".join(cell.source for number, cell in self.solution.items()
                         if number < self.solved)
        last = self.solution[self.solved].source
        kept = last.splitlines()[:ast.parse(last).body[-1].lineno - 1]
        code = self.renamed.sub(r"\1", "\n".join([code, *kept])) + f"\n{self.check}"
        return f"exec({TRIAL!r}, {{'code': {code!r}, 'names': dict(globals())}})"


def exercises(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """The exercises of a notebook, in their order."""
    found: dict[str, Exercise] = {}
    current, solving, number = None, False, -1
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for title, label, solved in MARK.findall(cell.source):
                if label:
                    current = found[label] = Exercise(title, label)
                else:
                    current, solving = found.get(solved, current), bool(solved)
        elif cell.cell_type == "code":
            number += 1
            tags = cell.metadata.get("tags", ())
            if current and solving:
                current.solution[number] = cell
            elif current and STUB in tags:
                current.stubs[number] = cell
    return list(found.values())


def call_of_check(code: str) -> str:
    """The source of the last statement if that is a call of a check, else nothing."""
    body = ast.parse(code).body
    source = ast.unparse(body[-1]) if body else ""
    return source if source.startswith("check_") else ""


def bound(code: str) -> set[str]:
    """The names that code binds outside of functions."""
    return {symbol.get_name() for symbol in symtable.symtable(code, "cell", "exec").get_symbols()
            if symbol.is_assigned() or symbol.is_imported()}


def used(code: str) -> set[str]:
    """The names of the notebook that code reads, in functions too."""
    found, waiting = set(), [symtable.symtable(code, "cell", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()
                  and (symbol.is_global() or table.get_type() == "module")}
    return found


def expected(notebook: nbformat.NotebookNode) -> dict[int, tuple[str, str]]:
    """By number of the code cell: what its check must print, and what is tried after it, if at all.

    Raises ValueError where a stub's check has no solution.
    """
    found: dict[int, tuple[str, str]] = {}
    for each in exercises(notebook):
        if not each.check:
            continue
        if each.solved is None:
            raise ValueError(f"{each.label}: no solution ends in a check")
        found |= dict.fromkeys(each.stubs, (NOT_YET, ""))
        slow = any(cell.metadata.get("slow") for cell in each.solution.values())
        found[each.solved] = SOLVED, "" if slow else each.trial()
    return found
