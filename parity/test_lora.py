"""LoRA against PEFT: outputs, gradients, steps, merging, and a base that stays as it is."""

import numpy as np
import pytest
import torch
from helpers import as_bytes, random_batch, tiny_config, tiny_model

from lib.adapters import merge_adapters, merged_copy
from lib.lora import TARGETS, adapted_layers, apply_lora_to_model, get_lora_parameters
from lib.losses import cross_entropy
from lib.optim import AdamW
from lib.training import train_step_lora
from parity.adapters import in_peft, peft_arrays
from parity.compare import (
    all_close,
    close,
    constant,
    gradients_of,
    in_float64,
    loss_of,
    numpy,
    train,
)
from parity.twin import torch_name, twin_of

LINEAR = ("query", "key", "value", "output", "ffn_up", "ffn_down")
TARGET_SETS = [("query",), ("query", "value"), ("query", "key", "value"), LINEAR,
               ("token_embedding",), ("output_projection",), TARGETS]
TOLERANCES = {"float64": (1e-12, 1e-10), "float32": (1e-5, 1e-5)}

target_sets = pytest.mark.parametrize("targets", TARGET_SETS, ids="+".join)
precisions = pytest.mark.parametrize("precision", TOLERANCES)


def adapted(rng, targets, rank=2, alpha=3.0, **sizes):
    """A small model whose parameters, A and B among them, are all at random."""
    return tiny_model(rng, targets, rank, alpha, tiny_config(**sizes))


def compare(model, inputs, targets, title):
    """Logits, loss, and the gradients of A and B."""
    precision = np.dtype(model.config.dtype).name
    to_logits, to_gradients = TOLERANCES[precision]
    peft = in_peft(model)
    expected = peft(torch.from_numpy(inputs))
    close(f"{title}: logits, {precision}", model.forward(inputs, False), expected, to_logits)
    loss, grad_logits = cross_entropy(model.forward(inputs), targets)
    model.backward(grad_logits)
    wanted = loss_of(peft, inputs, targets)
    close(f"{title}: loss, {precision}", loss, wanted, to_logits)
    all_close(f"{title}: gradients, {precision}", model.gradients(),
              gradients_of(wanted, peft_arrays(peft)), to_gradients)


@target_sets
@pytest.mark.parametrize("rank, alpha", [(1, 1.0), (2, 3.0), (3, 16.0)])
def test_small_models(targets, rank, alpha, rng):
    model = adapted(rng, targets, rank, alpha)
    compare(model, *random_batch(model, rng, 4, 8), "PEFT, small models")


@precisions
@target_sets
def test_the_base_model(targets, precision, base, rng):
    model = in_float64(base[0]) if precision == "float64" else base[0]
    apply_lora_to_model(model, 4, 8.0, targets, rng=rng)
    for array in get_lora_parameters(model).values():
        array += 0.02 * rng.standard_normal(array.shape)
    compare(model, *random_batch(model, rng, 4, 32), "PEFT, base model")


@pytest.mark.parametrize("rank, alpha", [(1, 1.0), (2, 3.0), (4, 8.0), (8, 4.0)])
def test_scale(rank, alpha, rng):
    model = adapted(rng, TARGETS, rank, alpha)
    scales = {name: module.scaling["default"] for name, module in in_peft(model).named_modules()
              if hasattr(module, "scaling")}
    assert scales == {f"base_model.model.{name}": layer.scaling
                      for name, layer in adapted_layers(model).items()}


@target_sets
def test_new_adapters_change_nothing(targets, rng):
    model = tiny_model(rng)
    inputs, _ = random_batch(model, rng)
    expected = twin_of(model)(torch.from_numpy(inputs))
    apply_lora_to_model(model, 2, 3.0, targets, rng=rng)
    for logits in model.forward(inputs), numpy(in_peft(model)(torch.from_numpy(inputs))):
        close("PEFT, new adapters: logits, float64", logits, expected, 1e-12)


@target_sets
def test_steps(targets, rng):
    """Twenty steps with decay and clipping; neither side writes its base."""
    model = adapted(rng, targets)
    peft = in_peft(model)
    arrays = {name: array for name, array in model.parameters().items()
              if name not in get_lora_parameters(model)}
    tensors = {name: tensor.detach().numpy() for name, tensor in peft.named_parameters()
               if not tensor.requires_grad}
    before = as_bytes(arrays), as_bytes(tensors)
    batches = [random_batch(model, rng, 4, 8) for _ in range(20)]
    optimizer = AdamW(weight_decay=0.1)
    losses = [train_step_lora(model, optimizer, *batch, 0.02, 0.7) for batch in batches]
    expected, _ = train(peft, batches.__getitem__, 20, constant, 0.02, weight_decay=0.1,
                        max_norm=0.7)
    close("PEFT, 20 steps: losses, float64", losses, np.array(expected), 1e-9)
    all_close("PEFT, 20 steps: A and B, float64", get_lora_parameters(model), peft_arrays(peft),
              1e-9)
    assert (as_bytes(arrays), as_bytes(tensors)) == before


@target_sets
def test_merging(targets, rng):
    """Against merge_and_unload, which gives a plain twin."""
    model = adapted(rng, targets)
    inputs, _ = random_batch(model, rng)
    plain = in_peft(model).merge_and_unload()
    merged = merged_copy(model)
    all_close("PEFT, merging: weights, float64",
              {torch_name(name): array for name, array in merged.parameters().items()},
              dict(plain.named_parameters()), 1e-14)
    expected = plain(torch.from_numpy(inputs))
    close("PEFT, merging: logits, float64", merged.forward(inputs), expected, 1e-12)
    close("PEFT, merging: logits, float64", merge_adapters(model).forward(inputs, False),
          expected, 1e-12)
