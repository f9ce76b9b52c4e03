"""The laboratory's results: the rule that selects a rate, the file, its order, its refusals."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from lib.laboratory import (
    CRITERION,
    RESULTS,
    at_best_rate,
    at_edge,
    best_rate,
    experiments,
    group_runs,
    groups,
    load_histories,
    load_results,
    results,
    run_groups,
    runs,
    summary,
)
from lib.laboratory.results import TRIED, due, read_results


@pytest.mark.parametrize("call", [lambda: group_runs(["poems"]), lambda: load_results("poems")])
def test_an_unknown_group_is_named(call):
    with pytest.raises(ValueError, match="unknown group 'poems': allowed are rates, forgetting"):
        call()


def fake(run):
    return {"run": asdict(run), "answers": run.learning_rate, "dev_answers": 0.5, "dev_loss": 1.0,
            "loss": 0.25, "facts": 0.75, "seconds": 1.5}


def test_a_stopped_laboratory_goes_on(tmp_path, monkeypatch):
    path, wanted = tmp_path / "lab.jsonl", runs(learning_rate=(1e-3, 3e-3), seed=range(2))
    monkeypatch.setattr(groups, "GROUPS", {"small": wanted, "other": runs(rank=[2])})
    done = []

    def stop_after_two(run):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(run)
        return fake(run)

    monkeypatch.setattr(experiments, "perform", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        run_groups(["small"], path, jobs=1)
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    path.write_text(lines[1] + "\n" + lines[0] + "\n" + lines[0][:40])  # out of order, one cut
    monkeypatch.setattr(experiments, "perform", lambda run: done.append(run) or fake(run))
    assert run_groups(["small"], path, jobs=1) == path
    assert len(done) == 4 and done == wanted
    monkeypatch.setattr(experiments, "perform", None)  # nothing is missing
    run_groups(["small"], path, jobs=1)
    found = load_results("small", path)
    assert [line["run"]["learning_rate"] for line in found] == [1e-3, 1e-3, 3e-3, 3e-3]
    assert [line["run"]["seed"] for line in found] == [0, 1, 0, 1]
    assert len(path.read_text().splitlines()) == 4 and not path.with_suffix(".part").exists()
    # what is usual is not stored, and comes back all the same
    assert "target_modules" not in path.read_text()
    assert found[0]["run"] == asdict(wanted[0]) | {"target_modules": wanted[0].target_modules}
    assert load_results("other", path) == []


def test_lines_of_no_group_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "lab.jsonl"
    monkeypatch.setattr(experiments, "perform", fake)
    for rank in (2, 4):
        monkeypatch.setattr(groups, "GROUPS", {"small": runs(rank=[rank])})
        run_groups(["small"], path, jobs=1)
    ranks = [json.loads(line)["run"].get("rank", 4) for line in path.read_text().splitlines()]
    assert ranks == [4, 2] and len(load_results("small", path)) == 1


@pytest.mark.parametrize(("text", "jobs", "words"), [
    ('{"a": 1}\n', 1, "lab.jsonl holds a line that is no run"),
    ("[1, 2]\n", 1, "lab.jsonl holds a line that is no run"),
    ('{"run": {"task": "qa", "colour": 3}}\n', 1, "lab.jsonl holds a line that is no run"),
    ('{"run": {"task": "poems"}}\n', 1, "unknown task 'poems'"),
    (None, 0, "jobs is 0, it must be at least 1")])
def test_a_file_of_something_else_stays_as_it_is(tmp_path, monkeypatch, text, jobs, words):
    path = tmp_path / "lab.jsonl"
    monkeypatch.setattr(groups, "GROUPS", {"small": runs(rank=[2])})
    monkeypatch.setattr(experiments, "perform", fake)
    if text:
        path.write_text(text)
    with pytest.raises(ValueError, match=words):
        run_groups(["small"], path, jobs=jobs)
    assert [each.read_text() for each in tmp_path.iterdir()] == ([text] if text else [])


def test_what_lacks_nothing_is_not_written(tmp_path, monkeypatch):
    """So that a summary can be had of a file, or in a folder, that can only be read."""
    monkeypatch.setattr(groups, "GROUPS", {"small": runs(rank=[2])})
    monkeypatch.setattr(experiments, "perform", fake)
    path = tmp_path / "lab.jsonl"
    run_groups(["small"], path, jobs=1)

    def forbidden(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(type(path), "write_text", forbidden)
    monkeypatch.setattr(experiments, "append_line", forbidden)
    monkeypatch.setattr(experiments, "pretrain", forbidden)
    run_groups(["small"], path, jobs=1)
    monkeypatch.undo()
    monkeypatch.setattr(type(path), "write_text", forbidden)
    assert run_groups(tuple(groups.GROUPS), RESULTS) == RESULTS


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "perform", fake)
    with pytest.raises(ValueError, match="nodir is no folder: x.jsonl can't be written there"):
        run_groups(["replay"], tmp_path / "nodir" / "x.jsonl", jobs=1)
    assert list(tmp_path.iterdir()) == []


def some_lines(**changes):
    """Two settings at three rates over two seeds; dev's losses, its answers and test disagree."""
    quality = {1e-3: (0.5, 0.9, 0.99), 3e-3: (0.2, 0.6, 0.5), 1e-2: (0.3, 0.7, 0.7)}
    lines = []
    for run in runs(rank=(2, 4), learning_rate=tuple(quality), seed=range(2)):
        loss, test, answers = quality[run.learning_rate if run.rank == 2 else 1e-3]
        luck = 0.15 * (run.seed if run.learning_rate == 1e-2 else 0)  # one lucky seed, not enough
        lines.append(fake(run) | {"dev_loss": loss - luck, "answers": test + run.seed * 0.02,
                                  "dev_answers": answers, "loss": 1 - test} | changes)
    return lines


