"""Run notebooks and store their outputs, byte for byte the same each time.

    python tools/refresh.py [chapters/01_tokens.ipynb ...]      (all chapters when none is named)

A notebook that fails, or that is stopped half-way, keeps its old file.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

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
    half = path.with_name(f".{path.name}.tmp")
    try:
        half.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", "utf-8", newline="\n")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


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
    except (CellExecutionError, DeadKernelError, OSError, ValueError,
            nbformat.ValidationError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(names: list[str]) -> int:
    """Refresh the named notebooks, or all chapters; return how many failed."""
    paths = [Path(name).resolve() for name in names] or sorted(ROOT.glob("chapters/*.ipynb"))
    failed, start = 0, time.perf_counter()
    with ProcessPoolExecutor(max_workers=min(workers(), max(1, len(paths)))) as pool:
        for path, trouble in zip(paths, pool.map(refresh, paths)):
            print(f"{path.name}: {'FAILED, file left as it was' if trouble else 'stored'}"
                  f" (after {time.perf_counter() - start:.0f} s)", flush=True)
            if trouble:
                print(trouble, file=sys.stderr, flush=True)
                failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
