"""An installed Firefox, driven over its own protocol: Playwright drives none but its own build.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("firefox", "firefox-esr")
#: A free port instead of the usual one, and nothing that asks for the network.
PREFERENCES = {"marionette.port": 0, "app.update.enabled": False, "network.proxy.type": 1,
               "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9,
               "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9,
               "datareporting.policy.dataSubmissionEnabled": False}
PATIENCE = 120  # seconds


def find() -> str | None:
    """The path of a Firefox: that of the variable FIREFOX, or the first one installed."""
    named = os.environ.get("FIREFOX")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


class Firefox:
    """A page in a Firefox that listens on a port."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.count = 0
        self._receive()  # it says its name first
        self.command("WebDriver:NewSession", capabilities={})
        self.command("WebDriver:SetTimeouts", script=1000 * PATIENCE)

    def command(self, name: str, **parameters: Any) -> Any:
        """What Firefox answers; an error becomes a RuntimeError."""
        self.count += 1
        text = json.dumps([0, self.count, name, parameters]).encode()
        self.socket.sendall(b"%d:%b" % (len(text), text))
        _, _, error, result = self._receive()
        if error:
            raise RuntimeError(error["message"])
        return result

    def goto(self, address: str) -> None:
        """Open a page."""
        self.command("WebDriver:Navigate", url=address)

    def evaluate(self, code: str) -> Any:
        """What the promise of an expression comes to."""
        found = self.command("WebDriver:ExecuteAsyncScript", args=[], script=f"""
            const done = arguments[arguments.length - 1];
            Promise.resolve({code}).then((found) => done([found, null]),
                                         (error) => done([null, String(error)]));""")["value"]
        if found[1]:
            raise RuntimeError(found[1])
        return found[0]

    def _receive(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            size += self._read(1)
        return json.loads(self._read(int(size[:-1])))

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.socket.recv(count - len(found))
            if not part:
                raise RuntimeError("Firefox has gone")
            found += part
        return found


@contextmanager
def firefox(path: str, folder: Path):
    """A headless Firefox with a fresh profile in that folder."""
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});"
             for name, value in PREFERENCES.items())
    (folder / "user.js").write_text("\n".join(lines), encoding="ascii")
    process = subprocess.Popen(
        [path, "--headless", "--marionette", "--no-remote", "--profile", str(folder)],
        env=os.environ | {"HOME": str(folder)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        port, end = folder / "MarionetteActivePort", time.monotonic() + PATIENCE
        while not (port.exists() and port.read_text()):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Firefox did not start")
            time.sleep(0.1)
        page = Firefox(int(port.read_text()))
        yield page
        page.socket.close()
    finally:
        process.terminate()
        process.wait(PATIENCE)
