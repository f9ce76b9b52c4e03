"""Change ``lib`` in thousands of small ways and see whether the tests notice each: make mutants.

    python tools/mutants.py [--modules layers,losses] [--sample 40] [--workers 2] [--minutes 30]

What was found is kept in _build/mutants.jsonl, a line for each mutant: a run that was stopped goes
on, and what a change of ``lib`` or of the tests may have altered is tried again.  The mutants that
may live stand in tests/surviving_mutants.toml, each with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import itertools
import json
import math
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Container
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: forked children must find no threads
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm

from tools import mutant_tests
from tools.environment import ROOT, prepare, workers
from tools.mutation import MODULES, SURVIVORS, Mutant, known_survivors, mutants, mutated, source_of

RESULTS = ROOT / "_build" / "mutants.jsonl"
SEED = 0        # of the sample
ENOUGH = 0.95   # share of mutants that must be killed
KILLED = ("killed", "slow")

Key = tuple[str, str, str]  # of a mutant


def warm_up() -> None:
    """Load what the tests need besides ``lib``."""
    for name in ("autograd.numpy", "hypothesis.strategies", "joblib", "numpy", "threadpoolctl"):
        importlib.import_module(name)
    tqdm.monitor_interval = 0  # no thread of its own: threads and forks do not mix
    sys.path[:0] = [str(ROOT), str(mutant_tests.TESTS)]


def fingerprint(*paths: Path) -> str:
    """A hash of the contents of files."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def suite_fingerprint() -> str:
    """Changes with any line of ``lib`` or of a test."""
    return fingerprint(*sorted(ROOT.glob("lib/**/*.py")), mutant_tests.TESTS / "conftest.py",
                       mutant_tests.TESTS / "helpers.py", *mutant_tests.files())


class Results:
    """What is known of each mutant, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        self.path, self.suite = path, suite_fingerprint()
        self.sources = {name: fingerprint(ROOT / "lib" / f"{name}.py") for name in MODULES}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.found = {}
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # the last line of a killed run
                record = json.loads(line)
                if self.holds(record):
                    self.found[_identity(record)] = record

    def holds(self, record: dict[str, Any]) -> bool:
        """A killed mutant stays killed while its module and the test's file are as they were."""
        if record["source"] != self.sources[record["module"]]:
            return False
        return record["outcome"] == "void" or record["tests"] == self._tests(record)

    def add(self, mutant: Mutant, outcome: str, test: str, seconds: float) -> None:
        record = {"module": mutant.module, "line": mutant.line, "column": mutant.column,
                  "operator": mutant.operator, "occurrence": mutant.occurrence,
                  "source": self.sources[mutant.module], "outcome": outcome, "test": test,
                  "seconds": round(seconds, 2)}
        record["tests"] = self._tests(record)
        self.found[_identity(record)] = record
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def outcome(self, mutant: Mutant) -> str | None:
        found = self.found.get((mutant.module, mutant.operator, mutant.occurrence))
        return found and found["outcome"]

    def _tests(self, record: dict[str, Any]) -> str:
        file = ROOT / mutant_tests.file_of(record["test"])
        return fingerprint(file) if file.is_file() else self.suite


