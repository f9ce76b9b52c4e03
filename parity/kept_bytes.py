"""What a block of a Llama keeps for backward in PyTorch and PEFT: chapter 15 counts the same.

    python -m parity.kept_bytes      (ten seconds) writes the record that the chapter reads
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

RECORD = Path(__file__).parents[1] / "lib" / "laboratory" / "data" / "kept_in_pytorch.json"
#: The proportions of Llama 2 7B, at an eighth of its width.
WIDTH, WIDER, HEADS = 512, 1376, 4
#: Adapted matrices and rank, by the names that the chapter has.
METHODS = {"full": None, "all linear": ("all-linear", 8),
           "query and value": (["q_proj", "v_proj"], 4)}
#: Method, bits of the base's weights, bits of the adapters, whether autocast is on.
SETTINGS = (("full", 16, 16, False), ("full", 32, 32, True),
            ("all linear", 16, 16, False), ("all linear", 16, 16, True),
            ("all linear", 16, 32, True), ("all linear", 16, 32, False),
            ("all linear", 32, 32, True), ("query and value", 16, 32, True),
            ("query and value", 16, 32, False))


def kept(layers: int, tokens: int, method: str, base: int, adapters: int, autocast: bool) -> int:
    """Bytes of all arrays that one forward pass saves, parameters left out, each once."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=64, hidden_size=WIDTH, intermediate_size=WIDER, num_hidden_layers=layers,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, attn_implementation="sdpa",
        use_cache=False)).to(torch.bfloat16 if base == 16 else torch.float32).train()
    if METHODS[method]:
        targets, rank = METHODS[method]
        model = get_peft_model(model, LoraConfig(r=rank, target_modules=targets),
                               autocast_adapter_dtype=adapters == 32)
    own = {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}
    found = {}  # the storages themselves, or an address could be given out again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage
        return tensor

    ids = torch.randint(64, (1, tokens))
    with (torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
          torch.autocast("cpu", torch.bfloat16, enabled=autocast)):
        model(input_ids=ids, labels=ids)
    return sum(storage.nbytes() for storage in found.values())


def kept_in_pytorch(*setting) -> float:
    """Bytes for each token, block and unit of width.

    Differences of two depths and of two lengths leave out what is kept once for the model, and
    16-bit copies of weights, which don't grow with the tokens.
    """
    few, many = 128, 256
    blocks = [kept(3, tokens, *setting) - kept(1, tokens, *setting) for tokens in (few, many)]
    return (blocks[1] - blocks[0]) / 2 / (many - few) / WIDTH


def main() -> None:
    """Measure all settings, and write the record."""
    code = inspect.getsource(kept) + inspect.getsource(kept_in_pytorch)
    runs = {json.dumps(setting): kept_in_pytorch(*setting) for setting in SETTINGS}
    made = {each.__name__: each.__version__ for each in (torch, transformers, peft)}
    RECORD.write_text(json.dumps({"code": hashlib.sha256(code.encode()).hexdigest()[:16],
                                  "made with": made, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
