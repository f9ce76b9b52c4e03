"""The book's Sphinx extension: addresses, caches, and the frames that live with them."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

from tools import environment

ROOT = Path(__file__).resolve().parents[2]
ONE, TWO, THREE = (f"{digit * 16}.png" for digit in "123")


@pytest.fixture
def course(monkeypatch, tmp_path):
    """The extension's module; what it puts into the environment is taken back."""
    pytest.importorskip("sphinx")
    for name in ("COURSE_FRAMES", "COURSE_EXPLORE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(environment, "FRAMES", tmp_path / "store")
    spec = importlib.util.spec_from_file_location("course", ROOT / "book" / "_ext" / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def application(folder: Path, frames: dict[str, set[str]]) -> SimpleNamespace:
    """An application as far as the extension asks, whose cache lies in ``folder``."""
    return SimpleNamespace(
        env=SimpleNamespace(course_frames=frames), outdir=folder / "html",
        config=SimpleNamespace(nb_execution_cache_path=str(folder / "cache"), mathjax_path=""))


def write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_frames_of_a_page_are_copied_and_others_go(course, tmp_path):
    app, target = application(tmp_path, {"chapters/a": {ONE}}), tmp_path / "frames"
    write(course.environment.FRAMES, ONE, TWO)
    write(target, THREE)
    course.copy_frames(app, target)
    assert names(target) == {ONE}
    assert names(course.environment.FRAMES) == {ONE, TWO}


def test_a_lost_frame_is_warned_of(course, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(course.LOG, "warning", lambda words, *values: said.append(words % values))
    course.copy_frames(application(tmp_path, {"a": {ONE}}), tmp_path / "frames")
    assert len(said) == 1 and ONE in said[0]


def test_readers_see_a_tolerance_under_the_output_of_its_cell(course):
    def cell(**metadata):
        output = nodes.container(nb_element="cell_code_output")
        return nodes.container("", nodes.container(nb_element="cell_code_source"), output,
                               nb_element="cell_code", cell_metadata=metadata)
    page = nodes.container("", cell(tolerance={"points": 2}), cell(), cell(tags=["hide-input"]))
    course.note_tolerances(None, page)
    assert [each.astext() for each in page.findall(nodes.paragraph)] \
        == ["On other machines: ± 2 percentage points"]
    assert page[0][1][0].astext().startswith("On other")


def test_a_page_that_is_read_anew_forgets_its_frames(course):
    env, other = SimpleNamespace(), SimpleNamespace(course_frames={"a": {ONE}, "b": {TWO}})
    course.merge_frames(None, env, ["a"], other)
    assert env.course_frames == {"a": {ONE}}
    course.forget_frames(None, env, "a")
    course.forget_frames(None, env, "never read")
    assert env.course_frames == {}


@pytest.mark.parametrize("name, changes", [
    ("code.py", True), ("data/numbers.csv", True), ("notes.md", False),
    ("__pycache__/code.pyc", False)])
def test_the_caches_name_follows_code_and_data(course, tmp_path, monkeypatch, name, changes):
    monkeypatch.setattr(course, "LIB", tmp_path)
    before = course.state_of_lib()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("1")
    after = course.state_of_lib()
    assert (after != before) == changes
    (tmp_path / name).write_text("2")
    assert (course.state_of_lib() != after) == changes


def test_the_build_finds_what_was_run_and_a_few_old_caches_are_kept(course, tmp_path,
                                                                     monkeypatch):
    caches, lent = tmp_path / ".jupyter_cache", []
    monkeypatch.setattr(course.executed, "lend", lambda cache, paths: lent.extend(paths) or [])
    for age in range(6):
        (caches / f"old{age}").mkdir(parents=True)
        os.utime(caches / f"old{age}", (1000 - age, 1000 - age))
    app = application(tmp_path, {})
    app.config.nb_execution_cache_path = ""
    course.configure(app, app.config)
    assert names(caches) == {course.state_of_lib(), "old0", "old1"}
    assert lent == sorted((ROOT / "chapters").glob("*.ipynb"))


@pytest.mark.parametrize("platform, processes", [("linux", 3), ("darwin", 1)])
def test_pages_are_written_side_by_side_where_a_process_may_fork(course, monkeypatch, platform,
                                                                 processes):
    app = SimpleNamespace(parallel=1)
    monkeypatch.setattr(course.environment, "workers", lambda: 3)
    monkeypatch.setattr(course.sys, "platform", platform)
    course.write_side_by_side(app, None)
    assert app.parallel == processes


def test_pages_lose_empty_headings_and_forbidden_roles(course):
    empty = '<th class="head"><p></p></th>'
    full = '<th class="head"><p>Rank</p></th>'
    head = '<thead>\n<tr class="row-odd">{}</tr>\n</thead>'
    assert course.mended("<table>" + head.format(f"{empty}\n{empty}\n") + "</table>") \
        == "<table></table>"
    assert course.mended(head.format(empty + full)) == head.format("<td></td>" + full)
    assert course.mended('<div role="doc-biblioentry">') == '<div role="listitem">'


def test_thebe_and_repeated_scripts_are_left_out(course):
    def script(filename, body=None):
        return SimpleNamespace(filename=filename, attributes={"body": body})
    context = {"body": f'<img src="course-frames:{ONE}">',
               "pathto": lambda name, resource: f"../{name}",
               "script_files": [script("a.js"), script("sphinx-thebe.js"), script("a.js"),
                                script(None, "const thebe_selector = 1"), script(None, "let b")]}
    course.finish_page(None, "chapters/a", "page.html", context, None)
    assert context["body"] == f'<img src="../_static/frames/{ONE}">'
    assert [(each.filename, each.attributes["body"]) for each in context["script_files"]] \
        == [("a.js", None), (None, "let b")]


@pytest.mark.parametrize("body, files", [
    ('<div class="lab-panel" data-panel="ask">', ["lab/panels/panels.css", "lab/panels/start.js"]),
    ("<p>lab-panel</p>", [])])
def test_pages_with_a_panel_load_what_starts_it(course, body, files):
    found = []
    app = SimpleNamespace(add_css_file=found.append,
                          add_js_file=lambda name, loading_method: found.append(name))
    course.lab_panels.lend_scripts(app, "a", "page.html", {"body": body}, None)
    assert found == files
    assert all((ROOT / "book" / "_static" / name).is_file() for name in found)


def test_what_a_notebook_promises_of_the_built_book_is_said_as_its_pages_say_it(course):
    panel = '<div class="lab-panel" data-panel="ask">{}</div>'
    app = SimpleNamespace(add_css_file=str, add_js_file=lambda name, loading_method: None)
    body = f"<p>In the built book, ask.</p>{panel}"
    context = {"body": body.format("In the built book, the model answers here.")}
    course.lab_panels.lend_scripts(app, "a", "page.html", context, None)
    assert context["body"] == body.format("The model answers here, where scripts are allowed.")
    context = {"body": panel.format("Here the model answers.")}
    course.lab_panels.lend_scripts(app, "a", "page.html", context, None)
    assert context["body"] == panel.format("Here the model answers.")
