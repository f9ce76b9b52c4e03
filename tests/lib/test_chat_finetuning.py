"""A chat model tuned on a file: its lines, its run, and python -m lib with --model smollm2."""

import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from gguf_files import MERGES
from helpers import as_bytes, refused, tiny_llama
from test_chat import TOKENS
from test_cli import files

from lib import __main__ as cli
from lib import chat_finetuning
from lib.__main__ import main
from lib.chat import ChatTokenizer, replies, reply
from lib.chat_finetuning import ChatTuning, finetune_chat, read_pairs
from lib.interchange.peft import load_peft
from lib.lora import get_lora_parameters

PAIRS = [("Who?", "Ada."), ("Where?", "Here."), ("When?", "Now.")]


def lines(*pairs):
    return "\n".join(json.dumps({"prompt": prompt, "completion": completion})
                     for prompt, completion in pairs)


# ---------------------------------------------------------------- the file

def test_pairs_come_back_in_their_order(tmp_path):
    path = tmp_path / "x.jsonl"
    pairs = [*PAIRS, ("naïve\n\u2028 ?", "日本 \ud83d\ude00".encode("utf-16", "surrogatepass")
                      .decode("utf-16")), ("", "from nothing")]
    for text in (lines(*pairs), lines(*pairs) + "\n\n", "\ufeff" + lines(*pairs),
                 lines(*pairs).replace("\n", "\r\n")):
        path.write_bytes(text.encode())
        assert read_pairs(path) == pairs
    path.write_text('{"prompt": "a", "completion": "b", "id": 7}')
    assert read_pairs(path) == [("a", "b")]


def test_bad_lines_are_told_by_their_numbers(tmp_path):
    path = tmp_path / "x.jsonl"
    good = lines(PAIRS[0])
    path.write_text("\n".join([good, "{", good, "[1]", '{"prompt": "a"}', "",
                               '{"prompt": 1, "completion": "b"}', good,
                               '{"prompt": "a", "completion": ""}']))
    with refused(path, "6 of 9 lines", "line 2 is no JSON", "line 4 is no object",
                 "line 5 has no text 'completion'", "line 6 is no JSON",
                 "line 7 has no text 'prompt'", "and 1 more"):
        read_pairs(path)


@pytest.mark.parametrize("data, words", [
    (b"", ["no examples"]), (b" \n\n", ["no examples"]), (b"\xff\xfe", ["UTF-8", "byte 0"]),
    (b"[" * 100_000, ["line 1 is no JSON"])])
def test_files_without_examples(data, words, tmp_path):
    (tmp_path / "x.jsonl").write_bytes(data)
    with refused("x.jsonl", *words):
        read_pairs(tmp_path / "x.jsonl")


# ---------------------------------------------------------------- the run

@pytest.fixture
def tokenizer():
    return ChatTokenizer(TOKENS, MERGES, [0, 1], 1)


@pytest.fixture
def model():
    return tiny_llama(np.random.default_rng(5), vocabulary_size=len(TOKENS), context_length=160,
                      dtype=np.float32)


RUN = ChatTuning(rank=4, learning_rate=0.05, steps=60, batch=3)


def test_adapters_learn_the_answers(model, tokenizer):
    base = as_bytes(model.parameters())
    losses = finetune_chat(model, tokenizer, PAIRS, RUN, progress=False)
    assert len(losses) == 60 and losses[-1] < losses[0] / 2
    assert as_bytes({name.replace("base_weights", "weights"): array for name, array
                     in model.parameters().items() if "lora" not in name}) == base
    assert set(get_lora_parameters(model)) == set(model.trainable_parameters())


@pytest.mark.parametrize("field, value", [
    ("rank", 0), ("steps", 1.5), ("batch", True), ("seed", -1), ("alpha", np.inf),
    ("learning_rate", 0.0), ("target_modules", ()), ("target_modules", ("nose",))])
def test_runs_that_cannot_be(field, value):
    with refused(field):
        ChatTuning(**{field: value})


def test_a_pair_that_is_too_long_is_named_and_nothing_is_changed(model, tokenizer):
    with refused("example 2", "context of 160", unchanged=model):
        finetune_chat(model, tokenizer, [PAIRS[0], ("x" * 99, "y")], RUN, progress=False)


def test_a_stopped_run_goes_on_bit_for_bit_and_knows_its_examples(model, tokenizer, tmp_path):
    state, whole, other = tmp_path / "s.npz", model.copy(), model.copy()
    losses = finetune_chat(whole, tokenizer, PAIRS, RUN, progress=False)

    def stop(step, loss):
        if step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune_chat(model.copy(), tokenizer, PAIRS, RUN, False, stop, state)
    with refused(state, "another recipe"):
        finetune_chat(other, tokenizer, PAIRS[:2], RUN, False, None, state)
    assert as_bytes(other.parameters()) == as_bytes(model.parameters())
    assert finetune_chat(model, tokenizer, PAIRS, RUN, False, None, state) == losses
    assert as_bytes(model.parameters()) == as_bytes(whole.parameters())


# ---------------------------------------------------------------- python -m lib

