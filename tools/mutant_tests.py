"""Which tests run which lines of ``lib``, and what they say of a mutant.

Both happen in forked children of a process that has the large packages loaded, but not ``lib``:
starting Python and NumPy anew for thousands of mutants would take hours.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from tools.environment import ROOT
from tools.mutation import MODULES, Mutant, MutantLoader, mutated, source_of

NOTES = ROOT / "_build" / "mutants-tests.json"
TESTS = ROOT / "tests"
#: Tests that run programs, draw, or need large packages: a mutant in memory means little to them.
ELSEWHERE = re.compile(r"^\s*(?:from|import) (?:benchmarks|lib\.(?:explore|figures)|nbformat|peft"
                       r"|subprocess|sphinx|tokenizers|tools|torch|transformers)\b", re.MULTILINE)
#: Tests that take long over other parts of ``lib``.
SLOW = {"test_batches.py", "test_corpus.py", "test_experiments.py"}
MEMORY = 4 * 2**30      # bytes that a mutant may address
SLOWER, MORE = 3, 4     # a test may take three times its usual processor time, and 4 s
SILENT = 10             # times that before a child counts as waiting for ever

FORK = multiprocessing.get_context("fork")


def files() -> list[Path]:
    """The test files that are asked about mutants."""
    return [path for path in sorted(TESTS.glob("test_*.py")) if path.name not in SLOW
            and not ELSEWHERE.search(path.read_text(encoding="utf-8"))]


class Suite:
    """The tests by name: seconds of each, and the tests that ran each line of each module."""

    def __init__(self, seconds: dict[str, float], lines: dict[str, dict[str, list[str]]]) -> None:
        self.seconds, self.lines = seconds, lines

    def rounds(self, mutant: Mutant) -> list[list[str]]:
        """The tests that could notice the mutant, in two rounds, each with the quickest first.

        The first round is the one file that has most of them: loading all files takes longer.
        """
        ran = self.lines[mutant.module]
        wanted = ran.keys() if mutant.at_import else map(str, mutant.lines)
        names = sorted({name for line in wanted for name in ran.get(line, [])},
                       key=lambda name: (self.seconds[name], name))
        by_file: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            by_file[file_of(name)].append(name)
        first = max(by_file, key=lambda file: (len(by_file[file]), file), default=None)
        rest = [name for name in names if file_of(name) != first]
        return [each for each in (by_file.get(first, []), rest) if each]


def file_of(test: str) -> str:
    """The file in a test's name."""
    return test.partition("::")[0]


def load_suite(key: str) -> Suite:
    """Read the notes on the tests, unless they have another key; else run all under coverage.

    Raises:
        ValueError: a test fails without any mutant.
    """
    notes = json.loads(NOTES.read_text()) if NOTES.exists() else {}
    if notes.get("key") != key:
        print("Running the tests once, to see which lines each of them reaches", flush=True)
        ours, theirs = FORK.Pipe()
        child = FORK.Process(target=_observe, args=(theirs,))
        child.start()
        theirs.close()
        failed, seconds, lines = ours.recv()
        child.join()
        if failed:
            raise ValueError(f"fails without any mutant: {', '.join(failed)}")
        notes = {"key": key, "seconds": seconds, "lines": lines}
        NOTES.write_text(json.dumps(notes))
    return Suite(notes["seconds"], notes["lines"])


class Observer:
    """A pytest plugin that tells coverage whose lines are running.

    What the import of a test file or a shared fixture runs counts for every test that uses it.
    """

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.uses: dict[str, list[str]] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        self.coverage.switch_context(f"file {file_of(collector.nodeid)}")
        report = yield
        if report.failed:
            self.failed.append(collector.nodeid)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.test = f"test {item.nodeid}"
        self.uses[item.nodeid] = [self.test, f"file {file_of(item.nodeid)}",
                                  *(f"fixture {name}" for name in item.fixturenames)]
        self.coverage.switch_context(self.test)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        self.coverage.switch_context(f"fixture {fixturedef.argname}")
        try:
            return (yield)
        finally:
            self.coverage.switch_context(self.test)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


