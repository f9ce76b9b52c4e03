"""Mutation testing itself: which mutants there are, what becomes of them, what a run gives."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import refused

pytest.importorskip("resource", reason="mutants are tried in forked children: POSIX only")

from tools import mutant_tests, mutants, mutation
from tools.mutation import MODULES, mutated

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A module."""
from __future__ import annotations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numbers import Real

LIMIT: int | None = 3


def half(x: float | None, *, by: int = 2) -> float | None:
    if x is None:
        return x
    y = {**{}}
    y = (x +
         LIMIT)
    y *= 2
    return y * by
'''


def made(source: str = SOURCE) -> dict[tuple[str, str, str], mutation.Mutant]:
    return {mutant.key: mutant for mutant in mutation.mutants("losses", source)}


def changes(source: str = SOURCE) -> list[str]:
    """The lines that mutants of the source change, as they are then."""
    out = []
    for mutant in mutation.mutants("losses", source):
        new = mutated(mutant, source)
        if new is not None:
            out += [line.strip() for line, old in zip(new.splitlines(), source.splitlines(),
                                                      strict=True) if line != old]
    return out


def test_mutants_change_what_runs():
    found = changes()
    for line in ("LIMIT: int | None = 4", "LIMIT: int | None = 2", "if x is not None:", "y /= 2",
                 "if not x is None:", "y = 2", "y *= 3", "return y + by", "return y ** by",
                 "y = (x -", "def half(x: float | None, *, by: int = 1) -> float | None:"):
        assert line in found, line
    kept = [line for line in found if line.startswith(("LIMIT", "def"))]
    assert all(line.count(" | None") == 1 + line.startswith("def") for line in kept)
    assert not [line for line in found if "TYPE_CHECKING" in line]
    assert len(found) == len(set(found))


def test_what_is_no_python_is_no_mutant():
    assert changes("def f(a, *, b):\n    return a\n") == ["def f(a, /, b):"]  # not f(a, +, b)


def test_names_of_mutants_stay_when_lines_move():
    moved = SOURCE.replace("\n\n\ndef", "\n\nOTHER = 1\n\n\ndef").replace("    y *=", "\n    y *=")
    before, after = made(), made(moved)
    assert before.keys() == {key for key in after if "OTHER" not in key[1]}
    assert len(before) == len(mutation.mutants("losses", SOURCE))
    key = "losses.half", "y *= 2", "AugmentedAssignment 1"
    assert (before[key].line, after[key].line) == (17, 20)
    assert {key[0] for key in before} == {"losses.module", "losses.half"}


def test_a_mutant_knows_its_statement_and_whether_an_import_runs_it():
    found = made()
    addition = found["losses.half", "y = (x +", "ReplaceBinaryOperator_Add_Sub 0"]
    assert addition.lines == (15, 16) and not addition.at_import
    default = next(m for m in found.values() if m.text.startswith("def") and "Number" in m.operator)
    assert default.lines == (11,) and default.at_import
    assert found["losses.module", SOURCE.splitlines()[7], "NumberReplacer 0"].at_import


def test_rounds_hold_every_test_that_ran_the_statement_quickest_first():
    names = ["a.py::slow", "a.py::quick", "b.py::one", "c.py::other"]
    suite = mutant_tests.Suite(dict(zip(names, (2.0, 1.0, 0.5, 0.1), strict=True)), {"losses": {
        "15": names[:2], "16": [names[2]], "12": [names[3]]}})
    found = made()
    addition = found["losses.half", "y = (x +", "ReplaceBinaryOperator_Add_Sub 0"]
    assert suite.rounds(addition) == [["a.py::quick", "a.py::slow"], ["b.py::one"]]
    limit = found["losses.module", SOURCE.splitlines()[7], "NumberReplacer 0"]
    assert suite.rounds(limit) == [["a.py::quick", "a.py::slow"], ["c.py::other", "b.py::one"]]
    assert suite.rounds(found["losses.half", "y *= 2", "NumberReplacer 0"]) == []


def test_the_sample_is_always_the_same():
    sample, everything = (mutants.choose(list(MODULES), count) for count in (40, None))
    assert sample == mutants.choose(list(MODULES), 40) and len(set(sample)) == 40
    assert set(sample) < set(everything)
    assert all(mutated(mutant, mutation.source_of(mutant.module)) for mutant in sample)
    assert sample == [mutant for mutant in everything if mutant in set(sample)]
    assert len({mutant.module for mutant in sample}) > 4


def test_every_listed_survivor_is_a_mutant_of_the_source_as_it_is():
    keys = {mutant.key for mutant in mutants.choose(list(MODULES), None)}
    assert [key for key in mutation.known_survivors() if key not in keys] == []


def test_survivors_are_listed_by_reason_each_once(tmp_path, monkeypatch):
    path = tmp_path / "surviving_mutants.toml"
    monkeypatch.setattr(mutation, "SURVIVORS", path)
    first = '[[survivors]]\nreason = "why"\nmutants = [["a.b", "x = 1", "N 0", "N 1"]]\n'
    path.write_text(first)
    assert mutation.known_survivors() == {("a.b", "x = 1", "N 0"): "why",
                                          ("a.b", "x = 1", "N 1"): "why"}
    for reason, name in (("other", "N 1"), (" ", "N 2")):
        path.write_text(first + f'[[survivors]]\nreason = "{reason}"\n'
                                f'mutants = [["a.b", "x = 1", "{name}"]]\n')
        with refused(f"{path.name}: a.b | x = 1 | {name} is listed twice, or without a reason"):
            mutation.known_survivors()


def test_a_result_holds_until_the_module_or_its_test_changes(tmp_path, monkeypatch):
    for name in ("losses", "optim"):
        (tmp_path / "lib").mkdir(exist_ok=True)
        (tmp_path / "lib" / f"{name}.py").write_text(SOURCE)
    (tmp_path / "tests").mkdir()
    for name in ("conftest", "helpers", "test_a", "test_b"):
        (tmp_path / "tests" / f"{name}.py").write_text("")
    for module in (mutants, mutant_tests):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(mutant_tests, "TESTS", tmp_path / "tests")
    monkeypatch.setattr(mutants, "MODULES", ("losses", "optim"))
    dead, alive, void = list(made().values())[:3]
    other = mutation.mutants("optim", SOURCE)[0]

    def outcomes():
        results = mutants.Results(tmp_path / "mutants.jsonl")
        return [results.outcome(mutant) for mutant in (dead, alive, void, other)]

    results = mutants.Results(tmp_path / "mutants.jsonl")
    results.add(dead, "killed", "tests/test_a.py::test_x[1]", 0.1)
    results.add(alive, "survived", "", 0.1)
    results.add(void, "void", "", 0.1)
    results.add(other, "slow", "tests/test_b.py::test_x", 0.1)
    assert outcomes() == ["killed", "survived", "void", "slow"]
    (tmp_path / "tests" / "test_b.py").write_text("# changed")
    assert outcomes() == ["killed", None, "void", None]
    (tmp_path / "lib" / "losses.py").write_text(SOURCE + "\n")
    assert outcomes() == [None] * 4
    (tmp_path / "lib" / "losses.py").write_text(SOURCE)
    (tmp_path / "tests" / "test_b.py").write_text("")
    assert outcomes() == ["killed", "survived", "void", "slow"]


def test_the_report_names_survivors_that_are_not_listed(capsys):
    found = list(made().values())
    outcomes = dict.fromkeys(found[:38], "killed") | dict.fromkeys(found[38:40], "survived")
    known = {mutant.key for mutant in found[38:40]}
    assert mutants.report(outcomes, known, sample=False) == 0
    assert "40       38         2    95.0%" in capsys.readouterr().out
    assert mutants.report(outcomes, {found[38].key}, sample=True) == 1
    out = capsys.readouterr().out
    assert f"No test notices {found[39].operator} {found[39].number} in lib/losses.py" in out
    outcomes[found[37]] = "survived"
    known.add(found[37].key)
    assert mutants.report(outcomes, known, sample=True) == 0
    assert mutants.report(outcomes, known, sample=False) == 1
    assert "92.5% of the mutants are killed, 95% must be." in capsys.readouterr().out
    outcomes[found[40]] = None
    assert mutants.report(outcomes, known, sample=False) == 0
    assert "1 mutants are left" in capsys.readouterr().out


LIB = '''from __future__ import annotations

