"""GPT-2's architecture against transformers: small random models, read from its own files."""

import numpy as np
import pytest
import torch
from helpers import random_batch, random_tokens
from transformers import GPT2Config, GPT2LMHeadModel

from lib.generation import generate
from lib.interchange.gpt2 import load_gpt2
from lib.losses import cross_entropy
from parity.compare import close, numpy

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}
SIZES = [{"n_embd": 16, "n_head": 2, "n_layer": 2}, {"n_embd": 24, "n_head": 3, "n_layer": 3,
                                                     "n_inner": 40}]


@pytest.fixture(params=range(2))
def pair(request, tmp_path):
    """A model of transformers with all its parameters at random, and the folder that it writes."""
    torch.manual_seed(request.param)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=53, n_positions=20, resid_pdrop=0.0,
                                       embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0,
                                       eos_token_id=0, **SIZES[request.param])).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path, safe_serialization=True)
    return model, tmp_path


@pytest.mark.parametrize("precision", TOLERANCES)
def test_logits_and_gradients(pair, precision, rng):
    theirs, folder = pair
    allowed = TOLERANCES[precision]
    ours = load_gpt2(folder, np.dtype(precision).type)
    assert sum(array.size for array in ours.parameters().values()) == theirs.num_parameters()
    theirs.double()
    inputs, targets = random_batch(ours, rng, 3, 20)
    expected = theirs(torch.from_numpy(inputs)).logits
    close(f"GPT-2: logits, {precision}", ours.forward(inputs, False), expected, allowed)
    loss, grad_logits = cross_entropy(ours.forward(inputs), targets)
    ours.backward(grad_logits)
    wanted = torch.nn.functional.cross_entropy(expected.flatten(0, 1),
                                               torch.from_numpy(targets).flatten())
    close(f"GPT-2: loss, {precision}", loss, wanted, allowed)
    wanted.backward()
    gradients, transformer = ours.gradients(), theirs.transformer
    for name, parameter in (("token_embedding.weights", transformer.wte.weight),
                            ("position_embedding.weights", transformer.wpe.weight),
                            ("final_norm.beta", transformer.ln_f.bias)):
        close(f"GPT-2: gradients, {precision}", gradients[name], parameter.grad, allowed, name)
    for number, block in enumerate(transformer.h):
        start, attention = f"transformer_stack.layers.{number}.", block.attn
        joined = [np.concatenate([gradients[f"{start}self_attention.{name}_linear.{array}"]
                                  for name in ("query", "key", "value")])
                  for array in ("weights", "bias")]
        rest = {f"{start}self_attention.output_linear": attention.c_proj,
                f"{start}feed_forward.up_linear": block.mlp.c_fc,
                f"{start}feed_forward.down_linear": block.mlp.c_proj}
        found = {"c_attn": (joined, attention.c_attn),
                 **{name: ([gradients[f"{name}.{array}"] for array in ("weights", "bias")], layer)
                    for name, layer in rest.items()}}
        for name, ((weights, bias), layer) in found.items():
            close(f"GPT-2: gradients, {precision}", weights.T, layer.weight.grad, allowed, name)
            close(f"GPT-2: gradients, {precision}", bias, layer.bias.grad, allowed, name)


def test_the_same_tokens(pair, rng):
    theirs, folder = pair
    ours = load_gpt2(folder)
    start = random_tokens(ours, rng, 2, 5)
    written = theirs.generate(torch.from_numpy(start), do_sample=False, max_new_tokens=12,
                              attention_mask=torch.ones(2, 5, dtype=torch.int64),
                              pad_token_id=0, eos_token_id=None)
    assert np.array_equal(generate(ours, start, 12), numpy(written))
