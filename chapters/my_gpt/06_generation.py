# %% [markdown]
# The file goes on from chapter 5 and can train a GPT. Instead of waiting for 1,400 steps, give it
# the trained weights of the base model: they have the same names, so it reads them as they are.

# %%
import numpy as np

from lib.corpus import documents
from lib.generation import start_of_text
from lib.growing import grow
from lib.pretraining import load_base

grow(globals(), upto=5)
base, tokenizer = load_base()
w = base.parameters()
france = np.array([start_of_text(tokenizer, "The capital of France is")])
gap = np.abs(model(france, w)[0] - base.forward(france, training=False)).max()
print(f"largest difference of a logit from the library's: {gap:.0e}")

# %% [markdown]
# Writing is **autoregressive**: guess the next token, append it, guess again. Taking the
# likeliest token each time is called **greedy decoding**.

# %% tags=["my-gpt"]
def generate(w, tokens, count):  # lib.generation.generate
    for _ in range(count):
        logits, _ = model(tokens, w)
        tokens = np.append(tokens, logits[:, -1:].argmax(-1), axis=1)
    return tokens

# %%
print(tokenizer.decode(generate(w, france, 4)[0, 1:]))
morning = np.array([start_of_text(tokenizer, "One morning")] * 100)
greedy = [tokenizer.decode(row[1:]) for row in generate(w, morning, 40)]
print(f"{len(set(greedy))} of 100 texts are different: {greedy[0]!r}")

# %% [markdown]
# Asked a hundred times, greedy decoding gives the same text a hundred times. So draw the token
# instead, each with its own probability; a **temperature** above or below 1 makes the rare ones
# more or less likely.

# %% tags=["my-gpt"]
def choose(logits, temperature, rng):  # lib.generation.next_token_probabilities
    if temperature == 0:
        return logits.argmax(-1)
    edges = softmax(logits.astype(np.float64) / temperature).cumsum(-1)
    return (edges <= rng.random((len(edges), 1)) * edges[:, -1:]).sum(-1)

# %% tags=["my-gpt"]
def generate(w, tokens, count, temperature=0.0, rng=None):  # lib.generation.generate
    for _ in range(count):
        logits, _ = model(tokens, w)
        new = choose(logits[:, -1], temperature, rng)
        tokens = np.append(tokens, new[:, None], axis=1)
    return tokens

# %% [markdown]
# Nearly all texts are different now, but some of their words don't exist: each rare token has a
# small chance, and there are hundreds of them. Count the words that stand in none of the 20,000
# documents of the training text.

# %%
known = {word for text in documents(20_000, np.random.default_rng([0, 0]))
         for word in text.split()}


def report(name, rows):
    texts = [tokenizer.decode(row[1:]).split("<eos>")[0] for row in rows]
    words = [word for text in texts for word in text.split()[:-1]]
    unknown = sum(word not in known for word in words)
    print(f"{name:16}{len(set(texts)):3} different texts, {unknown:3} of {len(words)} "
          f"words are unknown")


report("drawn", generate(w, morning, 40, 1.0, np.random.default_rng(0)))

# %% [markdown]
# **Top-p**, or nucleus sampling, cuts this tail off: it keeps the fewest tokens that together
# reach the probability $p$, and draws among them. `last` is the place of the last of them in the
# sorted row, and all that are less likely become zero.

# %% tags=["my-gpt"]
def nucleus(p, top_p):  # lib.generation.next_token_probabilities
    ranked = -np.sort(-p, axis=-1)
    last = (ranked.cumsum(-1) - ranked < top_p).sum(-1, keepdims=True) - 1
    return np.where(p < np.take_along_axis(ranked, last, -1), 0, p)

# %% tags=["my-gpt"]
def choose(logits, temperature, top_p, rng):  # lib.generation.next_token_probabilities
    if temperature == 0:
        return logits.argmax(-1)
    edges = nucleus(softmax(logits.astype(np.float64) / temperature), top_p).cumsum(-1)
    return (edges <= rng.random((len(edges), 1)) * edges[:, -1:]).sum(-1)

# %% tags=["my-gpt"]
def generate(w, tokens, count, temperature=0.0, top_p=1.0, rng=None):  # lib.generation.generate
    for _ in range(count):
        logits, _ = model(tokens, w)
        new = choose(logits[:, -1], temperature, top_p, rng)
        tokens = np.append(tokens, new[:, None], axis=1)
    return tokens

