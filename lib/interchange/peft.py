"""Adapters of a Llama in PEFT's format: a folder with a configuration and a safetensors file.

Besides the names one thing differs.  A GGUF file has the rows of a head's queries and keys in the
order in which ``lib.positions.rotate`` turns them, pairs (2i, 2i + 1); transformers has all first
entries of the pairs, then all second ones.  So the rows of B are put in that order, and back.
Without it the file would load, and the model answer a little wrong.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from lib.adapters import Adapters
from lib.interchange.safetensors import from_bytes, to_bytes
from lib.llama import LlamaConfig
from lib.lora import IN_LLAMA_BLOCK, check_targets

CONFIG, ARRAYS = "adapter_config.json", "adapter_model.safetensors"
BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"

#: lib's names of the target modules, and where transformers' Llama has them.
MODULES = {"query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj",
           "output": "self_attn.o_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
           "ffn_gate": "mlp.gate_proj"}

#: Settings of PEFT that would make another layer than ``LoRALinear``, and what turns them off.
PLAIN = {"peft_type": ("LORA",), "bias": ("none",), "use_dora": (False,), "lora_bias": (False,),
         "fan_in_fan_out": (False,), "layer_replication": (None, []),
         "modules_to_save": (None, []), "rank_pattern": (None, {}),
         "alpha_pattern": (None, {}), "layers_to_transform": (None, []),
         "trainable_token_indices": (None, []), "target_parameters": (None, [])}


def save_peft(adapters: Adapters, config: LlamaConfig, folder: str | Path) -> None:
    """Write adapters of a Llama of these sizes to a folder, as ``PeftModel.from_pretrained`` reads.

    Raises ValueError, before anything is written, if they are of targets that a Llama has not.
    """
    check_targets(adapters.target_modules, tuple(MODULES))
    arrays = {_peft_name(name): _rows(name, array, config, to_peft=True)
              for name, array in adapters.arrays.items()}
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": BASE,
                "r": int(adapters.rank), "lora_alpha": float(adapters.alpha),
                "target_modules": [MODULES[target].split(".")[1]
                                   for target in adapters.target_modules],
                "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False,
                "inference_mode": True}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARRAYS).write_bytes(to_bytes(arrays, {"format": "pt"}))
    (folder / CONFIG).write_text(json.dumps(settings, indent=2) + "\n")


def load_peft(folder: str | Path, config: LlamaConfig) -> Adapters:
    """Read what ``save_peft`` or PEFT wrote, for ``lib.adapters.attach_adapters``.

    Raises:
        FileNotFoundError: one of the two files is not there.
        ValueError: a file is damaged, a setting makes other layers than LoRA's, or an array is
            not one of a Llama's adapters.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / CONFIG).read_bytes())
        rank, alpha, targets = _settings(settings)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    try:
        found, _ = from_bytes((folder / ARRAYS).read_bytes())
        arrays = {}
        for name, array in found.items():
            own = _own_name(name)
            _check_shape(name, array, rank)
            arrays[own] = _rows(own, array.astype(config.dtype), config, to_peft=False)
    except ValueError as error:
        raise ValueError(f"{folder / ARRAYS}: {error}") from error
    return Adapters(rank, alpha, targets, arrays)


def _settings(found: Any) -> tuple[int, float, tuple[str, ...]]:
    """Rank, alpha and targets in lib's names."""
    if not isinstance(found, dict):
        raise ValueError("it holds no settings")
    for name, plain in PLAIN.items():
        if found.get(name, plain[0]) not in plain:
            raise ValueError(f"{name} is {found[name]!r}, only {plain[0]!r} is read")
    rank, alpha, modules = (found.get(name) for name in ("r", "lora_alpha", "target_modules"))
    if type(rank) is not int or rank < 1:
        raise ValueError(f"r is {rank!r}, it must be a whole number above 0")
    if type(alpha) not in (int, float) or not 0 < alpha < math.inf:
        raise ValueError(f"lora_alpha is {alpha!r}, it must be a finite number above 0")
    if found.get("use_rslora"):
        alpha *= math.sqrt(rank)  # alpha / sqrt(r) is alpha sqrt(r) / r
    targets = {module.split(".")[1]: target for target, module in MODULES.items()}
    if not isinstance(modules, list) or not modules or not all(
            isinstance(module, str) and module in targets for module in modules):
        raise ValueError(f"target_modules is {modules!r}, it must be a list of names from "
                         f"{tuple(targets)}")
    return rank, float(alpha), tuple(target for target in MODULES
                                     if MODULES[target].split(".")[1] in modules)


def _peft_name(name: str) -> str:
    """transformer_stack.layers.3.self_attention.query_linear.lora_A -> PEFT's name."""
    *_, layer, part, attribute, matrix = name.split(".")
    target = next(target for target, place in IN_LLAMA_BLOCK.items()
                  if place == (part, attribute))
    return f"base_model.model.model.layers.{layer}.{MODULES[target]}.{matrix}.weight"


def _own_name(name: str) -> str:
    """PEFT's name -> lib's."""
    parts = name.removeprefix("base_model.model.model.layers.").split(".")
    module = ".".join(parts[1:3])
    target = next((target for target, each in MODULES.items() if each == module), None)
    if target is None or len(parts) != 5 or parts[3] not in ("lora_A", "lora_B"):
        raise ValueError(f"{name} is no adapter of a Llama's block")
    place = ".".join(IN_LLAMA_BLOCK[target])
    return f"transformer_stack.layers.{parts[0]}.{place}.{parts[3]}"


def _check_shape(name: str, array: np.ndarray, rank: int) -> None:
    sides = array.shape if "lora_A" in name else array.shape[::-1]
    if len(sides) != 2 or sides[0] != rank:
        raise ValueError(f"{name} is {array.shape}, its rank should be {rank}")


def _rows(name: str, array: np.ndarray, config: LlamaConfig, to_peft: bool) -> np.ndarray:
    """The array, of queries' and keys' B with each head's rows in the other order."""
    if not name.endswith(("query_linear.lora_B", "key_linear.lora_B")):
        return array
    half = config.head_size // 2
    if len(array) % config.head_size:
        raise ValueError(f"{name} has {len(array)} rows, no multiple of the {config.head_size} of "
                         f"a head")
    order = (half, 2) if to_peft else (2, half)
    return array.reshape(-1, *order, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