@pytest.fixture
def small(model, tokenizer, monkeypatch, tmp_path):
    """A tiny Llama in SmolLM2's place, and a file of examples, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "load_smollm2", lambda: (model.copy(), tokenizer))
    Path("who.jsonl").write_text(lines(*PAIRS))
    return model, tokenizer


COMMAND = ["finetune", "--model", "smollm2", "--data", "who.jsonl", "--steps", "5", "--rank", "2",
           "--learning-rate", "0.05", "--targets", "query", "ffn_gate"]


def test_finetune_generate_and_export(small, capsys, monkeypatch):
    model, tokenizer = small
    main(COMMAND)
    path = "runs/smollm2-who.npz"
    assert files() == [path, "who.jsonl"]
    tuned = model.copy()
    run = ChatTuning(2, learning_rate=0.05, steps=5, target_modules=("query", "ffn_gate"))
    losses = finetune_chat(tuned, tokenizer, PAIRS, run, progress=False)
    found, _, _ = cli.load_run(path)
    assert as_bytes(found.parameters()) == as_bytes(tuned.parameters())
    said = capsys.readouterr().out
    assert f"loss {losses[0]:.3f} -> {losses[-1]:.3f}" in said and "numbers trained" in said
    for when, each in (("before: ", model), ("after:  ", tuned)):
        for question, answer in zip(("Who?", "Where?"),
                                    replies(each, tokenizer, ["Who?", "Where?"], 24), strict=True):
            assert f"  {question}\n" in said and f"{when}{answer}\n" in said
    ask = ["generate", "--chat", "--max-new-tokens", "6"]
    answer = reply(tuned, tokenizer, "Why?", 6)
    main([*ask, "--prompt", "Why?"])                # takes the newest run
    assert capsys.readouterr().out == f"{path}:\n\nWhy?\n{answer}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("Why?\n\nWho?\n"))
    main(ask)
    assert capsys.readouterr().out == \
        f"{path}:\n\nWhy?\n{answer}\n\nWho?\n{reply(tuned, tokenizer, 'Who?', 6)}\n"
    main(["export", "--model", path, "--to", "peft"])
    said = capsys.readouterr().out
    assert said.startswith("runs/smollm2-who: adapter_config.json of ")
    assert as_bytes(load_peft("runs/smollm2-who", model.config).arrays) == \
        as_bytes(get_lora_parameters(tuned))
    main([*ask, "--model", "runs/smollm2-who", "--prompt", "Why?"])
    assert capsys.readouterr().out == f"runs/smollm2-who:\n\nWhy?\n{answer}\n"


def test_generate_goes_on_with_a_text(small, capsys):
    main(["generate", "--model", "smollm2", "--prompt", "ab", "--max-new-tokens", "3"])
    assert capsys.readouterr().out.startswith("smollm2:\n\nab")


def test_generate_shortens_what_does_not_fit(small, capsys):
    prompt = "x" * 45
    command = ["generate", "--model", "smollm2", "--prompt", prompt, "--max-new-tokens", "99"]
    for more in ([], ["--chat"]):
        main([*command, *more])
        assert prompt in capsys.readouterr().out


def test_a_run_that_is_interrupted_goes_on(small, monkeypatch):
    draw = chat_finetuning.draw_examples

    def interrupted(examples, step, *others):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return draw(examples, step, *others)

    monkeypatch.setattr(chat_finetuning, "draw_examples", interrupted)
    with pytest.raises(SystemExit, match="the same command goes on") as caught:
        main(COMMAND)
    assert "runs/smollm2-who.state.npz" in caught.value.code
    assert files() == ["runs/smollm2-who.state.npz", "who.jsonl"]
    monkeypatch.setattr(chat_finetuning, "draw_examples", draw)
    main(COMMAND)
    assert files() == ["runs/smollm2-who.npz", "who.jsonl"]


def test_adapters_of_another_base_are_refused(small):
    main(COMMAND)
    small[0].final_norm.gamma *= 1.25
    with refused("another base model", "smollm2"):
        cli.load_run("runs/smollm2-who.npz")


BAD = {
    "finetune --model smollm2": ["--data"], "finetune --data who.jsonl": ["--model smollm2"],
    "finetune --model smollm2 --data who.jsonl --task qa": ["without --task"],
    "finetune --model smollm2 --data who.jsonl --method full": ["--method lora"],
    "finetune --model smollm2 --data who.jsonl --base x.npz": ["without --task and --base"],
    "finetune --model smollm2 --data none.jsonl": ["none.jsonl"],
    "finetune --model smollm2 --data bad.jsonl": ["bad.jsonl", "line 1 is no JSON"],
    "finetune --model smollm2 --data long.jsonl": ["example 1", "context of 160"],
    "finetune --model smollm2 --data who.jsonl --targets token_embedding": ["token_embedding"],
    "finetune --model smollm2 --data who.jsonl --rank 0": ["rank is 0"],
    "generate --model smollm2": ["--chat"],
    "generate --model base --chat --prompt x": ["--chat", "smollm2"],
    f"generate --model smollm2 --chat --prompt {'x' * 99}": ["context of 160"],
    "generate --model . --chat --prompt x": ["adapter_config.json"],
    "export --model base --to peft": ["Llama"], "export --model smollm2 --to peft": ["no LoRA"],
    "export --model none.npz --to peft": ["none.npz"]}


@pytest.mark.parametrize("command", BAD)
def test_bad_input_gives_one_line_and_no_file(command, small):
    Path("bad.jsonl").write_text("{")
    Path("long.jsonl").write_text(lines(("x" * 99, "y")))
    before = files()
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    message = caught.value.code
    assert isinstance(message, str) and message.startswith("error: ") and "\n" not in message
    for word in BAD[command]:
        assert word in message
    assert files() == before


def test_without_the_weights_one_line_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lib.smollm2.PACKAGE", "no_such_package_of_weights")
    Path("who.jsonl").write_text(lines(*PAIRS))
    for command in (COMMAND, ["generate", "--model", "smollm2", "--chat", "--prompt", "Hi"]):
        with pytest.raises(SystemExit, match="error: .*not installed: run make real-model$"):
            main(command)
