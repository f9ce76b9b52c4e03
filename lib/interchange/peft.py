"""Adapters of a Llama in the form of Hugging Face's PEFT: a folder that ``from_pretrained`` takes.

It has adapter_config.json and adapter_model.safetensors.  PEFT's arrays are ours under other names,
except B of queries and keys: its rows, one for each dimension of a head, are in another order,
because transformers rotates dimension i with i + half, and we, like GGUF, 2i with 2i + 1.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from lib.adapters import Adapters, get_adapters
from lib.interchange.safetensors import from_bytes, to_bytes
from lib.llama import LlamaConfig, LlamaModel
from lib.lora import IN_LLAMA_BLOCK

CONFIG, ARRAYS = "adapter_config.json", "adapter_model.safetensors"
BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
START, OURS = "base_model.model.model.layers.", "transformer_stack.layers."

#: Where transformers has each target: (part of a layer, projection).
PLACES = {"query": ("self_attn", "q_proj"), "key": ("self_attn", "k_proj"),
          "value": ("self_attn", "v_proj"), "output": ("self_attn", "o_proj"),
          "ffn_gate": ("mlp", "gate_proj"), "ffn_up": ("mlp", "up_proj"),
          "ffn_down": ("mlp", "down_proj")}
TARGET_OF = {place: target for target, place in PLACES.items()}
TARGET_AT = {place: target for target, place in IN_LLAMA_BLOCK.items()}

#: What a configuration may say besides, for the adapter to be plain LoRA as ours is.
PLAIN = {"bias": "none", "fan_in_fan_out": False, "use_dora": False, "use_rslora": False,
         "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {}, "lora_bias": False,
         "layers_to_transform": None, "layer_replication": None, "trainable_token_indices": None}


def peft_name(name: str) -> str:
    """transformer_stack.layers.3.self_attention.query_linear.lora_A to PEFT's name of it."""
    number, part, attribute, matrix = name.removeprefix(OURS).split(".")
    return ".".join([f"{START}{number}", *PLACES[TARGET_AT[part, attribute]], matrix, "weight"])


def our_name(name: str) -> str:
    """And back.  Raises ValueError if it is the name of no adapter on one of PLACES."""
    try:
        number, part, projection, matrix, end = name.removeprefix(START).split(".")
        target = TARGET_OF[part, projection]
    except (KeyError, ValueError):
        number = matrix = end = ""
    if not (name.startswith(START) and number.isdecimal() and end == "weight"
            and matrix in ("lora_A", "lora_B")):
        raise ValueError(f"it has an array {name!r}, which belongs to no target of a Llama")
    return ".".join([f"{OURS}{int(number)}", *IN_LLAMA_BLOCK[target], matrix])


def halves_of_pairs(rows: np.ndarray, head_size: int) -> np.ndarray:
    """Rows of queries or keys (heads * head_size, n) from pairs side by side, as we rotate them,
    to all first halves of a head before the second ones, as transformers does.
    """
    return rows.reshape(-1, head_size // 2, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def pairs_of_halves(rows: np.ndarray, head_size: int) -> np.ndarray:
    """And back."""
    return rows.reshape(-1, 2, head_size // 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def is_rotated(name: str) -> bool:
    """Whether an array's rows are dimensions of queries or keys."""
    return name.endswith(("query_linear.lora_B", "key_linear.lora_B"))


def save_peft(model: LlamaModel, folder: str | Path, base: str = BASE) -> None:
    """Write a Llama's adapters to a folder; ``base`` tells PEFT's users what they belong to.

    They were trained beside weights of 4 or 8 bits: beside the original ones they are nearly right.

    Raises:
        ValueError: the model is no Llama, or carries no adapters, or has them at a strength that
            is not stored.  Nothing is written then.
    """
    if not isinstance(model.config, LlamaConfig):
        raise ValueError("only adapters of a Llama, such as SmolLM2, can be written for PEFT")
    adapters = get_adapters(model)
    size = model.config.embedding_dimension // model.config.heads
    arrays = {peft_name(name): halves_of_pairs(array, size) if is_rotated(name) else array
              for name, array in adapters.arrays.items()}
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base,
              "r": int(adapters.rank), "lora_alpha": float(adapters.alpha), "lora_dropout": 0.0,
              "target_modules": [PLACES[target][1] for target in adapters.target_modules],
              "bias": "none", "fan_in_fan_out": False, "inference_mode": True}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((ARRAYS, to_bytes(arrays, {"format": "pt"})),
                       (CONFIG, (json.dumps(config, indent=2) + "\n").encode())):
        draft = folder / f"{name}.part"
        draft.write_bytes(data)
        os.replace(draft, folder / name)


def load_peft(folder: str | Path, config: LlamaConfig) -> Adapters:
    """Read what ``save_peft`` or PEFT wrote, for ``lib.adapters.attach_adapters`` on a Llama.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or holds something else than plain LoRA of a Llama.
    """
    folder = Path(folder)
    try:
        rank, alpha = _settings((folder / CONFIG).read_bytes())
    except ValueError as error:
        raise ValueError(f"{folder / CONFIG} is of no plain LoRA: {error}") from error
    try:
        found, _ = from_bytes((folder / ARRAYS).read_bytes())
        size, arrays = config.embedding_dimension // config.heads, {}
        for name, array in found.items():
            ours = our_name(name)
            is_a = ours.endswith("lora_A")
            if array.ndim != 2 or array.shape[0 if is_a else 1] != rank:
                raise ValueError(f"{name} is {array.shape}, its rank should be {rank}")
            if is_rotated(ours):
                if len(array) % size:
                    raise ValueError(f"{name} has {len(array)} rows, in heads of {size}")
                array = pairs_of_halves(array, size)
            arrays[ours] = array.astype(config.dtype)
    except ValueError as error:
        raise ValueError(f"{folder / ARRAYS} cannot be read: {error}") from error
    targets = tuple(target for target, place in IN_LLAMA_BLOCK.items()
                    if any(f".{'.'.join(place)}." in name for name in arrays))
    if not targets:
        raise ValueError(f"{folder / ARRAYS} holds no adapters")
    return Adapters(rank, alpha, targets, arrays)


def _settings(data: bytes) -> tuple[int, float]:
    """Rank and alpha out of a configuration."""
    config: Any = json.loads(data.decode())
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise ValueError("its peft_type is not 'LORA'")
    for name, plain in PLAIN.items():
        if (value := config.get(name)) not in (None, False, plain):
            raise ValueError(f"its {name} is {value!r}, only {plain!r} is read")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or rank < 1:
        raise ValueError(f"its r is {rank!r}, it must be a whole number above 0")
    if type(alpha) not in (int, float) or not 0 < alpha < math.inf:
        raise ValueError(f"its lora_alpha is {alpha!r}, it must be a finite number above 0")
    return rank, float(alpha)
