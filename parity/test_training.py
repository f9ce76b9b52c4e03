"""A hundred steps of pre-training, full fine-tuning and LoRA: the same trajectory.

PyTorch runs once in float64; lib follows in float64 and in float32.
"""

import numpy as np
import pytest
import torch
from helpers import as_bytes
from torch.nn import Parameter
from torch.optim import SGD

from lib import optim
from lib.corpus import documents
from lib.corpus.tasks import load_task
from lib.evaluation import encode_examples
from lib.lora import apply_lora_to_model, get_lora_parameters
from lib.losses import IGNORE
from lib.model import GPTConfig, GPTModel
from lib.pretraining import load_base, token_stream
from lib.training import example_batch, fit, stream_batch, train_step_lora
from parity.adapters import in_peft, peft_arrays
from parity.compare import all_close, close, in_float64, train, warmup_cosine
from parity.twin import torch_name, twin_of

STEPS = 100
TOLERANCES = {"float64": 1e-9, "float32": 1e-5}
precisions = pytest.mark.parametrize("precision", TOLERANCES)


def some_clipped(clipped):
    """Both sides of the clipping were met."""
    assert 5 < clipped < STEPS - 5, clipped


def same_trajectory(title, precision, losses, arrays, expected_losses, tensors):
    assert {array.dtype.name for array in arrays.values()} == {precision}
    close(f"{title}: losses, {precision}", losses, np.array(expected_losses),
          TOLERANCES[precision])
    all_close(f"{title}: parameters, {precision}", arrays, tensors, TOLERANCES[precision])


def by_torch_name(model):
    return {torch_name(name): array for name, array in model.parameters().items()}


# --- pre-training: warm-up and cosine, clipping, decay of matrices only

PEAK, WARMUP, BETAS, DECAY = 2e-3, 10, (0.9, 0.99), 0.1


@pytest.fixture(scope="module")
def pretraining():
    """A new model in float32, its batches, and what PyTorch made of it."""
    _, tokenizer = load_base()
    stream = token_stream(tokenizer, documents(400, np.random.default_rng(5)))
    model = GPTModel(GPTConfig(), np.random.default_rng(6))
    twin = twin_of(in_float64(model))

    def batch_at(step):
        return stream_batch(stream, step, seed=7, batch=8, time=32)

    losses, clipped = train(twin, batch_at, STEPS, warmup_cosine(STEPS, WARMUP), PEAK, BETAS, DECAY)
    some_clipped(clipped)
    return model, batch_at, twin, losses


@precisions
def test_pretraining(precision, pretraining):
    start, batch_at, twin, expected = pretraining
    model = in_float64(start) if precision == "float64" else start.copy()
    losses = fit(model, batch_at, STEPS,
                 lambda step: optim.warmup_cosine(step, STEPS, PEAK, WARMUP),
                 optim.AdamW(BETAS, weight_decay=DECAY), progress=False)
    assert losses[-1] < losses[0] - 1
    same_trajectory("pre-training", precision, losses, by_torch_name(model), expected,
                    dict(twin.named_parameters()))


# --- fine-tuning of everything: masked targets

@pytest.fixture(scope="module")
def question_batches():
    _, tokenizer = load_base()
    examples = encode_examples(tokenizer, load_task("qa").train)

    def batch_at(step):
        return example_batch(examples, step, seed=8, batch=8)

    assert 0.1 < np.mean(batch_at(0)[1] == IGNORE) < 0.9
    return batch_at


@pytest.fixture(scope="module")
def finetuning(question_batches):
    twin = twin_of(in_float64(load_base()[0]))
    losses, clipped = train(twin, question_batches, STEPS, warmup_cosine(STEPS, 5), 3e-4)
    some_clipped(clipped)
    return twin, losses


@precisions
def test_full_finetuning(precision, base, question_batches, finetuning):
    twin, expected = finetuning
    model = in_float64(base[0]) if precision == "float64" else base[0]
    losses = fit(model, question_batches, STEPS,
                 lambda step: optim.warmup_cosine(step, STEPS, 3e-4, 5), progress=False)
    assert losses[-1] < losses[0] - 1
    same_trajectory("full fine-tuning", precision, losses, by_torch_name(model), expected,
                    dict(twin.named_parameters()))


# --- LoRA, against PEFT

@pytest.fixture(scope="module")
def lora(question_batches):
    model = in_float64(load_base()[0])
    peft = in_peft(apply_lora_to_model(model, rng=np.random.default_rng(9)))
    losses, clipped = train(peft, question_batches, STEPS, warmup_cosine(STEPS, 5), 5e-3)
    some_clipped(clipped)
    return peft, losses


@precisions
def test_lora(precision, base, question_batches, lora):
    peft, expected = lora
    model = in_float64(base[0]) if precision == "float64" else base[0]
    arrays = model.parameters()
    before = as_bytes(arrays)
    apply_lora_to_model(model, rng=np.random.default_rng(9))
    optimizer = optim.AdamW()
    losses = [train_step_lora(model, optimizer, *question_batches(step),
                              optim.warmup_cosine(step, STEPS, 5e-3, 5)) for step in range(STEPS)]
    assert losses[-1] < losses[0] - 1
    same_trajectory("LoRA", precision, losses, get_lora_parameters(model), expected,
                    peft_arrays(peft))
    assert as_bytes(arrays) == before


# --- the schedule alone

@pytest.mark.parametrize("steps, warmup, final", [(100, 10, 0.05), (30, 2, 0.0), (1400, 100, 0.05)])
def test_schedule(steps, warmup, final):
    optimizer = SGD([Parameter(torch.zeros(1))], lr=3e-3)
    scheduler = warmup_cosine(steps, warmup, final)(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    found = [optim.warmup_cosine(step, steps, 3e-3, warmup, final) for step in range(steps)]
    close("learning rates", found, np.array(rates), 1e-12)
