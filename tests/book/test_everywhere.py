"""The command that runs the notebooks as other machines would: what it runs, sees and remembers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import everywhere, machines
from tools.machines import HERE, NEWEST, OLDEST, OWN, Combination, NoEnvironment

ROOT = Path(__file__).parents[2]
FLAGS = {"sandybridge": "fpu sse2 avx", "haswell": "fpu sse2 avx fma avx2",
         "skylake": "avx fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl",
         "knights": "avx fma avx2 avx512f avx512cd avx512er avx512pf"}
FOUND = {"python": "3.13.5", "numpy": "2.1.3", "kernel": "Haswell", "threads": 1, "inside": 1,
         "same": True, "loops": ["SSE42", "AVX", "F16C", "FMA3", "AVX2", "AVX512F", "AVX512_SKX"]}


@pytest.mark.parametrize("processor, wanted", [
    ("sandybridge", ["Sandybridge"]), ("haswell", ["Haswell", "Sandybridge", "Zen"]),
    ("skylake", ["Haswell", "Sandybridge", "SkylakeX", "Zen"]),
    ("knights", ["Haswell", "Sandybridge", "Zen"])])
def test_kernels_are_those_that_the_processor_can_run(processor, wanted, tmp_path, monkeypatch):
    text = f"processor\t: 0\nvmx flags\t: avx512f\nflags\t\t: {FLAGS[processor]}\nbugs\t:\n"
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machines, "CPU", tmp_path / "cpuinfo")
    assert machines.kernels() == wanted


@pytest.mark.parametrize("text", [None, "", "Features\t: asimd\n", "flags\t: sse2\n"])
def test_a_processor_without_them_runs_its_own(text, tmp_path, monkeypatch):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machines, "CPU", tmp_path / "cpuinfo")
    assert machines.kernels() == [OWN]


def python(folder: Path, minor: int, says: str | None = None) -> str:
    path = folder / f"python3.{minor}"
    folder.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + (f"echo {says}\n" if says else "exit 127\n"))
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no POSIX shell")
def test_pythons_are_the_oldest_allowed_and_the_newest_that_start(tmp_path, monkeypatch):
    running = "{}.{}".format(*sys.version_info)
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert machines.pythons() == {running: sys.executable}
    python(tmp_path / "a", 28)                          # starts not: a shim of nothing, say
    Path(python(tmp_path / "b", 28, "3.28.0")).chmod(0o644)
    python(tmp_path / "a", 27, "3.12.1")                # is another one
    wanted = python(tmp_path / "b", 27, "3.27.0")
    older = python(tmp_path / "b", 11, "3.11.4")
    python(tmp_path / "b", 26, "3.26.0")                # neither oldest nor newest
    assert machines.pythons() == {
        "3.11": sys.executable if running == "3.11" else older, "3.27": wanted}


def test_requirements_are_those_of_the_project():
    numpy, others = machines.requirements()
    assert numpy == "numpy>=2.0,<3"
    names = {line.split(">")[0] for line in others}
    assert {"matplotlib", "threadpoolctl", "tqdm", "font-source-sans-pro", "nbval", "pytest",
            "pytest-xdist", "ipykernel"} <= names
    assert not {"numpy", "jupyter-book", "jupyterlab", "playwright"} & names    # light


def test_what_pip_is_asked_for():
    choices = machines.numpy_choices(OLDEST, "numpy>=2.0,<3")
    assert choices[:3] == ["numpy==2.0.*", "numpy==2.1.*", "numpy==2.2.*"]
    assert machines.numpy_choices(OLDEST, "numpy>=2.5,<3")[0] == "numpy==2.5.*"
    assert machines.numpy_choices(NEWEST, "numpy>=2.0,<3") == ["numpy>=2.0,<3"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "_build" / "everywhere"
    monkeypatch.setattr(machines, "ROOT", tmp_path)
    monkeypatch.setattr(machines, "HOME", folder)
    monkeypatch.setattr(everywhere, "HOME", folder)
    monkeypatch.setattr(everywhere, "RESULTS", folder / "results.jsonl")
    monkeypatch.setattr(machines, "requirements", lambda: ("numpy>=2.0,<3", ["tqdm"]))
    forget = machines.interpreter.cache_clear
    forget()
    yield folder
    forget()


class Pip:
    """Stands for subprocess.run: makes folders for venv, has NumPy from one version on for pip."""

    def __init__(self, first: str = "numpy==2.0.*", error: str = "") -> None:
        self.first, self.error, self.asked, self.made = first, error, [], 0

    def __call__(self, command, **settings):
        words = list(map(str, command))
        if "venv" in words:
            (Path(words[-1]) / "bin").mkdir(parents=True)
            (Path(words[-1]) / "bin" / "python").touch()
            self.made += 1
        elif "pip" in words:
            assert "--only-binary=:all:" in words and words[-1] == "tqdm"
            self.asked.append(words[-2])
            missing = "ERROR: No matching distribution found for numpy==2.0.*\n"
            error = self.error or (missing if words[-2] < self.first else "")
            return subprocess.CompletedProcess(command, int(bool(error)), "", error)
        return subprocess.CompletedProcess(command, 0, "3.13.5\n", "")


def test_the_oldest_numpy_is_the_first_that_there_is_for_a_python(home, monkeypatch):
    monkeypatch.setattr(machines.subprocess, "run", pip := Pip("numpy==2.2.*"))
    path = machines.interpreter("python3.13", "3.13", OLDEST)
    assert path == str(home / "3.13-oldest" / "bin" / "python")
    assert pip.asked == ["numpy==2.0.*", "numpy==2.1.*", "numpy==2.2.*"] and pip.made == 1


def test_an_environment_is_made_once_and_again_when_something_else_is_wanted(home, monkeypatch):
    monkeypatch.setattr(machines.subprocess, "run", pip := Pip())
    for _ in range(2):
        machines.interpreter("python3.13", "3.13", NEWEST)
        machines.interpreter.cache_clear()
    assert pip.asked == ["numpy>=2.0,<3"] and pip.made == 1
    monkeypatch.setattr(machines, "requirements", lambda: ("numpy>=2.1,<3", ["tqdm"]))
    (home / "3.13-newest" / "bin" / "python").unlink()
    (home / "3.13-newest" / "bin").rmdir()
    machines.interpreter("python3.13", "3.13", NEWEST)
    assert pip.asked[1:] == ["numpy>=2.1,<3"] and pip.made == 2


def test_an_environment_that_pip_cannot_fill_is_no_environment(home, monkeypatch):
    monkeypatch.setattr(machines.subprocess, "run", pip := Pip(error="no network\n"))
    with pytest.raises(NoEnvironment, match="Python 3.13 with the oldest NumPy: no network"):
        machines.interpreter("python3.13", "3.13", OLDEST)
    assert len(pip.asked) == 1      # not once for every version of NumPy
    assert not (home / "3.13-oldest" / "installed.json").exists()


def test_here_is_the_environment_that_runs_this(home):
    assert machines.interpreter("python3.13", "3.13", HERE) == sys.executable
    assert not home.exists()


@pytest.mark.parametrize("kernel, off", [
    ("SkylakeX", None), (OWN, None), ("Haswell", "AVX512F AVX512_SKX"),
    ("Zen", "AVX512F AVX512_SKX"), ("Sandybridge", "F16C FMA3 AVX2 AVX512F AVX512_SKX")])
def test_an_older_kernel_goes_with_older_loops(kernel, off, monkeypatch):
    for name in ("PYTHONPATH", "JUPYTER_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.setenv(name, "something")
    found = machines.variables(Combination("python3", "3.11", NEWEST, kernel, 2), FOUND["loops"])
    assert found.get("NPY_DISABLE_CPU_FEATURES") == off
    assert found.get("OPENBLAS_CORETYPE") == (None if kernel == OWN else kernel)
    assert found.get("OPENBLAS_L2_SIZE") == (None if kernel == OWN else str(machines.CACHE[kernel]))
    assert found["OPENBLAS_NUM_THREADS"] == "2" and "PATH" in found
    assert not {"PYTHONPATH", "JUPYTER_PATH"} & found.keys()


def test_this_python_says_what_it_runs():
    """Through real subprocesses: what is asked for arrives in NumPy and OpenBLAS."""
    found = {}
    for kernel in [name for name in machines.kernels() if name != "Zen"]:
        one = Combination(sys.executable, "", HERE, kernel, 1)
        loops = machines.probe(sys.executable, machines.variables(one, []))["loops"]
        found[kernel] = machines.probe(sys.executable, machines.variables(one, loops))
        assert found[kernel]["same"] and found[kernel]["threads"] == 1
        assert kernel in (OWN, found[kernel]["kernel"])
    two = machines.variables(Combination(sys.executable, "", HERE, OWN, 2), [])
    assert machines.probe(sys.executable, two)["inside"] == 1     # lib has limited them
    if {"Haswell", "Sandybridge"} <= found.keys():
        assert len(found["Sandybridge"]["loops"]) < len(found["Haswell"]["loops"])


def test_a_python_that_cannot_run_notebooks_as_itself(monkeypatch):
    answer = json.dumps(FOUND | {"same": False})
    for code, out, words in ((0, answer, "in another Python"), (1, "", "No module named numpy")):
        monkeypatch.setattr(machines.subprocess, "run", lambda *args, code=code, out=out, **kwargs:
                            subprocess.CompletedProcess(args, code, out, "No module named numpy"))
        with pytest.raises(NoEnvironment, match=words):
            machines.probe("python3.13", {})


@pytest.fixture
def course(home, tmp_path, monkeypatch):
    """A small course in ``home``'s folder, and a machine of which nothing is real."""
    for name in ("chapters/01_a.ipynb", "lib/a.py", "lib/data/x.npz", "lib/__pycache__/a.pyc",
                 "conftest.py", "pyproject.toml", "tools/environment.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("")
    ran = []

    def run(python, environment, workers):
        ran.append((python, environment["OPENBLAS_CORETYPE"], environment["OPENBLAS_NUM_THREADS"]))
        return 0, "all is well"

    def probe(python, environment):
        version, numpy = python.split("-")
        return FOUND | {"python": version, "numpy": numpy,
                        "threads": int(environment["OPENBLAS_NUM_THREADS"]),
                        "kernel": environment["OPENBLAS_CORETYPE"].replace("Zen", "Haswell")}

    monkeypatch.setattr(everywhere, "ROOT", tmp_path)
    monkeypatch.setattr(everywhere, "run_notebooks", run)
    monkeypatch.setattr(machines, "kernels", lambda: ["Haswell", "Sandybridge", "Zen"])
    monkeypatch.setattr(machines, "pythons", lambda: {"3.11": "python3.11", "3.13": "python3.13"})
    monkeypatch.setattr(machines, "interpreter", lambda _, *names: "-".join(names))
    monkeypatch.setattr(machines, "probe", probe)
    return ran


def test_every_combination_is_run_and_a_kernel_that_is_another_is_not(course, capsys):
    assert everywhere.main([]) == 0
    assert len(course) == len(set(course)) == 2 * 2 * 2
    assert {threads for *_, threads in course} == {"2"}     # where lib has something to limit
    said = capsys.readouterr().out
    assert "8 passed, 8 the same, 0 FAILED, 8 not run, of 24 combinations" in said
    rows = [line.split()[2:6] for line in said.splitlines() if "not run" in line and "3.13" in line]
    assert rows[0] == ["Zen", "Haswell", "2", "not"]
    assert everywhere.main(["--threads", "1"]) == 0 and len(course) == 8
    assert "0 passed, 8 the same, 0 FAILED, 4 not run" in capsys.readouterr().out


def test_numbers_of_threads_that_lib_does_not_limit_are_each_run(course, monkeypatch, capsys):
    probe = machines.probe
    monkeypatch.setattr(machines, "probe", lambda python, environment: probe(
        python, environment) | {"inside": int(environment["OPENBLAS_NUM_THREADS"])})
    assert everywhere.main([]) == 0
    assert len(course) == len(set(course)) == 2 * 2 * 2 * 2
    assert "16 passed, 0 the same, 0 FAILED, 8 not run" in capsys.readouterr().out


def test_what_passed_is_remembered_until_a_source_changes(course, tmp_path, capsys):
    arguments = ["--pythons", "3.13", "--kernels", "Haswell,Sandybridge", "--numpys", "oldest",
                 "--threads", "2"]
    for count in (1, 2, 2):
        assert everywhere.main([*arguments, "--only", str(count)]) == 0
        assert len(course) == count
    assert "2 passed, 0 the same, 0 FAILED, 0 not run, of 2" in capsys.readouterr().out
    (tmp_path / "lib/__pycache__/a.pyc").write_text("compiled anew")
    everywhere.main(arguments)
    assert len(course) == 2
    for number, name in enumerate(("lib/a.py", "chapters/01_a.ipynb", "lib/data/x.npz",
                                   "conftest.py", "pyproject.toml", "tools/environment.py"), 2):
        (tmp_path / name).write_text("changed")
        everywhere.main(arguments)
        assert len(course) == 2 * number, name
    with everywhere.RESULTS.open("a") as file:
        file.write('{"key": ["cut')     # the machine went down
    assert everywhere.main(arguments) == 0 and len(course) == 14


def test_a_failure_is_shown_and_run_again_and_the_others_still_run(course, monkeypatch, capsys):
    words = "..F\n=== FAILURES ===\n- stored\n+ found\n"
    monkeypatch.setattr(everywhere, "run_notebooks", lambda python, environment, workers: (
        course.append(environment["OPENBLAS_CORETYPE"]) or
        (int(environment["OPENBLAS_CORETYPE"] == "Haswell"), words)))
    arguments = ["--pythons", "3.11", "--numpys", "newest", "--threads", "2"]
    for _ in range(2):
        assert everywhere.main([*arguments, "--kernels", "Haswell,Sandybridge"]) == 1
        said = capsys.readouterr().out
        assert said.count("- stored\n+ found") == 1 and "..F" not in said
        assert "1 passed, 0 the same, 1 FAILED, 0 not run" in said
    assert course == ["Haswell", "Sandybridge", "Haswell"]


def test_a_run_during_which_something_changed_shows_nothing(course, tmp_path, monkeypatch, capsys):
    def run(*_):
        (tmp_path / "lib/a.py").write_text("changed")
        return 0, ""

    monkeypatch.setattr(everywhere, "run_notebooks", run)
    assert everywhere.main(["--sample", "1"]) == 1
    assert "changed meanwhile" in capsys.readouterr().out
    assert not everywhere.RESULTS.exists()


def test_nothing_that_ran_is_no_success(course, monkeypatch, capsys):
    assert everywhere.main(["--kernels", "Zen"]) == 1
    assert everywhere.main(["--kernels", "SkylakeX"]) == 1      # the processor cannot run it
    assert not course

    def interpreter(*_):
        raise NoEnvironment("pip is ill")

    monkeypatch.setattr(machines, "interpreter", interpreter)
    assert everywhere.main(["--only", "1"]) == 1
    assert "pip is ill" in capsys.readouterr().out


def test_the_sample_is_two_of_this_python_one_of_them_in_this_environment(course, capsys):
    assert everywhere.main(["--sample", "2"]) == 0
    running = "{}.{}".format(*sys.version_info)
    assert course == [(f"{running}-here", "Haswell", "1"),
                      (f"{running}-oldest", "Sandybridge", "2")]


CELL = "import os, sys\nfrom tools.machines import OWN\nprint(sys.prefix, OWN, {})"


@pytest.mark.parametrize("stored, passes", [("3", True), ("4", False)])
def test_real_notebooks_are_compared_and_left_as_they_are(stored, passes, tmp_path, monkeypatch):
    """One cell, run by nbval in this Python's kernel, with the variables of its combination."""
    expected = f"{sys.prefix} {OWN} {stored}\n"
    notebook = new_notebook(cells=[new_code_cell(
        CELL.format("1 + int(os.environ['OPENBLAS_NUM_THREADS'])"), execution_count=1,
        outputs=[new_output("stream", name="stdout", text=expected)])])
    (tmp_path / "chapters").mkdir()
    path = tmp_path / "chapters" / "01_a.ipynb"
    nbformat.write(notebook, path)
    for name in ("conftest.py", "pyproject.toml", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    before = path.read_bytes()
    monkeypatch.setattr(everywhere, "ROOT", tmp_path)
    one = Combination(sys.executable, "", HERE, machines.kernels()[0], 2)
    code, words = everywhere.run_notebooks(sys.executable, machines.variables(one, []), 1)
    assert (code == 0) == passes, words
    assert passes or f"{OWN} 4" in words and f"{OWN} 3" in words      # the failing cell's diff
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "chapters", "conftest.py", "pyproject.toml", "tools"]
    assert list(path.parent.iterdir()) == [path]