def _observe(out: Connection) -> None:
    os.environ["COVERAGE_CORE"] = "ctrace"  # the newer one knows no contexts
    import coverage

    measured = coverage.Coverage(data_file=None, include=[str(ROOT / "lib" / "*.py")])
    observer = Observer(measured)
    measured.start()
    _pytest([str(path) for path in files()], observer)
    measured.stop()
    data, lines = measured.get_data(), {}
    for module in MODULES:
        ran = data.contexts_by_lineno(str(ROOT / "lib" / f"{module}.py"))
        lines[module] = {str(line): [test for test, uses in observer.uses.items()
                                     if not set(uses).isdisjoint(contexts)]
                         for line, contexts in ran.items()}
    out.send((observer.failed, dict(observer.seconds), lines))
    os._exit(0)


class Judge:
    """A pytest plugin that runs the wanted tests in their order, and notes the first failure."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.blamed = seconds, ""

    def pytest_collection(self) -> None:
        # An example that fails is enough: nobody wants the smallest one.
        settings.register_profile("mutants", settings(), database=None, report_multiple_bugs=False,
                                  phases=[Phase.explicit, Phase.generate])
        settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        place = {name: number for number, name in enumerate(self.seconds)}
        items[:] = sorted((item for item in items if item.nodeid in place),
                          key=lambda item: place[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_PROF, SLOWER * self.seconds[nodeid] + MORE)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.blamed = report.nodeid


def _try(mutant: Mutant, rounds: list[dict[str, float]], folder: str, out: Connection) -> None:
    """In a child: send the outcome (killed, slow, survived or void), and which test killed it."""
    os.setsid()
    tempfile.tempdir = folder
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, lambda *_: (out.send(("slow", "")), os._exit(0)))
    changed = mutated(mutant, source_of(mutant.module))
    out.send(("void", "") if changed is None else _verdict(mutant.module, changed, rounds))
    os._exit(0)


def _verdict(module: str, source: str, rounds: list[dict[str, float]]) -> tuple[str, str]:
    sys.meta_path.insert(0, MutantLoader(module, source))
    for seconds in rounds:
        signal.setitimer(signal.ITIMER_PROF, SLOWER + MORE)   # for loading the tests
        judge = Judge(seconds)
        code = _pytest(sorted({file_of(name) for name in seconds}), judge)
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return "killed", judge.blamed or "import"
    return "survived", ""


class Trial:
    """A child that tries one mutant."""

    def __init__(self, mutant: Mutant, suite: Suite) -> None:
        self.mutant, self.start = mutant, time.monotonic()
        rounds = [{name: suite.seconds[name] for name in each} for each in suite.rounds(mutant)]
        usual = sum(sum(seconds.values()) for seconds in rounds)
        self.patience = SILENT * (SLOWER * usual + MORE)
        self.folder = tempfile.mkdtemp()
        self.inbox, theirs = FORK.Pipe(duplex=False)
        self.child = FORK.Process(target=_try, args=(mutant, rounds, self.folder, theirs))
        self.child.start()
        theirs.close()

    def late(self) -> bool:
        """Whether the child has been silent for so long that it must wait for ever."""
        return time.monotonic() - self.start > self.patience

    def end(self) -> tuple[str, str, float]:
        """The outcome, the test that decided it, and seconds; ends the child and its children."""
        try:
            outcome, test = self.inbox.recv() if self.inbox.poll() else ("slow", "")
        except EOFError:            # the mutant brought Python down
            outcome, test = "killed", "crash"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.kill()
        self.child.join()
        shutil.rmtree(self.folder, ignore_errors=True)
        return outcome, test, time.monotonic() - self.start


def _pytest(arguments: list[str], plugin: Any) -> int:
    """Run pytest without a word in this process, with no plugins but hypothesis' and ours."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "hypothesispytest",
                        "--rootdir", str(ROOT), "--basetemp", tempfile.mkdtemp(), *arguments],
                       [plugin])
