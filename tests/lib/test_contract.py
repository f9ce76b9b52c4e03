"""The fixed names: modules, signatures, defaults, attributes, dotted names, shapes, views."""

import dataclasses
import importlib
import inspect

import numpy as np
import pytest
from helpers import as_bytes, random_batch, tiny_config, tiny_model

from lib.attention import CausalSelfAttention
from lib.layers import Embedding, LayerNorm, Linear
from lib.lora import (
    TARGETS,
    LoRALinear,
    apply_lora_to_model,
    count_lora_parameters,
    get_lora_gradients,
    get_lora_parameters,
    merge_lora_weights,
)
from lib.model import FeedForward, GPTConfig, GPTModel, TransformerBlock, TransformerStack

NAMES = {
    "tokenizer": "BPETokenizer", "layers": "Layer Linear Embedding LayerNorm gelu",
    "corpus": "documents facts countries elements", "attention": "CausalSelfAttention",
    "model": "GPTConfig FeedForward TransformerBlock TransformerStack GPTModel",
    "losses": "cross_entropy_loss cross_entropy_loss_backward IGNORE",
    "optim": "AdamW clip_gradient_norm warmup_cosine",
    "training": "train_step train_step_lora fit", "generation": "generate",
    "evaluation": "mean_loss exact_match fact_recall kl",
    "probes": "blind_guess by_relation lift mean_lift style",
    "lora": "LoRALinear apply_lora_to_model get_lora_parameters get_lora_gradients "
            "count_lora_parameters merge_lora_weights remove_adapters adapted_layers targets_of",
    "adapters": "merge_adapters unmerge_adapters get_adapters attach_adapters save_adapters "
                "load_adapters set_adapter_strength merged_copy",
    "gguf": "GGUF Packed read_gguf",
    "llama": "LlamaConfig LlamaModel RMSNorm SwiGLU GroupedQueryAttention",
    "chat": "ChatTokenizer chat_prompt chat_examples reply replies",
    "smollm2": "find_weights load_smollm2 llama_of",
    "pretraining": "load_base load_history pretrain Recipe", "__main__": "main"}

SIGNATURES = {
    "lora.LoRALinear": "input_features, output_features, rank=4, alpha=8.0, base_weights=None, "
                       "base_bias=None",
    "lora.apply_lora_to_model": "model, rank=4, alpha=8.0, "
                                "target_modules=('query', 'key', 'value')",
    "lora.get_lora_parameters": "model", "lora.get_lora_gradients": "model",
    "lora.count_lora_parameters": "model", "lora.merge_lora_weights": "layer",
    "training.train_step": "model, optimizer, inputs, targets, learning_rate, max_grad_norm=1.0",
    "training.train_step_lora":
        "model, optimizer, inputs, targets, learning_rate, max_grad_norm=1.0",
    "optim.AdamW.step": "self, gradients, parameters, learning_rate",
    "optim.clip_gradient_norm": "gradients, max_norm",
    "losses.cross_entropy_loss": "logits, targets",
    "losses.cross_entropy_loss_backward": "logits, targets",
    "model.GPTModel": "config, rng", "model.GPTModel.backward": "self, grad_logits",
    "model.GPTModel.load": "path", "model.GPTModel.save": "self, path",
    "model.GPTModel.copy": "self", "model.GPTModel.parameters": "self",
    "model.GPTModel.gradients": "self", "model.GPTModel.trainable_parameters": "self",
    "model.GPTModel.forward": "self, tokens", "tokenizer.BPETokenizer.encode": "self, text",
    "tokenizer.BPETokenizer.decode": "self, ids", "tokenizer.BPETokenizer.save": "self, path",
    "tokenizer.BPETokenizer.load": "path",
    "tokenizer.BPETokenizer.train": "texts, vocabulary_size=1000"}

BLOCK = {"attention_norm.gamma": (128,), "attention_norm.beta": (128,),
         "self_attention.query_linear.weights": (128, 128),
         "self_attention.key_linear.weights": (128, 128),
         "self_attention.value_linear.weights": (128, 128),
         "self_attention.output_linear.weights": (128, 128),
         "feed_forward_norm.gamma": (128,), "feed_forward_norm.beta": (128,),
         "feed_forward.up_linear.weights": (512, 128),
         "feed_forward.down_linear.weights": (128, 512)}
