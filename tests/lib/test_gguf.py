"""GGUF files: what is packed comes back, and what is no such file is refused."""

import struct

import numpy as np
import pytest
from gguf_files import KIND_NUMBERS, gguf_bytes, pack, packed_tensors
from helpers import refused

from lib.gguf import read_gguf

METADATA = {"general.name": "tiny", "a.number": 7, "a.float": 0.5, "a.truth": True,
            "words": ["a", "b c", ""], "numbers": [3, -1, 2], "nothing": []}


@pytest.fixture
def written(tmp_path, rng):
    """A file with a tensor of each type, and the values that it stands for."""
    arrays = {kind: rng.standard_normal((3, 64)) for kind in KIND_NUMBERS}
    arrays["F32"][0, :4] = 0, -0.0, 1e-30, 3e38
    tensors, values = packed_tensors(arrays, lambda kind: kind)
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(METADATA, tensors))
    return path, values


def test_every_type_comes_back_bit_for_bit_and_can_be_written(written):
    path, values = written
    gguf = read_gguf(path)
    assert gguf.metadata == METADATA and list(gguf.tensors) == list(KIND_NUMBERS)
    for kind, wanted in values.items():
        assert gguf.tensors[kind].kind == kind and gguf.tensors[kind].shape == (3, 64)
        assert gguf[kind].dtype == np.float32 and np.array_equal(gguf[kind], wanted), kind
        gguf[kind][...] = 0                      # a copy: the file is mapped to be read
        assert np.array_equal(gguf[kind], wanted)
    assert gguf.tensors["Q4_1"].blocks.nbytes == 6 * 20
    assert gguf.tensors["Q8_0"].blocks.nbytes == 6 * 34


@pytest.mark.parametrize("kind, error", [("Q8_0", 0.005), ("Q4_1", 0.07)])
def test_packed_weights_are_near_the_true_ones(kind, error, rng):
    """Half a step of 1 / 127 or 2 / 15 for weights from -1 to 1, and the rounding of the scale."""
    array = rng.uniform(-1, 1, (20, 32))
    assert np.abs(pack(array, kind)[1] - array).max() < error


def test_a_block_of_q4_1_by_hand(tmp_path):
    halves = bytes(low | (15 - low) << 4 for low in range(16))
    block = struct.pack("<ee", 0.5, -2.0) + halves
    path = tmp_path / "block.gguf"
    path.write_bytes(gguf_bytes({}, {"w": (block, (32,), 3)}))
    steps = np.arange(16)
    assert np.array_equal(read_gguf(path)["w"], np.concatenate([steps, 15 - steps]) * 0.5 - 2)


def test_another_alignment_is_followed(tmp_path, rng):
    array = rng.standard_normal(5)
    path = tmp_path / "aligned.gguf"
    tensors = {name: (array.astype("<f4").tobytes(), (5,), 0) for name in "ab"}
    path.write_bytes(gguf_bytes({"general.alignment": 64}, tensors, alignment=64))
    assert np.array_equal(read_gguf(path)["b"], array.astype(np.float32))


def test_names_that_are_not_there(written):
    gguf = read_gguf(written[0])
    with refused(written[0], "no tensor 'nose'"):
        gguf["nose"]
    with refused(written[0], "'nose'", "metadata"):
        gguf.setting("nose")


ROW = (np.ones(32, "<f4").tobytes(), (32,), 0)


@pytest.mark.parametrize("data, words", [
    (b"", ["no GGUF", "0 bytes"]), (b"PK\3\4" * 10, ["no GGUF", "PK"]),
    (gguf_bytes({}, {}, magic=b"GGML"), ["no GGUF", "GGML"]),
    (gguf_bytes({}, {}, version=2), ["version 2", "only 3"]),
    (gguf_bytes({}, {"w": (b"\0" * 18, (32,), 2)}), ["w", "type 2", "Q4_1"]),
    (gguf_bytes({}, {"w": (b"\0" * 20, (31,), 3)}), ["w", "(31,)", "32"]),
    (gguf_bytes({}, {"w": (b"", (), 0)}), ["w", "()"]),
    (gguf_bytes({}, {"w": (b"\0" * 20, (2**62, 32), 3)}), ["cut short", "w"]),
    (gguf_bytes({"general.alignment": 0}, {"w": ROW}), ["alignment", 0]),
    (gguf_bytes({"general.alignment": "x"}, {"w": ROW}), ["alignment", "'x'"])])
def test_what_is_no_file_that_is_read(data, words, tmp_path):
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with refused(path, *words):
        read_gguf(path)


def test_names_that_stand_there_twice(tmp_path):
    path = tmp_path / "twice.gguf"
    for data in (gguf_bytes({"aa": 1, "ab": 2}, {}), gguf_bytes({}, {"aa": ROW, "ab": ROW})):
        path.write_bytes(data.replace(b"ab", b"aa"))
        with refused(path, "twice"):
            read_gguf(path)


def test_a_type_of_metadata_that_is_not_known(tmp_path):
    path = tmp_path / "odd.gguf"
    data = gguf_bytes({"key": 7}, {})
    for number in (13, 99):
        kinds = (b"key" + struct.pack("<I", kind) for kind in (4, number))
        path.write_bytes(data.replace(*kinds))
        with refused(path, "type", number):
            read_gguf(path)


def test_a_file_that_is_cut_anywhere_is_refused(written):
    path, _ = written
    data = path.read_bytes()
    for size in [*range(0, len(data), 7), len(data) - 1]:
        path.write_bytes(data[:size])
        with refused(path):
            read_gguf(path)


def test_a_changed_byte_is_refused_or_gives_arrays_of_the_same_kinds(written, rng):
    """Never another error, and nothing endless."""
    path, _ = written
    data = path.read_bytes()
    for place in range(400):
        mask = int(rng.integers(1, 256))
        path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1:])
        try:
            gguf = read_gguf(path)
            for name in gguf.tensors:
                gguf[name]
        except ValueError as error:
            assert str(path) in str(error)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_gguf(tmp_path / "none.gguf")
