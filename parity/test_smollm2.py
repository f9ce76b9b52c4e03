"""SmolLM2 against transformers, PEFT, tokenizers and gguf, all on the same file.

Skipped where the weights are not installed: ``make real-model`` puts them there.
"""

import dataclasses
import json
import random
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from helpers import random_batch
from jinja2 import Template
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from torch.nn import functional as F
from transformers import LlamaForCausalLM

from lib.adapters import attach_adapters, get_adapters, merge_adapters
from lib.chat import SPECIAL, SYSTEM, ChatTokenizer, chat_prompt, reply
from lib.gguf import read_gguf
from lib.interchange.peft import (
    PLACES,
    halves_of_pairs,
    is_rotated,
    load_peft,
    peft_name,
    save_peft,
)
from lib.lora import IN_LLAMA_BLOCK, apply_lora_to_model, get_lora_parameters, remove_adapters
from lib.losses import cross_entropy
from lib.smollm2 import find_weights, load_smollm2
from parity.compare import close, numpy

SEVEN = tuple(IN_LLAMA_BLOCK)
HEAD = 64
LOGITS, GRADIENTS, ADAPTER = 1e-4, 1e-4, 2e-4  # relative to the largest entry

try:
    PATH = find_weights()
except FileNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)


def near(what, found, wanted, allowed, name=""):
    """Assert that two arrays differ nowhere by more than ``allowed`` of the largest entry, and in
    the 2-norm by as little (which the report shows)."""
    wanted = numpy(wanted) if isinstance(wanted, torch.Tensor) else wanted
    assert np.abs(found - wanted).max() <= allowed * np.abs(wanted).max(), (what, name)
    close(what, found, wanted, allowed, name)


pytestmark = [pytest.mark.filterwarnings(f"ignore:{message}") for message in (
    ".*is_gradient_checkpointing.*:FutureWarning",  # PEFT asks for what transformers gives up
    "You are trying to modify a model with PEFT:UserWarning",  # one model, several adapters in turn
    "Already found a `peft_config`:UserWarning")]


@contextmanager
def unloaded(peft):
    """PEFT's adapters come off the model again, also after a failure."""
    try:
        yield peft
    finally:
        peft.unload()


@pytest.fixture(scope="module")
def gguf():
    return read_gguf(PATH)


@pytest.fixture(scope="module")
def loaded():
    return load_smollm2()


@pytest.fixture(scope="module")
def theirs():
    """The model of transformers out of the file, unpacked by it."""
    return LlamaForCausalLM.from_pretrained(str(PATH.parent), gguf_file=PATH.name,
                                            dtype=torch.float32).eval()


@pytest.fixture
def model(loaded):
    """A model of its own on the same arrays, which a test may adapt."""
    return loaded[0].copy(share_arrays=True)


def logits_of(model, tokens):
    with torch.no_grad():
        return numpy(model(torch.from_numpy(tokens)).logits)


def adapted(model, targets, rng):
    apply_lora_to_model(model, 8, 16.0, targets, rng=rng)
    for name, array in get_lora_parameters(model).items():
        if name.endswith("lora_B"):
            array += 0.02 * rng.standard_normal(array.shape).astype(np.float32)
    return model


def in_their_order(name, array):
    return halves_of_pairs(array, HEAD) if is_rotated(name) else array


# ---------------------------------------------------------------- the file

def test_every_tensor_and_setting_is_that_of_gguf(gguf):
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(PATH)
    assert [tensor.name for tensor in reader.tensors] == list(gguf.tensors)
    for tensor in reader.tensors:
        assert np.array_equal(dequantize(tensor.data, tensor.tensor_type), gguf[tensor.name])
    settings = {name: field.contents() for name, field in reader.fields.items()
                if not name.startswith("GGUF.")}
    assert settings == gguf.metadata


# ---------------------------------------------------------------- the model

