"""Every cut, flipped byte and kill while saving: a clear refusal, or a file that is whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import as_bytes, flip_and_read, picture, refused, tiny_config, tiny_model

from lib import pretraining
from lib.adapters import attach_adapters, load_adapters, save_adapters
from lib.checkpoint import ARRAY, METADATA, load_arrays, save_arrays
from lib.model import GPTModel
from lib.optim import AdamW
from lib.pretraining import BASE, Recipe, load_base, load_history
from lib.tokenizer import BPETokenizer
from lib.training import train_step

SMALLEST = tiny_config(vocabulary_size=4, context_length=2, embedding_dimension=2, layers=1,
                       heads=1, feed_forward_dimension=3)
ROOT = Path(__file__).parents[2]


def smallest(targets=(), seed=0):
    return tiny_model(np.random.default_rng(seed), targets, rank=1, config=SMALLEST)


def write_model(path):
    smallest().save(path, words=["kept"], numbers=np.arange(3))


def write_adapters(path):
    save_adapters(smallest(("value", "token_embedding")), path, steps=3)


def write_tokenizer(path):
    BPETokenizer(np.array([[104, 105], [256, 33], [256, 257]])).save(path)


def write_state(path):
    model, optimizer = smallest(), AdamW()
    loss = train_step(model, optimizer, np.array([[1, 2]]), np.array([[2, 3]]), 0.1)
    pretraining._save_state(path, Recipe(), model, optimizer, [loss], [{"step": 1, "recall": 0.5}])


def read_model(path):
    model, extra = GPTModel.load(path), load_arrays(path, "gpt")[2]
    return model.config, as_bytes(model.parameters()), extra.pop("numbers").tolist(), extra


def read_adapters(path):
    adapters = load_adapters(path)
    return {**vars(adapters), "arrays": as_bytes(adapters.arrays)}, load_arrays(path, "lora")[2]


def read_tokenizer(path):
    return BPETokenizer.load(path).merges.tolist()


def read_state(path):
    model, optimizer, losses, history = whole = smallest(seed=1), AdamW(), [], []
    before = picture(whole)
    try:
        start = pretraining._resume(path, Recipe(), *whole)
    except ValueError:
        assert picture(whole) == before, "half loaded"
        raise
    return (start, losses, history, optimizer.steps, as_bytes(model.parameters()),
            as_bytes(optimizer.first), as_bytes(optimizer.second))


KINDS = {"model": (write_model, read_model), "adapters": (write_adapters, read_adapters),
         "tokenizer": (write_tokenizer, read_tokenizer), "state": (write_state, read_state)}


@pytest.fixture(params=KINDS)
def saved(request, tmp_path):
    """(path, how to read it, what reading gives, its bytes)."""
    write, read = KINDS[request.param]
    path = tmp_path / "saved.npz"
    write(path)
    return path, read, read(path), path.read_bytes()


def stride(read):
    """Every byte; of a state, which is large and slow to read, every seventh."""
    return 7 if read is read_state else 1


@pytest.fixture
def copy_of_base(tmp_path):
    path = tmp_path / "base.npz"
    path.write_bytes(BASE.read_bytes())
    return path


def entries_of(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def write_entries(path, entries):
    with path.open("wb") as file:
        np.savez(file, **entries)


def test_a_file_cut_at_any_byte(saved):
    path, read, _, data = saved
    for end in reversed(range(0, len(data), stride(read))):
        os.truncate(path, end)
        with refused(path, "not a whole file"):
            read(path)


def test_the_base_cut_in_many_places(copy_of_base):
    size = copy_of_base.stat().st_size
    for end in [*range(size - 1, size - 30, -1), *range(size - 97, 0, -size // 50), 0]:
        os.truncate(copy_of_base, end)
        for read in (load_base, load_history):
            with refused(copy_of_base, "not a whole file"):
                read(copy_of_base)


def test_a_flipped_bit_in_every_byte(saved):
    """A date, say, carries nothing: then what is read is the same, all of it."""
    path, read, wanted, data = saved
    places = range(0, len(data), stride(read))
    seen = flip_and_read(path, read, wanted, data, ((i, 1 << i % 8) for i in places))
    assert seen["refused"] > 2 * seen["harmless"] > 0 and sum(seen.values()) == len(places)


@pytest.mark.slow
def test_every_flipped_bit(saved):
    path, read, wanted, data = saved
    seen = flip_and_read(path, read, wanted, data,
                         ((i, 1 << bit) for i in range(len(data)) for bit in range(8)))
    assert seen["refused"] > 2 * seen["harmless"] > 0 and sum(seen.values()) == 8 * len(data)


def test_flipped_bits_of_the_base(copy_of_base, rng):
    data = copy_of_base.read_bytes()
    places = rng.integers(0, len(data), 60).tolist()

    def read(path):
        model, tokenizer = load_base(path)
        return as_bytes(model.parameters()), tokenizer.merges.tolist(), load_history(path)

    seen = flip_and_read(copy_of_base, read, read(BASE), data, ((i, 1 << i % 8) for i in places))
    assert seen["refused"] > 50       # nearly all of the file is numbers


@pytest.mark.parametrize("old, new", [
    (b"(3, 2)", b"(1, 2)"), (b"NUMPY\x01\x00v", b"NUMPY\x01\x00f")],
    ids=["fewer numbers", "shorter header"])
def test_a_header_that_asks_for_less_than_all(old, new, tmp_path):
    """NumPy would stop reading before the checksum: other merges, and no word about it."""
    path = tmp_path / "tokenizer.npz"
    write_tokenizer(path)
    data = path.read_bytes()
    path.write_bytes(data[::-1].replace(old[::-1], new[::-1], 1)[::-1])     # of the last array
    assert path.read_bytes() != data
    with refused(path, "not a whole file", "merges.npy is damaged"):
        BPETokenizer.load(path)


class Bomb(str):
    """Unpickling it is seen: it makes a folder of this name."""

    def __reduce__(self):
        return os.mkdir, (str(self),)


def test_a_pickle_in_any_entry_never_runs(saved, tmp_path):
    path, read, _, _ = saved
    trap, entries = tmp_path / "trap", entries_of(path)
    bomb = np.empty(1, object)
    bomb[0] = Bomb(trap)
    for name in [*entries, ARRAY + "one.more"]:
        write_entries(path, {**entries, name: bomb})
        with refused(path, "not a whole file"):
            read(path)
    with path.open("wb") as file:
        np.save(file, bomb)           # no archive at all
    with refused(path, "not a whole file"):
        read(path)
    assert not trap.exists()
    with path.open("rb") as file:
        np.load(file, allow_pickle=True)
    assert trap.is_dir()              # it would have gone off


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind(kind, tmp_path):
    path = tmp_path / "x.npz"
    KINDS[kind][0](path)
    for other in KINDS.keys() - {kind}:
        with refused(path, "wanted was"):
            KINDS[other][1](path)


@pytest.mark.parametrize("extra", [b"[]", b'"x"', b"3", b"null", b"[[1]]"])
@pytest.mark.parametrize("kind", ["gpt", "lora", "tokenizer", "pretraining"])
def test_extra_values_that_are_no_table(kind, extra, tmp_path):
    path = tmp_path / "x.npz"
    text = b'{"kind": "%s", "extra": %s}' % (kind.encode(), extra)
    write_entries(path, {METADATA: np.frombuffer(text, np.uint8)})
    for _, read in KINDS.values():
        with refused(path):
            read(path)


@pytest.mark.parametrize("change, words", [
    (lambda a: {k: v for k, v in a.items() if k != "first.final_norm.gamma"},
     ["missing ['first.final_norm.gamma']"]),
    (lambda a: {k: v for k, v in a.items() if not k.startswith("second.")}, ["missing ['second."]),
    (lambda a: {k: v for k, v in a.items() if k != "model.token_embedding.weights"},
     ["missing ['model.token_embedding.weights']"]),
    (lambda a: {**a, "model.nose": np.ones(1)}, ["not expected ['model.nose']"]),
    (lambda a: {**a, "first.final_norm.beta": np.ones(9)},
     ["first.final_norm.beta", "(9,)", "(2,)"]),
    (lambda a: {**a, "model.final_norm.beta": np.ones(2, np.float32)}, ["float32", "float64"])])
def test_a_state_whose_arrays_do_not_fit(change, words, tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path)
    arrays, metadata, _ = load_arrays(path, "pretraining")
    save_arrays(path, change(arrays), metadata)
    with refused(path, *words):
        read_state(path)


def test_a_state_of_another_configuration(tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path)
    whole = tiny_model(np.random.default_rng(0)), AdamW(), [], []
    with refused(path, "layers.1", unchanged=whole):
        pretraining._resume(path, Recipe(), *whole)


@pytest.mark.parametrize("missing", ["recipe", "losses", "history"])
def test_a_state_without_its_notes(missing, tmp_path):
    path = tmp_path / "x.state.npz"
    write_state(path)
    arrays, metadata, _ = load_arrays(path, "pretraining")
    del metadata[missing]
    save_arrays(path, arrays, metadata)
    with refused(path, "recipe, losses or history"):
        read_state(path)


def test_a_state_before_the_first_step_holds_no_moments(tmp_path):
    path = tmp_path / "x.state.npz"
    pretraining._save_state(path, Recipe(), smallest(), AdamW(), [], [])
    assert read_state(path) == (0, [], [], 0, as_bytes(smallest().parameters()), {}, {})


@pytest.mark.parametrize("changes, words", [
    ({"target_modules": [["value"]]}, ["target_modules is", "value"]),
    ({"target_modules": ["value"]}, ["does not fit", "token_embedding.lora_A"]),
    ({"target_modules": ["value", "token_embedding", "key"]}, ["does not fit", "attention.key"]),
    ({"target_modules": ["value", "nose"]}, ["target_modules is", "nose"]),
    ({"target_modules": []}, ["target_modules is"]),
    ({"target_modules": 3}, ["lacks the settings"]),
    ({"rank": 2}, ["lora_A is (1, 4)", "rank should be 2"]), ({"rank": "1"}, ["should be '1'"]),
    ({"rank": None}, ["should be None"]), ({"alpha": "8"}, ["alpha is '8'"])])
def test_adapters_that_are_not_what_their_settings_say(changes, words, tmp_path):
    path = tmp_path / "x.npz"
    write_adapters(path)
    arrays, metadata, _ = load_arrays(path, "lora")
    save_arrays(path, arrays, {**metadata, **changes})
    model = smallest()
    with refused(*words, unchanged=model):
        attach_adapters(model, load_adapters(path))


@pytest.mark.parametrize("lost", range(4))
def test_adapters_that_lost_an_array(lost, tmp_path):
    path, model = tmp_path / "x.npz", tiny_model(np.random.default_rng(0))
    save_adapters(tiny_model(np.random.default_rng(0), ("key",)), path)
    arrays, metadata, _ = load_arrays(path, "lora")
    name = list(arrays)[lost]
    kept = {key: array for key, array in arrays.items() if key != name}
    for found in (kept, {**kept, name: arrays[name].reshape(-1)}, {}):
        save_arrays(path, found, metadata)
        with refused(name if found else "does not fit", unchanged=model):
            attach_adapters(model, load_adapters(path))


@pytest.mark.parametrize("merges, words", [
    (np.zeros(3, np.int64), ["merges is (3,)", "(1, 2)"]),
    (np.zeros((2, 3), np.int64), ["(2, 3)", "(3, 2)"]),
    (np.full((1, 2), 97.5), ["float64", "int64"]),
    (np.array([[97, 256]]), ["merge 0", "97 and 256"]),
    (None, ["missing ['merges']"])])
def test_merges_that_are_none(merges, words, tmp_path):
    path = tmp_path / "x.npz"
    save_arrays(path, {} if merges is None else {"merges": merges}, {"kind": "tokenizer"})
    with refused(path, *words):
        BPETokenizer.load(path)


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


SAVES = """
import sys
import numpy as np
from lib.model import GPTConfig, GPTModel

model = GPTModel(GPTConfig(vocabulary_size=400), np.random.default_rng(0))
number = 0
while True:
    for array in model.parameters().values():
        array[...] = number
    model.save(sys.argv[1])
    print(number, flush=True)
    number += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_while_saving_a_model_again_and_again(tmp_path, rng):
    """At moments of chance: the file is whole, all of one save, and no older than the last."""
    path = tmp_path / "model.npz"
    for delay in rng.uniform(0, 0.03, 4):
        with subprocess.Popen([sys.executable, "-c", SAVES, path], cwd=ROOT, text=True,
                              stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(delay)
            child.kill()
            done = int((child.stdout.read().split() or ["0"])[-1])
        assert child.returncode == -signal.SIGKILL
        values = {float(value) for array in GPTModel.load(path).parameters().values()
                  for value in np.unique(array)}
        assert len(values) == 1 and values <= {done, done + 1.0}
    smallest().save(path)
    assert as_bytes(GPTModel.load(path).parameters()) == as_bytes(smallest().parameters())
