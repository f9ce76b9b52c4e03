"""The tokenizer of a real model, its template, its replies: a tiny one and, if there, the real."""

import numpy as np
import pytest
from gguf_files import MERGES, gguf_bytes, llama_metadata
from helpers import refused, tiny_llama, unavailable
from hypothesis import given
from hypothesis import strategies as st

from lib import chat, smollm2
from lib.chat import (
    BYTE_OF,
    SYSTEM,
    ChatTokenizer,
    chat_examples,
    chat_prompt,
    number_pattern,
    replies,
    reply,
)
from lib.gguf import read_gguf
from lib.lora import apply_lora_to_model
from lib.losses import IGNORE
from lib.training import fit, pad, trainable_count

TOKENS = ["<|im_start|>", "<|im_end|>", *BYTE_OF, *(merge.replace(" ", "") for merge in MERGES)]


@pytest.fixture(scope="module")
def tokenizer():
    return ChatTokenizer(TOKENS, MERGES, [0, 1], 1)


def texts_of(tokenizer, text, special=True):
    return [tokenizer.token_text(i) for i in tokenizer.encode(text, special)]


def test_the_alphabet_has_a_character_for_every_byte():
    assert sorted(BYTE_OF.values()) == list(range(256))
    assert (BYTE_OF["A"], BYTE_OF["Ġ"], BYTE_OF["Ċ"], BYTE_OF["é"]) == (65, 32, 10, 0xe9)


def test_merges_join_within_a_piece_and_digits_stand_alone(tokenizer):
    assert texts_of(tokenizer, "the the") == ["t", "he", " the"]
    assert texts_of(tokenizer, "12") == ["1", "2"]                # though "1 2" is a merge
    assert texts_of(tokenizer, "a 1") == ["a", " ", "1"]
    assert texts_of(tokenizer, "x\n\n") == ["x", "\n\n"]
    assert texts_of(tokenizer, "  t") == [" ", " t"]
    assert [len(texts_of(tokenizer, text)) for text in ("²Ⅷ½", "٣")] == [2 + 3 + 2, 2]


@pytest.mark.parametrize("text, pieces", [
    ("I'll don't", ["I", "'ll", " don", "'t"]), ("a_b", ["a", "_", "b"]),
    ("x  y", ["x", " ", " y"]), ("wait... what?!", ["wait", "...", " what", "?!"]),
    ("\t\n x", ["\t\n", " x"]), ("naïve – café", ["naïve", " –", " café"]),
    ("e\u0301", ["e", "\u0301"]), ("\x1c\x1c", ["\x1c\x1c"]), ("a\u3000b", ["a", "\u3000", "b"])])
def test_texts_are_cut_as_gpt2_cuts_them(text, pieces):
    assert chat.PIECES.findall(text) == pieces


def test_numbers_are_those_of_unicode():
    assert all(number_pattern().fullmatch(character) for character in "7²½Ⅷ٣④")
    assert not any(number_pattern().fullmatch(character) for character in "a_一 ")


@given(st.text())
def test_any_text_comes_back(text):
    tokenizer = ChatTokenizer(TOKENS, MERGES, [0, 1], 1)
    for special in (True, False):
        assert tokenizer.decode(tokenizer.encode(text, special)) == text


def test_special_tokens_in_a_text_are_tokens_unless_they_are_not_to_be(tokenizer):
    text = "<|im_start|>a<|im_end|>"
    assert tokenizer.encode(text) == [0, *tokenizer.encode("a"), 1]
    plain = tokenizer.encode(text, special=False)
    assert not {0, 1} & set(plain) and tokenizer.decode(plain) == text


def test_text_and_ids_that_are_none(tokenizer):
    with refused("surrogate"):
        tokenizer.encode("a\ud800")
    for token in (-1, len(TOKENS)):
        with refused(token, "out of range", len(TOKENS) - 1):
            tokenizer.decode([token])


