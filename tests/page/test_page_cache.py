"""The panel that counts the cache and the adapter, beside the page of large models."""

import shutil
import sys

import pytest

from benchmarks.lab_page import LAB
from tools.environment import ROOT

sys.path.insert(0, str(ROOT / "tests" / "book"))

from panel_walks import panel
from test_modern import PAGES, run

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>Cache</title><link rel="icon" href="data:,"><link rel="stylesheet"
href="lab/panels/panels.css"><script defer src="lab/panels/start.js"></script></head><body>
<div class="lab-panel" data-panel="cache">needs scripts</div></body></html>"""


@pytest.fixture(scope="module")
def page(running, tmp_path_factory):
    """The page with the panel alone, which must report no error."""
    folder = tmp_path_factory.mktemp("cache")
    shutil.copytree(LAB, folder / "lab")
    (folder / "cache.html").write_text(PAGE)
    found, problems = running.new_page(), []
    found.set_default_timeout(30_000)
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.goto((folder / "cache.html").as_uri())
    yield found
    found.close()
    assert problems == []


@pytest.fixture(scope="module")
def counted():
    """The names that the cells of the page of large models leave."""
    return run(PAGES["modern"])[0]


def test_a_cache_is_counted_as_on_its_page(page, counted):
    panel(page, "cache")
    models = page.evaluate("lab_panels.cache.MODELS")
    assert set(models) == set(counted["MODELS"]) - {"this GPT"}
    for name, (layers, heads, shared, head, parameters, width, hidden) in models.items():
        sizes = counted["MODELS"][name]
        assert [layers, heads, shared, head, width, hidden] == [
            sizes.layers, sizes.heads, sizes.kv_heads, sizes.head, sizes.width, sizes.hidden]
        assert page.evaluate("([name, shared]) => lab_panels.cache.adapter(name, shared, 8)",
                             [name, shared]) == 8 * layers * sum(map(sum, sizes.shapes()))
        norms = 36 * 2 * 128 if name == "Qwen3 8B" else 0  # of queries and keys
        assert parameters == sizes.parameters() + norms
        for kv_heads in (1, shared, heads):
            assert page.evaluate("([name, shared]) => lab_panels.cache.count(name, shared)",
                                 [name, kv_heads]) == counted["cache"](sizes, kv_heads)
        for tokens in (128, 131_072):
            assert page.evaluate("([name, shared, tokens]) => lab_panels.cache.windowed("
                                 "name, shared, tokens)", [name, shared, tokens]) == pytest.approx(
                                     counted["windowed"](sizes, tokens))


def test_a_latent_cache_is_counted_as_on_its_page(page, counted):
    panel(page, "cache")
    (name, (layers, kept, parameters, adapter, beside)), = page.evaluate(
        "lab_panels.cache.LATENT").items()
    n = counted
    assert (name, layers, kept) == ("DeepSeek-V3", 61, n["latent"] + 64)
    assert parameters == n["rest"] + 58 * 257 * n["expert"]
    dense = 9 * (n["d"] + 18_432)  # of the three layers without experts
    assert (adapter, beside) == (n["beside"] + 61 * n["ends"] + dense, n["beside"])
    for experts, numbers in ((8, n["whole"]), (1, n["divided"])):  # as the page's table
        assert page.evaluate("rank => lab_panels.cache.adapter('DeepSeek-V3', 0, 8, rank)",
                             experts) == numbers
    assert page.evaluate("lab_panels.cache.count('DeepSeek-V3')") == 2 * layers * kept


def test_a_cache_by_its_controls(page):
    cache = panel(page, "cache")
    cache.locator(".lab-head", has_text="The cache of 8,192 tokens is 1.07 GB").wait_for()
    cache.get_by_label("Tokens of one text").press("End")  # where it outweighs the weights
    cache.locator(".lab-head", has_text="The cache of 131,072 tokens is 17.2 GB").wait_for()
    cache.get_by_role("cell", name="131,072 bytes").wait_for()
    cache.get_by_role("cell", name="20,971,520 numbers, 41.9 MB").wait_for()
    cache.get_by_label("Rank of an adapter").press("ArrowRight")
    cache.get_by_role("cell", name="41,943,040 numbers, 83.9 MB").wait_for()
    cache.get_by_label("32", exact=True).check(force=True)
    cache.get_by_label("Tokens of one text").press("ArrowLeft")
    cache.locator(".lab-head", has_text="The cache of 126,976 tokens is 66.6 GB").wait_for()
    cache.get_by_label("Tokens of one text").press("End")
    cache.locator(".lab-head", has_text="The cache of 131,072 tokens is 68.7 GB").wait_for()
    cache.get_by_role("radio", name="SmolLM2-135M").check(force=True)  # its heads as published
    cache.locator(".lab-head", has_text="The cache of 131,072 tokens is 3.02 GB").wait_for()
    assert cache.get_by_role("group", name="Heads of keys").get_by_role("radio").count() == 3
    cache.get_by_role("radio", name="Llama 3 8B").check(force=True)
    cache.get_by_role("radio", name="the last 1,024").check(force=True)  # as in the page's table
    cache.locator(".lab-head", has_text="The cache of 131,072 tokens is 2.80 GB").wait_for()
    cache.get_by_role("radio", name="all tokens").check(force=True)
    cache.get_by_role("radio", name="DeepSeek-V3").check(force=True)
    cache.locator(".lab-head", has_text="The cache of 131,072 tokens is 9.21 GB").wait_for()
    assert cache.get_by_role("group", name="Heads of keys").get_by_role("radio").count() == 1
    cache.get_by_role("cell", name="adapter, rank 16 beside each expert").wait_for()
    cache.get_by_role("cell", name="adapter, rank 2 beside each expert").wait_for()
    cache.get_by_label("Rank of an adapter").press("ArrowLeft")
    cache.get_by_role("cell", name="462,467,584 numbers, 925 MB").wait_for()


def test_the_slider_finds_the_page_s_guess(page):
    """Between two of its steps Llama's cache begins to outweigh its weights, at 122,533 tokens."""
    cache = panel(page, "cache")
    cache.get_by_role("radio", name="Llama 3 8B").check(force=True)  # the tests share a page
    tokens = cache.get_by_label("Tokens of one text")
    tokens.press("End")
    for left, (each, size) in enumerate(((122_880, "16.1"), (118_784, "15.6"))):
        for _ in range(1 if left else 2):
            tokens.press("ArrowLeft")
        cache.locator(".lab-head", has_text=f"{each:,} tokens is {size} GB").wait_for()
        bars = cache.locator(".lab-stack i").evaluate_all("all => all.map(i => i.style.width)")
        assert bars.index("100%") == (1 if each > 122_533 else 0)
