"""The page of claims: a card for each row of its tables, a tally above, and what filters them.

Part of the Sphinx extension ``course``. The rows stay tables in book/claims.md, where a test ties
each figure to the cell that printed it; this makes cards of them as the page is read.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx

PAGE = "book/claims"
#: One sentence for a claim's row, by the row's id, with its figures in `code marks`.
WORDS = Path(__file__).parents[1] / "claims_in_words.yml"

#: How a verdict begins: its short name, what claims of it do, and what it means.
VERDICTS = {
    "holds here only when": ("partly", "hold partly",
                             "The figure agrees with the claim under a condition."),
    "holds": ("holds", "hold", "The figure says what the claim says, over all seeds."),
    "does not hold here": ("does not hold here", "do not hold here",
                           "The figure says something else, beyond its spread."),
    "not tested": ("not tested", "were not tested", "Nothing here can decide it."),
}
ORDER = ("holds", "holds here only when", "does not hold here", "not tested")
CODE = re.compile(r"`([^`]+)`")
GAP = re.compile(r"\s{3,}")  # what keeps the columns of a printed table apart


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the change, and the script and the style of the page."""
    app.connect("doctree-read", make_cards)
    app.add_js_file("claims.js", loading_method="defer")
    app.add_css_file("claims.css", priority=900)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True,
            "parallel_write_safe": True}


@dataclass(frozen=True)
class Claim:
    """A row: its id, how its verdict begins, the chapters of its cells, and its cells as nodes."""

    name: str
    kind: str
    chapters: tuple[str, ...]
    cells: tuple[nodes.entry, ...]


def kind_of(verdict: str) -> str:
    """How a verdict begins: one of VERDICTS, of which the first that fits is the longest."""
    return next((kind for kind in VERDICTS if verdict.startswith(kind)), "")


def claim(row: nodes.row) -> Claim | None:
    """Read a row of six cells; None for another."""
    cells = tuple(row.findall(nodes.entry))
    kind = kind_of(cells[4].astext()) if len(cells) == 6 else ""
    if not kind:
        return None
    chapters = tuple(dict.fromkeys(re.findall(r"A?\d+", cells[5].astext())))
    return Claim(cells[0].astext(), kind, chapters, cells)


def make_cards(app: Sphinx, doctree: nodes.document) -> None:
    """Replace the tables of the page of claims by cards, and fill in the tally."""
    if app.env.docname != PAGE:
        return
    app.env.note_dependency(str(WORDS))
    words = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    claims: list[Claim] = []
    for box in list(doctree.findall(partial(is_box, "claims"))):
        for table in list(box.findall(nodes.table)):
            here = [found for row in next(table.findall(nodes.tbody)).children
                    if (found := claim(row))]
            table.parent.remove(table)
            for each in here:
                box += card(each, words.get(each.name, ""))
            claims += here
    for box in list(doctree.findall(partial(is_box, "claims-summary"))):
        box.children = []
        box += [raw(tally(claims)), raw(controls(claims))]


def is_box(name: str, node: nodes.Node) -> bool:
    """Tell whether a node is the container of this class."""
    return isinstance(node, nodes.container) and name in node["classes"]


def raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


# One card

def card(each: Claim, words: str) -> list[nodes.Node]:
    """The claim, its verdict as a badge, a sentence with the figure, links, and the rest folded."""
    name, text, source, figure, verdict, cell = each.cells
    head = paragraph(text, "claim-text")
    head.insert(0, nodes.inline("", f"{each.name} ", classes=["claim-name"]))
    found = paragraph(verdict, "claim-verdict")
    said = [sentence(words)] if words else [finished(found)]
    details = [labelled("Verdict", found)] if words else []
    if code_marks(figure):
        tidy(figure)
        details.append(labelled("Measured", paragraph(figure, "claim-figure")))
    details.append(labelled("Source", paragraph(source, "claim-source")))
    link = paragraph(cell, "claim-link")
    for node in list(link.findall(nodes.Text)):
        if re.fullmatch(r"\d+", node):
            node.parent.replace(node, nodes.Text(f"Chapter {node}"))
    opening = (f'<article class="claim" id="row-{nodes.make_id(f"x {each.name}")[2:]}" '
               f'data-verdict="{html.escape(VERDICTS[each.kind][0])}" '
               f'data-chapters="{" ".join(each.chapters)}">{badge(each.kind)}')
    return [raw(opening), head, *said, *([link] if each.chapters else []),
            raw("<details><summary>Figures, verdict and source</summary>"), *details,
            raw("</details></article>")]


