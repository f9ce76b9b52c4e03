"""The benchmarks' arithmetic, verdicts and output; the measuring itself needs PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import random_tokens, tiny_model

import benchmarks.__main__ as bench
from benchmarks import goals, numpy_side, report
from benchmarks.flops import forward_flops, product, step_flops
from benchmarks.goals import GOALS, Goal
from benchmarks.machine import numpy_blas
from benchmarks.timing import interleave, token_batch
from lib.training import loss_and_gradients

MACHINE = {"cpu": "an abacus", "cores": 2, "python": "3.11.0", "packages": {"numpy": "2.0"},
           "numpy": {"blas": "openblas", "version": "1", "kernel": "SkylakeX", "gflops": 100.0},
           "torch": {"blas": "mkl", "kernel": "AVX512", "gflops": 50.0}}


class Counted(np.ndarray):
    """An array whose every product of matrices is counted, and makes more such arrays."""

    operations = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(x) if isinstance(x, Counted) else x for x in inputs]
        if out is not None:
            options["out"] = tuple(np.asarray(x) for x in out)
        result = getattr(ufunc, method)(*plain, **options)
        if ufunc is np.matmul and min(x.ndim for x in plain) > 1:  # not sums, as ones @ x
            Counted.operations += 2 * result.size * plain[0].shape[-1]
        if out is not None:
            return out[0]
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def counted(model):
    for _, layer in model.walk():
        for name in layer.array_names:
            if getattr(layer, name) is not None:
                setattr(layer, name, getattr(layer, name).view(Counted))
    Counted.operations = 0
    return model


def row(key="full-16x128", numpy=10.0, torch=10.0):
    return report.Row(key, GOALS[key], numpy, torch)


def test_operations_by_hand():
    sizes = {"size": 4, "hidden": 5, "layers": 1, "vocabulary": 7}
    assert product(2, 3, 5) == 60
    # 6 rows: four 4 x 4, up and down, scores and context of 2 sequences, the vocabulary
    by_hand = 4 * 6 * 4 * 4 + 2 * 6 * 4 * 5 + 2 * 2 * 3 * 4 * 3 + 6 * 4 * 7
    assert forward_flops(2, 3, **sizes) == 2 * by_hand
    assert forward_flops(2, 3, **sizes | {"layers": 3}) == 2 * (3 * by_hand - 2 * 6 * 4 * 7)
    assert step_flops(2, 3, **sizes) == 6 * by_hand


def test_operations_of_the_library(rng):
    model = counted(tiny_model(rng, layers=3))
    c = model.config
    sizes = {"size": c.embedding_dimension, "hidden": c.feed_forward_dimension,
             "layers": c.layers, "vocabulary": c.vocabulary_size}
    tokens = random_tokens(model, rng, 3, 7)
    logits = model.forward(tokens)
    assert Counted.operations == forward_flops(3, 7, **sizes)
    model.backward(logits)
    assert Counted.operations == step_flops(3, 7, **sizes)


@pytest.mark.parametrize("values, quartile", [
    ([3], 3), ([3, 1, 2], 1), ([4, 3, 2, 1], 1), ([5, 4, 3, 2, 1], 2),
    ([9, 9, 9, 9, 2, 1, 9, 9], 2)])
def test_lower_quartile(values, quartile):
    assert report.lower_quartile(values) == quartile
    assert sum(each < quartile for each in values) <= len(values) / 4


def test_no_values_have_no_quartile():
    with pytest.raises(ValueError, match="no quartile"):
        report.lower_quartile([])


def test_sides_take_turns():
    order, now = [], [0.0]

    def call(name, seconds):
        def run():
            order.append(name)
            now[0] += next(seconds)
        return run

    ours, theirs = iter([4.0, 1.0, 3.0, 2.0, 9.0]), iter([50.0] * 5)
    measured = interleave({"x": (call("a", ours), call("b", theirs))}, 5, lambda: now[0])
    assert measured == {"x": (2.0, 50.0)}
    assert "".join(order) == "abbaabbaab"


def test_batch_is_always_the_same():
    inputs, targets = token_batch(2, 5)
    assert inputs.shape == targets.shape == (2, 5)
    assert (inputs != targets).any() and (inputs == token_batch(2, 5)[0]).all()


@pytest.mark.parametrize("key, numpy, torch, kernel, remark", [
    ("full-16x128", 10, 9.9, "Haswell", report.MISSED_FLOOR),
    ("full-16x128", 10, 10.0, "Haswell", report.MISSED_AIM),
    ("full-16x128", 10, 13.0, "Haswell", ""),
    ("full-16x128", 10, 13.0, "Zen", ""),
    ("full-16x128", 10, 13.0, "SkylakeX", report.MISSED_AIM),
    ("full-16x128", 10, 20.0, "SkylakeX", ""),
    ("full-16x128", 10, 10.0, "mkl", ""),
    ("lora-qv", 10, 10.0, "Haswell", ""),
    ("cost-lora-qv", 0.76, 0.5, "mkl", report.MISSED_AIM),
    ("cost-lora-qv", 0.75, 0.8, "mkl", ""),
    ("limit", 0.61, 0.7, "mkl", report.MISSED_AIM),
    ("limit", 0.62, 0.5, "mkl", ""),
    ("cores-full", 21, 10, "SkylakeX", report.MISSED_AIM),
    ("cores-full", 22, 10, "SkylakeX", ""),
    ("memory-full", 100, 199, "mkl", report.MISSED_FLOOR),
    ("memory-full", 100, 200, "mkl", report.MISSED_AIM),
    ("memory-full", 100, 300, "mkl", "")])
def test_remark(key, numpy, torch, kernel, remark):
    assert row(key, numpy, torch).remark(kernel) == remark


def test_a_floor_of_what_should_be_small():
    small = report.Row("x", Goal("x", kind="cost", aim=1.0, floor=2.0), 2.1, 0.0)
    assert small.ratio is None and small.remark("mkl") == report.MISSED_FLOOR


def test_floors_and_aims():
    """The bar, once more, written apart from the code."""
    floors = {key: goal.floor for key, goal in GOALS.items() if goal.floor is not None}
    assert floors == {
        **dict.fromkeys([*goals.FULL, *goals.LORA], 1.0), "forward": 0.85, "generate-twin": 1.5,
        "generate-hf": 4, "memory-full": 2, "memory-lora": 2, "startup-torch": 8,
        "startup-peft": 25}
    fast = {key: goal.aim_on("SkylakeX") for key, goal in GOALS.items()}
    assert {key: aim for key, aim in fast.items() if aim} == {
        **dict.fromkeys(goals.FULL, 2.0), **dict.fromkeys(goals.LORA, 2.1), "forward": 1.6,
        "generate-twin": 2.2, "generate-hf": 5.5, "cores-full": 2.2, "cores-lora": 2.2,
        "cost-lora-qv": 0.75, "cost-lora-top": 0.60, "limit": 0.62, "memory-full": 3.0}
    assert GOALS["full-8x64"].aim_on("Haswell") == 1.3
    assert GOALS["forward"].aim_on("Haswell") is None


def test_table():
    lines = report.table([row(numpy=10, torch=9), row("limit", 0.7, 0.6),
                          row("cores-full", 51_100, 20_000), row("cost-lora-qv", 0.8, 0.7)],
                         "Haswell", (100.4, 50)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    assert len({len(line) for line in lines}) == 1
    assert len({len(line) for line in cells}) == 1
    assert set(lines[1]) == set("| -")
    beside = "Haswell, 100 : 50"
    assert cells[2][1:] == ["ms", "10.0", "9.0", "0.90", ">= 1.30", ">= 1.00", beside,
                            "UNDER THE FLOOR"]
    assert cells[3][1:] == ["", "0.70", "0.60", "", ">= 0.62", "", beside, ""]
    assert cells[4][1:5] == ["tokens/s", "51,100", "20,000", "2.56"]
    assert cells[5][1:] == ["", "0.80", "0.70", "", "<= 0.75", "", beside, "aim missed"]


def test_rows_keep_the_order_of_the_table():
    figures = {"limit": (0.7, 0.6), "full-8x64": (1.0, 2.0)}
    assert [each.key for each in report.rows_of(figures)] == ["full-8x64", "limit"]


def test_json(tmp_path):
    path = tmp_path / "new" / "deep" / "bench.json"
    rows = [row(numpy=10, torch=9), row("limit", 0.7, 0.6)]
    report.write_json(path, rows, MACHINE)
    written = path.read_bytes()
    data = json.loads(written)
    assert data["machine"] == MACHINE
    assert data["rows"]["full-16x128"] == {
        "what": "full step, B=16 T=128", "unit": "ms", "numpy": 10, "torch": 9, "ratio": 0.9,
        "aim": 2.0, "floor": 1.0, "remark": "UNDER THE FLOOR"}
    assert data["rows"]["limit"]["ratio"] is None
    report.write_json(path, rows, MACHINE)
    assert path.read_bytes() == written


def test_rows_are_chosen_by_the_start_of_their_names():
    assert goals.chosen([]) == list(GOALS)
    assert goals.chosen(["limit", "full"]) == [*goals.FULL, "limit"]
    assert goals.needed(["limit"]) == ["full-16x128", "limit"]
    assert goals.needed(["cost-lora-top"]) == ["full-16x128", "lora-top", "cost-lora-top"]
    assert goals.needed(["memory-full"]) == ["memory-full"]
    with pytest.raises(ValueError, match="no row is called 'speed'.*generate-hf"):
        goals.chosen(["full", "speed"])


def test_unknown_row_is_refused_before_anything_runs(capsys, monkeypatch):
    monkeypatch.setattr(bench, "module", None)
    for arguments, words in ((["speed"], "no row is called 'speed'"),
                             (["--rounds", "-1"], "--rounds is -1")):
        with pytest.raises(SystemExit) as caught:
            bench.main(arguments)
        assert caught.value.code == 2
        assert words in capsys.readouterr().err


def fake_module(seconds, calls):
    """Stands for the processes: fixed figures, PyTorch's ``seconds`` long."""
    def module(name, *arguments):
        calls.append((name, *arguments))
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
    return module


