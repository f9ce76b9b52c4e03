"""Lets pytest, and the kernels that nbval starts, find ``lib`` and give the stored outputs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tools.environment import prepare

prepare()
