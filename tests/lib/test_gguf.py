"""GGUF files written by the test: every type that is read, and every way in which one is wrong."""

import struct

import numpy as np
import pytest
from gguf_files import entry, float32, gguf, random_blocks, text
from helpers import flip_and_read, refused

from lib.gguf import KINDS, bits_per_weight, read_gguf, unpack

OF_NAME = {kind.name: kind for kind in KINDS.values()}


def written(tmp_path, data):
    path = tmp_path / "file.gguf"
    path.write_bytes(data)
    return path


def half(block, at):
    return struct.unpack("<e", bytes(block[at:at + 2]))[0]


def q8_0(block):
    return [half(block, 0) * struct.unpack("b", bytes([value]))[0] for value in block[2:]]


def q4_1(block):
    scale, least = half(block, 0), half(block, 2)
    return [scale * (block[4 + i] & 15) + least for i in range(16)] + [
        scale * (block[4 + i] >> 4) + least for i in range(16)]


def q6_k(block):
    """Weight by weight: which byte has its low bits, which its high bits, which its scale."""
    weights = []
    for i in range(256):
        part, place = divmod(i, 128)
        low = int(block[64 * part + place % 64]) >> 4 * (place // 64) & 15
        high = int(block[128 + 32 * part + place % 32]) >> 2 * (place // 32) & 3
        scale = struct.unpack("b", bytes([block[192 + i // 16]]))[0]
        weights.append(half(block, 208) * scale * (low + 16 * high - 32))
    return weights


@pytest.mark.parametrize("name, by_hand", [("Q8_0", q8_0), ("Q4_1", q4_1), ("Q6_K", q6_k)])
def test_blocks_are_unpacked_as_by_hand(name, by_hand, tmp_path, rng):
    kind = OF_NAME[name]
    blocks = random_blocks(kind, 6, rng)
    shape = 3, 2 * kind.weights
    path = written(tmp_path, gguf({}, {"first": float32(np.ones(3)),
                                       "it": (name, shape, blocks.tobytes())}))
    _, tensors = read_gguf(path)
    found = unpack(tensors["it"])
    wanted = np.array([by_hand(block) for block in blocks.tolist()]).reshape(shape)
    assert found.shape == shape and found.dtype == np.float32 and found.flags.writeable
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)
    assert len(np.unique(found)) > 50
    assert bits_per_weight({"it": tensors["it"]}) == 8 * kind.bytes / kind.weights
    np.testing.assert_array_equal(unpack(tensors["first"]), np.ones(3))


@pytest.mark.parametrize("name, dtype", [("F32", "<f4"), ("F16", "<f2")])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (2, 1, 3, 2)])
def test_plain_numbers(name, dtype, shape, tmp_path, rng):
    array = rng.standard_normal(shape).astype(dtype)
    path = written(tmp_path, gguf({}, {"it": (name, shape, array.tobytes())}))
    _, tensors = read_gguf(path)
    found = unpack(tensors["it"])
    assert np.array_equal(found, array.astype(np.float32)) and found.dtype == np.float32
    found[...] = 0  # its own: neither the file nor another reading changes
    assert np.array_equal(unpack(tensors["it"]), array.astype(np.float32))
    assert not tensors["it"].blocks.flags.writeable


METADATA = {"b": (0, 200), "c": (1, -3), "d": (2, 60_000), "e": (3, -30_000), "f": (4, 2**32 - 1),
            "g": (5, -5), "h": (6, 0.5), "i": (7, True), "j": (8, "ein Wort"), "k": (10, 2**60),
            "l": (11, -2**60), "m": (12, 0.1), "n": ((9, 8), ["", "Ġ", "b"]),
            "o": ((9, 5), [1, -2]), "p": ((9, 6), []), "q": ((9, 7), [True, False])}


def test_metadata_of_every_type(tmp_path):
    found, tensors = read_gguf(written(tmp_path, gguf(METADATA, {})))
    assert found == {name: value for name, (_, value) in METADATA.items()} and not tensors
    assert type(found["i"]) is bool and type(found["h"]) is float and type(found["b"]) is int


def test_numbers_begin_at_the_alignment_that_the_file_names(tmp_path):
    arrays = {"a": np.arange(3.0), "b": np.arange(5.0)}
    data = gguf({"general.alignment": (4, 128)}, {name: float32(array)
                                                  for name, array in arrays.items()}, 128)
    _, tensors = read_gguf(written(tmp_path, data))
    for name, array in arrays.items():
        assert np.array_equal(unpack(tensors[name]), array)


def whole():
    return gguf({"name": (8, "x"), "list": ((9, 4), [1, 2])},
                {"a": float32(np.ones((2, 3))), "b": ("Q8_0", (32,), bytes(34))})


@pytest.mark.parametrize("data, words", [
    (b"", ["no GGUF", "24 bytes"]), (b"GGUF", ["no GGUF"]), (b"PK" + bytes(40), ["no GGUF", "PK"]),
    (gguf({}, {}, version=2), ["version 2", "version 3"]),
    (gguf({}, {}, magic=b"GGML"), ["no GGUF", "GGML"]),
    (gguf({}, {"a": (2, (32,), bytes(18))}), ["'a'", "type 2", "Q4_1 (3)", "F32 (0)"]),
    (gguf({}, {"a": ("Q8_0", (2, 33), bytes(99))}), ["'a'", "33", "Q8_0", "32"]),
    (gguf({}, {"a": float32(np.ones(9))})[:-1], ["cut short", "'a'", "36"]),
    (gguf({}, {"a": ("F32", (2**40, 2**40), bytes(40))}), ["cut short", "'a'"]),
    (gguf({}, {"a": ("F32", (1,) * 5, bytes(4))}), ["5 axes", "1 to 4"]),
    (gguf({}, {"a": ("F32", (), bytes(4))}), ["0 axes"]),
    (gguf({"general.alignment": (4, 0)}, {}), ["general.alignment is 0"]),
    (gguf({"general.alignment": (8, "x")}, {}), ["general.alignment is 'x'"]),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * entry("a", 4, 1), ["'a' twice"]),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IQ", 13, 0),
     ["unknown type 13"]),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQQ", 9, 9, 1, 0),
     ["unknown type 9"]),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 4, 2**61),
     ["cut short"]),
    (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**63), ["cut short"]),
    (b"GGUF" + struct.pack("<IQQ", 3, 2**62, 2**62), ["cut short"]),
    (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"\xff", ["decode"])])
def test_what_is_refused(data, words, tmp_path):
    path = written(tmp_path, data)
    with refused(path, *words):
        read_gguf(path)


def test_a_file_that_is_not_there(tmp_path):
    with refused("nowhere", error=FileNotFoundError):
        read_gguf(tmp_path / "nowhere.gguf")


def test_a_file_cut_at_any_byte(tmp_path):
    data = whole()
    for length in range(len(data)):
        path = written(tmp_path, data[:length])
        with refused(path):
            read_gguf(path)
    _, tensors = read_gguf(written(tmp_path, data))
    assert list(tensors) == ["a", "b"]


def test_a_damaged_header_is_refused_or_tells_something_else(tmp_path, rng):
    """No byte of it leads to another error, or to more numbers than the file has."""
    data = whole()
    path = written(tmp_path, data)
    header = len(data) - 64 - 34

    class Anything:
        def __eq__(self, other):
            return True

    flips = [(place, mask) for place in range(header) for mask in (1, 128, 255)]
    seen = flip_and_read(path, lambda path: [unpack(each) for each in read_gguf(path)[1].values()],
                         Anything(), data, flips)
    assert seen["refused"] > len(flips) / 2
