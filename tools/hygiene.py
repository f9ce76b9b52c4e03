"""What every chapter's notebook keeps to: ``problems(notebook, name)`` lists what it breaks.

The rules protect readers (short cells, pictures with words, folded solutions), the comparison of
stored outputs (everything was executed, nothing is ignored) and other machines (no paths, no
times of day).
"""

from __future__ import annotations

import ast
import platform
import re
import sys
from collections.abc import Iterator

from nbformat import NotebookNode

from tools import myst
from tools.refresh import KEPT, METADATA

LINES = 15  # of code in a cell
CODE_CELLS_IN_A_ROW = 2
OUTPUT_LINES = 45  # of text under a cell; the longest function of lib fits
SHORTEST_ALT = 30  # characters in which a figure is described
SHORTEST_HOST = 6  # a shorter name of a machine may be an ordinary word

#: Cells longer than LINES, up to LONG_LINES: notebook name -> number of such cells.
LONG_LINES = 25
LONG_CELLS: dict[str, int] = {}
#: Cells whose outputs are not compared: notebook name -> number of such cells.
IGNORED_CELLS: dict[str, int] = {}

CLOSING = ("Exercises", "What you measured", "Further reading")
LIBRARIES = ({"lib", "numpy", "matplotlib", "IPython", "ipywidgets", "autograd"}
             | set(sys.stdlib_module_names))

IGNORING = re.compile(r"^\s*#\s*NBVAL_\w+|^\s*#\s*PYTEST_VALIDATE_IGNORE_OUTPUT", re.MULTILINE)
IGNORING_TAGS = {"nbval-ignore-output", "nbval-skip", "nbval-raises-exception", "raises-exception",
                 "skip-execution"}
MACHINE = re.compile(r"(?<![\w.>)])/(?:home|root|Users|work|opt|mnt|tmp|private|var)/\w"
                     r"|\b[A-Z]:\\\w|\bfile://")
TIME = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b\d\d:\d\d:\d\d\b")
#: An address in memory; a bare NumPy scalar, which NumPy 1 and 2 print differently.
VARYING = re.compile(r"\b0x[0-9a-f]{7,}|\bnp\.(?:float|int|bool|str)\w*\(")


def problems(notebook: NotebookNode, name: str = "") -> list[str]:
    """Return a sentence for each rule that the notebook breaks; an empty list is a clean bill."""
    found = list(_metadata(notebook))
    found += _structure(notebook)
    found += _exercises(notebook)
    for number, cell in enumerate(notebook.cells):
        rules = (_code, _imports, _outputs) if cell.cell_type == "code" else (_prose,)
        found += [f"cell {number}: {each}" for rule in (*rules, _machine) for each in rule(cell)]
    found += _order(notebook)
    found += _allowances(notebook, name)
    return found


def _metadata(notebook: NotebookNode) -> Iterator[str]:
    if notebook.metadata != METADATA:
        yield "the notebook's metadata is not what tools/refresh.py stores"
    for number, cell in enumerate(notebook.cells):
        if cell.get("id") != f"cell-{number:02d}":
            yield f"cell {number}: its id is not cell-{number:02d}"
        if besides := sorted(set(cell.metadata) - set(KEPT)):
            yield f"cell {number}: has metadata besides {', '.join(KEPT)}: {', '.join(besides)}"
        if cell.get("attachments"):
            yield f"cell {number}: has an attachment; draw it in a code cell"


def _headings(notebook: NotebookNode) -> list[tuple[int, str]]:
    return [heading for cell in notebook.cells if cell.cell_type == "markdown"
            for heading in myst.headings(cell.source)]


def _structure(notebook: NotebookNode) -> Iterator[str]:
    headings = _headings(notebook)
    first = notebook.cells[0] if notebook.cells else None
    if not (first and first.cell_type == "markdown" and headings
            and myst.headings(first.source)[:1] == headings[:1] and headings[0][0] == 1):
        yield "the first cell does not start with the title (# ...)"
    if sum(level == 1 for level, _ in headings) != 1:
        yield "there is not exactly one title (# ...)"
    for (above, _), (level, title) in zip(headings, headings[1:]):
        if level > above + 1:
            yield f"the heading {title!r} skips a level"
    last = [title for level, title in headings if level == 2][-len(CLOSING):]
    if last != list(CLOSING):
        yield f"the last sections are not {', '.join(CLOSING)}"
        return
    sections = dict.fromkeys(CLOSING, "")
    current = None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                title = line.removeprefix("## ").strip() if line.startswith("## ") else None
                current = title or current
                if current in sections and not title:
                    sections[current] += line + "\n"
    if "{exercise" not in sections["Exercises"]:
        yield "the section Exercises has no exercise"
    if not re.search(r"^\|.*\|\n\|[ :|-]+\|\n\|", sections["What you measured"], re.MULTILINE):
        yield "the section What you measured has no table"
    if not re.search(r"\{cite|\]\(|\{ref\}|\{doc\}", sections["Further reading"]):
        yield "the section Further reading has no link and no citation"


