"""The adapters of a model of ``lib``, in PEFT."""

from __future__ import annotations

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from lib.adapters import get_adapters
from lib.lora import IN_BLOCK, remove_adapters
from lib.model import GPTModel
from parity.compare import in_float64
from parity.twin import twin_of


def in_peft(model: GPTModel) -> PeftModel:
    """The twin of an adapted model in float64, with the same adapters put on by PEFT."""
    adapters = get_adapters(model)
    base = in_float64(remove_adapters(model.copy()))
    targets = [".".join(IN_BLOCK.get(target, (target,))) for target in adapters.target_modules]
    peft = get_peft_model(twin_of(base), LoraConfig(
        r=adapters.rank, lora_alpha=adapters.alpha, target_modules=targets))
    own = peft_arrays(peft)
    assert own.keys() == adapters.arrays.keys()
    with torch.no_grad():
        for name, tensor in own.items():
            assert tensor.shape == adapters.arrays[name].shape, name
            tensor.copy_(torch.from_numpy(adapters.arrays[name]))
    return peft


def peft_arrays(peft: PeftModel) -> dict[str, torch.Tensor]:
    """All A and B by lib's names: what PEFT trains, and nothing else may be there."""
    found = {}
    for name, tensor in peft.named_parameters():
        if tensor.requires_grad:
            path = name.removeprefix("base_model.model.").replace("lora_embedding_", "lora_")
            found[path.removesuffix(".weight").removesuffix(".default")] = tensor
    return found
