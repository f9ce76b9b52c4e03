"""SmolLM2 itself, read by both sides from one file; skipped where its weights are not installed."""

import importlib.util

import numpy as np
import pytest
import torch
from gguf import GGUFReader, dequantize
from helpers import random_batch
from peft import PeftModel
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM

from lib.adapters import Adapters, get_adapters
from lib.bytelevel import ByteLevelTokenizer, ChatTokenizer
from lib.corpus import documents
from lib.gguf import KINDS, read_gguf, unpack
from lib.interchange.peft import MODULES, save_peft
from lib.lora import apply_lora_to_model, get_lora_parameters
from lib.smollm2 import PACKAGE, load_llama, load_smollm2, smollm2_file
from lib.training import loss_and_gradients
from parity.compare import all_close, close, gradients_of
from parity.test_llama import loss_of

if importlib.util.find_spec(PACKAGE) is None:
    pytest.skip("the weights are opt-in: make real-model", allow_module_level=True)

PLACES = [(32, 127), (160, 0x250), (0x300, 0x800), (0x2000, 0x2070), (0x4E00, 0xA000),
          (0x1F300, 0x1F700)]  # code points


@pytest.fixture(scope="module")
def file():
    return smollm2_file()


def reference(file):
    return AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32).eval()


def largest(found, wanted):
    return float(np.abs(found - wanted.detach().numpy()).max())


def test_every_tensor_is_the_same_to_the_bit(file):
    metadata, tensors = read_gguf(file)
    reader = GGUFReader(file)
    assert tensors.keys() == {tensor.name for tensor in reader.tensors}
    for tensor in reader.tensors:
        wanted = dequantize(tensor.data, tensor.tensor_type)
        found = unpack(tensors[tensor.name])
        assert found.shape == wanted.shape and np.array_equal(found, wanted), tensor.name
    for name, field in reader.fields.items():
        if not name.startswith("GGUF."):
            assert metadata[name] == field.contents(), name


@pytest.mark.parametrize("number", [3, 8, 14])
def test_blocks_of_random_bits_are_unpacked_the_same(number, tmp_path, rng):
    from gguf_files import gguf, random_blocks
    kind = KINDS[number]
    blocks = random_blocks(kind, 40, rng)
    path = tmp_path / "file.gguf"
    path.write_bytes(gguf({}, {"it": (number, (8, 5 * kind.weights), blocks.tobytes())}))
    tensor, = GGUFReader(path).tensors
    assert np.array_equal(unpack(read_gguf(path)[1]["it"]),
                          dequantize(tensor.data, tensor.tensor_type))


def test_logits(file, rng):
    """To 1e-4 of the logits themselves, which go from about -30 to 40."""
    model, tokenizer = load_smollm2(ChatTokenizer, 64)
    ids = tokenizer.start("What is the capital of France?")
    tokens = np.array([ids, rng.integers(17, tokenizer.vocabulary_size, len(ids))])
    with torch.no_grad():
        wanted = reference(file)(torch.from_numpy(tokens)).logits
    found = model.forward(tokens, False)
    close("SmolLM2: logits", found, wanted, 1e-5)
    assert largest(found, wanted) < 3e-4
    assert (found.argmax(-1) == wanted.numpy().argmax(-1)).all()


@pytest.mark.parametrize("targets", [("query", "value"), tuple(MODULES)], ids=len)
def test_gradients_and_adapters_in_peft(targets, file, tmp_path, rng):
    model, _ = load_llama(file, 64)
    apply_lora_to_model(model, 8, 16.0, targets, rng=rng)
    for name, array in get_lora_parameters(model).items():
        if name.endswith("lora_B"):
            array += 0.01 * rng.standard_normal(array.shape).astype(np.float32)
    adapters = get_adapters(model)
    save_peft(adapters, model.config, tmp_path / "adapter")
    peft = PeftModel.from_pretrained(reference(file), tmp_path / "adapter", is_trainable=True)
    inputs, wanted = random_batch(model, rng, 2, 24)
    close("SmolLM2 with adapters: logits", model.forward(inputs, False),
          peft(torch.from_numpy(inputs)).logits, 1e-5)
    loss, gradients = loss_and_gradients(model, inputs, wanted)
    expected = loss_of(peft, inputs, wanted)
    close("SmolLM2 with adapters: loss", loss, expected, 1e-5)
    trained = {name: each for name, each in peft.named_parameters() if each.requires_grad}
    told = gradients_of(expected, trained)
    # Written as adapters, gradients have PEFT's names and order of rows.
    save_peft(Adapters(8, 16.0, adapters.target_modules, gradients), model.config,
              tmp_path / "gradients")
    peft.load_adapter(tmp_path / "gradients", "ours")
    ours = {name.replace(".ours.", ".default."): each.detach().numpy()
            for name, each in peft.named_parameters() if ".ours." in name}
    all_close("SmolLM2 with adapters: gradients", ours, told, 1e-4)


def theirs(metadata):
    """The tokenizer made from the file's lists alone: a reference apart from transformers'."""
    tokens, kinds, merges = (metadata[f"tokenizer.ggml.{name}"]
                             for name in ("tokens", "token_type", "merges"))
    found = Tokenizer(models.BPE({token: place for place, token in enumerate(tokens)},
                                 [tuple(merge.split(" ")) for merge in merges]))
    found.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)])
    found.decoder = decoders.ByteLevel()
    found.add_special_tokens([AddedToken(token, special=True)
                              for token, kind in zip(tokens, kinds) if kind == 3])
    return found


def text_of(rng, texts):
    """A few pieces: of the corpus, numbers, spaces, special tokens, characters of all kinds."""
    parts = []
    for _ in range(rng.integers(1, 8)):
        kind, length = rng.integers(6), int(rng.integers(1, 12))
        if kind == 0:
            text = texts[rng.integers(len(texts))]
            parts.append(text[(start := int(rng.integers(len(text)))):start + 6 * length])
        elif kind == 1:
            parts.append("".join(rng.choice(list("0123456789.,²½Ⅷ٣三"), length)))
        elif kind == 2:
            parts.append("".join(rng.choice(list(" \n\t\r\x00\x1c\x85\xa0\u2028.,'_"), length)))
        elif kind == 3:
            parts.append(str(rng.choice(["<|im_end|>", "<|im_start|>", "<|", "'ll", "DON'T"])))
        else:
            places = [PLACES[i] for i in rng.integers(len(PLACES), size=length)]
            parts.append("".join(chr(rng.integers(*place)) for place in places))
    return "".join(parts)


def test_same_ids_of_two_thousand_texts(file, rng):
    metadata, _ = read_gguf(file)
    ours, other = ByteLevelTokenizer.from_gguf(metadata), theirs(metadata)
    texts = documents(200, np.random.default_rng(0))
    texts = [text_of(rng, texts) for _ in range(2000)]
    wrong = [text for text, found in zip(texts, other.encode_batch(texts), strict=True)
             if ours.encode(text) != found.ids]
    assert wrong == []
    assert all(ours.decode(ours.encode(text)) == text for text in texts)


