"""The panels of the model in the page, as readers use them: from the disk and from a server."""

import re
import shutil
import sys
import threading

import pytest

from lib.adapters import attach_adapters
from lib.interchange import safetensors
from lib.pretraining import load_base
from tools.environment import ROOT
from tools.lab_page import DATA, LAB, SCRIPTS
from tools.serve import server

sys.path.insert(0, str(ROOT / "tests" / "book"))

import accessibility

PANELS = ("ask", "sampling", "train", "sweep", "example", "pairs", "faults", "mix", "shelf")
#: The theme's names of colours, as the panels need them, and its switch.
PAGE = """<!doctype html><html lang="en" data-theme="{scheme}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Train it here</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="lab/panels/panels.css"><style>
html {{ --pst-color-background: #ffffff; --pst-color-text-base: #22272f; color-scheme: light;
  --pst-font-family-monospace: monospace; }}
html[data-theme="dark"] {{ --pst-color-background: #121212; --pst-color-text-base: #ced6dd;
  color-scheme: dark; }}
body {{ margin: 0; background: var(--pst-color-background); color: var(--pst-color-text-base); }}
</style><script defer src="lab/panels/start.js"></script></head><body><main><h1>Train it here</h1>
{panels}</main></body></html>"""
#: axe can't tell what lies behind words of a picture, so these are shown as words of the page.
WORDS_OF_PICTURES = """() => document.querySelectorAll('.lab-plots text').forEach((word) => {
  const shown = document.createElement('p');
  const { fill, fontSize } = getComputedStyle(word);
  Object.assign(shown.style, { color: fill, fontSize, background: 'none' });
  shown.textContent = word.textContent;
  word.closest('.lab-panel').append(shown);
  word.remove();
})"""
ASKED = """() => document.querySelectorAll('.lab-bars li').length === 5"""


@pytest.fixture(scope="module")
def folder(data_path, tmp_path_factory):
    """A page with each panel under a heading, in either scheme, and one that waits for a press."""
    found = tmp_path_factory.mktemp("panels")
    shutil.copytree(LAB, found / "lab")
    for script in DATA:
        shutil.copyfile(data_path / script, found / "lab" / script)
    panel = '<h2>{0}</h2><h3>panel</h3><div class="lab-panel" data-panel="{0}">needs scripts</div>'
    for scheme in ("light", "dark"):
        panels = "".join(map(panel.format, PANELS))
        (found / f"{scheme}.html").write_text(PAGE.format(scheme=scheme, panels=panels))
    waiting = panel.format("ask").replace("data-panel", 'data-start="touch" data-panel')
    (found / "waiting.html").write_text(PAGE.format(scheme="light", panels=waiting))
    return found


def opened(running, address, **window):
    """A page and what went wrong in it; a request elsewhere does."""
    page, problems = running.new_page(**window), []
    page.set_default_timeout(300_000)
    base = address.rsplit("/", 1)[0]
    page.on("request", lambda request: problems.append(request.url)
            if not request.url.startswith((base, "blob:", "data:")) else None)
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(address)
    return page, problems


@pytest.fixture(scope="module")
def page(running, folder):
    """The page with all panels, started."""
    found, problems = opened(running, (folder / "light.html").as_uri())
    for name in PANELS:
        panel(found, name)
    yield found
    found.close()
    assert problems == []


def panel(page, name):
    """A panel, when it can be used."""
    found = page.locator(f'[data-panel="{name}"]')
    found.scroll_into_view_if_needed()
    page.wait_for_selector(f'[data-panel="{name}"][data-ready]')
    return found


def press(panel, name):
    panel.get_by_role("button", name=name, exact=True).click()


def says(page, name, words):
    """Wait until one of a panel's status lines contains the words; return the line."""
    found = page.locator(f'[data-panel="{name}"] [role=status]', has_text=re.compile(words))
    found.wait_for(state="attached")
    return found.inner_text()


def fast(page, name):
    """The fewest steps."""
    slider = page.locator(f'[data-panel="{name}"]').get_by_label("Steps")
    slider.evaluate("(range) => { for (let at = range.closest('details'); at; at = null) "
                    "at.open = true; }")
    slider.focus()
    page.keyboard.press("Home")


def test_the_scripts_are_the_engine_s():
    start = (LAB / "panels" / "start.js").read_text(encoding="utf-8")
    names = re.findall(r"'([a-z/]+)'", re.search(r"FILES = \[(.*?)\]", start, re.DOTALL)[1])
    assert tuple(names[:len(SCRIPTS)]) == SCRIPTS
    files = {path.stem for path in (LAB / "panels").glob("*.js")} - {"start"}
    assert {name.removeprefix("panels/") for name in names[len(SCRIPTS):]} == files
    assert files == {*PANELS, "kit", "plot"}


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_slider_by_keyboard_changes_the_answer(running, folder, scheme):
    with server(0, folder) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        address = ((folder / "light.html").as_uri() if scheme == "file"
                   else f"http://127.0.0.1:{serving.server_port}/light.html")
        found, problems = opened(running, address)
        panel(found, "ask")
        found.wait_for_function(ASKED)
        answers = found.locator(".lab-answer")
        assert answers.nth(0).inner_text() == answers.nth(1).inner_text()  # strength 0
        found.get_by_label("Strength").focus()
        for _ in range(20):
            found.keyboard.press("ArrowRight")
        found.wait_for_function("() => document.querySelectorAll('.lab-answer')[1].textContent "
                                "=== 'Tokyo.'")
        found.close()
        serving.shutdown()
    assert problems == []


