"""Named arrays in one safetensors file, which holds no code: adapters to and from other programs.

Eight bytes say how long the header is; the header is JSON, ``{name: {dtype, shape,
data_offsets}}`` with some texts under ``__metadata__``; then the numbers follow, the lowest byte
first, one array after the other.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from lib.adapters import Adapters, get_adapters
from lib.lora import ALL_TARGETS, check_targets
from lib.model import GPTModel

METADATA = "__metadata__"
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I8": "|i1",
          "U8": "|u1"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
LONGEST = 10_000_000  # bytes of a header: a larger one is damage


def to_bytes(arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> bytes:
    """The file that holds the arrays and the texts of ``metadata``.

    Raises:
        ValueError: an array of a type that DTYPES lacks, or a name that the format needs itself.
    """
    header: dict[str, Any] = {METADATA: metadata or {}}
    parts, end = [], 0
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        if plain.dtype not in NAMES:
            raise ValueError(f"{name} has dtype {array.dtype}, allowed are {', '.join(DTYPES)}")
        if name == METADATA:
            raise ValueError(f"no array can be called {METADATA}")
        header[name] = {"dtype": NAMES[plain.dtype], "shape": list(plain.shape),
                        "data_offsets": [end, end + plain.nbytes]}
        parts.append(plain.tobytes())
        end += plain.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin at an even place
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def from_bytes(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays, each its own, and the metadata of a whole file.

    Raises:
        ValueError: the file is cut or damaged, or its arrays do not fill it one after the other.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= LONGEST or 8 + length > len(data):
        raise ValueError(f"its {len(data)} bytes hold no header")
    try:
        header = json.loads(data[8:8 + length].decode())
        metadata = dict(header.pop(METADATA, {}))
        entries = {name: (np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"]),
                          tuple(entry["data_offsets"])) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header cannot be read: {error!r}") from error
    numbers, end, arrays = data[8 + length:], 0, {}
    for name, (dtype, shape, span) in entries.items():
        _check_place(name, dtype, shape, span, len(numbers))
    for name, (dtype, shape, span) in sorted(entries.items(), key=lambda each: each[1][2]):
        if span[0] != end:
            raise ValueError(f"nothing or two arrays lie at byte {min(span[0], end)}")
        end = span[1]
        array = np.frombuffer(numbers[span[0]:end], dtype).reshape(shape)
        arrays[name] = array.astype(dtype.newbyteorder("="))
    if end != len(numbers):
        raise ValueError(f"it has {len(numbers)} bytes of numbers, its header tells of {end}")
    return {name: arrays[name] for name in entries}, metadata


def _check_place(name: str, dtype: np.dtype, shape: tuple, span: tuple, size: int) -> None:
    """Raise ValueError unless an array's shape and place agree and lie in the file."""
    whole = all(type(value) is int and value >= 0 for value in (*shape, *span))
    if not whole or len(span) != 2 or span[1] > size \
            or span[1] - span[0] != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} of shape {shape} does not fit its place {span}")


def save_adapters(model: GPTModel, path: str | Path) -> None:
    """Write a model's adapters, without its base, to one safetensors file."""
    adapters = get_adapters(model)
    settings = {"kind": "lora", "rank": int(adapters.rank), "alpha": float(adapters.alpha),
                "target_modules": list(adapters.target_modules)}
    texts = {key: value if isinstance(value, str) else json.dumps(value)
             for key, value in settings.items()}
    Path(path).write_bytes(to_bytes(adapters.arrays, texts))


def load_adapters(path: str | Path) -> Adapters:
    """Read what ``save_adapters`` or the book's page wrote, for ``lib.adapters.attach_adapters``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or its settings are no adapters'.
    """
    try:
        arrays, metadata = from_bytes(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    try:
        if metadata["kind"] != "lora":
            raise ValueError(f"it holds {metadata['kind']!r}, wanted was 'lora'")
        rank, alpha = json.loads(metadata["rank"]), json.loads(metadata["alpha"])
        targets = json.loads(metadata["target_modules"])
        check_targets(targets, ALL_TARGETS)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} lacks the settings of adapters: {error}") from error
    return Adapters(rank, alpha, tuple(targets), arrays)
