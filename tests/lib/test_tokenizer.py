"""The tokenizer: lossless on any text, against the plainest algorithm, and what it refuses."""

import re
from collections import Counter

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

from lib.checkpoint import save_arrays
from lib.corpus import documents
from lib.pretraining import load_base
from lib.tokenizer import PIECES, BPETokenizer

TEXTS = documents(150, np.random.default_rng(0))
SMALL = BPETokenizer.train(TEXTS, 320)
BASE = load_base()[1]
TOKENIZERS = pytest.mark.parametrize("tokenizer", [SMALL, BASE], ids=["small", "base"])

#: Any Unicode text without surrogates, and text that looks like the corpus.
anything = st.text(st.characters(exclude_categories=["Cs"])) | st.text("abe AB 019.,!\n\té€") \
    | st.lists(st.sampled_from(["The", " capital", " of", " 7", "France", "<eos>", " ", "'s"])
               ).map("".join)


def plain_encode(tokenizer, text):
    """Every merge in the order learnt, over the whole piece, one after the other."""
    out = []
    for piece in PIECES.findall(text):
        ids = list(piece.encode())
        for number, (left, right) in enumerate(tokenizer.merges.tolist()):
            place = 0
            while place < len(ids) - 1:
                if ids[place] == left and ids[place + 1] == right:
                    ids[place:place + 2] = [256 + number]
                place += 1
        out += ids
    return out


def plain_train(texts, merges):
    """Count all pairs anew for every merge."""
    pieces = [list(piece.encode()) for text in texts for piece in PIECES.findall(text)]
    learnt = []
    for new_id in range(256, 256 + merges):
        counts = Counter(pair for ids in pieces for pair in zip(ids, ids[1:], strict=False))
        most = max(counts.values())
        left, right = min(pair for pair, count in counts.items() if count == most)
        learnt.append([left, right])
        for ids in pieces:
            place = 0
            while place < len(ids) - 1:
                if ids[place:place + 2] == [left, right]:
                    ids[place:place + 2] = [new_id]
                place += 1
    return learnt


@TOKENIZERS
@given(text=anything)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(type(i) is int and 0 <= i < tokenizer.eos_id for i in ids)   # never <eos>


@TOKENIZERS
@given(text=anything)
def test_encoding_equals_the_plainest_algorithm(tokenizer, text):
    assert tokenizer.encode(text) == plain_encode(tokenizer, text)


@given(text=anything)
def test_pieces_are_the_whole_text_and_keep_merges_apart(text):
    pieces = PIECES.findall(text)
    assert "".join(pieces) == text
    assert BASE.encode(text) == [i for piece in pieces for i in BASE.encode(piece)]
    for piece in pieces:
        assert re.fullmatch(r" ?[A-Za-z]+| ?\d| ?[^A-Za-z\d\s]+|\s| ?[^ -~]+", piece,
                            re.ASCII), piece


@pytest.mark.parametrize("text, pieces", [
    ("The capital of France", ["The", " capital", " of", " France"]),
    ("in 1984.", ["in", " 1", "9", "8", "4", "."]), ("a  b", ["a", " ", " b"]),
    ("Q: x\nA:", ["Q", ":", " x", "\n", "A", ":"]), ("it's (so)...", ["it", "'", "s", " (", "so",
                                                                     ")..."])])
def test_pieces_of_a_text(text, pieces):
    assert PIECES.findall(text) == pieces


def test_training_equals_the_plainest_algorithm():
    assert SMALL.merges.tolist() == plain_train(TEXTS, 320 - 257)


@given(st.lists(st.text("ab ", min_size=2, max_size=8), min_size=1, max_size=4))
def test_training_with_ties_and_overlaps(texts):
    try:
        tokenizer = BPETokenizer.train(texts, 259)
    except ValueError as error:
        assert "merges" in str(error)
        return
    assert tokenizer.merges.tolist() == plain_train(texts, 2)


@given(st.lists(st.integers(0, BASE.eos_id)))
def test_any_ids_are_some_text(ids):
    text = BASE.decode(ids)
    assert text.count("<eos>") >= ids.count(BASE.eos_id)
    whole = b"".join(b"<eos>" if i == BASE.eos_id else BASE.pieces[i] for i in ids)
    assert text == whole.decode(errors="replace")


@TOKENIZERS
def test_ids(tokenizer):
    assert [tokenizer.decode([i]) for i in range(128)] == [chr(i) for i in range(128)]
    assert tokenizer.eos_id == tokenizer.vocabulary_size - 1 == 256 + len(tokenizer.merges)
    assert tokenizer.merges.shape == (tokenizer.vocabulary_size - 257, 2)
    assert tokenizer.decode([65, tokenizer.eos_id, 66]) == "A<eos>B"
    assert tokenizer.token_text(tokenizer.eos_id) == "<eos>" and tokenizer.token_text(65) == "A"
    assert tokenizer.eos_id not in tokenizer.encode("<eos>")
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""
    assert len(set(tokenizer.pieces)) == len(tokenizer.pieces)  # no two tokens spell the same


def test_standard_size():
    assert BASE.vocabulary_size == 1000 and BASE.eos_id == 999


def test_merges_save_tokens_on_the_corpus():
    text = " ".join(documents(50, np.random.default_rng(7)))
    assert len(BASE.encode(text)) < len(SMALL.encode(text)) < len(text.encode())
    assert len(text.encode()) / len(BASE.encode(text)) > 3


def test_training_is_deterministic_and_reads_any_iterable():
    again = BPETokenizer.train(iter(TEXTS), 320)
    assert np.array_equal(again.merges, SMALL.merges)
    assert len(BPETokenizer.train([], 257).merges) == 0


def test_save_and_load(tmp_path):
    SMALL.save(tmp_path / "tokenizer.npz")
    found = BPETokenizer.load(tmp_path / "tokenizer.npz")
    assert np.array_equal(found.merges, SMALL.merges) and found.eos_id == SMALL.eos_id
    assert found.encode(TEXTS[0]) == SMALL.encode(TEXTS[0])


@pytest.mark.parametrize("size", [256, 0, -1])
def test_a_vocabulary_without_room_for_the_bytes(size):
    with refused(f"vocabulary_size is {size}", 257):
        BPETokenizer.train(TEXTS, size)


def test_texts_too_few_for_the_vocabulary():
    with refused("4 merges", "1000", "743"):
        BPETokenizer.train(["abcd abcd"], 1000)


@pytest.mark.parametrize("ids, words", [([65, 1000], ["1000", "0 to 999"]),
                                        ([-1], ["-1", "0 to 999"])])
def test_ids_out_of_range(ids, words):
    with refused(*words):
        BASE.decode(ids)


@pytest.mark.parametrize("text", ["\ud800", "ab\udfffcd"])
def test_half_of_a_surrogate_pair(text):
    with refused("surrogate", repr(text.strip("abcd"))):
        BASE.encode(text)


@pytest.mark.parametrize("merges, words", [
    ([[104, 256]], ["merge 0", 256, "0 to 255"]), ([[104, 105], [-1, 3]], ["merge 1", "-1"]),
    ([[104, 105], [257, 3]], ["merge 1", 257, "0 to 256"])])
def test_merges_of_tokens_that_do_not_exist_yet(merges, words, tmp_path):
    with refused(*words):
        BPETokenizer(np.array(merges))
    save_arrays(tmp_path / "x.npz", {"merges": np.array(merges)}, {"kind": "tokenizer"})
    with refused(*words):
        BPETokenizer.load(tmp_path / "x.npz")
