"""The built book in a real browser, from a server and from the disk.

The book is built first, unless the variable BOOK_HTML names the folder of one. Without Playwright
or Chromium these tests are skipped; with CI set they fail.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from browsing import FIGURES, FLAGS, PHONE, RAW_MATHS, STATE, WIDE, pages, visit

from lib.figures.kit.mark import TITLE
from tools import browser as chromium
from tools import build_book, serve

HEADER = 56  # pixels that the theme's bar takes on a phone
WEIGHT = 1_500_000  # bytes of a page besides the theme
#: Preloading would make axe itself ask for style sheets that no page uses.
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
       "preload": False}


def unavailable(what: str) -> None:
    """Skip for want of ``what``; fail where nothing may be skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder of the built book."""
    named = os.environ.get("BOOK_HTML")
    if not named and build_book.main([]):
        pytest.fail("the book does not build", pytrace=False)
    return Path(named).resolve() if named else build_book.INDEX.parent


@pytest.fixture(scope="session")
def running():
    """A headless Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("Playwright")
    path = chromium.find() or unavailable("Chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def served(book: Path) -> Iterator[str]:
    """The address of the book on a server."""
    with serve.server(0, book) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session", params=["http", "file"])
def base(request, book: Path, served: str) -> str:
    """The address of the book: on a server, and on the disk."""
    return served if request.param == "http" else book.as_uri() + "/"


def test_the_book_has_its_pages(book):
    found = pages(book)
    assert (book / "index.html").exists()
    assert {"search.html", "book/intro.html", "book/api.html"} <= set(found)
    assert any(name.startswith("chapters/") for name in found)


def test_the_frames_are_those_of_the_pages(book):
    shown = {name for page in pages(book)
             for name in re.findall(r"frames/([0-9a-f]{16}\.png)", (book / page).read_text())}
    assert shown == {path.name for path in (book / "_static" / "frames").iterdir()}


def test_every_page_is_quiet_and_whole(running, base, book):
    """No request elsewhere, no error, every formula typeset, every picture there."""
    formulas = 0
    for name in pages(book):
        with visit(running, base, name) as seen:
            page = seen.page
            formulas += page.locator("mjx-container").count()
            raw = page.evaluate(RAW_MATHS) if page.locator("article").count() else []
            assert not raw, f"{name}: raw formulas {raw}"
            plain = "nodes => nodes.filter(n => !n.querySelector('mjx-container')).length"
            assert page.locator(".math.notranslate").evaluate_all(plain) == 0, name
            assert page.locator("mjx-merror").count() == 0, f"{name}: a formula is wrong"
            broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => "
                                   "i.outerHTML)")
            assert not broken, f"{name}: {broken}"
    assert formulas > 10


def test_every_slider_moves_through_all_its_values_by_key(running, base, book):
    moved, size = 0, WIDE if base.startswith("http") else PHONE
    for name in pages(book):
        with visit(running, base, name, viewport=size) as seen:
            for at, figure in enumerate(seen.page.evaluate(FIGURES)):
                if figure["data"]:
                    moved += move(seen.page, at, figure, int(size is PHONE))
    assert moved >= 3


def move(page, at: int, figure: dict, layout: int) -> int:
    """Take each slider through all its values, then back to where it was; return how many."""
    rows = page.locator("figure.explore").nth(at).locator("input")
    values, data = figure["values"], figure["data"]
    places = [int(rows.nth(k).input_value()) for k in range(len(values))]
    for k, choices in enumerate(values):
        start = places[k]
        rows.nth(k).focus()
        page.keyboard.press("Home")
        for place, choice in enumerate(choices):
            places[k] = place
            now, index = page.evaluate(STATE, at), 0
            for each, others in zip(places, values):
                index = index * len(others) + each
            picture = data["images"][data["frames"][index][layout]].split("/")[-1]
            assert now["url"].endswith(picture) and now["width"] > 0
            assert now["alt"] == now["caption"] == data["captions"][index]
            assert now["spoken"][k] == now["shown"][k] == choice
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Home")
        for _ in range(start):
            page.keyboard.press("ArrowRight")
        places[k] = start
        assert page.evaluate(STATE, at)["spoken"][k] == choices[start]
        assert any(changes(data, values, k)), f"the slider {figure['names'][k]} changes nothing"
    return len(values)


def changes(data: dict, values: list[list[str]], slider: int) -> Iterator[bool]:
    """Tell for each frame whether it differs from its neighbour along one slider."""
    step = 1
    for later in values[slider + 1:]:
        step *= len(later)
    for at, frame in enumerate(data["frames"]):
        if at // step % len(values[slider]):
            yield (frame != data["frames"][at - step]
                   and data["captions"][at] != data["captions"][at - step])


def test_pages_fit_a_phone(running, served, book):
    for name in pages(book):
        with visit(running, served, name, viewport=PHONE) as seen:
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390, name
            for figure in seen.page.evaluate(FIGURES):
                assert figure["height"] <= PHONE["height"] - HEADER, \
                    f"{name}: sliders and picture of {figure['names']} need two screens"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_pictures_turn_with_them(running, served, book, scheme):
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        unavailable("axe-playwright-python")
    axe = Axe()
    for name in pages(book):
        with visit(running, served, name, color_scheme=scheme) as seen:
            found = axe.run(seen.page, options=AXE)
            assert not found.response["violations"], f"{name}: {found.generate_report()}"
            for filters in seen.page.locator("img.frame").evaluate_all(
                    "images => images.map(image => getComputedStyle(image).filter)"):
                assert ("invert(1)" in filters) == (scheme == "dark"), name


def test_search_finds_what_is_there(running, base):
    with visit(running, base, "search.html", "?q=pretraining+LoRA") as seen:
        seen.page.wait_for_selector("#search-results li a")
    with visit(running, base, "book/intro.html") as seen:
        seen.page.keyboard.press("Control+k")
        seen.page.keyboard.type("gradient")
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_selector("#search-results li a")


def test_pages_are_light_and_titled(running, served, book):
    """A page with all that it loads, besides the theme's, MathJax's and search's files."""
    for name in pages(book):
        with visit(running, served, name) as seen:
            seen.page.wait_for_load_state("networkidle")
            urls = {urlparse(url).path for url in seen.requests if not url.startswith("data:")}
            paths = [unquote(url).removeprefix(unquote(urlparse(served).path)) for url in urls]
            own = [path for path in paths if "/frames/" in path or not path.startswith("_static/")]
            weight = sum((book / path).stat().st_size for path in own if (book / path).is_file())
            assert 0 < weight <= WEIGHT, f"{name}: {weight} bytes"
            assert TITLE in seen.page.title(), name
            assert seen.page.evaluate("document.documentElement.lang") == "en", name
