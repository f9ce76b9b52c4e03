"""A second opinion: a GPT written apart from lib, differentiated by autograd."""

import math

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import value_and_grad
from helpers import ADAPTED, random_batch, random_config, tiny_model

from lib.losses import IGNORE, cross_entropy
from lib.model import POSITIONS


def weights(parameters, name, scale):
    """The matrix of a linear layer, with the change of its adapter if it has one."""
    if f"{name}.weights" in parameters:
        return parameters[f"{name}.weights"]
    change = anp.dot(parameters[f"{name}.lora_B"], parameters[f"{name}.lora_A"])
    return parameters[f"{name}.base_weights"] + scale * change


def normed(parameters, name, x):
    mean = anp.mean(x, axis=-1, keepdims=True)
    variance = anp.mean((x - mean) ** 2, axis=-1, keepdims=True)
    x = (x - mean) / anp.sqrt(variance + 1e-5)
    return x * parameters[f"{name}.gamma"] + parameters[f"{name}.beta"]


def softmax(scores):
    e = anp.exp(scores)
    return e / anp.sum(e, axis=-1, keepdims=True)


def turned(x):
    """Rotary positions of one head, x: (time, head_size), as one block matrix a position."""
    time, size = x.shape
    rows = []
    for place in range(time):
        matrix = np.zeros((size, size))
        for pair in range(0, size, 2):
            angle = place / 10_000 ** (pair / size)
            matrix[pair:pair + 2, pair:pair + 2] = [[math.cos(angle), -math.sin(angle)],
                                                    [math.sin(angle), math.cos(angle)]]
        rows.append(anp.dot(matrix, x[place]))
    return anp.stack(rows)


def attention(parameters, name, x, heads, scale, rotary):
    """One sequence, x: (time, d_model); head after head."""
    q, k, v = (anp.dot(x, weights(parameters, f"{name}.{part}_linear", scale).T)
               for part in ("query", "key", "value"))
    size = x.shape[1] // heads
    seen = np.tril(np.ones((len(x), len(x))))
    results = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        queries, keys = q[:, part], k[:, part]
        if rotary:
            queries, keys = turned(queries), turned(keys)
        scores = anp.dot(queries, keys.T) / math.sqrt(size)
        scores = anp.where(seen == 1, scores, -1e9)
        results.append(anp.dot(softmax(scores), v[:, part]))
    joined = anp.concatenate(results, axis=1)
    return anp.dot(joined, weights(parameters, f"{name}.output_linear", scale).T)


def feed_forward(parameters, name, x, scale):
    h = anp.dot(x, weights(parameters, f"{name}.up_linear", scale).T)
    h = 0.5 * h * (1 + anp.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
    return anp.dot(h, weights(parameters, f"{name}.down_linear", scale).T)


def position(place, dimension, size):
    angle = place / 10_000 ** (2 * (dimension // 2) / size)
    return math.cos(angle) if dimension % 2 else math.sin(angle)


def textbook_logits(parameters, config, tokens, scale):
    """One sequence, tokens: (time,) -> (time, vocabulary)."""
    if "token_embedding.weights" in parameters:
        table = parameters["token_embedding.weights"]
    else:
        table = weights(parameters, "token_embedding", scale).T
    size = config.embedding_dimension
    x, rotary = table[tokens], config.positions == "rotary"
    if not rotary:
        x = x + np.array([[position(place, dimension, size) for dimension in range(size)]
                          for place in range(len(tokens))])
    for number in range(config.layers):
        block = f"transformer_stack.layers.{number}"
        x = x + attention(parameters, f"{block}.self_attention",
                          normed(parameters, f"{block}.attention_norm", x), config.heads, scale,
                          rotary)
        x = x + feed_forward(parameters, f"{block}.feed_forward",
                             normed(parameters, f"{block}.feed_forward_norm", x), scale)
    x = normed(parameters, "final_norm", x)
    return anp.dot(x, weights(parameters, "output_projection", scale).T)


def textbook_loss(parameters, config, inputs, targets, scale):
    terms = []
    for row, wanted in zip(inputs, targets, strict=True):
        chances = softmax(textbook_logits(parameters, config, row, scale))
        terms += [-anp.log(chances[place, token]) for place, token in enumerate(wanted)
                  if token != IGNORE]
    return sum(terms) / len(terms)


def compare(model, inputs, targets, scale):
    """Logits, loss and the gradient of everything that is trained, each to 1e-10."""
    parameters, trained = model.parameters(), model.trainable_parameters()
    logits = model.forward(inputs)
    loss, grad_logits = cross_entropy(logits, targets)
    model.backward(grad_logits)
    for row, found in zip(inputs, logits, strict=True):
        np.testing.assert_allclose(
            found, textbook_logits(parameters, model.config, row, scale), rtol=1e-9, atol=1e-11)

    def loss_of(changed):
        return textbook_loss({**parameters, **changed}, model.config, inputs, targets, scale)

    wanted_loss, wanted = value_and_grad(loss_of)(trained)
    assert loss == pytest.approx(float(wanted_loss), rel=1e-12)
    gradients = model.gradients()
    assert gradients.keys() == wanted.keys()
    for name, gradient in gradients.items():
        size = np.linalg.norm(wanted[name])
        assert size > 1e-7, name
        # Where terms cancel to next to nothing, their own rounding is what is left.
        assert np.linalg.norm(gradient - wanted[name]) <= 1e-10 * max(size, 1e-4), name


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("adapted", [False, True])
def test_random_shapes(seed, adapted):
    rng = np.random.default_rng([seed, adapted])
    config = random_config(rng, positions=POSITIONS[seed % 2])
    rank, alpha = int(rng.integers(1, 3)), float(rng.uniform(0.5, 9))
    targets = ("query", "value", "ffn_down") if adapted else ()
    if adapted:
        rank = min(rank, config.feed_forward_dimension, config.embedding_dimension)
    model = tiny_model(rng, targets, rank, alpha, config)
    time = int(rng.integers(2, config.context_length + 1))
    compare(model, *random_batch(model, rng, int(rng.integers(1, 4)), time), alpha / rank)


@pytest.mark.parametrize("targets", ADAPTED, ids="+".join)
def test_adapters_on_each_target(targets, rng):
    model = tiny_model(rng, targets, 2, 3.0)
    compare(model, *random_batch(model, rng, 2, 6), 3.0 / 2)