SHAPES = {"token_embedding.weights": (1000, 128),
          **{f"transformer_stack.layers.{number}.{name}": shape
             for number in range(4) for name, shape in BLOCK.items()},
          "final_norm.gamma": (128,), "final_norm.beta": (128,),
          "output_projection.weights": (1000, 128)}


def named(path):
    module, *names = path.split(".")
    found = importlib.import_module(f"lib.{module}")
    for name in names:
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("path", [f"{module}.{name}" for module, names in NAMES.items()
                                  for name in names.split()])
def test_name_exists_and_is_documented(path):
    found = named(path)
    assert not callable(found) or found.__doc__


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature_starts_as_fixed(path):
    """More may follow, but only with a default."""
    names, defaults = [], {}
    for each in SIGNATURES[path].split(", ", SIGNATURES[path].split("(")[0].count(", ")):
        name, _, default = each.partition("=")
        names.append(name)
        if default:
            defaults[name] = eval(default)  # a literal of this file
    parameters = list(inspect.signature(named(path)).parameters.values())
    assert [each.name for each in parameters[:len(names)]] == names
    for each in parameters[:len(names)]:
        assert each.default == defaults.get(each.name, inspect.Parameter.empty)
    for each in parameters[len(names):]:
        assert each.default is not inspect.Parameter.empty or each.kind == each.VAR_KEYWORD


def test_config_defaults():
    assert dataclasses.asdict(GPTConfig()) == {
        "vocabulary_size": 1000, "context_length": 128, "embedding_dimension": 128, "layers": 4,
        "heads": 4, "feed_forward_dimension": 512, "positions": "sinusoidal", "dtype": np.float32}
    with pytest.raises(dataclasses.FrozenInstanceError):
        GPTConfig().layers = 5


@pytest.fixture(scope="module")
def model():
    return GPTModel(GPTConfig(), np.random.default_rng(0))


def test_standard_model_has_the_names_and_1_044_736_parameters(model):
    parameters = model.parameters()
    assert {name: array.shape for name, array in parameters.items()} == SHAPES
    assert sum(array.size for array in parameters.values()) == 1_044_736
    assert {array.dtype for array in parameters.values()} == {np.dtype(np.float32)}
    assert list(model.trainable_parameters()) == list(parameters)


def test_parts_have_their_types(model):
    block = model.transformer_stack.layers[3]
    assert isinstance(model.token_embedding, Embedding)
    assert isinstance(model.transformer_stack, TransformerStack)
    assert len(model.transformer_stack.layers) == 4 and isinstance(block, TransformerBlock)
    assert isinstance(block.self_attention, CausalSelfAttention)
    assert block.self_attention.embedding_dimension == 128
    assert isinstance(block.feed_forward, FeedForward)
    assert isinstance(model.final_norm, LayerNorm) and isinstance(block.attention_norm, LayerNorm)
    assert isinstance(model.output_projection, Linear) and model.output_projection.bias is None


def test_parameters_are_the_arrays_themselves(model):
    block = model.transformer_stack.layers[1]
    found = model.parameters()["transformer_stack.layers.1.self_attention.key_linear.weights"]
    assert found is block.self_attention.key_linear.weights
    assert model.trainable_parameters()["final_norm.beta"] is model.final_norm.beta


def test_gradients_have_the_parameters_names_and_are_not_copies(rng):
    model = tiny_model(rng)
    inputs, _ = random_batch(model, rng)
    assert model.gradients() == {}
    model.backward(np.ones_like(model.forward(inputs)))
    assert list(model.gradients()) == list(model.parameters())
    assert model.gradients()["final_norm.gamma"] is model.final_norm.grads["gamma"]


def test_freezing_drops_gradients_and_caches_and_can_be_undone(rng):
    model = tiny_model(rng)
    model.backward(np.ones_like(model.forward(random_batch(model, rng)[0])))
    model.transformer_stack.freeze()
    assert model.gradients().keys() == model.trainable_parameters().keys()
    assert not any("stack" in name for name in model.gradients())
    assert all(part.cache is None for _, part in model.transformer_stack.walk())
    model.freeze(False)
    assert model.gradients() == {}
    assert model.trainable_parameters().keys() == model.parameters().keys()


