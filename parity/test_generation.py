"""Greedy generation with a KV cache: the same tokens, and the same logits on the way."""

import numpy as np
import pytest
import torch
from helpers import random_tokens, tiny_model

from lib.generation import generate, start_of_text
from lib.pretraining import PROMPTS
from parity import twin as other
from parity.compare import close, in_float64
from parity.twin import twin_of

NEW = 60


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_the_base_model_writes_the_same(precision, use_cache, base):
    model, tokenizer = base
    if precision == "float64":
        model = in_float64(model)
    twin, written = twin_of(model), set()
    for prompt in PROMPTS:
        tokens = np.array([start_of_text(tokenizer, prompt)])
        expected = other.generate(twin, torch.from_numpy(tokens), NEW).numpy()
        found = generate(model, tokens, NEW, use_cache=use_cache)
        assert found.tolist() == expected.tolist(), prompt
        written |= set(found[0, tokens.shape[1]:].tolist())
    assert len(written) > 50


def test_several_rows_up_to_the_end_of_the_context(base):
    model, tokenizer = in_float64(base[0]), base[1]
    ids = tokenizer.encode(" ".join(PROMPTS))
    tokens = np.array([ids[start:start + 8] for start in range(6)])
    expected = other.generate(twin_of(model), torch.from_numpy(tokens), 120).numpy()
    assert expected.shape == (6, 128) == (6, model.config.context_length)
    assert generate(model, tokens, 120).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_logits_with_a_cache(seed):
    """A prompt at once, then token after token."""
    rng = np.random.default_rng(seed)
    model = tiny_model(rng)
    twin = twin_of(model)
    tokens, prompt = random_tokens(model, rng, 3, 10), int(rng.integers(1, 9))
    past, past_of_twin = model.new_cache(3), [[] for _ in range(model.config.layers)]
    for part in [tokens[:, :prompt], *np.split(tokens[:, prompt:], 10 - prompt, axis=1)]:
        close("KV cache: logits, float64", model.forward(part, False, past),
              twin(torch.from_numpy(part), past_of_twin), 1e-12)
