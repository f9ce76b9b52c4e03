"""GGUF, the file format of llama.cpp: metadata, and tensors in blocks of few bits a weight.

The header says what there is: pairs of names and values, then name, shape, type and place of each
tensor; the numbers follow, each tensor at a multiple of the alignment.  All numbers have their
lowest byte first.  Source: docs/gguf.md and ggml-quants.c of the ggml project.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

VERSION = 3

#: The format's numbers for the types of metadata, and NumPy's names of those that are numbers.
NUMBERS = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?",
           10: "<u8", 11: "<i8", 12: "<f8"}
STRING, ARRAY = 8, 9


class Kind(NamedTuple):
    """A type of tensor: its blocks hold so many weights in so many bytes."""

    name: str
    weights: int
    bytes: int


#: The format's numbers for the types of tensors that are read here.
KINDS = {0: Kind("F32", 1, 4), 1: Kind("F16", 1, 2), 3: Kind("Q4_1", 32, 20),
         8: Kind("Q8_0", 32, 34), 14: Kind("Q6_K", 256, 210)}


class Packed(NamedTuple):
    """A tensor as it lies in the file: blocks (count, bytes a block) of uint8, read-only.

    shape is NumPy's: the axis along which the numbers lie side by side comes last.
    """

    kind: Kind
    shape: tuple[int, ...]
    blocks: np.ndarray


def read_gguf(path: str | Path) -> tuple[dict[str, Any], dict[str, Packed]]:
    """Metadata by name, and all tensors by name, still packed: views of the file, not copies.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no GGUF, of another version, cut short or damaged, or a tensor
            is of a type that KINDS lacks.
    """
    if Path(path).stat().st_size < 24:
        raise ValueError(f"{path} is no GGUF file: it has fewer than 24 bytes")
    data = np.asarray(np.memmap(path, np.uint8, "r"))
    try:
        header = _Header(data)
        metadata, places = header.read()
        start = _start(metadata, header.at)
        return metadata, {name: _packed(data[start:], name, *place)
                          for name, place in places.items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


class _Header:
    """Reads one thing after the other, and never beyond the end of the file."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.at = memoryview(data), 0  # of which slices are cheap

    def read(self) -> tuple[dict[str, Any], dict[str, tuple[tuple[int, ...], int, int]]]:
        """Metadata, and (shape, type, offset) of each tensor."""
        if (magic := self.take(4)) != b"GGUF":
            raise ValueError(f"this is no GGUF file: it begins with {magic!r}")
        if (version := self.number("<u4")) != VERSION:
            raise ValueError(f"version {version} of GGUF, only version {VERSION} is read")
        tensors, pairs = self.number("<u8"), self.number("<u8")
        metadata: dict[str, Any] = {}
        for _ in range(pairs):
            self._add(metadata, self.string(), self.value)
        places: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(tensors):
            self._add(places, self.string(), self.place)
        return metadata, places

    def _add(self, found: dict[str, Any], name: str, read: Any) -> None:
        if name in found:
            raise ValueError(f"it holds {name!r} twice")
        found[name] = read()

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError(f"the file is cut short: {count} bytes are to come at byte {self.at} "
                             f"of {len(self.data)}")
        self.at += count
        return self.data[self.at - count:self.at].tobytes()

    def number(self, dtype: str) -> Any:
        return np.frombuffer(self.take(np.dtype(dtype).itemsize), dtype)[0].item()

    def string(self) -> str:
        return self.take(int.from_bytes(self.take(8), "little")).decode()

    def value(self) -> Any:
        kind = self.number("<u4")
        if kind != ARRAY:
            return self.one(kind)
        inner, count = self.number("<u4"), self.number("<u8")
        if inner in NUMBERS:
            dtype = np.dtype(NUMBERS[inner])
            return np.frombuffer(self.take(count * dtype.itemsize), dtype).tolist()
        return [self.one(inner) for _ in range(count)]

    def one(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind not in NUMBERS:
            raise ValueError(f"a value of metadata is of the unknown type {kind}")
        return self.number(NUMBERS[kind])

    def place(self) -> tuple[tuple[int, ...], int, int]:
        axes = self.number("<u4")
        if not 1 <= axes <= 4:
            raise ValueError(f"a tensor has {axes} axes, allowed are 1 to 4")
        shape = tuple(self.number("<u8") for _ in range(axes))
        return shape[::-1], self.number("<u4"), self.number("<u8")


def _start(metadata: dict[str, Any], end: int) -> int:
    """Where the numbers begin: at the first multiple of the alignment after the header."""
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1:
        raise ValueError(f"general.alignment is {alignment!r}, it must be a whole number above 0")
    return -(-end // alignment) * alignment


def _packed(data: np.ndarray, name: str, shape: tuple[int, ...], number: int,
            offset: int) -> Packed:
    if number not in KINDS:
        names = ", ".join(f"{kind.name} ({known})" for known, kind in KINDS.items())
        raise ValueError(f"tensor {name!r} is of type {number}, read are {names}")
    kind = KINDS[number]
    if shape[-1] % kind.weights:
        raise ValueError(f"tensor {name!r} has rows of {shape[-1]} weights, {kind.name} packs "
                         f"{kind.weights} at a time")
    end = offset + math.prod(shape) // kind.weights * kind.bytes
    if end > len(data):
        raise ValueError(f"the file is cut short: tensor {name!r} ends at byte {end} of the "
                         f"numbers, of which there are {len(data)}")
    return Packed(kind, shape, data[offset:end].reshape(-1, kind.bytes))


def unpack(tensor: Packed) -> np.ndarray:
    """A tensor's weights as float32, an array of its own of the tensor's shape."""
    return UNPACK[tensor.kind.name](tensor.blocks).reshape(tensor.shape)


def _float32(blocks: np.ndarray, dtype: str) -> np.ndarray:
    """Bytes to float32; the copy can be written, which the file's pages cannot."""
    return np.ascontiguousarray(blocks).view(dtype).astype(np.float32)


def _q8_0(blocks: np.ndarray) -> np.ndarray:
    """scale q, for 32 weights: a scale of 16 bits, then each q of 8 bits, from -127 to 127."""
    return _float32(blocks[:, :2], "<f2") * blocks[:, 2:].view(np.int8)


def _q4_1(blocks: np.ndarray) -> np.ndarray:
    """scale q + least, for 32 weights: scale and least of 16 bits each, then each q, 0 to 15.

    Byte i holds q of weight i in its low half, of weight 16 + i in its high half.
    """
    scale, least = _float32(blocks[:, :2], "<f2"), _float32(blocks[:, 2:4], "<f2")
    weights = np.empty((len(blocks), 32), np.float32)
    np.multiply(blocks[:, 4:] & 15, scale, out=weights[:, :16])
    np.multiply(blocks[:, 4:] >> 4, scale, out=weights[:, 16:])
    weights += least
    return weights


def _q6_k(blocks: np.ndarray) -> np.ndarray:
    """scale s (q - 32), for 256 weights: q of 6 bits, s of 8 bits for each 16, one scale for all.

    Each half of 128 weights has 64 bytes with the low four bits of q, weights 0 to 63 in the low
    halves of bytes, and 32 bytes with the high two bits, of weights 32 apart.
    """
    count = len(blocks)
    low = blocks[:, :128].reshape(count, 2, 1, 64) >> np.array([[0], [4]], np.uint8) & 15
    high = blocks[:, 128:192].reshape(count, 2, 1, 32) >> np.array([[0], [2], [4], [6]],
                                                                   np.uint8) & 3
    q = (low.reshape(count, 256) | high.reshape(count, 256) << 4).astype(np.int8) - 32
    scales = _float32(blocks[:, 208:], "<f2") * blocks[:, 192:208].view(np.int8)
    return scales[:, :, None] * q.reshape(count, 16, 16)


UNPACK = {"F32": lambda blocks: _float32(blocks, "<f4"),
          "F16": lambda blocks: _float32(blocks, "<f2"),
          "Q4_1": _q4_1, "Q8_0": _q8_0, "Q6_K": _q6_k}


def bits_per_weight(tensors: dict[str, Packed]) -> float:
    """How many bits of the file a weight takes, the scales of its block included."""
    weights = sum(math.prod(tensor.shape) for tensor in tensors.values())
    return 8 * sum(tensor.blocks.nbytes for tensor in tensors.values()) / weights
