"""python -m lib: what each command writes and says, and how it refuses."""

import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import as_bytes, tiny_model

from lib import __main__ as cli
from lib import finetuning, pretraining
from lib.__main__ import main
from lib.adapters import attach_adapters, load_adapters, save_adapters
from lib.corpus.tasks import load_task
from lib.finetuning import FineTuning, finetune
from lib.generation import complete
from lib.laboratory import CRITERION, GROUPS, experiments, groups, runs
from lib.lora import TARGETS, apply_lora_to_model
from lib.model import GPTModel
from lib.pretraining import load_base, load_history


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Another folder, fewer documents, facts and questions: seconds instead of minutes."""
    facts, documents = pretraining.facts()[:8], pretraining.documents

    def shorter(name, *seeds):
        task = load_task(name, *seeds)
        return replace(task, test=task.test[:8], probes=task.probes[:8])

    monkeypatch.chdir(tmp_path)
    for module in (pretraining, finetuning):
        monkeypatch.setattr(module, "facts", lambda: facts)
    monkeypatch.setattr(pretraining, "documents",
                        lambda count, rng: documents(min(count, 400), rng))
    monkeypatch.setattr(finetuning, "load_task", shorter)


def files():
    return sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())


def test_pretrain_writes_a_base_model(capsys):
    main(["pretrain", "--seed", "3", "--steps", "2", "--workers", "1"])
    assert files() == ["runs/base-seed3.npz"]
    path = Path("runs/base-seed3.npz")
    noted, (model, tokenizer) = load_history(path), load_base(path)
    assert noted["recipe"] == pretraining.Recipe(seed=3, steps=2).to_dict()
    assert len(noted["losses"]) == 2
    said, last = capsys.readouterr().out, noted["history"][-1]
    for words in (path, f"{last['held_out']:.3f} nats", f"{last['recall']:.1%} of the facts",
                  *(text.strip() for text in last["samples"].values())):
        assert str(words) in said
    main(["generate", "--model", str(path), "--prompt", "One", "--max-new-tokens", "3"])
    assert f"One{complete(model, tokenizer, 'One', 3)}" in capsys.readouterr().out


@pytest.mark.parametrize("method, count, largest", [("lora", "12,288", 60_000),
                                                    ("full", "1,044,736", 4_300_000)])
def test_finetune_writes_what_finetune_gives(method, count, largest, capsys, base):
    main(["finetune", "--method", method, "--steps", "3", "--seed", "1"])
    path = Path(f"runs/qa-{method}.npz")
    assert files() == [path.as_posix()] and path.stat().st_size < largest
    said = capsys.readouterr().out
    assert str(path) in said and f"{path.stat().st_size:,} bytes" in said
    assert f"{count} numbers trained" in said
    model, tokenizer = base[0].copy(), base[1]
    finetune(model, tokenizer, FineTuning(method=method, steps=3, seed=1), progress=False)
    found = (attach_adapters(base[0].copy(), load_adapters(path)) if method == "lora"
             else GPTModel.load(path))
    assert as_bytes(found.parameters()) == as_bytes(model.parameters())
    was, now = (finetuning.scores(each, tokenizer, "qa") for each in (base[0], model))
    assert now["loss"] < was["loss"]
    for name in ("answers", "loss", "facts"):
        assert f"{was[name]:.3f} -> {now[name]:.3f}" in said
    main(["generate"])                              # takes that run, and asks its questions
    shown = capsys.readouterr().out
    assert str(path) in shown
    for example in finetuning.sample_questions("qa", 4):
        assert f"{example.prompt}{complete(model, tokenizer, example.prompt, 40)}\n" in shown


def test_scores_before_and_after_are_of_the_runs_own_task(capsys, base):
    main(["finetune", "--task", "recipes", "--steps", "1"])
    said = capsys.readouterr().out
    assert f"{finetuning.scores(*base, 'recipes')['loss']:.3f} -> " in said
    assert "answers" not in said                    # recipes ask nothing


def test_finetune_takes_its_options(capsys):
    main(["finetune", "--task", "pirate", "--rank", "2", "--alpha", "5", "--targets", "ffn_up",
          "output_projection", "--learning-rate", "0.01", "--steps", "2", "--out", "here.npz"])
    adapters = load_adapters("here.npz")
    assert (adapters.rank, adapters.alpha) == (2, 5.0)
    assert adapters.target_modules == ("ffn_up", "output_projection")
    assert files() == ["here.npz"] and "pirate" in str(cli.load_arrays("here.npz", "lora")[2])
    assert cli.load_run("here.npz")[2] == "pirate"


def test_generate_takes_the_newest_run_and_else_the_base(capsys, base):
    prompt = ["generate", "--prompt", "The capital of France is", "--max-new-tokens", "2"]

    def taken():
        main(prompt)
        return capsys.readouterr().out.split(":")[0]

    Path("runs").mkdir()
    for name in ("base-seed7.npz", "base-seed7.state.npz", "qa-lora.state.npz"):
        (Path("runs") / name).write_bytes(b"no finished run of finetune")
    assert taken() == "base"
    for name in ("qa-lora.npz", "elements-full.npz"):
        model = apply_lora_to_model(base[0].copy(share_arrays=True))
        save_adapters(model, Path("runs") / name, finetuning={"task": "qa"})
    for newest, other in (("qa-lora", "elements-full"), ("elements-full", "qa-lora")):
        os.utime(f"runs/{other}.npz", (1000, 1000))
        os.utime(f"runs/{newest}.npz", (2000, 2000))
        assert taken() == f"runs/{newest}.npz"


def test_an_empty_prompt_goes_on_from_nothing(capsys, base):
    main(["generate", "--model", "base", "--prompt", "", "--max-new-tokens", "9"])
    shown = capsys.readouterr().out
    assert shown.endswith(f"\n{complete(*base, '', 9)}\n") and "Q: " not in shown


def test_generate_draws_with_its_seed(capsys):
    shown = []
    for seed in ("1", "1", "2"):
        main(["generate", "--model", "base", "--prompt", "One", "--temperature", "1.5",
              "--top-k", "200", "--top-p", "0.99", "--seed", seed, "--max-new-tokens", "30"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]


def test_generate_shortens_what_does_not_fit(capsys):
    main(["generate", "--model", "base", "--prompt", "word " * 50, "--max-new-tokens", "500"])
    assert "word word" in capsys.readouterr().out


BAD = {
    "finetune --rank 0": ["rank is 0", "at least 1"],
    "finetune --steps 0": ["steps is 0", "at least 1"],
    "finetune --rank 129": ["rank is 129", "1 to 128"],
    "finetune --alpha -1": ["alpha is -1.0", "above 0"],
    "finetune --alpha nan": ["alpha is nan", "finite"],
    "finetune --steps 3 --learning-rate nan": ["learning_rate is nan", "finite"],
    "finetune --base nowhere.npz": ["nowhere.npz"],
    "finetune --base here.txt": ["here.txt", "not a whole file"],
    "finetune --steps 1 --out here.txt/x.npz": ["here.txt"],
    "generate --model nowhere.npz": ["nowhere.npz"],
    "generate --model here.txt": ["here.txt", "not a whole file"],
    "generate --model plain.npz": ["plain.npz", "tokenizer"],
    "generate --model base --prompt x --temperature -1": ["temperature is -1.0", "above 0"],
    "generate --model base --prompt x --temperature 1 --top-k 0": ["top_k is 0", "at least 1"],
    "generate --model base --prompt x --temperature 1 --top-p 2": ["top_p is 2.0", "at most 1"],
    "generate --model base --prompt x --max-new-tokens 0": ["max_new_tokens is 0", "at least 1"],
    "lab rates --out nodir/x.jsonl": ["nodir is no folder"],
    "lab poems": ["poems", *GROUPS],
    "lab rates --cluster nowhere --out x.jsonl": ["'nowhere'", "port", "tcp://10.0.0.5:8786"],
    "lab rates --jobs 0": ["jobs is 0", "at least 1"],
    "pretrain --steps 1 --workers 0 --out x.npz": ["workers is 0", "at least 1"]}


@pytest.mark.parametrize("command", BAD)
def test_bad_input_gives_one_line_and_no_file(command, rng):
    Path("here.txt").write_text("hello")
    tiny_model(rng).save("plain.npz")
    with np.errstate(invalid="ignore"), pytest.raises(SystemExit) as caught:
        main(command.split())
    message = caught.value.code                     # a text: printed to stderr, exit status 1
    assert isinstance(message, str) and message.startswith("error: ") and "\n" not in message
    for word in BAD[command]:
        assert word in message
    assert files() == ["here.txt", "plain.npz"]


@pytest.mark.parametrize("command, words", [
    ("", ["pretrain", "finetune", "generate"]), ("evil", ["pretrain", "finetune", "generate"]),
    ("finetune --task nose", ["nose", "qa", "recipes"]),
    ("finetune --method nose", ["nose", "full", "lora"]),
    ("finetune --targets query nose", ["nose", *TARGETS]),
    ("finetune --rank two", ["two", "--rank"]),
    *[(f"{command} --seed -1", ["--seed", "'-1'", "from 0"])
      for command in ("pretrain", "finetune", "generate")]])
def test_unknown_words_are_answered_with_the_known_ones(command, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    assert caught.value.code == 2 and files() == []
    message = capsys.readouterr().err
    for word in words:
        assert word in message


def test_from_the_shell(tmp_path):
    root = Path(cli.__file__).parents[1]
    done = subprocess.run([sys.executable, "-m", "lib", "generate", "--model", "nowhere.npz"],
                          cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "nowhere.npz" in done.stderr


def test_the_laboratory_does_what_is_missing_and_sums_up(monkeypatch, capsys):
    def fake(run):
        return {"run": asdict(run), "answers": 0.5 + run.seed / 10, "dev_answers": 0.5, "loss": 1.0,
                "dev_loss": 1.0, "facts": 0.75, "seconds": 90.0,
                "versions": f"NumPy {run.seed}.0"}

    monkeypatch.setattr(experiments, "perform", fake)
    monkeypatch.setattr(groups, "GROUPS", {"small": runs(seed=range(2))})
    out = Path("lab.jsonl")
    command = ["lab", "small", "--jobs", "1", "--out", str(out)]
    main(command)
    said = capsys.readouterr().out
    for words in ("small: 2 runs, 3 minutes", CRITERION, "0.550 ±0.050",
                  "made with a mixture: NumPy 0.0 (1 runs), NumPy 1.0 (1 runs)",
                  f"lab.jsonl: {out.stat().st_size:,} bytes"):
        assert words in said
    monkeypatch.setattr(experiments, "perform", None)
    out.chmod(0o444)
    before = out.stat()
    main(command)                                   # nothing is missing: nothing is written
    after = out.stat()
    assert said == capsys.readouterr().out
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def stop(run):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "perform", stop)
    with pytest.raises(SystemExit, match="Stopped. The same command goes on"):
        main(["lab", "small", "--jobs", "1", "--out", "new.jsonl"])


def test_the_laboratory_sums_up_its_committed_file(capsys):
    """And writes nothing to it."""
    before = experiments.RESULTS.stat()
    main(["lab"])
    said = capsys.readouterr().out
    assert all(f"\n{group}: " in said for group in GROUPS) and "/laboratory.jsonl: " in said
    assert "\nmade with Python 3." in said
    assert experiments.RESULTS.stat().st_mtime_ns == before.st_mtime_ns
