"""The same losses, to the last bit, in browsers of three makers; skipped where one is missing."""

import marionette
import pytest
import webkit

from benchmarks.lab_page import write_page

#: Some steps of LoRA with two workers and of full fine-tuning with one, and an answer.
RUN = """(async () => {
  const lora = await lab.train({ steps: 6, workers: 2, pairs, score: false });
  const said = await lab.ask('Q: Who?\\nA:', { n: 8 });
  const full = await lab.train({ method: 'full', steps: 2, workers: 1, pairs,
    score: false });
  return [lora.losses, full.losses, said.text, said.top];
})()"""
PAIRS = """window.pairs = [['Q: Who?\\nA:', ' Nobody.'], ['Q: Where is it?\\nA:', ' Nowhere.'],
  ['Q: When?\\nA:', ' At noon, north of the old town.'], ['One morning', ' it was gone.']]"""


@pytest.fixture(scope="module")
def wanted(page):
    """What Chromium finds."""
    page.evaluate(PAIRS)
    found = page.evaluate(RUN)
    page.evaluate("lab.use(null)")
    return found


def same(found, wanted):
    """Losses to the last bit; probabilities nearly, as each browser has an exp of its own."""
    assert found[:3] == wanted[:3]
    assert [token for token, _ in found[3]] == [token for token, _ in wanted[3]]
    assert [chance for _, chance in found[3]] == pytest.approx([chance for _, chance in wanted[3]])


def test_firefox(wanted, data_path, tmp_path):
    path = marionette.find() or pytest.skip("no Firefox: install it, or name one in FIREFOX")
    profile = tmp_path / "profile"
    profile.mkdir()
    with marionette.firefox(path, profile) as firefox:
        firefox.goto(write_page(tmp_path, data_path).as_uri())
        firefox.evaluate(PAIRS)
        same(firefox.evaluate(RUN), wanted)


def test_webkit(wanted, data_path, tmp_path):
    path = webkit.find() or pytest.skip("no WebKit: install webkit2gtk-driver (and xvfb), or name "
                                        "a WebKitWebDriver in WEBKIT")
    with webkit.webkit(path, tmp_path) as page:
        page.goto(write_page(tmp_path, data_path).as_uri())
        page.evaluate(PAIRS)
        same(page.evaluate(RUN), wanted)
