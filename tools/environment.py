"""The one environment in which notebooks are run, stored and compared."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
FRAMES = BUILD / "frames"

VARIABLES = {
    "COURSE_EXPLORE": "still",  # sliders give one plain figure
    "PYTHONHASHSEED": "0",
    # A newer Python or library warns where an older one didn't; stored outputs serve them all.
    "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::PendingDeprecationWarning,"
                      "ignore::FutureWarning",
}


def prepare(frames: Path | None = None) -> None:
    """Set this process and its kernels up: ``lib`` can be imported, outputs don't vary.

    With ``frames`` the sliders draw every frame, into that folder.
    """
    os.environ.update(VARIABLES)
    if frames:
        os.environ.update(COURSE_EXPLORE="static", COURSE_FRAMES=str(frames))
    paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    # Building the font cache takes seconds and says so in the first notebook that draws.
    import matplotlib.font_manager  # noqa: F401


def workers() -> int:
    """Return how many processes to run side by side: the usable cores, at most 4."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(4, usable or 1))
