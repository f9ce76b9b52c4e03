"""``my_gpt.py``, the file that the reader writes in chapters 2 to 6, 8 and 13: joined from cells,
measured.

Cells with the tag ``my-gpt`` hold nothing but imports, constants, functions and classes.  A later
definition of a name takes the place of the earlier one, as it does in a notebook.
"""

from __future__ import annotations

import ast
import difflib
import dis
import functools
import hashlib
import inspect
import json
import linecache
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from lib.corpus import documents
from lib.evaluation import stream_batches
from lib.laboratory.record import sampled
from lib.losses import cross_entropy, cross_entropy_loss
from lib.optim import AdamW, clip_gradient_norm, warmup_cosine
from lib.pretraining import Recipe, held_out_stream, load_base, token_stream
from lib.training import stream_batch

TAG = "my-gpt"
CHAPTERS = Path(__file__).parents[1] / "chapters"
#: The files, below ``chapters``, that may have such cells.
SOURCES = "*.ipynb"
TITLE = '"""A GPT in plain NumPy, with every gradient written by hand."""'
#: What a step of the growing model is measured by: so many batches of so many windows of tokens.
STEPS, BATCH, TIME, DOCUMENTS = 300, 8, 64, 2000

Names = tuple[str, ...]
Weights = dict[str, np.ndarray]
Model = Callable[[np.ndarray, Weights], tuple[np.ndarray, Callable[..., Any]]]


