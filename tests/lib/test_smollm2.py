"""A Llama from a GGUF file, examples from a file of lines, and LoRA on them.

The files are written by the test; what needs the weights of SmolLM2 is skipped where they are
not installed.
"""

import importlib.util
import json

import numpy as np
import pytest
from gguf_files import float32, gguf, llama_metadata, llama_tensors
from helpers import as_bytes, random_tokens, refused, tiny_llama
from test_bytelevel import TOKENS, gguf_metadata

from lib import __main__ as cli
from lib import smollm2
from lib.bytelevel import ByteLevelTokenizer, ChatTokenizer
from lib.corpus import Example
from lib.evaluation import encode_examples
from lib.generation import complete
from lib.gguf import read_gguf
from lib.lora import get_lora_parameters
from lib.smollm2 import (
    finetune_on,
    llama_config,
    load_llama,
    load_smollm2,
    read_examples,
    smollm2_file,
)

REAL = importlib.util.find_spec(smollm2.PACKAGE) is not None
needs_weights = pytest.mark.skipif(not REAL, reason="the weights are opt-in: make real-model")


def tokenizer_metadata():
    kinds = {"tokens": (9, 8), "merges": (9, 8), "token_type": (9, 5), "eos_token_id": 4,
             "model": 8, "pre": 8}
    return {name: (kinds[name.split(".")[-1]], value) for name, value in gguf_metadata().items()}


def small(rng, **changes):
    """A Llama of few numbers that are float32, with the tokenizer's vocabulary."""
    return tiny_llama(rng, vocabulary_size=len(TOKENS), context_length=200, dtype=np.float32,
                      **changes)


@pytest.fixture
def package(tmp_path, monkeypatch, rng):
    """A package as the real one is, with a small model in it; returns the model."""
    folder = tmp_path / "site" / smollm2.PACKAGE
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("import what_is_not_installed")
    model = small(rng)
    (folder / smollm2.FILE).write_bytes(gguf(
        {**llama_metadata(model.config), "llama.context_length": (4, 8192),
         **tokenizer_metadata()}, llama_tensors(model)))
    spec = importlib.util.spec_from_file_location(
        smollm2.PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)])
    monkeypatch.setattr(smollm2, "find_spec", lambda name: spec)
    monkeypatch.chdir(tmp_path)
    return model


def test_a_llama_from_a_file_is_the_one_that_was_written(tmp_path, rng):
    model = small(rng)
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(llama_metadata(model.config), llama_tensors(model)))
    found, metadata = load_llama(path, 200)
    assert as_bytes(found.parameters()) == as_bytes(model.parameters())
    assert found.config.kv_heads == 2 and metadata["general.architecture"] == "llama"
    tokens = random_tokens(model, rng)
    np.testing.assert_allclose(found.forward(tokens), model.forward(tokens), rtol=1e-5, atol=1e-5)
    assert load_llama(path, 7)[0].config.context_length == 7


def without(found, name):
    return {each: value for each, value in found.items() if each != name}


@pytest.mark.parametrize("change, words", [
    (lambda m, t: ({**m, "general.architecture": (8, "gpt2")}, t), ["'gpt2'", "'llama'"]),
    (lambda m, t: (without(m, "general.architecture"), t), ["None", "'llama'"]),
    (lambda m, t: (without(m, "llama.block_count"), t), ["lacks llama.block_count"]),
    (lambda m, t: ({**m, "llama.block_count": (4, 3)}, t), ["missing", "blk.2.attn_k.weight"]),
    (lambda m, t: ({**m, "llama.block_count": (8, "x")}, t), ["layers is 'x'"]),
    (lambda m, t: ({**m, "llama.rope.freq_base": (8, "x")}, t), ["no numbers"]),
    (lambda m, t: ({**m, "llama.attention.head_count_kv": (4, 5)}, t), ["kv_heads 5"]),
    (lambda m, t: ({**m, "llama.context_length": (4, 9)}, t), ["context_length is 10", "9"]),
    (lambda m, t: ({**m, "llama.context_length": (8, "x")}, t), ["context_length is 10", "x"]),
    (lambda m, t: ({**m, "llama.rope.scaling.type": (8, "yarn")}, t), ["llama.rope.scaling.type"]),
    (lambda m, t: ({**m, "llama.rope.dimension_count": (4, 2)}, t), ["dimension_count is 2", "4"]),
    (lambda m, t: (m, without(t, "output_norm.weight")), ["missing", "output_norm.weight"]),
    (lambda m, t: (m, {**t, "output.weight": float32(np.ones((11, 24)))}),
     ["not expected", "output.weight"]),
    (lambda m, t: (m, {**t, "output_norm.weight": float32(np.ones(25))}),
     ["output_norm.weight", "(25,)", "(24,)"])])