def test_logits(model, theirs, loaded, rng):
    """Of a conversation and of random tokens; at once, and token by token with a cache."""
    text = chat_prompt(loaded[1], "What is the capital of France?", SYSTEM)
    tokens = np.array([text, rng.integers(17, 49_152, len(text))])
    wanted = logits_of(theirs, tokens)
    near("SmolLM2: logits", model.forward(tokens, False), wanted, LOGITS)
    near("SmolLM2: logits", model.forward(tokens), wanted, LOGITS)
    past = model.new_cache(2)
    parts = [model.forward(part, False, past)
             for part in np.split(tokens, [20, *range(21, tokens.shape[1])], 1)]
    near("SmolLM2: logits with a cache", np.concatenate(parts, 1), wanted, LOGITS)
    agree = (np.concatenate(parts, 1).argmax(-1) == wanted.argmax(-1)).mean()
    assert agree > 0.98


def test_the_context_up_to_its_end(model, theirs, rng):
    tokens = rng.integers(0, 49_152, (1, 256))
    near("SmolLM2: logits of 256 tokens", model.forward(tokens, False), logits_of(theirs, tokens),
         LOGITS)


def test_a_reply_is_the_one_of_transformers(model, theirs, loaded):
    tokenizer = loaded[1]
    start = torch.tensor([chat_prompt(tokenizer, "What is the capital of France?")])
    written = theirs.generate(start, attention_mask=torch.ones_like(start), max_new_tokens=12,
                              do_sample=False, pad_token_id=tokenizer.eos_id)
    ids = written[0, start.shape[1]:].tolist()
    wanted = tokenizer.decode(ids[:-1] if ids[-1] == tokenizer.eos_id else ids)
    assert reply(model, tokenizer, "What is the capital of France?", 12) == wanted


# ---------------------------------------------------------------- PEFT

@pytest.mark.parametrize("targets", [("query", "value"), SEVEN], ids="+".join)
def test_gradients_of_adapters(targets, model, theirs, rng):
    model = adapted(model, targets, rng)
    inputs, wanted = random_batch(model, rng, 2, 24)
    with unloaded(get_peft_model(theirs, LoraConfig(
            r=8, lora_alpha=16, target_modules=[PLACES[target][1] for target in targets]))) as peft:
        tensors = {name.replace(".default", ""): tensor
                   for name, tensor in peft.named_parameters() if tensor.requires_grad}
        assert tensors.keys() == {peft_name(name) for name in get_lora_parameters(model)}
        with torch.no_grad():
            for name, array in get_lora_parameters(model).items():
                tensors[peft_name(name)].copy_(torch.from_numpy(in_their_order(name, array)))
        logits = peft(torch.from_numpy(inputs)).logits
        loss = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(wanted).flatten())
        loss.backward()
        found, grad_logits = cross_entropy(model.forward(inputs), wanted)
        model.backward(grad_logits)
        assert found == pytest.approx(loss.item(), rel=1e-5)
        for name, gradient in model.gradients().items():
            near(f"SmolLM2 in PEFT: gradients, {len(targets)} targets",
                 in_their_order(name, gradient), tensors[peft_name(name)].grad, GRADIENTS, name)


def test_an_adapter_that_is_written_works_in_peft(model, theirs, rng, tmp_path):
    tokens = rng.integers(17, 49_152, (2, 32))
    plain = logits_of(theirs, tokens)
    model = adapted(model, SEVEN, rng)
    save_peft(model, tmp_path)
    with unloaded(PeftModel.from_pretrained(theirs, str(tmp_path)).eval()) as peft:
        wanted = logits_of(peft, tokens)
    assert np.abs(wanted - plain).max() > 1
    near("SmolLM2 in PEFT: logits of our adapter", model.forward(tokens, False), wanted, ADAPTER)
    near("SmolLM2 in PEFT: logits of our adapter", merge_adapters(model).forward(tokens, False),
         wanted, ADAPTER)


def test_rows_in_another_order_would_be_seen(model, theirs, rng, tmp_path, monkeypatch):
    """The check itself: most likeliest tokens stay the same, and yet it does not pass."""
    tokens = rng.integers(17, 49_152, (2, 32))
    model = adapted(model, SEVEN, rng)
    monkeypatch.setattr("lib.interchange.peft.halves_of_pairs", lambda rows, size: rows)
    save_peft(model, tmp_path)
    with unloaded(PeftModel.from_pretrained(theirs, str(tmp_path)).eval()) as peft:
        wrong = logits_of(peft, tokens)
    found = model.forward(tokens, False)
    assert np.abs(found - wrong).max() > 10 * ADAPTER * np.abs(wrong).max()


