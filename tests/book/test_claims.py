"""The page of claims: every figure on it is one that a notebook's cell printed.

A row of book/claims.md ends with a link to a label; the label stands in a notebook, before the cell
that shows the claim. Each piece in `code marks` in the row's figure must be found, character for
character, in the text that the cells under that label printed.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "claims.md"
LABEL = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)
LINK = re.compile(r"\[(A?\d+)\]\((claim-[\w-]+)\)")
FIGURE = re.compile(r"`([^`]+)`")
WORDS = ROOT / "book" / "claims_in_words.yml"
VERDICTS = ("holds", "holds here only when", "does not hold here")
NOT_TESTED = "not tested: "
HEAD = ("claim", "source", "our figure", "verdict", "cell")

#: Where the literature says something that can be tried here, besides the source's own S1 to S24.
LITERATURE = ("hu2021", "dettmers2023", "biderman2024", "he2021", "kalajdzievski2023", "hayou2024",
              "liu2024", "meng2024", "shuttleworth2024", "schulman2025", "peft", "shenfeld2025")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    split = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [cells for cells in split
            if not set("".join(cells)) <= set("-|: ") and tuple(cells[-5:]) != HEAD]


def printed() -> dict[str, tuple[str, str]]:
    """Label -> (its chapter, as 7 or A1, and all that the code cells under it printed)."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(ROOT.glob("chapters/*.ipynb")):
        label = ""
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                label = next((each for each in reversed(LABEL.findall(cell.source))
                              if each.startswith("claim-")), "")
                if label:
                    assert label not in found, f"{label} stands twice"
                    found[label] = (path.stem.split("_")[0].lstrip("0"), "")
            elif label:
                words = [output.get("text", output.get("data", {}).get("text/plain", ""))
                         for output in cell.outputs]
                found[label] = (found[label][0], found[label][1] + "".join(words))
    return found


def problems(text: str, outputs: dict[str, tuple[str, str]],
             sentences: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a page of claims, by row; ``sentences`` has one for some ids."""
    sentences = dict(sentences or {})
    found = []
    for cells in rows(text):
        name = cells[0][:40]
        if len(cells) != 6:
            found.append(f"{name}: has {len(cells)} cells instead of 6")
            continue
        figure, verdict, link = cells[3:]
        if verdict.startswith(NOT_TESTED):
            if (figure, link) != ("none", "none"):
                found.append(f"{name}: was not tested, and gives a figure or a cell")
            continue
        if not verdict.strip("*").startswith(VERDICTS):
            found.append(f"{name}: the verdict is {verdict!r}")
        pieces = FIGURE.findall(figure)
        if not any(re.search(r"\d", piece) for piece in pieces):
            found.append(f"{name}: gives no figure")
        links = LINK.findall(link)
        if not links:
            found.append(f"{name}: links to no cell")
        said = ""
        for chapter, label in links:
            there, words = outputs.get(label, ("", ""))
            said += words
            if there != chapter:
                found.append(f"{name}: {label} is not in chapter {chapter}")
        said = " ".join(said.split())  # how wide a table's columns are means nothing
        found += [f"{name}: no cell under {link} prints {piece!r}" for piece in pieces
                  if piece not in said]
        found += [f"{name}: no cell under {link} prints {piece!r}, which its sentence gives"
                  for piece in FIGURE.findall(sentences.pop(cells[0], "")) if piece not in said]
    return found + [f"{name}: there is a sentence, and no row" for name in sentences]


@pytest.fixture(scope="module")
def outputs():
    return printed()


def test_every_figure_is_one_that_a_cell_printed(outputs):
    words = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    assert problems(PAGE.read_text(), outputs, words) == []


def test_every_claim_of_the_source_and_of_the_literature_has_a_row(outputs):
    names = [cells[0] for cells in rows(PAGE.read_text())]
    assert [name for name in names if re.fullmatch(r"S\d+", name)] == [
        f"S{number}" for number in range(1, 25)]
    sources = " ".join(cells[2] for cells in rows(PAGE.read_text()))
    assert [key for key in LITERATURE if key not in sources.lower()] == []
    linked = {label for _, label in LINK.findall(PAGE.read_text())}
    assert linked == set(outputs), "a label without a row, or a row without a label"


GOOD = "| S1 | a claim | Hu | a score of `0.96`, over `5 seeds` | holds | [7](claim-s1) |"


@pytest.mark.parametrize(("old", "new", "words"), [
    ("0.96", "0.97", "no cell under [7](claim-s1) prints '0.97'"),
    ("`0.96`, over `5 seeds`", "good", "gives no figure"),
    ("[7]", "[8]", "claim-s1 is not in chapter 8"),
    ("claim-s1", "claim-s2", "claim-s2 is not in chapter 7"),
    ("| holds |", "| surely |", "the verdict is 'surely'"),
    ("[7](claim-s1)", "chapter 7", "links to no cell"),
    ("| Hu |", "|", "has 5 cells instead of 6")])
def test_a_wrong_row_is_found(old, new, words):
    outputs = {"claim-s1": ("7", "score 0.96 (5 seeds)\n")}
    assert problems(GOOD, outputs) == []
    assert words in "\n".join(problems(GOOD.replace(old, new), outputs))


def test_a_wrong_sentence_is_found():
    outputs = {"claim-s1": ("7", "score 0.96 (5 seeds)\n")}
    assert problems(GOOD.replace(", over `5 seeds`", ""), outputs, {"S1": "It is `0.96`."}) == []
    assert "prints '0.97', which" in problems(GOOD.replace(", over `5 seeds`", ""), outputs,
                                              {"S1": "It is `0.97`."})[0]
    assert problems("", outputs, {"S2": "It is."}) == ["S2: there is a sentence, and no row"]


@pytest.mark.parametrize(("figure", "cell", "right"), [
    ("none", "none", True), ("`0.96`", "none", False), ("none", "[7](claim-s1)", False)])
def test_what_was_not_tested_has_no_figure(figure, cell, right):
    row = f"| S1 | a claim | Hu | {figure} | not tested: too large | {cell} |"
    assert (problems(row, {}) == []) == right
