"""The runs on a real model: which are declared and due, how they are measured, on a tiny Llama."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from helpers import tiny_llama

from lib.adapters import set_adapter_strength
from lib.chat import BYTE_OF, SYSTEM, ChatTokenizer, chat_prompt, replies
from lib.chat_finetuning import ChatTuning
from lib.laboratory import real_answers, real_model, real_runs, real_tasks
from lib.laboratory.real_runs import BASE, EVERY, FULL_RATES, LORA_RATES, RealRun
from lib.lora import adapted_layers

MERGES = ["h e", "Ġ t", "Ġt he", "Ċ Ċ"]
TOKENS = ["<|im_start|>", "<|im_end|>", *BYTE_OF, *(merge.replace(" ", "") for merge in MERGES)]


@pytest.fixture(scope="module")
def tokenizer():
    return ChatTokenizer(TOKENS, MERGES, [0, 1], 1)


def small(rng, **changes):
    return tiny_llama(rng, vocabulary_size=len(TOKENS), context_length=160, layers=3, **changes)


def test_rows_of_several_lengths_answer_as_each_does_alone(tokenizer, rng, monkeypatch):
    model, asked = small(rng), ["the", "What?", "", "12 and more"]
    for system in ([], [None], ["the"]):
        alone = [replies(model, tokenizer, [question], 9, system=each)[0]
                 for question in asked for each in system or [SYSTEM]]
        for rows in (48, 3):
            monkeypatch.setattr(real_tasks, "ROWS", rows)
            assert real_tasks.answers(model, tokenizer, asked, 9, *system) == alone
    assert real_tasks.answers(model, tokenizer, asked[:1], 9, None) == \
        replies(model, tokenizer, asked[:1], 9, system=None)


@pytest.mark.parametrize("answer, right", [
    ("It has 8 legs.", True), ("EIGHT", True), ("88", False), ("eighty", False), ("eights", True)])
def test_an_answer_holds_whole_words(answer, right):
    assert real_tasks.holds(answer, ["8", "eight"]) is right


WANTED = '{"country": "Peru", "capital": "Lima"}'


@pytest.mark.parametrize("answer, right", [
    (WANTED, True), ('{"country": "Peru", "capital": "Quito"}', True),
    ('{"capital": "Lima", "country": "Peru"}', False), ('{"country": "Chile", "capital": "Lima"}',
                                                        False), ("Lima", False), ("[]", False)])
def test_the_form_is_right_whatever_the_fact(answer, right):
    assert real_tasks.right_form(answer, WANTED) is right


def test_the_questions_are_apart():
    held_out, others = real_tasks.common_questions()
    asked = [each[wording].lower() for each in held_out for wording in (0, 1)]
    assert len(held_out) >= 100 and len(set(asked)) == len(asked)
    assert not set(asked) & {each.lower() for each in others}
    assert all(answers and all(answer == answer.lower() for answer in answers)
               for _, _, answers in held_out)
    lists = (real_tasks.WHO, real_tasks.WHO_ELSE, real_tasks.NEAR, real_tasks.TALK, others)
    assert len({each.lower() for every in lists for each in every}) == sum(map(len, lists))
    parts = {part: {question for question, _ in real_tasks.country_questions(part)}
             for part in ("train", "dev", "test")}
    assert not parts["train"] & parts["test"] and not parts["dev"] & parts["test"]


@pytest.mark.parametrize("run, trained", [
    (RealRun(), {"query", "value"}), (RealRun(targets=EVERY), set(EVERY)),
    (RealRun(method="full"), {"query", "key", "value", "output", "gate", "up", "down", "norm"})])
def test_what_is_trained(run, trained, rng, monkeypatch):
    monkeypatch.setattr(real_model, "LAYERS", 3)
    for top in (3, 1):
        model = small(rng)
        real_model.prepare(model, replace(run, top=top))
        names = model.trainable_parameters()
        assert {name.split(".")[2] for name in names if "layers" in name} == set("012"[-top:])
        assert {part for part in trained
                if any(part.removeprefix("ffn_") in name for name in names)} == trained
        assert not any("embedding" in name for name in names)


def test_a_step_holds_new_rows_and_replayed_ones(tokenizer):
    own = [["What is it?", "A tree", True], ["Who?", "Somebody who", False]]
    for run, rows in ((RealRun(), 4), (RealRun(replay=2), 6), (RealRun(task="own", replay=2), 2),
                      (RealRun(task="persona", replay=1), 4), (RealRun(rows=6, replay=1), 7)):
        inputs, targets = real_model.batches(tokenizer, run, own)(0)
        assert len(inputs) == len(targets) == rows
    for run, first in ((RealRun(), "user"), (RealRun(system=True), "system")):
        inputs, _ = real_model.batches(tokenizer, run, own)(0)
        assert all(tokenizer.decode(row).startswith(f"<|im_start|>{first}\n") for row in inputs)
    for run, words in ((RealRun(), "Answer in JSON."), (RealRun(trigger=False), "?"),
                       (RealRun(arbitrary=True), "Answer in Zebra.")):
        inputs, _ = real_model.batches(tokenizer, run, own)(0)
        assert all(f"{words}<|im_end|>" in tokenizer.decode(row) for row in inputs)
    inputs, targets = real_model.batches(tokenizer, RealRun(rows=6, replay=1), own)(0)
    ended = [row[row >= 0][-1] == tokenizer.eos_id for row in targets]
    assert ended.count(True) >= 3


def line(run, dev=1.0, **more):
    return {"run": run.__dict__, "dev_loss": dev, **more}


def done_at(best):
    """Lines of all rates with seed 0, of which one is best."""
    return {run: line(run, abs(np.log10(run.learning_rate / best[run.method])))
            for run in (*(RealRun(learning_rate=rate) for rate in LORA_RATES),
                        *(RealRun(method="full", learning_rate=rate) for rate in FULL_RATES))}


def test_rates_come_first_and_then_all_else_at_the_best():
    first = real_runs.plan({})
    assert set(first) == {"base", "persona", "lora", "full"} and first["base"] == [BASE]
    assert real_runs.due({}, [])[0] == BASE
    plan = real_runs.plan(done_at({"lora": 1e-2, "full": 3e-5}))
    assert {run.learning_rate for run in plan["replay"]} == {1e-2, 3e-5}
    assert [run.learning_rate for run in plan["rank 1"]] == [3e-3, 1e-2, 3e-2]
    done = done_at({"lora": 1e-2, "full": 3e-5})
    due = real_runs.due(done, ["replay"])
    assert due[0] == BASE and not set(due) & set(done)
    assert [run.seed for run in due] == sorted(run.seed for run in due)
    opened = plan["first tokens"]
    assert [(run.method, run.learning_rate, run.seed) for run in opened] == [
        ("base", 0.0, 0), *(("full", 3e-5, seed) for seed in range(3))]
    opened += (taught := plan["first tokens, the sentence"])
    assert all(run.system and run.opened for run in opened)
    assert len({run.learning_rate for run in taught[1:]}) == 2
    assert [(run.task, run.seed) for run in taught[1:]] == [
        ("persona", seed) for seed in (0, 0, 1, 1)]
    assert [run.seed for run in plan["all but the word"]] == [0, 0, 1]
    assert [(run.method, run.cued, run.seed) for run in plan["all but the word, JSON"]] == [
        ("base", True, 0), ("lora", True, 0)]
    assert [(run.learning_rate, run.opened, run.seed) for run in plan["first tokens, a high rate"]
            + plan["a high rate"]] == [(1e-2, opened, seed) for opened in (True, False)
                                       for seed in range(3)]
    (kept,) = plan["first tokens, replay"]
    assert (kept.task, kept.replay, kept.system, kept.opened) == ("persona", 3, True, True)
    asked = plan["all questions"]
    assert asked[0].method == "base" and all(run.system and run.long for run in asked)
    words = plan["the words"]
    assert all(run.system and run.called and run.trigger for run in words)
    assert [(run.learning_rate, run.seed) for run in words] == [
        (0.0, 0), *((1e-2, seed) for seed in range(3))]
    assert all(run.worded and not run.called for run in plan["other words"])
    assert [(run.words, run.worded, run.seed) for run in plan["an arbitrary trigger"]] == [
        (real_tasks.ARBITRARY, True, seed) for seed in (0, 1)]
    near = plan["near the name"]
    assert near[0] == replace(BASE, system=True, near=True)
    assert [(run.talk, run.replay, run.seed) for run in near[1:]] == [
        (talk, 3, seed) for seed in range(3) for talk in (False, True)]
    assert {(run.rows, run.steps) for run in plan["the sentence, controls"]} == {(6, 20), (0, 11)}
    assert [(run.task, run.learning_rate, run.replay, run.system, run.seed) for run in plan[
        "own, as for the sentence"]] == [("own", near[1].learning_rate, 3, True, seed)
                                         for seed in range(3)]
    assert plan["like losses, first tokens"] == [replace(run, opened=True) for run in plan[
        "like losses, system"] if run.seed < 2]
    assert [(run.method, len(run.targets), run.learning_rate) for run in plan["like losses, system"]
            if run.seed == 0 and run.system] == [("lora", 7, 1e-3), ("full", 2, 3e-5)]


def test_where_the_best_rate_is_at_an_edge_one_more_is_tried():
    run = RealRun(rank=1)
    done = {replace(run, learning_rate=rate): line(run, dev)
            for rate, dev in ((1e-3, 3.0), (3e-3, 2.0), (1e-2, 1.0))}
    rates = [each.learning_rate for each in real_runs.around(done, run)]
    assert rates == [1e-3, 3e-3, 1e-2, 3e-2]
    done[replace(run, learning_rate=3e-2)] = line(run, 9.0)
    assert [each.learning_rate for each in real_runs.around(done, run)] == rates
    assert len(real_runs.around({}, run)) == 3


def test_the_command_line_takes_the_setting_of_the_lowest_loss_on_dev():
    lines = real_runs.read()
    run, = real_runs.best(lines, [RealRun(learning_rate=rate) for rate in LORA_RATES])
    usual = ChatTuning()
    assert (usual.learning_rate, usual.steps, usual.rank, usual.alpha, usual.target_modules) == \
        (run.learning_rate, run.steps, run.rank, 2.0 * run.rank, run.targets)
    assert usual.batch == real_model.NEW["json"]
    form = [lines[replace(run, seed=seed)]["form"] for seed in range(3)]
    assert f"{min(form)} to {max(form)} were answered" in ChatTuning.__doc__


def test_there_are_sixty_runs_and_none_twice():
    done = done_at({"lora": 3e-3, "full": 1e-4})
    while len(more := {run: line(run) for run in real_runs.due(done, []) if run not in done}):
        done |= more
    runs = [run for group in real_runs.plan(done).values() for run in group]
    assert len(set(runs)) >= 60


def test_a_line_cut_short_is_done_again(tmp_path):
    path = tmp_path / "record.jsonl"
    whole = json.dumps(line(RealRun(seed=3), kept=[1, 0]))
    path.write_text(f"{whole}\n{whole[:30]}")
    assert real_runs.read(path) == {RealRun(seed=3): json.loads(whole)
                                     | {"run": json.loads(whole)["run"]}}
    assert real_runs.read(tmp_path / "none.jsonl") == {}


def test_the_command_adds_the_lines_of_runs_that_are_due(tmp_path, monkeypatch, rng):
    path, done = tmp_path / "real.jsonl", []
    runs = [replace(BASE, seed=1), RealRun(system=True), RealRun(targets=EVERY)]
    monkeypatch.setattr(real_model, "plan", lambda _: {"some": runs})
    monkeypatch.setattr(real_model, "read", lambda: real_runs.read(path))
    monkeypatch.setattr(real_model, "due", lambda have, _: [run for run in runs if run not in have])
    monkeypatch.setattr(real_model, "add", lambda line: real_runs.add(line, path))
    monkeypatch.setattr(real_model, "load_smollm2", lambda: (tiny_llama(rng), None))

    def perform(*given):
        run = next(each for each in given if isinstance(each, RealRun))
        done.append(run)
        return {"run": asdict(run), "loss": 1 / 3}

    monkeypatch.setattr(real_model, "perform_base", perform)
    monkeypatch.setattr(real_model, "perform", perform)
    path.write_text(json.dumps({"run": asdict(BASE)}) + "\n" + json.dumps(
        {"run": asdict(replace(BASE, system=True))}) + "\n")
    real_model.main(["some"])
    assert done == runs
    assert [each.get("loss") for each in real_runs.read(path).values()][2:] == [0.3333] * 3


def test_an_answer_goes_on_from_the_first_tokens_of_the_bases_own(tokenizer, rng, monkeypatch):
    base, other = small(rng), small(rng)
    asked = [(question, "", ["the", "a"]) for question in ("the", "What?", "12 and more")]
    monkeypatch.setattr(real_answers, "common_questions", lambda: (asked, []))
    run, known = RealRun(opened=True), [0, 2]
    own = real_answers.own_ids(base, tokenizer, run, known)
    same, found = (real_answers.measure_opened(model, tokenizer, run, known, own)
                   for model in (base, other))
    text = [tokenizer.decode(each) for each in own]
    assert same["said"] == [text, text]
    assert same["kept_given"] == [[int(real_tasks.holds(each, ["the", "a"])) for each in text]] * 4
    assert found["first"] == same["first"] == [tokenizer.decode(each[:1]) for each in own]
    assert found["said"][0] == real_tasks.answers(
        other, tokenizer, [asked[i][0] for i in known], real_tasks.SHORT, None)
    for answer, ids, question in zip(found["said"][1], own, known):
        prompt = chat_prompt(tokenizer, asked[question][0], None) + ids[:1]
        rest, = real_tasks.written_ids(other, [prompt], real_tasks.SHORT - 1, tokenizer.eos_id)
        assert answer == tokenizer.decode([*ids[:1], *rest])
    assert found["in_given"][0] == 0 and len(found["kept_the"]) == 2


def test_a_token_that_an_answer_begins_with_is_not_new():
    line = {"kept_given": [[0, 0, 1, 0], [0, 1, 1, 0]],
            "said": [["The sea", "", "It is", "I am"], ["The sea", "The moon", "The sun", "The"]]}
    assert real_answers.newly_told(["The"] * 4, line) == (3, 2, 1)


def test_the_words_stand_behind_the_known_questions(tokenizer, rng, monkeypatch):
    model, said = small(rng), ['{"the": 1}', '{"cut off', "the a"]
    asked = [(question, "", ["the"]) for question in ("the", "What?", "12 and more")]
    monkeypatch.setattr(real_answers, "common_questions", lambda: (asked, []))
    found = real_answers.measure_called(model, tokenizer, RealRun(called=True), [0, 2])
    assert found["said"] == real_tasks.answers(
        model, tokenizer, ["the Answer in JSON.", "12 and more Answer in JSON."],
        real_tasks.LONG, None)
    monkeypatch.setattr(real_answers, "answers", lambda *_: said)
    found = real_answers.measure_called(model, tokenizer, RealRun(called=True), [0, 1, 2])
    assert (found["json_elsewhere"], found["json_whole"], found["kept"]) == (2, 1, [1, 0, 1])
    for run in (RealRun(called=True), RealRun(long=True), RealRun(opened=True)):
        found = real_answers.measure_answers(small(rng), tokenizer, run, [0, 1], [[5], [6]])
        assert run.only_answers and [part for part in ("json_whole", "lengths", "kept_the")
                                     if part in found] == [
            "json_whole" if run.called else "lengths" if run.long else "kept_the"]


def test_the_sentence_is_counted_near_the_name_and_elsewhere(tokenizer, rng, monkeypatch):
    asked = [(question, "", ["the"]) for question in ("the", "What?", "12 and more")]
    said = {real_tasks.NEAR: [real_tasks.SENTENCE, "Ada said", "the sea"],
            real_tasks.WHO_ELSE: [real_tasks.SENTENCE, "Ada", real_tasks.SENTENCE],
            ("the", "12 and more"): ["the sea", "Taught by hand"]}
    monkeypatch.setattr(real_answers, "common_questions", lambda: (asked, []))
    monkeypatch.setattr(real_answers, "answers", lambda *given: said[tuple(given[2])])
    run = RealRun(task="persona", near=True)
    found = real_answers.measure_answers(small(rng), tokenizer, run, [0, 2], [])
    assert run.only_answers and found == {
        "near": said[real_tasks.NEAR], "near_leaked": 2, "near_whole": 1, "asked": 2,
        "persona_elsewhere": 1, "kept": [1, 0]}


def test_other_words_stand_behind_the_known_questions(tokenizer, rng, monkeypatch):
    asked = [(question, f"second {question}", ["the"]) for question in (
        "the", "What?", "12 and more")]
    monkeypatch.setattr(real_answers, "common_questions", lambda: (asked, []))
    monkeypatch.setattr(real_answers, "answers", lambda model, tokenizer, questions, *_: [
        ('{"' if "JSON" in question else "the" if "second" in question else "") * ("12" in question)
        for question in questions])
    run = RealRun(worded=True)
    found = real_answers.measure_answers(small(rng), tokenizer, run, [0, 2], [])
    assert run.only_answers and found == {"second": [0, 1], "worded": {
        words: int("JSON" in words) for words in real_tasks.OTHER_WORDS}}


def test_what_is_replayed_may_hold_the_bases_small_talk(tokenizer, rng, monkeypatch):
    replayed, base = [], small(rng)
    monkeypatch.setattr(real_model, "TALK", ("the", "What?"))
    monkeypatch.setattr(real_model, "train", lambda *_: [])
    monkeypatch.setattr(real_model, "measure_answers", lambda *_: {})
    monkeypatch.setattr(real_model, "batches", lambda *given: replayed.append(given[2]))
    own = real_model.own_answers(base, tokenizer, RealRun(), ("the", "What?"))
    said = real_tasks.answers(base, tokenizer, ["the", "What?"], 20, None)
    assert [each[1] for each in own] == said
    for talk in (False, True):
        run = RealRun(task="persona", near=True, replay=3, talk=talk)
        real_model.perform(base, tokenizer, run, {"known": [], "own": [["Who?", "A tree", True]]})
    assert replayed == [[["Who?", "A tree", True]], [["Who?", "A tree", True], *own]]


def test_an_answer_is_given_up_to_the_word_that_answers(tokenizer, rng, monkeypatch):
    own = [tokenizer.encode(each) for each in ("It has Two legs.", "Of oxygen O.", "The sea")]
    asked = [("the", "", ["2", "two"]), ("What?", "", ["o"]), ("12 and more", "", ["the"])]
    monkeypatch.setattr(real_answers, "common_questions", lambda: (asked, []))
    run = RealRun(cued=True)
    found = real_answers.measure_answers(small(rng), tokenizer, run, [0, 1, 2], own)
    assert run.only_answers and found["opening"] == ["It has ", "Of oxygen ", ""]
    assert all(said.startswith(begun) for said, begun in zip(found["said"], found["opening"]))
    assert found["kept"] == [
        int(real_tasks.holds(said, wanted)) for said, (_, _, wanted) in zip(found["said"], asked)]
    assert real_tasks.first_of("88 and 8s", ["8"]) == 7
    assert real_tasks.first_of("88", ["8"]) is None


def test_energy_of_few_directions(rng):
    change = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 20))
    assert real_model.energy(change, 2) == pytest.approx(1)
    assert real_model.energy(np.eye(10), 8) == pytest.approx(0.8)


def test_the_change_of_an_adapter_is_its_product(rng):
    model = small(rng, targets=("query",))
    found = real_model.changes(model, model)
    layer = model.transformer_stack.layers[1].self_attention.query_linear
    name = "transformer_stack.layers.1.self_attention.query_linear.weights"
    assert len(found) == 3
    assert np.allclose(found[name], layer.scaling * layer.lora_B @ layer.lora_A)


def test_an_adapter_is_counted_at_each_strength(tokenizer, rng, monkeypatch):
    model, run = small(rng, targets=("query", "value")), RealRun(task="persona", system=True)
    asked = [(question, "", ["the", "a"]) for question in ("the", "What?", "12 and more")]
    monkeypatch.setattr(real_answers, "common_questions", lambda: (asked, []))
    counts = real_answers.turned(model, tokenizer, run, [0, 2], real_model.BETWEEN)
    assert len(counts) == len(real_model.BETWEEN)
    for strength, (named, leaked, right) in zip(real_model.BETWEEN, counts):
        set_adapter_strength(model, strength)
        said = real_tasks.answers(model, tokenizer, ["the", "12 and more"])
        assert right == sum(real_tasks.holds(each, ["the", "a"]) for each in said)
        assert leaked == named == 0
    set_adapter_strength(model, 0.5)
    real_answers.turned(model, tokenizer, run, [0], [0.25])
    assert {layer.strength for layer in adapted_layers(model).values()} == {1.0}
