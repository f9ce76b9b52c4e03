"""Run notebooks and store their outputs, byte for byte the same each time.

    python tools/refresh.py [chapters/01_tokens.ipynb ...]      (all chapters when none is named)

A notebook that fails, or that is stopped half-way, keeps its old file.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.environment import ROOT, prepare, workers
from tools.exercises import CHECK, SOLUTION

TIMEOUT = 600  # seconds for one cell
#: Of a cell's metadata; ``slow`` marks a solution that is not tried in the stub's place.
KEPT = ("tags", "tolerance", "slow", "jupyter")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop, in place, all that differs from one run or one editor to the next."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in KEPT[:-1] if cell.metadata.get(key)}
            | folded(cell))
        cell.source = cell.source.rstrip()
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    return notebook


def folded(cell: nbformat.NotebookNode) -> dict[str, dict[str, bool]]:
    """What JupyterLab folds: checks, solutions with their outputs, and what explains them."""
    tags = cell.metadata.get("tags", ())
    if SOLUTION in tags:
        return {"jupyter": {"source_hidden": True, "outputs_hidden": True}}
    if CHECK in tags or (cell.cell_type == "markdown" and "{solution-end}" in cell.source):
        return {"jupyter": {"source_hidden": True}}
    return {}


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write the notebook to ``path``, whole or not at all."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def refresh(path: Path) -> str | None:
    """Run the notebook and store what it shows; return what went wrong, or None."""
    prepare()
    try:
        before = path.read_bytes()
        notebook = nbformat.reads(before.decode(), as_version=4)
        NotebookClient(
            notebook, timeout=TIMEOUT, kernel_name="python3", record_timing=False,
            store_widget_state=False, coalesce_streams=True, extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(path.parent)}},
        ).execute()
        if path.read_bytes() != before:
            return f"{path.name} was edited while it ran: nothing is stored, run it again"
        write(normalise(notebook), path)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return str(error)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def timed_refresh(path: Path) -> tuple[str | None, float]:
    """Return what ``refresh`` returns, and the seconds that it took."""
    start = time.perf_counter()
    return refresh(path), time.perf_counter() - start


def main(names: list[str]) -> int:
    """Refresh the named notebooks, or all chapters; return how many failed."""
    paths = [Path(name).resolve() for name in names] or sorted(ROOT.glob("chapters/*.ipynb"))
    failed = 0
    with ProcessPoolExecutor(max_workers=min(workers(), max(1, len(paths)))) as pool:
        for path, (trouble, seconds) in zip(paths, pool.map(timed_refresh, paths)):
            print(f"{path.name}: {'FAILED, file left as it was' if trouble else 'stored'}"
                  f" ({seconds:.0f} s)", flush=True)
            if trouble:
                print(trouble, file=sys.stderr, flush=True)
                failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
