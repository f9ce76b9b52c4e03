"""Adapters out of the page and into it, as files; and their directions in order of size."""

import base64
import json

import numpy as np
import pytest
from engine import worst

from lib.adapters import attach_adapters, get_adapters, load_adapters
from lib.interchange import safetensors
from lib.lora import apply_lora_to_model, get_lora_parameters
from lib.pretraining import BASE

BALANCED = """return E.balanced(given.A.numbers, given.B.numbers, ...given.A.shape,
    given.B.shape[0]);"""
WRITE = "return E.write_safetensors(given.arrays, given.metadata);"
READ = "return E.read_safetensors(given.data.numbers);"


@pytest.mark.parametrize("rank, d_in, d_out", [(1, 5, 7), (4, 128, 512), (8, 128, 128), (8, 8, 8),
                                               (16, 40, 24)])
def test_singular_values_and_truncation(wasm, rank, d_in, d_out, rng):
    A = rng.standard_normal((rank, d_in)).astype(np.float32)
    B = (rng.standard_normal((d_out, rank)) * 0.5 ** np.arange(rank)).astype(np.float32)
    found = wasm.run(BALANCED, A=A, B=B)
    new_A, new_B = found["lora_A"].reshape(A.shape), found["lora_B"].reshape(B.shape)
    product = B.astype(np.float64) @ A
    values = np.linalg.svd(product, compute_uv=False)
    errors = worst(np.array(found["singular_values"]), values[:rank]), worst(new_B @ new_A, product)
    print(f"rank {rank}: singular values {errors[0]:.1e}, product {errors[1]:.1e}")
    assert errors[0] < 1e-9 * values[0] and errors[1] < 3e-7 * values[0]
    for kept in range(1, rank):       # nothing of that rank is nearer (Eckart and Young 1936)
        rest = np.linalg.norm(product - new_B[:, :kept].astype(np.float64) @ new_A[:kept], 2)
        assert abs(rest - values[kept]) < 1e-6 * values[0]


@pytest.mark.parametrize("case", ["zero B", "equal rows", "one zero column"])
def test_adapters_of_less_than_their_rank(wasm, case, rng):
    A, B = rng.standard_normal((4, 9)), rng.standard_normal((6, 4))
    if case == "zero B":
        B[:] = 0
    elif case == "equal rows":
        A[2] = A[0]
    else:
        B[:, 1] = 0
    A, B = A.astype(np.float32), B.astype(np.float32)
    found = wasm.run(BALANCED, A=A, B=B)
    new_A, new_B = found["lora_A"].reshape(A.shape), found["lora_B"].reshape(B.shape)
    assert worst(new_B @ new_A, B.astype(np.float64) @ A) < 3e-6
    rank = np.linalg.matrix_rank(B.astype(np.float64) @ A)
    assert np.all(np.array(found["singular_values"][rank:]) < 1e-6)


def some_arrays(rng):
    return {"b.lora_B": rng.standard_normal((3, 2)).astype(np.float32),
            "a.lora_A": rng.standard_normal((2, 5)).astype(np.float32),
            "empty": np.zeros((0, 4), np.float32)}


def test_files_both_ways(wasm, rng):
    arrays, texts = some_arrays(rng), {"kind": "lora", "née": "漢"}
    here = safetensors.to_bytes(arrays, texts)
    there = wasm.run(READ, data=here)
    assert there["metadata"] == texts
    for data in (here, wasm.run(WRITE, metadata=texts, arrays=arrays).tobytes()):
        found, metadata = safetensors.from_bytes(data)
        assert metadata == texts and list(found) == list(arrays)
        for name, array in arrays.items():
            assert found[name].shape == array.shape
            assert found[name].tobytes() == array.tobytes()
            assert there["arrays"][name].tobytes() == array.tobytes()


