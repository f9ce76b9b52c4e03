"""Files that are cut, damaged, foreign or dangerous: one clear refusal, and nothing half loaded."""

import os

import numpy as np
import pytest
from helpers import as_bytes, flip_and_read, picture, refused, tiny_config, tiny_model

from lib.adapters import load_adapters, save_adapters
from lib.checkpoint import ARRAY, METADATA, load_arrays, load_state, save_state
from lib.model import GPTModel
from lib.optim import AdamW
from lib.pretraining import BASE, load_base, load_history
from lib.tokenizer import BPETokenizer
from lib.training import train_step

SMALLEST = tiny_config(vocabulary_size=4, context_length=2, embedding_dimension=2, layers=1,
                       heads=1, feed_forward_dimension=3)
RECIPE = {"steps": 3, "betas": (0.9, 0.99)}


def smallest(targets=(), seed=0):
    return tiny_model(np.random.default_rng(seed), targets, rank=1, config=SMALLEST)


def write_model(path):
    smallest().save(path, words=["kept"], numbers=np.arange(3))


def write_adapters(path):
    save_adapters(smallest(("value", "token_embedding")), path, steps=3)


def write_tokenizer(path):
    BPETokenizer(np.array([[104, 105], [256, 33], [256, 257]])).save(path)


def write_state(path, done=1):
    model, optimizer = smallest(), AdamW()
    losses = [train_step(model, optimizer, np.array([[1, 2]]), np.array([[2, 3]]), 0.1)
              for _ in range(done)]
    save_state(path, "pretraining", RECIPE, model.parameters(), optimizer, losses,
               history=[{"step": done}])


def read_model(path):
    model, extra = GPTModel.load(path), load_arrays(path, "gpt")[2]
    return model.config, as_bytes(model.parameters()), extra.pop("numbers").tolist(), extra


def read_adapters(path):
    adapters = load_adapters(path)
    return {**vars(adapters), "arrays": as_bytes(adapters.arrays)}, load_arrays(path, "lora")[2]


def read_tokenizer(path):
    return BPETokenizer.load(path).merges.tolist()


def read_state(path, model=None, recipe=RECIPE):
    model, optimizer = model or smallest(seed=1), AdamW()
    before = picture((model, optimizer))
    try:
        notes = load_state(path, "pretraining", recipe, model.parameters(), optimizer, "history")
    except ValueError:
        assert picture((model, optimizer)) == before, "half loaded"
        raise
    return (notes, optimizer.steps, as_bytes(model.parameters()), as_bytes(optimizer.first),
            as_bytes(optimizer.second))


KINDS = {"model": (write_model, read_model), "adapters": (write_adapters, read_adapters),
         "tokenizer": (write_tokenizer, read_tokenizer), "state": (write_state, read_state)}


@pytest.fixture(params=KINDS)
def saved(request, tmp_path):
    """(path, how to read it, what reading gives, its bytes)."""
    write, read = KINDS[request.param]
    path = tmp_path / "saved.npz"
    write(path)
    return path, read, read(path), path.read_bytes()


def entries_of(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def write_entries(path, entries):
    with path.open("wb") as file:
        np.savez(file, **entries)


def test_a_cut_file_is_refused(saved):
    path, read, _, data = saved
    for end in {*range(0, len(data), len(data) // 40), *range(len(data) - 30, len(data))}:
        path.write_bytes(data[:end])
        with refused(path, "not a whole file"):
            read(path)


def test_a_flipped_bit_is_refused_or_harmless(saved, rng):
    """A date, say, carries nothing: then what is read is the same, all of it."""
    path, read, wanted, data = saved
    places = rng.choice(len(data), 300, replace=False).tolist()
    seen = flip_and_read(path, read, wanted, data, ((i, 1 << i % 8) for i in places))
    assert seen["refused"] > 2 * seen["harmless"] > 0


@pytest.mark.slow
def test_every_flipped_bit(saved):
    path, read, wanted, data = saved
    flip_and_read(path, read, wanted, data,
                  ((i, 1 << bit) for i in range(len(data)) for bit in range(8)))


def test_the_base_cut_or_with_a_flipped_bit(tmp_path, rng):
    path, data = tmp_path / "base.npz", BASE.read_bytes()
    for end in (len(data) - 1, len(data) // 2, 5):
        path.write_bytes(data[:end])
        for read in (load_base, load_history):
            with refused(path, "not a whole file"):
                read(path)
    for place in rng.integers(1000, len(data) - 20_000, 5):      # all of these are numbers
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1:])
        with refused(path, "not a whole file", "is damaged"):
            load_base(path)


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


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"\x93NUMPY", b"\x80\x04N."])
def test_files_that_are_something_else(content, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    for _, read in KINDS.values():
        with refused(path, "not a whole file"):
            read(path)


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


def test_a_missing_or_surplus_or_wrong_array(saved):
    path, read, _, _ = saved
    entries = entries_of(path)
    name = next(name for name in entries if name.startswith("array."))
    write_entries(path, {key: value for key, value in entries.items() if key != name})
    with refused(path, "not a whole file", f"{len(entries) - 2} of {len(entries) - 1} arrays"):
        read(path)
    if read is read_model:
        for changed, words in (({"array.nose": np.ones(2)}, ["arrays"]),
                               ({name: np.ones((2, 3))}, ["(2, 3)", "(4, 2)"]),
                               ({name: entries[name].astype(np.float32)}, ["float32", "float64"])):
            write_entries(path, {**entries, **changed})
            with refused(path, *words):
                read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind(kind, tmp_path):
    path = tmp_path / "x.npz"
    KINDS[kind][0](path)
    for other in set(KINDS) - {kind}:
        with refused(path, "wanted was"):
            KINDS[other][1](path)
    if kind == "model":     # a GPT, but no base model
        for read in (load_base, load_history):
            with refused(path, "no base model"):
                read(path)


@pytest.mark.parametrize("metadata", [b"", b"{", b"[]", b'"x"', b"null", b"{}", b"\xff",
                                      b'{"kind": "gpt"}', b'{"extra": {}}',
                                      b'{"kind": "gpt", "extra": 3}'])
def test_metadata_that_is_not_ours(metadata, tmp_path):
    path = tmp_path / "x.npz"
    write_entries(path, {METADATA: np.frombuffer(metadata, np.uint8)})
    for _, read in KINDS.values():
        with refused(path):
            read(path)
