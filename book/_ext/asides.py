"""Sphinx extension of the book: asides, folded, of prose and code cells.

A notebook's cell can't stand inside a directive, so two directives in prose cells mark where an
aside begins and ends: ``{aside-start} Its title`` and ``{aside-end}``. No heading stands between.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOG = logging.getLogger(__name__)


class start(nodes.Element):
    """Where an aside begins; its child is the title."""


class end(nodes.Element):
    """Where it ends."""


class AsideStart(SphinxDirective):
    """``{aside-start} Title``: what follows, up to ``{aside-end}``, is folded under the title."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the mark."""
        words, messages = self.state.inline_text(self.arguments[0], self.lineno)
        mark = start("", nodes.title(self.arguments[0], "", *words))
        self.set_source_info(mark)
        return [mark, *messages]


class AsideEnd(SphinxDirective):
    """``{aside-end}``."""

    def run(self) -> list[nodes.Node]:
        """Return the mark."""
        mark = end()
        self.set_source_info(mark)
        return [mark]


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Put what stands between two marks into an admonition that the reader unfolds."""
    for mark in list(doctree.findall(start)):
        parent, at = mark.parent, mark.parent.index(mark)
        stop = next((number for number in range(at + 1, len(parent))
                     if isinstance(parent[number], end)), 0)
        inside = parent[at + 1:stop]
        if not stop or any(isinstance(each, start | nodes.section) for each in inside):
            LOG.warning("an aside has no end, or a heading or another aside inside",
                        location=mark)
            parent.remove(mark)
            continue
        folded = nodes.admonition("", *mark.children, *inside, classes=["dropdown", "aside"])
        folded.source, folded.line = mark.source, mark.line
        parent[at:stop + 1] = [folded]
    for mark in list(doctree.findall(end)):
        LOG.warning("an aside ends that did not begin", location=mark)
        mark.parent.remove(mark)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the two directives, and what folds."""
    app.add_directive("aside-start", AsideStart)
    app.add_directive("aside-end", AsideEnd)
    app.connect("doctree-read", fold, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
