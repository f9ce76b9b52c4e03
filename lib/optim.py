"""AdamW, gradient clipping and learning-rate schedules."""

from __future__ import annotations

import math

import numpy as np


class AdamW:
    """Adam with decoupled weight decay.  Loshchilov and Hutter 2017, algorithm 2.

    The state is two arrays of each parameter's shape: ``first`` and ``second`` moments.
    Decay acts on matrices only, not on the gammas and betas of LayerNorm.
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8,
                 weight_decay: float = 0.0) -> None:
        self.betas, self.epsilon, self.weight_decay = betas, epsilon, weight_decay
        self.steps = 0
        self.first: dict[str, np.ndarray] = {}
        self.second: dict[str, np.ndarray] = {}

    def step(self, gradients: dict[str, np.ndarray], parameters: dict[str, np.ndarray],
             learning_rate: float) -> None:
        """Change the parameters in place.

        Raises:
            ValueError: the learning rate is negative or not finite, or the names or shapes of
                gradients, parameters and the state of earlier steps differ.
        """
        self._check(gradients, parameters, learning_rate)
        self.steps += 1
        beta1, beta2 = self.betas
        for name, gradient in gradients.items():
            parameter = parameters[name]
            if name not in self.first:
                self.first[name] = np.zeros_like(parameter)
                self.second[name] = np.zeros_like(parameter)
            first, second = self.first[name], self.second[name]
            first *= beta1
            first += (1 - beta1) * gradient
            second *= beta2
            second += (1 - beta2) * gradient * gradient
            # The moments start at zero: the two divisions by 1 - beta^t undo their bias towards it.
            step = np.sqrt(second / (1 - beta2**self.steps))
            step += self.epsilon
            np.divide(first, step, out=step)
            step *= learning_rate / (1 - beta1**self.steps)
            if parameter.ndim > 1:
                parameter *= 1 - learning_rate * self.weight_decay
            parameter -= step

    def _check(self, gradients: dict[str, np.ndarray], parameters: dict[str, np.ndarray],
               learning_rate: float) -> None:
        if not 0 <= learning_rate < math.inf:
            raise ValueError(f"learning_rate is {learning_rate}, it must be finite and at least 0")
        if gradients.keys() != parameters.keys():
            odd = sorted(gradients.keys() ^ parameters.keys())
            raise ValueError(f"gradients and parameters must have the same names; "
                             f"only one of the two has {odd[:3]}")
        for name, gradient in gradients.items():
            if gradient.shape != parameters[name].shape:
                raise ValueError(f"the gradient of {name} has shape {gradient.shape}, "
                                 f"its parameter {parameters[name].shape}")
            if name in self.first and self.first[name].shape != gradient.shape:
                raise ValueError(f"{name} has shape {gradient.shape}, in earlier steps it had "
                                 f"{self.first[name].shape}: a new model needs a new AdamW")


def clip_gradient_norm(gradients: dict[str, np.ndarray],
                       max_norm: float) -> dict[str, np.ndarray]:
    """Scale all gradients by one factor so that their joint 2-norm is at most ``max_norm``.

    Returns the very same arrays where nothing needs to shrink.  Pascanu et al. 2013, algorithm 1.

    Raises:
        ValueError: ``max_norm`` is not above 0.
        FloatingPointError: a gradient is not finite, or too large for its norm to be.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}, it must be above 0")
    squares = {name: float(np.vdot(g, g)) for name, g in gradients.items()}
    norm = math.sqrt(sum(squares.values()))
    if not math.isfinite(norm):
        name = next((name for name, square in squares.items() if not math.isfinite(square)), "all")
        raise FloatingPointError(f"the norm of the gradient of {name} is not finite: a lower "
                                 f"learning rate may help")
    if norm <= max_norm:
        return dict(gradients)
    shrink = float(max_norm / norm)  # a NumPy scalar would upcast float32
    return {name: gradient * shrink for name, gradient in gradients.items()}


def warmup_cosine(step: int, total: int, peak: float, warmup: int = 0,
                  final: float = 0.05) -> float:
    """Learning rate at ``step`` of ``total``: a straight rise, then half a cosine.

    It starts at peak / warmup and ends at ``final`` * peak.  Radford et al. 2018, section 4.1.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, total - 1 - warmup)
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
