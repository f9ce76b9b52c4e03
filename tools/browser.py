"""Find the Chromium that the browser tests drive, or install it where that is allowed."""

from __future__ import annotations

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")


def find() -> str | None:
    """Return the path of a Chromium: that of the variable CHROMIUM, or the first one installed."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


def install() -> str | None:
    """Install Debian's Chromium when this process may, and return its path or None."""
    may_install = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    if not may_install:
        return None
    print("Installing Chromium for the browser tests (apt-get)", flush=True)
    quiet = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
             "stdout": subprocess.DEVNULL, "check": False}
    subprocess.run(["apt-get", "update"], **quiet)
    subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"], **quiet)
    return find()
