"""Opening the pages of the built book in a browser, with an eye on all that may go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 60_000  # milliseconds until a page must have settled, on a busy machine too

#: Settled: sliders ready, formulas typeset, fonts and pictures there.
SETTLED = """async (patience) => {
  const late = new Promise((_, fail) => setTimeout(
    () => fail(new Error('formulas are not typeset in time')), patience));
  while (document.readyState !== 'complete') await new Promise((done) => setTimeout(done, 20));
  if (window.MathJax?.startup?.promise) await Promise.race([MathJax.startup.promise, late]);
  else if (document.querySelector('script[src*="mathjax"]')) throw new Error('no MathJax');
  await document.fonts.ready;
  document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; });
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""
#: No panel of the model is on its way: closing the page would break off what it loads.
OPENED = """async (patience) => {
  const end = performance.now() + patience;
  await new Promise((done) => setTimeout(done, 100));
  while (document.querySelector('.lab-panel[data-opening]')) {
    if (performance.now() > end) throw new Error('a panel is still opening');
    await new Promise((done) => setTimeout(done, 20));
  }
}"""
#: Unfolds the aside that a figure stands in, by its number on the page: no key would reach it.
UNFOLD = """(at) => document.querySelectorAll('figure.explore')[at].closest('.toggle-hidden')
  ?.querySelector('.toggle-button').click()"""
RAW_MATHS = """() => {
  const text = document.querySelector('article')?.cloneNode(true);
  text?.querySelectorAll('pre, code, script, mjx-container').forEach((node) => node.remove());
  return text?.textContent.match(/\\$\\$|\\\\[([]|\\\\begin\\{|\\\\frac/g) || [];
}"""
#: A control's value by its place: a radio button's, or a slider's.
PLACE = """const place = (row) => row.classList.contains('names')
  ? [...row.querySelectorAll('input')].findIndex((each) => each.checked)
  : Number(row.querySelector('input').value);"""
FIGURES = """() => {
  PLACE
  return [...document.querySelectorAll('figure.explore')].map((figure) => {
    const rows = [...figure.querySelectorAll('.explore-row')];
    return {
      names: rows.map((each) => each.querySelector('.name').textContent),
      values: rows.map((each) => JSON.parse(each.dataset.values)),
      places: rows.map(place),
      data: figure.querySelector('script')
        && JSON.parse(figure.querySelector('script').textContent),
      height: [...figure.children].filter((each) => !each.matches('figcaption, .recital'))
        .reduce((sum, each) => sum + each.getBoundingClientRect().height, 0)};
  });
}""".replace("PLACE", PLACE)
#: Puts a control at place after place and tells what the figure shows at each; with no places,
#: tells what it shows now.
WALK = """async ([at, number, places]) => {
  const figure = document.querySelectorAll('figure.explore')[at];
  const image = figure.querySelector('img');
  const rows = [...figure.querySelectorAll('.explore-row')];
  const written = (row) => row.querySelector(':checked + span, output').textContent;
  const state = async () => {
    await image.decode();
    return {url: image.currentSrc, width: image.naturalWidth, alt: image.alt,
      recital: figure.querySelector('.recital').textContent,
      spoken: rows.map((row) => row.querySelector('[type=range]')?.ariaValueText ?? written(row)),
      shown: rows.map(written)};
  };
  const states = [];
  for (const to of places) {
    const inputs = rows[number].querySelectorAll('input');
    const input = inputs[inputs.length > 1 ? to : 0];
    if (input.type === 'radio') input.checked = true;
    else input.value = to;
    input.dispatchEvent(new Event('input', {bubbles: true}));
    states.push(await state());
  }
  return places.length ? states : [await state()];
}"""
#: The theme follows the system's scheme without a reload; axe must not see colours on their way.
TURNED = """async (scheme) => {
  const theme = () => document.documentElement.dataset.theme;
  for (let i = 0; i < 500 && theme() !== scheme; i++)
    await new Promise((done) => setTimeout(done, 20));
  // Waiting for them can take for ever: a page that isn't painted has transitions that stand still.
  for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish();
  return theme();
}"""


def pages(book: Path) -> list[str]:
    """Return all pages but the first, which only leads on, and the library's source.

    The largest come first, so that no process is left alone with one at the end.
    """
    found = [path for path in book.rglob("*.html") if "_static" not in path.parts]
    names = {path.relative_to(book).as_posix(): path.stat().st_size for path in found}
    return sorted((name for name in names
                   if name != "index.html" and not name.startswith("_modules/")),
                  key=lambda name: (-names[name], name))


@dataclass
class Visit:
    """A page that was opened, and what went wrong meanwhile."""

    page: object
    name: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def visit(window, base: str, name: str, query: str = "") -> Iterator[Visit]:
    """Open a page, wait until it has settled, and fail if anything was not as it should be.

    ``window`` is the browser's context. As for a reader, it keeps from page to page what all pages
    load, which takes half the time of a page in a new one.
    """
    page = window.new_page()
    try:
        page.set_default_timeout(PATIENCE)
        seen = Visit(page, name)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.errors.append(f"page error: {error}"))
        page.on("requestfailed", lambda request: seen.errors.append(f"failed: {request.url}"))
        page.on("response", lambda response:
                seen.errors.append(f"{response.status}: {response.url}")
                if response.status >= 400 else None)
        page.on("console", lambda said: seen.errors.append(f"console: {said.text}")
                if said.type == "error" else None)
        page.goto(base + name + query)
        page.evaluate(SETTLED, PATIENCE)
        page.evaluate(OPENED, PATIENCE)
        yield seen
        page.evaluate(OPENED, PATIENCE)
    finally:
        page.close()
    foreign = [url for url in seen.requests if not url.startswith((base, "data:", "blob:"))]
    assert not foreign, f"{name} asks elsewhere: {foreign}"
    assert not seen.errors, f"{name}: {seen.errors}"
