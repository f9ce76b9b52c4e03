"""The chapters keep to the rules of tools/hygiene.py, and each rule can be broken and seen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import hygiene
from tools.refresh import METADATA, normalise

CHAPTERS = sorted((Path(__file__).parents[2] / "chapters").glob("*.ipynb"))
ALT = "Two curves: the loss falls from 7 to 2 in a hundred steps."

EXERCISE = """## Exercises

```{exercise}
:label: ex-double

Double it.
```

```{solution} ex-double
:class: dropdown

Multiply by two.
```"""
MEASURED = """## What you measured

| | figure | protected by |
|---|---|---|
| sum | 3 | asserted |"""
READING = "## Further reading\n\nHu et al. 2021 {cite}`hu2021lora`."


def picture(alt: str = ALT) -> nbformat.NotebookNode:
    return new_output("display_data", {"image/png": "aGk=", "text/plain": alt})


def sample() -> nbformat.NotebookNode:
    """A short notebook that keeps to every rule; code in cells 1, 3 and 4."""
    code = [
        new_code_cell("import numpy as np\n\nfrom lib.lora import LoRALinear", execution_count=1),
        new_code_cell("print(f'{1 + 2:.1f}')", execution_count=2,
                      outputs=[new_output("stream", name="stdout", text="3.0\n")]),
        new_code_cell("draw()", execution_count=3, outputs=[picture()]),
    ]
    notebook = new_notebook(metadata=copy.deepcopy(METADATA), cells=[
        new_markdown_cell("(add)=\n# Add two numbers\n\nHere we go."),
        code[0],
        new_markdown_cell("## A sum\n\n```python\n# no heading\n```\n\n### By hand\n\nWord."),
        *code[1:],
        new_markdown_cell(EXERCISE), new_markdown_cell(MEASURED), new_markdown_cell(READING)])
    return normalise(notebook)


def source(number: int, text: str) -> Callable[[nbformat.NotebookNode], None]:
    def change(notebook: nbformat.NotebookNode) -> None:
        notebook.cells[number].source = text
    return change


def edit(number: int, old: str, new: str) -> Callable[[nbformat.NotebookNode], None]:
    def change(notebook: nbformat.NotebookNode) -> None:
        assert old in notebook.cells[number].source
        notebook.cells[number].source = notebook.cells[number].source.replace(old, new)
    return change


def output(data: nbformat.NotebookNode) -> Callable[[nbformat.NotebookNode], None]:
    def change(notebook: nbformat.NotebookNode) -> None:
        notebook.cells[3].outputs = [data]
    return change


def shows(text: str) -> Callable[[nbformat.NotebookNode], None]:
    return output(new_output("stream", name="stdout", text=text))


def html(text: str) -> Callable[[nbformat.NotebookNode], None]:
    return output(new_output("display_data", {"text/html": text}))


def tag(number: int, *tags: str) -> Callable[[nbformat.NotebookNode], None]:
    return lambda notebook: notebook.cells[number].metadata.update(tags=list(tags))


def setting(number: int, **values: object) -> Callable[[nbformat.NotebookNode], None]:
    return lambda notebook: notebook.cells[number].update(values)


def insert(number: int, *cells: nbformat.NotebookNode) -> Callable[[nbformat.NotebookNode], None]:
    def change(notebook: nbformat.NotebookNode) -> None:
        notebook.cells[number:number] = cells
        normalise(notebook)
    return change


HOME = "/".join(["", "home", "ada", "model.npz"])

BREAKAGES = {
    "never executed": (setting(3, execution_count=None), "were not executed"),
    "tag that ignores": (tag(3, "nbval-ignore-output"), "1 code cells that are not compared"),
    "tag that allows an error": (tag(3, "raises-exception"), "1 code cells that are not compared"),
    "comment that ignores": (source(3, "# NBVAL_IGNORE_OUTPUT\nprint(3)"), "are not compared"),
    "long cell": (source(3, "x = 1\n" * 16), "1 code cells of more than 15 lines"),
    "far too long cell": (source(3, "x = 1\n" * 26), "has 26 lines of code"),
    "empty cell": (source(3, ""), "cell 3: is empty"),
    "semicolon": (source(3, "plot(x);"), "ends with a semicolon"),
    "three cells in a row": (insert(3, new_code_cell("y = 2", execution_count=2)),
                             "cell 5: 3 code cells in a row"),
    "much output": (shows("line\n" * 46), "shows 46 lines of text"),
    "stored error": (output(new_output("error", ename="ValueError", evalue="", traceback=[])),
                     "stores an error: ValueError"),
    "stored warning": (output(new_output("stream", name="stderr", text="careful\n")),
                       "text of stderr"),
    "path in an output": (shows(f"saved {HOME}\n"), "names a path of a machine"),
    "time": (shows("done at 2026-01-31 12:45\n"), "names a time of day"),
    "address": (shows("<lib.layers.Linear object at 0x7f00deadbeef>"), "0x7f00deadbeef"),
    "bare figure": (shows("<Figure size 640x480 with 1 Axes>"), "a bare figure"),
    "NumPy scalar": (shows("np.float32(3.0)"), "version to version: np.float32("),
    "figure without words": (output(picture("<Figure size 640x480>")), "without a description"),
    "figure in HTML": (html("<img src='x.png'>"), "without a description"),
    "picture in prose": (source(2, "## A sum\n\n![](sum.png)"), "without a description: ![]"),
    "picture directive": (source(2, "## A sum\n\n```{figure} sum.png\n:width: 50%\n```"),
                          "without a description: {figure}"),
    "notebook metadata": (lambda n: n.metadata.update(authors=["a"]), "the notebook's metadata"),
    "cell metadata": (lambda n: n.cells[3].metadata.update(collapsed=True),
                      "metadata besides tags, tolerance: collapsed"),
    "cell id": (setting(3, id="a1b2"), "its id is not cell-03"),
    "attachment": (setting(2, attachments={"a.png": {}}), "has an attachment"),
    "import of lib": (source(3, "import lib.lora"), "imports lib whole"),
    "private import": (source(3, "from lib.lora import _scale"), "imports * or a private name"),
    "foreign import": (source(3, "import torch"), "imports torch"),
    "search path": (source(3, "import sys\nsys.path.append('..')"), "changes the search path"),
    "magic": (source(3, "%timeit f()"), "is no plain Python"),
    "no title": (source(0, "Here we go."), "does not start with the title"),
    "two titles": (edit(2, "## A sum", "# A sum"), "not exactly one title"),
    "code first": (insert(0, new_code_cell("x = 1", execution_count=1)),
                   "does not start with the title"),
    "skipped level": (edit(2, "### By hand", "#### By hand"), "'By hand' skips a level"),
    "no closing sections": (edit(7, "## Further reading", "## The end"), "last sections are not"),
    "section after them": (insert(8, new_markdown_cell("## And more")), "last sections are not"),
    "another order": (lambda notebook: notebook.cells.insert(5, notebook.cells.pop(6)),
                      "last sections are not"),
    "no exercise": (source(5, "## Exercises\n\nNone."), "Exercises has no exercise"),
    "no table": (source(6, "## What you measured\n\nA lot."), "has no table"),
    "nothing to read": (source(7, "## Further reading\n\nBooks."), "has no link and no citation"),
    "open solution": (edit(5, ":class: dropdown\n", ""), "'ex-double' is not folded"),
    "unlabelled exercise": (edit(5, ":label: ex-double\n", ""), "an exercise has no label"),
    "unsolved exercise": (edit(5, "{solution} ex-double", "{solution} ex-halve"),
                          "'ex-double' has no solution"),
}


def test_sample_keeps_to_every_rule():
    notebook = sample()
    notebook.cells[3].metadata["tolerance"] = {"points": 2}
    assert hygiene.problems(notebook) == []


def test_each_breakage_is_seen():
    for name, (change, sentence) in BREAKAGES.items():
        notebook = sample()
        change(notebook)
        found = hygiene.problems(notebook)
        assert any(sentence in each for each in found), (name, found)


def test_machine_name_is_seen(monkeypatch):
    monkeypatch.setattr(hygiene.platform, "node", lambda: "worker-17")
    notebook = sample()
    shows("running on worker-17\n")(notebook)
    assert "cell 3: shows this machine's name: worker-17" in hygiene.problems(notebook)


def test_an_allowance_is_exact(monkeypatch):
    monkeypatch.setitem(hygiene.IGNORED_CELLS, "bench.ipynb", 1)
    notebook = sample()
    assert any("0 code cells that are not" in each
               for each in hygiene.problems(notebook, "bench.ipynb"))
    tag(3, "nbval-ignore-output")(notebook)
    assert hygiene.problems(notebook, "bench.ipynb") == []
    assert hygiene.problems(notebook, "other.ipynb") != []


def test_solution_with_code_cells_is_folded():
    notebook = sample()
    notebook.cells[5].source = EXERCISE.split("```{solution}")[0]
    notebook.cells[6:6] = [
        new_markdown_cell("````{solution-start} ex-double\n:class: dropdown\n````"),
        new_code_cell("print(2 * 2)", execution_count=4),
        new_markdown_cell("````{solution-end}\n````")]
    assert hygiene.problems(normalise(notebook)) == []


def test_chapters_keep_to_every_rule():
    assert CHAPTERS
    found = {}
    for path in CHAPTERS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        found[path.name] = hygiene.problems(notebook, path.name)
    assert {name: each for name, each in found.items() if each} == {}


def test_chapters_import_lib_before_they_compute_anything_large():
    """From then on BLAS has one thread, so that results don't depend on the number of cores."""
    for path in CHAPTERS:
        cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        assert any("from lib." in source for source in cells[:3]), path.name
