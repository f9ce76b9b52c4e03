# %% [markdown]
# The file goes on from chapter 3. Its model reads with one layer of attention and has no other
# layer that could work on what was read.

# %%
import numpy as np

from lib.growing import grow, held_out_after

grow(globals(), upto=3)

# %% [markdown]
# **Layer norm** gives each row mean 0 and variance 1, then scales and shifts it by two learnt
# vectors. On the way back, the two means are what shifting and stretching the row would undo.

# %% tags=["my-gpt"]
def layer_norm(x, w, name):  # lib.layers.LayerNorm: (batch, time, d) -> the same
    std = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    x_hat = (x - x.mean(-1, keepdims=True)) / std
    def back(dy, grads):
        grads[name + ".gamma"], grads[name + ".beta"] = (dy * x_hat).sum((0, 1)), dy.sum((0, 1))
        dx_hat = dy * w[name + ".gamma"]
        along = (dx_hat * x_hat).mean(-1, keepdims=True)
        return (dx_hat - dx_hat.mean(-1, keepdims=True) - x_hat * along) / std
    return x_hat * w[name + ".gamma"] + w[name + ".beta"], back

# %% tags=["my-gpt"]
def norm_weights(name):  # lib.layers.LayerNorm: its weights, which change nothing at first
    return {name + ".gamma": np.ones(D_MODEL, np.float32),
            name + ".beta": np.zeros(D_MODEL, np.float32)}

# %% [markdown]
# **GELU** multiplies x by the probability that a standard normal number is smaller than x, here
# in its usual approximation by a hyperbolic tangent. It returns its slope too, which the way back
# will multiply by.

# %% tags=["my-gpt"]
import math


def gelu(x):  # lib.layers.gelu_with_slope: any shape
    c, a = (2 / math.pi) ** 0.5, 0.044715
    t = np.tanh(c * (x + a * x * x * x))
    slope = (1 + t) / 2 + x * (1 - t * t) / 2 * c * (1 + 3 * a * x * x)
    return x * (1 + t) / 2, slope

# %% [markdown]
# The **feed-forward layer** widens each token's 128 numbers to 512, bends them, and narrows them
# again. It treats each token by itself: attention moves information between tokens, and this
# layer works on it.

# %% tags=["my-gpt"]
HIDDEN = 512

def feed_forward(x, w, name):  # lib.model.FeedForward: (batch, time, d) -> the same
    wide, back_up = linear(x, w, name + "up_linear.weights")
    bent, slope = gelu(wide)
    y, back_down = linear(bent, w, name + "down_linear.weights")
    return y, lambda dy, grads: back_up(back_down(dy, grads) * slope, grads)

# %% [markdown]
# A **block** is attention and then the feed-forward layer, each behind a layer norm, each adding
# its result to the residual stream `x`. On the way back, `dy` passes straight through both sums.

# %% tags=["my-gpt"]
def block(x, w, name):  # lib.model.TransformerBlock: (batch, time, d) -> the same
    y, back_norm1 = layer_norm(x, w, name + "attention_norm")
    y, back_attention = attention(y, w, name + "self_attention.")
    z, back_norm2 = layer_norm(x + y, w, name + "feed_forward_norm")
    z, back_forward = feed_forward(z, w, name + "feed_forward.")
    def back(dy, grads):
        dy = dy + back_norm2(back_forward(dy, grads), grads)
        return dy + back_norm1(back_attention(dy, grads), grads)
    return x + y + z, back

# %% [markdown]
# The weights of a block have names of their own, because there will be several blocks. What is
# added to the stream starts smaller by $1/\sqrt{2 L}$, since $2 L$ such sums are to come.

# %% tags=["my-gpt"]
LAYERS = 1

def block_weights(rng, name):  # lib.model.TransformerBlock: the weights of one block, by name
    w, narrow = {}, (2 * LAYERS) ** -0.5
    for part in ("query", "key", "value", "output"):
        std = D_MODEL**-0.5 * (narrow if part == "output" else 1)
        w[f"{name}self_attention.{part}_linear.weights"] = matrix(rng, D_MODEL, D_MODEL, std)
    up, down = (f"{name}feed_forward.{part}_linear.weights" for part in ("up", "down"))
    w[up] = matrix(rng, HIDDEN, D_MODEL, D_MODEL**-0.5)
    w[down] = matrix(rng, D_MODEL, HIDDEN, HIDDEN**-0.5 * narrow)
    return w | norm_weights(name + "attention_norm") | norm_weights(name + "feed_forward_norm")

# %% [markdown]
# All weights together: the table, the blocks, a last layer norm, the output. The names are those
# of the library, so that your file can read the weights that the library has trained.

# %% tags=["my-gpt"]
def new_weights(rng):  # lib.model.GPTModel: all weights, by name
    w = {"token_embedding.weights": matrix(rng, VOCABULARY, D_MODEL, 1)}
    for layer in range(LAYERS):
        w |= block_weights(rng, f"transformer_stack.layers.{layer}.")
    output = matrix(rng, VOCABULARY, D_MODEL, 0.02)
    return w | norm_weights("final_norm") | {"output_projection.weights": output}

# %% [markdown]
# In `model` the blocks take the place of attention, each reading what the one before it put out,
# and a last layer norm stands before the output. The way back goes through the blocks' own ways
# back, the last one first.

# %% tags=["my-gpt"]
def model(tokens, w):  # lib.model.GPTModel: (batch, time) -> (batch, time, vocabulary)
    x, back_embedding = embedding(tokens, w, "token_embedding.weights")
    x, back_blocks = x + positions(tokens.shape[1]), []
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

# %% [markdown]
# With a single block the model already beats four heads of attention. The GPT of this book has
# four of them: change one number.

# %%
one_block = held_out_after(model, new_weights(np.random.default_rng(0)))
print(f"one block: {one_block:.2f} nats")

# %% tags=["my-gpt"]
LAYERS = 4

# %%
w = new_weights(np.random.default_rng(0))
count = sum(array.size for array in w.values())
four_blocks = held_out_after(model, w)
print(f"{count:,} weights; one block {one_block:.2f} nats, four blocks {four_blocks:.2f}")
