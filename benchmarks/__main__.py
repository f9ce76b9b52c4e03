"""Measure ``lib`` beside PyTorch, print a table and write a JSON file.

    python -m benchmarks [--quick] [--rounds N] [--json FILE] [--strict] [rows, or their beginnings]

Exit code 2 says that the measuring failed, 1 (only if ``--strict``) that a row is under its floor.
This process imports neither library: each part runs in one of its own, and on Linux the peak
memory of a process is at least what its parent held when it was started.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.flops import step_flops
from benchmarks.goals import FULL, LORA, chosen, needed
from benchmarks.report import missed_floors, rows_of, table, write_json

ROOT = Path(__file__).resolve().parents[1]
Figures = dict[str, tuple[float, float]]
SIDES = ("numpy", "torch")
NOTES = """\
One thread each: CPU time of one process in which both take turns, lower quartile of {rounds}
rounds.  Ratio: how many times faster, or smaller, NumPy is.  The share of the GEMM limit is
{gflop:.2f} GFLOP (every matrix product of a step at B=16 T=128, attention's whole square, backward
twice the forward) / best GEMM rate / time of the step.  A row without a ratio sets each library
against itself.  Rows in wall time (two cores, fresh process) need a machine that does nothing
else."""
FAILED = ("error: a part of the measuring failed, see above (it needs the packages of "
          "requirements-parity.txt)")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(
        "Measure lib beside PyTorch, PEFT and Hugging Face."))
    parser.add_argument("--quick", action="store_true", help="few rounds: figures are shaky")
    parser.add_argument("--rounds", type=int, help="of each workload (default: 25; quick: 3)")
    parser.add_argument("--strict", action="store_true", help="a row under its floor is a failure")
    parser.add_argument("--json", type=Path, default=ROOT / "_build" / "bench.json")
    parser.add_argument("rows", nargs="*", metavar="name", help="rows to measure: their names or "
                        "beginnings, such as full, lora-qv, memory (default: all)")
    args = parser.parse_args(arguments)
    try:
        args.rows = chosen(args.rows)
    except ValueError as error:
        parser.error(str(error))
    args.rounds = args.rounds or (3 if args.quick else 25)
    if args.rounds < 1:
        parser.error(f"--rounds is {args.rounds}, it must be at least 1")
    return args


def module(*command: str) -> str:
    """The last line that a module prints in a process of its own."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE,
                          text=True, check=True)
    return done.stdout.splitlines()[-1]


def run(part: str, **settings: Any) -> Any:
    """The result of a part of ``benchmarks.process``."""
    return json.loads(module("benchmarks.process", part, json.dumps(settings)))


def peak_memory(row: str, quick: bool) -> tuple[float, float]:
    """MB of a training process on either side."""
    workload = {"memory-full": "full", "memory-lora": "lora-qv"}[row]
    return tuple(run("training_memory", side=side, workload=workload, steps=5 if quick else 30)
                 for side in SIDES)


def start_up(row: str, tries: int) -> tuple[float, float]:
    """Milliseconds of wall time to the first logits on either side: the best of some tries."""
    sides = "numpy", row.removeprefix("startup-")
    times = [[float(module("benchmarks.start", side)) for side in sides] for _ in range(tries)]
    return tuple(map(min, zip(*times)))


def shares(rows: list[str], seconds: Figures, rates: tuple[float, float]) -> Figures:
    """The rows that are computed from others: each library against itself."""
    found = {}
    for row in rows:
        if row.startswith("cost-"):
            lora, full = seconds[row.removeprefix("cost-")], seconds["full-16x128"]
            found[row] = (lora[0] / full[0], lora[1] / full[1])
        elif row == "limit":
            full = seconds["full-16x128"]
            found[row] = tuple(step_flops(*FULL["full-16x128"]) / rate / seconds_each
                               for rate, seconds_each in zip(rates, full))
    return found


def measure(rows: list[str], rounds: int, quick: bool) -> tuple[Figures, dict[str, Any]]:
    """All figures of the rows, in the units of the table, and the machine."""
    timed = [row for row in needed(rows) if row in FULL or row in LORA
             or row.startswith(("forward", "generate", "real-"))]
    say(f"measuring: one thread each, {rounds} rounds")
    result = run("one_thread", rows=timed, rounds=rounds)
    seconds = result["seconds"]
    figures = {row: tuple(1e3 * each for each in both) for row, both in seconds.items()}
    figures |= shares(rows, seconds, result["rates"])
    if cores := [row for row in rows if row.startswith("cores")]:
        say("measuring: two cores each")
        figures |= run("two_cores", rows=cores, rounds=5 if quick else rounds)
    for row in rows:
        if row.startswith("memory"):
            say(f"measuring: {row}")
            figures[row] = peak_memory(row, quick)
        elif row.startswith("startup"):
            say(f"measuring: {row}")
            figures[row] = start_up(row, 2 if quick else 5)
    if missing := [row for row in rows if row not in figures]:
        say(f"left out, until make real-model has installed the weights: {', '.join(missing)}")
    return {row: figures[row] for row in rows if row in figures}, result["machine"]


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def headline(machine: dict[str, Any]) -> str:
    """The machine in three lines."""
    ours, theirs = machine["numpy"], machine["torch"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return (f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}, {packages}\n"
            f"NumPy: {ours['blas']} {ours['version']}, kernel {ours['kernel']}, "
            f"{ours['gflops']:.0f} GFLOP/s\n"
            f"PyTorch: {theirs['blas']}, {theirs['kernel']}, {theirs['gflops']:.0f} GFLOP/s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 if ``--strict`` and a row is under its floor."""
    args = parse(arguments)
    try:
        figures, machine = measure(args.rows, args.rounds, args.quick)
    except subprocess.CalledProcessError:
        say(FAILED)
        return 2
    rows, kernel = rows_of(figures), machine["numpy"]["kernel"]
    rates = tuple(machine[side]["gflops"] for side in SIDES)
    gflop = step_flops(*FULL["full-16x128"]) / 1e9
    print(headline(machine), table(rows, kernel, rates),
          NOTES.format(rounds=args.rounds, gflop=gflop), sep="\n\n")
    write_json(args.json, rows, machine | {"rounds": args.rounds})
    missed = missed_floors(rows, kernel)
    print(f"\nUnder the floor: {', '.join(missed)}" if missed else "\nEvery floor is held.")
    return int(args.strict and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
