"""What several tests share: tiny models, central differences, pictures of state."""

import os
from contextlib import contextmanager

import numpy as np
import pytest

from lib.layer import Layer
from lib.llama import LlamaConfig, LlamaModel
from lib.lora import TARGETS, apply_lora_to_model, get_lora_parameters
from lib.losses import IGNORE
from lib.model import GPTConfig, GPTModel

ADAPTED = [(), *[(target,) for target in TARGETS], ("query", "key", "value"), TARGETS]


def unavailable(what):
    """Skip for want of ``what``; fail where nothing may be skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set", pytrace=False)
    pytest.skip(f"{what} is missing")


def tiny_config(**changes):
    """Sizes that all differ from each other, so that no two axes can be mixed up unseen."""
    sizes = {"vocabulary_size": 11, "context_length": 10, "embedding_dimension": 8, "layers": 2,
             "heads": 2, "feed_forward_dimension": 12, "dtype": np.float64}
    return GPTConfig(**{**sizes, **changes})


def random_config(rng, **changes):
    """A small model of random sizes."""
    heads = int(rng.integers(1, 4))
    sizes = {"vocabulary_size": int(rng.integers(5, 14)), "heads": heads,
             "context_length": int(rng.integers(6, 12)), "layers": int(rng.integers(1, 4)),
             "embedding_dimension": 2 * heads * int(rng.integers(2, 4)),
             "feed_forward_dimension": int(rng.integers(3, 14)), "dtype": np.float64}
    return GPTConfig(**{**sizes, **changes})


def shaken(layer, rng, size=0.4):
    """Move all parameters of a layer, in place: no gamma of 1, no beta or B of 0 is left."""
    for array in layer.parameters().values():
        array += size * rng.standard_normal(array.shape)
    return layer


def tiny_model(rng, targets=(), rank=2, alpha=3.0, config=None, **changes):
    """A small model whose parameters are all at random, with adapters on the targets."""
    model = shaken(GPTModel(config or tiny_config(**changes), rng), rng)
    if targets:
        apply_lora_to_model(model, rank, alpha, targets, rng=rng)
        for array in get_lora_parameters(model).values():
            array += 0.4 * rng.standard_normal(array.shape)
    return model


def tiny_llama(rng, targets=(), rank=2, alpha=3.0, **changes):
    """A small Llama whose parameters are all at random, with adapters on the targets."""
    sizes = {"vocabulary_size": 11, "context_length": 10, "embedding_dimension": 16, "layers": 2,
             "heads": 4, "feed_forward_dimension": 12, "kv_heads": 2, "rotary_base": 50.0,
             "dtype": np.float64}
    model = shaken(LlamaModel.random(LlamaConfig(**{**sizes, **changes}), rng), rng, 0.2)
    if targets:
        apply_lora_to_model(model, rank, alpha, targets, rng=rng)
        for array in get_lora_parameters(model).values():
            array += 0.4 * rng.standard_normal(array.shape)
    return model


def random_tokens(model, rng, batch=3, time=7):
    return rng.integers(0, model.config.vocabulary_size, (batch, time))


def random_batch(model, rng, batch=3, time=7, ignored=0.3):
    """Inputs and targets of (batch, time); a share of the targets carries no loss."""
    inputs, targets = (random_tokens(model, rng, batch, time) for _ in range(2))
    targets[rng.random(targets.shape) < ignored] = IGNORE
    targets[0, 0] = 1
    return inputs, targets


def central_differences(function, array, places, step=1e-5):
    """Derivatives of function() with respect to array[place], for each place."""
    slopes = []
    for place in places:
        kept = array[place]
        array[place] = kept + step
        above = function()
        array[place] = kept - step
        below = function()
        array[place] = kept
        slopes.append((above - below) / (2 * step))
    return np.array(slopes)


def picture(value):
    """All that a model, a layer, an optimizer or a dict holds, to compare before and after."""
    if isinstance(value, np.ndarray):
        return id(value), value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: picture(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [picture(part) for part in value]
    if hasattr(value, "__dict__") and not callable(value):
        return id(value), type(value), picture(vars(value))
    return value


@contextmanager
def refused(*words, unchanged=(), error=ValueError):
    """The block raises an error whose message has all the words; nothing listed is changed."""
    before = picture(unchanged)
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    for word in words:
        assert str(word) in message, message
    assert "\n" not in message
    assert picture(unchanged) == before


def arrays_in(value):
    """All arrays of real numbers in nested tuples, lists, dicts and layers."""
    if isinstance(value, np.ndarray):
        if np.issubdtype(value.dtype, np.floating):
            yield value
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays_in(part)
    elif isinstance(value, Layer):
        yield from arrays_in(vars(value))


def as_bytes(arrays):
    """A dict of arrays as bytes: equal only if bit for bit equal."""
    return {name: array.tobytes() for name, array in arrays.items()}


def flip_and_read(path, read, wanted, data, flips):
    """Change a byte by an exclusive or, read, put it back, for each (place, mask) of ``flips``.

    Each reading is refused in words that name the file, or gives all that is wanted.  Returns how
    often it was refused, and how often harmless.
    """
    seen = {"refused": 0, "harmless": 0}
    with path.open("r+b", buffering=0) as file:
        for place, mask in flips:
            os.pwrite(file.fileno(), bytes([data[place] ^ mask]), place)
            try:
                found = read(path)
            except ValueError as error:
                assert str(path) in str(error)
                seen["refused"] += 1
            else:
                assert found == wanted, f"byte {place} ^ {mask}"
                seen["harmless"] += 1
            os.pwrite(file.fileno(), data[place:place + 1], place)
    return seen