def damaged(data):
    """A whole file and what may become of it, each with a word for the test's name."""
    length = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8:8 + length]), data[8 + length:]

    def built(change, rest=numbers):
        changed = json.loads(json.dumps(header))
        change(changed)
        text = json.dumps(changed).encode()
        return len(text).to_bytes(8, "little") + text + rest

    def set_entry(**entries):
        return lambda changed: changed["a.lora_A"].update(entries)

    return {
        "empty": b"", "short": data[:7], "cut header": data[:40], "cut numbers": data[:-1],
        "more numbers": data + b"\0\0\0\0", "huge header": b"\xff" * 8 + data[8:],
        "no JSON": data[:8] + b"\xff" + data[9:], "a list": (2).to_bytes(8, "little") + b"[]",
        "another dtype": built(set_entry(dtype="BF16")), "no shape": built(set_entry(shape=None)),
        "another shape": built(set_entry(shape=[2, 6])), "a negative shape":
        built(set_entry(shape=[-2, -5])), "overlap": built(set_entry(data_offsets=[0, 40])),
        "one entry less": built(lambda changed: changed.pop("a.lora_A")),
        "no entry": built(lambda changed: changed.update({"a.lora_A": 3}))}


@pytest.mark.parametrize("case", list(damaged(safetensors.to_bytes(some_arrays(
    np.random.default_rng(0))))))
def test_damage_is_refused_in_words(wasm, case, tmp_path, rng):
    data = damaged(safetensors.to_bytes(some_arrays(rng)))[case]
    with pytest.raises(Exception, match="this is no whole safetensors file: "):
        wasm.run(READ, data=data)
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is not a whole safetensors file: "):
        safetensors.load_adapters(path)


def test_the_library_writes_and_reads_adapters(base, tmp_path, rng):
    model = base[0].copy()
    apply_lora_to_model(model, 3, 5.0, ("query", "token_embedding"), rng=rng)
    path = tmp_path / "adapter.safetensors"
    safetensors.save_adapters(model, path)
    found, wanted = safetensors.load_adapters(path), get_adapters(model)
    assert (found.rank, found.alpha, found.target_modules) == (3, 5.0, wanted.target_modules)
    other = attach_adapters(base[0].copy(), found)
    for name, array in get_lora_parameters(other).items():
        assert array.tobytes() == wanted.arrays[name].tobytes()


@pytest.mark.parametrize("metadata, words", [
    ({}, "kind"), ({"kind": "full"}, "wanted was 'lora'"), ({"kind": "lora"}, "rank"),
    ({"kind": "lora", "rank": "two", "alpha": "1", "target_modules": '["query"]'}, "Expecting"),
    ({"kind": "lora", "rank": "2", "alpha": "1", "target_modules": '["keys"]'}, "keys")])
def test_a_file_without_an_adapter_s_settings(metadata, words, tmp_path, rng):
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(safetensors.to_bytes(some_arrays(rng), metadata))
    with pytest.raises(ValueError, match="lacks the settings of adapters") as caught:
        safetensors.load_adapters(path)
    assert words in str(caught.value)


def test_an_array_of_another_type_is_refused():
    with pytest.raises(ValueError, match="x has dtype complex128"):
        safetensors.to_bytes({"x": np.zeros(2, complex)})


def test_the_committed_adapter_reads_the_same_in_the_page(wasm, base, tmp_path):
    adapters = load_adapters(BASE.with_name("qa-lora.npz"))
    path = tmp_path / "qa.safetensors"
    safetensors.save_adapters(attach_adapters(base[0].copy(), adapters), path)
    found = wasm.page.evaluate("""(text) => {
        const { arrays, ...settings } = lab.load(lab_parts.quantise({}).bytes_of(text));
        return { ...settings, names: Object.keys(arrays) };
    }""", base64.b64encode(path.read_bytes()).decode())
    assert (found["rank"], found["alpha"]) == (adapters.rank, adapters.alpha)
    assert tuple(found["targets"]) == adapters.target_modules
    assert found["names"] == list(adapters.arrays)
