"""Rows with their verdicts, the table, the JSON file: needs neither NumPy nor PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.goals import GOALS, Goal

MISSED_FLOOR, MISSED_AIM = "UNDER THE FLOOR", "aim missed"
HEADINGS = ("what", "unit", "NumPy", "PyTorch", "ratio", "aim", "floor",
            "BLAS kernel, GFLOP/s NumPy : PyTorch", "remark")


def lower_quartile(values: Iterable[float]) -> float:
    """The value that a quarter of them do not exceed: what a mostly idle machine takes.

    Less shaky than the least, and untouched by up to three quarters of disturbed rounds.
    Raises ValueError if there are none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, no quartile")
    return ordered[(len(ordered) - 1) // 4]


@dataclass(frozen=True)
class Row:
    """One measured line: both figures in the goal's unit."""

    key: str
    goal: Goal
    numpy: float
    torch: float

    @property
    def ratio(self) -> float | None:
        """How many times better NumPy is; None in a row that compares each with itself."""
        if self.goal.kind == "less":
            return self.torch / self.numpy
        return self.numpy / self.torch if self.goal.kind == "more" else None

    def remark(self, kernel: str) -> str:
        """What this row misses, in words; empty where it misses nothing."""
        reached = self.numpy if self.ratio is None else self.ratio
        aim, floor = self.goal.aim_on(kernel), self.goal.floor
        sign = -1 if self.goal.kind == "cost" else 1
        if floor is not None and sign * reached < sign * floor:
            return MISSED_FLOOR
        return MISSED_AIM if aim is not None and sign * reached < sign * aim else ""


def rows_of(figures: dict[str, tuple[float, float]]) -> list[Row]:
    """The rows in the table's order; figures: key -> (NumPy, PyTorch)."""
    return [Row(key, goal, *figures[key]) for key, goal in GOALS.items() if key in figures]


def number(value: float | None, unit: str = "") -> str:
    """A figure as the table shows it."""
    if value is None:
        return ""
    digits = {"ms": 1, "MB": 0, "tokens/s": 0}.get(unit, 2)
    return f"{value:,.{digits}f}"


def table(rows: Sequence[Row], kernel: str, rates: tuple[float, float]) -> str:
    """A Markdown table whose columns also line up as plain text."""
    beside = f"{kernel}, {rates[0]:.0f} : {rates[1]:.0f}"
    lines = [HEADINGS]
    for row in rows:
        goal = row.goal
        bound = "<=" if goal.kind == "cost" else ">="
        limits = [f"{bound} {number(value)}" if value is not None else ""
                  for value in (goal.aim_on(kernel), goal.floor)]
        lines.append((goal.what, goal.unit, number(row.numpy, goal.unit),
                      number(row.torch, goal.unit), number(row.ratio), *limits,
                      beside, row.remark(kernel)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths))
                     + " |" for line in [lines[0], rule, *lines[1:]])


def missed_floors(rows: Sequence[Row], kernel: str) -> list[str]:
    """The rows under their floor."""
    return [row.key for row in rows if row.remark(kernel) == MISSED_FLOOR]


def write_json(path: Path, rows: Sequence[Row], machine: dict[str, Any]) -> None:
    """Write the machine and the rows; no time of day, so that equal figures give equal files."""
    kernel = machine["numpy"]["kernel"]
    listed = {row.key: {
        "what": row.goal.what, "unit": row.goal.unit, "numpy": round(row.numpy, 4),
        "torch": round(row.torch, 4), "ratio": row.ratio and round(row.ratio, 3),
        "aim": row.goal.aim_on(kernel), "floor": row.goal.floor, "remark": row.remark(kernel)}
        for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "rows": listed}, indent=1) + "\n")
