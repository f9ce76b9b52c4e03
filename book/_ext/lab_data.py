"""The data of the model in the page: one classic script, as a page may fetch no file from disk.

    python book/_ext/lab_data.py [--weights float16] PATH

The base in base64, its tokenizer, the kernels, two adapters, and three tasks and the facts as
tokens. Made by the book's build from what is committed, and not committed itself.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.adapters import load_adapters
from lib.corpus import Example, facts, load_task
from lib.evaluation import bare_answers, encode_examples
from lib.model import GPTModel
from lib.pretraining import BASE, load_base
from lib.tokenizer import BPETokenizer

KERNELS = Path(__file__).parents[1] / "_static" / "lab" / "kernels.wasm"
BLOCK = 64  # numbers of a matrix that share a scale
BITS = {"int8": 8, "float16": 16}
#: Training examples of each task: all, but of the long texts as many as a short training reads.
TASKS = {"qa": None, "pirate": 150, "instructions": 768}
#: Adapters that come with the page, so that it has something to ask before anything is trained.
ADAPTERS = ("qa", "pirate")


def int8_bytes(array: np.ndarray) -> bytes:
    """Whole numbers from -127 to 127, then a half-precision scale for each block of 64 numbers.

    The scale is rounded before the numbers are divided by it, so that what is read back is the
    nearest that int8 allows.
    """
    flat = array.reshape(-1)
    blocks = np.pad(flat, (0, -flat.size % BLOCK)).reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(1, keepdims=True) / 127).astype("<f2")
    divisors = np.where(scales > 0, scales, 1).astype(np.float32)
    numbers = np.clip(np.round(blocks / divisors), -127, 127).astype(np.int8)
    return numbers.reshape(-1)[:flat.size].tobytes() + scales.tobytes()


def from_int8_bytes(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """What the page reads from ``int8_bytes``: float32 of that shape."""
    size = int(np.prod(shape))
    numbers = np.frombuffer(data, np.int8, size).astype(np.float32)
    scales = np.frombuffer(data, "<f2", offset=size).astype(np.float32)
    return (numbers * np.repeat(scales, BLOCK)[:size]).reshape(shape)


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


def tokens(tokenizer: BPETokenizer, examples: list[Example]) -> list[list[list[int]]]:
    """[prompt ids, answer ids] of each example."""
    return [[prompt, answer] for prompt, answer in encode_examples(tokenizer, examples)]


def task_data(tokenizer: BPETokenizer, name: str, count: int | None) -> dict[str, Any]:
    """The parts of a task, and the prompts that a style is asked with."""
    task = load_task(name)
    found = {"title": task.title, "train": tokens(tokenizer, task.train[:count])}
    if task.ends:
        return {**found, "dev": tokens(tokenizer, task.dev), "test": tokens(tokenizer, task.test)}
    return {**found, "style_probes": fact_tokens(tokenizer, task.probes)}


def fact_tokens(tokenizer: BPETokenizer, some: list[Example]) -> list[list[list[int]]]:
    """Facts up to the sign that ends their answer, as ``lib.evaluation.recalled_facts`` asks."""
    return tokens(tokenizer, bare_answers(some))


def adapter_data(name: str) -> dict[str, Any]:
    """An adapter of the library's data as the page's own, its numbers as int8 like the base's."""
    found = load_adapters(BASE.with_name(f"{name}-lora.npz"))
    arrays = [[key, list(array.shape), "int8"] for key, array in found.arrays.items()]
    numbers = b"".join(int8_bytes(array) for array in found.arrays.values())
    return {"kind": "lora", "task": name, "bits": None, "rank": found.rank, "alpha": found.alpha,
            "targets": list(found.target_modules), "arrays": arrays,
            "numbers": base64.b64encode(numbers).decode()}


def lab_data(model: GPTModel, tokenizer: BPETokenizer, weights: str = "int8") -> dict[str, Any]:
    """All that the script holds.

    Raises:
        ValueError: ``weights`` is neither int8 nor float16.
    """
    if weights not in BITS:
        raise ValueError(f"weights is {weights!r}, it must be one of {', '.join(BITS)}")
    arrays, data = packed(model, weights)
    config = {key: value for key, value in model.config.to_dict().items()
              if key not in ("dtype", "positions")}
    return {"config": config, "bits": BITS[weights], "arrays": arrays,
            "weights": base64.b64encode(data).decode(),
            "wasm": base64.b64encode(KERNELS.read_bytes()).decode(),
            "merges": tokenizer.merges.tolist(), "facts": fact_tokens(tokenizer, facts()),
            "tasks": {name: task_data(tokenizer, name, count) for name, count in TASKS.items()},
            "adapters": {name: adapter_data(name) for name in ADAPTERS}}


def write_lab_data(path: str | Path, weights: str = "int8") -> None:
    """Write the script from the committed base model; ``weights`` is int8 or float16."""
    text = json.dumps(lab_data(*load_base(), weights), separators=(",", ":"))
    Path(path).write_text(f"var lab_data = {text};\n", encoding="ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the data of the model in the page.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--weights", choices=sorted(BITS), default="int8")
    given = parser.parse_args()
    write_lab_data(given.path, given.weights)
