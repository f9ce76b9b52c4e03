"""The laboratory on a Dask cluster of real processes: what is lost with one, and who is refused."""

from __future__ import annotations

import builtins
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import distributed
import pytest
import small_runs
from distributed import Client

from lib.__main__ import main
from lib.laboratory import RESULTS, cluster, experiments, groups, run_groups, runs
from lib.laboratory.results import read_results

ROOT = Path(__file__).parents[2]
HERE = str(Path(__file__).parent)


class Processes:
    """A scheduler and workers, started as the book says, and ended by ``end``."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder, self.file, self.all = folder, folder / "scheduler.json", []
        self.scheduler = self.start("scheduler", ROOT, "--host", "127.0.0.1", "--port", "0",
                                    "--dashboard-address", "127.0.0.1:0", **variables)

    def start(self, kind, library, *options, **variables):
        """Start ``dask scheduler`` or ``dask worker`` with the library of a folder."""
        paths = os.pathsep.join([str(library), HERE])
        with (self.folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", kind, "--scheduler-file", str(self.file),
                 "--no-dashboard", *options], cwd=self.folder, stdout=log, stderr=log,
                env=os.environ | {"PYTHONPATH": paths} | variables)
        self.all.append(process)
        return process

    def worker(self, library=ROOT):
        """Start a worker on which BLAS has two threads, unless the library sees to it."""
        return self.start("worker", library, "--nthreads", "1", "--no-nanny", "--host",
                          "127.0.0.1", "--local-directory", str(self.folder),
                          OPENBLAS_NUM_THREADS="2")

    def address(self, workers: int = 0) -> str:
        """Where the scheduler is, once it has so many workers."""
        deadline = time.monotonic() + 60
        while not (self.file.exists() and self.file.read_text()):
            assert time.monotonic() < deadline, (self.folder / "log.txt").read_text()
            time.sleep(0.05)
        address = json.loads(self.file.read_text())["address"]
        if workers:
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=60)
        return address

    def end(self) -> None:
        for process in self.all:
            process.kill()
            process.wait()


@pytest.fixture
def processes(tmp_path, monkeypatch):
    """What starts a cluster; runs are small ones, and the folder is another."""
    started = []

    def start(**variables):
        started.append(Processes(tmp_path, **variables))
        return started[-1]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiments, "perform", small_runs.perform)
    monkeypatch.setattr(groups, "GROUPS", {"small": runs(batch=[4], steps=[4], seed=range(12))})
    yield start
    for each in started:
        each.end()


def after_lines(monkeypatch, count, act):
    """Have ``act(line)`` done right after so many lines were added to the results."""
    added, append = [], experiments.append_line

    def append_and_act(path, line):
        append(path, line)
        added.append(line)
        if len(added) == count:
            act(line)

    monkeypatch.setattr(experiments, "append_line", append_and_act)
    return added


def never(run):
    raise AssertionError("done all the same")


def deciding(path):
    """The lines of a file, without what may differ from machine to machine."""
    found = [json.loads(text) for text in path.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in ("seconds", "versions")}
            for line in found]


def test_a_worker_killed_half_way_costs_no_line(processes, monkeypatch, tmp_path, capsys):
    made = processes()
    workers = {f"process {each.pid}": each for each in (made.worker(), made.worker())}
    address, out = made.address(2), tmp_path / "lab.jsonl"
    command = ["lab", "small", "--cluster", address, "--out", str(out)]

    def stop_when_forgotten(line):                            # the 3 that are here
        deadline = time.monotonic() + 60
        with Client(address, set_as_default=False) as client:
            while (known := client.run_on_scheduler(small_runs.known)) != 9:
                assert time.monotonic() < deadline, known
                time.sleep(0.05)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        after_lines(patch, 3, stop_when_forgotten)
        with pytest.raises(SystemExit, match="Stopped. The same command goes on"):
            main(command)
    before = out.read_text()
    assert len(before.splitlines()) == 3
    added = after_lines(monkeypatch, 3, lambda line: workers[line["versions"]].kill())
    main(command)
    killed = added[2]["versions"]
    with Client(address, set_as_default=False) as client:
        lost = [event for _, event in client.get_events("all")
                if event.get("action") == "remove-worker"]
    assert len(lost) == 1 and lost[0]["processing-tasks"]     # it had runs in hand
    assert [line["versions"] for line in added[3:]].count(killed) <= 1   # one was on its way
    assert len(added) == 9
    assert all(text in out.read_text().splitlines() for text in before.splitlines())
    # Nothing lost, nothing twice, in order, and one BLAS thread each.
    run_groups(["small"], tmp_path / "alone.jsonl", jobs=1)
    assert deciding(out) == deciding(tmp_path / "alone.jsonl")
    assert {*map(str, (line["blas"] for line in deciding(out)))} == {"[1]"}
    assert "made with a mixture: process " in capsys.readouterr().out


def test_what_is_lost_for_good_is_said(processes, monkeypatch, tmp_path):
    made = processes(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    made.worker(), made.worker()
    address, out = made.address(2), tmp_path / "lab.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(groups, "GROUPS", {"small": runs()})
        patch.setattr(experiments, "perform", small_runs.die)
        with pytest.raises(OSError, match="every worker that took a certain run died over it"):
            run_groups(["small"], out, cluster=address)
    assert not out.exists()
    after_lines(monkeypatch, 2, lambda line: made.scheduler.kill())
    with pytest.raises(OSError, match="the connection to the scheduler was lost"):
        run_groups(["small"], out, cluster=address)
    assert 2 <= len(deciding(out)) < 12


def test_no_workers_and_a_worker_with_another_library_are_named(processes, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "lib", tmp_path / "other" / "lib")
    with (tmp_path / "other" / "lib" / "lora.py").open("a") as file:
        file.write("# changed\n")
    made = processes()
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "PATIENCE", 1.0)
        with pytest.raises(OSError, match="has no worker after 1 s: start some with dask worker"):
            run_groups(["small"], tmp_path / "lab.jsonl", cluster=made.address())
    for library in (tmp_path / "other", ROOT):
        made.worker(library)
    address = made.address(2)
    with pytest.raises(ValueError, match="another library than on this machine, or none") as caught:
        run_groups(["small"], tmp_path / "lab.jsonl", cluster=address)
    assert str(caught.value).count("tcp://") == 1 and "the scheduler" not in str(caught.value)
    assert not (tmp_path / "lab.jsonl").exists()


def worker_with(monkeypatch, threads=1):
    worker = SimpleNamespace(address="tcp://10.0.0.7:1", state=SimpleNamespace(nthreads=threads))
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)


def test_a_worker_that_came_later_is_looked_at_too(monkeypatch, tmp_path):
    run, other = runs(base=[0, 2])
    monkeypatch.chdir(tmp_path)
    worker_with(monkeypatch)
    wanted = cluster.inventory(0)
    assert cluster.perform_here(run, wanted, perform=lambda run: run.seed) == 0
    with pytest.raises(ValueError, match="tcp://10.0.0.7:1 has another lib than"):
        cluster.perform_here(run, wanted | {"lib": "else"}, perform=never)
    Path("runs").mkdir()
    Path("runs/base-seed2.npz").write_bytes(b"here")
    wanted = cluster.inventory(2)
    assert cluster.perform_here(other, wanted, perform=lambda run: run.base) == 2
    for change in (lambda path: path.write_bytes(b"there"), Path.unlink):
        change(Path("runs/base-seed2.npz"))
        with pytest.raises(ValueError, match="has another base model of seed 2 than"):
            cluster.perform_here(other, wanted, perform=never)
    worker_with(monkeypatch, threads=4)
    with pytest.raises(ValueError, match="has 4 threads.*--nthreads 1"):
        cluster.perform_here(run, cluster.inventory(0), perform=never)


def test_the_library_is_every_file_that_decides(monkeypatch, tmp_path):
    for name in ("a.py", "corpus/data/b.txt", "corpus/data/c.csv", "lab.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(cluster, "LIB", tmp_path)
    found = [cluster.library.__wrapped__()]
    for name in ("a.py", "corpus/data/b.txt", "corpus/data/c.csv"):
        (tmp_path / name).write_text("two")
        found.append(cluster.library.__wrapped__())
    (tmp_path / "a.py").rename(tmp_path / "d.py")
    found.append(cluster.library.__wrapped__())
    assert len(set(found)) == 5
    (tmp_path / "lab.jsonl").write_text("more lines")
    assert cluster.library.__wrapped__() == found[-1]


def test_a_cluster_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    with pytest.raises(OSError, match="no Dask scheduler answers at tcp://127.0.0.1:1 within 0.3"):
        run_groups(["bases"], tmp_path / "lab.jsonl", cluster="tcp://127.0.0.1:1")
    with pytest.raises(ValueError, match="the cluster is '', it must be the address"):
        run_groups(["bases"], tmp_path / "lab.jsonl", cluster="")
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_extra_is_named(monkeypatch):
    usual = builtins.__import__

    def without(name, *others):
        if name.startswith("distributed"):
            raise ModuleNotFoundError("no", name=name)
        return usual(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with (pytest.raises(ValueError, match=r"needs the package distributed.*\.\[cluster\]"),
          cluster.connected("tcp://127.0.0.1:1")):
        pass


def test_the_page_reckons_with_the_recorded_seconds():
    """All its arithmetic starts from this mean: a new record asks for another page."""
    seconds = [line["seconds"] for line in read_results(RESULTS).values()]
    mean, longest = sum(seconds) / len(seconds), max(seconds)
    page = (ROOT / "book" / "cluster.md").read_text().replace("\n", " ")
    assert re.findall(r"([\d.]+) seconds of one core, .* the laboratory's (\d+) lines", page) == [
        (f"{mean:.1f}", str(len(seconds)))]
    assert re.findall(r"longest recorded one took ([\d.]+) seconds", page) == [f"{longest:.1f}"]