def tagged_cells(path: Path) -> list[str]:
    """The sources of a notebook's cells that have the tag."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if TAG in cell["metadata"].get("tags", [])]


def definitions(cell: str) -> dict[Names, str]:
    """What a cell defines: for each statement the names that it binds, and its lines, with the
    comments above them.

    Raises:
        ValueError: a statement is neither an import, a function, a class nor a constant.
    """
    lines, found, end = cell.splitlines(), {}, 0
    for node in ast.parse(cell).body:
        match node:
            case ast.Import() | ast.ImportFrom():
                names = tuple(alias.asname or alias.name for alias in node.names)
            case ast.FunctionDef() | ast.ClassDef():
                names = (node.name,)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names = (name,)
            case ast.Assign(targets=[ast.Tuple(elts=parts)]):
                names = tuple(part.id for part in parts)
            case _:
                raise ValueError(f"a cell with the tag {TAG} may import and define, not run "
                                 f"{ast.unparse(node)!r}")
        found[names] = "\n".join(lines[end:node.end_lineno]).strip("\n")
        end = node.end_lineno
    return found


def chapters() -> dict[int, Path]:
    """The chapters in which ``my_gpt.py`` grows, in their order, with their files."""
    return {int(path.name[:2]): path for path in sorted(CHAPTERS.glob(SOURCES))
            if tagged_cells(path)}


def defined(chapter: int, cells: int | None = None) -> dict[Names, str]:
    """All that the cells define up to the end of a chapter, or up to so many of its cells, in the
    order of first appearance.

    Raises:
        ValueError: there is no such chapter, or names that were defined together are defined
            apart later.
    """
    if chapter not in chapters():
        raise ValueError(f"chapter is {chapter}, my_gpt.py grows in chapters {list(chapters())}")
    found: dict[Names, str] = {}
    for number, path in chapters().items():
        for cell in tagged_cells(path)[:cells if number == chapter else None] \
                if number <= chapter else ():
            new, known = definitions(cell), {name for names in found for name in names}
            for names in new.keys() - found.keys():
                if torn := known & {*names}:
                    raise ValueError(f"chapter {number} defines {min(torn)} apart from the names "
                                     f"that it was defined with")
            found |= new  # a known name keeps its place
    return found


def ordered(found: dict[Names, str]) -> tuple[list[Names], list[Names], list[Names]]:
    """Imports, constants, and the rest, in which each definition stands below all that it uses."""
    nodes = {names: ast.parse(text).body[0] for names, text in found.items()}
    imports = sorted((names for names, node in nodes.items()
                      if isinstance(node, ast.Import | ast.ImportFrom)),
                     key=lambda names: (names[0] not in sys.stdlib_module_names, found[names]))
    constants = [names for names, node in nodes.items() if isinstance(node, ast.Assign)]
    owner = {name: names for names in found for name in names}
    done = [*imports, *constants]
    count = len(done)

    def place(names: Names, above: tuple[Names, ...] = ()) -> None:
        if names in done or names in above:
            return
        for node in ast.walk(nodes[names]):
            if isinstance(node, ast.Name) and node.id in owner:
                place(owner[node.id], (*above, names))
        done.append(names)

    for names in found:
        place(names)
    return imports, constants, done[count:]


def listing(chapter: int) -> list[tuple[str, bool]]:
    """The lines of ``my_gpt.py`` at a chapter's end, and whether the chapter wrote each.

    Raises ValueError unless the file grows in that chapter.
    """
    found = defined(chapter)
    imports, constants, rest = ordered(found)
    earlier = [number for number in chapters() if number < chapter]
    before = defined(earlier[-1]) if earlier else {}
    lines = [(TITLE, not earlier)]
    for group in filter(None, (imports, constants, *([names] for names in rest))):
        lines.append(("", False))
        for names in group:
            lines += compared(before.get(names, ""), found[names])
    return lines


def compared(old: str, new: str) -> list[tuple[str, bool]]:
    """The lines of ``new``, and whether each is another than in ``old``."""
    was, now = old.splitlines(), new.splitlines()
    match = difflib.SequenceMatcher(None, was, now, autojunk=False)
    same = {at for block in match.get_matching_blocks()
            for at in range(block.b, block.b + block.size)}
    return [(line, at not in same) for at, line in enumerate(now)]


def changes(chapter: int, *names: str) -> str:
    """Functions of ``my_gpt.py``: their first lines, and the lines that the chapter wrote.

    Raises ValueError unless the file grows in that chapter.
    """
    now, before = defined(chapter), defined(max(each for each in chapters() if each < chapter))
    shown = []
    for name in names:
        (first, _), *rest = compared(before.get((name,), ""), now[name,])
        lines = [first]
        for line, new in rest:
            if new or lines[-1] != "    ...":
                lines.append(line if new else "    ...")
        shown.append("\n".join(lines))
    return "\n\n".join(shown)


def my_gpt(chapter: int) -> str:
    """``my_gpt.py`` as it is at the end of a chapter.

    Raises ValueError unless the file grows in that chapter.
    """
    return "\n".join(line for line, _ in listing(chapter)) + "\n"


def grow(namespace: dict[str, Any], upto: int, cells: int | None = None) -> None:
    """Run ``my_gpt.py``, as it is at the end of chapter ``upto``, or after so many of its cells,
    in a namespace: ``globals()``.

    Raises ValueError unless the file grows in that chapter.
    """
    text, name = my_gpt(upto), f"my_gpt.py of chapter {upto}"
    if cells is not None:
        found = defined(upto, cells)
        text = "\n\n".join(found[names] for group in ordered(found) for names in group) + "\n"
        name += f", {cells} cells"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name  # for inspect
    exec(compile(text, name, "exec"), namespace)


@functools.cache
def practice_streams() -> tuple[np.ndarray, np.ndarray]:
    """A small part of the text for pre-training, and held-out text, each (tokens,)."""
    _, tokenizer = load_base()
    texts = documents(DOCUMENTS, np.random.default_rng([0, 0]))
    return token_stream(tokenizer, texts), held_out_stream(tokenizer, Recipe())


def held_out_loss(model: Model, weights: Weights) -> float:
    """Mean loss on held-out text, in nats a token."""
    losses = [(targets.size, cross_entropy_loss(model(inputs, weights)[0], targets))
              for inputs, targets in stream_batches(practice_streams()[1], TIME)]
    return sum(size * loss for size, loss in losses) / sum(size for size, _ in losses)


def borrowed_training(model: Model, weights: Weights, seed: int, rate: float = 5e-3,
                      decay: float = 0.1) -> None:
    """Train in place for the small budget, with the library's loss and optimizer."""
    optimizer = AdamW((0.9, 0.99), weight_decay=decay)
    for step in range(STEPS):
        inputs, targets = stream_batch(practice_streams()[0], step, seed, BATCH, TIME)
        logits, back = model(inputs, weights)
        grads: Weights = {}
        back(cross_entropy(logits, targets)[1], grads)
        optimizer.step(clip_gradient_norm(grads, 1.0), weights,
                       warmup_cosine(step, STEPS, rate, STEPS // 10))


def practice(model: Model, new_weights: Callable[..., Weights],
             train: Callable[..., Any] | None = None, again: int = 0,
             seeds: Sequence[int] = (0, 1, 2), **settings: float) -> list[float]:
    """Held-out losses, in nats a token, after a budget that is small and the same for all models:
    300 batches of (8, 64) tokens, from a start and with batches that each seed draws.

    A loss is read from the record where all functions and constants that it depends on are those
    with which it was recorded; else, and for the first ``again`` seeds, the model is trained now.

    Args:
        train: ``train(weights, stream, steps, batch=..., seed=..., **settings)``; what the library
            has, with the learning rate ``rate`` and the weight decay ``decay``, if None.
    """
    def my_gpt_practice(digest: str, seed: int, settings: dict[str, float]) -> float:
        weights = new_weights(np.random.default_rng(seed))
        if train is None:
            borrowed_training(model, weights, seed, **settings)
        else:
            train(weights, practice_streams()[0], STEPS, batch=BATCH, seed=seed, **settings)
        return held_out_loss(model, weights)

    digest = hashlib.sha256(sources(model, new_weights, train).encode()).hexdigest()[:12]
    return sampled(my_gpt_practice, [(digest, seed, settings) for seed in seeds], again)


def mean_and_range(losses: Sequence[float]) -> str:
    """The mean of some losses, with the smallest and the largest."""
    return f"{np.mean(losses):.2f} nats ({min(losses):.2f} to {max(losses):.2f})"


def sources(*functions: Callable[..., Any] | None) -> str:
    """The code of functions, and of all functions and constants of their module that they use,
    with the values that a function has from the one around it.
    """
    found: dict[str, str] = {}
    todo = [each for each in functions if each is not None]
    while todo:
        function = todo.pop()
        found[function.__name__] = inspect.getsource(function).strip()
        for name in sorted(used_globals(function.__code__) & function.__globals__.keys()):
            value = function.__globals__[name]
            if isinstance(value, int | float | str):
                found[name] = repr(value)
            elif (isinstance(value, FunctionType) and name not in found
                  and value.__globals__ is function.__globals__):
                todo.append(value)
        for name, value in inspect.getclosurevars(function).nonlocals.items():
            named = isinstance(value, FunctionType)
            found[f"{function.__name__}.{name}"] = value.__name__ if named else repr(value)
            todo += [value] if named and value.__name__ not in found else []
    return "\n".join(found[name] for name in sorted(found))


def used_globals(code: CodeType) -> set[str]:
    """The global names that a function's code uses, with those of functions inside it."""
    names = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    return names.union(*(used_globals(each) for each in code.co_consts
                         if isinstance(each, CodeType)))
