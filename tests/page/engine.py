"""The page's engine from Python: code to run in it, arrays there and back."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.lora import get_lora_parameters
from lib.losses import IGNORE

KERNELS = ("wasm", "js")
BRIDGE = Path(__file__).with_name("bridge.js")


def pack(value: Any) -> Any:
    """Arrays of numbers as JSON can hold them, anywhere in a value; whole numbers as lists."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return {"array": base64.b64encode(value.astype("<f4").tobytes()).decode(),
                "shape": list(value.shape), "dtype": "<f4"}
    if isinstance(value, bytes):
        return {"array": base64.b64encode(value).decode(), "shape": [len(value)], "dtype": "|u1"}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: pack(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [pack(each) for each in value]
    return value


def unpack(value: Any) -> Any:
    """The way back; bytes come as an array of uint8."""
    if isinstance(value, dict) and "array" in value:
        numbers = np.frombuffer(base64.b64decode(value["array"]), value["dtype"])
        return numbers.reshape(value["shape"])
    if isinstance(value, dict):
        return {key: unpack(each) for key, each in value.items()}
    return [unpack(each) for each in value] if isinstance(value, list) else value


@dataclass
class Engine:
    """The engine in a page, over the kernels of one kind."""

    page: Any
    kernels: str = "wasm"

    def run(self, code: str, **given: Any) -> Any:
        """What the code returns; it sees the engine as E, and ``given``."""
        return unpack(self.page.evaluate(
            "([kernels, code, given]) => bridge.run(kernels, code, given)",
            [self.kernels, code, pack(given)]))


def sizes(model) -> dict[str, int]:
    """The configuration as the page's model takes it."""
    return {key: value for key, value in model.config.to_dict().items() if type(value) is int}


def plain_arrays(model) -> dict[str, np.ndarray]:
    """The arrays of a model without those of its adapters, under the names without adapters.

    An adapted embedding holds its table turned.
    """
    found = {}
    for name, array in model.parameters().items():
        if name.endswith("base_weights"):
            turned = array.T if name.startswith("token_embedding") else array
            found[name.replace("base_weights", "weights")] = turned
        elif not name.endswith(("lora_A", "lora_B")):
            found[name] = array
    return found


def given_model(model, rank=None, alpha=None, targets=None) -> dict[str, Any]:
    """What ``bridge.model`` needs to have this model."""
    lora = rank and {"rank": rank, "alpha": alpha, "targets": list(targets),
                     "arrays": get_lora_parameters(model)}
    return {"config": sizes(model), "arrays": plain_arrays(model), "lora": lora}


#: Runs before other code: the model under `model`.
MODEL = "const model = bridge.model(E, given.config, given.arrays, given.lora);"


def flat(inputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """A batch as the page takes it: ids in one row; where lib has IGNORE, so has the page."""
    assert IGNORE == -100
    return {"inputs": inputs.reshape(-1), "targets": targets.reshape(-1), "batch": len(inputs)}


def worst(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference of two arrays of one shape."""
    assert found.shape == wanted.shape
    return float(np.abs(found.astype(np.float64) - wanted).max())