def test_the_rate_is_that_of_the_lowest_dev_loss_over_all_seeds():
    assert CRITERION == "lowest mean loss on dev"
    assert best_rate(some_lines()[:6]) == 3e-3
    assert best_rate(some_lines(dev_answers=None)[:6]) == 3e-3   # one rule for every task
    rows = at_best_rate(some_lines())
    assert [(row[0]["run"]["rank"], len(row)) for row in rows] == [(2, 2), (4, 2)]
    assert {line["run"]["learning_rate"] for line in rows[0]} == {3e-3}
    other_base = [line | {"run": line["run"] | {"base": 1}} for line in some_lines()[:6]]
    assert [len(row) for row in at_best_rate(some_lines()[:6] + other_base)] == [4]


def test_a_rate_is_compared_on_the_seeds_that_all_rates_have():
    """Else the best one, which is run with more seeds, would lose to a rate with easier ones."""
    lines = [fake(run) | {"dev_loss": abs(run.learning_rate - 3e-3) + run.seed}
             for run in runs(learning_rate=(1e-3, 3e-3), seed=range(2))]
    more = [fake(run) | {"dev_loss": 9.0} for run in runs(learning_rate=[3e-3], seed=range(2, 5))]
    assert best_rate(lines + more) == 3e-3 and len(at_best_rate(lines + more)[0]) == 5
    with pytest.raises(ValueError, match="no seed was tried with all learning rates"):
        best_rate(lines[:1] + lines[3:])


def test_other_seeds_are_run_at_the_best_rate_alone(tmp_path, monkeypatch):
    done = []

    def perform(run):
        done.append(run)
        best = 1e-2 if run.rank == 2 else 1e-3
        return fake(run) | {"dev_loss": 0.1 + (run.learning_rate != best) + 0.01 * run.seed}

    tried = runs(rank=(2, 4), learning_rate=(1e-3, 3e-3, 1e-2), seed=range(4))
    fixed = runs(batch=(8, 32), seed=range(4))     # at one rate: nothing is to be chosen
    monkeypatch.setattr(groups, "GROUPS", {"small": tried, "fixed": fixed})
    monkeypatch.setattr(experiments, "perform", perform)
    path = tmp_path / "lab.jsonl"
    run_groups(["small", "fixed"], path, jobs=1)
    first = [run for run in tried if run.seed < TRIED] + fixed
    then = [run for run in tried if run.seed >= TRIED
            and run.learning_rate == {2: 1e-2, 4: 1e-3}[run.rank]]
    assert done == first + then and len(then) == 4
    assert [len(row) for row in at_best_rate(load_results("small", path))] == [4, 4]
    assert due(["small", "fixed"], read_results(path)) == [
        run for run in tried + fixed if run in first + then]
    assert due(["small"], {}) == first[:12]


@pytest.mark.parametrize("count, words", [(0, "of 0 settings"), (12, "of 2 settings")])
def test_a_best_rate_is_of_one_setting(count, words):
    with pytest.raises(ValueError, match=words):
        best_rate(some_lines()[:count])


def test_a_winner_at_the_edge_of_its_grid_is_known():
    lines = some_lines()[:6]
    assert not at_edge(lines)
    for edge in (lines[2:], lines[:4]):     # without the rates on one side of the best
        assert at_edge(edge) and best_rate(edge) == 3e-3
    assert not at_edge(lines[2:4])          # one rate is no grid


def test_the_figures_choose_by_the_same_rule():
    """Whatever the answers say: where a drawing marks a best rate, it is the laboratory's."""
    from lib.figures.lora import rank_explorer, target_modules

    ranks, places = (load_results(group) for group in ("ranks", "places"))
    shown = [row.rate for budget in target_modules.BUDGETS
             for row in target_modules.compute(places, budget, target_modules.BEST).rows]
    assert sorted(shown) == sorted(row[0]["run"]["learning_rate"] for row in at_best_rate(places))
    best = [explorer.rates[at] for rule in rank_explorer.RULES
            for explorer in [rank_explorer.compute(ranks, rule, 8, 3e-3)] for at in explorer.best]
    wanted = [row[0]["run"]["learning_rate"] for rule in rank_explorer.RULES.values()
              for row in sorted(at_best_rate([line for line in ranks if rule(line["run"])]),
                                key=lambda row: row[0]["run"]["rank"])]
    assert best == wanted


def test_the_summary_is_a_table_of_test_scores():
    table = [line.split() for line in summary(some_lines()).splitlines()]
    head, first, second = table
    assert head[:2] == ["rank", "learning_rate"] and len(table) == 3
    values = dict(zip(["rank", "rate", "runs", "answers", "spread"], first, strict=False))
    assert values == {"rank": "2", "rate": "0.003", "runs": "2", "answers": "0.610",
                      "spread": "±0.010"}
    assert second[1].endswith("*")          # the best of rank 4 is at the edge


def test_what_pretraining_noted_is_recorded_for_each_seed(tmp_path, monkeypatch):
    kept = load_histories()
    monkeypatch.setattr(results, "load_history", lambda path: {
        "losses": np.repeat(kept[int(path.stem[-1])]["losses"], 10).tolist(),
        "history": kept[int(path.stem[-1])]["history"]})
    committed = results.HISTORIES.read_bytes()
    monkeypatch.setattr(results, "HISTORIES", tmp_path / "new.json")
    results.record_histories(kept)
    assert results.HISTORIES.read_bytes() == committed
