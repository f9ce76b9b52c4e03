"""Links to terms, in the chapters and the pages, lead to entries of the glossary."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TERM = re.compile(r"\{term\}`(?:[^`<]*<([^`>]+)>|([^`<]+))`")
CHAPTERS = sorted(ROOT.glob("chapters/0[1-6]_*.ipynb"))


def entries():
    """The terms of the glossary, each on a line that is not indented."""
    page = (ROOT / "book" / "glossary.md").read_text()
    inside = re.findall(r"```\{glossary\}\n(.*?)\n```", page, re.DOTALL)
    return {line for part in inside for line in part.splitlines()
            if line and not line.startswith(" ")}


def prose(path):
    """The prose of a notebook or a page."""
    if path.suffix == ".md":
        return path.read_text()
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]
                       if cell["cell_type"] == "markdown")


def missing(text, known):
    """Terms that are linked to and are none."""
    return {(entry or words).strip() for entry, words in TERM.findall(text)} - known


def test_every_linked_term_has_its_entry():
    pages = [*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("book/*.md")]
    assert {path.name: found for path in pages
            if (found := missing(prose(path), entries()))} == {}
    assert missing("{term}`nats <nat>` and {term}`nothing at all`", entries()) == {"nothing at all"}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_first_chapters_link_their_terms(path):
    linked = [entry or words for entry, words in TERM.findall(prose(path))]
    assert len(linked) == len({*linked}) >= 10, "a term is linked where it comes first, once"
