"""A page from the disk with the engine in it, and a watch on what it asks for."""

import sys

import pytest
from engine import BRIDGE, KERNELS, Engine

from benchmarks.lab_page import write_page
from tools.environment import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from lab_data import write_lab_data


@pytest.fixture(scope="session")
def data_path(tmp_path_factory):
    """The folder of the page's data, made as the book's build makes it."""
    path = tmp_path_factory.mktemp("data")
    write_lab_data(path)
    return path


@pytest.fixture(scope="session")
def page(running, data_path, tmp_path_factory):
    """The page, which must ask for nothing but its own files and report no error."""
    path = write_page(tmp_path_factory.mktemp("page"), data_path, [BRIDGE])
    opened, problems = running.new_page(), []
    opened.set_default_timeout(600_000)
    own = path.parent.as_uri()
    opened.on("request", lambda request: problems.append(request.url)
              if not request.url.startswith((own, "blob:")) else None)
    opened.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    opened.goto(path.as_uri())
    opened.evaluate("lab.ready")
    yield opened
    opened.close()
    assert problems == []


@pytest.fixture(scope="session")
def wasm(page):
    """The engine over WebAssembly."""
    return Engine(page)


@pytest.fixture(scope="session", params=KERNELS)
def engine(request, page):
    """The engine over either kind of kernels."""
    return Engine(page, request.param)
