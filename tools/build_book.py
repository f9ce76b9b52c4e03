"""Build the book into _build/html, with every warning an error, and say where it is.

    python tools/build_book.py [--all]

With ``--all`` every page is read anew, so that each warning shows; notebooks run only if they, or
``lib``, have changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INDEX = ROOT / "_build" / "html" / "index.html"
READ_PAGES = ROOT / "_build" / ".doctrees"


def command() -> list[str]:
    """Return the command line: Jupyter Book's, from the running Python's own environment."""
    program = shutil.which("jupyter-book", path=str(Path(sys.executable).parent))
    if program is None:
        raise FileNotFoundError("jupyter-book is not installed beside this Python; run make book")
    return [program, "build", ".", "-W", "-n", "--keep-going"]


def main(options: list[str]) -> int:
    """Build, then print the path and how to open it."""
    if not INDEX.exists():
        print("Building the book; the first build runs every notebook (some minutes).", flush=True)
    start = time.perf_counter()
    code = subprocess.run([*command(), *options], cwd=ROOT, check=False).returncode
    seconds = time.perf_counter() - start
    if code:
        # Sphinx would not read these pages again, so a second build would pass without a word.
        shutil.rmtree(READ_PAGES, ignore_errors=True)
        print(f"The book did not build ({seconds:.0f} s): the warnings above say why.",
              file=sys.stderr)
        return 1
    print(f"\nThe book is built ({seconds:.0f} s): {INDEX.relative_to(ROOT)}\n"
          f"Open {INDEX.as_uri()} in a browser, or run make serve.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
