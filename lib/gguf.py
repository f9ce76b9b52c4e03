"""GGUF files, in which llama.cpp keeps a model: its settings, its tokenizer and its packed weights.

The file begins with four letters, a version and two counts; then come the metadata, a list of the
tensors (name, shape, type, place), and their bytes.  See docs/gguf.md in github.com/ggml-org/ggml.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MAGIC, VERSION = b"GGUF", 3
#: GGUF's numbers for the types of metadata, with struct's letters for the plain ones.
LETTERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
STRING, ARRAY, UINT32, UINT64 = 8, 9, 4, 10
ALIGNMENT = 32  # bytes, unless the metadata say otherwise: where the tensors may begin


class Kind(NamedTuple):
    """A type of tensor: its weights lie in blocks of so many, of so many bytes each."""

    name: str
    weights: int
    bytes: int


#: GGUF's numbers for the types of tensors that are read here; there are about thirty more.
KINDS = {0: Kind("F32", 1, 4), 1: Kind("F16", 1, 2), 3: Kind("Q4_1", 32, 20),
         8: Kind("Q8_0", 32, 34)}


class Packed(NamedTuple):
    """A tensor as it lies in the file: its type, its shape, rows first, and its bytes.

    blocks: (weights / weights of a block, bytes of a block) of uint8: a view of the mapped file.
    """

    kind: str
    shape: tuple[int, ...]
    blocks: np.ndarray

    def unpack(self) -> np.ndarray:
        """The weights as a new float32 array of ``shape``.

        A block of Q8_0 is a scale (float16) and 32 whole numbers from -127 to 127.  One of Q4_1
        is a scale, a lowest value (float16 both) and 16 bytes: their low halves are the first 16
        weights, their high halves the next 16, each a number from 0 to 15 that stands for
        lowest + number * scale.
        """
        blocks = self.blocks
        if self.kind in ("F32", "F16"):
            return blocks.view("<f4" if self.kind == "F32" else "<f2").reshape(self.shape) \
                .astype(np.float32)  # always a copy: the mapped file is read-only
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        if self.kind == "Q8_0":
            return (blocks[:, 2:].view(np.int8) * scale).reshape(self.shape)
        lowest = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
        weights = np.empty((len(blocks), 32), np.float32)
        np.multiply(blocks[:, 4:] & 15, scale, out=weights[:, :16])
        np.multiply(blocks[:, 4:] >> 4, scale, out=weights[:, 16:])
        weights += lowest
        return weights.reshape(self.shape)


@dataclass(frozen=True)
class GGUF:
    """What a file holds: metadata by name, and tensors by name, still packed."""

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, Packed]

    def __getitem__(self, name: str) -> np.ndarray:
        """A tensor by name, unpacked to float32.  Raises ValueError if there is none."""
        if name not in self.tensors:
            raise ValueError(f"{self.path} has no tensor {name!r}")
        return self.tensors[name].unpack()

    def setting(self, name: str) -> Any:
        """One of the metadata by name.  Raises ValueError if there is none."""
        if name not in self.metadata:
            raise ValueError(f"{self.path} has no {name!r} among its metadata")
        return self.metadata[name]


def read_gguf(path: str | Path) -> GGUF:
    """Read a file's metadata and find its tensors; they are mapped, not copied, until unpacked.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no GGUF file, of another version, cut short or damaged, or has a tensor
            of a type that KINDS lacks.
    """
    path = Path(path)
    if path.stat().st_size < 24:
        raise ValueError(f"{path} is no GGUF file: it has {path.stat().st_size} bytes")
    data = np.asarray(np.memmap(path, np.uint8, "r"))
    if (magic := data[:4].tobytes()) != MAGIC:
        raise ValueError(f"{path} is no GGUF file: it begins with {magic!r}")
    reader = _Reader(data, 4)
    if (version := reader.value(UINT32)) != VERSION:
        raise ValueError(f"{path} is of GGUF's version {version}, only {VERSION} is read")
    try:
        tensors, pairs = reader.value(UINT64), reader.value(UINT64)
        metadata = dict(reader.pair() for _ in range(pairs))
        places = [reader.place() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", ALIGNMENT)
        if type(alignment) is not int or alignment < 1:
            raise ValueError(f"its alignment is {alignment!r}")
        start = -(-reader.at // alignment) * alignment
        packed = {name: _packed(data, name, shape, kind, start + offset)
                  for name, shape, kind, offset in places}
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if len(packed) != tensors or len(metadata) != pairs:
        raise ValueError(f"{path} cannot be read: a name stands there twice")
    return GGUF(path, metadata, packed)


class _Reader:
    """Values one after the other.  All raise ValueError where the file ends before them."""

    def __init__(self, data: np.ndarray, at: int) -> None:
        self.data, self.at = memoryview(data), at

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise ValueError(f"it is cut short, or damaged: its {len(self.data)} bytes end within "
                             f"its header")
        self.at += size
        return bytes(self.data[self.at - size:self.at])

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.take(self.value(UINT64)).decode()
        if kind == ARRAY:
            kind, count = self.value(UINT32), self.value(UINT64)
            if kind == STRING:
                return [self.value(STRING) for _ in range(count)]
            return list(self.plain(kind, count))
        return self.plain(kind, 1)[0]

    def plain(self, kind: int, count: int) -> tuple:
        """Numbers or truth values, all of one type."""
        if kind not in LETTERS:
            raise ValueError(f"it has metadata of the type {kind}, which is not read")
        size = struct.calcsize("<" + LETTERS[kind])
        return struct.unpack(f"<{count}{LETTERS[kind]}", self.take(count * size))

    def pair(self) -> tuple[str, Any]:
        return self.value(STRING), self.value(self.value(UINT32))

    def place(self) -> tuple[str, tuple[int, ...], int, int]:
        """A tensor's name, its shape (the file has the shortest stride first), type and place."""
        name, axes = self.value(STRING), self.value(UINT32)
        shape = self.plain(UINT64, axes)[::-1]
        return name, shape, self.value(UINT32), self.value(UINT64)


def _packed(data: np.ndarray, name: str, shape: tuple[int, ...], number: int,
            start: int) -> Packed:
    if number not in KINDS:
        raise ValueError(f"its tensor {name} is of the type {number}; "
                         f"{', '.join(kind.name for kind in KINDS.values())} are read")
    kind, size = KINDS[number], math.prod(shape)
    if not shape or shape[-1] % kind.weights:
        raise ValueError(f"its tensor {name} of shape {shape} has no whole blocks of "
                         f"{kind.weights} weights")
    end = start + size // kind.weights * kind.bytes
    if end > len(data):
        raise ValueError(f"it is cut short: its tensor {name} ends at byte {end}, the file at "
                         f"{len(data)}")
    return Packed(kind.name, shape, data[start:end].reshape(-1, kind.bytes))
