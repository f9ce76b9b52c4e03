"""The commands behind the Makefile: setting up, refreshing and editing notebooks, serving."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import browser, build_book, check, refresh

ROOT = Path(__file__).parents[2]
NO_SHELL = pytest.mark.skipif(shutil.which("sh") is None, reason="there is no POSIX shell")

# A Python of the version 3.N.0: says its version, takes part in a test of it, makes a .venv in
# which it lies itself, and notes in a file what pip and uv were asked for.
FAKE = """#!/bin/sh
case "$*" in
*sys.exit*) [ {minor} -ge 11 ] ;;
*print*) echo 3.{minor}.0 ;;
*ensurepip*) exit {ensurepip} ;;
*"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; touch .venv/pyvenv.cfg ;;
*"-m uv"*) echo "$*" >>asked.txt; exit {uv} ;;
*"-m pip"*) echo "$*" >>asked.txt; exit {pip} ;;
esac
"""
LOCK = "one==1 \\\n    --hash=x\nuv==2 \\\n    --hash=y \\\n    --hash=z\nzip==3 \\\n    --hash=x\n"


def fake_python(path: Path, minor: int, ensurepip: int = 0, pip: int = 0, uv: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE.format(minor=minor, ensurepip=ensurepip, pip=pip, uv=uv))
    path.chmod(0o755)


def setup(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of tools/setup.sh in ``folder``, on whose ``bin`` it looks for Pythons."""
    (folder / "tools").mkdir(exist_ok=True)
    shutil.copy(ROOT / "tools" / "setup.sh", folder / "tools")
    (folder / "requirements.lock").write_text(LOCK)
    (folder / "pyproject.toml").write_text("")
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    return subprocess.run(["sh", "tools/setup.sh"], cwd=folder, check=False,
                          env={"PATH": path} | variables, capture_output=True, text=True)


def asked(folder: Path) -> list[str]:
    """The last words of what pip and uv were asked for, oldest first; it's then forgotten."""
    lines = (folder / "asked.txt").read_text().splitlines()
    (folder / "asked.txt").unlink()
    return [f"{line.split()[1]} {line.split(' ', 2)[2].split('-r ')[-1]}" for line in lines]


@NO_SHELL
@pytest.mark.parametrize("minor, ensurepip, variables, words", [
    (9, 0, {}, "Python 3.11 or newer is needed, and python3 is 3.9.0: install it"),
    (9, 0, {"PYTHON": "python3.99"}, "python3.99 is not there"),
    (12, 1, {}, "Python 3.12.0 lacks its venv module: install it"),
    (12, 0, {"VENV": "bin"}, "bin is there and is no virtual environment")])
def test_setup_stops_with_one_line_and_changes_nothing(tmp_path, minor, ensurepip, variables,
                                                       words):
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        fake_python(tmp_path / "bin" / name, minor, ensurepip)
    done = setup(tmp_path, **variables)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert words in done.stderr
    assert not (tmp_path / ".venv").exists()
    assert len(list((tmp_path / "bin").iterdir())) == 5


@NO_SHELL
def test_setup_works_once_and_again_after_a_change(tmp_path):
    fake_python(tmp_path / "bin" / "python3", minor=10)  # too old, so that a newer one is taken
    fake_python(tmp_path / "bin" / "python3.14", minor=14)
    fake_python(tmp_path / "bin" / "python3.12", minor=12)
    assert "Making a virtual environment in .venv with Python 3.14.0" in setup(tmp_path).stdout
    assert asked(tmp_path)[1] == "uv requirements.lock"
    assert setup(tmp_path).stdout == ""
    (tmp_path / ".venv" / "installed").write_text("of another lock\n")
    assert "Installing" in setup(tmp_path).stdout
    assert "with Python 3.12.0" in setup(tmp_path, PYTHON="python3.12").stdout
    assert setup(tmp_path, PYTHON="python3.12").stdout == ""
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert "Making" in setup(moved).stdout


@NO_SHELL
def test_pip_installs_where_uv_cannot_and_a_failure_is_made_good(tmp_path):
    fake_python(tmp_path / "bin" / "python3", minor=11, uv=1)
    assert setup(tmp_path).returncode == 0
    assert asked(tmp_path)[:3] == ["pip .venv/uv.txt", "uv requirements.lock",
                                   "pip requirements.lock"]
    assert (tmp_path / ".venv" / "uv.txt").read_text() == LOCK[LOCK.index("uv"):LOCK.index("zip")]
    fake_python(tmp_path / ".venv" / "bin" / "python", minor=11, pip=1)
    (tmp_path / ".venv" / "installed").unlink()
    assert setup(tmp_path).returncode != 0
    fake_python(tmp_path / ".venv" / "bin" / "python", minor=11)
    done = setup(tmp_path)
    assert done.returncode == 0 and "Installing" in done.stdout


