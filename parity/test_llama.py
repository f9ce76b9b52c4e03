"""The Llama and GPT-2 against transformers, and adapters in PEFT's files: small random models."""

import numpy as np
import pytest
import torch
from helpers import random_batch, random_tokens
from peft import LoraConfig, PeftModel, get_peft_model

from lib.adapters import attach_adapters, get_adapters
from lib.generation import generate
from lib.interchange.peft import MODULES, load_peft, save_peft
from lib.lora import apply_lora_to_model, get_lora_gradients, get_lora_parameters
from lib.losses import cross_entropy
from lib.training import loss_and_gradients
from parity.compare import all_close, close, gradients_of
from parity.llama import gpt2_arrays, gpt2_of, llama_of, own_arrays, small_gpt2, small_llama

TOLERANCES = {torch.float64: (1e-12, 1e-10), torch.float32: (1e-5, 1e-5)}
#: transformers' RMSNorm and rotations are in float32, whatever the model is in.
OF_LLAMA = 1e-6, 1e-5
TARGETS = [("query",), ("query", "value"), ("key", "ffn_gate"), tuple(MODULES)]

precisions = pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
target_sets = pytest.mark.parametrize("targets", TARGETS, ids="+".join)


def logits_of(model, tokens):
    return model(torch.from_numpy(tokens)).logits


def loss_of(model, inputs, targets):
    return torch.nn.functional.cross_entropy(logits_of(model, inputs).flatten(0, 1),
                                             torch.from_numpy(targets).flatten())


def compare(theirs, own, arrays, rng, title, tolerances):
    """Logits, loss, and the gradient of every array."""
    to_logits, to_gradients = tolerances
    inputs, targets = random_batch(own, rng, 3, 12)
    close(f"{title}: logits, {theirs.dtype}", own.forward(inputs, False),
          logits_of(theirs, inputs), to_logits)
    loss, gradients = loss_and_gradients(own, inputs, targets)
    wanted = loss_of(theirs, inputs, targets)
    close(f"{title}: loss, {theirs.dtype}", loss, wanted, to_logits)
    found = arrays(gradients_of(wanted, dict(theirs.named_parameters())))
    # A bias of the keys has a gradient of rounding errors alone: softmax does not see it.
    all_close(f"{title}: gradients, {theirs.dtype}",
              {name: array for name, array in gradients.items() if "key_linear.bias" not in name},
              {name: torch.from_numpy(array) for name, array in found.items()
               if "key_linear.bias" not in name}, to_gradients)


@precisions
@pytest.mark.parametrize("seed", range(3))
def test_llama(seed, dtype, rng):
    theirs = small_llama(seed, dtype)
    own = llama_of(theirs)
    compare(theirs, own, lambda found: own_arrays(own.config, found), rng, "Llama",
            OF_LLAMA)


@precisions
@pytest.mark.parametrize("seed", range(3))
def test_gpt2(seed, dtype, rng):
    theirs = small_gpt2(seed, dtype)
    compare(theirs, gpt2_of(theirs), lambda found: gpt2_arrays(2, found), rng, "GPT-2",
            TOLERANCES[dtype])


@pytest.mark.parametrize("make, own", [(small_llama, llama_of), (small_gpt2, gpt2_of)])
def test_the_same_text_is_written(make, own, rng):
    theirs = make(5, torch.float64)
    model = own(theirs)
    tokens = random_tokens(model, rng, 2, 4)
    expected = tokens
    for _ in range(10):
        with torch.no_grad():
            newest = logits_of(theirs, expected)[:, -1].argmax(-1, keepdim=True).numpy()
        expected = np.concatenate([expected, newest], 1)
    assert generate(model, tokens, 10).tolist() == expected.tolist()


@target_sets
def test_peft_reads_our_adapters(targets, tmp_path, rng):
    """The same logits, and the same gradients of A and B."""
    theirs = small_llama(1)
    own = apply_lora_to_model(llama_of(theirs), 3, 5.0, targets, rng=rng)
    for array in get_lora_parameters(own).values():
        array += 0.3 * rng.standard_normal(array.shape)
    save_peft(get_adapters(own), own.config, tmp_path)
    peft = PeftModel.from_pretrained(theirs, tmp_path, is_trainable=True)
    inputs, wanted = random_batch(own, rng, 3, 12)
    close("PEFT on a Llama: logits", own.forward(inputs, False), logits_of(peft, inputs),
          OF_LLAMA[0])
    _, grad = cross_entropy(own.forward(inputs), wanted)
    own.backward(grad)
    trained = {name: each for name, each in peft.named_parameters() if each.requires_grad}
    gradients = gradients_of(loss_of(peft, inputs, wanted), trained)
    found = get_lora_gradients(own)
    assert len(found) == len(trained)
    # A gradient has the shape and the order of rows of its array: PEFT's names lead back.
    folder = tmp_path / "gradients"
    adapters = get_adapters(own)
    save_peft(type(adapters)(adapters.rank, adapters.alpha, adapters.target_modules, found),
              own.config, folder)
    told = PeftModel.from_pretrained(small_llama(1), folder)
    all_close("PEFT on a Llama: gradients",
              {name: each.detach().numpy() for name, each in told.named_parameters()
               if "lora_" in name}, gradients, OF_LLAMA[1])


@target_sets
@pytest.mark.parametrize("rslora", [False, True])
def test_we_read_pefts_adapters(targets, rslora, tmp_path, rng):
    theirs = small_llama(2)
    peft = get_peft_model(theirs, LoraConfig(
        r=3, lora_alpha=5, use_rslora=rslora, task_type="CAUSAL_LM",
        target_modules=[MODULES[target].split(".")[1] for target in targets]))
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            if "lora_" in name:
                parameter += 0.3 * torch.from_numpy(rng.standard_normal(tuple(parameter.shape)))
    peft.save_pretrained(tmp_path)
    own = llama_of(small_llama(2))
    tokens = random_tokens(own, rng, 3, 12)
    plain = own.forward(tokens, False)
    attach_adapters(own, load_peft(tmp_path, own.config))
    assert np.abs(own.forward(tokens, False) - plain).max() > 0.1
    close("PEFT's own files: logits", own.forward(tokens, False), logits_of(peft.eval(), tokens),
          OF_LLAMA[0])
