"""The record of LoRA's relatives: made by the chapter's own cells, complete, and it goes on."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lib.laboratory import variants

METHODS = ("LoRA", "LoRA+", "PiSSA", "DoRA", "adapter", "norms")
#: A chapter in small, and a cell that must not be executed.
CELLS = (("RATES, SEEDS = {'a': (0.1, 0.2), 'b': (0.3,)}, range(2)", True),
         ("def perform(**run):\n    return {'run': run, 'answers': 0.5}", True),
         ("raise AssertionError('a cell without the tag')", False))


@pytest.fixture
def chapter(tmp_path):
    cells = [new_code_cell(source, metadata={"tags": [variants.TAG] if tagged else []})
             for source, tagged in CELLS]
    nbformat.write(new_notebook(cells=cells), tmp_path / "chapter.ipynb")
    return tmp_path / "chapter.ipynb"


def test_a_record_is_the_chapters_runs_in_their_order(tmp_path, chapter):
    path = tmp_path / "record.jsonl"
    assert variants.record(path, chapter) == 6
    found = [tuple(line["run"].values()) for line in variants.load_variants(path)]
    assert found == [("a", 0.1, 0), ("a", 0.1, 1), ("a", 0.2, 0), ("a", 0.2, 1),
                     ("b", 0.3, 0), ("b", 0.3, 1)]


def test_a_stopped_record_goes_on(tmp_path, chapter):
    path = tmp_path / "record.jsonl"
    variants.record(path, chapter)
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    path.write_text(lines[4].replace("0.5", "0.7") + lines[0])
    assert variants.record(path, chapter) == 4
    assert path.read_text() == whole.replace(lines[4], lines[4].replace("0.5", "0.7"))
    assert variants.record(path, chapter) == 0


def test_a_chapter_without_definitions_is_refused(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1")]), tmp_path / "empty.ipynb")
    with pytest.raises(ValueError, match=f"no cells with the tag '{variants.TAG}'"):
        variants.record(tmp_path / "record.jsonl", tmp_path / "empty.ipynb")
    assert not (tmp_path / "record.jsonl").exists()


def test_the_committed_record_holds_what_the_chapter_declares():
    scope = variants.definitions()
    assert tuple(scope["RATES"]) == tuple(scope["METHODS"]) == METHODS
    lines = variants.load_variants()
    assert [line["run"] for line in lines] == list(variants.declared(scope))
    for line in lines:
        assert len(line["losses"]) == 75, json.dumps(line["run"])
        assert all(0 <= line[part] <= 1 for part in ("answers", "dev_answers", "facts"))
