"""The notebooks against their stored outputs as other machines would run them: ``make everywhere``.

    nox                                     every combination that this machine can run
    nox -k "oldest and Haswell"             some of them
    nox -s draw                             one of them with three notebooks, another for each state
                                            of the files
    nox -s draw -- 7                        the draw of the seed 7
"""

import random
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["everywhere"]
nox.options.envdir = "_build/nox"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

NOTEBOOKS = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval",
             "--nbval-cell-timeout=600"]
CHAPTERS = sorted(map(str, Path("chapters").glob("*.ipynb")))
OLDEST = {"3.11": "2.0.*", "3.13": "2.1.*"}  # the first NumPy of ours that each Python has
PYTHONS = [version for version in OLDEST if shutil.which(f"python{version}")]

# For each OpenBLAS kernel: what a processor needs for it, the kilobytes of second-level cache that
# its processors have, and which of NumPy's own loops they lack, by the starts of their names.
# OpenBLAS chooses its blocks by the host's cache, whatever the kernel, and release 0.3.34 then
# writes past a buffer where a Zen 4 is asked for Haswell's (its issues 6013 and 6021).
AVX512 = ("AVX512", "X86_V4")
KERNELS = {
    "Haswell": ({"avx2", "fma"}, 256, AVX512),
    "Sandybridge": ({"avx"}, 256, (*AVX512, "AVX2", "FMA", "F16C", "X86_V3")),
    "SkylakeX": ({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}, 1024, ()),
    "Zen": ({"avx2", "fma"}, 512, AVX512),
}
CPU = Path("/proc/cpuinfo")
FLAGS = set(CPU.read_text().split()) if CPU.exists() else set()
CAN_RUN = [kernel for kernel, (needs, *_) in KERNELS.items() if needs <= FLAGS] or ["its own"]

# What is drawn follows from the committed files, so that a failure can be repeated.
TREE = subprocess.run(["git", "rev-parse", "HEAD^{tree}"], capture_output=True, text=True).stdout
SEED = int(TREE, 16) % 10**6 if TREE else 0

LOOPS = "import numpy; print(*numpy.show_config('dicts')['SIMD Extensions'].get('found', []))"
FOUND = ("import numpy, threadpoolctl as t; "
         "print('NumPy', numpy.__version__, [p.get('architecture') for p in t.threadpool_info()])")


@nox.session(python=PYTHONS)
@nox.parametrize("kernel", CAN_RUN, ids=CAN_RUN)
@nox.parametrize("numpy", ["oldest", "newest"], ids=["oldest", "newest"])
def everywhere(session: nox.Session, numpy: str, kernel: str) -> None:
    """All notebooks, or those named, with one Python, NumPy and OpenBLAS kernel."""
    release = f"numpy=={OLDEST[session.python]}" if numpy == "oldest" else "numpy"
    session.install("--only-binary", "numpy", "-e", ".[book]", "nbval", "pytest", release)
    if kernel in KERNELS:
        _, cache, lacks = KERNELS[kernel]
        loops = session.run("python", "-c", LOOPS, silent=True).split()
        off = " ".join(loop for loop in loops if loop.startswith(lacks))
        session.env.update(OPENBLAS_CORETYPE=kernel, OPENBLAS_L2_SIZE=str(cache))
        session.env.update({"NPY_DISABLE_CPU_FEATURES": off} if off else {})
    session.run("python", "-c", FOUND)
    # Where all notebooks run, a run of each recorded experiment is made again, another one for each
    # state of the files. It takes minutes more, so a draw takes the records as they are.
    if not session.posargs:
        session.env["COURSE_DRAW"] = str(SEED % 1000)
        session.log(f"COURSE_DRAW={session.env['COURSE_DRAW']}")
    session.run(*NOTEBOOKS, f"--executed={session.create_tmp()}", *(session.posargs or CHAPTERS))


@nox.session(python=False)
def draw(session: nox.Session) -> None:
    """One combination with three notebooks, by chance."""
    seed = int(session.posargs[0]) if session.posargs else SEED
    rng = random.Random(seed)
    python, numpy, kernel = map(rng.choice, (PYTHONS, ["oldest", "newest"], CAN_RUN))
    session.log(f"seed {seed}: Python {python}, {numpy} NumPy, {kernel}; again: -s draw -- {seed}")
    session.notify(f"everywhere-{python}({numpy}, {kernel})", posargs=rng.sample(CHAPTERS, 3))
