"""Named arrays and a little metadata in one .npz file: atomic to write, safe to read."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

METADATA = "metadata.json"
ARRAY, EXTRA = "array.", "extra."


def save_arrays(path: str | Path, arrays: dict[str, np.ndarray], metadata: dict[str, Any],
                extra: dict[str, Any] | None = None) -> None:
    """Write the arrays and the metadata (JSON) to ``path``, whole or not at all.

    ``extra`` mixes arrays and JSON values; ``load_arrays`` gives it back apart.  The old file
    stays whole until the new one is complete, also when the process is killed.

    Raises:
        ValueError: an array holds objects, which only a pickle could store.
    """
    path, extra = Path(path), extra or {}
    found = {name: value for name, value in extra.items() if isinstance(value, np.ndarray)}
    for name, array in (*arrays.items(), *found.items()):
        if array.dtype.hasobject:
            raise ValueError(f"{name} holds objects ({array.dtype}): only numbers are stored")
    plain = {name: value for name, value in extra.items() if name not in found}
    text = json.dumps({**metadata, "extra": plain}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **{METADATA: np.frombuffer(text.encode(), np.uint8)},
                     **{ARRAY + name: array for name, array in arrays.items()},
                     **{EXTRA + name: array for name, array in found.items()})
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def load_arrays(path: str | Path, *kinds: str) \
        -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, Any]]:
    """Read (arrays, metadata, extra) back, of a file whose ``kind`` is one of those given.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is cut, damaged, holds pickled objects, or is of another kind.
    """
    try:
        # Opened here, because np.load leaves a file that is no zip archive open.
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            # np.load checks neither the sum of an array that it does not read to the end, nor
            # that the list of entries is as long as the archive's last words say.
            damaged = file.zip.testzip()
            handle.seek(-12, os.SEEK_END)
            if damaged or int.from_bytes(handle.read(2), "little") != len(file.files):
                raise ValueError(f"{damaged or 'an entry'} is damaged or missing")
            entries = {name: file[name] for name in file.files}
        metadata = json.loads(entries.pop(METADATA).tobytes())
        plain = dict(metadata.pop("extra"))
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever bytes at random lead to
        raise ValueError(f"{path} is not a whole file of this library: {error}") from error
    if metadata.get("kind") not in kinds:
        raise ValueError(f"{path} holds {metadata.get('kind')!r}, wanted was "
                         f"{' or '.join(map(repr, kinds))}")
    arrays = {name.removeprefix(ARRAY): array for name, array in entries.items()
              if name.startswith(ARRAY)}
    found = {name.removeprefix(EXTRA): array for name, array in entries.items()
             if name.startswith(EXTRA)}
    return arrays, metadata, {**plain, **found}


def check_arrays(path: str | Path, arrays: dict[str, np.ndarray],
                 wanted: dict[str, tuple[tuple[int, ...], np.dtype]]) -> None:
    """Raise ValueError unless names, shapes and dtypes are the wanted ones."""
    missing, surplus = sorted(wanted.keys() - arrays.keys()), sorted(arrays.keys() - wanted.keys())
    if missing or surplus:
        raise ValueError(f"{path} does not fit its configuration: missing {missing[:3]}, "
                         f"not expected {surplus[:3]}")
    for name, (shape, dtype) in wanted.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{path}: {name} is {array.shape} {array.dtype}, "
                             f"wanted is {shape} {dtype}")
