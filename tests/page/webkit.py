"""An installed WebKitGTK, the engine of Safari, driven by its own program over the W3C's protocol.

https://www.w3.org/TR/webdriver2/; on Debian the package webkit2gtk-driver, with xvfb where there is
no screen.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

PATIENCE = 120  # seconds


def find() -> str | None:
    """The path of a WebKitWebDriver: that of the variable WEBKIT, or an installed one."""
    screen = os.environ.get("DISPLAY") or shutil.which("Xvfb")
    return screen and shutil.which(os.environ.get("WEBKIT") or "WebKitWebDriver")


def browser() -> str:
    """The path of the small browser that comes with the library."""
    return str(next(Path("/usr").glob("lib*/**/webkit2gtk-*/MiniBrowser")))


class WebKit:
    """A page in a WebKit whose driver listens on a port."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/session"
        wanted = {"webkitgtk:browserOptions": {"binary": browser(), "args": ["--automation"]}}
        made = self.command("POST", capabilities={"alwaysMatch": wanted})
        self.address += f"/{made['sessionId']}"
        self.command("POST", "/timeouts", script=1000 * PATIENCE)

    def command(self, method: str, path: str = "", **parameters: Any) -> Any:
        """What the driver answers; an error becomes a RuntimeError."""
        asked = urllib.request.Request(
            self.address + path, json.dumps(parameters).encode(),
            {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=2 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def goto(self, address: str) -> None:
        """Open a page."""
        self.command("POST", "/url", url=address)

    def evaluate(self, code: str) -> Any:
        """What the promise of an expression comes to."""
        found = self.command("POST", "/execute/async", args=[], script=f"""
            const done = arguments[arguments.length - 1];
            Promise.resolve({code}).then((found) => done([found, null]),
                                         (error) => done([null, String(error)]));""")
        if found[1]:
            raise RuntimeError(found[1])
        return found[0]


@contextmanager
def program(command: list[str], **options: Any):
    """A program that runs meanwhile."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def webkit(path: str, folder: Path):
    """A WebKit with that folder as its home, on a screen of its own where there is none."""
    variables = os.environ | {"HOME": str(folder)}
    with ExitStack() as running:
        if "DISPLAY" not in variables:
            screen = running.enter_context(program(
                ["Xvfb", "-displayfd", "1"], stdout=subprocess.PIPE, text=True))
            variables["DISPLAY"] = f":{screen.stdout.readline().strip()}"
            running.callback(screen.stdout.close)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        running.enter_context(program([path, f"--port={port}"], env=variables,
                                      stdout=subprocess.DEVNULL))
        end = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            if time.monotonic() > end:
                raise RuntimeError("WebKitWebDriver did not start")
            time.sleep(0.1)
        page = WebKit(port)
        try:
            yield page
        finally:
            page.command("DELETE")