def _exercises(notebook: NotebookNode) -> Iterator[str]:
    labels, solved = [], set()
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for each in myst.directives(cell.source):
            if each.name in {"exercise", "exercise-start"}:
                labels.append(each.options.get("label", ""))
            elif each.name in {"solution", "solution-start"}:
                solved.add(each.argument)
                if "dropdown" not in each.options.get("class", "").split():
                    yield f"the solution of {each.argument!r} is not folded (:class: dropdown)"
    if "" in labels:
        yield "an exercise has no label"
    for label in labels:
        if label and label not in solved:
            yield f"the exercise {label!r} has no solution"


def _order(notebook: NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "the code cells were not executed from the top, each once: run make refresh"
    row = 0
    for number, cell in enumerate(notebook.cells):
        row = row + 1 if cell.cell_type == "code" else 0
        if row == CODE_CELLS_IN_A_ROW + 1:
            yield f"cell {number}: {row} code cells in a row, without prose"


def _length(cell: NotebookNode) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def _ignores(cell: NotebookNode) -> bool:
    return bool(IGNORING.search(cell.source) or IGNORING_TAGS & set(cell.metadata.get("tags", ())))


def _allowances(notebook: NotebookNode, name: str) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for what, count, allowed in (
            (f"of more than {LINES} lines", sum(_length(cell) > LINES for cell in code),
             LONG_CELLS.get(name, 0)),
            ("that are not compared or may fail", sum(map(_ignores, code)),
             IGNORED_CELLS.get(name, 0))):
        if count != allowed:
            yield f"{count} code cells {what}; {allowed} allowed"


def _code(cell: NotebookNode) -> Iterator[str]:
    if not cell.source.strip():
        yield "is empty"
    if _length(cell) > LONG_LINES:
        yield f"has {_length(cell)} lines of code; {LONG_LINES} at the very most"
    if cell.source.rstrip().endswith(";"):
        yield "ends with a semicolon, which hides nothing when outputs are compared: use _ = ..."


def _imports(cell: NotebookNode) -> Iterator[str]:
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        yield "is no plain Python (a magic, a shell command?)"
        return
    if "sys.path" in cell.source:
        yield "changes the search path"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
            if any(module.split(".")[0] == "lib" for module in modules):
                yield "imports lib whole; write from lib.layer import name"
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or "."]
            names = [alias.name for alias in node.names]
            if modules[0].split(".")[0] == "lib" and any(n == "*" or n[0] == "_" for n in names):
                yield "imports * or a private name from lib"
        else:
            continue
        for module in modules:
            if module.split(".")[0] not in LIBRARIES:
                yield f"imports {module}, which readers need not have"


def _texts(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "stream":
        yield output.text
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield value


def _outputs(cell: NotebookNode) -> Iterator[str]:
    lines = 0
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "error":
            yield f"stores an error: {output.ename}"
        if output.output_type == "stream" and output.name == "stderr":
            yield "stores a warning or other text of stderr"
        if any(kind.startswith("image/") for kind in data):
            alt = data.get("text/plain", "")
            if alt.lstrip().startswith("<") or len(alt.strip()) < SHORTEST_ALT:
                yield f"shows a picture without a description ({SHORTEST_ALT} characters or more)"
        for picture in myst.undescribed_pictures(data.get("text/html", "")):
            yield f"shows a picture without a description: {picture}"
        plain = output.get("text", data.get("text/plain", ""))
        lines += len(plain.splitlines())
        if re.search(r"^<[\w.]+ (?:object )?at 0x|^<Figure size", plain):
            yield "shows an object's address or a bare figure"
    if lines > OUTPUT_LINES:
        yield f"shows {lines} lines of text; {OUTPUT_LINES} at most"


def _prose(cell: NotebookNode) -> Iterator[str]:
    for picture in myst.undescribed_pictures(cell.source):
        yield f"has a picture without a description: {picture}"


def _machine(cell: NotebookNode) -> Iterator[str]:
    shown = [text for output in cell.get("outputs", []) for text in _texts(output)]
    for text in (cell.source, *shown):
        for found in MACHINE.findall(text):
            yield f"names a path of a machine: {found}"
        for found in TIME.findall(text):
            yield f"names a time of day: {found}"
    host = platform.node()
    for text in shown:
        if len(host) > SHORTEST_HOST and host in text:
            yield f"shows this machine's name: {host}"
        for found in VARYING.findall(text):
            yield f"shows what differs from run to run or version to version: {found}"
