"""What travels to the page: the base in few bits, its decoding there, tasks and facts."""

import gzip
import json
import re

import numpy as np
import pytest
from engine import worst
from lab_data import TASKS, bare_answers, base_data, letters, write_lab_data

from benchmarks.lab_page import DATA, LAB
from lib.corpus import facts, load_task
from lib.evaluation import encode_examples
from lib.interchange.page import BLOCK, from_int8_bytes, int8_bytes
from tools.environment import ROOT

#: The 16 numbers of NF4, as Dettmers et al. 2023 print them in appendix E.
NF4 = np.array([-1, -.6961928009986877, -.5250730514526367, -.39491748809814453,
                -.28444138169288635, -.18477343022823334, -.09105003625154495, 0,
                .07958029955625534, .16093020141124725, .24611230194568634, .33791524171829224,
                .44070982933044434, .5626170039176941, .7229568362236023, 1], np.float32)


def read(path):
    """The script's data."""
    text = path.read_text(encoding="ascii")
    assert text.startswith("var lab_data = {") and text.endswith("};\n") and text.count("\n") == 1
    return json.loads(text.removeprefix("var lab_data = ").removesuffix(";\n"))


def test_every_half_precision_number_is_decoded_exactly(wasm):
    numbers = np.arange(65536, dtype=np.uint16).view(np.float16)
    found = wasm.run("return E.from_float16(given.bytes.numbers);", bytes=numbers.tobytes())
    same = found.view(np.uint32) == numbers.astype(np.float32).view(np.uint32)
    assert np.all(same | (np.isnan(found) & np.isnan(numbers)))


@pytest.mark.parametrize("weights", ["int8", "float16"])
def test_the_base_is_decoded_exactly(wasm, base, weights):
    model = base[0]
    data = base_data(model, weights)
    found = wasm.run("return E.decode_arrays(given.arrays, E.bytes_of_letters(given.weights));",
                     arrays=data["arrays"], weights=data["weights"])
    assert list(found) == list(model.parameters())
    largest = 0.0
    for name, array in model.parameters().items():
        wanted = array if array.ndim < 2 else array.astype(np.float16).astype(np.float32)
        if weights == "int8" and array.ndim > 1:
            wanted = from_int8_bytes(int8_bytes(array), array.shape)
        assert found[name].tobytes() == wanted.tobytes(), name
        largest = max(largest, worst(wanted, array))
    print(f"{weights}: {len(data['weights']):,} letters, weights differ by up to {largest:.1e}")


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_int8_is_within_half_a_step(wasm, size, rng):
    array = rng.standard_normal(size).astype(np.float32)
    array[:3] = 0
    data = int8_bytes(array)
    assert len(data) == size + 2 * -(-size // BLOCK)
    found = wasm.run("return E.from_int8(given.data.numbers, given.size);", data=data, size=size)
    assert found.tobytes() == from_int8_bytes(data, array.shape).tobytes()
    steps = np.repeat([np.abs(array[at:at + BLOCK]).max() / 127 for at in range(0, size, BLOCK)],
                      BLOCK)[:size]
    # the scale is rounded too, by up to 2^-11 of itself, 127 times over
    assert np.all(np.abs(found - array) <= steps * (0.5 + 127 / 2048) + 1e-12)


def test_four_bits_are_the_nearest_levels(wasm, rng):
    array = rng.standard_normal(200).astype(np.float32)
    array[64:128] = 0
    found = wasm.run("return E.through_four_bits(given.x.numbers);", x=array)
    for at in range(0, 200, BLOCK):
        block, scale = array[at:at + BLOCK], np.abs(array[at:at + BLOCK]).max()
        nearest = np.abs(block[:, None] - scale * NF4).min(1)
        assert worst(np.abs(found[at:at + BLOCK] - block), nearest) < 1e-6
        assert len(np.unique(found[at:at + BLOCK])) <= 16


@pytest.mark.parametrize("size", [0, 1, 2, 3, 256, 1000])
def test_letters_hold_any_bytes(wasm, size, rng):
    data = rng.integers(0, 256, size, np.uint8).tobytes()
    text = letters(data)
    assert len(text) == size + -(-size // 3)
    found = wasm.run("return E.bytes_of_letters(given.text);", text=text)
    assert found.tobytes() == data


def test_tasks_and_facts_are_the_library_s(data_path, base):
    data, tokenizer = read(data_path / "lab-data.js"), base[1]
    assert data["base"]["bits"] == 8 and data["merges"] == tokenizer.merges.tolist()
    assert list(data["tasks"]) == ["qa", "pirate", "recipes", "instructions"]

    def pairs(examples):
        return [[example.prompt, example.answer] for example in examples]
    for name, parts in data["tasks"].items():
        task = load_task(name)
        for part in ("train", "dev", "test") if task.ends else ("train",):
            wanted = pairs(getattr(task, part))
            assert parts[part] == wanted[:TASKS[name].get(part)]
        assert parts.get("style_probes") == (pairs(bare_answers(task.probes))
                                             if name == "pirate" else None)
    assert data["facts"] == pairs(bare_answers(facts())) and len(data["facts"]) == 640


def test_the_page_makes_the_library_s_tokens_of_them(wasm, base):
    examples = load_task("qa").test[:40] + load_task("pirate").train[:10]
    found = wasm.run("""
        const own = new E.Lab(lab_data);
        return own.ids_of(given.pairs);""", pairs=[[each.prompt, each.answer] for each in examples])
    assert found == [list(pair) for pair in encode_examples(base[1], examples)]


def test_the_script_weighs_little_and_is_the_same_each_time(data_path, tmp_path):
    write_lab_data(tmp_path)
    for script in DATA:
        assert (tmp_path / script).read_bytes() == (data_path / script).read_bytes()
    # The page of all that can be trained has the most panels.
    shown = re.findall(r'data-panel="(\w+)"', (ROOT / "book" / "lab.md").read_text("utf-8"))
    scripts = {f"{name}.js" for name in ("start", "kit", "plot", "mix", *shown)}
    panels = [path for path in (LAB / "panels").iterdir() if path.name in {*scripts, "panels.css"}]
    assert len(panels) == len(scripts) + 1
    by_default = [data_path / "lab-data.js", *LAB.glob("*.js"), *panels]
    weight = sum(len(gzip.compress(path.read_bytes(), 6)) for path in by_default)
    print(f"{weight:,} bytes with gzip, each file alone")
    assert weight <= 1_200_000


def test_other_weights_are_refused(base):
    with pytest.raises(ValueError, match="weights is 'int4', it must be one of int8, float16"):
        base_data(base[0], "int4")
