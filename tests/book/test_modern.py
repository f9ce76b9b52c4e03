"""The page of large models: its cells run, and print every figure that is set in bold."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

from lib.figures.gpt import two_blocks
from lib.lora import apply_lora_to_model, count_lora_parameters
from lib.model import GPTConfig, GPTModel

PAGE = (Path(__file__).parents[2] / "book" / "modern.md").read_text(encoding="utf-8")
CELL = re.compile(r"^```\{code-cell\} python\n(?::tags:[^\n]*\n\n?)?(.*?)^```$", re.S | re.M)
FIGURE = re.compile(r"\[([^\]]+)\]\{\.measured\}")
LONGEST = 15  # lines of a cell, as in the chapters


def numbers(text: str) -> str:
    """Text with every space and line break as one space."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def page():
    """The names that the page's cells leave, and what they print."""
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for code in CELL.findall(PAGE):
            if "lib.explore" not in code:  # a drawing, which has tests of its own
                exec(code, names)
    return names, numbers(said.getvalue())


def missing(text: str, said: str) -> list[str]:
    """Figures in bold that no cell prints as a whole number."""
    return [each for each in FIGURE.findall(text)
            if not re.search(rf"(?<![\d.,]){re.escape(numbers(each))}(?![\d]|[.,]\d)", said)]


def test_every_figure_in_bold_is_printed(page):
    assert len(FIGURE.findall(PAGE)) > 15
    assert missing(PAGE, page[1]) == []


def test_a_wrong_figure_is_found():
    said = "1,044,736 parameters: 24.5%"
    assert missing("[24.5%]{.measured} [044,736]{.measured} [1,044]{.measured}", said) == [
        "044,736", "1,044"]


def test_cells_are_short():
    assert all(sum(bool(line.strip()) for line in code.splitlines()) <= LONGEST
               for code in CELL.findall(PAGE))


def test_the_pages_counts_are_those_of_the_live_model(page):
    ours, cache = page[0]["MODELS"]["this GPT"], page[0]["cache"]
    model = GPTModel(GPTConfig(), np.random.default_rng(0))
    assert ours.parameters() == sum(each.size for each in model.parameters().values())
    context = GPTConfig().context_length
    held = sum(each.keys.nbytes + each.values.nbytes for each in model.new_cache(1))
    assert cache(ours) * context == held
    apply_lora_to_model(model, 4, 8, ("query", "key", "value", "output", "ffn_up", "ffn_down"))
    assert count_lora_parameters(model) == ours.layers * 4 * sum(n + m for n, m in ours.shapes())


def test_the_drawing_has_the_pages_sizes(page):
    models = page[0]["MODELS"]
    for design, name in zip(two_blocks.compute(), ("this GPT", "Llama 3 8B"), strict=True):
        sizes = models[name]
        assert (design.layers, design.width, design.queries, design.keys, design.hidden) == (
            sizes.layers, sizes.width, sizes.heads, sizes.kv_heads, sizes.hidden)
        assert design.gated == (sizes.matrices == 3)
        words = two_blocks.alt([design])
        assert ("RMSNorm" in words) == design.rms and f"{design.hidden:,} wide" in words
