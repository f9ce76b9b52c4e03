"""Named arrays and a little metadata in one .npz file: atomic to write, safe to read."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lib.optim import AdamW

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
    entries = {**{ARRAY + name: array for name, array in arrays.items()},
               **{EXTRA + name: array for name, array in found.items()}}
    text = json.dumps({**metadata, "extra": plain, "entries": len(entries)}, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **{METADATA: np.frombuffer(text.encode(), np.uint8)}, **entries)
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
            # An array that is read only in part, for its damaged header says so, is not checked.
            if damaged := file.zip.testzip():
                raise ValueError(f"{damaged} is damaged")
            entries = {name: file[name] for name in file.files}
        metadata = json.loads(entries.pop(METADATA).tobytes())
        plain = dict(metadata.pop("extra"))
        # Damage to an archive's list of entries can hide some; older files don't count theirs.
        if (count := metadata.pop("entries", len(entries))) != len(entries):
            raise ValueError(f"it holds {len(entries)} of {count} arrays")
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


def fingerprint(arrays: dict[str, np.ndarray]) -> str:
    """A short text that is the same for arrays of the same names, shapes, dtypes and numbers."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:16]


def save_state(path: str | Path, kind: str, recipe: dict[str, Any],
               parameters: dict[str, np.ndarray], optimizer: AdamW, losses: list[float],
               **notes: Any) -> None:
    """Write all that a stopped run needs to go on; ``losses`` has one for each step done.

    ``recipe`` is what decides the run, ``notes`` what else to keep: both as JSON can express.
    """
    arrays = {f"{part}.{name}": array for part, found in
              (("model", parameters), ("first", optimizer.first), ("second", optimizer.second))
              for name, array in found.items()}
    save_arrays(path, arrays, {"kind": kind, "recipe": recipe, "losses": losses, **notes})


def load_state(path: str | Path, kind: str, recipe: dict[str, Any],
               parameters: dict[str, np.ndarray], optimizer: AdamW,
               *notes: str) -> dict[str, Any]:
    """Fill the parameters, in place, and the optimizer; return ``losses`` and the named notes.

    Raises:
        ValueError: the file is no such state, of another recipe, or does not fit; nothing has
            been changed.
    """
    arrays, found, _ = load_arrays(path, kind)
    wanted = "recipe", "losses", *notes
    if missing := [name for name in wanted if name not in found]:
        raise ValueError(f"{path} is no state of a run: it lacks {', '.join(missing)}")
    if found["recipe"] != json.loads(json.dumps(recipe)):
        raise ValueError(f"{path} is the state of another recipe: {found['recipe']}; finish that "
                         f"run, or delete the file to start anew")
    moments = {"first": optimizer.first, "second": optimizer.second} if found["losses"] else {}
    check_arrays(path, arrays, {f"{part}.{name}": (array.shape, array.dtype)
                                for part in ("model", *moments)
                                for name, array in parameters.items()})
    for name, parameter in parameters.items():
        parameter[...] = arrays[f"model.{name}"]
        for part, moment in moments.items():
            moment[name] = arrays[f"{part}.{name}"]
    optimizer.steps = len(found["losses"])
    return {name: found[name] for name in wanted[1:]}
