"""The same workloads on PyTorch, PEFT and Hugging Face, as their users would write them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from benchmarks.goals import (
    ALPHA,
    LONG_CONTEXT,
    LORA,
    NEW_TOKENS,
    RANK,
    REAL_ALPHA,
    REAL_RANK,
    REAL_TOKENS,
)
from parity.twin import Twin, generate

LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 1e-3, 0.1, 1.0
LAYERS = 4


def new_model(context: int = 128) -> Twin:
    """The twin of the course's model, with weights of its own."""
    return Twin(context_length=context)


def adapt(model: Twin, workload: str) -> torch.nn.Module:
    """The twin within PEFT, with adapters as the workload names them."""
    from peft import LoraConfig, get_peft_model
    names, lowest = LORA[workload]
    layers = "|".join(f"{name.removeprefix('ffn_')}_linear" for name in names)
    targets = rf".*\.layers\.[{lowest}-{LAYERS - 1}]\..*\.({layers})"
    return get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets))


def copy_adapters(arrays: dict[str, tuple[np.ndarray, np.ndarray]],
                  model: torch.nn.Module) -> None:
    """Write (lora_A, lora_B) of every adapted layer, by its path, into PEFT's.

    Raises ValueError unless PEFT adapted the very same layers.
    """
    layers = {path.removeprefix("base_model.model."): module
              for path, module in model.named_modules() if hasattr(module, "lora_A")}
    if layers.keys() != arrays.keys():
        raise ValueError(f"PEFT adapted {sorted(layers)}, not {sorted(arrays)}")
    with torch.no_grad():
        for path, (a, b) in arrays.items():
            layers[path].lora_A["default"].weight.copy_(torch.from_numpy(a))
            layers[path].lora_B["default"].weight.copy_(torch.from_numpy(b))


def training_step(model: torch.nn.Module, inputs: np.ndarray,
                  targets: np.ndarray) -> Callable[[], float]:
    """A call that does one whole step and returns the loss before it."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in trained if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
         {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}],
        lr=LEARNING_RATE, fused=True)
    x, wanted = torch.from_numpy(inputs), torch.from_numpy(targets).reshape(-1)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(x).flatten(0, 1), wanted)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM, foreach=True)
        optimizer.step()
        return loss.item()
    return step


def forward(model: torch.nn.Module, inputs: np.ndarray) -> Callable[[], np.ndarray]:
    """A call that returns the logits, without keeping anything for a backward."""
    x = torch.from_numpy(inputs)
    model.eval()

    def call() -> np.ndarray:
        with torch.inference_mode():
            return model(x).numpy()
    return call


def generation(model: Twin) -> Callable[[], np.ndarray]:
    """A call that writes NEW_TOKENS tokens after token 1, greedily, with a KV cache."""
    start = torch.tensor([[1]])
    return lambda: generate(model.eval(), start, NEW_TOKENS).numpy()


def huggingface_generation() -> Callable[[], np.ndarray]:
    """The same by Hugging Face's generate on its GPT-2 of this size, with weights of its own."""
    from transformers import GPT2Config, GPT2LMHeadModel
    config = GPT2Config(vocab_size=1000, n_positions=LONG_CONTEXT, n_embd=128, n_layer=LAYERS,
                        n_head=4, n_inner=512, bos_token_id=None, eos_token_id=None,
                        pad_token_id=0)
    model = GPT2LMHeadModel(config).eval()
    start = torch.tensor([[1]])
    seen = torch.ones_like(start)
    return lambda: model.generate(start, attention_mask=seen, use_cache=True, do_sample=False,
                                  max_new_tokens=NEW_TOKENS).numpy()


class Logits(torch.nn.Module):
    """A model of transformers that gives its logits alone."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model(tokens).logits


def real_generation(model: torch.nn.Module, start: list[int]) -> Callable[[], np.ndarray]:
    """A call that lets SmolLM2 write REAL_TOKENS tokens after some, greedily: a plain loop, which
    takes less time than transformers' own ``generate``."""
    tokens = torch.tensor([start])

    def call() -> np.ndarray:
        written, new, past = [tokens], tokens, None
        with torch.inference_mode():
            for _ in range(REAL_TOKENS):
                out = model(new, past_key_values=past, use_cache=True, logits_to_keep=1)
                past, new = out.past_key_values, out.logits[:, -1:].argmax(-1)
                written.append(new)
        return torch.cat(written, 1).numpy()
    return call


def real_adapt(model: torch.nn.Module) -> torch.nn.Module:
    """SmolLM2 within PEFT, with adapters on queries and values."""
    from peft import LoraConfig, get_peft_model
    return get_peft_model(model, LoraConfig(r=REAL_RANK, lora_alpha=REAL_ALPHA,
                                            target_modules=["q_proj", "v_proj"]))
