"""Runs made by a chapter's own cells: complete, in order, met again, and a stopped record goes on.
"""

import hashlib
import json
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
from helpers import as_bytes
from joblib import Parallel, delayed
from nbformat.v4 import new_code_cell, new_notebook

from lib import training
from lib.corpus import facts
from lib.corpus.tasks import load_task
from lib.laboratory import at_best_rate
from lib.laboratory.chapter_runs import (
    CHAPTER_GROUPS,
    chapter_file,
    definitions,
    load_chapter,
    perform_chapter,
    run_chapter,
    tasks_of,
)
from lib.laboratory.results import TRIED, stages
from lib.lora import adapted_layers, merge_lora_weights
from lib.training import trainable_count

#: How far a whole run may be from its line when it is made again, on any kernel.
TOLERANCE = 0.04
#: A chapter in small, and a cell that must not be executed.
CELLS = (("print('for readers'); RATES = {'a': (0.1, 0.2), 'b': (0.3,)}", True),
         ("DECLARED = [{'method': m, 'learning_rate': rate, 'seed': seed}\n"
          "            for m in RATES for rate in RATES[m] for seed in range(3)]", True),
         ("def score(**run):\n    return {'answers': 0.123456, 'losses': [1 / 3], 'n': 12345,\n"
          "            'dev_loss': run['learning_rate']}", True),
         ("raise AssertionError('a cell without the tag')", False))


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder for records, and a group in it that a chapter in small declares."""
    cells = [new_code_cell(source, metadata={"tags": ["mine"] if tagged else []})
             for source, tagged in CELLS]
    nbformat.write(new_notebook(cells=cells), tmp_path / "chapter.ipynb")
    monkeypatch.setitem(CHAPTER_GROUPS, "small", (tmp_path / "chapter.ipynb", "mine", "score"))
    return tmp_path


def test_a_record_is_the_chapters_runs_in_their_order(small, capsys):
    assert run_chapter("small", folder=small) == 8
    lines = load_chapter("small", small)
    assert [tuple(line["run"].values()) for line in lines] == [   # a third seed at the best rate
        ("a", 0.1, 0), ("a", 0.1, 1), ("a", 0.1, 2), ("a", 0.2, 0), ("a", 0.2, 1),
        ("b", 0.3, 0), ("b", 0.3, 1), ("b", 0.3, 2)]
    for line in lines:
        assert (line["answers"], line["losses"], line["n"]) == (0.1235, [0.3333], 12345)
        assert line["seconds"] >= 0 and line["versions"].startswith("Python 3.")
    assert capsys.readouterr().out == ""


def test_a_stopped_record_goes_on(small):
    run_chapter("small", folder=small)
    path = chapter_file("small", small)
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    changed = lines[4].replace("0.1235", "0.7")
    old = lines[0].replace('"a"', '"c"')      # of a run that is no longer declared
    path.write_text(changed + old + lines[0] + lines[1][:40])
    assert run_chapter("small", folder=small) == 6
    kept = [json.loads(line) for line in (*lines[:4], changed, *lines[5:])]
    for line, wanted in zip(load_chapter("small", small), kept, strict=True):
        assert line | {"seconds": 0} == wanted | {"seconds": 0}
    before = path.stat().st_mtime_ns
    assert run_chapter("small", folder=small) == 0 and path.stat().st_mtime_ns == before


def test_what_was_done_before_a_stop_is_kept(small):
    def stopped(do, tasks):
        yield from (do(*task) for task in tasks[:2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_chapter("small", stopped, small)
    assert len(load_chapter("small", small)) == 2
    assert run_chapter("small", folder=small) == 6


def test_cells_are_executed_once_in_a_process(small):
    assert definitions("small") is definitions("small")


def test_runs_may_be_done_side_by_side(small):
    """As `lab` does them: what a worker gets are names and settings, and lines come in order."""
    def each(do, tasks):
        assert pickle.loads(pickle.dumps(do)) is do and json.loads(json.dumps(tasks))
        return Parallel(2, prefer="threads", return_as="generator")(
            delayed(do)(*task) for task in tasks)

    assert run_chapter("small", each, small) == 8
    assert [line["run"] for line in load_chapter("small", small)] == [
        run for run in tasks_of("small") if run["learning_rate"] != 0.2 or run["seed"] < TRIED]


def test_a_chapter_without_definitions_is_refused(small, monkeypatch):
    monkeypatch.setitem(CHAPTER_GROUPS, "none", (small / "chapter.ipynb", "yours", "score"))
    with pytest.raises(ValueError, match="no cells with the tag 'yours'"):
        run_chapter("none", folder=small)
    assert not chapter_file("none", small).exists()
    with pytest.raises(ValueError, match="unknown group 'poems': allowed are variants, sequence"):
        perform_chapter("poems", {})


@pytest.mark.parametrize("group", CHAPTER_GROUPS)
def test_a_group_declares_each_run_once_with_five_seeds(group):
    texts = [json.dumps(settings) for settings in tasks_of(group)]
    assert len(set(texts)) == len(texts)
    settings = {}
    for each in tasks_of(group):
        kept = json.dumps({name: each[name] for name in each if name not in (
            "seed", "learning_rate")})
        settings.setdefault(kept, {}).setdefault(each["learning_rate"], []).append(each["seed"])
    for text, rates in settings.items():
        # A4's runs with four questions in sixteen or more, and joint, take the rate tuned with two.
        run = json.loads(text)
        assert len(rates) >= 3 or run.get("replay", 0) >= 0.25 or run.get("way") == "joint", text
        assert all(seeds == list(range(5)) for seeds in rates.values())


def test_the_chapters_methods_are_those_it_declares():
    scope = definitions("variants")
    assert scope["METHODS"].keys() == scope["RATES"].keys()


@pytest.fixture
def cut(monkeypatch):
    """A group's definitions, with which a run has two steps and is asked some questions only."""
    def shorten(task):
        return replace(task, dev=task.dev[:6], dev_probes=task.dev_probes[:6], test=task.test[:6],
                       probes=task.probes[:6])

    def definitions_of(group):
        scope = definitions(group)
        monkeypatch.setitem(scope, "facts", lambda: facts()[:9])
        if group == "variants":
            monkeypatch.setitem(scope, "tasks", [shorten(task) for task in scope["tasks"]])
            monkeypatch.setitem(scope, "train", partial(scope["train"], steps=2))
        else:
            monkeypatch.setitem(scope, "load_task", lambda *which: shorten(load_task(*which)))
            monkeypatch.setitem(scope, "STEPS", 2)
        if "first" in scope:        # what the group had cached was trained for longer
            scope["first"].cache_clear()
        return scope

    yield definitions_of
    definitions("sequence")["first"].cache_clear()


