"""What the book adds to a page: folded code, figure numbers, terms explained where they stand.

Part of the Sphinx extension ``course``.
"""

from __future__ import annotations

import ast
import html
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from lib.figures.kit import contrast, style

LONG = 15  # lines of code that stay open
OPEN = {"keep-open", "exercise", "solution"}  # the tags of cells that are never folded
CHAPTER = re.compile(r"chapters/(\d+)_")
APPENDIX = re.compile(r"chapters/(A\d)_")
#: Pages of their own whose figures count from 1; on the others a figure is an ornament.
COUNTED = {"book/guide", "book/modern", "book/post_training"}
FIGURE = re.compile(r'<figure class="explore"')
CAPTION = "<figcaption>"
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
TIP = 240  # characters of an explanation

#: Colours with a meaning, by the name of their class: ``[the update]{.ink-lora}``.
INKS = {"frozen": style.FROZEN, "a": style.A, "b": style.B, "lora": style.LORA, "full": style.FULL,
        "task": style.TASK, "facts": style.FACTS}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what changes pages as they are read and as they are written."""
    app.connect("builder-inited", write_palette)
    app.connect("doctree-read", fold_cells)
    app.connect("doctree-read", number_figures)
    app.connect("doctree-read", note_terms)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", explain_terms)
    app.add_css_file("palette.css", priority=890)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True,
            "parallel_write_safe": True}


def chapter(docname: str) -> str:
    """The number of a chapter's page, and nothing for another page."""
    found = CHAPTER.match(docname)
    return str(int(found[1])) if found else ""


def notes(env: Any, kind: str) -> dict[str, Any]:
    """What was noted of each page; Sphinx keeps it with its environment."""
    name = f"course_{kind}"
    if not hasattr(env, name):
        setattr(env, name, {})
    return getattr(env, name)


def forget(app: Sphinx, env: Any, docname: str) -> None:
    """Forget a page that is read anew or is gone."""
    notes(env, "terms").pop(docname, None)


def merge(app: Sphinx, env: Any, docnames: Iterable[str], other: Any) -> None:
    """Take over what another process noted."""
    notes(env, "terms").update({name: each for name, each in notes(other, "terms").items()
                                if name in docnames})


# Code

def cells(doctree: nodes.Node) -> Iterable[nodes.container]:
    """The code cells of a page."""
    return (node for node in doctree.findall(nodes.container)
            if node.get("nb_element") == "cell_code")


def code_of(cell: nodes.container) -> str:
    """A cell's code, if it is shown."""
    return "\n".join(block.astext() for part in cell.children
                     if part.get("nb_element") == "cell_code_source"
                     for block in part.findall(nodes.literal_block))


def is_check(code: str) -> bool:
    """Tell whether code only says how an exercise's answer is checked."""
    kinds = (ast.FunctionDef, ast.Import, ast.ImportFrom, ast.Assign)
    body = parsed(code)
    return all(isinstance(each, kinds) for each in body) and any(
        isinstance(each, ast.FunctionDef) and each.name.startswith("check_") for each in body)


def is_aside(code: str) -> bool:
    """Tell whether code is best folded: imports, assertions, checks, and what is long."""
    body = parsed(code)
    return bool(body) and (len(code.strip().splitlines()) > LONG or is_check(code) or all(
        isinstance(each, ast.Import | ast.ImportFrom | ast.Assert) for each in body))


def parsed(code: str) -> list[ast.stmt]:
    """The statements of code; none where a cell holds something else, as ``%timeit`` does."""
    try:
        return ast.parse(code).body
    except SyntaxError:
        return []


