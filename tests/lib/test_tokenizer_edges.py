"""The tokenizer at its edges: the byte 0, the last id, the merge that is wrong."""

import numpy as np
import pytest
from helpers import refused

from lib.checkpoint import save_arrays
from lib.tokenizer import BPETokenizer


def test_the_byte_zero_may_be_merged():
    tokenizer = BPETokenizer([[0, 0], [65, 0]])
    assert tokenizer.encode("\0\0") == [256] and tokenizer.encode("\0") == [0]
    assert tokenizer.decode([257, 256]) == "A\0\0\0"


@pytest.mark.parametrize("wrong", [256 + 256, 256 + 300, -1])
def test_the_message_names_the_merge_that_is_wrong(wrong):
    good = [[65, 255 + k] for k in range(256)]           # each joins the one before
    with refused("merge 256 joins ", wrong, "from 0 to 511"):
        BPETokenizer([*good, [66, wrong]])
    with refused("merge 256 joins ", wrong, "from 0 to 511"):
        BPETokenizer([*good, [wrong, 66]])
    assert BPETokenizer([*good, [66, 511]]).eos_id == 513


def test_a_piece_of_hundreds_of_bytes():
    tokenizer = BPETokenizer([[97, 97], [256, 256]])
    assert tokenizer.encode("a" * 1203) == [257] * 300 + [256, 97]


def test_the_message_says_how_many_merges_were_wanted():
    with refused("only 4 merges", "vocabulary of 600 needs 343"):
        BPETokenizer.train(["abcd abcd"], 600)


def test_ids_may_be_a_numpy_row_and_one_far_above_the_last_is_refused():
    tokenizer = BPETokenizer([[97, 97]])
    assert tokenizer.decode(np.array([65, 257, 256])) == "A<eos>aa"
    for wrong in (258, 259, 1000, -2):
        with refused(f"token id {wrong} is out of range", "0 to 257"):
            tokenizer.decode([65, wrong])


@pytest.mark.parametrize("merges, words", [
    (np.zeros(5, np.int64), ["merges is (5,) int64", "wanted is (2, 2) int64"]),
    (np.zeros((2, 2)), ["float64", "int64"]), (None, ["missing ['merges']"])])
def test_a_file_whose_merges_are_no_pairs(merges, words, tmp_path):
    path = tmp_path / "tokenizer.npz"
    save_arrays(path, {} if merges is None else {"merges": merges}, {"kind": "tokenizer"})
    with refused(path, *words):
        BPETokenizer.load(path)
