"""What readers do with panels of the model in the page, on any page that has them."""

from __future__ import annotations

import re
from pathlib import Path

from lib.adapters import attach_adapters
from lib.interchange import safetensors
from lib.pretraining import load_base


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


def own_pairs(page):
    """Pairs are checked line by line, trained and asked."""
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


def mistake(page):
    """A mistake shows what it does."""
    press(panel(page, "faults"), "Both matrices zero")
    says(page, "faults", "^Both matrices zero: 0% of held-out answers")


def cell_of_the_grid(page):
    """A grid of one training fills, and its cell tells more."""
    sweep = panel(page, "sweep")
    fast(page, "sweep")
    for group, name in (("Ranks", "1"), ("Ranks", "4"), ("Values", "2"), ("Values", "32")):
        choice = sweep.get_by_role("group", name=group, exact=True)
        choice.get_by_label(name, exact=True).uncheck(force=True)
    press(sweep, "Sweep")
    says(page, "sweep", "^Done: 1 of 1 trained, 20 steps each")
    sweep.locator(".lab-cell").first.click()
    assert "of held-out answers" in sweep.inner_text()


def away_and_back(page, tmp_path: Path):
    """An adapter leaves as a file that Python reads, and comes back; half a file is refused."""
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
