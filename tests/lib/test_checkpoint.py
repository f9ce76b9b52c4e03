"""Files: what is saved comes back bit for bit, and saving is whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import as_bytes, picture, refused, tiny_model

from lib import checkpoint
from lib.adapters import load_adapters, save_adapters
from lib.checkpoint import fingerprint, load_arrays, save_arrays
from lib.lora import TARGETS
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_model_comes_back_bit_for_bit(dtype, rng, tmp_path):
    model = tiny_model(rng, dtype=dtype)
    before, path = picture(model), tmp_path / "some folder" / "model.npz"
    model.save(path, words=["a", 1], numbers=np.arange(4))
    assert picture(model) == before
    found = GPTModel.load(path)
    assert found.config == model.config
    assert as_bytes(found.parameters()) == as_bytes(model.parameters())
    assert found.is_trainable() and list(found.parameters()) == list(model.parameters())
    _, metadata, extra = load_arrays(path, "gpt")
    assert metadata["kind"] == "gpt" and extra.pop("numbers").tolist() == [0, 1, 2, 3]
    assert extra == {"words": ["a", 1]}


def test_a_file_is_read_by_plain_numpy_without_pickle(tmp_path, rng):
    path = tmp_path / "x.npz"
    save_adapters(tiny_model(rng, ("query",)), path, words=["kept"])
    with np.load(path, allow_pickle=False) as file:
        assert file.files and all(file[name].dtype != object for name in file.files)


@pytest.mark.parametrize("read", [GPTModel.load, load_adapters, BPETokenizer.load])
def test_a_file_that_is_not_there(read, tmp_path):
    with refused("nowhere.npz", error=FileNotFoundError):
        read(tmp_path / "nowhere.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails", ["savez", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_saving_is_whole_or_not_at_all(fails, error, tmp_path, monkeypatch, rng):
    """Whatever goes wrong in the middle: the old file stays, nothing else is left behind."""
    path = tmp_path / "model.npz"
    tiny_model(rng).save(path)
    before = path.read_bytes()

    def savez(file, **arrays):
        file.write(b"half of a file")
        raise error

    def broken(*args):
        raise error

    monkeypatch.setattr(*((checkpoint.np, "savez", savez) if fails == "savez" else
                          (checkpoint.os, fails, broken)))
    with pytest.raises(type(error)):
        tiny_model(rng).save(path)
    with pytest.raises(TypeError):
        tiny_model(rng).save(path, what=object())  # no array, and nothing for JSON
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_saving_again_replaces_the_file(tmp_path, rng):
    path = tmp_path / "model.npz"
    for _ in range(2):
        model = tiny_model(rng)
        model.save(path)
        assert as_bytes(GPTModel.load(path).parameters()) == as_bytes(model.parameters())
    assert list(tmp_path.iterdir()) == [path] and path.stat().st_mode & 0o777 == 0o644


def test_a_model_with_adapters_is_not_saved_whole(rng, tmp_path):
    model = tiny_model(rng, TARGETS)
    with refused("LoRA adapters", "save_adapters", unchanged=model):
        model.save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["arrays", "extra"])
def test_objects_are_not_stored(tmp_path, where):
    path = tmp_path / "file.npz"
    save_arrays(path, {"good": np.ones(2)}, {"kind": "gpt"})
    before = path.read_bytes()
    bad = {"bad": np.array([{}, None])}
    with pytest.raises(ValueError, match=r"bad holds objects \(object\): only numbers are stored"):
        save_arrays(path, bad if where == "arrays" else {}, {"kind": "gpt"},
                    bad if where == "extra" else {})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_fingerprint_is_of_names_shapes_dtypes_and_numbers():
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2)}
    others = [{**arrays, "a": arrays["a"].reshape(3, 2)}, {**arrays, "b": np.ones(2, np.float32)},
              {**arrays, "b": np.array([1.0, 1.0 + 1e-15])}, {"a": arrays["a"]},
              {"a": arrays["a"], "c": arrays["b"]}]
    same = {"b": np.ones(2), "a": np.asfortranarray(arrays["a"])}     # order doesn't matter
    assert fingerprint(same) == fingerprint(arrays)
    assert len({fingerprint(each) for each in (arrays, *others)}) == 6


# A child dies at its n-th call of a function within save, for n = 1, 2, ...: after each death
# the file must be the old one or the new one, and the next save must work.
DIES = """
import os, signal, sys
import numpy as np
from lib.checkpoint import load_arrays, save_arrays

path, stride, calls = sys.argv[1], int(sys.argv[2]), 0
save_arrays(path, {"x": np.full((40, 50), -1.0)}, {"kind": "test"})

def save(number, dies_at):
    def count(*event):
        global calls
        calls += 1
        if calls == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    save_arrays(path, {"x": np.full((40, 50), number)}, {"kind": "test"})
    sys.setprofile(None)

old, killed, finished = -1.0, 0, False
while not finished:
    number = float(killed)
    child = os.fork()
    if not child:
        save(number, 1 + stride * killed)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    finished = status == 0
    assert finished or os.WTERMSIG(status) == signal.SIGKILL, status
    found = np.unique(load_arrays(path, "test")[0]["x"]).tolist()
    assert found in ([[number]] if finished else [[old], [number]]), (killed, found)
    old, killed = found[0], killed + 1
print(killed, old == killed - 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_call_within_saving(tmp_path):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", DIES, tmp_path / "x.npz", "9"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    deaths, last_save_worked = done.stdout.split()
    assert int(deaths) > 20 and last_save_worked == "True"
    drafts = {each.name for each in tmp_path.iterdir()} - {"x.npz"}
    assert drafts and all(name.endswith(".part") for name in drafts)   # it died in the middle, too
