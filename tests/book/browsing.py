"""Opening the pages of the built book in a browser, with an eye on all that may go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 20_000  # milliseconds until a page must have settled

#: Settled: sliders ready, formulas typeset, fonts and pictures there.
SETTLED = """async () => {
  while (document.readyState !== 'complete') await new Promise((done) => setTimeout(done, 20));
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  else if (document.querySelector('script[src*="mathjax"]')) throw new Error('no MathJax');
  await document.fonts.ready;
  document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; });
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
RAW_MATHS = """() => {
  const text = document.querySelector('article').cloneNode(true);
  text.querySelectorAll('pre, code, script, mjx-container').forEach((node) => node.remove());
  return text.textContent.match(/\\$\\$|\\\\[([]|\\\\begin\\{|\\\\frac/g) || [];
}"""
FIGURES = """() => [...document.querySelectorAll('figure.explore')].map((figure) => ({
  names: [...figure.querySelectorAll('.explore-row span')].map((each) => each.textContent),
  values: [...figure.querySelectorAll('input')].map((each) => JSON.parse(each.dataset.values)),
  data: figure.querySelector('script') && JSON.parse(figure.querySelector('script').textContent),
  height: [...figure.children].filter((each) => each.tagName !== 'FIGCAPTION')
    .reduce((sum, each) => sum + each.getBoundingClientRect().height, 0)}))"""
STATE = """async (at) => {
  const figure = document.querySelectorAll('figure.explore')[at];
  const image = figure.querySelector('img');
  await image.decode();
  return {url: image.currentSrc, width: image.naturalWidth, alt: image.alt,
    caption: figure.querySelector('figcaption').textContent,
    spoken: [...figure.querySelectorAll('input')].map((each) => each.ariaValueText),
    shown: [...figure.querySelectorAll('output')].map((each) => each.value)};
}"""


def pages(book: Path) -> list[str]:
    """Return all pages but the first, which only leads on, and the library's source."""
    found = [path.relative_to(book).as_posix() for path in book.rglob("*.html")
             if "_static" not in path.parts]
    return sorted({name for name in found if not name.startswith("_modules/")}
                  - {"index.html"})


@dataclass
class Visit:
    """A page that was opened, and what went wrong meanwhile."""

    page: object
    name: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def visit(running, base: str, name: str, query: str = "", **options) -> Iterator[Visit]:
    """Open a page, wait until it has settled, and fail if anything was not as it should be."""
    context = running.new_context(**{"viewport": WIDE, "color_scheme": "light", **options})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    seen = Visit(page, name)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.errors.append(f"page error: {error}"))
    page.on("requestfailed", lambda request: seen.errors.append(f"failed: {request.url}"))
    page.on("response", lambda response: seen.errors.append(f"{response.status}: {response.url}")
            if response.status >= 400 else None)
    page.on("console", lambda said: seen.errors.append(f"console: {said.text}")
            if said.type == "error" else None)
    page.goto(base + name + query)
    page.evaluate(SETTLED)
    yield seen
    context.close()
    own = (base, "data:", "blob:")
    assert not [url for url in seen.requests if not url.startswith(own)], name
    assert not seen.errors, f"{name}: {seen.errors}"
