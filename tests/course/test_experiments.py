"""The laboratory's runs: what is declared, how they are measured, and that they are met again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from lib import finetuning
from lib.corpus.tasks import TASKS, load_task
from lib.evaluation import example_batches, kl, mean_loss, recalled_facts, stream_batches
from lib.finetuning import FineTuning, encode_part, finetune, sample_questions, task_scores
from lib.generation import complete
from lib.laboratory import (
    GROUPS,
    LINEAR,
    MEASURED,
    PLACES,
    RESULTS,
    at_best_rate,
    distance,
    experiments,
    group_runs,
    groups,
    held_out,
    load_results,
    perform,
    run_groups,
    runs,
    unseen,
)
from lib.laboratory.results import TRIED, due, read_results
from lib.lora import apply_lora_to_model, count_lora_parameters, targets_of
from lib.pretraining import BASE, base_path, load_history
from lib.probes import by_relation, mean_lift, style
from lib.training import trainable_count

EVERY = tuple(GROUPS)
PARAMETERS = 1_044_736

#: How far a whole run may be from its line when it is made again, on any kernel: float32 training
#: is not the same to the last bit, and exact answers change by whole questions.
TOLERANCE = {"answers": 0.04, "facts": 0.04, "loss": 0.02, "dev_loss": 0.02, "moved": 0.005,
             "pretraining": 0.04}
#: The loss of the first steps, on which kernels agree within the four digits that are recorded.
#: Without warm-up it is 17% off at least, with other batches some percent.
EARLY = 1e-3


@pytest.fixture(scope="module")
def lines():
    return read_results(RESULTS)


@pytest.fixture(scope="module")
def sample(lines):
    """Lines that the file's own hash picks: another file, another sample.

    Of those that are reported, at the best rate of their setting: beside them some runs diverge,
    and a diverging run is another one on every kernel.  Not of bases to be pre-trained first.
    """
    reported = [line for group in EVERY for row in at_best_rate(load_results(group))
                for line in row if line["run"]["base"] == 0]
    assert {line["run"]["task"] for line in reported} == set(TASKS)
    seed = int(hashlib.sha256(RESULTS.read_bytes()).hexdigest()[:8], 16)
    return [reported[at] for at in np.random.default_rng(seed).permutation(len(reported))]


def test_every_declared_run_has_one_line_and_no_other_has_any(lines):
    wanted = set(due(EVERY, lines))
    assert list(lines) == [run for run in group_runs(EVERY) if run in wanted]
    assert len(lines) >= 700
    assert len(RESULTS.read_text().splitlines()) == len(lines)
    assert RESULTS.stat().st_size <= 2_000_000


def test_the_lines_hold_together(lines):
    counts = {task: len(sample_questions(task, 3)) for task in TASKS}
    for line in lines.values():
        run = FineTuning(**line["run"])
        last = line["curve"][-1]
        assert last[0] == run.steps and last[2:5] == [line["dev_loss"], line["dev_answers"],
                                                      line["facts"]]
        assert [point[0] for point in line["curve"]] == sorted(
            {step for step in MEASURED if step <= run.steps} | {run.steps})
        assert ("answers" in line) == (run.task != "recipes") == (last[3] is not None)
        shares = [line["facts"], line.get("answers", 0), line["dev_answers"] or 0]
        assert all(0 <= share <= 1 for share in shares)
        assert 0 < line["loss"] < 20 and 0 < line["pretraining"] < 20 and line["moved"] > 0
        assert 0 < line["seconds"] < 120 and line["versions"].startswith("Python 3.")
        assert len(line["samples"]) == counts[run.task]


def test_the_recorded_numbers_of_parameters_are_those_of_the_model(base, lines):
    counts = {}
    for run in lines:
        counts.setdefault((run.method, run.rank, run.target_modules), run)
    for (method, rank, targets), run in counts.items():
        expected = PARAMETERS
        if method == "confined":
            expected = sum(getattr(owner, attribute).weights.size
                           for owner, attribute in targets_of(base[0], targets))
        elif method == "lora":
            model = apply_lora_to_model(base[0].copy(share_arrays=True), rank, 1.0, targets)
            expected = count_lora_parameters(model)
        assert lines[run]["parameters"] == expected


def test_equal_budgets_are_equal(base):
    counts = [count_lora_parameters(apply_lora_to_model(base[0].copy(share_arrays=True), rank,
                                                        1.0, targets))
              for targets, rank in PLACES.items()]
    assert max(counts) / min(counts) < 1.08
    assert counts[0] == counts[1] == counts[2] == counts[3] == counts[4] == 36_864


def test_the_headline_has_five_splits_and_three_bases():
    rates = load_results("rates")
    for task in TASKS:
        for method in ("full", "lora"):
            lines = [line["run"] for line in rates
                     if (line["run"]["task"], line["run"]["method"]) == (task, method)]
            seeds = [{(run["seed"], run["split"]) for run in lines if run["learning_rate"] == rate}
                     for rate in {run["learning_rate"] for run in lines}]
            few, all_five = ({(k, k) for k in range(count)} for count in (TRIED, 5))
            # The replay of recipes has five seeds without replay, at a rate that is not the best.
            more = 1 + ((task, method) == ("recipes", "full"))
            assert sorted(seeds, key=len) == [few] * (len(seeds) - more) + [all_five] * more
    assert {line["run"]["base"] for line in load_results("bases")} == set(range(3))


def test_a_line_of_the_sample_is_met_again(sample):
    line = min(sample[:8], key=lambda line: line["seconds"])
    run = FineTuning(**line["run"])
    again = perform(run)
    for name, allowed in TOLERANCE.items():
        assert name in again or run.task == "recipes", name
        assert abs(again.get(name, 0) - line.get(name, 0)) <= allowed, (run, name)
    assert again["parameters"] == line["parameters"]


def test_the_first_steps_of_lines_of_the_sample_are_met_again(sample, base):
    """Ten steps of a run take a second, and show seed, split, warm-up, batches and adapters."""
    for line in sample[:3]:
        run, losses = FineTuning(**line["run"]), []

        def after_step(step, loss, losses=losses):
            losses.append(loss)
            if step + 1 == MEASURED[0]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            finetune(base[0].copy(), base[1], run, False, after_step)
        assert np.mean(losses) == pytest.approx(line["curve"][0][1], rel=EARLY), run


def test_runs_are_all_combinations_each_with_its_own_split():
    made = runs(task=["qa", "pirate"], learning_rate=(1e-3, 1e-2), seed=range(2))
    assert len(made) == len(set(made)) == 8
    assert all(run.split == run.seed for run in made)
    assert {run.split for run in runs(seed=range(2), split=[0])} == {0}
    assert runs(base=[3])[0].split == 0


def test_groups_hold_fixed_what_they_do_not_name():
    def settings(group, name):
        return {asdict(run)[name] for run in GROUPS[group] if run.method == "lora"}

    assert settings("ranks", "target_modules") == {LINEAR} == settings("rates", "target_modules")
    assert settings("rates", "rank") == {8} and settings("rates", "alpha") == {16.0}
    assert settings("rank_alpha", "learning_rate") == {5e-3}
    factors = {run.alpha / (run.rank if run.rule == "alpha/r" else run.rank**0.5)
               for run in GROUPS["ranks"] if run.rank == 8}
    np.testing.assert_allclose(list(factors), 2.0, rtol=1e-4)
    assert {run.alpha / run.rank for run in GROUPS["places"]} == {2.0}


def test_the_new_groups_have_five_splits_at_rates_half_a_decade_apart():
    """Those of `rates` belong to each comparison: rank 8, and full fine-tuning of everything."""
    assert {run.task for run in GROUPS["forgetting"]} == set(TASKS)
    assert {(run.method, run.rank) for run in GROUPS["forgetting"]} == {
        ("lora", 4), ("lora", 64), ("confined", 8)}
    for group in ("rates", "forgetting", "capacity", "batch"):
        settings = {}
        for run in GROUPS[group]:
            assert run.target_modules == LINEAR and run.alpha == 2 * run.rank
            settings.setdefault(replace(run, seed=0, split=0, learning_rate=1.0), []).append(run)
        for same in settings.values():
            rates = sorted({run.learning_rate for run in same})
            assert len(same) == len(set(same)) == 5 * len(rates) and 4 <= len(rates) <= 6
            assert {(run.seed, run.split) for run in same} == {(k, k) for k in range(5)}
            steps = np.diff(np.log10(rates))
            np.testing.assert_allclose(steps, 0.5, atol=0.03)


def test_batches_of_all_sizes_see_as_many_examples():
    sizes = {(run.batch, run.steps) for run in GROUPS["batch"]}
    assert sorted(sizes) == [(4, 600), (16, 150), (64, 38), (128, 19)]
    assert {run.method for run in GROUPS["batch"]} == {"full", "lora"}


@pytest.mark.parametrize(("lowest", "count"), [(2e-3, 4), (3e-2, 3), (1.0, 1)])
def test_a_grid_that_is_none_is_refused(lowest, count):
    assert groups.grid(1e-2, 3) == (1e-2, 3e-2, 1e-1)
    with pytest.raises(ValueError, match=f"{count} rates from {lowest} on"):
        groups.grid(lowest, count)


def fake(run):
    return {"run": asdict(run), "answers": run.learning_rate, "dev_answers": 0.5, "dev_loss": 1.0,
            "loss": 0.25, "facts": 0.75, "seconds": 1.5}


def test_runs_on_another_base_pretrain_it_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(groups, "GROUPS", {"small": runs(base=[0, 2, 3])})
    base_path(3).parent.mkdir()
    base_path(3).write_bytes(b"there")
    made = []
    monkeypatch.setattr(experiments, "pretrain",
                        lambda path, recipe, workers: made.append((path, recipe.seed, workers)))
    monkeypatch.setattr(experiments, "perform", fake)
    run_groups(["small"], tmp_path / "lab.jsonl", jobs=1)
    assert made == [(base_path(2), 2, 1)]
    assert base_path(0) == BASE and str(base_path(2)) == "runs/base-seed2.npz"


def test_the_distance_is_that_of_the_merged_matrices(base):
    model = base[0].copy()
    assert distance(base[0], model) == 0.0
    size = sum(float(np.vdot(a, a)) for a in model.parameters().values())
    model.final_norm.beta[3] += 2.0
    assert distance(base[0], model) == pytest.approx((4 / size)**0.5, rel=1e-6)
    adapted = apply_lora_to_model(base[0].copy(), 1, 3.0, ["query"])
    layer = adapted.transformer_stack.layers[1].self_attention.query_linear
    layer.lora_A[:], layer.lora_B[:] = 0.0, 0.0
    layer.lora_A[0, 5], layer.lora_B[7, 0] = 1.0, 2.0
    assert distance(base[0], adapted) == pytest.approx((36 / size)**0.5, rel=1e-3)


def loss_of(model, stream):
    return mean_loss(model, stream_batches(stream))


def test_held_out_text_is_that_on_which_pretraining_was_measured(base):
    """And no other: of as many other documents, read or not, the loss is 3e-3 off, or more."""
    recorded = load_history()["history"][-1]["held_out"]
    assert loss_of(base[0], held_out(0)) == pytest.approx(recorded, abs=5e-4)


def test_perform_measures_what_it_says(base, monkeypatch):
    run = FineTuning(task="pirate", steps=12, batch=4, examples=8, rank=2, learning_rate=3e-2,
                     seed=1, split=3)
    monkeypatch.setattr(experiments, "facts", lambda: finetuning.facts()[:20])
    data, asked = load_task("pirate", 3, 3), []
    short = replace(data, test=data.test[:8], dev=data.dev[:8], probes=data.probes[:40],
                    dev_probes=data.dev_probes[:40])
    monkeypatch.setattr(experiments, "load_task", lambda *which: asked.append(which) or short)
    line = perform(run)
    assert asked == [("pirate", 3, 3)]
    model = base[0].copy()
    losses = finetune(model, base[1], run, progress=False)
    assert line["run"] == asdict(run) and line["parameters"] == trainable_count(model)
    assert [point[0] for point in line["curve"]] == [10, 12]
    near = {"rel": 1e-3}
    assert line["curve"][0][1] == pytest.approx(np.mean(losses[:10]), **near)
    assert line["curve"][1][1] == pytest.approx(np.mean(losses[10:]), **near)
    found, dev = (task_scores(model, base[1], short, part) for part in ("test", "dev"))
    assert line["loss"] == pytest.approx(found["loss"], **near)
    assert line["answers"] == pytest.approx(found["answers"], abs=1e-4)
    assert line["dev_loss"] == pytest.approx(dev["loss"], **near)
    assert line["dev_answers"] == pytest.approx(dev["answers"], abs=1e-4)
    assert line["moved"] == pytest.approx(distance(base[0], model), **near)
    right = recalled_facts(model, base[1], short.probes)
    assert line["relations"] == {relation: pytest.approx(list(each), abs=1e-4)
                                 for relation, each in by_relation(short.probes, right).items()}
    assert line["lift"] == pytest.approx(mean_lift(line["relations"]), abs=1e-3)
    assert line["style"] == style(model, base[1], [each.prompt for each in short.probes], ", arr!")
    # Old text that it never read, and the tuned model: base and adapters, not the base alone.
    assert line["pretraining"] == pytest.approx(mean_loss(model, unseen(0)), **near)
    assert line["pretraining"] > 1.2 * mean_loss(base[0], unseen(0))
    assert line["kl_old"] == pytest.approx(kl(base[0], model, unseen(0))[0], **near)
    test = list(example_batches(encode_part(*base, short)))
    assert [line["kl_task"], line["kl_task_back"]] == pytest.approx(kl(base[0], model, test),
                                                                    **near)
    for prompt, text in line["samples"].items():
        assert text == complete(model, base[1], prompt, 16)
    assert any(text != complete(*base, prompt, 16) for prompt, text in line["samples"].items())
    json.dumps(line)
