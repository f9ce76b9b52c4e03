"""The tokenizer of SmolLM2 on a list of tokens made here, and with the weights on its own."""

import unicodedata

import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

from lib.bytelevel import BYTE_OF, SYSTEM, ByteLevelTokenizer, ChatTokenizer, _pieces, chat

ALPHABET = list(BYTE_OF)
MERGES = ["Ġ t", "h e", "Ġt he", "Ċ Ċ", "Ġ Ġ", "' s", "Ã ©", "< |", "1 2"]
SPECIAL = ["<|end|>", "<|endless|>", "<|im_start|>", "<|im_end|>"]
TOKENS = [*SPECIAL, *ALPHABET, *(merge.replace(" ", "") for merge in MERGES)]


def tokenizer(kind=ByteLevelTokenizer):
    return kind(TOKENS, MERGES, SPECIAL, 3)


def pieces(text):
    """The text's tokens as texts in the byte alphabet."""
    return [TOKENS[i] for i in tokenizer().encode(text)]


def test_the_byte_alphabet_is_gpt_2s():
    assert len(BYTE_OF) == 256 and sorted(BYTE_OF.values()) == list(range(256))
    assert {c: BYTE_OF[c] for c in "A~¡ÿĠĊĉĀŃ"} == {
        "A": 65, "~": 126, "¡": 161, "ÿ": 255, "Ġ": 32, "Ċ": 10, "ĉ": 9, "Ā": 0, "Ń": 173}


@pytest.mark.parametrize("text, wanted", [
    ("the the", ["t", "he", "Ġthe"]), ("", []), ("é", ["Ã©"]), ("12", ["1", "2"]),
    (" 1", ["Ġ", "1"]), ("it's", ["i", "t", "'s"]), ("\n\n", ["ĊĊ"]), ("   t", ["ĠĠ", "Ġt"]),
    ("t  ", ["t", "ĠĠ"]), ("<|end|>t", ["<|end|>", "t"]), ("<|endless|>", ["<|endless|>"]),
    ("<|en", ["<|", "e", "n"]), ("a<|end|><|end|>", ["a", "<|end|>", "<|end|>"])])
def test_fixed_strings(text, wanted):
    assert pieces(text) == wanted
    assert tokenizer().decode(tokenizer().encode(text)) == text


@pytest.mark.parametrize("text, wanted", [
    ("I'll pay 3.50 $now!", ["I", "'ll", " pay", " ", "3", ".", "5", "0", " $", "now", "!"]),
    ("a_b __", ["a", "_", "b", " __"]), ("x   y", ["x", "  ", " y"]), ("x \n\n y", [
        "x", " \n\n", " y"]), ("DON'T don't", ["DON", "'", "T", " don", "'t"]),
    ("x²½Ⅷ٣", ["x", "²", "½", "Ⅷ", "٣"]), ("日本語 三", ["日本語", " 三"]),
    ("e\u0301", ["e", "\u0301"]), ("a\x1cb", ["a", "\x1c", "b"]), ("a\x85\xa0b", [
        "a", "\x85", "\xa0", "b"]), ("😀😀 ok", ["😀😀", " ok"])])
def test_pieces(text, wanted):
    assert list(_pieces(text)) == wanted


def test_every_character_is_a_letter_a_number_a_space_or_none_of_them():
    """As Unicode's categories have it, which Python's classes of characters do not name."""
    spaces = {chr(c) for c in (*range(9, 14), 32, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b),
                               0x2028, 0x2029, 0x202f, 0x205f, 0x3000)}
    for code in [*range(0x3400), *range(0xa000, 0xac00), *range(0xf900, 0x13000),
                 *range(0x16000, 0x17000), *range(0x1d000, 0x1fb00), 0xe0061, 0x10fffd]:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cs":
            continue
        found = list(_pieces(f"a{character}."))
        if category[0] == "L":
            assert found == [f"a{character}", "."], hex(code)
        elif category[0] == "N" or character in spaces - {" "}:
            assert found == ["a", character, "."], hex(code)
        elif character not in "' ":  # which begin pieces of their own
            assert found == ["a", f"{character}."], hex(code)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text):
    assert "".join(_pieces(text)) == text
    assert tokenizer().decode(tokenizer().encode(text)) == text


def test_a_chat():
    messages = [{"role": "user", "content": "Hi"}]
    assert chat(messages) == (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\nHi"
                              f"<|im_end|>\n<|im_start|>assistant\n")
    own = [{"role": "system", "content": "Be brief."}, *messages,
           {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Bye"}]
    assert chat(own) == ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
                         "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n"
                         "<|im_start|>assistant\n")
    assert chat([]).endswith("<|im_end|>\n<|im_start|>assistant\n") and SYSTEM in chat([])


def test_how_texts_begin():
    raw, talking = tokenizer(), tokenizer(ChatTokenizer)
    assert raw.start("the") == raw.encode("the") and raw.start("") == [raw.eos_id]
    assert talking.decode(talking.start("the")) == chat([{"role": "user", "content": "the"}])
    assert talking.start("the")[0] == TOKENS.index("<|im_start|>")


def gguf_metadata(**changes):
    found = {"model": "gpt2", "pre": "smollm", "tokens": TOKENS, "merges": MERGES,
             "token_type": [3] * 4 + [1] * (len(TOKENS) - 4), "eos_token_id": 3}
    return {f"tokenizer.ggml.{name}": value for name, value in {**found, **changes}.items()
            if value is not None}


def test_from_the_metadata_of_a_file():
    found = ByteLevelTokenizer.from_gguf(gguf_metadata())
    assert found.eos_id == 3 and found.vocabulary_size == len(TOKENS)
    assert found.encode("the <|end|>") == tokenizer().encode("the <|end|>")


@pytest.mark.parametrize("changes, words", [
    ({"model": "llama"}, ["'llama'", "gpt2"]), ({"pre": "qwen2"}, ["'qwen2'", "smollm"]),
    ({"merges": None}, ["lacks", "merges"]), ({"eos_token_id": 999}, ["eos_id is 999", "from 0"]),
    ({"tokens": [*TOKENS[:-1], "日"]}, ["'日'", "alphabet"]),
    ({"merges": [*MERGES, "x"]}, ["'x'", "two known"]),
    ({"merges": [*MERGES, "the x"]}, ["'the x'", "two known"]),
    ({"merges": [*MERGES, "h e"]}, ["'h e'", "new token"]),
    ({"merges": [*MERGES, "x y"]}, ["1 merges", "b'xy'"]),
    ({"token_type": [1]}, ["shorter"])])
def test_a_list_that_makes_no_tokenizer(changes, words):
    with refused(*words):
        ByteLevelTokenizer.from_gguf(gguf_metadata(**changes))


def test_what_cannot_be_encoded_or_decoded():
    without = [token for token in TOKENS if token != "x"]
    tokens = ByteLevelTokenizer(without, MERGES, SPECIAL, 3)
    with refused("'xa'", "no token"):
        tokens.encode("a xa".replace(" ", "1"))
    with refused("\\ud800", "surrogates"):
        tokens.encode("a\ud800")
    for wrong in -1, len(without):
        with refused(f"token id {wrong}", f"from 0 to {len(without) - 1}"):
            tokens.decode([5, wrong])
