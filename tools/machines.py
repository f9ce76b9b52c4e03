"""The Pythons, NumPys and OpenBLAS kernels of this machine, to run the notebooks with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.environment import ROOT

HOME = ROOT / "_build" / "everywhere"
CPU = Path("/proc/cpuinfo")

#: What a processor must have for each kernel, and which of NumPy's own loops that kernel's
#: processors lack, by the starts of their names.
AVX512 = ("AVX512", "X86_V4")
NEEDS = {"Haswell": {"avx2", "fma"}, "Sandybridge": {"avx"},
         "SkylakeX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
         "Zen": {"avx2", "fma"}}
LACKS = {"Haswell": AVX512, "Sandybridge": (*AVX512, "AVX2", "FMA", "F16C", "X86_V3"),
         "SkylakeX": (), "Zen": AVX512}
#: Kilobytes of second-level cache that the processors of each kernel have.  OpenBLAS chooses its
#: blocks by the host's cache, whatever the kernel, and release 0.3.34 then writes past a buffer
#: where a Zen 4 is asked for Haswell's (its issues 6013 and 6021).
CACHE = {"Haswell": 256, "Sandybridge": 256, "SkylakeX": 1024, "Zen": 512}
OWN = "its own"  # the kernel that OpenBLAS chooses itself, where none of these can run
OLDEST, NEWEST, HERE = "oldest", "newest", "here"  # HERE: the environment that runs this file

VERSION = "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])"
PROBE = """
import json, platform, sys
import numpy
from jupyter_client.manager import KernelManager
from threadpoolctl import threadpool_info

blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
simd = numpy.show_config(mode="dicts").get("SIMD Extensions", {})
threads = blas[0]["num_threads"] if blas else None
import lib  # limits BLAS: what a notebook has left of them
blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
print(json.dumps({
    "python": platform.python_version(), "numpy": numpy.__version__,
    "kernel": blas[0].get("architecture") if blas else None,
    "threads": threads, "inside": blas[0]["num_threads"] if blas else None,
    "loops": simd.get("found", []),
    "same": KernelManager(kernel_name="python3").format_kernel_cmd()[0] == sys.executable}))
"""


class NoEnvironment(Exception):
    """An environment cannot be made or used; the message says why."""


@dataclass(frozen=True)
class Combination:
    """What one run is of: an interpreter and its version, which NumPy, kernel and threads."""

    python: str
    version: str
    numpy: str
    kernel: str
    threads: int


def pythons() -> dict[str, str]:
    """The Pythons to test with, as {"3.11": interpreter, ...}: one or two."""
    running = "{}.{}".format(*sys.version_info)
    found = {}
    for minor in range(11, 30):
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = shutil.which(f"python3.{minor}", path=folder)
            if path and version_of(path).startswith(f"3.{minor}."):
                found.setdefault(f"3.{minor}", path)
    found[running] = sys.executable
    first = "3.11" if "3.11" in found else running
    newest = max(found, key=lambda version: int(version.split(".")[1]))
    return {version: found[version] for version in (first, newest)}


def version_of(python: str) -> str:
    """An interpreter's version, or nothing if it does not start or cannot make environments."""
    done = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def kernels() -> list[str]:
    """The kernels that this processor can run."""
    text = CPU.read_text() if CPU.exists() else ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    has = set(flags[1].split()) if flags else set()
    return [kernel for kernel, needs in NEEDS.items() if needs <= has] or [OWN]


def requirements() -> tuple[str, list[str]]:
    """(NumPy, all else that running and comparing a notebook needs)."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    # Without its typeface a figure is drawn with another one, and Matplotlib says so.
    for name, starts in (("requirements.txt", ("font-", "autograd")),
                         ("requirements-test.txt", ("nbval", "pytest"))):
        needed += [line for line in (ROOT / name).read_text().splitlines()
                   if line.startswith(starts)]
    return (next(line for line in needed if line.startswith("numpy")),
            [*(line for line in needed if not line.startswith("numpy")), "ipykernel"])


def numpy_choices(which: str, allowed: str) -> list[str]:
    """What to ask pip for, one after the other, until there is one for this Python."""
    if which == NEWEST:
        return [allowed]
    major, minor = map(int, re.fullmatch(r"numpy>=(\d+)\.(\d+),<\d+", allowed).groups())
    return [f"numpy=={major}.{number}.*" for number in range(minor, minor + 20)]


@cache
def interpreter(python: str, version: str, which: str) -> str:
    """The Python of an environment in HOME, which is made if it is not there."""
    if which == HERE:
        return sys.executable
    folder, (allowed, others) = HOME / f"{version}-{which}", requirements()
    path, stamp = folder / "bin" / "python", folder / "installed.json"
    wanted = json.dumps([version_of(python), allowed, others])
    if stamp.exists() and stamp.read_text() == wanted and version_of(str(path)):
        return str(path)
    print(f"Making {folder.relative_to(ROOT)}", flush=True)
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    for choice in numpy_choices(which, allowed):
        done = subprocess.run([path, "-m", "pip", "install", "--quiet", "--only-binary=:all:",
                               "--disable-pip-version-check", choice, *others],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            stamp.write_text(wanted)
            return str(path)
        if "No matching distribution found for numpy" not in done.stderr:
            break
    raise NoEnvironment(f"Python {version} with the {which} NumPy: {done.stderr.strip()}")


def variables(combination: Combination, loops: list[str]) -> dict[str, str]:
    """The environment of a run; ``loops`` are those that NumPy has here."""
    kept = {name: value for name, value in os.environ.items() if name not in
            ("PYTHONPATH", "PYTHONHOME", "JUPYTER_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    lacks = LACKS.get(combination.kernel, ())
    off = " ".join(name for name in loops if lacks and name.startswith(lacks))
    own = {} if combination.kernel == OWN else {
        "OPENBLAS_CORETYPE": combination.kernel,
        "OPENBLAS_L2_SIZE": str(CACHE[combination.kernel])}
    return {**kept, **own, "OPENBLAS_NUM_THREADS": str(combination.threads),
            "PYTHONNOUSERSITE": "1", "JUPYTER_PREFER_ENV_PATH": "1",
            **({"NPY_DISABLE_CPU_FEATURES": off} if off else {})}


def probe(python: str, environment: dict[str, str]) -> dict[str, object]:
    """What that Python says about itself, its NumPy and its BLAS in that environment."""
    done = subprocess.run([python, "-c", PROBE], env=environment, cwd=ROOT, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise NoEnvironment(f"{python} cannot run notebooks: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout)
    if not found["same"]:
        raise NoEnvironment(f"{python} would run notebooks in another Python than itself")
    return found
