"""Run every notebook against its stored outputs as other machines would.

    python tools/everywhere.py                      all that this machine can run
    python tools/everywhere.py --sample 2           two fixed combinations, as CI does
    python tools/everywhere.py --kernels Haswell --pythons 3.13 --numpys oldest --threads 2

Every combination of Python (3.11, else the running one, and the newest that is here), NumPy (the
oldest and the newest that the requirements allow), OpenBLAS kernel and number of OpenBLAS threads.
With an older kernel NumPy's own loops do without the newer instructions too, as they would on an
older processor.  Environments are made once in _build/everywhere.  What passed is remembered there
until a notebook or the library changes: a run that was stopped goes on.  Where importing ``lib``
leaves BLAS one thread, as it should, runs that differ in the number of threads alone are one and
the same run, which is done once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import machines
from tools.environment import ROOT
from tools.machines import HERE, HOME, NEEDS, NEWEST, OLDEST, OWN, Combination, NoEnvironment

RESULTS = HOME / "results.jsonl"
CELL_TIMEOUT = 600  # seconds for one cell: a busy machine with an old kernel may be slow
PASSED, FAILED, NOT_RUN, SAME = "passed", "FAILED", "not run", "the same"


def run_notebooks(python: str, environment: dict[str, str], workers: int) -> tuple[int, str]:
    """Compare every notebook with its stored outputs; return (exit code, pytest's words)."""
    side = ["-n", str(workers), "--dist", "loadscope"] if workers > 1 else []
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", *side, "--nbval",
         f"--nbval-cell-timeout={CELL_TIMEOUT}", "chapters"], env=environment, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def fingerprint() -> str:
    """A hash of all that a result depends on besides its combination."""
    files = [ROOT / name for name in ("conftest.py", "pyproject.toml", "tools/environment.py")]
    files += [*(ROOT / "chapters").rglob("*.ipynb"), *(ROOT / "lib").rglob("*")]
    total = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts
                       and ".ipynb_checkpoints" not in path.parts):
        total.update(f"{path.relative_to(ROOT).as_posix()} {path.stat().st_size}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def remembered(key: list[object]) -> dict[str, object] | None:
    """The noted result of that key, if it passed."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]  # the last may be cut
    return next((row for row in rows if row["key"] == key and row["result"] == PASSED), None)


def measure(combination: Combination, workers: int = 1) -> dict[str, object]:
    """Run one combination, or remember that it passed; return its row of the table."""
    row = {"python": combination.version, "numpy": combination.numpy, "asked": combination.kernel,
           "kernel": "", "threads": combination.threads, "result": FAILED, "seconds": 0.0}
    if combination.kernel not in machines.kernels():
        return row | {"result": NOT_RUN}
    try:
        python = machines.interpreter(combination.python, combination.version, combination.numpy)
        loops = machines.probe(python, machines.variables(combination, []))["loops"]
        environment = machines.variables(combination, loops)
        found = machines.probe(python, environment)
    except NoEnvironment as error:
        print(error, flush=True)
        return row
    row |= {name: found[name] for name in ("python", "numpy", "kernel")}
    if combination.kernel not in (OWN, found["kernel"]) or found["threads"] != row["threads"]:
        return row | {"result": NOT_RUN}  # OpenBLAS took another kernel, or has fewer processors
    sources = fingerprint()
    key = [sources, *(row[name] for name in ("python", "numpy", "asked")), found["inside"]]
    if before := remembered(key):
        other = before["threads"] != row["threads"]
        return row | {"result": SAME} if other else before
    start = time.perf_counter()
    code, words = run_notebooks(python, environment, workers)
    row |= {"key": key, "result": FAILED if code else PASSED,
            "seconds": round(time.perf_counter() - start, 1)}
    if code:
        print(words[max(0, words.find("= FAILURES =")):], flush=True)
    if fingerprint() != sources:
        print("A notebook or the library was changed meanwhile: this run shows nothing.")
        return row | {"result": FAILED}
    HOME.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return row


def combinations(options: argparse.Namespace) -> list[Combination]:
    """All that are asked for, those of one environment together."""
    running = "{}.{}".format(*sys.version_info)
    if options.sample:
        pair = [(HERE, "Haswell", 1), (OLDEST, "Sandybridge", 2)]
        return [Combination(sys.executable, running, *each) for each in pair[:options.sample]]
    chosen = {version: python for version, python in machines.pythons().items()
              if not options.pythons or version in options.pythons.split(",")}
    return [Combination(python, version, which, kernel, int(threads))
            for version, python in chosen.items() for which in options.numpys.split(",")
            for kernel in (options.kernels.split(",") if options.kernels else machines.kernels())
            for threads in options.threads.split(",")]


def main(arguments: list[str]) -> int:
    """Run the combinations one after the other; return 1 if one failed, or if none ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, choices=(1, 2), help="so many fixed combinations")
    parser.add_argument("--only", type=int, help="stop after so many")
    parser.add_argument("--pythons", help="such as 3.11,3.13")
    parser.add_argument("--numpys", default=f"{OLDEST},{NEWEST}")
    parser.add_argument("--kernels", help=f"from {','.join(NEEDS)}")
    parser.add_argument("--threads", default="2,1")
    parser.add_argument("--workers", type=int, default=1, help="notebooks side by side")
    options = parser.parse_args(arguments)
    wanted, rows = combinations(options), []
    print("python   numpy   kernel asked  kernel found  threads  result   seconds")
    for combination in wanted[:options.only]:
        row = measure(combination, options.workers)
        rows.append(row["result"])
        print("{python:8} {numpy:7} {asked:13} {kernel!s:13} {threads:7}  {result:8} {seconds:7.0f}"
              .format(**row), flush=True)
    counts = {result: rows.count(result) for result in (PASSED, SAME, FAILED, NOT_RUN)}
    print(", ".join(f"{count} {result}" for result, count in counts.items())
          + f", of {len(wanted)} combinations")
    return int(counts[FAILED] > 0 or counts[PASSED] + counts[SAME] == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