# %%
slow = generate(w, morning, 40, 1.0, 0.9, np.random.default_rng(0))
report("top-p 0.9", slow)

# %% [markdown]
# For each new token the model reads the whole text again, although keys and values of the old
# tokens are what they were. A **KV cache** keeps them: while `w` holds a number of tokens already
# seen, `remember` puts the new keys and values behind the old ones of the same layer.

# %% tags=["my-gpt"]
def remember(k, v, w, name):  # lib.attention.KVCache: (batch, time, d) -> all tokens so far
    if "seen" in w:
        old = w.get(name, (k[:, :0], v[:, :0]))
        k, v = w[name] = [np.concatenate(both, axis=1) for both in zip(old, (k, v))]
    return k, v

# %% [markdown]
# Attention asks for them, and its mask must know that there are now more keys than queries. In
# training nothing changes.

# %% tags=["my-gpt"]
def attend(q, k, v):  # lib.attention.CausalSelfAttention: (..., time, d_h) -> the same
    scale, seen = q.shape[-1] ** -0.5, k.shape[-2] - q.shape[-2]
    scores = q @ k.mT * scale
    future = np.triu(np.ones(scores.shape[-2:], bool), 1 + seen)
    p = softmax(np.where(future, -np.inf, scores))
    def back(dy):
        dp = dy @ v.mT
        d_scores = p * (dp - (p * dp).sum(-1, keepdims=True)) * scale
        return d_scores @ k, d_scores.mT @ q, p.mT @ dy
    return p @ v, back

# %% tags=["my-gpt"]
def attention(x, w, name):  # lib.attention.CausalSelfAttention: (batch, time, d) -> the same
    q, back_q = linear(x, w, name + "query_linear.weights")
    k, back_k = linear(x, w, name + "key_linear.weights")
    v, back_v = linear(x, w, name + "value_linear.weights")
    k, v = remember(k, v, w, name)
    context, back_context = attend(split(q), split(k), split(v))
    y, back_y = linear(merge(context), w, name + "output_linear.weights")
    def back(dy, grads):
        dq, dk, dv = map(merge, back_context(split(back_y(dy, grads))))
        return back_q(dq, grads) + back_k(dk, grads) + back_v(dv, grads)
    return y, back

# %% [markdown]
# Positions are counted from the tokens already seen, and `generate` hands the model the new
# tokens only. The cache goes into a copy of the dictionary of weights, so the weights themselves
# stay as they are.

# %% tags=["my-gpt"]
def positions(time, seen=0):  # lib.positions.sinusoidal_positions: (time, d)
    angles = np.arange(seen, seen + time)[:, None] / 1e4 ** (np.arange(0, D_MODEL, 2) / D_MODEL)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(time, D_MODEL).astype(np.float32)

# %% tags=["my-gpt"]
def model(tokens, w):  # lib.model.GPTModel: (batch, time) -> (batch, time, vocabulary)
    x, back_embedding = embedding(tokens, w, "token_embedding.weights")
    x, back_blocks = x + positions(tokens.shape[1], w.get("seen", 0)), []
    for layer in range(LAYERS):
        x, back_block = block(x, w, f"transformer_stack.layers.{layer}.")
        back_blocks.insert(0, back_block)
    x, back_norm = layer_norm(x, w, "final_norm")
    logits, back_output = linear(x, w, "output_projection.weights")
    def back(d_logits, grads):
        dx = back_norm(back_output(d_logits, grads), grads)
        for back_block in back_blocks:
            dx = back_block(dx, grads)
        back_embedding(dx, grads)
    return logits, back

# %% tags=["my-gpt"]
def generate(w, tokens, count, temperature=0.0, top_p=1.0, rng=None):  # lib.generation.generate
    w, new = {**w, "seen": 0}, tokens
    for _ in range(count):
        logits, _ = model(new, w)
        w["seen"] = tokens.shape[1]
        new = choose(logits[:, -1], temperature, top_p, rng)[:, None]
        tokens = np.append(tokens, new, axis=1)
    return tokens

# %%
quick = generate(w, morning, 40, 1.0, 0.9, np.random.default_rng(0))
start = morning.shape[1]
print(f"{int((quick != slow).sum())} of {slow.size} tokens differ; tokens read for one text: "
      f"{sum(range(start, start + 40))} without the cache, {start + 39} with it")
