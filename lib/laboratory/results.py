"""The results file, a line for each run, and the one rule that selects a learning rate."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from lib.finetuning import FineTuning
from lib.laboratory import groups
from lib.laboratory.groups import LUCK, group_runs
from lib.pretraining import RUNS, load_history

RESULTS = Path(__file__).parent / "laboratory.jsonl"
HISTORIES = RESULTS.with_name("pretraining.json")

#: What makes a learning rate the best of those tried.  Training lowers the loss, every task has
#: one on dev, and it ties less often than answers do; the elements' dev answers are their test's.
CRITERION = "lowest mean loss on dev"

#: So many seeds are tried with every learning rate; the others with the best one.
TRIED = 2

Line = dict[str, Any]
Settings = dict[str, Any]


def load_results(group: str, path: Path = RESULTS) -> list[Line]:
    """The recorded lines of a group, in its order; raises ValueError on an unknown group."""
    wanted, found = group_runs([group]), read_results(path)
    return [found[run] for run in wanted if run in found]


def best_rate(lines: Sequence[Line]) -> float:
    """The learning rate that does best by ``CRITERION`` over the seeds that all rates were tried
    with, of one setting: a rate is not better because its seeds are easier.

    Raises:
        ValueError: there are no lines, they differ in more than learning rate and ``LUCK``, or no
            seed was tried with all rates.
    """
    if len(settings := _gather(lines, (*LUCK, "learning_rate"))) != 1:
        raise ValueError(f"the lines are of {len(settings)} settings, a best rate is one setting's")
    rates = [{_luck(line["run"]): line["dev_loss"] for line in same}
             for same in _gather(lines, LUCK)]
    shared = set.intersection(*map(set, rates))
    if not shared:
        raise ValueError("no seed was tried with all learning rates: do the missing runs first")
    best = min(range(len(rates)), key=lambda at: np.mean([rates[at][each] for each in shared]))
    return _gather(lines, LUCK)[best][0]["run"]["learning_rate"]


def _luck(run: Settings) -> tuple[Any, ...]:
    return tuple(run.get(name) for name in LUCK)


def at_best_rate(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines of each setting at its best rate; settings differ in more than ``LUCK``."""
    rows = []
    for same in _gather(lines, (*LUCK, "learning_rate")):
        rate = best_rate(same)
        rows.append([line for line in same if line["run"]["learning_rate"] == rate])
    return rows


def at_edge(lines: Sequence[Line]) -> bool:
    """Whether the best rate of one setting is the lowest or highest of several tried: a better
    one may then lie beyond.
    """
    rates = {line["run"]["learning_rate"] for line in lines}
    return len(rates) > 1 and best_rate(lines) in (min(rates), max(rates))


def stages(declared: Sequence[Settings], lines: Iterable[Line]) -> list[Settings]:
    """Which of the declared settings have to be done, as far as the lines so far can tell.

    Of settings at several learning rates, seeds below ``TRIED`` are done with all of them; then
    the other seeds with the best one alone.  Settings at one rate are all done.
    """
    done = {_named(line["run"]): line for line in lines}
    wanted = set()
    for same in _gather([{"run": run} for run in declared], (*LUCK, "learning_rate")):
        mine = [each["run"] for each in same]
        several = len({run["learning_rate"] for run in mine if "learning_rate" in run}) > 1
        first = [run for run in mine if not several or run["seed"] < TRIED]
        wanted |= set(map(_named, first))
        if several and all(_named(run) in done for run in first):
            best = best_rate([done[_named(run)] for run in first])
            wanted |= {_named(run) for run in mine if run["learning_rate"] == best}
    return [run for run in declared if _named(run) in wanted]


def due(groups: Sequence[str], done: dict[FineTuning, Line]) -> list[FineTuning]:
    """The runs of the groups that ``stages`` asks for, each once; raises ValueError on an unknown
    group.
    """
    runs: dict[FineTuning, None] = {}
    for group in groups:
        declared = {_named(asdict(run)): run for run in group_runs([group])}
        known = [done[run] for run in declared.values() if run in done]
        runs |= {declared[_named(run)]: None
                 for run in stages([asdict(run) for run in declared.values()], known)}
    return list(runs)


def _named(run: Settings) -> str:
    return json.dumps(run, sort_keys=True)


