"""The benchmarks' arithmetic and verdicts; the measuring itself needs PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import random_tokens, tiny_model

import benchmarks.__main__ as bench
from benchmarks import goals, report
from benchmarks.flops import forward_flops, step_flops
from benchmarks.goals import GOALS
from benchmarks.timing import interleave

MACHINE = {"cpu": "an abacus", "cores": 2, "python": "3.11.0", "packages": {"numpy": "2.0"},
           "numpy": {"blas": "openblas", "version": "1", "kernel": "SkylakeX", "gflops": 100.0},
           "torch": {"blas": "mkl", "kernel": "AVX512", "gflops": 50.0}}


def test_operations_are_those_of_every_matrix_product(rng):
    model, counted = tiny_model(rng, layers=3), [0]

    class Counting(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
            plain = [np.asarray(x) for x in inputs]
            if out is not None:
                options["out"] = tuple(np.asarray(x) for x in out)
            result = getattr(ufunc, method)(*plain, **options)
            # Not sums, as ones @ x or x @ ones.
            if ufunc is np.matmul and min(x.ndim for x in plain) > 1 and result.shape[-1] > 1:
                counted[0] += 2 * result.size * plain[0].shape[-1]
            if out is not None:
                return out[0]
            return result.view(Counting) if isinstance(result, np.ndarray) else result

    for _, layer in model.walk():
        for name in layer.array_names:
            if getattr(layer, name) is not None:
                setattr(layer, name, getattr(layer, name).view(Counting))
    c = model.config
    sizes = {"size": c.embedding_dimension, "hidden": c.feed_forward_dimension,
             "layers": c.layers, "vocabulary": c.vocabulary_size}
    logits = model.forward(random_tokens(model, rng, 3, 7))
    assert counted[0] == forward_flops(3, 7, **sizes) > 0
    model.backward(logits)
    assert counted[0] == step_flops(3, 7, **sizes)


def test_sides_take_turns_and_disturbed_rounds_do_not_count():
    order, now = [], [0.0]

    def call(name, seconds):
        def run():
            order.append(name)
            now[0] += next(seconds)
        return run

    ours, theirs = iter([4.0, 1.0, 3.0, 2.0, 9.0]), iter([50.0] * 5)
    measured = interleave({"x": (call("a", ours), call("b", theirs))}, 5, lambda: now[0])
    assert measured == {"x": (2.0, 50.0)}  # the lower quartile
    assert "".join(order) == "abbaabbaab"


@pytest.mark.parametrize("key, numpy, torch, kernel, ratio, remark", [
    ("full-16x128", 10, 9.9, "Haswell", 0.99, report.MISSED_FLOOR),
    ("full-16x128", 10, 10.0, "Haswell", 1.0, report.MISSED_AIM),
    ("full-16x128", 10, 13.0, "Zen", 1.3, ""),
    ("full-16x128", 10, 13.0, "SkylakeX", 1.3, report.MISSED_AIM),
    ("full-16x128", 10, 10.0, "mkl", 1.0, ""),
    ("cost-lora-qv", 0.76, 0.5, "mkl", None, report.MISSED_AIM),
    ("cost-lora-qv", 0.75, 0.8, "mkl", None, ""),
    ("limit", 0.61, 0.7, "mkl", None, report.MISSED_AIM),
    ("cores-full", 22, 10, "SkylakeX", 2.2, ""),
    ("memory-full", 100, 199, "mkl", 1.99, report.MISSED_FLOOR)])
def test_ratio_and_remark(key, numpy, torch, kernel, ratio, remark):
    row = report.Row(key, GOALS[key], numpy, torch)
    assert row.ratio == (ratio and pytest.approx(ratio)) and row.remark(kernel) == remark


def test_floors():
    """The bar, once more, written apart from the code."""
    assert {key: goal.floor for key, goal in GOALS.items() if goal.floor is not None} == {
        **dict.fromkeys([*goals.FULL, *goals.LORA], 1.0), "forward": 0.85, "generate-twin": 1.5,
        "real-decode": 1.0, "real-lora-qv": 0.85,
        "generate-hf": 4, "memory-full": 2, "memory-lora": 2, "startup-torch": 8,
        "startup-peft": 25}


@pytest.mark.parametrize("seconds, code", [(0.6, 0), (0.3, 1)])
def test_shares_and_exit_code(seconds, code, monkeypatch, tmp_path, capsys):
    def module(name, *arguments):
        """Stands for the processes: fixed figures, PyTorch's ``seconds`` long."""
        if name == "benchmarks.start":
            return {"numpy": "10", "torch": "90", "peft": "300"}[arguments[0]]
        settings = json.loads(arguments[1])
        if arguments[0] == "training_memory":
            return json.dumps(100 if settings["side"] == "numpy" else 250)
        if arguments[0] == "two_cores":
            return json.dumps(dict.fromkeys(settings["rows"], [50_000, 20_000]))
        times = {row: [0.05, 0.2 * seconds] if row == "lora-top" else [0.1, seconds]
                 for row in settings["rows"]}
        return json.dumps({"machine": MACHINE, "rates": [200e9, 100e9], "seconds": times})

    monkeypatch.setattr(bench, "module", module)
    path = tmp_path / "new" / "bench.json"
    assert bench.main(["--json", str(path), "--strict"]) == code
    text = capsys.readouterr().out
    assert ("Under the floor: generate-hf\n" in text) == (code == 1)
    rows = json.loads(path.read_text())["rows"]
    assert rows.keys() == GOALS.keys()
    assert rows["limit"]["numpy"] == pytest.approx(step_flops(16, 128) / 200e9 / 0.1, abs=1e-4)
    assert rows["limit"]["torch"] == pytest.approx(step_flops(16, 128) / 100e9 / seconds, abs=1e-4)
    assert (rows["cost-lora-top"]["numpy"], rows["cost-lora-top"]["torch"]) == (0.5, 0.2)


def test_measuring_process_stays_small():
    """Neither library may be loaded in the process whose children's memory is measured."""
    code = ("import sys, benchmarks.__main__\n"
            "print([name for name in ('numpy', 'torch', 'lib') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2],
                          capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
