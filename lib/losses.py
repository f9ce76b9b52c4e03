"""Cross-entropy over the vocabulary, and its gradient."""

from __future__ import annotations

import numpy as np

IGNORE = -100  # a target that carries no loss: a prompt's token, or padding


def _check(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
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


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean of -log p(target), and its gradient, from one pass over the logits.

    logits: (..., vocabulary), targets: (...) of token ids or IGNORE
    -> loss in nats, gradient of logits' shape: (p - onehot) / count, zero where ignored.

    Raises:
        ValueError: shapes differ, a target is out of range, or every target is ignored.
    """
    counted = _check(logits, targets)
    all_count = bool(counted.all())
    rows = logits.reshape(-1, logits.shape[-1]) if all_count else logits[counted]
    place = np.arange(len(rows)), targets[counted]
    rows = rows - rows.max(-1, keepdims=True)
    chosen = rows[place]
    np.exp(rows, out=rows)
    total = rows.sum(-1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - chosen))
    rows *= 1 / (total * len(rows))
    rows[place] -= 1 / len(rows)
    if all_count:
        return loss, rows.reshape(logits.shape)
    grad = np.zeros_like(logits)
    grad[counted] = rows
    return loss, grad


def cross_entropy_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean of -log p(target) over the targets that count, in nats: see ``cross_entropy``."""
    return cross_entropy(logits, targets)[0]


def cross_entropy_loss_backward(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Gradient of ``cross_entropy_loss`` with respect to the logits, of their shape."""
    return cross_entropy(logits, targets)[1]
