# %% [markdown]
# The file that you wrote in chapter 2 goes on here. `grow` runs its cells in this notebook, so
# that `embedding`, `linear` and `model` are at hand.

# %%
import numpy as np

from lib.growing import grow, held_out_after

grow(globals(), upto=2)

# %% [markdown]
# Attention weighs tokens by a **softmax** of their scores. Subtracting the largest score changes
# no weight, but keeps the exponential from overflowing.

# %% tags=["my-gpt"]
def softmax(x):  # lib.attention.CausalSelfAttention: any shape
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)

# %% [markdown]
# This is the heart of the model: scores of queries against keys, a mask over the future, a
# softmax, a mean of the values. The way back has one line for each of them, in reverse.

# %% tags=["my-gpt"]
def attend(q, k, v):  # lib.attention.CausalSelfAttention: (..., time, d_h) -> the same
    scale = q.shape[-1] ** -0.5
    scores = q @ k.mT * scale
    future = np.triu(np.ones(scores.shape[-2:], bool), 1)
    p = softmax(np.where(future, -np.inf, scores))
    def back(dy):
        dp = dy @ v.mT
        d_scores = p * (dp - (p * dp).sum(-1, keepdims=True)) * scale
        return d_scores @ k, d_scores.mT @ q, p.mT @ dy
    return p @ v, back

# %% [markdown]
# Queries, keys and values come from three linear layers, and a fourth takes the result. `name` is
# the beginning of the names of their weights, so that a model can have several such layers.

# %% tags=["my-gpt"]
def attention(x, w, name):  # lib.attention.CausalSelfAttention: (batch, time, d) -> the same
    q, back_q = linear(x, w, name + "query_linear.weights")
    k, back_k = linear(x, w, name + "key_linear.weights")
    v, back_v = linear(x, w, name + "value_linear.weights")
    context, back_context = attend(q, k, v)
    y, back_y = linear(context, w, name + "output_linear.weights")
    def back(dy, grads):
        dq, dk, dv = back_context(back_y(dy, grads))
        return back_q(dq, grads) + back_k(dk, grads) + back_v(dv, grads)
    return y, back

# %% [markdown]
# Four more matrices are 65,536 more weights. A standard deviation of $1/\sqrt{128}$ keeps the
# size of what a matrix of 128 columns puts out.

# %% tags=["my-gpt"]
def new_weights(rng):  # lib.model.GPTModel: all weights, by name
    w = {"token_embedding.weights": matrix(rng, VOCABULARY, D_MODEL, 1)}
    for part in ("query", "key", "value", "output"):
        w[part + "_linear.weights"] = matrix(rng, D_MODEL, D_MODEL, D_MODEL**-0.5)
    w["output_projection.weights"] = matrix(rng, VOCABULARY, D_MODEL, 0.02)
    return w

# %% [markdown]
# The model adds what attention gathers to the token's own vector, so that the token itself isn't
# lost. A sum hands its gradient on unchanged to both of its terms: that is the `dx +` on the way
# back.

# %% tags=["my-gpt"]
def model(tokens, w):  # lib.model.GPTModel: (batch, time) -> (batch, time, vocabulary)
    x, back_embedding = embedding(tokens, w, "token_embedding.weights")
    y, back_attention = attention(x, w, "")
    logits, back_output = linear(x + y, w, "output_projection.weights")
    def back(d_logits, grads):
        dx = back_output(d_logits, grads)
        back_embedding(dx + back_attention(dx, grads), grads)
    return logits, back

# %% [markdown]
# One head of attention beats the model that sees a single token. But it sees the earlier tokens
# as a bag: nothing tells it which of them came last.

# %%
one_head = held_out_after(model, new_weights(np.random.default_rng(0)))
print(f"one head of attention: {one_head:.2f} nats")

# %% [markdown]
# Chapter 2 derived a row of sines and cosines for each position. Added to the embedding, they
# tell attention how far away a token is, and they cost no weight.

# %% tags=["my-gpt"]
def positions(time):  # lib.positions.sinusoidal_positions: (time, d)
    angles = np.arange(time)[:, None] / 1e4 ** (np.arange(0, D_MODEL, 2) / D_MODEL)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(time, D_MODEL).astype(np.float32)

# %% tags=["my-gpt"]
def model(tokens, w):  # lib.model.GPTModel: (batch, time) -> (batch, time, vocabulary)
    x, back_embedding = embedding(tokens, w, "token_embedding.weights")
    x = x + positions(tokens.shape[1])
    y, back_attention = attention(x, w, "")
    logits, back_output = linear(x + y, w, "output_projection.weights")
    def back(d_logits, grads):
        dx = back_output(d_logits, grads)
        back_embedding(dx + back_attention(dx, grads), grads)
    return logits, back

# %%
ordered = held_out_after(model, new_weights(np.random.default_rng(0)))
print(f"one head {one_head:.2f} nats, with positions {ordered:.2f}")

# %% [markdown]
# A softmax makes one mean, and a token often needs several things at once. So the 128 numbers of
# each query, key and value are cut into four heads of 32, and `attend`, which doesn't care how
# many axes stand in front, treats each by itself.

# %% tags=["my-gpt"]
HEADS = 4

def split(x):  # lib.attention.CausalSelfAttention.split_heads
    return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)

def merge(x):  # lib.attention.CausalSelfAttention.join_heads
    return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)

# %% [markdown]
# In `attention` three lines change: queries, keys and values are split, their mean is merged, and
# so are the three gradients on the way back. No weight is added.

# %% tags=["my-gpt"]
def attention(x, w, name):  # lib.attention.CausalSelfAttention: (batch, time, d) -> the same
    q, back_q = linear(x, w, name + "query_linear.weights")
    k, back_k = linear(x, w, name + "key_linear.weights")
    v, back_v = linear(x, w, name + "value_linear.weights")
    context, back_context = attend(split(q), split(k), split(v))
    y, back_y = linear(merge(context), w, name + "output_linear.weights")
    def back(dy, grads):
        dq, dk, dv = map(merge, back_context(split(back_y(dy, grads))))
        return back_q(dq, grads) + back_k(dk, grads) + back_v(dv, grads)
    return y, back

# %%
four_heads = held_out_after(model, new_weights(np.random.default_rng(0)))
print(f"one head {ordered:.2f} nats, four heads {four_heads:.2f}")
