"""The built book in a real browser: each page from the disk, on a wide screen and on a phone.

The book must have been built; the variable BOOK_HTML names the folder of another one. Without
Playwright or Chromium these tests are skipped; with CI set they fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

import accessibility
import panel_walks
import pytest
from browsing import (
    FIGURES,
    PATIENCE,
    PHONE,
    RAW_MATHS,
    SETTLED,
    TURNED,
    UNFOLD,
    WALK,
    WIDE,
    pages,
    visit,
)
from helpers import unavailable
from PIL import Image

from benchmarks.lab_page import served_folder
from tools import build_book

HTML = Path(os.environ.get("BOOK_HTML") or build_book.INDEX.parent).resolve()
PAGES = pages(HTML)
NO_BOOK = f"there is no book in {HTML}: run make book first"
TITLE = "Fine-tuning from scratch"
HEADER = 56  # pixels that the theme's bar takes on a phone
WEIGHT = 1_500_000  # bytes of a page besides the theme
SAMPLE = 6  # values of a slider to which it is moved on a phone
#: Code that is wider than its place; the theme lets the keyboard reach it a moment after it shows.
WIDE_CODE = "[...document.querySelectorAll('pre')].filter(e => e.scrollWidth > e.clientWidth)"
REACHED = f"{WIDE_CODE}.every(each => each.tabIndex === 0)"
every_page = pytest.mark.parametrize("name", PAGES)


def source(name: str) -> str:
    """A page as it was built."""
    return (HTML / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder of the built book; without one, only the test that there is one fails."""
    if not PAGES:
        pytest.skip(NO_BOOK)
    return HTML


@pytest.fixture(scope="session")
def wide(book, running):
    """A wide window."""
    return running.new_context(viewport=WIDE, color_scheme="light")


