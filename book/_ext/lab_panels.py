"""The model in the page: its scripts on the pages that have a panel, its data beside them.

A panel is ``<div class="lab-panel" data-panel="ask">`` with what stands there without scripts. A
notebook's begins with ``In the built book,``, which a reader of the built book need not be told.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from lab_data import write_lab_data
from sphinx.application import Sphinx

MARK = 'class="lab-panel"'
#: What a notebook promises in a panel's place.
PROMISE = re.compile(rf"(<div {MARK}[^>]*>)In the built book, (\w)([^<]*)\.</div>")


def lend_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any],
                 doctree: nodes.document | None) -> None:
    """Load the small script that starts panels, and their style, on pages that have one."""
    if MARK in context.get("body", ""):
        context["body"] = PROMISE.sub(built, context["body"])
        app.add_css_file("lab/panels/panels.css")
        app.add_js_file("lab/panels/start.js", loading_method="defer")


def built(promise: re.Match[str]) -> str:
    """What stands in a panel's place before it starts, as the other pages say it."""
    opening, first, rest = promise.groups()
    return f"{opening}{first.upper()}{rest}, where scripts are allowed.</div>"


def write_data(app: Sphinx) -> None:
    """Write the model's data where the scripts look for it."""
    folder = Path(app.outdir) / "_static" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_lab_data(folder)
