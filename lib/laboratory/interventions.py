"""States read and replaced inside a model, and what it then writes (chapter A2)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from lib.attention import CausalSelfAttention
from lib.corpus import facts
from lib.generation import start_of_text
from lib.losses import IGNORE
from lib.model import GPTModel
from lib.tokenizer import BPETokenizer

#: Edges of attention, "who attends to what": the kind that ``pairs_of`` reads, and the groups of
#: tokens that an arrow leads from and to.
EDGES = {"is ← question": ("last token to the question", ("question", "is")),
         "is ← name": ("last token to the name", ("name", "is")),
         "name ← name": ("inside the name", ("name", "name")),
         "answer ← question": ("answer to the question", ("question", "answer")),
         "answer ← name": ("answer to the name", ("name", "answer")),
         "answer ← answer": ("inside the answer", ("answer", "answer")),
         "answer ← is": ("answer to the last token", ("is", "answer"))}


def states(model: GPTModel, tokens: np.ndarray) -> list[np.ndarray]:
    """The stream at the start and after each layer: arrays (texts, time, width)."""
    found = [model.token_embedding.forward(tokens, training=False)
             + model.positions[:tokens.shape[1]]]
    for block in model.transformer_stack.layers:
        found.append(block.forward(found[-1], training=False))
    return found


def finished(model: GPTModel, x: np.ndarray, after: int, where: Any) -> np.ndarray:
    """The likeliest next tokens at these places, from the stream after a layer."""
    for block in model.transformer_stack.layers[after:]:
        x = block.forward(x, training=False)
    x = model.final_norm.forward(x, training=False)[where]
    return model.output_projection.forward(x, training=False).argmax(-1)


def added(model: GPTModel, stream: list[np.ndarray], where: Any) -> dict[int, np.ndarray]:
    """What each feed-forward layer adds at these tokens, by layer, counted from 1."""
    rows = {}
    for layer, (block, x) in enumerate(zip(model.transformer_stack.layers, stream), 1):
        normed = block.attention_norm.forward(x, training=False)
        attended = block.self_attention.forward(normed, training=False)
        rows[layer] = (stream[layer] - x - attended)[where]
    return rows


def head_outputs(model: GPTModel, tokens: np.ndarray,
                 where: Any) -> dict[tuple[int, int], np.ndarray]:
    """Each head's output there, before W_O: (layer, head) -> (one row a token, its size)."""
    model.forward(tokens)
    found = {}
    for layer, block in enumerate(model.transformer_stack.layers, 1):
        context = block.self_attention.output_linear.cache
        context = context.reshape(*tokens.shape, -1)[where]
        parts = np.split(context, block.self_attention.heads, axis=1)
        found |= {(layer, head): part for head, part in enumerate(parts, 1)}
    return found


def along(attention: CausalSelfAttention, edges: np.ndarray, anew: bool = False) -> np.ndarray:
    """What came along these edges in the last forward pass, before W_O: weights times values.

    edges: (keys, queries) or (texts, keys, queries), True for an edge.  With ``anew`` the weights
    of these edges are made to sum to 1 again, as a mask does that closes the others.
    """
    _, _, values, weights = attention.cache
    weights = weights * np.expand_dims(edges, -3)
    if anew:
        weights /= weights.sum(-2, keepdims=True)
    return attention.join_heads(weights.swapaxes(-1, -2) @ values)


def brought(model: GPTModel, tokens: np.ndarray, edges: np.ndarray) -> dict[int, np.ndarray]:
    """What comes along these edges, before W_O, by layer."""
    model.forward(tokens)
    return {layer: along(block.self_attention, edges)
            for layer, block in enumerate(model.transformer_stack.layers, 1)}


def mean_brought(model: GPTModel, streams: list[list[np.ndarray]], edges: dict[int, np.ndarray],
                 place: np.ndarray) -> dict[int, np.ndarray]:
    """What comes along these edges of each layer, as a mean over these whole runs and over the
    texts but one's own, by the place of the token that attends."""
    means = {}
    for layer, block in enumerate(model.transformer_stack.layers, 1):
        total = 0
        for stream in streams:
            block.self_attention.forward(
                block.attention_norm.forward(stream[layer - 1], training=False))
            total = total + along(block.self_attention, edges[layer])
        means[layer] = mean_of_others(total / len(streams), place)
    return means


