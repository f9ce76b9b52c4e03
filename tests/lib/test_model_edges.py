"""The model's parts at their edges: caches of another batch, odd heads, what is the default."""

import inspect

import numpy as np
import pytest
from helpers import refused, shaken, tiny_config, tiny_model

from lib.attention import CausalSelfAttention, KVCache
from lib.model import GPTConfig, TransformerStack


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_cache_takes_only_the_batch_that_it_was_made_for(batch, rng):
    cache = KVCache(np.zeros((3, 2, 10, 4)), np.zeros((3, 2, 10, 4)))
    more = rng.standard_normal((batch, 2, 5, 4))
    with refused(f"the batch is {batch}, the cache was made for 3", unchanged=cache):
        cache.append(more, more)


def test_attention_is_not_rotary_unless_told():
    assert not CausalSelfAttention(8, 2, 10, 0.1, np.random.default_rng(0)).rotary
    assert inspect.signature(CausalSelfAttention).parameters["rotary"].default is False


@pytest.mark.parametrize("size, heads", [(6, 2), (9, 3), (2, 2), (128, 128)])
def test_heads_of_an_odd_size(size, heads):
    with refused(f"embedding_dimension {size}", f"2 * heads = {2 * heads}"):
        GPTConfig(embedding_dimension=size, heads=heads)
    assert GPTConfig(embedding_dimension=2 * heads, heads=heads).heads == heads


def test_a_frozen_stack_passes_the_gradient_on_to_its_input(rng):
    stack = shaken(TransformerStack.random(tiny_config(), rng), rng)
    x, dy = rng.standard_normal((2, 2, 5, 8))
    y = stack.forward(x)
    wanted = stack.backward(dy)
    stack.freeze()
    assert np.array_equal(stack.forward(x), y) and np.array_equal(stack.backward(dy), wanted)
    assert not stack.gradients()


@pytest.mark.parametrize("vocabulary", [11, 12])
def test_the_token_named_is_the_one_out_of_range(vocabulary, rng):
    model = tiny_model(rng, vocabulary_size=vocabulary)
    for tokens, wrong in (([[0, vocabulary]], vocabulary), ([[1, 99]], 99), ([[3, -1]], -1),
                          ([[-2, 99]], -2)):
        with refused(f"token id {wrong} is", f"from 0 to {vocabulary - 1}"):
            model.forward(tokens)
    assert model.forward([[0, vocabulary - 1]]).shape == (1, 2, vocabulary)


def test_saving_with_adapters_names_the_first_of_them(rng, tmp_path):
    model = tiny_model(rng, ("query", "ffn_up", "output_projection"))
    with refused("(transformer_stack.layers.0.self_attention.query_linear.lora_A, ...)"):
        model.save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())
