# %% [markdown]
# From here on you write a file of your own, `my_gpt.py`: each chapter adds a few functions to it,
# and at the end of chapter 6 it is a whole GPT. It begins with the two things that every model
# needs, sizes and exercises: `windows` cuts pieces out of one long row of tokens, and the targets
# are the inputs shifted by one.

# %% tags=["my-gpt"]
import numpy as np

VOCABULARY, D_MODEL = 1000, 128

def windows(stream, step, seed=0, batch=32, time=64):  # lib.training.stream_batch
    starts = np.random.default_rng([seed, step]).integers(0, len(stream) - time, batch)
    rows = stream[starts[:, None] + np.arange(time + 1)]
    return rows[:, :-1], rows[:, 1:]

# %% [markdown]
# An **embedding** looks up one row of a table for each token. The function returns two things,
# the rows and `back`, its way back: given the gradient of what it returned, `back` notes that of
# the table in `grads`.

# %% tags=["my-gpt"]
def embedding(tokens, w, name):  # lib.layers.Embedding: (batch, time) -> (batch, time, d)
    def back(dy, grads):
        grads[name] = np.zeros_like(w[name])
        np.add.at(grads[name], tokens, dy)
    return w[name][tokens], back

# %% [markdown]
# The smallest language model is a **bigram model**: it guesses the next token from the last one
# alone. Its table has a row of 1,000 logits for each token, all zero at first, so the model is
# nothing but an embedding whose rows are logits.

# %% tags=["my-gpt"]
def new_weights(rng):  # lib.model.GPTModel: all weights, by name
    return {"table": np.zeros((VOCABULARY, VOCABULARY), np.float32)}

def model(tokens, w):  # lib.model.GPTModel: (batch, time) -> (batch, time, vocabulary)
    return embedding(tokens, w, "table")

# %% [markdown]
# How good is it? `held_out_after` trains for a fixed small budget, 300 batches of 8 windows, with
# a loss and an optimizer that we borrow from the library until chapter 5, and measures the loss
# on text that was held out. A model that knows nothing has 6.91 nats.

# %%
from lib.growing import held_out_after

bigram = held_out_after(model, new_weights(np.random.default_rng(0)))
print(f"bigram table: {bigram:.2f} nats")

# %% [markdown]
# The table learns each token's row from the few places where that token stood, and from nothing
# else. Tokens that are alike could share what they learn if each were a shorter row of 128
# numbers, and a **linear layer** turned such rows into logits. Its gradient, in `einsum`'s
# letters, sums over all texts b and all places t.

# %% tags=["my-gpt"]
def linear(x, w, name):  # lib.layers.Linear: (batch, time, d_in) -> (batch, time, d_out)
    def back(dy, grads):
        grads[name] = np.einsum("bto,bti->oi", dy, x, optimize=True)
        return dy @ w[name]
    return x @ w[name].T, back

# %% [markdown]
# A matrix must start at random, because rows that are equal would get equal gradients and stay
# equal. The embedding starts with a standard deviation of 1, and the output with 0.02, which
# makes all first guesses nearly uniform.

# %% tags=["my-gpt"]
def matrix(rng, rows, columns, std):  # lib.layers.Linear.random
    return (std * rng.standard_normal((rows, columns))).astype(np.float32)

def new_weights(rng):  # lib.model.GPTModel: all weights, by name
    return {"token_embedding.weights": matrix(rng, VOCABULARY, D_MODEL, 1),
            "output_projection.weights": matrix(rng, VOCABULARY, D_MODEL, 0.02)}

# %% [markdown]
# The model is now two layers, one after the other. Its way back goes through the same two in
# reverse order, and each hands on the gradient of its input.

# %% tags=["my-gpt"]
def model(tokens, w):  # lib.model.GPTModel: (batch, time) -> (batch, time, vocabulary)
    x, back_embedding = embedding(tokens, w, "token_embedding.weights")
    logits, back_output = linear(x, w, "output_projection.weights")
    def back(d_logits, grads):
        back_embedding(back_output(d_logits, grads), grads)
    return logits, back

# %%
vectors = held_out_after(model, new_weights(np.random.default_rng(0)))
print(f"bigram table {bigram:.2f} nats, embedding and linear layer {vectors:.2f}")

# %% [markdown]
# It has 256,000 weights instead of 1,000,000, and at the same learning rate it learns much faster.
# Part of that is the rate, which suits small matrices and not a table whose logits must each grow
# on their own: with 0.3 instead of 0.005 the table does a little better.

# %%
fast = held_out_after(lambda tokens, w: embedding(tokens, w, "table"),
                      {"table": np.zeros((VOCABULARY, VOCABULARY), np.float32)}, rate=0.3)
print(f"bigram table at a learning rate of 0.3: {fast:.2f} nats")

# %% [markdown]
# How low can a model get that sees one token? Counting all pairs of neighbours, with a little of
# the tokens' own frequencies mixed in where pairs are rare, gives a mark to beat; to get far below
# it, a model must look further back, and that is chapter 3.

# %%
from lib.growing import practice_streams

stream, held_out = practice_streams()
pairs = np.zeros((VOCABULARY, VOCABULARY))
np.add.at(pairs, (stream[:-1], stream[1:]), 1)
share = pairs.sum(0) + 0.1
p = pairs + 5 * share / share.sum()
p /= p.sum(1, keepdims=True)
counted = -np.log(p[held_out[:-1], held_out[1:]]).mean()
print(f"counted pairs: {counted:.2f} nats")
