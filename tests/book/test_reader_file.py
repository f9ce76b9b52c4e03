"""The book's listings of ``my_gpt.py``: marked lines, a link that leads to the file, refusals."""

import io
import re
from pathlib import Path

import pytest

from lib.growing import listing, my_gpt

FOLDER = Path(__file__).resolve().parents[2] / "book" / "_ext"
CONF = f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nextensions = ['reader_file']\n"


@pytest.fixture
def build(tmp_path):
    """Build a page of reStructuredText and return the folder of the HTML."""
    application = pytest.importorskip("sphinx.application")

    def pages(page, warning=None):
        source, out = tmp_path / "source", tmp_path / "html"
        (source / "chapters").mkdir(parents=True)
        (source / "conf.py").write_text(CONF)
        (source / "index.rst").write_text("Book\n====\n\n.. toctree::\n\n   chapters/page\n")
        (source / "chapters" / "page.rst").write_text(page)
        app = application.Sphinx(source, source, out, tmp_path / "trees", "html", status=None,
                                 warning=warning, parallel=0)
        app.build()
        return out
    return pages


def test_a_listing_marks_what_the_chapter_wrote_and_links_the_whole_file(build):
    out = build(page="Page\n====\n\n.. my-gpt:: 3\n")
    page = (out / "chapters" / "page.html").read_text()
    marked = [re.sub("<[^>]*>", "", line).strip()
              for line in re.findall(r'<span class="hll">(.*?)\n</span>', page)]
    wrote = [line.strip() for line, new in listing(3) if new]
    assert len(marked) == len(wrote) > 20
    assert marked[:2] == wrote[:2]
    assert f"{len(listing(3))} lines, the {len(wrote)} new ones marked" in page
    target = re.search(r'href="([^"]*my_gpt\.py)"', page)[1]
    assert (out / "chapters" / target).resolve().read_text() == my_gpt(13)


def test_a_chapter_without_cells_is_told(build):
    said = io.StringIO()
    build(page="Page\n====\n\n.. my-gpt:: 9\n", warning=said)
    assert "chapter is 9" in said.getvalue()
