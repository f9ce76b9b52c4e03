"""What the checks need to see in MyST Markdown: its prose, its directives, its pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})(.*)$")
DIRECTIVE = re.compile(r"^\{([\w:-]+)\}\s*(.*)$")
OPTION = re.compile(r"^\s*:([\w-]+):\s*(.*)$")
CODE = {"code", "code-block", "code-cell", "sourcecode", "literalinclude", "math", "mermaid"}
PICTURE = re.compile(r"!\[([^\]]*)\]\(")
TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"\balt\s*=\s*(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
SHORTEST_ALT = 10  # characters; less can't say what a picture shows


@dataclass
class Directive:
    """One ```` ```{name} argument ```` or ``:::{name} argument`` with its ``:option: value`` lines.

    An exercise's argument is its title, a solution's the label of its exercise.
    """

    name: str
    argument: str
    options: dict[str, str] = field(default_factory=dict)


def prose(source: str) -> Iterator[str]:
    """Yield the lines that are read as Markdown: all but the fences and what is in code blocks."""
    opened: list[tuple[str, bool]] = []  # (fence, whether code is in it), outermost first
    for line in source.splitlines():
        fence = FENCE.match(line)
        in_code = bool(opened) and opened[-1][1]
        if fence and opened and not fence[2].strip() and fence[1].startswith(opened[-1][0]):
            opened.pop()
        elif fence and not in_code:
            directive = DIRECTIVE.match(fence[2].strip())
            opened.append((fence[1], directive is None or directive[1] in CODE))
        elif not in_code:
            yield line


def directives(source: str) -> list[Directive]:
    """Return the directives of a Markdown cell in their order."""
    found: list[Directive] = []
    reading_options = False
    for line in source.splitlines():
        fence = FENCE.match(line)
        start = DIRECTIVE.match(fence[2].strip()) if fence else None
        option = OPTION.match(line)
        if start:
            found.append(Directive(start[1], start[2].strip()))
            reading_options = True
        elif reading_options and option:
            found[-1].options[option[1]] = option[2].strip()
        else:
            reading_options = False
    return found


def headings(source: str) -> list[tuple[int, str]]:
    """Return (level, title) of each ``#`` heading."""
    marks = (re.match(r"^(#{1,6})\s+(.*)$", line) for line in prose(source))
    return [(len(mark[1]), mark[2].strip()) for mark in marks if mark]


def undescribed_pictures(source: str) -> list[str]:
    """Return the pictures of a text, Markdown or HTML, whose alternative text is too short."""
    text = "\n".join(prose(source))
    bad = [f"![{alt}]" for alt in PICTURE.findall(text) if len(alt.strip()) < SHORTEST_ALT]
    for tag in TAG.findall(text):
        alt = ALT.search(tag)
        if alt is None or len(alt[1]) - 2 < SHORTEST_ALT:
            bad.append(tag[:40])
    bad += [f"{{{each.name}}} {each.argument}" for each in directives(source)
            if each.name in {"figure", "image"}
            and len(each.options.get("alt", "")) < SHORTEST_ALT]
    return bad