def _identity(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["module"], record["operator"], record["occurrence"]


def run(todo: list[Mutant], results: Results, suite: mutant_tests.Suite, count: int,
        minutes: float) -> None:
    """Try mutants, ``count`` at a time, until all are done or time is up."""
    end, waiting = time.monotonic() + 60 * minutes, iter(todo)
    running: list[mutant_tests.Trial] = []
    with tqdm(total=len(todo), unit="mutant", mininterval=1, disable=not todo) as bar:
        try:
            while True:
                while len(running) < count and time.monotonic() < end and (
                        mutant := next(waiting, None)):
                    running.append(mutant_tests.Trial(mutant, suite))
                if not running:
                    return
                ready = wait([trial.inbox for trial in running], timeout=1)
                for trial in [t for t in running if t.inbox in ready or t.late()]:
                    running.remove(trial)
                    results.add(trial.mutant, *trial.end())
                    bar.update()
        finally:
            for trial in running:
                trial.end()


def table(outcomes: dict[Mutant, str | None]) -> tuple[list[str], float]:
    """Lines of a table by module, and the share of all mutants that were killed."""
    counts = Counter((name, outcome in KILLED) for mutant, outcome in outcomes.items()
                     if outcome in (*KILLED, "survived") for name in (mutant.module, "all"))
    lines = [f"{'module':12}{'mutants':>9}{'killed':>9}{'survived':>10}{'share':>9}"]
    for name in [*dict.fromkeys(mutant.module for mutant in outcomes), "all"]:
        killed, alive = counts[name, True], counts[name, False]
        share = killed / max(1, killed + alive)
        lines.append(f"{name:12}{killed + alive:9}{killed:9}{alive:10}{share:9.1%}")
    return lines, share


def report(outcomes: dict[Mutant, str | None], known: Container[Key], sample: bool) -> int:
    """Print what was found; return 1 where the tests are not good enough."""
    lines, share = table(outcomes)
    print(*lines, sep="\n")
    strange = [mutant for mutant, outcome in outcomes.items()
               if outcome == "survived" and mutant.key not in known]
    for mutant in strange:
        print(f"No test notices {mutant.operator} {mutant.number} in lib/{mutant.module}.py, line "
              f"{mutant.line}, column {mutant.column}, in {mutant.where}: {mutant.text}")
    if strange:
        print(f"Write a test that notices, or say in {SURVIVORS.relative_to(ROOT)} why none can.")
    left = list(outcomes.values()).count(None)
    if left:
        print(f"{left} mutants are left: the same command goes on with them.")
    few = not sample and not left and share < ENOUGH
    if few:
        print(f"{share:.1%} of the mutants are killed, {ENOUGH:.0%} must be.")
    return int(bool(strange) or few)


def choose(modules: list[str], sample: int | None) -> list[Mutant]:
    """All mutants of the modules, or a sample that is always the same."""
    found = [mutant for module in modules for mutant in mutants(module, source_of(module))]
    if sample is None:
        return found
    shuffled = random.Random(SEED).sample(found, len(found))
    real = (mutant for mutant in shuffled if mutated(mutant, source_of(mutant.module)))
    return sorted(itertools.islice(real, sample), key=found.index)


def main(arguments: list[str]) -> int:
    """Try what is not yet known, and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--modules", default=",".join(MODULES), help="of lib, with commas between")
    parser.add_argument("--sample", type=int, help="so many mutants, always the same ones")
    parser.add_argument("--workers", type=int, default=workers(), help="processes side by side")
    parser.add_argument("--listed", action="store_true",
                        help="also try those that are known to survive, which takes long")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many")
    options = parser.parse_args(arguments)
    modules = options.modules.split(",")
    if unknown := [name for name in modules if name not in MODULES]:
        parser.error(f"unknown module {unknown[0]!r}: there are {', '.join(MODULES)}")
    prepare()
    warm_up()
    RESULTS.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            suite = mutant_tests.load_suite(suite_fingerprint())
            known = known_survivors()
        except ValueError as error:
            print(f"Nothing was tried: {error}", file=sys.stderr)
            return 2
        chosen, results = choose(modules, options.sample), Results(RESULTS)
        outcomes = {mutant: results.outcome(mutant) for mutant in chosen}
        if not options.listed:
            outcomes |= {mutant: "survived" for mutant in chosen if mutant.key in known}
        todo = [mutant for mutant, outcome in outcomes.items() if outcome is None]
        run(todo, results, suite, options.workers, options.minutes)
    outcomes |= {mutant: results.outcome(mutant) for mutant in todo}
    return report(outcomes, known, options.sample is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