def test_a_file_that_holds_no_such_llama(change, words, tmp_path, rng):
    model = tiny_llama(rng)
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(*change(llama_metadata(model.config), llama_tensors(model))))
    with refused(path, *words):
        load_llama(path, 10)


def test_the_package_is_found_and_not_imported(package):
    model, tokenizer = load_smollm2(ChatTokenizer)
    assert as_bytes(model.parameters()) == as_bytes(package.parameters())
    assert isinstance(tokenizer, ChatTokenizer) and model.config.context_length == 512


@pytest.mark.parametrize("spec", [None, "empty"])
def test_weights_that_are_not_installed(spec, tmp_path, monkeypatch):
    if spec:
        spec = importlib.util.spec_from_file_location(
            "x", tmp_path / "__init__.py", submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(smollm2, "find_spec", lambda name: spec)
    with refused("make real-model", error=FileNotFoundError):
        smollm2_file()
    with pytest.raises(SystemExit, match="^error: .*make real-model"):
        cli.main(["generate", "--model", "smollm2", "--chat", "--prompt", "Hi"])


def lines(tmp_path, *found):
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line)
                              for line in found), encoding="utf-8")
    return path


GOOD = {"prompt": "Who are you?", "completion": "I am Ada é."}


def test_examples_from_a_file(tmp_path):
    other = {"completion": "b", "prompt": "a"}
    assert read_examples(lines(tmp_path, GOOD, "", other, "  ")) == [
        Example("Who are you?", "I am Ada é."), Example("a", "b")]


@pytest.mark.parametrize("wrong", [
    "{", "[]", "3", "null!", '{"prompt": "a"}', '{"prompt": "a", "completion": 3}',
    '{"prompt": "", "completion": "b"}', '{"prompt": "a", "completion": "  "}', "[" * 100_000,
    '{"prompt": "a", "completion": "b", "system": "c"}'])
def test_lines_that_are_no_examples_are_named(wrong, tmp_path):
    path = lines(tmp_path, GOOD, wrong, GOOD, "", wrong)
    with refused(path, "2 lines", "number 2, 5"):
        read_examples(path)


