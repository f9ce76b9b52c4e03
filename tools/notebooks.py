"""The one door through which notebooks are run: a pytest plugin on top of nbval.

    python -m pytest --nbval chapters

nbval runs every cell and compares it with its stored output. The plugin lets numbers differ by what
their cell declares (tools/tolerance.py), draws all frames of the sliders in the same run, sees that
each exercise's check refuses the reader's stub and takes the solution in its place
(tools/exercises.py), and keeps the executed notebook for the book's build (tools/executed.py).
"""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbCell, transform_streams_for_comparison

from tools import executed, exercises, tolerance
from tools.environment import FRAMES, prepare

#: Not compared: what is a picture, and what only the published page shows of it.
PICTURES = {"image/png", "image/jpeg", "image/svg+xml"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests keep their notebooks apart from the book's."""
    parser.addoption("--executed", type=Path, default=executed.FOLDER,
                     help="folder that takes the executed notebooks")


def pytest_configure(config: pytest.Config) -> None:
    """Let kernels, which inherit this process's environment, draw every frame."""
    if config.option.nbval:
        prepare(FRAMES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every cell what the plugin needs to know of it; leave out what can't be run here."""
    left = {path for path in {item.path for item in items} if executed.as_stored(path)}
    items[:] = [item for item in items if item.path not in left]
    expected: dict[Path, dict[int, tuple[str, str]]] = {}
    for item in items:
        if isinstance(item, IPyNbCell):
            if item.path not in expected:
                expected[item.path] = exercises.expected(item.parent.nb)
            item.expected, item.trial = expected[item.path].get(item.cell_num, ("", ""))
            item.compare_outputs = lambda new, stored, item=item: compare(item, new, stored)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """The check must refuse the stub and take the solution; the cell's outcome is noted."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    notes = item.parent.__dict__.setdefault("notes", {"failed": 0, "seconds": 0.0})
    start = time.perf_counter()
    try:
        result = yield
        answered(item)
        return result
    except BaseException:
        notes["failed"] += 1
        raise
    finally:
        notes[item.cell_num] = item.test_outputs
        notes["seconds"] += time.perf_counter() - start


def answered(item: IPyNbCell) -> None:
    """Raise unless a stub was refused, and a solution taken, also by the stub's own check."""
    said = "".join(output.get("text", "") for output in item.test_outputs or ())
    if item.expected and not any(line.startswith(item.expected) for line in said.splitlines()):
        item.raise_cell_error(f"the exercise's check does not print {item.expected!r}")
    if not item.trial:
        return
    # Silent: no output, and the counter of executed cells stays as it is.
    found = item.parent.kernel.kc.execute_interactive(
        item.trial, silent=True, store_history=False, stop_on_error=False,
        output_hook=lambda _: None, timeout=item.config.option.nbval_cell_timeout)["content"]
    if found["status"] != "ok":
        item.raise_cell_error("with the solution in the stub's place, the check refuses it: "
                              f"{found['ename']}: {found['evalue']}")


def compare(item: IPyNbCell, new: list, stored: list) -> bool:
    """Whether the new outputs are the stored ones, within what the cell's metadata declares."""
    item.comparison_traceback = []
    allowed = item.cell.metadata.get("tolerance")
    old, now = (flat(transform_streams_for_comparison(each)) for each in (stored, new))
    if [kind for kind, _ in old] != [kind for kind, _ in now]:
        item.comparison_traceback.append(f"stored are {[kind for kind, _ in old]}, "
                                         f"the run gave {[kind for kind, _ in now]}")
        return False
    for (kind, before), (_, after) in zip(old, now):
        said = tolerance.difference(before, after, allowed)
        if said:
            item.comparison_traceback.append(f"{kind}: {said}")
            item.format_output_compare(kind, before, after)
            return False
    return True


def flat(outputs: list) -> list[tuple[str, str]]:
    """Every text of a cell's outputs with its kind, in their order; pictures are left out.

    Sliders and pictures have the same words in every mode, and HTML in the published page alone.
    """
    found = []
    for output in outputs:
        data = output.get("data")
        if data is None:
            found += [(kind, text) for kind, text in output.items()
                      if kind in ("stdout", "stderr", "ename", "evalue")]
            continue
        drawn = PICTURES & set(data) or 'class="explore"' in str(data.get("text/html", ""))
        found += [(kind, text if isinstance(text, str) else repr(text))
                  for kind, text in sorted(data.items()) if kind not in PICTURES
                  and not (drawn and kind == "text/html")
                  and kind != "application/vnd.jupyter.widget-view+json"]
    return found


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After a notebook's last cell, keep it with the outputs of this run."""
    if not isinstance(item, IPyNbCell) or (nextitem and nextitem.parent is item.parent):
        return
    notes, notebook, path = item.parent.notes, item.parent.nb, Path(item.path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if any(number not in notes for number in range(len(cells))):
        return  # some cells only were asked for
    known = executed.state(path)
    for number, cell in enumerate(cells):
        cell.outputs = [nbformat.from_dict(output) for output in notes[number] or []]
    executed.keep(notebook, path, known, not notes["failed"], notes["seconds"],
                  item.config.option.executed)
