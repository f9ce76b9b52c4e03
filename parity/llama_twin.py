"""A Llama of ``lib`` in transformers, with weights of its own."""

from __future__ import annotations

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lib.interchange.peft import PLACES, halves_of_pairs
from lib.llama import LlamaModel
from lib.lora import IN_LLAMA_BLOCK

TARGET_AT = {place: target for target, place in IN_LLAMA_BLOCK.items()}


def llama_name(name: str) -> str:
    """Our dotted name of an array, without adapters, to transformers'."""
    if not name.startswith("transformer_stack."):
        return {"token_embedding.weights": "model.embed_tokens.weight",
                "final_norm.gamma": "model.norm.weight"}[name]
    _, _, number, part, *rest = name.split(".")
    if part.endswith("norm"):
        place = "input_layernorm" if part == "attention_norm" else "post_attention_layernorm"
    else:
        place = ".".join(PLACES[TARGET_AT[part, rest[0]]])
    return f"model.layers.{number}.{place}.weight"


def in_their_order(name: str, array: np.ndarray, head_size: int) -> np.ndarray:
    """An array, or its gradient, with the rows of queries and keys as transformers has them."""
    if name.endswith(("query_linear.weights", "key_linear.weights")):
        return halves_of_pairs(array, head_size)
    return array


def llama_twin(model: LlamaModel) -> LlamaForCausalLM:
    """The same model in transformers, in its precision."""
    c = model.config
    twin = LlamaForCausalLM(LlamaConfig(
        vocab_size=c.vocabulary_size, hidden_size=c.embedding_dimension,
        intermediate_size=c.feed_forward_dimension, num_hidden_layers=c.layers,
        num_attention_heads=c.heads, num_key_value_heads=c.kv_heads, rms_norm_eps=c.epsilon,
        max_position_embeddings=c.context_length, rope_theta=c.rotary_base,
        tie_word_embeddings=True, bos_token_id=None, eos_token_id=None, pad_token_id=None))
    twin = twin.to(torch.float64 if c.dtype is np.float64 else torch.float32).eval()
    head = c.embedding_dimension // c.heads
    frequencies = c.rotary_base ** (-np.arange(0, head, 2) / head)
    if not np.allclose(twin.model.rotary_emb.inv_freq.numpy(), frequencies, rtol=1e-6):
        raise ValueError("transformers rotates by other angles than ours")
    own = dict(twin.named_parameters())
    with torch.no_grad():
        for name, array in model.parameters().items():
            own.pop(llama_name(name)).copy_(torch.from_numpy(in_their_order(name, array, head)))
    if own:
        raise ValueError(f"transformers has more parameters than ours: {sorted(own)}")
    return twin