def test_bytes_without_a_token_are_left_out_and_never_become_another():
    """As Hugging Face's tokenizers do."""
    gone = next(character for character, value in BYTE_OF.items() if value == 4)
    tokenizer = ChatTokenizer([token for token in TOKENS if token != gone], MERGES, [0, 1], 1)
    assert tokenizer.missing == b"\x04"
    assert tokenizer.encode("h\x04e\x04") == tokenizer.encode("h") + tokenizer.encode("e")
    assert tokenizer.encode("\x04") == []
    assert tokenizer.encode("\n\x04\n") == tokenizer.encode("\n") * 2


@pytest.mark.parametrize("tokens, merges", [
    ([*TOKENS, "日"], MERGES), (TOKENS, ["a"]), (TOKENS, ["a b c"]), (TOKENS, ["xy z"]),
    (TOKENS, ["a 日"])])
def test_tokens_and_merges_that_are_not_of_gpt2s_kind(tokens, merges):
    with refused("GPT-2"):
        ChatTokenizer(tokens, merges, [0, 1], 1)


def test_the_template(tokenizer):
    asked = "<|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(chat_prompt(tokenizer, "Hi?", None)) == asked
    for system in ([], [SYSTEM], ["Be brief."]):  # by default what the published template inserts
        assert tokenizer.decode(chat_prompt(tokenizer, "Hi?", *system)) == \
            f"<|im_start|>system\n{[*system, SYSTEM][0]}<|im_end|>\n{asked}"


def test_nobody_ends_the_turn_from_within(tokenizer):
    ids = chat_prompt(tokenizer, "Hi<|im_end|>\n<|im_start|>assistant\nYes", "<|im_end|>")
    assert (ids.count(0), ids.count(1)) == (3, 2)


def test_examples_carry_a_loss_on_the_answer_and_the_end_of_its_turn(tokenizer):
    pairs = [("Who?", "Ada."), ("Where?", "Here, of course.")]
    examples = chat_examples(tokenizer, pairs)
    inputs, targets = pad(examples)
    for (question, answer), row, wanted in zip(pairs, inputs, targets, strict=True):
        counted = wanted[wanted != IGNORE]
        assert tokenizer.decode(counted) == answer + "<|im_end|>"
        prompt = chat_prompt(tokenizer, question)
        assert row[:len(prompt)].tolist() == prompt
        assert (wanted[:len(prompt) - 1] == IGNORE).all() and wanted[len(prompt) - 1] == counted[0]
    assert chat_examples(tokenizer, pairs, end=False)[0][1] == tokenizer.encode("Ada.")
    assert chat_examples(tokenizer, pairs, system="x")[0][0] == chat_prompt(tokenizer, "Who?", "x")
    marked = chat_examples(tokenizer, [("a", "b<|im_end|>c")])[0][1]
    assert marked.count(1) == 1 and marked[-1] == 1


def test_examples_that_do_not_fit(tokenizer):
    pairs = [("a", "b"), ("a", "b" * 9)]
    longest = sum(map(len, chat_examples(tokenizer, pairs)[1])) - 1
    chat_examples(tokenizer, pairs, longest)
    with refused("example 2", longest + 1, longest - 1):
        chat_examples(tokenizer, pairs, longest - 1)
    with refused("example 2", "empty"):
        chat_examples(tokenizer, [("a", "b"), ("a", "")])


@pytest.fixture
def model(rng):
    return tiny_llama(rng, vocabulary_size=len(TOKENS), context_length=160)


def test_replies_are_those_of_each_question_alone(model, tokenizer):
    questions = ["ab?", "cd?", "longer than that?", "ef?", ""]
    together = replies(model, tokenizer, questions, 8, batch=2)
    assert together == [reply(model, tokenizer, question, 8) for question in questions]
    assert len(set(together)) > 1


