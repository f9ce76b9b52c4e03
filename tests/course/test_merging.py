"""The figure of merges: its cells are the text, its curves are what encoding gives."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from lib.figures.gpt import merging
from lib.tokenizer import BPETokenizer

TEXT = "Côte d'Ivoire is in Africa."
TOKENIZER = BPETokenizer.train([TEXT, "The capital of Africa is in Africa."], 270)
COUNTS = (0, 2, 8, 13)
CORPUS = merging.measure_curve(TOKENIZER.merges, ["Africa", "is in it"], COUNTS)


def at(count):
    return merging.compute(TOKENIZER.merges, TEXT, count, CORPUS)


@pytest.mark.parametrize("count", COUNTS)
def test_the_tokens_are_the_text_as_the_first_merges_cut_it(count):
    data = at(count)
    assert b"".join(data.tokens).decode() == TEXT
    cut = BPETokenizer(TOKENIZER.merges[:count])
    assert [cut.pieces.index(piece) for piece in data.tokens] == cut.encode(TEXT)
    assert data.per_token == len(TEXT) / len(data.tokens)
    assert np.isclose(data.per_token, data.sentence.per_token[COUNTS.index(count)])


def test_no_merge_leaves_the_bytes_and_joins_nothing():
    data = at(0)
    assert len(data.tokens) == len(TEXT.encode()) == len(TEXT) + 1
    assert data.joined == () and "joins" not in merging.alt(data)


def test_the_last_merge_is_named():
    data = at(13)
    left, right = TOKENIZER.merges[12].tolist()
    assert data.joined == (TOKENIZER.token_text(left), TOKENIZER.token_text(right))
    assert f"joins '{data.joined[0]}' and '{data.joined[1]}'" in merging.alt(data)


def test_the_curve_counts_all_texts_together():
    assert CORPUS.merges.tolist() == list(COUNTS) and CORPUS.per_token[0] == 1
    last = BPETokenizer(TOKENIZER.merges[:13])
    tokens = len(last.encode("Africa")) + len(last.encode("is in it"))
    assert CORPUS.per_token[-1] == 14 / tokens > 1.5


def test_a_cell_is_drawn_for_each_token_and_white_only_for_bytes():
    data = at(13)
    cells = [patch for patch in merging.draw(data).axes[0].patches if isinstance(patch, Rectangle)]
    assert len(cells) == len(data.tokens)
    for cell, piece in zip(cells, data.tokens):
        assert (cell.get_facecolor() == (1, 1, 1, 1)) == (len(piece) == 1)


@pytest.mark.parametrize("piece, words", [
    (b" Africa", "·Africa"), ("ô".encode(), "ô"), (b"\xc3", "C3"), (b"\x9d\xb1", "9D B1")])
def test_labels(piece, words):
    assert merging.label(piece) == words


@pytest.mark.parametrize("call, words", [
    (lambda: at(14), "count is 14; there are 13 merges"), (lambda: at(-1), "count is -1"),
    (lambda: merging.compute(TOKENIZER.merges, "", 3, CORPUS), "text is empty"),
    (lambda: merging.draw(merging.compute(TOKENIZER.merges, 400 * "x", 3, CORPUS)),
     "400 tokens; they don't fit 2 rows")])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
