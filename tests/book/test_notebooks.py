"""What every chapter's notebook keeps to, and that each rule can be broken and seen.

The rules protect readers (short cells, folded solutions, pictures with words), the comparison of
stored outputs (everything was executed, nothing is ignored) and other machines (no paths, no times
of day). What Sphinx, ruff and axe see for themselves is left to them.
"""

import ast
import copy
import platform
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import tolerance
from tools.refresh import KEPT, METADATA, normalise

CHAPTERS = sorted((Path(__file__).parents[2] / "chapters").glob("*.ipynb"))
LINES, IN_A_ROW, OUTPUT_LINES = 15, 2, 45  # the longest function of lib fits
SHORTEST_ALT = 30  # characters in which a figure is described
PROJECT = "(project)"
CLOSING = ["Exercises", "Further reading"]
LIBRARIES = ({"lib", "numpy", "matplotlib", "IPython", "ipywidgets", "autograd"}
             | set(sys.stdlib_module_names))
IGNORING = re.compile(r"^\s*#\s*(NBVAL_|PYTEST_VALIDATE_IGNORE)", re.MULTILINE)
IGNORING_TAGS = {"nbval-ignore-output", "nbval-skip", "nbval-raises-exception", "raises-exception",
                 "skip-execution"}
MACHINE = re.compile(r"(?<![\w.>)])/(?:home|root|Users|work|opt|mnt|tmp|private|var)/\w"
                     r"|\b[A-Z]:\\\w|\bfile://")
#: Times of day, addresses in memory, and bare scalars, which releases of NumPy print differently.
VARYING = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b\d\d:\d\d:\d\d\b|\b0x[0-9a-f]{7,}"
                     r"|\bnp\.(?:float|int|bool|str)\w*\(")
LABEL = re.compile(r"\{exercise(?:-start)?\}([^\n]*)\n:label: (\S+)")
SOLUTION = re.compile(r"\{solution(?:-start)?\} (\S+)\n((?::.*\n)*)")