def test_nothing_is_loaded_before_a_press(running, folder):
    found, problems = opened(running, (folder / "waiting.html").as_uri())
    assert found.evaluate("typeof lab_panels") == "undefined"
    found.get_by_role("button", name="Start the model").click()
    found.wait_for_function(ASKED)
    found.close()
    assert problems == []


def test_train_and_stop(page):
    fast(page, "train")
    press(panel(page, "train"), "Train")
    assert page.locator('[data-panel="sweep"]').get_by_role("button", name="Sweep").is_disabled()
    assert re.search(r"Done after 20 steps in .* of the 640 facts", says(page, "train", "^Done"))
    assert page.locator('[data-panel="train"] tbody tr').count() == 1
    page.locator('[data-panel="train"]').get_by_label("Steps").focus()
    page.keyboard.press("End")
    press(panel(page, "train"), "Train")
    says(page, "train", "^Step ")
    press(panel(page, "train"), "Stop")
    assert "after 300" not in says(page, "train", "^Stopped")
    assert page.locator('[data-panel="train"] tbody tr').count() == 2
    assert page.locator('[data-panel="train"] .lab-old').count() == 3  # the earlier run's lines
    assert page.locator('[data-panel="ask"]').get_by_text("run 2", exact=True).count() == 1


def test_own_pairs_are_checked_line_by_line(page):
    own = panel(page, "pairs")
    own.locator("textarea").fill("Who? | Me.\nWhere | There.\nno line?\nWho? | You.\nx? |")
    assert own.locator("li").all_inner_texts() == [
        "Line 2: the question needs a question mark at its end.",
        "Line 3: needs one | between question and answer.",
        "Line 4: is the question of line 1 again.", "Line 5: the answer is empty.",
        "These are 1 whole pairs, 3 are needed."]
    own.locator("textarea").fill("Who? | Me.\nWhere? | There.\nWhich lighthouse? | Mine.")
    page.wait_for_function("() => document.body.textContent.includes('in more than 2 tokens')")
    fast(page, "pairs")
    press(own, "Train on these")
    assert re.match("[0-3] of 3 answers are yours", says(page, "pairs", "of 3 answers"))


def test_a_mistake_and_a_cell_of_the_grid(page):
    press(panel(page, "faults"), "Both matrices zero")
    says(page, "faults", "^Both matrices zero: 0% of held-out answers")
    sweep = panel(page, "sweep")
    fast(page, "sweep")
    for group, name in (("Ranks", "1"), ("Ranks", "4"), ("Values", "2"), ("Values", "32")):
        choice = sweep.get_by_role("group", name=group, exact=True)
        choice.get_by_label(name, exact=True).uncheck(force=True)
    press(sweep, "Sweep")
    says(page, "sweep", "^Done: 1 of 1 trained, 20 steps each")
    sweep.locator(".lab-cell").first.click()
    assert "of held-out answers" in sweep.inner_text()


def test_an_adapter_leaves_and_comes_back(page, tmp_path):
    shelf = panel(page, "shelf")
    with page.expect_download() as waiting:
        press(shelf, "Download questions")
    path = tmp_path / "questions.safetensors"
    waiting.value.save_as(path)
    base, _ = load_base()
    assert attach_adapters(base.copy(), safetensors.load_adapters(path))
    shelf.locator("input[type=file]").set_input_files(path)
    says(page, "shelf", "questions.safetensors is on the shelf")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(path.read_bytes()[:1000])
    shelf.locator("input[type=file]").set_input_files(broken)
    shelf.get_by_text("broken.safetensors: this is no whole safetensors file").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_for_all_readers(running, folder, scheme):
    found, problems = opened(running, (folder / f"{scheme}.html").as_uri(),
                             viewport={"width": 390, "height": 844})
    for name in PANELS:
        panel(found, name)
    found.wait_for_function(ASKED)
    fast(found, "train")
    press(panel(found, "train"), "Train")
    says(found, "train", "^Done")
    assert found.evaluate("document.documentElement.scrollWidth") <= 390
    try:
        found.evaluate(accessibility.script())
    except ImportError:
        pytest.skip("axe-playwright-python is missing")
    assert not accessibility.structure(found)
    found.evaluate(WORDS_OF_PICTURES)
    assert not accessibility.colours(found)
    found.close()
    assert problems == []
