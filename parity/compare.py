"""Comparing arrays, and what training takes on PyTorch's side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from lib.model import GPTModel
from lib.training import Batch

#: What was compared -> (largest relative difference so far, what is allowed).
LARGEST: dict[str, tuple[float, float]] = {}


def in_float64(model: GPTModel) -> GPTModel:
    """A float64 model with the same weights: ``astype`` would keep sinusoids rounded to float32.
    """
    exact = GPTModel(replace(model.config, dtype=np.float64), np.random.default_rng(0))
    for name, array in model.parameters().items():
        exact.parameters()[name][...] = array
    return exact


def numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def close(what: str, found: np.ndarray | float, wanted: torch.Tensor | float,
          allowed: float, name: str = "") -> None:
    """Assert that two arrays differ by at most ``allowed``, in the 2-norm, relative to the norm.

    The largest difference of everything called ``what`` is kept for the report.
    """
    if isinstance(wanted, torch.Tensor):
        wanted = numpy(wanted)
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape, (what, name)
    size = np.linalg.norm(wanted)
    assert size > 0, f"{what}: {name} is all zeros, which compares nothing"
    difference = float(np.linalg.norm(found - wanted) / size)
    LARGEST[what] = max(LARGEST.get(what, (0.0,))[0], difference), allowed
    assert difference <= allowed, f"{what}: {name} differs by {difference:.1e}"


def all_close(what: str, found: dict[str, np.ndarray], wanted: dict[str, torch.Tensor],
              allowed: float) -> None:
    """``close`` for arrays by name; the names have to be the same."""
    assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
    for name, array in found.items():
        close(what, array, wanted[name], allowed, name)


def loss_of(model: torch.nn.Module, inputs: np.ndarray, targets: np.ndarray) -> torch.Tensor:
    """Mean cross-entropy in nats; PyTorch ignores the same target as lib, -100."""
    logits = model(torch.from_numpy(inputs))
    return F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten())


def gradients_of(loss: torch.Tensor, parameters: dict[str, torch.Tensor],
                 ) -> dict[str, torch.Tensor]:
    return dict(zip(parameters, torch.autograd.grad(loss, parameters.values())))


def clip(parameters: list[torch.Tensor], max_norm: float) -> bool:
    """PyTorch's clipping without the 1e-6 that it adds to the norm; whether that shrank anything.

    Pascanu et al. 2013 and lib divide by the norm itself, and the 1e-6 would be seen here.
    """
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, math.inf))
    torch.nn.utils.clip_grad_norm_(parameters, max_norm * (1 + 1e-6 / norm))
    return norm > max_norm


def train(model: torch.nn.Module, batch_at: Callable[[int], Batch], steps: int,
          schedule: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler],
          learning_rate: float, betas: tuple[float, float] = (0.9, 0.999),
          weight_decay: float = 0.0, max_norm: float = 1.0) -> tuple[list[float], int]:
    """Train what asks for gradients; return the losses and how many steps were clipped."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
         {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}],
        learning_rate, betas, eps=1e-8)
    scheduler, losses, clipped = schedule(optimizer), [], 0
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model, *batch_at(step))
        loss.backward()
        clipped += clip(trained, max_norm)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses, clipped


def constant(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def warmup_cosine(steps: int, warmup: int, final: float = 0.05,
                  ) -> Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]:
    """lib's schedule from PyTorch's parts: a straight rise, then half a cosine to ``final``."""
    def schedule(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        peak = optimizer.param_groups[0]["lr"]
        rise = LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)
        fall = CosineAnnealingLR(optimizer, steps - 1 - warmup, final * peak)
        return SequentialLR(optimizer, [rise, fall], [warmup])
    return schedule
