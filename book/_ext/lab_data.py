"""The data of the model in the page: classic scripts, as a page may fetch no file from disk.

    python book/_ext/lab_data.py FOLDER

lab-data.js: the base in int8, its tokenizer, the kernels, two adapters, four tasks and the facts.
lab-float16.js: the base in half precision, which a page loads only when a reader chooses it.
lab-merges.js: the tokenizer's merges alone. The book's build makes them from what is committed.
"""

from __future__ import annotations

import argparse
import base64
import json
import string
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.adapters import load_adapters
from lib.corpus import Example, facts, load_task
from lib.evaluation import bare_answers
from lib.interchange.page import int8_bytes
from lib.model import GPTModel
from lib.pretraining import BASE, load_base
from lib.tokenizer import BPETokenizer

KERNELS = Path(__file__).parents[1] / "_static" / "lab" / "kernels.wasm"
LETTERS = (string.digits + string.ascii_letters + "+/").encode()
BITS = {"int8": 8, "float16": 16}
#: Most examples of a part of a task: of training texts, as many as a short training reads.
TASKS = {"qa": {}, "pirate": {"train": 150}, "recipes": {"train": 256},
         "instructions": {"train": 512, "dev": 192, "test": 320}}
#: Adapters that come with the page, so that it has something to ask before anything is trained.
ADAPTERS = ("qa", "pirate")


def letters(data: bytes) -> str:
    """Bytes as text: a letter for the upper six bits of each, then one for the lower two of three.

    As long as base64. Compressed it is 5% shorter, since the upper bits of weights are not
    uniform; base64 mixes neighbouring bytes, which hides that from a compressor of whole letters.
    """
    numbers = np.frombuffer(data, np.uint8)
    low = np.pad(numbers & 3, (0, -numbers.size % 3)).reshape(-1, 3) * np.array([1, 4, 16])
    both = np.concatenate([numbers >> 2, low.sum(1)])
    return np.frombuffer(LETTERS, np.uint8)[both].tobytes().decode("ascii")


def packed(model: GPTModel, weights: str) -> tuple[list[list[Any]], bytes]:
    """[name, shape, type] of every array, and the bytes of all; vectors stay float32."""
    arrays, parts = [], []
    for name, array in model.parameters().items():
        kind = weights if array.ndim > 1 else "float32"
        arrays.append([name, list(array.shape), kind])
        parts.append({"int8": int8_bytes,
                      "float16": lambda each: each.astype("<f2").tobytes(),
                      "float32": lambda each: each.astype("<f4").tobytes()}[kind](array))
    return arrays, b"".join(parts)


def texts(examples: list[Example]) -> list[list[str]]:
    """[prompt, answer] of each example: shorter than its tokens, and the page has the tokenizer."""
    return [[example.prompt, example.answer] for example in examples]


def task_data(name: str, most: dict[str, int]) -> dict[str, Any]:
    """The parts of a task, each of ``most`` examples where it says so, or a style's probes.

    Probes are told up to the sign that ends their answer, as ``recalled_facts`` asks.
    """
    task = load_task(name)
    parts = ("train", "dev", "test") if task.ends else ("train",)
    found = {part: texts(getattr(task, part)[:most.get(part)]) for part in parts}
    if task.probes and not task.ends:
        found["style_probes"] = texts(bare_answers(task.probes))
    return {"title": task.title, **found}


def adapter_data(name: str) -> dict[str, Any]:
    """An adapter of the library's data as the page's own, its numbers as int8 like the base's."""
    found = load_adapters(BASE.with_name(f"{name}-lora.npz"))
    arrays = [[key, list(array.shape), "int8"] for key, array in found.arrays.items()]
    numbers = b"".join(int8_bytes(array) for array in found.arrays.values())
    return {"kind": "lora", "task": name, "bits": None, "rank": found.rank, "alpha": found.alpha,
            "targets": list(found.target_modules), "arrays": arrays, "numbers": letters(numbers)}


def base_data(model: GPTModel, weights: str) -> dict[str, Any]:
    """The base at the bits of its matrices.

    Raises:
        ValueError: ``weights`` is neither int8 nor float16.
    """
    if weights not in BITS:
        raise ValueError(f"weights is {weights!r}, it must be one of {', '.join(BITS)}")
    arrays, data = packed(model, weights)
    return {"bits": BITS[weights], "arrays": arrays, "weights": letters(data)}


def lab_data(model: GPTModel, tokenizer: BPETokenizer) -> dict[str, Any]:
    """All that the page needs to start."""
    config = {key: value for key, value in model.config.to_dict().items()
              if key not in ("dtype", "positions")}
    return {"config": config, "base": base_data(model, "int8"),
            "wasm": base64.b64encode(KERNELS.read_bytes()).decode(),
            "merges": tokenizer.merges.tolist(), "facts": texts(bare_answers(facts())),
            "tasks": {name: task_data(name, most) for name, most in TASKS.items()},
            "adapters": {name: adapter_data(name) for name in ADAPTERS}}


def write_lab_data(folder: Path) -> None:
    """Write the scripts from the committed base model."""
    model, tokenizer = load_base()
    for name, data in (("lab_data", lab_data(model, tokenizer)),
                       ("lab_float16", base_data(model, "float16")),
                       ("lab_merges", tokenizer.merges.tolist())):
        text = json.dumps(data, separators=(",", ":"))
        path = folder / f"{name.replace('_', '-')}.js"
        path.write_text(f"var {name} = {text};\n", encoding="ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the data of the model in the page.")
    parser.add_argument("folder", type=Path)
    write_lab_data(parser.parse_args().folder)
