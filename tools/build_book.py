"""Build the book into _build/html and say where it is: ``make book``.

    python tools/build_book.py [--all]

First the notebooks that changed are run, side by side and through the door that the tests use
(tools/notebooks.py); then Jupyter Book makes the pages of them and runs nothing twice. A notebook
that fails, or differs from its stored outputs, is named, and the book shows what this machine gave.
With ``--all`` every page is read anew, so that each warning shows.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import executed
from tools.environment import BUILD, ROOT, workers

INDEX = BUILD / "html" / "index.html"
READ_PAGES = BUILD / ".doctrees"
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
CELL_TIMEOUT = 300  # seconds for one cell of a notebook
COMMAND = [str(Path(sys.executable).with_name("jupyter-book")),  # of this Python's environment
           "build", ".", "-W", "-n", "--keep-going"]


def run_notebooks(again: bool = True) -> int:
    """Run what changed since it was run, and with ``again`` what failed then; return how many fail.
    """
    wanted = executed.outdated(CHAPTERS, failed_too=again)
    print(f"Running {len(wanted)} of {len(CHAPTERS)} notebooks; the others are as they were when "
          f"they {'passed' if again else 'were run'}.", flush=True)
    if wanted:
        # The slowest notebook starts first; the order of their files is kept.
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--nbval", "-n", str(workers()), "--dist",
             "loadscope", "--no-loadscope-reorder", f"--nbval-cell-timeout={CELL_TIMEOUT}",
             f"--junitxml={BUILD / 'results' / 'notebooks.xml'}", *map(str, wanted)],
            cwd=ROOT, check=False)
    for path in filter(executed.as_stored, CHAPTERS):
        print(f"{path.stem:24} not run: it needs the weights of a real model, run make real-model")
    for path in wanted:
        found = executed.record(path)
        print(f"{path.stem:24} {'passed' if found.get('passed') else 'FAILED':7}"
              f"{found.get('seconds', 0):6.0f} s")
    return sum(not executed.record(path).get("passed") for path in CHAPTERS)


def build(options: list[str]) -> int:
    """Make the pages; return 1 after a warning."""
    if subprocess.run([*COMMAND, *options], cwd=ROOT, check=False).returncode:
        # Sphinx would not read these pages again, so a second build would pass without a word.
        shutil.rmtree(READ_PAGES, ignore_errors=True)
        print("The book did not build: the warnings above say why.", file=sys.stderr)
        return 1
    return 0


def main(options: list[str]) -> int:
    """Run, build, then print the path and how to open it; an unknown option runs nothing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="read every page anew")
    every = parser.parse_args(options).all
    start = time.perf_counter()
    failed = run_notebooks(again=False)
    ran = time.perf_counter()
    if build(["--all"] if every else []):
        return 1
    print(f"\nThe book is built (notebooks {ran - start:.0f} s, pages "
          f"{time.perf_counter() - ran:.0f} s): {INDEX.relative_to(ROOT)}\n"
          f"Open {INDEX.as_uri()} in a browser, or run make serve.")
    if failed:
        print(f"{failed} notebooks differ from their stored outputs, see above; the book shows "
              "what this machine gave.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