def test_an_adapter_of_peft_works_here(model, theirs, rng, tmp_path):
    tokens = rng.integers(17, 49_152, (2, 32))
    config = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "k_proj", "down_proj"])
    with unloaded(get_peft_model(theirs, config)) as peft:
        with torch.no_grad():
            for name, tensor in peft.named_parameters():
                if "lora_B" in name:
                    noise = rng.standard_normal(tuple(tensor.shape)).astype(np.float32)
                    tensor.copy_(torch.from_numpy(0.02 * noise))
        wanted = logits_of(peft.eval(), tokens)
        peft.save_pretrained(str(tmp_path))
    adapters = load_peft(tmp_path, model.config)
    assert set(adapters.target_modules) == {"query", "key", "ffn_down"}
    attach_adapters(model, adapters)
    near("SmolLM2: logits of PEFT's adapter", model.forward(tokens, False), wanted, ADAPTER)
    save_peft(model, tmp_path / "again")
    again = load_peft(tmp_path / "again", remove_adapters(model).config)
    assert dataclasses.astuple(adapters)[:3] == dataclasses.astuple(again)[:3]
    assert all(np.array_equal(array, again.arrays[name]) for name, array in adapters.arrays.items())
    with pytest.raises(ValueError, match="no LoRA adapters"):
        get_adapters(model)


# ---------------------------------------------------------------- the tokenizer

@pytest.fixture(scope="module")
def reference(gguf):
    """SmolLM2's tokenizer out of the file's lists, in Hugging Face's parts.  (What transformers
    reads out of the file itself leaves the cutting of digits away.)"""
    tokens = gguf.metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in gguf.metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.add_special_tokens([
        AddedToken(token, special=True) for token, kind
        in zip(tokens, gguf.metadata["tokenizer.ggml.token_type"], strict=True) if kind == SPECIAL])
    return tokenizer


#: Letters, marks, digits and spaces of many scripts, characters that are none of these, controls.
ALPHABET = [chr(code) for code in (
    *range(9, 14), *range(28, 127), 0x85, 0xa0, 0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xdf, 0xe9, 0x300,
    0x3b1, 0x4e00, 0x4e2d, 0x661, 0x966, 0xe51, 0x1680, 0x2003, 0x2028, 0x202f, 0x203f, 0x2070,
    0x2082, 0x2160, 0x2167, 0x2460, 0x24ea, 0x3000, 0x3007, 0x3021, 0xac00, 0xff10, 0x10140,
    0x1d7d8, 0x1f600)]


def test_two_thousand_texts_are_cut_alike(loaded, reference):
    tokenizer, draw = loaded[1], random.Random(0)
    words = ["I'll", "don't", "DON'T", "the", " of", "_x_", "12,345.67", "  ", "\n\n", "naïve",
             "–", "日本語", "😀", "<|im_start|>", "<|im_end|>", "H₂O", "x²", "½", "Ⅷ", "snake_case",
             "'s"]
    texts = ["".join(draw.choices(ALPHABET, k=draw.randint(1, 60))) for _ in range(1500)]
    texts += ["".join(draw.choices(words + ALPHABET, k=draw.randint(1, 20))) for _ in range(800)]
    texts += [json.dumps({"country": "Chad", "capital": "N'Djamena"}), "", " ", "a" * 50]
    differ = [text for text in texts if tokenizer.encode(text) != reference.encode(text).ids]
    assert len(texts) > 2000 and not differ, differ[:3]
    for text in texts:
        kept = text.encode().translate(None, tokenizer.missing).decode()
        assert tokenizer.decode(tokenizer.encode(text)) == kept


def test_the_template_is_the_files(loaded, gguf):
    tokenizer = loaded[1]
    template = Template(gguf.metadata["tokenizer.chat_template"])
    user = {"role": "user", "content": "What is 2 + 2?"}
    system = {"role": "system", "content": "Be brief."}
    for messages, said in (([user], SYSTEM), ([system, user], "Be brief.")):
        wanted = template.render(messages=messages, add_generation_prompt=True)
        assert tokenizer.decode(chat_prompt(tokenizer, user["content"], said)) == wanted
    assert isinstance(tokenizer, ChatTokenizer)
