"""Cross-entropy over the vocabulary, and its gradient."""

from __future__ import annotations

import numpy as np

IGNORE = -100  # a target that carries no loss: a prompt's token, or padding


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of -log p(target), and its gradient, from one pass over the logits.

    logits: (..., vocabulary), targets: (...) of token ids or IGNORE
    -> loss in nats, gradient of logits' shape: (p - onehot) / count, zero where ignored.

    Raises:
        ValueError: shapes differ, a target is out of range, or every target is ignored.
    """
    counted = _counted(logits, targets)
    every = bool(counted.all())     # then nothing has to be picked out and put back
    rows = logits.reshape(-1, logits.shape[-1]) if every else logits[counted]
    place = np.arange(len(rows)), targets[counted]      # of each row's target
    rows = rows - rows.max(-1, keepdims=True)           # so that exp cannot overflow
    chosen = rows[place]
    p = np.exp(rows, out=rows)
    total = p.sum(-1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - chosen))
    p /= total * len(p)
    p[place] -= 1 / len(p)
    if every:
        return loss, p.reshape(logits.shape)
    grad = np.zeros_like(logits)
    grad[counted] = p
    return loss, grad


def cross_entropy_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean of -log p(target) over the targets that count, in nats: see ``cross_entropy``."""
    return cross_entropy(logits, targets)[0]


def cross_entropy_loss_backward(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Gradient of ``cross_entropy_loss`` with respect to the logits, of their shape."""
    return cross_entropy(logits, targets)[1]


def _counted(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return which targets count; raise ValueError on shapes or ids that do not fit."""
    if targets.shape != logits.shape[:-1]:
        raise ValueError(f"targets have shape {targets.shape}, "
                         f"but logits {logits.shape} need {logits.shape[:-1]}")
    if not np.issubdtype(targets.dtype, np.integer):
        raise ValueError(f"targets must be whole numbers, got {targets.dtype}")
    counted = targets != IGNORE
    wrong = targets[counted & ((targets < 0) | (targets >= logits.shape[-1]))]
    if wrong.size:
        raise ValueError(f"target {wrong[0]} is neither a token id from 0 to "
                         f"{logits.shape[-1] - 1} nor {IGNORE} (ignored)")
    if not counted.any():
        raise ValueError(f"all {targets.size} targets are {IGNORE} (ignored): there is no loss")
    return counted
