"""Accessibility of a page of the built book, by axe: its structure once, its colours by scheme.

Most of axe's time goes into the thousands of words of code and of the library's reference, which
differ in nothing that it looks at; so these step aside while it runs.
"""

from __future__ import annotations

from typing import Any

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block", "image-alt"]  # the last: pictures of one scheme

#: Structure: code that holds nothing but words counts as one text.
ONE_TEXT = """() => [...document.querySelectorAll('pre, code, em')]
  .filter((code) => !code.querySelector(':not(span)'))
  .map((code) => {
    const plain = code.cloneNode(false);
    plain.textContent = code.textContent;
    return [code, plain];
  })"""
#: Colours: where the styles of a word and of all that it stands in are those of an earlier one, so
#: is its contrast: the first that shows stands for them all. A link in a text is another matter
#: than a link alone. What holds none of the words that stand for others is emptied, not taken out,
#: as styles may depend on its place among its neighbours; but not in code, where none do.
ONE_OF_A_KIND = """() => {
  const parts = ['color', 'backgroundColor', 'backgroundImage', 'opacity', 'fontSize', 'fontWeight',
    'filter', 'mixBlendMode', 'textShadow', 'position', 'zIndex', 'overflow'];
  const once = (compute, known = new Map()) => (node) => {
    if (!known.has(node)) known.set(node, compute(node));
    return known.get(node);
  };
  const text = once((node) => [...node.childNodes].map(
    (each) => (each.nodeType === Node.TEXT_NODE ? each.data : '')).join('').trim());
  const numbers = new Map();
  const number = once((node) => {
    if (!node) return 0;
    const style = getComputedStyle(node);
    const key = parts.map((part) => style[part]).join() + number(node.parentElement);
    if (!numbers.has(key)) numbers.set(key, numbers.size + 1);
    return numbers.get(key);
  });
  const all = [...document.body.querySelectorAll(':not(script, style)')];
  const seen = new Set(), kept = new Set([document.body]);
  for (const word of all) {
    const alone = word.matches('img, input, select, textarea');
    const shows = (alone || text(word))
      && word.checkVisibility({opacityProperty: true, visibilityProperty: true});
    const long = text(word).length > 1; // axe leaves others open
    const key = alone ? word : `${number(word)} ${long} ${text(word.parentElement) !== ''}`;
    word.toggleAttribute('data-alike', Boolean(shows && seen.has(key)));
    if (!shows || seen.has(key)) continue;
    seen.add(key);
    for (let each = word; !kept.has(each); each = each.parentElement) kept.add(each);
  }
  return all.filter((each) => !kept.has(each) && kept.has(each.parentElement))
    .map((each) => [each, each.matches('pre *') ? new Comment() : each.cloneNode(false)]);
}"""
#: Runs axe while some nodes are replaced by others, then puts them back.
RUN = """async (options) => {
  const pairs = (%s)();
  for (const [node, instead] of pairs) node.replaceWith(instead);
  try {
    return await axe.run(options);
  } finally {
    for (const [node, instead] of pairs) instead.replaceWith(node);
  }
}"""
#: A minus sign alone is no text for axe, so its button is judged by the plus beside it.
MINUS = 'button[value="-1"]'
SKIP_ALIKE = ("axe.configure({rules: [{id: 'color-contrast', "
              f"selector: ':not([data-alike], {MINUS})'}}]}});")
#: The minus buttons that don't look like their plus; none is right.
UNLIKE = """(selector) => [...document.querySelectorAll(selector)].filter((minus) => {
  const look = (each) => {
    const {color, backgroundColor, opacity, fontSize} = getComputedStyle(each);
    return [color, backgroundColor, opacity, fontSize].join();
  };
  const plus = minus.parentElement.querySelector('button[value="1"]');
  return !minus.disabled && !plus.disabled && look(minus) !== look(plus);
}).map((each) => each.outerHTML)"""


def script() -> str:
    """Return what has to be evaluated in a page before ``structure`` and ``colours``.

    Raises ImportError without axe-playwright-python.
    """
    from axe_playwright_python.sync_playwright import Axe
    return Axe().axe_script + SKIP_ALIKE


def structure(page: Any) -> str:
    """Return what breaks axe's rules whatever the colours are, as text; nothing is right."""
    off = {rule: {"enabled": False} for rule in COLOURS[:2]}
    # Preloading would make axe itself ask for style sheets that no page uses.
    found = page.evaluate(RUN % ONE_TEXT, {"runOnly": RULES, "rules": off, "preload": False,
                                           "resultTypes": ["violations"]})
    return report(found["violations"])


def colours(page: Any) -> str:
    """Return which words are too pale, or of no contrast that axe can tell, as text."""
    found = page.evaluate(RUN % ONE_OF_A_KIND, {
        "runOnly": {"type": "rule", "values": COLOURS}, "preload": False,
        "resultTypes": ["violations", "incomplete"]})
    unlike = [f"another look than its plus: {each}" for each in page.evaluate(UNLIKE, MINUS)]
    return "\n".join(filter(None, [report(found["violations"] + found["incomplete"]), *unlike]))


def report(broken: list[dict[str, Any]]) -> str:
    """Say which rules are broken, and by what."""
    return "\n".join(f"{rule['id']}: {node['html']} {node.get('failureSummary', '')}"
                     for rule in broken for node in rule["nodes"])
