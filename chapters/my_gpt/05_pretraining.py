# %% [markdown]
# The file goes on from chapter 4. It has a whole GPT, but its loss and its optimizer were
# borrowed so far, and here you write your own.

# %%
import math

import numpy as np

from lib.growing import grow, held_out_loss, practice_streams

grow(globals(), upto=4)
stream, _ = practice_streams()

# %% [markdown]
# The **cross-entropy** is the mean of $-\log p$ of the tokens that really came, and its gradient
# is $p$ minus 1 at the right token. Division by the number of targets makes it the gradient of
# the mean.

# %% tags=["my-gpt"]
def cross_entropy(logits, targets):  # lib.losses.cross_entropy: loss, gradient of the logits
    p, right = softmax(logits), targets[..., None]
    chosen = np.take_along_axis(p, right, -1)
    np.put_along_axis(p, right, chosen - 1, -1)
    return float(-np.log(chosen).mean()), p / targets.size

# %% [markdown]
# A training step is forward, loss, backward, update. The simplest update is **gradient descent**:
# subtract the gradient times a learning rate.

# %% tags=["my-gpt"]
def train(w, stream, steps, rate=0.3, batch=32):  # lib.training.fit
    losses = []
    for step in range(steps):
        inputs, targets = windows(stream, step, batch=batch)
        logits, back = model(inputs, w)
        loss, d_logits = cross_entropy(logits, targets)
        grads = {}
        back(d_logits, grads)
        for name, gradient in grads.items():
            w[name] -= rate * gradient
        losses.append(loss)
    return losses

# %% [markdown]
# The budget is the one that you know, 300 batches of 8 windows. Gradient descent with one rate for
# all weights is slow, because their gradients differ in size.

# %%
w = new_weights(np.random.default_rng(0))
train(w, stream, steps=300, batch=8)
descent = held_out_loss(model, w)
print(f"gradient descent: {descent:.2f} nats")

# %% [markdown]
# **AdamW** keeps two running means for each weight, of the gradient and of its square, and moves
# by the first over the root of the second. Dividing by $1 - \beta^t$ undoes that both start at
# zero, and the decay shrinks matrices a little at every step.

# %% tags=["my-gpt"]
def adamw(w, grads, moments, step, rate, beta1=0.9, beta2=0.99, decay=0.1):  # lib.optim.AdamW
    for name, g in grads.items():
        first, second = moments.setdefault(name, (np.zeros_like(g), np.zeros_like(g)))
        first += (1 - beta1) * (g - first)
        second += (1 - beta2) * (g * g - second)
        if g.ndim > 1:
            w[name] *= 1 - rate * decay
        root = np.sqrt(second / (1 - beta2**step)) + 1e-8
        w[name] -= rate * first / (1 - beta1**step) / root

# %% [markdown]
# In `train` the update becomes AdamW's, and the moments live as long as the run. A learning rate
# of 0.005 now means that a weight moves by about 0.005 a step.

# %% tags=["my-gpt"]
def train(w, stream, steps, rate=5e-3, batch=32):  # lib.training.fit
    losses, moments = [], {}
    for step in range(steps):
        inputs, targets = windows(stream, step, batch=batch)
        logits, back = model(inputs, w)
        loss, d_logits = cross_entropy(logits, targets)
        grads = {}
        back(d_logits, grads)
        adamw(w, grads, moments, step + 1, rate)
        losses.append(loss)
    return losses

# %%
w = new_weights(np.random.default_rng(0))
train(w, stream, steps=300, batch=8)
adam = held_out_loss(model, w)
print(f"gradient descent {descent:.2f} nats, AdamW {adam:.2f}")

# %% [markdown]
# **Clipping** scales all gradients down together where they are longer than 1, so that no single
# batch can throw the weights far off. The **learning rate** rises in a straight line at first and
# then falls along half a cosine.

# %% tags=["my-gpt"]
def clip(grads, longest=1.0):  # lib.optim.clip_gradient_norm: in place
    norm = math.sqrt(sum(float((g * g).sum()) for g in grads.values()))
    for g in grads.values():
        g *= min(1.0, longest / norm)

def learning_rate(step, total, warmup, peak=5e-3):  # lib.optim.warmup_cosine
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (total - 1 - warmup)
    return peak * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)

# %% [markdown]
# This is the whole training loop. The real run has 1,400 steps, of which the first 100 are the
# rise; `steps` says how many of them to do.

# %% tags=["my-gpt"]
def train(w, stream, steps, total=1400, warmup=100, batch=32):  # lib.training.fit
    losses, moments = [], {}
    for step in range(steps):
        inputs, targets = windows(stream, step, batch=batch)
        logits, back = model(inputs, w)
        loss, d_logits = cross_entropy(logits, targets)
        grads = {}
        back(d_logits, grads)
        clip(grads)
        adamw(w, grads, moments, step + 1, learning_rate(step, total, warmup))
        losses.append(loss)
    return losses

# %%
w = new_weights(np.random.default_rng(0))
train(w, stream, steps=300, total=300, warmup=30, batch=8)
scheduled = held_out_loss(model, w)
print(f"gradient descent {descent:.2f} nats, AdamW {adam:.2f}, "
      f"with clipping and a schedule {scheduled:.2f}")

# %% [markdown]
# Now the real thing: the whole text, the recorded run's first weights and its batches. Your file
# should repeat the first sixty losses that the library's run has left behind.

# %%
from lib.pretraining import Recipe, load_history, pretraining_data

_, whole, _ = pretraining_data(Recipe())
losses = train(new_weights(np.random.default_rng([0, 2])), whole, steps=60)
gap = np.abs(np.array(losses) - load_history()["losses"][:60]).max()
print(f"loss 1: {losses[0]:.3f}, loss 60: {losses[-1]:.3f}; "
      f"largest difference from the record {gap:.0e}")