@pytest.mark.parametrize("group", CHAPTER_GROUPS)
def test_a_line_of_every_setting_can_be_made_and_is_the_same_again(group, cut):
    cut(group)
    settings = {}
    for each in tasks_of(group):
        settings.setdefault(json.dumps({name: each[name] for name in each if name not in (
            "seed", "learning_rate")}), each)
    lines = [perform_chapter(group, each) for each in settings.values()]
    for line, run in zip(lines, settings.values(), strict=True):
        assert json.loads(json.dumps(line)) == line and line["run"] == run
        assert 0 < line["dev_loss"] < 20
        assert all(0 <= line[part] <= 1 for part in ("answers", "facts"))
    again = perform_chapter(group, lines[-1]["run"])
    assert again | {"seconds": 0} == lines[-1] | {"seconds": 0}
    other = perform_chapter(group, lines[-1]["run"] | {"seed": 1})
    assert other["dev_loss"] != lines[-1]["dev_loss"]


def test_the_second_task_starts_from_the_first_in_every_way(cut, monkeypatch):
    scope = cut("sequence")
    first, counts, batches = scope["first"](0), [], []
    tokens = np.arange(24).reshape(2, 12)
    wanted, before = first.forward(tokens, False), as_bytes(first.parameters())
    monkeypatch.setattr(training, "fit", lambda model, batch_at, *_, **__: batches.append(
        batch_at(3)[0]))
    bare = scope["base"].forward(tokens, False)
    for way in ("same", "beside", "frozen", "fresh, rank 4", "fresh", "merged", "joint",
                "sum"):
        model = scope["begin"](way, 0)
        np.testing.assert_allclose(
            model.forward(tokens, False),
            bare if way[:5] in ("fresh", "joint", "sum") else wanted, atol=1e-3)
        counts.append(trainable_count(model))
        for array in model.trainable_parameters().values():
            array += 1      # whatever is trained, the first is not touched
        assert as_bytes(first.parameters()) == before
        scope["teach"](model, {"same": 0.125, "joint": 0.25}.get(way, 0.0), 1e-3, 0)
    assert counts == [12_288, 24_576, 12_288, 12_288, 24_576, 24_576, 24_576, 12_288]
    kinds = [[scope["tokenizer"].decode(row[1:]).split(" ")[0] for row in batch]
             for batch in batches]
    assert kinds == [
        ["Instruction:"] * (16 - old) + ["Q:"] * old for old in (2, 0, 0, 0, 0, 0, 4, 0)]