@pytest.fixture(scope="session")
def phone(book, running):
    """A window as wide as a phone."""
    return running.new_context(viewport=PHONE, color_scheme="light")


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility rules."""
    try:
        return accessibility.script()
    except ImportError:
        unavailable("axe-playwright-python")


@pytest.fixture(scope="session")
def served(book: Path) -> Iterator[str]:
    """The address of the book on a server."""
    with served_folder(book) as address:
        yield address


def test_the_book_has_its_pages():
    assert (HTML / "index.html").exists(), NO_BOOK
    assert {"search.html", "book/intro.html", "book/api.html"} <= set(PAGES)
    assert any(name.startswith("chapters/") for name in PAGES)
    text = "".join((HTML / name).read_text(encoding="utf-8") for name in PAGES)
    assert text.count('class="math notranslate') > 10  # each visit compares with what it finds
    assert text.count('type="range"') >= 3


def test_the_frames_are_those_of_the_pages(book):
    shown = {name for page in PAGES for name in
             re.findall(r"frames/([0-9a-f]{16}\.png)", (book / page).read_text(encoding="utf-8"))}
    frames = {path.name: path for path in (book / "_static" / "frames").iterdir()}
    assert shown == set(frames)
    broken = [name for name, path in frames.items() if not readable(path)]
    assert not broken, f"no pictures: {broken}"


@every_page
def test_a_page_from_the_disk(wide, axe, name):
    with visit(wide, HTML.as_uri() + "/", name) as seen:
        whole(seen)
        light_and_titled(seen)
        each_slider(seen, layout=0)
        seen.page.wait_for_function(REACHED)
        seen.page.evaluate(axe)
        broken = accessibility.structure(seen.page)
        assert not broken, f"{name}: {broken}"
        legible(seen, "light")
        legible(seen, "dark")
        seen.page.set_viewport_size(PHONE)
        seen.page.evaluate(SETTLED, PATIENCE)  # other pictures
        open_panels(seen)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], \
            f"{name} is wider than a phone"
        for figure in seen.page.evaluate(FIGURES):
            assert figure["height"] <= PHONE["height"] - HEADER, \
                f"{name}: sliders and picture of {figure['names']} need two screens"
        each_slider(seen, layout=1)


@pytest.mark.parametrize("name", [name for name in PAGES if 'class="lab-panel' in source(name)])
def test_a_page_with_the_model_from_a_server(wide, served, name):
    with visit(wide, served, name) as seen:
        whole(seen)
        open_panels(seen)


def test_wide_code_in_a_fold_is_reached_by_keyboard(phone):
    with visit(phone, HTML.as_uri() + "/", "chapters/16_comparison.html") as seen:
        seen.page.evaluate("document.querySelectorAll('.toggle-hidden > .toggle-button, summary')"
                           ".forEach((button) => button.click())")
        seen.page.wait_for_function(f"{WIDE_CODE}.length && {REACHED}")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_readers_train_take_away_and_break_it(phone, served, tmp_path, scheme):
    base = served if scheme == "http" else HTML.as_uri() + "/"
    with visit(phone, base, "book/lab.html") as seen:
        if scheme == "http":
            panel_walks.own_pairs(seen.page)
            panel_walks.cell_of_the_grid(seen.page)
        else:
            panel_walks.mistake(seen.page)
            panel_walks.away_and_back(seen.page, tmp_path)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_what_is_there(wide, served, scheme):
    base = served if scheme == "http" else HTML.as_uri() + "/"
    with visit(wide, base, "search.html", "?q=pretraining+LoRA") as seen:
        seen.page.wait_for_selector("#search-results li a")
    with visit(wide, base, "book/intro.html") as seen:
        seen.page.keyboard.press("Control+k")
        seen.page.keyboard.type("gradient")
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_selector("#search-results li a")


def whole(seen) -> None:
    """Every formula is typeset, every picture is there."""
    page, name = seen.page, seen.name
    raw = page.evaluate(RAW_MATHS)
    assert not raw, f"{name}: raw formulas {raw}"
    formulas = page.locator(".math.notranslate")
    assert formulas.count() == source(name).count('class="math notranslate'), name
    plain = formulas.evaluate_all("nodes => nodes.filter(n => !n.querySelector('mjx-container'))"
                                  ".map(n => n.textContent)")
    assert not plain, f"{name}: raw formulas {plain}"
    assert page.locator("mjx-merror").count() == 0, f"{name}: a formula is wrong"
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => "
                           "i.outerHTML)")
    assert not broken, f"{name}: {broken}"


def open_panels(seen) -> None:
    """Every panel of the model starts where it comes into view, and has no complaint."""
    for place in seen.page.locator(".lab-panel").all():
        place.evaluate("(panel) => { for (let at = panel; at; at = at.parentElement) "
                       "if (at.tagName === 'DETAILS') at.open = true; }")
        place.scroll_into_view_if_needed()
        if place.get_attribute("data-start") == "touch":
            place.get_by_role("button").click()
        place.and_(seen.page.locator("[data-ready]")).wait_for()
        assert place.locator("label").count() or place.get_by_role("button").count(), seen.name
        assert place.locator(".lab-alert").text_content() == "", seen.name


def readable(path: Path) -> bool:
    """Tell whether a file is a picture, to its end."""
    try:
        with Image.open(path) as image:
            image.verify()
    except (OSError, SyntaxError):  # Pillow's for a damaged PNG
        return False
    return True


def legible(seen, scheme: str) -> None:
    """Words stand out, and pictures turn with the page."""
    seen.page.emulate_media(color_scheme=scheme)
    theme = seen.page.evaluate(TURNED, scheme)
    assert theme == scheme, f"{seen.name} is {theme} where the system is {scheme}"
    broken = accessibility.colours(seen.page)
    assert not broken, f"{seen.name}, {scheme}: {broken}"
    for filters in seen.page.locator("img.frame").evaluate_all(
            "images => images.map(image => getComputedStyle(image).filter)"):
        assert ("invert(1)" in filters) == (scheme == "dark"), \
            f"{seen.name}: a picture is not {scheme}"


def light_and_titled(seen) -> None:
    """A page with all that it loads, besides the theme's, MathJax's and search's files."""
    urls = {url for url in seen.requests if not url.startswith(("data:", "blob:"))}
    paths = [unquote(urlparse(url).path).removeprefix(f"{HTML}/") for url in urls]
    own = [path for path in paths if "/frames/" in path or not path.startswith("_static/")]
    weight = sum((HTML / path).stat().st_size for path in own if (HTML / path).is_file())
    assert 0 < weight <= WEIGHT, f"{seen.name}: {weight} bytes"
    assert TITLE in seen.page.title(), f"{seen.name} lacks the book's title"
    language = seen.page.evaluate("document.documentElement.lang")
    assert language == "en", f"{seen.name} says that its language is {language!r}"


