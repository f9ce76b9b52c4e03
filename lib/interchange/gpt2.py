"""GPT-2 models as transformers writes them: a folder with config.json and model.safetensors.

Its linear layers have their weights as (d_in, d_out), and queries, keys and values in one array.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lib.checkpoint import check_arrays
from lib.gpt2 import GPT2Config, GPT2Model
from lib.interchange.safetensors import from_bytes

#: Our name of each array of a block -> theirs, and the third of it that is ours if it has three.
IN_BLOCK = {
    "attention_norm.gamma": ("ln_1.weight", None), "attention_norm.beta": ("ln_1.bias", None),
    **{f"self_attention.{name}_linear.{ours}": (f"attn.c_attn.{theirs}", third)
       for third, name in enumerate(("query", "key", "value"))
       for ours, theirs in (("weights", "weight"), ("bias", "bias"))},
    "self_attention.output_linear.weights": ("attn.c_proj.weight", None),
    "self_attention.output_linear.bias": ("attn.c_proj.bias", None),
    "feed_forward_norm.gamma": ("ln_2.weight", None), "feed_forward_norm.beta": ("ln_2.bias", None),
    "feed_forward.up_linear.weights": ("mlp.c_fc.weight", None),
    "feed_forward.up_linear.bias": ("mlp.c_fc.bias", None),
    "feed_forward.down_linear.weights": ("mlp.c_proj.weight", None),
    "feed_forward.down_linear.bias": ("mlp.c_proj.bias", None)}
NAMES = {"token_embedding.weights": "wte.weight", "position_embedding.weights": "wpe.weight",
         "final_norm.gamma": "ln_f.weight", "final_norm.beta": "ln_f.bias"}
#: What a configuration has to say for the model to be one that ours can be.
NEEDED = {"model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
          "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
          "tie_word_embeddings": True, "add_cross_attention": False}


def load_gpt2(folder: str | Path, dtype: type = np.float32) -> GPT2Model:
    """Read a model of the GPT-2 family.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or holds another architecture.
    """
    folder = Path(folder)
    try:
        config = _config(json.loads((folder / "config.json").read_bytes().decode()), dtype)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / 'config.json'} is of no GPT-2 that is read: {error}") \
            from error
    path = folder / "model.safetensors"
    try:
        found, _ = from_bytes(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    theirs = {name.removeprefix("transformer."): array for name, array in found.items()}
    model = GPT2Model(config, np.random.default_rng(0))
    own = model.parameters()
    arrays = {name: array.astype(dtype) for name in own
              if (array := _ours(name, theirs)) is not None}
    check_arrays(path, arrays, {name: (array.shape, array.dtype) for name, array in own.items()})
    for name, array in arrays.items():
        own[name][...] = array
    return model


def _config(found: dict[str, Any], dtype: type) -> GPT2Config:
    if not isinstance(found, dict):
        raise ValueError("it holds no settings")
    for name, needed in NEEDED.items():
        if (value := found.get(name, needed)) != needed:
            raise ValueError(f"its {name} is {value!r}, only {needed!r} is read")
    missing = [name for name in ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
               if name not in found]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    size = found["n_embd"]
    return GPT2Config(found["vocab_size"], found["n_positions"], size, found["n_layer"],
                      found["n_head"], found.get("n_inner") or 4 * size, dtype=dtype)


def _ours(name: str, theirs: dict[str, np.ndarray]) -> np.ndarray | None:
    """One of our arrays out of theirs; None if it is not there."""
    third = None
    if name.startswith("transformer_stack.layers."):
        number, part = name.removeprefix("transformer_stack.layers.").split(".", 1)
        stem, third = IN_BLOCK[part]
        array = theirs.get(f"h.{number}.{stem}")
        if array is not None and array.ndim == 2:
            array = array.T
    else:
        array = theirs.get(NAMES[name])
    if array is not None and third is not None:
        size = len(array) // 3
        array = array[third * size:(third + 1) * size]
    return array
