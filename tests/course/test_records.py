"""The records of experiments belong to the functions that the chapters have."""

import ast
import hashlib
import json
import textwrap
from pathlib import Path

import nbformat
import pytest

from lib.laboratory.record import FOLDER

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "chapters").glob("*.ipynb"))


def recorded(path: Path) -> dict[str, str]:
    """Each function that a chapter gives to ``sampled``: its source, as inspect gives it."""
    sources, names = {}, []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        lines = cell.source.splitlines(keepends=True)
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                block = "".join(lines[node.lineno - 1:node.end_lineno])
                sources[node.name] = textwrap.dedent(block.rstrip("\n") + "\n")
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sampled":
                names.append(node.args[0].id)
    return {name: sources[name] for name in names}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_record_is_of_another_function(path):
    """Such a record is never read: the chapter would run everything again, each time."""
    stale = [name for name, source in recorded(path).items()
             if json.loads((FOLDER / f"{name}.json").read_text())["code"]
             != hashlib.sha256(source.encode()).hexdigest()[:16]]
    assert not stale, f"make record NB=chapters/{path.name} makes them anew: {stale}"


def test_a_function_is_found_as_it_stands(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell("x = 1\n\n\ndef run(seed):\n    return seed"),
        nbformat.v4.new_code_cell("found = sampled(run, [(0,)])")])
    nbformat.write(notebook, tmp_path / "small.ipynb")
    assert recorded(tmp_path / "small.ipynb") == {"run": "def run(seed):\n    return seed\n"}
