"""The model in the page: its scripts on the pages that have a panel, its data beside them.

A panel is ``<div class="lab-panel" data-panel="ask">`` with what stands there without scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from lab_data import write_lab_data
from sphinx.application import Sphinx

MARK = 'class="lab-panel"'


def lend_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any],
                 doctree: nodes.document | None) -> None:
    """Load the small script that starts panels, and their style, on pages that have one."""
    if MARK in context.get("body", ""):
        app.add_css_file("lab/panels/panels.css")
        app.add_js_file("lab/panels/start.js", loading_method="defer")


def write_data(app: Sphinx) -> None:
    """Write the model's data where the scripts look for it."""
    folder = Path(app.outdir) / "_static" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_lab_data(folder)
