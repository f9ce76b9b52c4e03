"""From the first statement of a fresh process to the first logits, printed in milliseconds:

    python -m benchmarks.start numpy | torch | peft

Python's own start, which both sides share, is not counted.  Nothing is imported that a user who
only wants the model would not import: hence no part of this package is, but for PEFT's adapters.
"""

import time

START = time.perf_counter()

import sys  # noqa: E402  (the clock has to run first)


def numpy() -> None:
    """The course's model."""
    import numpy as np

    from lib.model import GPTConfig, GPTModel
    model = GPTModel(GPTConfig(), np.random.default_rng(0))
    model.forward(np.zeros((1, 1), np.int64), training=False)


def torch() -> None:
    """Its twin."""
    import torch

    from parity.twin import Twin
    Twin()(torch.zeros((1, 1), dtype=torch.int64))


def peft() -> None:
    """Its twin with adapters."""
    import torch

    from benchmarks import torch_side
    torch_side.adapt(torch_side.new_model(), "lora-qv")(torch.zeros((1, 1), dtype=torch.int64))


if __name__ == "__main__":
    {"numpy": numpy, "torch": torch, "peft": peft}[sys.argv[1]]()
    print(1e3 * (time.perf_counter() - START))