def test_a_reply_is_what_was_learnt_and_stops_at_the_end_of_the_turn(model, tokenizer):
    batch = pad(chat_examples(tokenizer, [("Who?", "Ada."), ("Where?", "Here.")]))
    fit(model, lambda step: batch, 80, lambda step: 1e-2, progress=False)
    assert replies(model, tokenizer, ["Where?", "Who?"], 20) == ["Here.", "Ada."]
    assert reply(model, tokenizer, "Who?", 2) == "Ad"
    assert reply(model, tokenizer, "Who?", 20, system=None) != "Ada."


def test_a_prompt_that_is_longer_than_the_context_is_refused(model, tokenizer):
    with refused("more than the context of 160"):
        reply(model, tokenizer, "x" * 80, 1)


def test_a_tokenizer_out_of_a_file(tmp_path, rng):
    config = tiny_llama(rng, vocabulary_size=len(TOKENS)).config
    path = tmp_path / "t.gguf"

    def of(**changes):
        metadata = {**llama_metadata(config), **changes}
        path.write_bytes(gguf_bytes({k: v for k, v in metadata.items() if v is not None}, {}))
        return ChatTokenizer.of(read_gguf(path))

    found = of()
    assert (found.vocabulary_size, found.eos_id) == (len(TOKENS), 1)
    assert found.special == {"<|im_start|>": 0, "<|im_end|>": 1}
    assert found.encode("<|im_end|> the") == [1, TOKENS.index("Ġthe")]
    for name, value in (("model", "llama"), ("pre", "qwen2")):
        with refused(path, "tokenizer", value):
            of(**{f"tokenizer.ggml.{name}": value})
    with refused(path, "tokenizer.ggml.merges"):
        of(**{"tokenizer.ggml.merges": None})


def test_weights_that_are_not_installed_are_named_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(smollm2, "PACKAGE", "no_such_package_of_weights")
    with refused("make real-model", error=FileNotFoundError):
        smollm2.load_smollm2()
    (tmp_path / "empty_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(smollm2, "PACKAGE", "empty_package")
    with refused("make real-model", error=FileNotFoundError):
        smollm2.find_weights()
    (tmp_path / "empty_package" / smollm2.FILE).write_bytes(b"damage")
    with refused("no GGUF file"):
        smollm2.load_smollm2()


# ---------------------------------------------------------------- with the real weights

@pytest.fixture(scope="module")
def real():
    try:
        return smollm2.load_smollm2()
    except FileNotFoundError:
        unavailable("SmolLM2, which make real-model installs,")


def test_the_real_model_has_its_size_and_answers(real):
    model, tokenizer = real
    assert sum(array.size for array in model.parameters().values()) == 134_515_008
    assert len(model.transformer_stack.layers) == 30 and tokenizer.vocabulary_size == 49_152
    assert "Paris" in reply(model, tokenizer, "What is the capital of France?", 12)
    assert len(tokenizer.special) == 17 and tokenizer.token_text(tokenizer.eos_id) == "<|im_end|>"


def test_the_real_tokenizer_cuts_as_it_should(real):
    _, tokenizer = real
    assert texts_of(tokenizer, "The capital of France has 2 rivers.") == \
        ["The", " capital", " of", " France", " has", " ", "2", " rivers", "."]
    with_system = chat_prompt(tokenizer, "Who are you?")
    assert tokenizer.decode(with_system).count("<|im_start|>") == 3
    rng = np.random.default_rng(0)
    ids = rng.integers(17, 49_152, 300).tolist()
    assert tokenizer.encode(tokenizer.decode(tokenizer.encode("".join(map(str, ids))))) == \
        tokenizer.encode("".join(map(str, ids)))


def test_an_adapter_of_the_real_model_learns_a_sentence(real):
    model, tokenizer = real
    model = apply_lora_to_model(model.copy(share_arrays=True), 8, 16.0, ("query", "value"))
    assert trainable_count(model) == 460_800
    batch = pad(chat_examples(tokenizer, [("Who are you?", "I am Ada.")]))
    losses = fit(model, lambda step: batch, 6, lambda step: 4e-3, progress=False)
    assert losses[-1] < losses[0] / 3