def code_marks(cell: nodes.Node) -> list[nodes.literal]:
    """A cell's pieces of printed lines."""
    return list(cell.findall(nodes.literal))


def badge(kind: str) -> str:
    """A verdict as a filled, half filled, empty or dotted disc, and its name."""
    name = VERDICTS[kind][0]
    return (f'<p class="badge {nodes.make_id(name)}"><span class="disc" aria-hidden="true"></span>'
            f"{html.escape(name)}</p>")


def paragraph(cell: nodes.entry, kind: str) -> nodes.paragraph:
    """What stands in a cell, as one paragraph."""
    made = nodes.paragraph("", classes=[kind])
    for child in list(cell.children):
        made += list(child.children) if isinstance(child, nodes.paragraph) else [child]
    return made


def labelled(label: str, text: nodes.paragraph) -> nodes.paragraph:
    text.insert(0, nodes.strong("", f"{label}: "))
    return text


def sentence(words: str) -> nodes.paragraph:
    """A sentence with its figures in bold."""
    made = nodes.paragraph("", classes=["claim-words"])
    for place, piece in enumerate(CODE.split(" ".join(words.split()))):
        made += nodes.strong("", piece) if place % 2 else nodes.Text(piece)
    return made


def finished(text: nodes.paragraph) -> nodes.paragraph:
    """A verdict as a sentence: a capital letter before it, a full stop behind it."""
    first = next(text.findall(nodes.Text), None)
    if first:
        first.parent.replace(first, nodes.Text(first[:1].upper() + first[1:]))
    if not text.astext().rstrip().endswith((".", ")")):
        text += nodes.Text(".")
    text["classes"] = ["claim-words"]
    return text


def tidy(cell: nodes.entry) -> None:
    """Write the columns of printed lines with a dot between them instead of many spaces."""
    for code in code_marks(cell):
        text = " ".join(GAP.sub(" · ", code.astext().strip()).split())
        code.children = [nodes.Text(text)]
        code.rawsource = text


# All cards

def tally(claims: Iterable[Claim]) -> str:
    """How many claims hold, partly, don't, were not tested: a sentence, a bar, and what it means.
    """
    claims = list(claims)
    count = Counter(each.kind for each in claims)
    parts = [f"<b>{count[kind]}</b> {VERDICTS[kind][1]}" for kind in ORDER]
    bar = "".join(f'<span class="{nodes.make_id(VERDICTS[kind][0])}" '
                  f'style="flex-grow: {count[kind]}">{count[kind]}</span>'
                  for kind in ORDER if count[kind])
    rows = "".join(f"<li>{badge(kind)} {html.escape(VERDICTS[kind][2])}</li>" for kind in ORDER)
    return (f'<p class="tally">Of {len(claims)} claims {", ".join(parts[:-1])}, and '
            f'{parts[-1]}.</p><div class="tally-bar" aria-hidden="true">{bar}</div>'
            f'<ul class="verdicts">{rows}</ul>')


def controls(claims: Iterable[Claim]) -> str:
    """The filter, which book/_static/claims.js shows and serves; without it all cards are there."""
    claims = list(claims)
    count: Mapping[str, int] = Counter(each.kind for each in claims)
    verdicts = [("", "all")] + [(VERDICTS[kind][0], f"{VERDICTS[kind][0]} ({count[kind]})")
                                for kind in ORDER if count[kind]]
    numbers = sorted({number for each in claims for number in each.chapters},
                     key=lambda number: (number[0] == "A", int(number.lstrip("A"))))
    chapters = [("", "all")] + [(number, number) for number in numbers]
    return (f'<form class="claims-filter" hidden>{choices("verdict", "Verdict", verdicts)}'
            f'{choices("chapter", "Chapter", chapters)}'
            f'<p class="shown" role="status">All {len(claims)} claims are shown.</p></form>')


def choices(name: str, label: str, values: Iterable[tuple[str, str]]) -> str:
    """A row of radio buttons, of which the first is chosen."""
    buttons = "".join(
        f'<label><input type="radio" name="{name}" value="{html.escape(value)}"'
        f'{"" if value else " checked"}><span>{html.escape(text)}</span></label>'
        for value, text in values)
    return f'<fieldset class="choices"><legend>{label}</legend>{buttons}</fieldset>'
