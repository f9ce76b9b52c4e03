"""Frames: one state of a figure, and the store in which the published book's frames lie.

A frame's files are found again by its data and by the code that draws it, so that pages which show
the same frame, and later builds, draw it once.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import pickle
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from lib.figures.kit.render import png
from lib.figures.kit.style import LAYOUTS, Layout

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
    """The names of a frame's files, one a layout, and its words; drawn only if it was not before.
    """
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
    try:
        data = pickle.dumps((frame.data, frame.alt), protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return hashlib.sha256(_code(frame.figure) + data).hexdigest()[:32]


@cache
def _code(figure: ModuleType) -> bytes:
    """A digest of all of ``lib`` that a figure's module uses, and of what renders it."""
    seen: set[str] = set()
    waiting = {figure.__name__, __name__}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for value in vars(sys.modules[name]).values():
            used = value.__name__ if isinstance(value, ModuleType) else \
                getattr(value, "__module__", None) or ""
            if used.startswith("lib.") and used in sys.modules and used not in seen:
                waiting.add(used)
    digest = hashlib.sha256(f"{version('matplotlib')} {version('pillow')}".encode())
    for name in sorted(seen):
        digest.update(inspect.getsource(sys.modules[name]).encode())
    return digest.digest()