def test_the_relatives_start_where_they_should():
    methods = definitions("variants")["METHODS"]
    layer = next(iter(adapted_layers(methods["PiSSA"](0)).values()))
    left, whole = (np.linalg.svd(W, compute_uv=False)
                   for W in (layer.base_weights, merge_lora_weights(layer)))
    np.testing.assert_allclose(left[:9], whole[4:13])       # the four strongest are taken out
    np.testing.assert_allclose(np.linalg.norm(layer.lora_A, axis=1),
                               np.linalg.norm(layer.lora_B, axis=0))     # and shared evenly
    factors = [next(iter(adapted_layers(methods[name](0)).values())).scaling
               for name in ("LoRA", "LoRA 64", "rsLoRA 64")]
    assert factors == [2.0, 0.125, 1.0]


def test_b_alone_is_trained_and_a_does_not_count_when_clipping():
    scope = definitions("variants")
    model, same = (scope["METHODS"]["LoRA-FA"](0) for _ in range(2))
    assert trainable_count(model) == 6_144
    assert {name[-6:] for name in model.trainable_parameters()} == {"lora_B"}
    scope["train"](model, 0, 0.01, steps=1)
    assert set(model.gradients()) == set(model.trainable_parameters())
    for name, array in model.parameters().items():
        moved = not np.array_equal(array, same.parameters()[name])
        assert moved == name.endswith("lora_B"), name


@pytest.mark.parametrize("group", CHAPTER_GROUPS)
def test_the_record_holds_what_the_chapter_declares(group):
    lines = load_chapter(group)
    assert [line["run"] for line in lines] == stages(tasks_of(group), lines)
    assert {len(row) for row in at_best_rate(lines)} == {5}


def test_a_line_of_a_record_is_met_again():
    """One of one group, of those that are reported, at the best rates.

    It is drawn anew whenever a line of the library or of a record changes.
    """
    files = sorted(Path(training.__file__).parent.rglob("*.py"))
    files += map(chapter_file, CHAPTER_GROUPS)
    drawn = int(hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8], 16)
    drawn, which = divmod(drawn, len(CHAPTER_GROUPS))
    group = list(CHAPTER_GROUPS)[which]
    reported = [line for row in at_best_rate(load_chapter(group)) for line in row]
    line = reported[drawn % len(reported)]
    again = perform_chapter(group, line["run"])
    for name in line.keys() - {"run", "seconds", "versions"}:
        np.testing.assert_allclose(values(again[name]), values(line[name]), atol=TOLERANCE,
                                   err_msg=f"{group} {line['run']} {name}")


def values(found):
    """What a line holds under a name, as a flat list."""
    return list(found.values()) if isinstance(found, dict) else np.ravel(found).tolist()