def _gather(lines: Iterable[Line], without: Sequence[str]) -> list[list[Line]]:
    """The lines by their settings, those named in ``without`` left aside."""
    sets: dict[str, list[Line]] = {}
    for line in lines:
        kept = [each for each in line["run"].items() if each[0] not in without]
        sets.setdefault(json.dumps(kept), []).append(line)
    return list(sets.values())


def summary(lines: Sequence[Line]) -> str:
    """A table: what each setting reached on test at its best learning rate, mean and spread.

    An asterisk marks a rate at the edge of those tried.
    """
    rows = at_best_rate(lines)
    edges = [at_edge(same) for same in _gather(lines, (*LUCK, "learning_rate"))]
    differ = [name for name in rows[0][0]["run"] if name not in LUCK and
              len({json.dumps(row[0]["run"][name]) for row in rows}) > 1] if rows else []
    table = [[*differ, "runs", "answers", "loss", "facts"]]
    for row, edge in zip(rows, edges, strict=True):
        cells = [_brief(row[0]["run"][name]) + "*" * (edge and name == "learning_rate")
                 for name in differ] + [str(len(row))]
        for name in ("answers", "loss", "facts"):
            values = [line[name] for line in row if name in line]
            cells.append(f"{np.mean(values):.3f} ±{np.std(values):.3f}" if values else "")
        table.append(cells)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
                     .rstrip() for cells in table)


def made_with(lines: Iterable[Line]) -> str:
    """Which versions and BLAS kernel made the lines, or how many each, and that it is a mixture."""
    counts = Counter(line["versions"] for line in lines).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return "a mixture: " + ", ".join(f"{versions} ({count} runs)" for versions, count in counts)


def _brief(value: Any) -> str:
    return "+".join(value) if isinstance(value, list | tuple) else str(value)


def put_in_order(path: Path) -> dict[FineTuning, Line]:
    """Rewrite a results file unless it is in order: whole lines, those of declared runs first,
    in the order of their groups; return them.
    """
    found = read_results(path)
    order = dict.fromkeys((*group_runs(tuple(groups.GROUPS)), *found))
    text = "".join(_compact(found[run]) + "\n" for run in order if run in found)
    if text != (path.read_text() if path.exists() else ""):
        draft = path.with_suffix(".part")
        draft.write_text(text)
        draft.replace(path)
    return found


def short(value: Any) -> Any:
    """The same with numbers of four digits."""
    if isinstance(value, dict):
        return {name: short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [short(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return float(f"{value:.4g}") if isinstance(value, float) else value


def versions() -> str:
    """What made a line: its seconds and, by rounding errors, its figures depend on it."""
    kernel = next((each.get("architecture") for each in threadpool_info()), None)
    return f"Python {platform.python_version()} NumPy {np.__version__} {kernel}"


def append_line(path: Path, line: Line) -> None:
    """Add a line to a results file."""
    with path.open("a") as file:
        file.write(_compact(line) + "\n")


def read_results(path: Path) -> dict[FineTuning, Line]:
    """The lines of a results file by run, with every setting; a line cut short is left out."""
    found = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:  # the run before was stopped while it wrote
            continue
        try:
            run = FineTuning(**{name: tuple(value) if isinstance(value, list) else value
                                for name, value in line["run"].items()})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} holds a line that is no run: {text[:60]}") from error
        found[run] = line | {"run": asdict(run)}
    return found


def _compact(line: Line) -> str:
    """A line as it is stored: without the settings that are the usual ones."""
    usual = asdict(FineTuning(method=line["run"]["method"]))
    run = {name: value for name, value in line["run"].items()
           if name in ("method", "learning_rate") or value != usual[name]}
    return json.dumps(line | {"run": run}, separators=(",", ":"))


def record_histories(seeds: Iterable[int] = (0, 1, 2)) -> None:
    """Store what ``python -m lib pretrain --seed N`` noted, for each seed, for chapter 5's curves.
    """
    noted = {seed: load_history(RUNS / f"base-seed{seed}.npz") for seed in seeds}
    found = {seed: {"losses": each["losses"][::10], "history": each["history"]}
             for seed, each in noted.items()}
    HISTORIES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def load_histories() -> dict[int, dict[str, Any]]:
    """What the pre-training of several seeds noted, by seed: ``losses`` (of every 10th step) and
    ``history``.
    """
    return {int(seed): found for seed, found in json.loads(HISTORIES.read_text()).items()}