STEP = 1


def double_of_next(n: int) -> int:
    if n > 0:
        while True:
            n += STEP
            break
    return 2 * n
'''
TEST = '''from lib.losses import double_of_next


def test_doubles():
    assert [double_of_next(n) for n in (0, 1, 3)] == [0, 4, 8]
'''


@pytest.fixture
def project(tmp_path):
    """A repository of one small module and one test."""
    for name in ("environment", "mutation", "mutant_tests", "mutants"):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(ROOT / "tools" / f"{name}.py", tmp_path / "tools")
    (tmp_path / "lib").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("__init__", *MODULES):
        (tmp_path / "lib" / f"{name}.py").write_text(LIB if name == "losses" else "")
    for name, text in {"conftest.py": "", "helpers.py": "", "test_losses.py": TEST,
                       "surviving_mutants.toml": ""}.items():
        (tmp_path / "tests" / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def make_mutants(project: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "tools/mutants.py", "--workers", "1", *options],
                          cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_run_from_the_first_mutant_to_the_verdict(project):
    code, out = make_mutants(project, "--minutes", "0")
    assert code == 0 and "mutants are left" in out
    code, out = make_mutants(project)
    records = (project / "_build" / "mutants.jsonl").read_text().splitlines()
    assert code == 1 and "No test notices ReplaceComparisonOperator_Gt_NotEq 0 in lib/losses.py" \
        ", line 7, column 9, in double_of_next: if n > 0:" in out
    kinds = {kind: sum(f'"outcome": "{kind}"' in line for line in records)
             for kind in ("killed", "slow", "survived", "void")}
    assert kinds == {"killed": 26, "slow": 1, "survived": 1, "void": 0}    # break -> continue
    (project / "tests" / "surviving_mutants.toml").write_text(
        '[[survivors]]\nreason = "n is never below 0"\nmutants = [["losses.double_of_next", '
        '"if n > 0:", "ReplaceComparisonOperator_Gt_NotEq 0"]]\n')
    code, out = make_mutants(project)
    assert code == 0 and "96.4%" in out and "No test" not in out
    assert (project / "_build" / "mutants.jsonl").read_text().splitlines() == records
    assert (project / "lib" / "losses.py").read_text() == LIB


def test_nothing_is_tried_while_a_test_fails(project):
    (project / "tests" / "test_losses.py").write_text(TEST.replace("4", "5"))
    assert make_mutants(project, "--modules", "losses,loses")[0] == 2
    code, out = make_mutants(project)
    assert code == 2 and out.endswith("Nothing was tried: fails without any mutant: "
                                      "tests/test_losses.py::test_doubles\n")
    assert not (project / "_build" / "mutants.jsonl").exists()