def grouped(targets: np.ndarray, begin: int, between: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The group of each token, and its place: from the start, or 100 at the last of the prompt.

    The name begins at ``begin``, and ``between`` tokens of the group "is" stand before the last.
    """
    at, last = np.arange(targets.shape[1]), (targets != IGNORE).argmax(1)[:, None]
    groups = np.select([at < begin, at < last - between, at <= last],
                       ["question", "name", "is"], "answer")
    return groups, np.where(at < last - between, at, at - last + 100)


def staying(edges: list[tuple[str, str]], groups: np.ndarray) -> np.ndarray:
    """Which keys each query still sees: along these edges (the group that looks, the group that is
    seen), the first token, and the token itself.  (texts, keys, queries), or one for all."""
    stays = np.eye(groups.shape[1], dtype=bool)
    stays[0] = True
    for looks, seen in edges:
        stays = stays | ((groups == seen)[:, :, None] & (groups == looks)[:, None])
    return stays


def mean_of_others(rows: np.ndarray, place: np.ndarray) -> np.ndarray:
    """For each token the mean over all other tokens at the same place; zeros if it is alone."""
    mean = np.zeros_like(rows)
    for each in np.unique(place):
        some = rows[place == each]
        mean[place == each] = (some.sum(0) - some) / max(len(some) - 1, 1)
    return mean


def shuffled(usual: dict[int, np.ndarray], rows: dict[int, np.ndarray],
             seed: int) -> dict[int, np.ndarray]:
    """The usual outputs, with the changes to these rows dealt out to other tokens at random."""
    deal = np.random.default_rng(seed).permutation(len(usual[1]))
    return {layer: own + (rows[layer] - own)[deal] for layer, own in usual.items()}


def next_alike(sizes: np.ndarray) -> np.ndarray:
    """For each the next of the same size; the last of a size begins anew."""
    count = len(sizes)
    return np.array([next(k for k in (*range(i + 1, count), *range(i + 1)) if sizes[k] == sizes[i])
                     for i in range(count)])


def pairs_of(kind: str, begin: int, end: int, between: int = 0) -> list[tuple[int, int, int]]:
    """Triples (first, stop, token): the tokens from first to stop may not attend to token."""
    spans = {"question": (1, begin), "name": (begin, end - between), "last token": (end, end + 1),
             "answer": (end + 1, 128), "is": (end - between, end),
             "is and last token": (end - between, end + 1)}
    who, _, seen = kind.replace("the ", "").partition(" to ")
    if not seen:
        first, stop = spans[who.removeprefix("inside ")]
        return [(token + 1, stop, token) for token in range(first, stop)]
    return [(*spans[who], token) for token in range(*spans[seen])]


def goes_on(model: GPTModel, tokenizer: BPETokenizer, ids: list[int], most: int = 8) -> str:
    """What a model goes on with after these tokens, up to its full stop."""
    ids, length = list(ids), len(ids)
    while len(ids) < length + most and tokenizer.token_text(ids[-1]) != ".":
        ids.append(int(model.forward(np.array([ids]), training=False)[0, -1].argmax()))
    return "".join(map(tokenizer.token_text, ids[length:]))


def goes_on_patched(model: GPTModel, tokenizer: BPETokenizer, prompt: str, place: str, after: int,
                    donor: str) -> str:
    """What the donor's states at this place, after a layer, make the model write token by token."""
    refuse_unlike(tokenizer, prompt, donor)
    begin = len(start_of_text(tokenizer, "The capital of"))
    ids = start_of_text(tokenizer, prompt)
    taken = states(model, np.array([start_of_text(tokenizer, donor)]))[after]
    rows = {"question": slice(0, begin), "name": slice(begin, -1), "is": slice(-1, None)}[place]
    where, length = np.arange(len(ids))[rows], len(ids)
    while len(ids) < length + 8 and tokenizer.token_text(ids[-1]) != ".":
        x = states(model, np.array([ids]))[after]
        x[0, where] = taken[0, where]
        ids = [*ids, int(finished(model, x, after, np.s_[:, -1])[0])]
    return "".join(map(tokenizer.token_text, ids[length:]))


def refuse_unlike(tokenizer: BPETokenizer, prompt: str, donor: str) -> None:
    """Refuse prompts of another form, and names that differ in their number of pieces."""
    sizes = []
    for text in (prompt, donor):
        found = re.fullmatch(r"The (?:capital|language|currency|continent) of (\S.*) is", text)
        if not found:
            raise ValueError(f"{text!r} has another form than 'The capital of Peru is'")
        sizes.append((found[1], len(tokenizer.encode(f" {found[1]}"))))
    (name, size), (other, count) = sizes
    if size != count:
        names = [fact.prompt[15:-3] for fact in facts() if fact.relation == "capital"]
        fit = [each for each in names if len(tokenizer.encode(f" {each}")) == size]
        raise ValueError(f"{name} has {size} pieces and {other} has {count}. "
                         f"These have {size}: {', '.join(fit)}")
