"""Asides: what stands between two marks is folded under a title, and what is wrong is told."""

import io
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "book" / "_ext"
CONF = f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nextensions = ['asides']\n"


@pytest.fixture
def build(tmp_path):
    """Build a page of reStructuredText; return its HTML and what the build said."""
    application = pytest.importorskip("sphinx.application")

    def page(text):
        source, said = tmp_path / "source", io.StringIO()
        source.mkdir()
        (source / "conf.py").write_text(CONF)
        (source / "index.rst").write_text(text)
        application.Sphinx(source, source, tmp_path / "html", tmp_path / "trees", "html",
                           status=None, warning=said).build()
        return (tmp_path / "html" / "index.html").read_text(), said.getvalue()
    return page


def test_what_stands_between_is_folded_under_the_title(build):
    page, said = build("Page\n====\n\nBefore.\n\n.. aside-start:: How *small*?\n\nOne.\n\n"
                       "::\n\n   two\n\n.. aside-end::\n\nAfter.\n")
    assert not said
    before, rest = page.split('<div class="dropdown aside admonition">')
    inside, after = rest.split("After.")
    assert "Before." in before
    assert "How <em>small</em>?" in inside and "One." in inside and "two" in inside
    assert "</div>" in inside and "One." not in after


@pytest.mark.parametrize(("text", "words"), [
    (".. aside-start:: A\n\nOne.\n", "no end"), ("One.\n\n.. aside-end::\n", "did not begin"),
    (".. aside-start:: A\n\nOne.\n\nHead\n----\n\nTwo.\n\n.. aside-end::\n", "no end")])
def test_a_mark_without_its_other_is_told(build, text, words):
    page, said = build(f"Page\n====\n\nText.\n\n{text}")
    assert words in said and "One." in page
