"""Run every check of the repository: what ``make test`` and CI run.

    python tools/check.py [style tests notebooks book browser]      (all when none is named)

Each step's pytest results also go to _build/results. With CI=true nothing may be skipped for want
of a browser.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import browser, build_book
from tools.environment import BUILD, ROOT, workers

RESULTS = BUILD / "results"
PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


def run(command: list[str], **variables: str) -> str:
    """Run a command in the repository, its output to the terminal; return passed or FAILED."""
    code = subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False).returncode
    return FAILED if code else PASSED


def pytest(name: str, *arguments: str, **variables: str) -> str:
    """Run pytest with a results file of that name."""
    return run([sys.executable, "-m", "pytest", "-q", f"--junitxml={RESULTS / name}.xml",
                *arguments], **variables)


def style() -> str:
    """The hooks of .pre-commit-config.yaml over all files: ruff, white space, large files."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return run([sys.executable, "-m", "pre_commit", "run", "--all-files"], PATH=path,
               PRE_COMMIT_HOME=str(BUILD / "pre-commit"))


def tests() -> str:
    """Unit and property tests, the rules of chapters and pages, the page's model in a browser."""
    browser.find() or browser.install()  # without one, what needs it is skipped, or fails with CI
    return pytest("tests", "-n", str(workers()), "--dist", "worksteal",
                  "--ignore=tests/book/test_book.py", "tests")


def notebooks() -> str:
    """Every notebook that changed since it passed, against its stored outputs."""
    return FAILED if build_book.run_notebooks() else PASSED


def book() -> str:
    """The book from the notebooks that were run, with every warning an error."""
    return FAILED if build_book.build(["--all"]) else PASSED


def in_browser() -> str:
    """The built book in a real browser."""
    chromium = browser.find() or browser.install()
    if chromium is None:
        print("no Chromium: install it (Debian: apt install chromium) or name one in CHROMIUM")
        return FAILED if os.environ.get("CI") == "true" else SKIPPED
    return pytest("browser", "-n", str(workers()), "tests/book/test_book.py", CHROMIUM=chromium)


STEPS: dict[str, Callable[[], str]] = {
    "style": style, "tests": tests, "notebooks": notebooks, "book": book, "browser": in_browser}


def main(names: list[str]) -> int:
    """Run the steps, whatever an earlier one gave, and return 1 when any failed."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"Unknown step {unknown[0]!r}: there are {', '.join(STEPS)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in names or STEPS:
        print(f"\n== {name}: {STEPS[name].__doc__}", flush=True)
        start = time.perf_counter()
        rows.append((name, STEPS[name](), time.perf_counter() - start))
    print("\n== Summary")
    for name, result, seconds in rows:
        print(f"{name:10} {result:8} {seconds:6.0f} s")
    print(f"Results: {RESULTS.relative_to(ROOT)}/*.xml   the book: "
          f"{build_book.INDEX.relative_to(ROOT)}")
    return int(any(result == FAILED for _, result, _ in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
