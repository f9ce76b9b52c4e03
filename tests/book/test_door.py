"""The door through which notebooks are run: compared, stubs tried, kept for the book, run once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook, new_output
from test_exercise_cells import CHECK, exercise

from tools import executed, notebooks

ROOT = Path(__file__).resolve().parents[2]


def cell(source, printed="", **metadata):
    outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
    return new_code_cell(source, outputs=outputs, execution_count=1, metadata=metadata)


def notebook(*cells):
    made = new_notebook(cells=list(cells))
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3",
                                "language": "python"}
    return made


def run(folder: Path, *made) -> tuple[int, str, list[dict]]:
    """Run notebooks through the door; return the exit code, what was said, and their records."""
    paths = [folder / f"small{number}.ipynb" for number in range(len(made))]
    for path, each in zip(paths, made):
        nbformat.write(each, path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "tools.notebooks",
         "--nbval", "--nbval-cell-timeout=60", f"--executed={folder / 'kept'}", *map(str, paths)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PY_COLORS": "0"})
    return (done.returncode, done.stdout + done.stderr,
            [json.loads((folder / "kept" / f"{path.stem}.json").read_text()) for path in paths])


HEAD = "             yours  target\n"
REFUSED = f"{HEAD}· double(2)  ...    4\nNot yet: double(2) is ..., fill in the dots\n"
TAKEN = f"{HEAD}✓ double(2)  4      4\nSolved.\n"


def in_cells(rows, *said):
    """An exercise in cells, what its stub and solution say; and the reader's answer is there still.
    """
    outputs = [[new_output("stream", name="stdout", text=each)] for each in said]
    return notebook(*exercise(rows, *outputs), cell("print(double(4))", "Ellipsis\n"))


def test_what_gives_its_outputs_is_kept_and_a_stub_is_refused_in_the_open(tmp_path):
    rows = f"from lib.exercises import check\n\n{CHECK}"
    code, said, records = run(
        tmp_path, notebook(
            cell("print('loss 0.125')", "loss 0.124\n", tolerance={"absolute": 0.002}),
            cell("print(sum(range(10**7)))", "49999995000000\n")),
        in_cells(rows, REFUSED, TAKEN))
    assert code == 0 and "6 passed" in said, said
    assert all(record["passed"] and record["seconds"] > 0 for record in records)
    kept = nbformat.read(tmp_path / "kept" / "small0.ipynb", as_version=4)
    assert kept.cells[0].outputs[0].text == "loss 0.125\n"


def test_what_differs_fails_and_so_does_a_check_that_takes_the_stub_or_refuses_the_solution(
        tmp_path):
    """The checks are decided by names only: one takes the reader's ``double``, whatever that does.
    """
    rows = ("def check_double(f):\n"
            "    print('Solved.' if f.__name__ == 'double' else 'Not yet: no')")
    code, said, records = run(
        tmp_path, notebook(
            cell("print('loss 0.125')", "loss 0.120\n", tolerance={"absolute": 0.002}),
            cell("print('a')", "b\n"), cell("1 / 0")),
        in_cells(rows, "Solved.\n", "Not yet: no\n"),
        in_cells(rows.replace("== 'double'", "!= 'double'"), "Not yet: no\n", "Solved.\n"))
    assert code == 1 and "6 failed, 5 passed" in said, said
    assert [record["passed"] for record in records] == [False] * 3
    assert "0.120 has become 0.125" in said and "ZeroDivisionError" in said
    assert "does not print 'Not yet: '" in said and "does not print 'Solved.'" in said
    assert "with the solution in the stub's place" in said
    kept = nbformat.read(tmp_path / "kept" / "small0.ipynb", as_version=4)
    assert kept.cells[1].outputs[0].text == "a\n"


def compared(stored, new, **metadata):
    said = SimpleNamespace(cell=SimpleNamespace(metadata=metadata),
                           format_output_compare=lambda *_: None)
    return notebooks.compare(said, new, stored)


def test_words_of_a_slider_are_compared_in_every_mode():
    def shown(words, **data):
        return [new_output("display_data", data={"text/plain": words, **data})]
    page = {"text/html": '<figure class="explore">…</figure>'}
    assert compared(shown("rank 4", **{"image/png": "iVBO"}), shown("rank 4", **page))
    assert not compared(shown("rank 4", **{"image/png": "iVBO"}), shown("rank 5", **page))
    assert not compared(shown("a"), shown("a", **{"text/html": "<b>a</b>"}))
    assert not compared(shown("a"), [])
    assert not compared(shown("a"), shown("a") * 2)


def test_a_notebook_is_run_again_when_something_that_it_needs_changes(tmp_path, monkeypatch):
    for name in ("lib", "lib/data", "lib/other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("__init__.py" if name != "lib/data" else "base.npz")).write_text("")
    (tmp_path / "lib" / "a.py").write_text("def f():\n    from lib import b\n    return b\n")
    (tmp_path / "lib" / "b.py").write_text("X = 1\n")
    path = tmp_path / "small.ipynb"
    nbformat.write(notebook(cell("from lib.a import f")), path)

    def state():
        return executed.state(path, tmp_path)

    before = state()
    assert state() == before
    (tmp_path / "lib" / "other" / "__init__.py").write_text("X = 2\n")
    assert state() == before  # not needed by it
    for changed in ("lib/b.py", "lib/data/base.npz", "lib/__init__.py"):
        (tmp_path / changed).write_text("X = 3\n")
        assert state() != before, changed
        before = state()
    nbformat.write(notebook(cell("from lib.a import f", "1\n")), path)
    assert state() != before


def test_a_notebook_whose_weights_are_absent_is_lent_as_it_is_stored(tmp_path, monkeypatch):
    path, items = tmp_path / "real.ipynb", [SimpleNamespace(path=tmp_path / "real.ipynb")]
    nbformat.write(notebook(cell("1 / 0", "stored\n", tags=[executed.NEEDS])), path)
    monkeypatch.setattr(executed, "WEIGHTS", "numpy")  # as if they were installed
    assert executed.outdated([path], tmp_path) == [path]
    monkeypatch.setattr(executed, "WEIGHTS", "no_such_package")
    assert executed.outdated([path], tmp_path) == []
    assert executed.lend(tmp_path / "cache", [path], tmp_path) == []
    assert get_cache(str(tmp_path / "cache")).match_cache_file(str(path)).pk == 1
    notebooks.pytest_collection_modifyitems(items)
    assert items == []
