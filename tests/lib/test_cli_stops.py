"""python -m lib: what is stopped goes on, what diverges is not saved, adapters know their base."""

import os
import signal

import numpy as np
import pytest
from helpers import as_bytes, refused
from test_cli import files, quick  # noqa: F401  (a fixture that acts by being here)

from lib import __main__ as cli
from lib import finetuning, pretraining
from lib.__main__ import main, stopping_after_a_step
from lib.finetuning import FineTuning, finetune
from lib.pretraining import load_history


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


def test_adapters_are_of_their_own_base(base):
    """Whatever lies by now where their base was."""
    model = base[0].copy()
    model.final_norm.gamma *= 1.25
    model.save("mine.npz", merges=base[1].merges, recipe={}, history=[], losses=[])
    main(["finetune", "--base", "mine.npz", "--steps", "1", "--out", "x.npz"])
    found, _, task = cli.load_run("x.npz")
    assert task == "qa" and np.array_equal(found.final_norm.gamma, model.final_norm.gamma)
    base[0].save("mine.npz", merges=base[1].merges, recipe={}, history=[], losses=[])
    with refused("x.npz", "another base model", "mine.npz"):
        cli.load_run("x.npz")
    with pytest.raises(SystemExit, match="error: the adapters of x.npz were trained on another"):
        main(["generate", "--model", "x.npz"])
    assert cli.load_run(pretraining.BASE.with_name("qa-lora.npz"))[2] == "qa"


@pytest.mark.parametrize("method", ["lora", "full"])
def test_finetune_that_is_interrupted_goes_on_bit_for_bit(method, monkeypatch, base):
    """By a real signal, in the middle of a step: it ends with that step, and keeps it."""
    draw, usual = finetuning.draw_examples, signal.getsignal(signal.SIGINT)

    def interrupted(examples, step, *others):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return draw(examples, step, *others)

    command = ["finetune", "--method", method, "--steps", "5"]
    monkeypatch.setattr(finetuning, "draw_examples", interrupted)
    with pytest.raises(SystemExit, match="the same command goes on") as caught:
        main(command)
    state = f"runs/qa-{method}.state.npz"
    assert state in caught.value.code and files() == [state]
    assert len(cli.load_arrays(state, "finetuning")[1]["losses"]) == 3
    assert signal.getsignal(signal.SIGINT) is usual
    steps = []
    monkeypatch.setattr(finetuning, "draw_examples",
                        lambda examples, step, *others: steps.append(step)
                        or draw(examples, step, *others))
    main(command)
    assert files() == [f"runs/qa-{method}.npz"] and steps[:2] == [3, 4]
    model = base[0].copy()
    finetune(model, base[1], FineTuning(method=method, steps=5), progress=False)
    assert as_bytes(cli.load_run(files()[0])[0].parameters()) == as_bytes(model.parameters())


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also in the background of a shell, where it is ignored at first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_second_interrupt_is_not_waited_for():
    with pytest.raises(KeyboardInterrupt), stopping_after_a_step() as after_step:
        after_step(0, 1.0)                          # nothing was asked yet
        os.kill(os.getpid(), signal.SIGINT)
        seen = "still there"
        os.kill(os.getpid(), signal.SIGINT)
        seen = "too late"
    assert seen == "still there"


@pytest.mark.parametrize("command", ["finetune --steps 1", "generate --model base"])
def test_an_interrupt_elsewhere_gives_one_line(command, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load_base", stop)
    with pytest.raises(SystemExit, match="Stopped"):
        main(command.split())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_that_diverges_saves_nothing(method):
    with pytest.raises(SystemExit, match="error: .*a lower learning rate may help"):
        main(["finetune", "--method", method, "--steps", "1", "--learning-rate", "1e30"])
    assert files() == []
