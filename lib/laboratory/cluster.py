"""The laboratory's runs on a Dask cluster, which hands them out, carries the lines and repeats what
a lost worker had in hand.

Scheduler and workers need the library as it is here.  Python, NumPy and BLAS kernel may be others:
each line says which made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from lib.finetuning import FineTuning
from lib.laboratory.results import Line
from lib.pretraining import base_path

#: A ``distributed.Client``.  The package is an extra: without a cluster nothing imports it.
Client = Any

LIB = Path(__file__).parents[1]
#: How long the scheduler has to answer, and then a first worker to be there, in seconds.
PATIENCE = 30.0


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at an address such as ``tcp://10.0.0.5:8786``, closed at the end.

    Raises:
        ValueError: ``distributed`` is not installed, the address is none, or the scheduler or a
            worker has another library, or none.
        OSError: no scheduler answers there, or it has no worker.
    """
    try:
        import distributed
        from distributed.comm import get_address_host_port
    except ModuleNotFoundError as error:
        raise ValueError(f"a cluster needs the package {error.name}, which is not installed: "
                         "pip install -e '.[cluster]'") from error
    try:
        get_address_host_port(address)
    except ValueError as error:
        raise ValueError(f"the cluster is {address!r}, it must be the address of a scheduler, "
                         f"such as tcp://10.0.0.5:8786: {error}") from error
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except OSError as error:
        raise OSError(f"no Dask scheduler answers at {address} within {PATIENCE:g} s: is it "
                      "started, and is the port open?") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise OSError(f"the scheduler at {address} has no worker after {PATIENCE:g} s: start "
                          f"some with dask worker {address} --nthreads 1") from error
        if strange := _strange(client):
            raise ValueError(f"{', '.join(strange)}: another library than on this machine, or "
                             "none; bring the same files there, and start it again in their folder")
        yield client


def _strange(client: Client) -> list[str]:
    """Which of the scheduler and the workers don't have this library, with the reason if known."""
    found = client.run(library, on_error="return")
    try:
        found["the scheduler"] = client.run_on_scheduler(library)
    except ModuleNotFoundError as error:
        found["the scheduler"] = error
    return [f"{who} ({each})" if isinstance(each, Exception) else who
            for who, each in found.items() if each != library()]


def finished(client: Client, perform: Callable[[FineTuning], Line],
             runs: Sequence[FineTuning]) -> Iterator[Line]:
    """The line of each run, each once, in the order in which they end.

    Raises:
        ValueError: a worker has another library, another base model, or several threads.
        OSError: the scheduler was lost, or several workers died over one and the same run.
        Exception: what ``perform`` raised.
    """
    from distributed import KilledWorker, as_completed

    wanted = {seed: inventory(seed) for seed in {run.base for run in runs}}
    lines = as_completed(client.map(perform_here, runs, [wanted[run.base] for run in runs],
                                    perform=perform, pure=False),
                         loop=client.loop, with_results=True)
    try:
        for future, line in lines:
            if future.cancelled():  # and the line is the reason
                raise OSError("the connection to the scheduler was lost: start it again, and the "
                              "same command goes on with the runs that are missing")
            future.release()  # or a line that is here would be made again when its worker dies
            yield line
    except KilledWorker as error:
        raise OSError(f"every worker that took a certain run died over it, which may be want of "
                      f"memory: {error}") from error


def perform_here(run: FineTuning, wanted: dict[str, str], *,
                 perform: Callable[[FineTuning], Line]) -> Line:
    """Do a run on the worker that this is; a ValueError says why its line would be another one."""
    from distributed import get_worker

    worker, found = get_worker(), inventory(run.base)
    if differ := [name for name in wanted if found[name] != wanted[name]]:
        raise ValueError(f"the worker {worker.address} has another {' and '.join(differ)} than the "
                         "machine of this command: bring the same files there, start it again")
    if worker.state.nthreads != 1:
        raise ValueError(f"the worker {worker.address} has {worker.state.nthreads} threads, and "
                         "each would count the seconds of all: start it with --nthreads 1")
    return perform(run)


def inventory(base: int) -> dict[str, str]:
    """Digests of what decides a line besides its run: the library and the base model of a seed."""
    path = base_path(base)
    model = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
    return {"lib": library(), f"base model of seed {base}": model}


@cache
def library() -> str:
    """A digest of the library's code and texts, as a process found them when it imported them."""
    found = hashlib.sha256()
    for path in sorted(LIB.rglob("*")):
        if path.suffix in (".csv", ".py", ".txt"):
            found.update(f"{path.relative_to(LIB).as_posix()} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()
