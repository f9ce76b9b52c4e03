"""Lets pytest, and the kernels that nbval starts, find ``lib`` and give the stored outputs."""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tools.environment import prepare

prepare()
# The environment of the parity tests has no notebooks to run.
pytest_plugins = ["tools.notebooks"] if find_spec("nbval") else []