def fold_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Fold what need not be seen at first, where the cell's tags don't say so already."""
    for cell in cells(doctree):
        if OPEN & set(cell.get("cell_metadata", {}).get("tags", ())):
            continue
        hidden = {part for part in ("input", "output") if part in cell.get("hide_mode", "")}
        code = code_of(cell)
        if is_aside(code):
            hidden.add("input")
        shown = [block.astext() for part in cell.children
                 if part.get("nb_element") == "cell_code_output"
                 for block in part.findall(nodes.literal_block) if block.get("language") != "none"]
        if "show_source(" in code and sum(len(each.splitlines()) for each in shown) > LONG:
            hidden.add("output")
        if hidden and cell.get("hide_mode") != "all":
            cell["hide_mode"] = "+".join(sorted(hidden))
            cell.setdefault("prompt_show", app.config.nb_code_prompt_show)
            cell.setdefault("prompt_hide", app.config.nb_code_prompt_hide)
    join_folds(doctree)


def join_folds(doctree: nodes.document) -> None:
    """Put folded code that shows nothing into the fold behind it: one bar in place of two."""
    def source(cell: nodes.Node) -> nodes.Element | None:
        parts = [part.get("nb_element") for part in cell.children]
        folded = cell.get("nb_element") == "cell_code" and cell.get("hide_mode") == "input"
        return cell.children[parts.index("cell_code_source")] if folded else None

    for cell in list(cells(doctree)):
        after = cell.next_node(descend=False, siblings=True)
        if len(cell.children) == 1 and isinstance(after, nodes.container) and (
                (mine := source(cell)) is not None and (other := source(after)) is not None):
            other[:0] = mine.children
            cell.parent.remove(cell)


# Figures

def number_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Write a page's figure numbers before the captions."""
    docname, count = app.env.docname, 0
    for node in doctree.findall(nodes.raw):
        text = node.astext()
        if not FIGURE.search(text):
            continue
        count += 1
        page = chapter(docname) or (APPENDIX.match(docname) or ["", ""])[1]
        if page or docname in COUNTED:
            number = f"{page}.{count}" if page else str(count)
            text = FIGURE.sub(rf'\g<0> id="figure-{number.replace(".", "-")}"', text, count=1)
            text = text.replace(CAPTION, f"{CAPTION}<b>Figure {number}</b> ", 1)
            node.children = [nodes.Text(text)]


def write_palette(app: Sphinx) -> None:
    """Write the figures' colours for words, as they are on a light page and on a dark one."""
    if app.builder.format == "html":
        path = Path(app.outdir) / "_static" / "palette.css"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(palette(), encoding="utf-8")


def palette() -> str:
    """The style sheet of the colours that mean something."""
    light = "".join(f"--ink-{name}: {tone.ink};" for name, tone in INKS.items())
    dark = "".join(f"--ink-{name}: {hexadecimal(contrast.turned(tone.ink))};"
                   for name, tone in INKS.items())
    classes = "\n".join(f".ink-{name} {{ color: var(--ink-{name}); }}" for name in INKS)
    return f":root {{ {light} }}\nhtml[data-theme=\"dark\"] {{ {dark} }}\n{classes}\n"


def hexadecimal(colour: contrast.Colour) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in colour)


# Terms

def note_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Note what a glossary says of each term."""
    found = {name: gist(item.next_node(nodes.definition))
             for item in doctree.findall(nodes.definition_list_item)
             for term in item.findall(nodes.term) for name in term["ids"]}
    if found:
        notes(app.env, "terms")[app.env.docname] = found


def explain_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each link to a term the term's explanation, which book/_static/tips.js shows."""
    terms = {name: each for page in notes(app.env, "terms").values() for name, each in page.items()}
    for link in doctree.findall(nodes.reference):
        if any("std-term" in child.get("classes", ()) for child in link.findall(nodes.inline)):
            name = link.get("refid") or link.get("refuri", "").partition("#")[2]
            if name in terms:
                link["reftitle"] = terms[name]


def gist(definition: nodes.definition) -> str:
    """The first sentences of a definition as plain text, as many as are short."""
    sentences = SENTENCE.split(plain(definition.children[0]))
    text = sentences[0]
    for each in sentences[1:]:
        if len(text) + len(each) >= TIP:
            break
        text += f" {each}"
    return text


def plain(paragraph: nodes.Node) -> str:
    """A paragraph's words, with Greek letters for their commands, and without remarks in brackets
    that only lead on."""
    words = "".join(greek(node) if isinstance(node.parent, nodes.math) else node
                    for node in paragraph.findall(nodes.Text))
    return re.sub(r"\s*\((?:see )?chapters? [^)]*\)", "", " ".join(words.split()))


def greek(formula: str) -> str:
    """A short formula in plain characters."""
    def letter(command: re.Match[str]) -> str:
        try:
            return unicodedata.lookup(f"GREEK SMALL LETTER {command[1].upper()}")
        except KeyError:
            return ""
    return html.unescape(re.sub(r"[{}^]", "", re.sub(r"\\([a-z]+)", letter, formula)))
