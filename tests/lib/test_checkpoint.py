"""Files: what is saved comes back; what is damaged, foreign or dangerous is refused; atomic."""

import os
import pickle

import numpy as np
import pytest
from helpers import as_bytes, flip_and_read, picture, refused, tiny_config, tiny_model

from lib import checkpoint
from lib.adapters import attach_adapters, load_adapters, save_adapters
from lib.checkpoint import load_arrays, save_arrays
from lib.lora import TARGETS
from lib.model import GPTModel
from lib.pretraining import load_base, load_history
from lib.tokenizer import BPETokenizer


class Bomb(str):
    """Unpickling it is seen: it makes a folder of this name."""

    def __reduce__(self):
        return os.mkdir, (str(self),)


def write_model(path):
    tiny_model(np.random.default_rng(0), layers=1).save(path, note="kept")


def write_adapters(path):
    save_adapters(tiny_model(np.random.default_rng(0), ("query",), layers=1), path)


def write_tokenizer(path):
    BPETokenizer(np.array([[104, 105], [256, 33]])).save(path)


def read_model(path):
    model = GPTModel.load(path)
    return model.config, as_bytes(model.parameters())


def read_adapters(path):
    adapters = load_adapters(path)
    try:
        attach_adapters(tiny_model(np.random.default_rng(0), layers=1), adapters)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return {**vars(adapters), "arrays": as_bytes(adapters.arrays)}


KINDS = {"model": (write_model, read_model), "adapters": (write_adapters, read_adapters),
         "tokenizer": (write_tokenizer, lambda path: BPETokenizer.load(path).merges.tolist())}


@pytest.fixture(params=KINDS)
def saved(request, tmp_path):
    """(path, how to read it, what reading gives, its bytes)."""
    write, read = KINDS[request.param]
    path = tmp_path / "saved.npz"
    write(path)
    return path, read, read(path), path.read_bytes()


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


def test_a_file_is_read_by_plain_numpy_without_pickle(saved):
    with np.load(saved[0], allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_a_cut_file_is_refused(saved):
    path, read, _, data = saved
    cuts = {*range(0, len(data), max(1, len(data) // 150)), *range(len(data) - 40, len(data))}
    for end in sorted(cuts):
        path.write_bytes(data[:end])
        with refused(path):
            read(path)


def test_a_flipped_byte_is_refused_or_harmless(saved):
    """Some bytes, such as a time of day, carry nothing: then what is read is the same."""
    path, read, wanted, data = saved
    seen = flip_and_read(path, read, wanted, data,
                         ((place, mask) for place in range(0, len(data), max(1, len(data) // 400))
                          for mask in (0x01, 0x80, 0xFF)))
    assert seen["refused"] > seen["harmless"] > 0


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"\x93NUMPY", b"\x80\x04N."])
def test_files_that_are_something_else(content, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    for _, read in KINDS.values():
        with refused(path, "not a whole file"):
            read(path)


def test_a_file_that_is_not_there(tmp_path):
    for _, read in KINDS.values():
        with refused("nowhere.npz", error=FileNotFoundError):
            read(tmp_path / "nowhere.npz")
    assert list(tmp_path.iterdir()) == []


def write_entries(path, **entries):
    with path.open("wb") as file:
        np.savez(file, **entries)


def members(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_pickled_objects_are_never_loaded(saved, tmp_path):
    path, read, _, _ = saved
    trap, entries = tmp_path / "trap", members(path)
    for name in list(entries)[:3]:
        bomb = np.empty(1, object)
        bomb[0] = Bomb(trap)
        write_entries(path, **{**entries, name: bomb})
        with refused(path, "allow_pickle"):
            read(path)
    path.write_bytes(pickle.dumps(Bomb(trap)))
    with refused(path):
        read(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())
    assert trap.is_dir()    # it would have gone off


def test_a_missing_or_surplus_or_wrong_array(saved):
    path, read, _, _ = saved
    entries = members(path)
    name = next(name for name in entries if name.startswith("array."))
    without = {key: value for key, value in entries.items() if key != name}
    write_entries(path, **without)
    with refused(path, name.removeprefix("array.")):
        read(path)
    if read is read_model:
        for changed, words in (({"array.nose": np.ones(2)}, ["nose", "not expected"]),
                               ({name: np.ones((2, 3))}, ["(2, 3)", "(11, 8)"]),
                               ({name: entries[name].astype(np.float32)}, ["float32", "float64"])):
            write_entries(path, **{**entries, **changed})
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


@pytest.mark.parametrize("changes, words", [
    ({"layers": 2}, ["missing", "layers.1"]), ({"embedding_dimension": 16}, ["(11, 8)"]),
    ({"heads": 3}, ["heads"]), ({"layers": -1}, ["layers", "above 0"]), ({"nose": 1}, ["nose"]),
    ({"dtype": "float32"}, ["float64", "float32"]), ({"dtype": "banana"}, ["banana"]), (None, [])])
def test_a_model_of_another_configuration(changes, words, tmp_path):
    path = tmp_path / "model.npz"
    model = tiny_model(np.random.default_rng(0), layers=1)
    config = None if changes is None else {**tiny_config(layers=1).to_dict(), **changes}
    save_arrays(path, model.parameters(), {"kind": "gpt", "config": config})
    with refused(path, *words):
        GPTModel.load(path)


@pytest.mark.parametrize("metadata", [b"", b"{", b"[]", b'"x"', b"null", b"{}", b"\xff",
                                      b'{"kind": "gpt"}', b'{"extra": {}}'])
def test_metadata_that_is_not_ours(metadata, tmp_path):
    path = tmp_path / "x.npz"
    write_entries(path, **{checkpoint.METADATA: np.frombuffer(metadata, np.uint8)})
    for _, read in KINDS.values():
        with refused(path):
            read(path)


@pytest.mark.parametrize("fails", ["savez", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_saving_is_whole_or_not_at_all(fails, error, tmp_path, monkeypatch, rng):
    """Whatever goes wrong in the middle: the old file stays, nothing else is left behind."""
    path = tmp_path / "model.npz"
    write_model(path)
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