def problems(notebook):
    """A sentence for each rule that the notebook breaks."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = []
    if notebook.metadata != METADATA:
        found.append("the notebook's metadata is not what make refresh stores")
    if not re.match(r"(\(\S+\)=\n)?# ", notebook.cells[0].source):
        found.append("the first cell does not start with the title (# ...)")
    if re.findall(r"^## (.*)$", prose, re.MULTILINE)[-2:] != CLOSING:
        found.append(f"the last sections are not {', '.join(CLOSING)}")
    solved = dict(SOLUTION.findall(prose))
    found += [f"the exercise {label} has no folded solution"
              for title, label in LABEL.findall(prose)
              if not title.endswith(PROJECT) and ":class: dropdown" not in solved.get(label, "")]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("the code cells were not executed from the top, each once: make refresh")
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    if "c" * (IN_A_ROW + 1) in kinds:
        found.append(f"more than {IN_A_ROW} code cells in a row, without prose")
    for number, cell in enumerate(notebook.cells):
        rules = [metadata, machine] + [source, outputs] * (cell.cell_type == "code")
        found += [f"cell {number} {each}" for rule in rules for each in rule(cell)]
    return found


def metadata(cell):
    if besides := sorted(set(cell.metadata) - set(KEPT)):
        yield f"has metadata besides {', '.join(KEPT)}: {', '.join(besides)}"
    if "tolerance" in cell.metadata:
        try:
            tolerance.check(cell.metadata.tolerance)
        except ValueError as error:
            yield f"declares what is no tolerance: {error}"


def source(cell):
    lines = sum(bool(line.strip()) for line in cell.source.splitlines())
    if not 0 < lines <= LINES:
        yield f"has {lines} lines of code, from 1 to {LINES} are allowed"
    if IGNORING.search(cell.source) or IGNORING_TAGS & set(cell.metadata.get("tags", ())):
        yield "is not compared, or may fail"
    tree = ast.parse(cell.source)
    if any(isinstance(node, ast.Expr) and ast.unparse(node).startswith("table(")
           for node in tree.body[:-1]):
        yield "has a table before its last line, which is not shown"
    for node in ast.walk(tree):
        names = [alias.name for alias in getattr(node, "names", ()) if hasattr(alias, "name")]
        module = getattr(node, "module", None)
        for name in [module] if module else names if isinstance(node, ast.Import) else []:
            if name.split(".")[0] not in LIBRARIES:
                yield f"imports {name}, which readers need not have"
        if (module or "").split(".")[0] == "lib" and any(name[0] in "_*" for name in names):
            yield "imports * or a private name from lib"


def outputs(cell):
    shown = [output.get("text", output.get("data", {}).get("text/plain", ""))
             for output in cell.outputs]
    if (lines := sum(len(text.splitlines()) for text in shown)) > OUTPUT_LINES:
        yield f"shows {lines} lines of text; {OUTPUT_LINES} at most"
    for output, text in zip(cell.outputs, shown):
        if output.output_type == "error" or output.get("name") == "stderr":
            yield "stores an error or a warning"
        if any(kind.startswith("image/") for kind in output.get("data", {})) \
                and len(text.strip()) < SHORTEST_ALT:
            yield f"shows a picture without a description ({SHORTEST_ALT} characters or more)"


def machine(cell):
    shown = [output.get("text", "") + "".join(
        text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))
        for output in cell.get("outputs", [])]
    for text in (cell.source, *shown):
        yield from (f"names a path of a machine: {each}" for each in MACHINE.findall(text))
    for text in shown:
        yield from (f"shows what differs from run to run: {each}"
                    for each in VARYING.findall(text))
        if len(platform.node()) > 6 and platform.node() in text:
            yield "shows this machine's name"


def test_the_chapters_keep_to_the_rules():
    broken = {path.stem: found for path in CHAPTERS
              if (found := problems(nbformat.read(path, as_version=4)))}
    assert len(CHAPTERS) >= 18 and not broken


def sample():
    """A short notebook that keeps to every rule; code in cells 1 and 3."""
    shown = new_output("display_data", {"image/png": "aGk=",
                                        "text/plain": "A curve that falls from 7 to 2."})
    cells = [new_markdown_cell("# Add\n\nHere we go."),
             new_code_cell("from lib.lora import LoRALinear", execution_count=1),
             new_markdown_cell("Word."),
             new_code_cell("draw()", execution_count=2, outputs=[shown]),
             new_markdown_cell("## Exercises\n\n```{exercise}\n:label: ex\n```\n\n"
                               "```{solution} ex\n:class: dropdown\n```\n\n"
                               "## Further reading")]
    return normalise(new_notebook(metadata=copy.deepcopy(METADATA), cells=cells))


def shows(text):
    return {"outputs": [new_output("stream", name="stdout", text=text)]}


HOME = "/".join(["", "home", "ada", "model.npz"])
BREAKAGES = {
    "no title": (0, {"source": "## Add"}), "closing": (4, {"source": "## Exercises"}),
    "unfolded": (4, {"source": sample().cells[4].source.replace(":class: dropdown\n", "")}),
    "never run": (3, {"execution_count": None}), "long": (3, {"source": "x = 1\n" * 16}),
    "empty": (3, {"source": ""}), "comment": (3, {"source": "# NBVAL_IGNORE_OUTPUT\nx = 1"}),
    "table": (3, {"source": "table(['a'], [])\nprint(1)"}),
    "tag": (3, {"metadata": {"tags": ["raises-exception"]}}),
    "metadata": (3, {"metadata": {"collapsed": True}}),
    "tolerance": (3, {"metadata": {"tolerance": {"percent": 2}}}),
    "library": (1, {"source": "import torch"}), "from": (1, {"source": "from torch import nn"}),
    "private": (1, {"source": "from lib.lora import _x"}),
    "star": (1, {"source": "from lib.lora import *"}),
    "much": (3, shows("line\n" * 46)), "path": (3, shows(HOME)), "time": (3, shows("12:30:59")),
    "address": (3, shows("<f at 0x7f00deadbeef>")), "scalar": (3, shows("np.float64(1.0)")),
    "warning": (3, {"outputs": [new_output("stream", name="stderr", text="careful")]}),
    "error": (3, {"outputs": [new_output("error", ename="E", evalue="", traceback=[])]}),
    "wordless": (3, {"outputs": [new_output("display_data", {"image/png": "aGk="})]}),
    "in a row": (2, {"cell_type": "code", "execution_count": 2, "outputs": [], "source": "x = 1"})}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_rule_is_seen(name):
    notebook = sample()
    assert problems(notebook) == []
    number, change = BREAKAGES[name]
    notebook.cells[number].update(nbformat.from_dict(change))
    assert problems(notebook)
