"""Frames: one state of a figure, and the store in which the published book's frames lie.

A frame's files are found again by its data and by the code that draws it, so that pages which show
the same frame, and later builds, draw it once.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from lib.figures.kit.render import png
from lib.figures.kit.style import LAYOUTS, Layout, family

ROOT = Path(__file__).resolve().parents[3]  # the folder that holds ``lib``

#: Names the folder of the store.
STORE = "COURSE_FRAMES"
#: Stands before a frame's name in the page; the book's build puts the folder's address there.
ADDRESS = "course-frames:"


@dataclass(frozen=True)
class Frame:
    """A figure with the data of one state; a tuple of data stands for several arguments.

    figure: a module with ``draw`` and ``alt``, or a function that draws; alt: other words than its.
    """

    figure: Any
    data: Any
    alt: str | None = None

    def _arguments(self) -> tuple[Any, ...]:
        return self.data if isinstance(self.data, tuple) else (self.data,)

    def draw(self, layout: Layout) -> Figure:
        draw = self.figure.draw if isinstance(self.figure, ModuleType) else self.figure
        return draw(*self._arguments(), layout=layout)

    def words(self) -> str:
        """The frame in words; raises ValueError where nobody gave any."""
        if self.alt is None and not isinstance(self.figure, ModuleType):
            raise ValueError("a drawing of one's own needs words: show(draw, alt='...')")
        return self.figure.alt(*self._arguments()) if self.alt is None else self.alt


def stored(frame: Frame) -> tuple[list[str], str]:
    """The names of a frame's files, one a layout, and its words; drawn only once."""
    key = _key(frame)
    note = _store() / "known" / f"{key}.json"
    try:
        files, words = json.loads(note.read_text(encoding="utf-8"))
        if key and all((_store() / name).exists() for name in files):
            return files, words
    except (FileNotFoundError, ValueError, TypeError):
        pass  # never drawn, or a note that was cut short
    files, words = [_keep(png(frame.draw(layout), layout)) for layout in LAYOUTS], frame.words()
    if key:
        _write(note, json.dumps([files, words], ensure_ascii=False).encode())
    return files, words


def size(name: str) -> tuple[int, int]:
    """Width and height in pixels, which the head of a PNG holds at bytes 16 to 24."""
    head = (_store() / name).read_bytes()[16:24]
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


def _store() -> Path:
    if STORE not in os.environ:
        raise ValueError(f"{STORE} is not set; it names the folder for frames")
    return Path(os.environ[STORE])


def _keep(raw: bytes) -> str:
    """Store a picture under a name that its bytes give, so that equal ones are stored once."""
    name = hashlib.sha256(raw).hexdigest()[:16] + ".png"
    if not (_store() / name).exists():
        _write(_store() / name, raw)
    return name


def _write(path: Path, raw: bytes) -> None:
    """Write whole or not at all, with several kernels at work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(raw)
    part.replace(path)


def _key(frame: Frame) -> str | None:
    """What decides a frame: its data and the code that draws it; None if that can't be told."""
    if not isinstance(frame.figure, ModuleType):
        return None
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.fast = True  # by equality: else two equal frames differ where one holds an object twice
    try:
        pickler.dump((frame.data, frame.alt))
    except (pickle.PicklingError, AttributeError, TypeError, ValueError):
        return None
    return hashlib.sha256(_code(frame.figure) + file.getvalue()).hexdigest()[:32]


@cache
def _code(figure: ModuleType) -> bytes:
    """A digest of all of ``lib`` that a figure's module imports, and of what renders it."""
    versions = f"{version('matplotlib')} {version('pillow')} {family()}"
    digest = hashlib.sha256(versions.encode())
    seen: set[Path] = set()
    waiting = {Path(str(figure.__file__)).resolve(), Path(__file__).resolve()}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting |= _imported(path) - seen
    for path in sorted(seen):
        digest.update(path.read_bytes())
    return digest.digest()


def _imported(path: Path) -> set[Path]:
    """The files of ``lib`` that a file's import statements name, wherever they stand in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
    files = {ROOT.joinpath(*name.split("."), *last) for name in names
             if name.split(".")[0] == "lib" for last in ((), ("__init__",))}
    return {file for file in (each.with_suffix(".py") for each in files) if file.is_file()}