@pytest.mark.parametrize("seconds, code", [(0.6, 0), (0.3, 1)])
def test_exit_code_tells_of_floors(seconds, code, monkeypatch, tmp_path, capsys):
    calls, path = [], tmp_path / "bench.json"
    monkeypatch.setattr(bench, "module", fake_module(seconds, calls))
    assert bench.main(["--json", str(path)]) == 0
    calls.clear()
    capsys.readouterr()
    assert bench.main(["--json", str(path), "--strict"]) == code
    text = capsys.readouterr().out
    assert ("Every floor is held" in text) == (code == 0)
    assert ("Under the floor: generate-hf\n" in text) == (code == 1)
    assert "kernel SkylakeX, 100 GFLOP/s" in text and "12.85 GFLOP" in text
    rows = json.loads(path.read_text())["rows"]
    assert rows.keys() == GOALS.keys()
    assert rows["full-8x64"]["numpy"] == 100.0
    assert rows["limit"]["numpy"] == pytest.approx(step_flops(16, 128) / 200e9 / 0.1, abs=1e-4)
    assert rows["limit"]["torch"] == pytest.approx(step_flops(16, 128) / 100e9 / seconds, abs=1e-4)
    assert (rows["cost-lora-top"]["numpy"], rows["cost-lora-top"]["torch"]) == (0.5, 0.2)
    assert (rows["startup-peft"]["numpy"], rows["startup-peft"]["torch"]) == (10, 300)
    assert calls.count(("benchmarks.start", "torch")) == 5


