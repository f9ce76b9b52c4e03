"""The short way: every figure in ``[...]{.measured}`` is one that a linked chapter printed."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from test_claims import printed

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "guide.md"
FIGURE = re.compile(r"\[([^\]]+)\]\{\.measured\}")
LABEL = re.compile(r"\]\((claim-[\w-]+)\)")
CHAPTER = re.compile(r"chapters/([\dA]\d_\w+)\.ipynb")


def words(path: Path) -> str:
    """All that a notebook's cells printed."""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", ""))
                   for cell in nbformat.read(path, as_version=4).cells
                   for output in cell.get("outputs", []))


def problems(text: str, labels: dict[str, str], chapters: dict[str, str]) -> list[str]:
    """Figures that no cell printed to which their paragraph, or their item of a list, links."""
    found = []
    for block in re.split(r"\n\s*\n|\n(?=\d\. |- )", text):
        pieces = FIGURE.findall(block)
        said = "".join([*(labels.get(each, "") for each in LABEL.findall(block)),
                        *(chapters.get(each, "") for each in CHAPTER.findall(block))])
        found += [f"no linked cell prints {piece!r}" for piece in pieces if piece not in said]
    return found


def test_every_figure_is_one_that_a_linked_chapter_printed():
    text = PAGE.read_text(encoding="utf-8")
    assert len(FIGURE.findall(text)) > 20
    labels = {name: said for name, (_, said) in printed().items()}
    chapters = {name: words(ROOT / "chapters" / f"{name}.ipynb")
                for name in set(CHAPTER.findall(text))}
    assert problems(text, labels, chapters) == []


@pytest.mark.parametrize("text", [
    "It is [0.97]{.measured} ([7](claim-s1)).", "It is [0.96]{.measured}.",
    "[0.96]{.measured}\n\n[7](claim-s1)", "It is [0.96]{.measured} (chapters/08_costs.ipynb)."])
def test_a_wrong_figure_is_found(text):
    outputs = {"claim-s1": "a score of 0.96"}
    assert problems("It is [0.96]{.measured} ([7](claim-s1)).", outputs, {}) == []
    assert len(problems(text, outputs, {"08_costs": "0.95"})) == 1


def test_the_code_says_what_stands_behind_it(tmp_path, monkeypatch):
    """Each reply after a # is the one that the page's own lines give, also merged."""
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"),
                                re.M | re.S))
    names: dict = {}
    train = code[code.index("from lib.corpus import facts"):code.index("complete(model")]
    exec(train.replace("FineTuning(task", "progress=False, run=FineTuning(task"), names)
    merge = code[code.index("from lib.adapters import"):].split("complete(served")[0]
    exec(merge, names)
    told = re.findall(r"^(complete\(.*?\)) +# ('.*?')$", code, re.M)
    assert len(told) == 4
    assert [repr(eval(call, names)) for call, _ in told] == [reply for _, reply in told]
    share, = re.findall(r"^fact_recall\(.*# ([\d.]+):", code, re.M)
    assert names["fact_recall"](names["model"], names["tokenizer"], names["facts"]()) == (
        pytest.approx(float(share), abs=0.015))
