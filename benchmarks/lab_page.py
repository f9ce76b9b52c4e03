"""A bare page with the model of the book in it, and a server, for tests and measurements."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LAB = Path(__file__).resolve().parents[1] / "book" / "_static" / "lab"
#: In the order in which a page loads them: what others need comes first, lab.js last.
SCRIPTS = ("kernels", "layers", "attention", "model", "lora", "svd", "optim", "training",
           "generation", "tokenizer", "evaluation", "quantise", "safetensors", "mixing",
           "settings", "worker", "lab")
DATA = ("lab-data.js", "lab-float16.js", "lab-merges.js")


def write_page(folder: Path, data: Path, more: Sequence[Path] = ()) -> Path:
    """Copy the book's scripts, ``more`` scripts and those in ``data``; return a page with them.

    No data is loaded before the page asks for it.
    """
    scripts = [*(LAB / f"{name}.js" for name in SCRIPTS), *more]
    for script in scripts:
        shutil.copyfile(script, folder / script.name)
    for script in DATA:
        shutil.copyfile(data / script, folder / script)
    tags = "".join(f'<script src="{script.name}"></script>' for script in scripts)
    page = folder / "index.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><title>The model</title>{tags}')
    return page


@contextmanager
def served_folder(folder: Path) -> Iterator[str]:
    """The address at which a folder's files are served, on a free port of this machine."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
