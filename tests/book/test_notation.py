"""The notation page: its sizes and shapes are those of the live model."""

import re
from pathlib import Path

import numpy as np
import pytest

from lib.generation import next_token_probabilities
from lib.lora import apply_lora_to_model
from lib.model import GPTConfig, GPTModel

PAGE = (Path(__file__).parents[2] / "book" / "notation.md").read_text()
BATCH, TIME = 3, 17


def table(heading):
    """The rows of the table under a heading, as lists of cells."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def sizes():
    """Each size by the word that shapes use for it."""
    config = GPTConfig()
    return {"vocabulary": config.vocabulary_size, "context": config.context_length,
            "d_model": config.embedding_dimension, "heads": config.heads, "rank": 4,
            "head_size": config.embedding_dimension // config.heads,
            "d_ff": config.feed_forward_dimension, "batch": BATCH, "time": TIME}


def shape_of(text):
    return tuple(sizes()[word] for word in re.findall(r"\w+", text))


@pytest.fixture(scope="module")
def live():
    """Every array that flows, by its name on the page."""
    rng = np.random.default_rng(0)
    model = GPTModel(GPTConfig(), rng)
    tokens = rng.integers(0, 1000, (BATCH, TIME))
    logits = model.forward(tokens)
    block = model.transformer_stack.layers[0]
    attention = block.self_attention
    q, k, v, _ = attention.cache
    stream = model.token_embedding.forward(tokens) + model.positions[:TIME]
    return {"tokens": tokens, "targets": np.roll(tokens, -1, 1), "stream": stream,
            "queries": q, "keys": k, "values": v,
            "context": attention.output_linear.cache.reshape(BATCH, TIME, -1),
            "hidden": block.feed_forward.cache, "logits": logits,
            "probabilities": next_token_probabilities(logits), "positions": model.positions,
            "attention weights": attention.attention_weights(stream),
            "cached keys": model.new_cache(BATCH)[0].keys}


def test_sizes_are_those_of_the_configuration():
    found = {}
    for _, name, here, _ in table("Sizes"):
        if name.strip("`") in GPTConfig().to_dict():
            found[name.strip("`")] = int(here)
    defaults = GPTConfig().to_dict()
    assert found == {name: value for name, value in defaults.items() if type(value) is int}
    stated = {row[1]: row[2] for row in table("Sizes")}
    assert stated["d_model / heads"] == str(sizes()["head_size"])


def test_parameters_have_the_shapes_of_the_page():
    model = GPTModel(GPTConfig(), np.random.default_rng(0))
    plain = dict(model.parameters())
    adapted = apply_lora_to_model(model, 4, 8).parameters()
    kinds = set()
    for _, name, shape, _ in table("Parameters"):
        array = {**plain, **adapted}[name.strip("`")]
        assert array.shape == shape_of(shape), name
        kinds.add(name.strip("`"))
    first = {name for name in plain if ".layers." not in name or ".layers.0." in name}
    same = {"transformer_stack.layers.0.feed_forward_norm.gamma", "final_norm.beta",
            "transformer_stack.layers.0.feed_forward_norm.beta"}
    assert first - same <= kinds      # every parameter of one block, and those outside the blocks


def test_what_flows_has_the_shapes_of_the_page(live):
    rows = table("What flows through")
    assert {name for _, name, _, _ in rows} == live.keys()
    for _, name, shape, _ in rows:
        assert live[name].shape == shape_of(shape), name
    np.testing.assert_allclose(live["attention weights"].sum(-1), 1, rtol=1e-5)


def test_a_wrong_shape_is_seen():
    assert shape_of("(batch, heads, time, head_size)") == (BATCH, 4, TIME, 32)
    with pytest.raises(KeyError):
        shape_of("(batch, thyme)")
