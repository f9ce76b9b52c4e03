"""Options and settings of the whole test suite."""

import numpy as np
import pytest
from helpers import unavailable
from hypothesis import settings

from lib.pretraining import load_base
from tools import browser

settings.register_profile("course", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("course")


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true",
                     help="also run what takes minutes, such as pre-training from nothing")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; run with --run-slow")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--run-slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes minutes: give --run-slow"))


@pytest.fixture(scope="session")
def base():
    """The committed model and tokenizer; their arrays refuse to be written."""
    model, tokenizer = load_base()
    for array in model.parameters().values():
        array.flags.writeable = False
    return model, tokenizer


@pytest.fixture
def rng(request):
    """A generator that differs from test to test and not from run to run."""
    return np.random.default_rng(list(request.node.name.encode()))


@pytest.fixture(scope="session")
def driver():
    """Playwright, one for each process."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("Playwright")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def running(driver):
    """A headless Chromium, one for each process."""
    path = browser.find() or unavailable("Chromium")
    launched = driver.chromium.launch(executable_path=path, args=list(browser.FLAGS))
    yield launched
    launched.close()