def each_slider(seen, layout: int) -> None:
    """Take every slider of a page through some of its values and back."""
    figures = seen.page.evaluate(FIGURES)
    moving = [(at, figure) for at, figure in enumerate(figures) if figure["data"]]
    assert sum(len(figure["values"]) for _, figure in moving) == source(seen.name).count(
        'class="explore-row'), f"{seen.name}: a control without frames"
    for at, figure in moving:
        for row in range(len(figure["values"])):
            move(seen, at, figure, row, layout)


def move(seen, at: int, figure: dict, row: int, layout: int) -> None:
    """Take one slider by key from a middle value to its end and back, the first of a figure by more
    keys; on a phone instead to some values and by its buttons.
    """
    page, values = seen.page, figure["values"]
    what = f"{seen.name}, slider {figure['names'][row]!r}"
    assert changes(figure["data"], values, row), f"{what} changes nothing"
    count, start = len(values[row]), figure["places"][row]
    page.evaluate(UNFOLD, at)
    control = page.locator("figure.explore").nth(at).locator(".explore-row").nth(row)
    middle = max(count // 2, 1)
    places = [*range(0, count, -(-count // SAMPLE)), count - 1] if layout else [middle - 1]
    for place, state in zip(places, page.evaluate(WALK, [at, row, places])):
        check(what, state, figure, row, place, layout)
    control.locator("[type=range], :checked").focus()  # of radio buttons, the chosen one
    keys = {"ArrowRight": min(middle, count - 1), "Home": 0, "End": count - 1}
    for key, place in [*keys.items()][2 if row else 0:] if not layout else ():
        page.keyboard.press(key)
        check(f"{what}, {key}", page.evaluate(WALK, [at, row, []])[0], figure, row, place, layout)
    for button in control.get_by_role("button").all() if count > 1 and layout else ():
        button.click()  # one step back from the end, then one on to it
    back, = page.evaluate(WALK, [at, row, []])
    check(f"{what}, its buttons", back, figure, row, count - 1, layout)
    back, = page.evaluate(WALK, [at, row, [start]])
    check(what, back, figure, row, start, layout)
    if not layout:
        page.evaluate("document.activeElement.blur()")
        quiet, = page.evaluate(WALK, [at, row, []])
        assert quiet["recital"] == "", f"{what}: its frame is told twice"


def check(what: str, state: dict, figure: dict, row: int, place: int, layout: int) -> None:
    """Compare what a figure shows with its data, one slider moved from where all started."""
    values, data = figure["values"], figure["data"]
    places = [*figure["places"][:row], place, *figure["places"][row + 1:]]
    index = 0
    for each, others in zip(places, values):
        index = index * len(others) + each
    picture = data["images"][data["frames"][index][layout]].split("/")[-1]
    what = f"{what} at {values[row][place]!r}"
    assert state["url"].endswith(picture) and state["width"] > 0, what
    assert state["alt"] == state["recital"] == data["captions"][index], what
    written = [choices[at] for at, choices in zip(places, values)]
    assert state["spoken"] == state["shown"] == written, what


def changes(data: dict, values: Sequence[Sequence[str]], row: int) -> bool:
    """Tell whether a slider ever changes both the picture and its words."""
    step = 1
    for later in values[row + 1:]:
        step *= len(later)
    return any(data["frames"][at] != data["frames"][at - step]
               and data["captions"][at] != data["captions"][at - step]
               for at in range(len(data["frames"])) if at // step % len(values[row]))