@pytest.mark.parametrize("name, std", [
    ("token_embedding.weights", 1.0), ("output_projection.weights", 0.02),
    ("self_attention.query_linear.weights", 128**-0.5),
    ("self_attention.key_linear.weights", 128**-0.5),
    ("self_attention.value_linear.weights", 128**-0.5),
    ("self_attention.output_linear.weights", (128 * 2 * 4)**-0.5),
    ("feed_forward.up_linear.weights", 128**-0.5),
    ("feed_forward.down_linear.weights", (512 * 2 * 4)**-0.5)])
def test_weights_start_with_their_spread(model, name, std):
    """The two sublayers of each of four blocks add up to a variance of one."""
    for path, array in model.parameters().items():
        if path.endswith(name):
            assert array.std() == pytest.approx(std, rel=0.03)
            assert abs(array.mean()) < 0.03 * std


def test_norms_start_as_no_change_and_the_rng_decides_the_rest(model):
    for path, array in model.parameters().items():
        if "norm" in path:
            assert (array == path.endswith("gamma")).all()
    same, other = (GPTModel(GPTConfig(), np.random.default_rng(seed)) for seed in (0, 1))
    assert as_bytes(same.parameters()) == as_bytes(model.parameters())
    assert as_bytes(other.parameters()) != as_bytes(model.parameters())


def test_linear_contract(rng):
    weights, bias, x = (rng.standard_normal(shape) for shape in ((3, 5), (3,), (2, 5)))
    np.testing.assert_allclose(Linear(weights, bias).forward(x), x @ weights.T + bias)
    assert set(Linear(weights).parameters()) == {"weights"}
    assert set(Linear(weights, bias).parameters()) == {"weights", "bias"}


def test_lora_linear_contract():
    layer = LoRALinear(6, 5)
    assert (layer.input_features, layer.output_features, layer.rank, layer.alpha) == (6, 5, 4, 8.0)
    assert layer.scaling == 2.0 and layer.base_bias is None
    assert layer.base_weights.shape == (5, 6)
    assert layer.lora_A.shape == (4, 6) and layer.lora_B.shape == (5, 4)
    assert layer.lora_A.any() and not layer.lora_B.any()
    assert set(layer.parameters()) == {"base_weights", "lora_A", "lora_B"}
    assert set(layer.trainable_parameters()) == {"lora_A", "lora_B"}
    assert merge_lora_weights(layer).shape == (5, 6)


def test_adapters_are_applied_in_place_to_query_key_and_value(rng):
    model = GPTModel(tiny_config(vocabulary_size=30), rng)
    assert apply_lora_to_model(model) is model
    kept = [part for part in ("query", "key", "value") for _ in range(2)]
    wanted = {f"transformer_stack.layers.{i % 2}.self_attention.{part}_linear.lora_{matrix}"
              for i, part in enumerate(kept) for matrix in "AB"}
    assert set(get_lora_parameters(model)) == set(model.trainable_parameters()) == wanted
    layer = model.transformer_stack.layers[0].self_attention.query_linear
    assert isinstance(layer, LoRALinear)
    assert (layer.rank, layer.alpha, layer.scaling) == (4, 8.0, 2.0)
    name = "transformer_stack.layers.0.self_attention.query_linear"
    assert get_lora_parameters(model)[f"{name}.lora_A"] is layer.lora_A
    assert model.parameters()[f"{name}.base_weights"] is layer.base_weights
    model.backward(np.ones_like(model.forward(np.array([[1, 2]]))))
    assert set(get_lora_gradients(model)) == wanted == set(model.gradients())
    assert get_lora_gradients(model)[f"{name}.lora_B"] is layer.grads["lora_B"]
    assert count_lora_parameters(model) == 2 * 3 * 4 * (8 + 8)


def test_targets_are_those_of_the_course():
    assert set(TARGETS) == {"query", "key", "value", "output", "ffn_up", "ffn_down",
                            "token_embedding", "output_projection"}


def test_blas_runs_on_one_thread():
    from threadpoolctl import threadpool_info
    assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} == {1}