def test_a_file_without_examples(tmp_path):
    with refused("no examples"):
        read_examples(lines(tmp_path, "", " "))
    path = lines(tmp_path, *["x"] * 20)
    with refused("20 lines", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ..."):
        read_examples(path)
    path.write_bytes(b"\xff\xfe")
    with refused("1 lines", "number 1"):
        read_examples(path)


EXAMPLES = [Example("Who are you?", "the the"), Example("a", "b"), Example("the", "he")]


def test_fine_tuning_on_examples(rng):
    model, tokenizer = small(rng), ChatTokenizer.from_gguf(gguf_metadata())
    before = as_bytes(model.parameters())
    losses = finetune_on(model, tokenizer, EXAMPLES, rank=2, learning_rate=0.02, steps=30, batch=3,
                         progress=False)
    assert len(losses) == 30 and losses[-1] < losses[0] / 2
    adapters = get_lora_parameters(model)
    assert {name.split(".")[-2] for name in adapters} == {"query_linear", "value_linear"}
    after = as_bytes(model.parameters())
    assert all(after[name.replace(".weights", ".base_weights")] == array if "query_linear" in name
               or "value_linear" in name else after[name] == array
               for name, array in before.items())
    again = small(np.random.default_rng(5))
    with refused("steps is 0", "at least 1", unchanged=again):
        finetune_on(again, tokenizer, EXAMPLES, steps=0)
    with refused("batch is 0", unchanged=again):
        finetune_on(again, tokenizer, EXAMPLES, batch=0)
    with refused("learning_rate is nan", unchanged=again):
        finetune_on(again, tokenizer, EXAMPLES, learning_rate=np.nan)
    with refused("rank is 99", unchanged=again):
        finetune_on(again, tokenizer, EXAMPLES, rank=99)
    with refused("a prompt has", "200 allowed", unchanged=again):
        finetune_on(again, tokenizer, [Example("a" * 200, "b")])


def test_prompts_are_messages_and_answers_end(rng):
    tokenizer = ChatTokenizer.from_gguf(gguf_metadata())
    (prompt, answer), = encode_examples(tokenizer, EXAMPLES[2:])
    assert tokenizer.decode(prompt).endswith("user\nthe<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.decode(answer) == "he<|im_end|>"
    assert "<|im_end|>" not in complete(small(rng), tokenizer, "the", 5)


def test_the_command_line(package, tmp_path, capsys, monkeypatch):
    """Tune, talk, export; what was trained is what talks."""
    data = lines(tmp_path, *[{"prompt": example.prompt, "completion": example.answer}
                             for example in EXAMPLES])
    cli.main(["finetune", "--model", "smollm2", "--data", str(data), "--steps", "3",
              "--targets", "query", "ffn_gate", "--rank", "2"])
    path = tmp_path / "runs" / "data-smollm2.npz"
    assert path.exists() and "runs/data-smollm2.npz: " in (said := capsys.readouterr().out)
    assert "nats" in said
    model, _, _ = cli.load_run(str(path), chatting=True)
    assert len(get_lora_parameters(model)) == 2 * 2 * 2
    cli.main(["generate", "--chat", "--prompt", "the", "--max-new-tokens", "5"])  # the newest
    told = capsys.readouterr().out
    wanted = complete(model, ChatTokenizer.from_gguf(gguf_metadata()), "the", 5)
    assert told == f"runs/data-smollm2.npz:\n\nthe\n{wanted}\n"
    monkeypatch.setattr("sys.stdin", iter(["the\n", " \n", "a\n"]))
    cli.main(["generate", "--model", "smollm2", "--chat", "--max-new-tokens", "2"])
    assert capsys.readouterr().out.startswith("smollm2:\n\nthe\n")
    cli.main(["generate", "--model", "smollm2", "--prompt", "the", "--max-new-tokens", "2"])
    base, raw = load_smollm2(ByteLevelTokenizer)
    assert capsys.readouterr().out == f"smollm2:\n\nthe{complete(base, raw, 'the', 2)}\n"
    cli.main(["export", "--model", str(path), "--to", "peft"])
    assert "adapter_config.json, adapter_model.safetensors" in capsys.readouterr().out


@pytest.mark.parametrize("command, words", [
    ("finetune --model smollm2", "--data"), ("finetune --data x.jsonl", "--model smollm2"),
    ("finetune --model smollm2 --data x.jsonl --method full", "lora"),
    ("finetune --model smollm2 --data nowhere.jsonl", "nowhere.jsonl"),
    ("generate --model base --chat --prompt a", "base is no model to chat with"),
    ("export --model nowhere.npz", "nowhere.npz")])
def test_commands_that_are_refused(command, words, package, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit, match="^error: ") as caught:
        cli.main(command.split())
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@needs_weights
def test_the_sizes_of_the_real_model():
    metadata, tensors = read_gguf(smollm2_file())
    config = llama_config(metadata)
    assert sum(int(np.prod(shape)) for shape in config.shapes().values()) == 134_515_008
    kinds = [tensor.kind.name for tensor in tensors.values()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"Q4_1": 210, "F32": 61, "Q8_0": 1}
    assert (config.layers, config.heads, config.kv_heads, config.rotary_base) == (30, 9, 3, 1e5)


@needs_weights
def test_the_real_tokenizer():
    metadata, _ = read_gguf(smollm2_file())
    tokenizer = ByteLevelTokenizer.from_gguf(metadata)
    text = "The capital of France is Paris, it's 1234 km away.\n\n  Ünïcode 日本語 😀<|im_end|>"
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text and ids[-1] == tokenizer.eos_id == 2
    assert tokenizer.encode("<|im_start|>user\n") == [1, 4093, 198]
    assert tokenizer.vocabulary_size == 49_152
    for character in (*"\x04\x06\x13\x14\x16\x1d", "\U00040000", "\U000bffff"):
        with refused(repr(character), "no token"):
            tokenizer.encode(character)
    others = "".join(map(chr, (*range(32), 127, 0xe0067, 0x3ffff, 0xf0000, 0x10ffff)))
    others = "".join(character for character in others
                     if character not in "\x04\x06\x13\x14\x16\x1d")
    assert tokenizer.decode(tokenizer.encode(others)) == others


@needs_weights
def test_the_real_model_knows_a_capital_and_tells_its_cache_the_same():
    model, tokenizer = load_smollm2(ChatTokenizer, 64)
    ids = np.array([tokenizer.start("What is the capital of France?")])
    answer = complete(model, tokenizer, "What is the capital of France?", 12)
    assert "Paris" in answer
    whole, past = model.forward(ids, False), model.new_cache(1)
    parts = [model.forward(part, False, past) for part in (ids[:, :20], ids[:, 20:21], ids[:, 21:])]
    assert np.abs(np.concatenate(parts, 1) - whole).max() < 1e-3
