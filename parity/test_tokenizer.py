"""The tokenizer against Hugging Face's, trained on the same text.

Theirs works on characters.  Here a byte is the Latin-1 character of its number, and its alphabet
is those 256 in their order: then ids, and what is chosen among equally frequent pairs, can agree.
"""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from lib.corpus import documents
from lib.pretraining import load_base
from lib.tokenizer import BYTES, EOS, PIECES, BPETokenizer

TEXTS = documents(20_000, np.random.default_rng(0))  # what the committed tokenizer was trained on
OURS = load_base()[1]
PLACES = [(32, 127), (160, 0x250), (0x370, 0x800), (0x4E00, 0xA000), (0x1F300, 0x1F700),
          (0x10000, 0x110000)]  # code points, without halves of surrogate pairs


def in_latin1(text):
    """A character for each of the text's UTF-8 bytes."""
    return text.encode().decode("latin-1")


def train(texts, vocabulary_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES.pattern), behavior="isolated")
    tokenizer.train_from_iterator(map(in_latin1, texts), trainers.BpeTrainer(
        vocab_size=vocabulary_size - 1, initial_alphabet=[chr(byte) for byte in range(BYTES)],
        show_progress=False))
    # Trained with the others it would come first; in texts it is characters like any others.
    tokenizer.add_special_tokens([EOS])
    tokenizer.encode_special_tokens = True
    return tokenizer


def merges_of(tokenizer):
    """Pairs of ids in the order learnt."""
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [[tokenizer.token_to_id(part) for part in pair] for pair in pairs]


THEIRS = train(TEXTS, OURS.vocabulary_size)


def text_of(rng):
    """A few pieces: of the corpus, digits, spaces, and characters from all over Unicode."""
    parts = []
    for _ in range(rng.integers(1, 6)):
        kind, length = rng.integers(5), int(rng.integers(1, 12))
        if kind == 0:
            text = TEXTS[rng.integers(len(TEXTS))]
            start = int(rng.integers(len(text)))
            parts.append(text[start:start + 6 * length])
        elif kind == 1:
            parts.append(str(rng.integers(10**length)))
        elif kind == 2:
            parts.append("".join(rng.choice(list(" \n\t\r\x00.,'"), length)))
        elif kind == 3:
            parts.append("".join(rng.choice(list("abcdefghijklmnopqrstuvwxyzETAON "), length)))
        else:
            places = [PLACES[i] for i in rng.integers(len(PLACES), size=length)]
            parts.append("".join(chr(rng.integers(*place)) for place in places))
    return "".join(parts)


def test_same_merges():
    assert merges_of(THEIRS) == OURS.merges.tolist()


def test_same_vocabulary():
    assert THEIRS.get_vocab_size() == OURS.vocabulary_size
    assert THEIRS.token_to_id(EOS) == OURS.eos_id
    for token, piece in enumerate(OURS.pieces):
        assert THEIRS.id_to_token(token).encode("latin-1") == piece


def test_same_ids_of_ten_thousand_strings(rng):
    texts = [text_of(rng) for _ in range(10_000)]
    theirs = THEIRS.encode_batch([in_latin1(text) for text in texts])
    met = set()
    for text, found in zip(texts, theirs, strict=True):
        ids = OURS.encode(text)
        assert ids == found.ids, text
        assert OURS.decode(ids) == text
        met.update(ids)
    assert len(met) > 0.9 * OURS.vocabulary_size


@pytest.mark.parametrize("text", ["", EOS, f"a{EOS}b", " ", "  a", "é", "\ufffd", "\U0010ffff",
                                  "0123456789", "a\r\n\tb", "\x00\x7f\x80"])
def test_same_ids_at_the_edges(text):
    assert OURS.encode(text) == THEIRS.encode(in_latin1(text)).ids
    assert OURS.decode(OURS.encode(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text):
    ids = OURS.encode(text)
    assert OURS.decode(ids) == text
    assert ids == THEIRS.encode(in_latin1(text)).ids


@given(st.lists(st.text("ab é1", min_size=1, max_size=12), min_size=1, max_size=6),
       st.integers(1, 12))
def test_same_merges_of_any_texts(texts, count):
    """Little text, so that many pairs are equally frequent."""
    theirs = train(texts, BYTES + 1 + count)
    merges = merges_of(theirs)
    ours = BPETokenizer.train(texts, BYTES + 1 + len(merges))
    assert ours.merges.tolist() == merges
    for text in texts:
        assert ours.encode(text) == theirs.encode(in_latin1(text)).ids
    if len(merges) < count:
        with pytest.raises(ValueError, match=f"only {len(merges)} merges"):
            BPETokenizer.train(texts, BYTES + 2 + len(merges))