def test_failure_of_a_part_is_told(monkeypatch, tmp_path, capsys):
    def module(*command):
        raise subprocess.CalledProcessError(1, command)
    path = tmp_path / "bench.json"
    monkeypatch.setattr(bench, "module", module)
    assert bench.main(["--json", str(path)]) == 2
    assert "requirements-parity.txt" in capsys.readouterr().err
    assert not path.exists()


def test_named_rows_alone_are_measured(monkeypatch, tmp_path):
    calls, path = [], tmp_path / "bench.json"
    monkeypatch.setattr(bench, "module", fake_module(0.6, calls))
    assert bench.main(["--quick", "--json", str(path), "limit", "startup-torch"]) == 0
    assert json.loads(path.read_text())["rows"].keys() == {"limit", "startup-torch"}
    assert [call[:2] for call in calls] == [
        ("benchmarks.process", "one_thread"), *[("benchmarks.start", "numpy"),
                                                ("benchmarks.start", "torch")] * 2]
    assert json.loads(calls[0][2]) == {"rows": ["full-16x128"], "rounds": 3}


def test_adapters_of_the_top_half():
    """Only the upper blocks are adapted and trained, and backward never goes below them."""
    model = numpy_side.adapt(numpy_side.new_model(), "lora-top")
    batch = token_batch(2, 5)
    before = {name: array.copy() for name, array in model.parameters().items()}
    loss, gradients = loss_and_gradients(model, *batch)
    assert {name.split(".")[2] for name in gradients} == {"2", "3"}
    assert gradients.keys() == model.trainable_parameters().keys()
    assert len(gradients) == 2 * 2 * 2
    assert numpy_side.training_step(model, *batch)() == loss
    changed = {name for name, array in model.parameters().items() if (array != before[name]).any()}
    assert changed and all("lora_" in name for name in changed)
    with pytest.raises(AssertionError, match="below the lowest adapted block"):
        model.transformer_stack.backward(np.zeros((2, 5, 128), np.float32), trained_below=True)


def test_steps_of_one_and_two_workers_agree():
    batch = token_batch(4, 6)
    one = numpy_side.training_step(numpy_side.new_model(), *batch)
    two = numpy_side.parallel_step(numpy_side.new_model(), *batch)
    losses = [(one(), two()) for _ in range(3)]
    assert [a for a, _ in losses] == pytest.approx([b for _, b in losses], rel=1e-6)
    assert losses[2][0] < losses[0][0]


def test_kernel_is_named():
    assert set(numpy_blas()) == {"blas", "version", "kernel"}
    assert "unknown" not in numpy_blas().values()


def test_measuring_process_stays_small():
    """Neither library may be loaded in the process whose children's memory is measured."""
    code = ("import sys, benchmarks.__main__\n"
            "print([name for name in ('numpy', 'torch', 'lib') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2],
                          capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_start_is_timed_in_a_fresh_process():
    done = subprocess.run([sys.executable, "-m", "benchmarks.start", "numpy"],
                          cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < 60_000
