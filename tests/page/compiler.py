"""Building kernels.wasm from kernels.c, with the compiler of the committed file or another.

    PYTHONPATH=. python tests/page/compiler.py      (writes the file that is committed)
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.lab_page import LAB

SOURCE = LAB / "kernels.c"
#: The package whose compiler made the committed file: it gives the same bytes again.
PINNED = ("ziglang", "0.14.1")
ZIG = ("-target", "wasm32-freestanding")
CLANG = ("--target=wasm32",)
FLAGS = ("-Os", "-msimd128", "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all")


def compilers() -> dict[str, list[str]]:
    """The command of each compiler that can build WebAssembly here, by its name."""
    found = {}
    if importlib.util.find_spec("ziglang"):
        found["ziglang"] = [sys.executable, "-m", "ziglang", "cc", *ZIG]
    if shutil.which("clang") and shutil.which("wasm-ld"):
        found["clang"] = ["clang", *CLANG]
    return found


def is_pinned(name: str) -> bool:
    """Whether this is the compiler of the committed file."""
    return name == PINNED[0] and version(name) == PINNED[1]


def build(command: list[str], path: Path) -> None:
    """Compile the kernels to ``path``."""
    subprocess.run([*command, *FLAGS, "-o", str(path), str(SOURCE)], check=True)


if __name__ == "__main__":
    build(compilers()[PINNED[0]], LAB / "kernels.wasm")
