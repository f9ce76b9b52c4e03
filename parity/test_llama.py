"""The Llama against transformers: small random models, so that no weights have to be installed."""

import numpy as np
import pytest
import torch
from helpers import random_batch, tiny_llama
from torch.nn import functional as F

from lib.losses import cross_entropy
from parity.compare import close
from parity.llama_twin import in_their_order, llama_name, llama_twin

TOLERANCES = {"float64": 1e-6, "float32": 1e-5}  # their angles are float32 in any precision
SIZES = [{}, {"embedding_dimension": 24, "heads": 6, "kv_heads": 3, "layers": 3},
         {"heads": 2, "kv_heads": 2}, {"heads": 4, "kv_heads": 1, "rotary_base": 10_000.0}]


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_logits_and_every_gradient(sizes, precision, rng):
    model = tiny_llama(rng, dtype=np.dtype(precision).type, **sizes)
    twin, allowed = llama_twin(model), TOLERANCES[precision]
    inputs, targets = random_batch(model, rng, 3, 10)
    expected = twin(torch.from_numpy(inputs)).logits
    close(f"Llama: logits, {precision}", model.forward(inputs, False), expected, allowed)
    loss, grad_logits = cross_entropy(model.forward(inputs), targets)
    model.backward(grad_logits)
    wanted = F.cross_entropy(expected.flatten(0, 1), torch.from_numpy(targets).flatten())
    close(f"Llama: loss, {precision}", loss, wanted, allowed)
    wanted.backward()
    theirs = {name: parameter.grad for name, parameter in twin.named_parameters()}
    head = model.config.embedding_dimension // model.config.heads
    for name, gradient in model.gradients().items():
        close(f"Llama: gradients, {precision}", in_their_order(name, gradient, head),
              theirs.pop(llama_name(name)), 10 * allowed, name)
    assert not theirs
