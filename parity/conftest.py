"""Settings of the comparisons: no network, one thread, the largest differences at the end."""

import os
import sys
from pathlib import Path

# Before anything of Hugging Face is imported.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # its helpers serve here too

import numpy as np
import pytest
import torch
from hypothesis import settings

from lib.pretraining import load_base
from parity.compare import LARGEST

settings.register_profile("parity", max_examples=300, deadline=None, derandomize=True)
settings.load_profile("parity")
torch.set_num_threads(1)


@pytest.fixture
def rng(request):
    """A generator that differs from test to test and not from run to run."""
    return np.random.default_rng(list(request.node.name.encode()))


@pytest.fixture
def base():
    """The committed model and tokenizer, read anew: a test may train the model."""
    return load_base()


def pytest_configure(config):
    # PyTorch's SequentialLR up to some version calls its own parts in a way that they warn of.
    config.addinivalue_line("filterwarnings", "ignore:The epoch parameter in:UserWarning")
    # PEFT asks transformers for something under a name that newer ones warn of.
    config.addinivalue_line("filterwarnings", "ignore:.is_gradient_checkpointing.:FutureWarning")


def pytest_terminal_summary(terminalreporter):
    if LARGEST:
        terminalreporter.section("largest relative differences")
        for what, (found, allowed) in LARGEST.items():
            terminalreporter.write_line(f"{what:60} {found:8.1e}   allowed {allowed:.0e}")
