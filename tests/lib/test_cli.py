"""python -m lib: what each command writes and says, and how it refuses."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import as_bytes, refused, tiny_model

from lib import __main__ as cli
from lib import finetuning, pretraining
from lib.__main__ import main, parser
from lib.adapters import attach_adapters, load_adapters
from lib.corpus.tasks import load_task
from lib.finetuning import FineTuning, finetune
from lib.generation import complete
from lib.laboratory import experiments
from lib.lora import TARGETS
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
    first, *samples = capsys.readouterr().out[:-1].split("\n")
    last = noted["history"][-1]
    assert first.startswith(f"{path}: 2 steps in ")
    assert f"held-out loss {last['held_out']:.3f} nats, {last['recall']:.1%}" in first
    assert "\n".join(samples) == "\n".join(
        f"  {prompt} | {text.strip()}" for prompt, text in last["samples"].items())
    main(["generate", "--model", str(path), "--prompt", "One", "--max-new-tokens", "3"])
    assert capsys.readouterr().out == f"{path}:\n\nOne{complete(model, tokenizer, 'One', 3)}\n"


def test_pretrain_that_is_interrupted_can_go_on(monkeypatch):
    fit = pretraining.fit

    def interrupted(*args, after_step, **kwargs):
        def stop(step, loss):
            after_step(step, loss)
            if step == 49:
                raise KeyboardInterrupt
        return fit(*args, after_step=stop, **kwargs)

    few = pretraining.Recipe(batch=1, time=4)
    monkeypatch.setattr(pretraining, "measure", lambda *args: {
        "held_out": 1.0, "recall": 0.5, "samples": {}})
    monkeypatch.setattr(pretraining, "fit", interrupted)
    monkeypatch.setattr(pretraining, "stream_batch", lambda stream, step, seed, batch, time:
                        (stream[None, step:step + few.time], stream[None, step + 1:][:, :few.time]))
    with pytest.raises(SystemExit, match="Stopped") as caught:
        main(["pretrain", "--steps", "52", "--out", "x.npz"])
    assert caught.value.code.count("\n") == 1 and files() == ["x.state.npz"]
    monkeypatch.setattr(pretraining, "fit", fit)
    main(["pretrain", "--steps", "52", "--out", "x.npz"])
    assert files() == ["x.npz"]
    assert [entry["step"] for entry in load_history("x.npz")["history"]] == [0, 50, 52]


@pytest.mark.parametrize("method, count, largest", [("lora", "12,288", 60_000),
                                                    ("full", "1,044,736", 4_300_000)])
def test_finetune_writes_what_finetune_gives(method, count, largest, capsys, base):
    main(["finetune", "--method", method, "--steps", "3", "--seed", "1"])
    path = Path(f"runs/qa-{method}.npz")
    assert files() == [path.as_posix()] and path.stat().st_size < largest
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"{path}: {path.stat().st_size:,} bytes, {count} numbers trained"
    assert [line[2:29].strip() for line in others] == [
        "held-out answers right", "held-out loss, nats", "facts of pre-training kept"]
    before, after = others[1].split()[-3::2]
    assert float(after) < float(before)
    model, tokenizer = base[0].copy(), base[1]
    finetune(model, tokenizer, FineTuning(method=method, steps=3, seed=1), progress=False)
    found = (attach_adapters(base[0].copy(), load_adapters(path)) if method == "lora"
             else GPTModel.load(path))
    assert as_bytes(found.parameters()) == as_bytes(model.parameters())
    main(["generate"])                              # takes that run, and asks its questions
    shown = capsys.readouterr().out
    assert shown.startswith(f"{path}:\n\nQ: ") and shown.count("\nA:") == 4
    for example in finetuning.sample_questions("qa", 4):
        assert f"{example.prompt}{complete(model, tokenizer, example.prompt, 40)}\n" in shown


def test_finetune_takes_its_options(capsys):
    main(["finetune", "--task", "pirate", "--rank", "2", "--alpha", "5", "--targets", "ffn_up",
          "output_projection", "--learning-rate", "0.01", "--steps", "2", "--out", "here.npz"])
    adapters = load_adapters("here.npz")
    assert (adapters.rank, adapters.alpha) == (2, 5.0)
    assert adapters.target_modules == ("ffn_up", "output_projection")
    assert files() == ["here.npz"] and "pirate" in str(cli.load_arrays("here.npz", "lora")[2])
    assert cli.load_run("here.npz")[2] == "pirate"


def test_generate_takes_the_newest_run_and_else_the_base(capsys, base):
    Path("runs").mkdir()
    for name in ("base-seed7.npz", "base-seed7.state.npz"):
        (Path("runs") / name).write_bytes(b"no run of finetune")
    main(["generate", "--prompt", "The capital of France is", "--max-new-tokens", "2"])
    wanted = complete(*base, "The capital of France is", 2)
    assert capsys.readouterr().out == f"base:\n\nThe capital of France is{wanted}\n"


def test_generate_draws_with_its_seed(capsys):
    shown = []
    for seed in ("1", "1", "2"):
        main(["generate", "--model", "base", "--prompt", "One", "--temperature", "1.5",
              "--top-k", "200", "--top-p", "0.99", "--seed", seed, "--max-new-tokens", "30"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]


def test_generate_shortens_what_does_not_fit(capsys):
    main(["generate", "--model", "base", "--prompt", "word " * 50, "--max-new-tokens", "500"])
    assert capsys.readouterr().out.startswith("base:\n\nword word")


BAD = {
    "finetune --rank 0": ["rank is 0", "1 to 128"],
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
    ("finetune --rank two", ["two", "--rank"])])
def test_unknown_words_are_answered_with_the_known_ones(command, words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    assert caught.value.code == 2 and files() == []
    message = capsys.readouterr().err
    for word in words:
        assert word in message


@pytest.mark.parametrize("settings, words", [({"task": "nose"}, ["nose", "qa", "recipes"]),
                                             ({"method": "nose"}, ["nose", "full", "lora"])])
def test_a_run_names_a_task_and_a_method(settings, words):
    with refused(*words):
        FineTuning(**settings)
    assert FineTuning().learning_rate == finetuning.LEARNING_RATES["lora"]


def test_from_the_shell(tmp_path):
    root = Path(cli.__file__).parents[1]
    done = subprocess.run([sys.executable, "-m", "lib", "generate", "--model", "nowhere.npz"],
                          cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "nowhere.npz" in done.stderr


def test_the_laboratory_does_what_is_missing_and_sums_up(monkeypatch, capsys):
    def fake(run):
        return {"run": asdict(run), "answers": 0.5 + run.seed / 10, "dev_answers": 0.5, "loss": 1.0,
                "dev_loss": 1.0, "facts": 0.75, "seconds": 90.0}

    monkeypatch.setattr(experiments, "perform", fake)
    monkeypatch.setattr(experiments, "GROUPS", {"small": experiments.runs(seed=range(2))})
    out = Path("lab.jsonl")
    main(["lab", "small", "--jobs", "1", "--out", str(out)])
    said = capsys.readouterr().out
    assert "small: 2 runs, 3 minutes of one processor" in said
    assert "0.550 ±0.050" in said and f"lab.jsonl: {out.stat().st_size:,} bytes" in said
    with pytest.raises(SystemExit, match="error: unknown group 'poems': allowed are small"):
        main(["lab", "poems", "--out", str(out)])

    def stop(run):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "perform", stop)
    out.write_text("")
    with pytest.raises(SystemExit, match="Stopped. The same command goes on"):
        main(["lab", "small", "--jobs", "1", "--out", str(out)])


def test_the_laboratory_knows_its_committed_file():
    args = parser().parse_args(["lab"])
    assert args.out == experiments.RESULTS and tuple(args.groups) == tuple(experiments.GROUPS)
