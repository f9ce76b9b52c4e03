"""Which mutants of ``lib`` there are: small changes of its code that some test ought to notice.

The changes are those of Cosmic Ray (operators, comparisons, numbers, conditions, loops,
decorators), and one more: it leaves ``+=`` and its kin alone, with which this library computes.
"""

from __future__ import annotations

import ast
import functools
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_loader
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names

from tools.environment import ROOT

MODULES = ("tokenizer", "generation", "losses", "optim", "lora", "positions", "attention", "layers",
           "module", "model")
SURVIVORS = ROOT / "tests" / "surviving_mutants.toml"


@dataclass(frozen=True)
class Mutant:
    """One change at one place.

    ``occurrence`` is its number among the operator's in the module.  ``key`` says the same in
    words that stay true when lines move: function, the line's text, operator, and its number
    among the operator's on all lines of this text in the function.  ``lines`` are those of the
    whole statement; ``at_import`` means that it runs when the module is imported.
    """

    module: str
    line: int
    column: int
    operator: str
    occurrence: int
    where: str
    text: str
    number: int
    lines: tuple[int, ...]
    at_import: bool

    @property
    def key(self) -> tuple[str, str, str]:
        return f"{self.module}.{self.where}", self.text, f"{self.operator} {self.number}"


@dataclass(frozen=True)
class Place:
    """What a line of source belongs to: its statement's lines, and the function around it."""

    lines: tuple[int, ...]
    where: str
    at_import: bool


class AugmentedAssignment(Operator):
    """``x += y`` becomes ``x -= y`` and ``x = y``; likewise the others."""

    other = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|="}

    def mutation_positions(self, node: Any) -> Iterator[tuple]:
        if node.type == "operator" and node.value in self.other:
            yield from [(node.start_pos, node.end_pos)] * 2

    def mutate(self, node: Any, index: int) -> Any:
        node.value = (self.other[node.value], "=")[index]
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return Example("x += y", "x -= y"), Example("x += y", "x = y", occurrence=1)


@functools.cache
def operators() -> dict[str, Operator]:
    """All operators by name that need no settings of their own."""
    classes = [get_operator(name) for name in operator_names()]
    found = {each.__name__: each() for each in classes if not each.arguments()}
    return {**found, "AugmentedAssignment": AugmentedAssignment()}


def source_of(module: str) -> str:
    """The text of a module of ``lib``."""
    return (ROOT / "lib" / f"{module}.py").read_text(encoding="utf-8")


@functools.cache
def mutants(module: str, source: str) -> tuple[Mutant, ...]:
    """All mutants of a module, by line, column, operator; what never runs has none."""
    tree = ast.parse(source)
    places, silent = dict(_places(tree)), list(_never_run(tree))
    nodes, text = list(ast_nodes(get_ast(source))), source.splitlines()
    found = sorted((start, name, occurrence) for name, operator in operators().items()
                   for occurrence, start in enumerate(
                       start for node in nodes for start, _ in operator.mutation_positions(node))
                   if not any(first <= start < last for first, last in silent))
    numbers: Counter[tuple[str, str, str]] = Counter()
    out = []
    for (line, column), name, occurrence in found:
        place, words = places[line], text[line - 1].strip()
        same = place.where, words, name
        out.append(Mutant(module, line, column, name, occurrence, place.where, words,
                          numbers[same], place.lines, place.at_import))
        numbers[same] += 1
    return tuple(out)


def mutated(mutant: Mutant, source: str) -> str | None:
    """The changed module, or None where the change is no Python, such as ``def f(a, +, b)``."""
    changed = mutate_code(source, operators()[mutant.operator], mutant.occurrence)
    try:
        ast.parse(changed)
    except SyntaxError:
        return None
    return changed


class MutantLoader(SourceFileLoader):
    """Imports one module of ``lib`` from changed source; its file stays as it is."""

    def __init__(self, module: str, source: str) -> None:
        super().__init__(f"lib.{module}", str(ROOT / "lib" / f"{module}.py"))
        self.source = source

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return spec_from_loader(name, self) if name == self.name else None

    def get_code(self, name: str) -> Any:
        return compile(self.source, self.path, "exec")


def known_survivors() -> dict[tuple[str, str, str], str]:
    """Why each of the listed mutants may live, by its key.

    Raises:
        ValueError: a mutant is listed twice or without a reason.
    """
    found: dict[tuple[str, str, str], str] = {}
    for entry in tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivors", []):
        for where, line, *names in entry["mutants"]:
            for key in ((where, line, name) for name in names):
                if key in found or not entry["reason"].strip():
                    raise ValueError(f"{SURVIVORS.name}: {' | '.join(key)} is listed twice, or "
                                     f"without a reason")
                found[key] = entry["reason"]
    return found


def _places(node: ast.AST, where: str = "", at_import: bool = True) -> Iterator[tuple[int, Place]]:
    """Each line with its place; what stands inside comes after what stands around it."""
    for child in ast.iter_child_nodes(node):
        inside, runs = where, at_import
        if isinstance(child, ast.stmt | ast.excepthandler):
            body = getattr(child, "body", None)
            last = max(child.lineno, body[0].lineno - 1) if body else child.end_lineno
            first = min([child.lineno, *(d.lineno for d in getattr(child, "decorator_list", []))])
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inside = f"{where}.{child.name}".lstrip(".")
            lines = tuple(range(first, last + 1))
            yield from ((line, Place(lines, inside or "module", at_import)) for line in lines)
            runs = at_import and not isinstance(child, ast.FunctionDef)
        yield from _places(child, inside, runs)


def _never_run(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Start and end of what nobody evaluates: annotations, and imports for type checkers."""
    for node in ast.walk(tree):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts.append(node)
        for part in filter(None, parts):
            yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
