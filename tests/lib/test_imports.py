"""Which module needs which: the core nothing above it, the corpus nothing of the core."""

import json
import subprocess
import sys
from pathlib import Path

LIB = Path(__file__).parents[2] / "lib"
#: ``explore`` draws and ``growing`` reads notebooks, for the book; what else lies flat is its core.
CORE = sorted({path.stem for path in LIB.glob("*.py")} - {"explore", "growing", "__init__"})
BLOCKED = ["matplotlib", "PIL", "IPython", "ipywidgets", "joblib"]
ALLOWED = {"lib", "numpy", "tqdm", "threadpoolctl"}

IMPORTS = """
import importlib, json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

before = set(sys.modules)
sys.meta_path.insert(0, Blocked())
for module in {modules!r}:
    importlib.import_module(module)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def imported_by(*modules):
    """What a fresh process imports with modules, where the book's packages are not to be had."""
    done = subprocess.run([sys.executable, "-c", IMPORTS.format(blocked=BLOCKED, modules=modules)],
                          cwd=LIB.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_core_needs_few_packages_and_nothing_above_it():
    found = imported_by(*(f"lib.{module}" for module in CORE))
    packages = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
    assert {name for name in packages if not name.startswith("_")} <= ALLOWED
    above = [name for name in found if name.startswith("lib.")
             and name.split(".")[1] not in {*CORE, "corpus"}]
    assert not above


def test_the_corpus_needs_nothing_of_the_core():
    found = [name for name in imported_by("lib.corpus.tasks") if name.startswith("lib.")]
    assert found and all(name.startswith("lib.corpus") for name in found)
