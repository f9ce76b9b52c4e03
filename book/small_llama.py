"""A small Llama: behind the last line of my_gpt.py, these definitions replace its own.

Page "From this GPT to a 2026 model".  A later definition of a name replaces an earlier one.
"""


# What the page's two exercises ask for:
def turned(x, angles):
    def turn_by(x, angles):
        y, a, b = np.empty_like(x), x[..., 0::2], x[..., 1::2]
        y[..., 0::2] = a * np.cos(angles) - b * np.sin(angles)
        y[..., 1::2] = a * np.sin(angles) + b * np.cos(angles)
        return y
    def back(dy):
        return turn_by(dy, -angles)
    return turn_by(x, angles), back


def grouped(q, k, v):
    shared = q.shape[1] // k.shape[1]
    y, back_attend = attend(q, np.repeat(k, shared, 1), np.repeat(v, shared, 1))
    def back(dy):
        dq, *both = back_attend(dy)
        return dq, *(d.reshape(len(d), -1, shared, *d.shape[2:]).sum(2) for d in both)
    return y, back


# What the page gives, to stand behind them:
KV_HEADS = 2
HIDDEN = 344  # with 341, three matrices have as many weights as your two of 512


def embedding(tokens, w, name):
    def back(dy, grads):
        np.add.at(grads[name], tokens, dy)
    return w[name][tokens], back


def norm_weights(name):
    return {name + ".gamma": np.ones(D_MODEL, np.float32)}


def block_weights(rng, name):
    w, narrow = {}, (2 * LAYERS) ** -0.5
    few = D_MODEL * KV_HEADS // HEADS
    for part, rows in (("query", D_MODEL), ("key", few), ("value", few), ("output", D_MODEL)):
        std = D_MODEL**-0.5 * (narrow if part == "output" else 1)
        w[f"{name}self_attention.{part}_linear.weights"] = matrix(rng, rows, D_MODEL, std)
    for part in ("gate", "up"):
        w[f"{name}feed_forward.{part}_linear.weights"] = matrix(rng, HIDDEN, D_MODEL, D_MODEL**-0.5)
    w[f"{name}feed_forward.down_linear.weights"] = matrix(
        rng, D_MODEL, HIDDEN, HIDDEN**-0.5 * narrow)
    return w | norm_weights(name + "attention_norm") | norm_weights(name + "feed_forward_norm")


def new_weights(rng):
    w = {"token_embedding.weights": matrix(rng, VOCABULARY, D_MODEL, 0.1)}
    for layer in range(LAYERS):
        w |= block_weights(rng, f"transformer_stack.layers.{layer}.")
    return w | norm_weights("final_norm")


def layer_norm(x, w, name):
    rms = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    x_hat = x / rms
    def back(dy, grads):
        grads[name + ".gamma"] = (dy * x_hat).sum((0, 1))
        dx_hat = dy * w[name + ".gamma"]
        return (dx_hat - x_hat * (dx_hat * x_hat).mean(-1, keepdims=True)) / rms
    return x_hat * w[name + ".gamma"], back


def split(x):
    return x.reshape(*x.shape[:2], -1, D_MODEL // HEADS).swapaxes(1, 2)


def attention(x, w, name):
    q, back_q = linear(x, w, name + "query_linear.weights")
    k, back_k = linear(x, w, name + "key_linear.weights")
    v, back_v = linear(x, w, name + "value_linear.weights")
    angles = positions(q.shape[1], w.get("seen", 0)).astype(q.dtype)
    q, turn_back_q = turned(split(q), angles)
    k, turn_back_k = turned(split(k), angles)
    k, v = remember(merge(k), v, w, name)
    context, back_context = grouped(q, split(k), split(v))
    y, back_y = linear(merge(context), w, name + "output_linear.weights")
    def back(dy, grads):
        dq, dk, dv = back_context(split(back_y(dy, grads)))
        dq, dk, dv = merge(turn_back_q(dq)), merge(turn_back_k(dk)), merge(dv)
        return back_q(dq, grads) + back_k(dk, grads) + back_v(dv, grads)
    return y, back


def feed_forward(x, w, name):
    gate, back_gate = linear(x, w, name + "gate_linear.weights")
    wide, back_up = linear(x, w, name + "up_linear.weights")
    s = 1 / (1 + np.exp(-gate))
    y, back_down = linear(gate * s * wide, w, name + "down_linear.weights")
    def back(dy, grads):
        dh = back_down(dy, grads)
        d_gate = dh * wide * s * (1 + gate * (1 - s))
        return back_up(dh * gate * s, grads) + back_gate(d_gate, grads)
    return y, back


def positions(time, seen=0):
    speeds = 1e4 ** (-np.arange(0, D_MODEL // HEADS, 2) / (D_MODEL // HEADS))
    return np.arange(seen, seen + time)[:, None] * speeds


def model(tokens, w):
    x, back_embedding = embedding(tokens, w, "token_embedding.weights")
    back_blocks = []
    for layer in range(LAYERS):
        x, back_block = block(x, w, f"transformer_stack.layers.{layer}.")
        back_blocks.insert(0, back_block)
    x, back_norm = layer_norm(x, w, "final_norm")
    logits, back_output = linear(x, w, "token_embedding.weights")
    def back(d_logits, grads):
        dx = back_norm(back_output(d_logits, grads), grads)
        for back_block in back_blocks:
            dx = back_block(dx, grads)
        back_embedding(dx, grads)
    return logits, back
