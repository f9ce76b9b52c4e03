"""Sphinx extension of the book: ``my_gpt.py``, the reader's file, as listings and to download."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.growing import chapters, listing, my_gpt

NAME = "my_gpt.py"


class Listing(SphinxDirective):
    """``{my-gpt} 4``: the file at the end of chapter 4; lines that the chapter wrote are marked."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the listing, and a link to the file's last state below it."""
        try:
            lines = listing(int(self.arguments[0]))
        except ValueError as error:
            raise self.error(str(error)) from error
        for path in chapters().values():
            self.env.note_dependency(str(path))  # the page is read again when a cell changes
        text = "\n".join(line for line, _ in lines)
        marked = [number for number, (_, new) in enumerate(lines, start=1) if new]
        first = len(marked) == len(lines)
        block = nodes.literal_block(text, text, language="python",
                                    highlight_args={"hl_lines": [] if first else marked})
        said = "all new" if first else f"the {len(marked)} new ones marked"
        fold = nodes.admonition(classes=["dropdown"])
        fold += nodes.title("", f"{NAME} after this chapter: {len(lines)} lines, {said}")
        fold += block
        address = "../" * self.env.docname.count("/") + NAME
        words = f"Download {NAME} as it is after chapter {max(chapters())}"
        return [fold, nodes.paragraph("", "", nodes.reference("", words, refuri=address))]


def write_file(app: Sphinx, error: Exception | None) -> None:
    """Put the file, as it is after the last chapter, beside the pages."""
    if not error and app.builder.format == "html":
        (Path(app.outdir) / NAME).write_text(my_gpt(max(chapters())), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and what writes the file."""
    app.add_directive("my-gpt", Listing)
    app.connect("build-finished", write_file)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
