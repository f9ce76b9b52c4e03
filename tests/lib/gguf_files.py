"""A writer of small GGUF files, for tests: it packs what ``lib.gguf`` unpacks."""

import struct

import numpy as np

from lib.smollm2 import BLOCK_NAMES, NAMES

KIND_NUMBERS = {"F32": 0, "F16": 1, "Q4_1": 3, "Q8_0": 8}
#: A tokenizer: the bytes in GPT-2's alphabet, some merges, two special tokens.
SPECIAL = ["<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "Ġ t", "Ġt he", "1 2", "Ċ Ċ"]


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def metadata_value(value):
    """A value with the number of its type before it."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    inner = 8 if value and isinstance(value[0], str) else 5
    parts = [text(part) if inner == 8 else struct.pack("<i", part) for part in value]
    return struct.pack("<IIQ", 9, inner, len(value)) + b"".join(parts)


def pack(array, kind):
    """An array's bytes, and the values that they stand for: -> (bytes, float32 of its shape)."""
    if kind in ("F32", "F16"):
        small = array.astype("<f4" if kind == "F32" else "<f2")
        return small.tobytes(), small.astype(np.float32)
    rows = array.reshape(-1, 32).astype(np.float32)
    if kind == "Q8_0":
        scale = (np.abs(rows).max(1, keepdims=True) / 127).astype("<f2")
        numbers = np.rint(rows / np.where(scale == 0, 1, scale).astype(np.float32)).astype(np.int8)
        data = np.concatenate([scale.view(np.uint8), numbers.view(np.uint8)], 1)
        return data.tobytes(), (numbers * scale.astype(np.float32)).reshape(array.shape)
    lowest = rows.min(1, keepdims=True).astype("<f2")
    scale = ((rows.max(1, keepdims=True) - lowest) / 15).astype("<f2")
    steps = (rows - lowest) / np.where(scale == 0, 1, scale).astype(np.float32)
    numbers = np.clip(np.rint(steps), 0, 15).astype(np.uint8)
    halves = numbers[:, :16] | numbers[:, 16:] << 4
    data = np.concatenate([scale.view(np.uint8), lowest.view(np.uint8), halves], 1)
    values = numbers * scale.astype(np.float32) + lowest.astype(np.float32)
    return data.tobytes(), values.reshape(array.shape)


def gguf_bytes(metadata, tensors, version=3, magic=b"GGUF", alignment=32):
    """A file's bytes.  tensors: name -> (bytes, shape, number of the type)."""
    head = magic + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for name, value in metadata.items():
        head += text(name) + metadata_value(value)
    places, body = b"", b""
    for name, (data, shape, number) in tensors.items():
        body += b"\0" * (-len(body) % alignment)
        places += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], number,
                                           len(body))
        body += data
    head += places
    return head + b"\0" * (-len(head) % alignment) + body


def packed_tensors(arrays, kind_of):
    """Arrays by name to what ``gguf_bytes`` takes, and the values that they then stand for."""
    tensors, values = {}, {}
    for name, array in arrays.items():
        kind = kind_of(name)
        data, values[name] = pack(array, kind)
        tensors[name] = data, array.shape, KIND_NUMBERS[kind]
    return tensors, values


def gguf_name(name):
    """GGUF's name of one of our arrays."""
    if name.startswith("transformer_stack.layers."):
        number, part = name.removeprefix("transformer_stack.layers.").split(".", 1)
        theirs = {ours: theirs for theirs, ours in BLOCK_NAMES.items()}[part]
        return f"blk.{number}.{theirs}.weight"
    return {ours: theirs for theirs, ours in NAMES.items()}[name] + ".weight"


def llama_metadata(config, **changes):
    """The settings of a Llama, and a tokenizer of as many tokens as there are."""
    from lib.chat import BYTE_OF
    tokens = [*SPECIAL, *BYTE_OF, *(merge.replace(" ", "") for merge in MERGES)]
    tokens += [f"<|{number}|>" for number in range(config.vocabulary_size - len(tokens))]
    size = {"vocab_size": config.vocabulary_size, "context_length": 64,
            "embedding_length": config.embedding_dimension, "block_count": config.layers,
            "feed_forward_length": config.feed_forward_dimension,
            "attention.head_count": config.heads, "attention.head_count_kv": config.kv_heads,
            "rope.freq_base": config.rotary_base,
            "rope.dimension_count": config.embedding_dimension // config.heads,
            "attention.layer_norm_rms_epsilon": config.epsilon}
    return {"general.architecture": "llama",
            **{f"llama.{name}": value for name, value in size.items()},
            "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
            "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": MERGES,
            "tokenizer.ggml.token_type": [3 if token.startswith("<|") else 1 for token in tokens],
            "tokenizer.ggml.eos_token_id": 1, **changes}
