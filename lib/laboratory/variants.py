"""The runs of LoRA's relatives, made by the very code that chapter 17 shows.

    python -m lib.laboratory.variants      (some minutes; a stopped record goes on)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from tqdm.auto import tqdm

from lib.laboratory.results import Line

VARIANTS = Path(__file__).parent / "variants.jsonl"
CHAPTER = Path(__file__).parents[2] / "chapters" / "17_variants.ipynb"
#: The tag of the chapter's cells that together define ``perform`` and what it needs.
TAG = "recorded"


def load_variants(path: Path = VARIANTS) -> list[Line]:
    """The recorded lines, what ``perform`` returned: ``run`` is its method, learning_rate and seed.
    """
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def record(path: Path = VARIANTS, chapter: Path = CHAPTER) -> int:
    """Do all runs that the chapter declares and the file lacks; return how many those were.

    Each is added as it ends, and in the end all stand in the chapter's order.

    Raises:
        ValueError: the chapter has no cells with ``TAG``.
    """
    scope = definitions(chapter)
    done = {_key(line["run"]): line for line in load_variants(path)}
    wanted = list(declared(scope))
    missing = [run for run in wanted if _key(run) not in done]
    for run in tqdm(missing, desc="variants", unit="run"):
        done[_key(run)] = line = scope["perform"](**run)
        with path.open("a") as file:
            file.write(_text(line))
    if missing:
        path.write_text("".join(_text(done[_key(run)]) for run in wanted))
    return len(missing)


def declared(scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every method of ``RATES`` at each of its rates with each of ``SEEDS``."""
    for method, rates in scope["RATES"].items():
        for rate in rates:
            for seed in scope["SEEDS"]:
                yield {"method": method, "learning_rate": rate, "seed": seed}


def definitions(chapter: Path = CHAPTER) -> dict[str, Any]:
    """What the chapter's tagged cells define, by name; raises ValueError if there are none."""
    cells = [cell.source for cell in nbformat.read(chapter, as_version=4).cells
             if TAG in cell.metadata.get("tags", ())]
    if not cells:
        raise ValueError(f"{chapter} has no cells with the tag {TAG!r}")
    scope: dict[str, Any] = {"__name__": "chapter"}
    exec(compile("\n".join(cells), str(chapter), "exec"), scope)
    return scope


def _key(run: dict[str, Any]) -> str:
    return json.dumps(run, sort_keys=True)


def _text(line: Line) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    print(f"{record()} runs done, {len(load_variants())} recorded in {VARIANTS.name}")