def save(path: Path, *cells: nbformat.NotebookNode) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def sample(path: Path) -> Path:
    return save(
        path, new_markdown_cell("(sum)=\n# A sum\n\n:::{note}\nWith $x^2$.\n:::"),
        new_code_cell("import sys\n\nprint('one')\nsys.stdout.flush()\nprint('two')",
                      metadata={"tags": ["hide-input"], "tolerance": {"points": 2},
                                "collapsed": True}),
        new_markdown_cell("```{solution} x\n:class: dropdown\nA\n```"),
        new_code_cell("import lib.lora\nimport os\nprint(os.environ['COURSE_EXPLORE'])"))


def test_refresh_stores_the_same_bytes_twice(tmp_path):
    path = sample(tmp_path / "a.ipynb")
    assert refresh.refresh(path) is None
    first = path.read_bytes()
    assert refresh.refresh(path) is None
    assert path.read_bytes() == first
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2]
    assert [[output.text for output in cell.outputs] for cell in code] == [
        ["one\ntwo\n"], ["still\n"]]
    assert code[0].metadata == {"tags": ["hide-input"], "tolerance": {"points": 2}}
    assert notebook.metadata == refresh.METADATA
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("last, trouble", [("1 / 0", "ZeroDivisionError"), ("2", "disk full")])
def test_refresh_leaves_the_file_whole_when_something_fails(tmp_path, capsys, monkeypatch, last,
                                                            trouble):
    path = save(tmp_path / "a.ipynb", new_code_cell("print(1)"), new_code_cell(last))
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert refresh.main([str(path)]) == 1
    assert "a.ipynb: FAILED, file left as it was" in (said := capsys.readouterr()).out
    assert trouble in said.err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_edit_of_the_text_reaches_the_notebook_and_outputs_stay(tmp_path):
    """``make text`` and ``make notebook``, in another folder."""
    def sync(path):
        subprocess.run([sys.executable, "-m", "jupytext", "--quiet", "--sync", path], check=True)

    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path, text = sample(tmp_path / "chapters" / "a.ipynb"), tmp_path / "_text" / "a.md"
    notebook = refresh.normalise(nbformat.read(path, as_version=4))
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="one\n")]
    refresh.write(notebook, path)
    before = path.read_bytes()
    sync(path)
    assert path.read_bytes() == before and "```{code-cell}" in text.read_text()
    text.write_text(text.read_text().replace("# A sum", "# Two sums"))
    sync(text)
    notebook.cells[0].source = notebook.cells[0].source.replace("# A sum", "# Two sums")
    assert refresh.normalise(nbformat.read(path, as_version=4)) == notebook
    path.unlink()  # a new notebook starts as text
    sync(text)
    for each in notebook.cells[1::2]:
        each.outputs, each.execution_count = [], None
    assert refresh.normalise(nbformat.read(path, as_version=4)) == notebook


def test_a_failed_step_fails_the_checks_and_the_others_still_run(monkeypatch, capsys):
    results = {"a": check.FAILED, "b": check.PASSED, "c": check.SKIPPED}
    monkeypatch.setattr(check, "STEPS", {
        name: lambda result=result: result for name, result in results.items()})
    assert check.main([]) == 1
    said = capsys.readouterr().out
    assert all(f"{name:10} {result}" in said for name, result in results.items())
    assert check.main(["b", "c"]) == 0
    assert check.main(["d"]) == 2
    assert "Unknown step 'd'" in capsys.readouterr().err


def test_a_failed_build_forgets_the_pages_that_it_read(monkeypatch, tmp_path, capsys):
    pages = tmp_path / "pages"
    pages.mkdir()
    monkeypatch.setattr(build_book, "READ_PAGES", pages)
    monkeypatch.setattr(build_book, "run_notebooks", lambda **_: 0)
    for code in (0, 1):
        program = [sys.executable, "-c", f"exit({code})"]
        monkeypatch.setattr(build_book, "COMMAND", program)
        assert build_book.main([]) == code
        said = capsys.readouterr()
        assert ("The book is built" in said.out, "did not build" in said.err) == (not code, code)
        assert pages.exists() == (not code)
        assert check.run(program) == (check.FAILED if code else check.PASSED)


@pytest.mark.parametrize("option, code", [("--help", 0), ("--al1", 2)])
def test_a_question_about_the_options_builds_nothing(monkeypatch, capsys, option, code):
    monkeypatch.setattr(build_book, "run_notebooks", lambda **_: pytest.fail("notebooks were run"))
    with pytest.raises(SystemExit) as stopped:
        build_book.main([option])
    assert stopped.value.code == code
    assert "--all" in "".join(capsys.readouterr())


@pytest.mark.parametrize("ci, result", [("true", check.FAILED), ("", check.SKIPPED)])
def test_without_a_browser_ci_fails_and_others_skip(monkeypatch, capsys, ci, result):
    monkeypatch.setattr(browser, "find", lambda: None)
    monkeypatch.setattr(browser, "install", lambda: None)
    monkeypatch.setenv("CI", ci)
    assert check.in_browser() == result
    assert "no Chromium" in capsys.readouterr().out


def test_the_named_browser_is_taken(monkeypatch, tmp_path):
    (tmp_path / "mine").touch(0o755)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "mine"))
    assert browser.find() == str(tmp_path / "mine")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    assert browser.find() is None
