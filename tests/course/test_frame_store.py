"""The store of frames: the same frame is drawn once, any other anew, whatever lies in the store."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from lib.figures.kit import frames, style
from lib.figures.kit.frames import Frame, stored
from lib.figures.kit.style import LAYOUTS


@dataclass(frozen=True)
class Data:
    names: list[str]
    numbers: np.ndarray


@style.styled
def draw(data, layout="wide"):
    fig = style.canvas(layout, 0.6)
    style.write(fig, 0.1, 0.1, " ".join(data.names))
    return fig


def figure_of(path, source="import numpy\n"):
    """A figure whose module stands in a file of its own."""
    path.write_text(source)
    module = ModuleType("figure")
    module.__file__, module.draw = str(path), draw
    module.alt = lambda data: f"{data.names} and {data.numbers.sum():g}"
    return module


def data(*names, number=1.0):
    return Data(list(names), np.array([number, 2.0]))


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The layouts that were drawn, with an empty store in the folder ``store``."""
    found, png = [], frames.png
    monkeypatch.setenv(frames.STORE, str(tmp_path / "store"))
    monkeypatch.setattr(frames, "png", lambda fig, layout: found.append(layout) or png(fig, layout))
    return found


def test_an_equal_frame_is_not_drawn_again(drawn, tmp_path):
    figure = figure_of(tmp_path / "figure.py")
    first = stored(Frame(figure, data("one", "two")))
    assert drawn == list(LAYOUTS) and first[1] == "['one', 'two'] and 3"
    again = figure_of(tmp_path / "figure.py")  # another kernel
    assert stored(Frame(again, data("one", "two"))) == first
    assert drawn == list(LAYOUTS)


def test_an_object_that_is_held_twice_makes_no_other_frame(drawn, tmp_path):
    figure = figure_of(tmp_path / "figure.py")
    name = "a name".upper()
    stored(Frame(figure, data(name, name)))
    stored(Frame(figure, data(name, "a name".upper())))
    assert drawn == list(LAYOUTS)


@pytest.mark.parametrize("other", [data("one", number=1.5), data("one", "two")], ids=str)
def test_other_data_is_another_frame(drawn, tmp_path, other):
    figure = figure_of(tmp_path / "figure.py")
    first, second = stored(Frame(figure, data("one"))), stored(Frame(figure, other))
    assert drawn == 2 * list(LAYOUTS) and first[1] != second[1]


def test_other_code_of_the_figure_is_another_frame(drawn, tmp_path):
    stored(Frame(figure_of(tmp_path / "figure.py"), data("one")))
    stored(Frame(figure_of(tmp_path / "figure.py", "SIZE = 3\n"), data("one")))
    assert drawn == 2 * list(LAYOUTS)


@pytest.mark.parametrize("changed, times", [("used", 2), ("deeper", 2), ("unused", 1)])
def test_other_code_that_the_figure_imports_is_another_frame(drawn, tmp_path, monkeypatch,
                                                             changed, times):
    sources = {"used": "from lib.part import deeper\n", "deeper": "", "unused": ""}
    monkeypatch.setattr(frames, "ROOT", tmp_path)
    (tmp_path / "lib" / "part").mkdir(parents=True)
    for name, source in sources.items():
        (tmp_path / "lib" / "part" / f"{name}.py").write_text(source)
    source = "from lib.part.used import CONSTANT\n"
    stored(Frame(figure_of(tmp_path / "figure.py", source), data("one")))
    (tmp_path / "lib" / "part" / f"{changed}.py").write_text(sources[changed] + "NEW = 1\n")
    stored(Frame(figure_of(tmp_path / "figure.py", source), data("one")))
    assert drawn == times * list(LAYOUTS)


def test_the_packages_versions_count(drawn, tmp_path, monkeypatch):
    stored(Frame(figure_of(tmp_path / "figure.py"), data("one")))
    monkeypatch.setattr(frames, "version", lambda name: f"next {name}")
    stored(Frame(figure_of(tmp_path / "figure.py"), data("one")))
    assert drawn == 2 * list(LAYOUTS)


@pytest.mark.parametrize("note", ["", "[[", "5", '[["0123.png", "4567.png"], "words"]'])
def test_a_damaged_note_is_drawn_anew(drawn, tmp_path, note):
    frame = Frame(figure_of(tmp_path / "figure.py"), data("one"))
    first = stored(frame)
    path, = (tmp_path / "store" / "known").iterdir()
    path.write_text(note)
    assert stored(frame) == first and drawn == 2 * list(LAYOUTS)
    assert stored(frame) == first and drawn == 2 * list(LAYOUTS), "the note is mended"


def test_a_picture_that_is_gone_is_drawn_anew(drawn, tmp_path):
    frame = Frame(figure_of(tmp_path / "figure.py"), data("one"))
    files, _ = stored(frame)
    (tmp_path / "store" / files[1]).unlink()
    assert stored(frame)[0] == files and (tmp_path / "store" / files[1]).exists()


def test_what_cannot_be_told_from_its_data_is_drawn_each_time(drawn, tmp_path):
    frame = Frame(figure_of(tmp_path / "figure.py"), Data(["one"], np.array([lambda: 1, 2])))
    figure = frame.figure
    figure.alt = lambda data: "words"
    assert stored(frame) == stored(frame) and drawn == 2 * list(LAYOUTS)
    own = Frame(lambda layout: draw(data("one"), layout), (), "words")
    assert stored(own) == stored(own) and drawn == 4 * list(LAYOUTS)
    assert not (tmp_path / "store" / "known").exists()
