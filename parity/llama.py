"""Models of transformers and the same in ``lib``: names, the order of rows, small random ones."""

from __future__ import annotations

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from lib.interchange.peft import MODULES
from lib.llama import LlamaConfig as OwnConfig
from lib.llama import LlamaModel
from lib.lora import IN_LLAMA_BLOCK
from lib.model import GPTConfig, GPTModel

#: lib's names of a GPT's arrays in a block, and transformers' of GPT-2, whose matrices lie across.
IN_GPT2 = {"attention_norm.gamma": "ln_1.weight", "attention_norm.beta": "ln_1.bias",
           "self_attention.output_linear.weights": "attn.c_proj.weight",
           "self_attention.output_linear.bias": "attn.c_proj.bias",
           "feed_forward_norm.gamma": "ln_2.weight", "feed_forward_norm.beta": "ln_2.bias",
           "feed_forward.up_linear.weights": "mlp.c_fc.weight",
           "feed_forward.up_linear.bias": "mlp.c_fc.bias",
           "feed_forward.down_linear.weights": "mlp.c_proj.weight",
           "feed_forward.down_linear.bias": "mlp.c_proj.bias"}
GPT2_OUTSIDE = {"token_embedding.weights": "wte.weight", "position_embedding.weights": "wpe.weight",
                "final_norm.gamma": "ln_f.weight", "final_norm.beta": "ln_f.bias"}


def random_model(kind: type, config: object, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """A model with every parameter moved, so that no norm or bias is left as it starts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # transformers draws from the global generator alone
        model = kind(config).to(dtype).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
    return model


def small_llama(seed: int, dtype: torch.dtype = torch.float64) -> LlamaForCausalLM:
    config = LlamaConfig(vocab_size=23, hidden_size=24, intermediate_size=20, num_hidden_layers=2,
                         num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=32,
                         rms_norm_eps=1e-3, tie_word_embeddings=True,
                         rope_parameters={"rope_type": "default", "rope_theta": 500.0})
    return random_model(LlamaForCausalLM, config, seed, dtype)


def transformers_names(config: OwnConfig) -> dict[str, str]:
    """lib's name of every array of a Llama, and transformers'."""
    found = {"token_embedding.weights": "model.embed_tokens.weight",
             "final_norm.gamma": "model.norm.weight"}
    for number in range(config.layers):
        own, theirs = f"transformer_stack.layers.{number}", f"model.layers.{number}"
        found[f"{own}.attention_norm.gamma"] = f"{theirs}.input_layernorm.weight"
        found[f"{own}.feed_forward_norm.gamma"] = f"{theirs}.post_attention_layernorm.weight"
        for target, place in IN_LLAMA_BLOCK.items():
            found[f"{own}.{'.'.join(place)}.weights"] = f"{theirs}.{MODULES[target]}.weight"
    return found


def in_pairs(name: str, array: np.ndarray, head_size: int) -> np.ndarray:
    """A matrix of transformers with the rows of queries and keys as lib turns them: in pairs."""
    if "query_linear" not in name and "key_linear" not in name:
        return array
    heads = array.reshape(-1, head_size, *array.shape[1:])
    order = [row for i in range(head_size // 2) for row in (i, i + head_size // 2)]
    return np.ascontiguousarray(heads[:, order].reshape(array.shape))


def own_arrays(config: OwnConfig, tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Arrays, or their gradients, by lib's names."""
    return {own: in_pairs(own, tensors[theirs].detach().numpy().copy(), config.head_size)
            for own, theirs in transformers_names(config).items()}


def llama_of(model: LlamaForCausalLM) -> LlamaModel:
    """lib's Llama with the weights of transformers'."""
    c = model.config
    config = OwnConfig(
        c.vocab_size, c.max_position_embeddings, c.hidden_size, c.num_hidden_layers,
        c.num_attention_heads, c.intermediate_size, kv_heads=c.num_key_value_heads,
        rotary_base=c.rope_parameters["rope_theta"], epsilon=c.rms_norm_eps,
        dtype=str(model.dtype).removeprefix("torch."))
    return LlamaModel(config, own_arrays(config, dict(model.named_parameters())))


def small_gpt2(seed: int, dtype: torch.dtype) -> GPT2LMHeadModel:
    config = GPT2Config(vocab_size=23, n_positions=16, n_embd=24, n_layer=2, n_head=3, n_inner=20)
    return random_model(GPT2LMHeadModel, config, seed, dtype)


def gpt2_arrays(layers: int, tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Arrays of GPT-2, or their gradients, by lib's names."""
    own = {name: tensors[f"transformer.{theirs}"] for name, theirs in GPT2_OUTSIDE.items()}
    for number in range(layers):
        block, theirs = f"transformer_stack.layers.{number}", f"transformer.h.{number}"
        for name, each in IN_GPT2.items():
            tensor = tensors[f"{theirs}.{each}"]
            own[f"{block}.{name}"] = tensor.T if "_linear.weights" in name else tensor
        thirds = zip(("query", "key", "value"),
                     tensors[f"{theirs}.attn.c_attn.weight"].chunk(3, 1),
                     tensors[f"{theirs}.attn.c_attn.bias"].chunk(3))
        for name, weight, bias in thirds:
            own[f"{block}.self_attention.{name}_linear.weights"] = weight.T
            own[f"{block}.self_attention.{name}_linear.bias"] = bias
    return {name: tensor.detach().numpy().copy() for name, tensor in own.items()}


def gpt2_of(model: GPT2LMHeadModel) -> GPTModel:
    """lib's GPT, with GPT-2's options, and the weights of transformers'."""
    c = model.config
    found = GPTModel.blank(GPTConfig(
        c.vocab_size, c.n_positions, c.n_embd, c.n_layer, c.n_head, c.n_inner, "learned",
        str(model.dtype).removeprefix("torch."), biases=True, tied=True))
    arrays = gpt2_arrays(c.n_layer, dict(model.named_parameters()))
    assert arrays.keys() == found.parameters().keys()
    for name, array in found.parameters().items():
        array[...] = arrays[name]
    return found
