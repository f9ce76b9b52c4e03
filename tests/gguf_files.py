"""Writing GGUF files: what a test needs to have one with any content, right or wrong."""

import struct

import numpy as np

from lib.gguf import KINDS
from lib.smollm2 import SIZES, array_names

NUMBER_OF = {kind.name: number for number, kind in KINDS.items()}
LETTERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
           12: "d"}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def plain(kind, value):
    return text(value) if kind == 8 else struct.pack("<" + LETTERS[kind], value)


def entry(name, kind, value):
    """A pair of metadata; ``kind`` is a number, or a pair (9, kind of the elements)."""
    if isinstance(kind, tuple):
        inner = kind[1]
        return (text(name) + struct.pack("<IIQ", 9, inner, len(value))
                + b"".join(plain(inner, each) for each in value))
    return text(name) + struct.pack("<I", kind) + plain(kind, value)


def gguf(metadata, tensors, alignment=32, magic=b"GGUF", version=3):
    """The bytes of a file: metadata {name: (kind, value)}, tensors {name: (kind, shape, bytes)}."""
    head = magic + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(entry(name, *each) for name, each in metadata.items())
    numbers = b""
    for name, (kind, shape, data) in tensors.items():
        numbers += bytes(-len(numbers) % alignment)
        head += text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape[::-1])
        head += struct.pack("<IQ", NUMBER_OF.get(kind, kind), len(numbers))
        numbers += data
    return head + bytes(-len(head) % alignment) + numbers


def float32(array):
    """A tensor of an array's numbers as they are."""
    return "F32", array.shape, array.astype("<f4").tobytes()


def llama_metadata(config, **changes):
    """What a file says of a Llama's sizes, by names after "llama."."""
    found = {f"llama.{name}": (6 if own in ("rotary_base", "epsilon") else 4, getattr(config, own))
             for name, own in SIZES.items()}
    found["llama.context_length"] = (4, 2 * config.context_length)
    return {"general.architecture": (8, "llama"), **found, **changes}


def llama_tensors(model):
    arrays = model.parameters()
    return {name: float32(arrays[own]) for name, own in array_names(model.config).items()}


def random_blocks(kind, count, rng):
    """(count, bytes a block) of random bits, with scales that are finite numbers."""
    bits = rng.integers(0, 256, (count, kind.bytes), np.uint8)
    scale = rng.normal(0, 0.01, (count, 2)).astype("<f2").view(np.uint8)
    at = {"Q4_1": (0, 4), "Q8_0": (0, 2), "Q6_K": (208, 210)}[kind.name]
    bits[:, slice(*at)] = scale[:, :at[1] - at[0]]
    return bits
