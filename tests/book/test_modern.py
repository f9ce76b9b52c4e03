"""The two pages of large models: their cells run, and print every figure that is set in bold."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.figures.gpt import block_pairs, latent_attention, shared_keys, two_blocks
from lib.growing import my_gpt, practice_streams, sources
from lib.laboratory.small_llama import CHANGES, digest
from lib.llama import LlamaConfig, LlamaModel
from lib.lora import apply_lora_to_model, count_lora_parameters
from lib.model import GPTConfig, GPTModel

BOOK = Path(__file__).parents[2] / "book"
PAGES = {name: (BOOK / f"{name}.md").read_text(encoding="utf-8")
         for name in ("modern", "post_training")}
CELL = re.compile(r"^```\{code-cell\} python\n(?::tags:[^\n]*\n\n?)?(.*?)^```$", re.S | re.M)
FIGURE = re.compile(r"\[([^\]]+)\]\{\.measured\}")
LONGEST = 15  # lines of a cell, as in the chapters


def numbers(text: str) -> str:
    """Text with every space and line break as one space."""
    return " ".join(text.split())


def run(text: str) -> tuple[dict, str]:
    """The names that a page's cells leave, and what they print."""
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for code in CELL.findall(text):
            if "lib.explore" not in code:  # a drawing, which has tests of its own
                exec(code, names)
    return names, numbers(said.getvalue())


@pytest.fixture(scope="module")
def ran():
    """Of each page, the names and what was said."""
    return {name: run(text) for name, text in PAGES.items()}


@pytest.fixture(scope="module")
def page(ran):
    """The page of the architecture."""
    return ran["modern"]


def missing(text: str, said: str) -> list[str]:
    """Figures in bold that no cell prints as a whole number."""
    return [each for each in FIGURE.findall(text)
            if not re.search(rf"(?<![\d.,]){re.escape(numbers(each))}(?![\d]|[.,]\d)", said)]


@pytest.mark.parametrize(("name", "least"), [("modern", 12), ("post_training", 4)])
def test_every_figure_in_bold_is_printed(ran, name, least):
    assert len(FIGURE.findall(PAGES[name])) >= least
    assert missing(PAGES[name], ran[name][1]) == []


def test_both_pages_have_the_same_sizes(ran):
    one, other = ({name: vars(sizes) for name, sizes in names["MODELS"].items()}
                  for names, _ in ran.values())
    assert one == other


def test_every_dpo_run_begins_at_log_2(ran):
    assert "gained 0 nats: loss 0.69, derivative -0.50" in ran["post_training"][1]
    assert "0.69$ nats" in PAGES["post_training"]


def test_a_wrong_figure_is_found():
    said = "1,044,736 parameters: 24.5%"
    assert missing("[24.5%]{.measured} [044,736]{.measured} [1,044]{.measured}", said) == [
        "044,736", "1,044"]


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_cells_are_short(text):
    assert all(sum(bool(line.strip()) for line in code.splitlines()) <= LONGEST
               for code in CELL.findall(text))


def test_the_page_tells_all_that_has_changed():
    """A heading, a bold lead or a citation for each part of a newer model."""
    page = numbers(PAGES["modern"])
    for told in ("RMSNorm in place", "SwiGLU in place", "Rotary positions in", "Grouped queries in",
                 "Latent attention in", "Tied tables", "A mixture of experts in", "16 bits or few",
                 "**Larger vocabularies.**", "**Longer contexts.**", "**Far more text.**",
                 "geva2021memories", "meng2022rome"):
        assert told in page, told


def test_each_check_takes_the_solution_alone(page):
    assert page[1].count("Solved.") == 5 and page[1].count("Not yet") == 5


def test_a_plan_without_one_thing_is_not_solved(page, capsys):
    """A shape turned around, a pair on the table, and the whole rank beside experts."""
    kinds, numbers = page[0]["plan_solution"]()
    for wrong in ((kinds | {"down": kinds["gate"]}, numbers), (kinds, numbers + 8 * 102_048),
                  (kinds, numbers + 6 * 24 * 32 * 3 * 3072)):
        page[0]["check_unseen"](lambda wrong=wrong: wrong)
        assert "Not yet: " in capsys.readouterr().out


def test_a_turn_forward_on_the_way_back_is_caught(page, capsys):
    turned = page[0]["turned_solution"]

    def forward(x, angles):
        return turned(x, angles)[0], lambda dy: turned(dy, angles)[0]

    page[0]["check_turned"](forward)
    assert "Not yet: gradient of x is off" in capsys.readouterr().out
    page[0]["check_turned"](lambda x, angles: turned(x, -angles))
    assert "Not yet: values is off" in capsys.readouterr().out


def test_keys_in_the_wrong_order_are_shown_where_they_differ(page, capsys):
    """With ``tile`` head 0 still reads key 0, so the row must be of head 1."""
    attend = page[0]["attend"]
    page[0]["check_grouped"](lambda q, k, v: attend(
        q, *(np.tile(each, (1, q.shape[1] // each.shape[1], 1, 1)) for each in (k, v))))
    said = capsys.readouterr().out
    assert "Not yet: head 1, which reads key 0 is off" in said
    row, = (line.split("key 0")[1].split() for line in said.splitlines()
            if line.startswith("· head 1"))
    assert row[:3] != row[3:]


def test_the_page_shows_the_lines_that_take_a_pair():
    """Those of chapter 13, none of which the small Llama replaces; the answer comes last."""
    assert 'show_source(grown["linear"], grown["lora_linear"])' in PAGES["modern"]
    assert not re.search(r"^def (lora_)?linear\(", LLAMA, re.M)
    assert re.search(r"\*\*LoRA fits the models of 2026, too\.\*\*\s+## Try it", PAGES["modern"])


def test_the_line_that_trains_stands_there_whole():
    """With what it imports; that its loss is the recorded one is tested with the ladder."""
    assert ("from lib.growing import practice\nfrom my_llama import model, new_weights\n\n"
            "practice(model, new_weights, seeds=(0,))\n") in PAGES["modern"]


def test_the_cell_that_writes_the_small_llama_writes_the_recorded_one(tmp_path, monkeypatch):
    """With the solutions as the reader's functions, without a file of their own and with one of
    chapter 6 or 13."""
    code, = (each for each in re.findall(r"^```python\n(.*?)^```$", PAGES["modern"], re.S | re.M)
             if "getsource" in each)
    solved = LLAMA[:LLAMA.index("# What the page gives")]
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "small_llama.py").write_text(LLAMA)
    (there := tmp_path / "chapters").mkdir()
    (there / "solved.py").write_text(solved)
    monkeypatch.chdir(there)
    monkeypatch.syspath_prepend(there)
    monkeypatch.delitem(sys.modules, "solved", raising=False)
    made = []
    for upto in (None, 6, 13):
        if upto:
            (there / "my_gpt.py").write_text(my_gpt(upto))
        exec("from solved import grouped, turned\n" + code, {})
        spec = importlib.util.spec_from_file_location("my_llama", there / "my_llama.py")
        spec.loader.exec_module(llama := importlib.util.module_from_spec(spec))
        text = (there / "my_llama.py").read_text()
        made.append((text, llama, sources(llama.model, llama.new_weights)))
        (there / "my_llama.py").unlink()  # else Python may take the next for this one
    assert made[0][0] == made[1][0] != made[2][0]
    weights = made[0][1].new_weights(np.random.default_rng(0))
    logits = [llama.model(np.arange(6)[None], weights)[0] for _, llama, _ in made[1:]]
    np.testing.assert_array_equal(*logits)
    found = hashlib.sha256(made[0][2].encode()).hexdigest()
    assert found.startswith(digest(CHANGES))


def test_the_pages_counts_are_those_of_the_live_model(page):
    ours, cache = page[0]["MODELS"]["this GPT"], page[0]["cache"]
    model = GPTModel(GPTConfig(), np.random.default_rng(0))
    assert ours.parameters() == sum(each.size for each in model.parameters().values())
    context = GPTConfig().context_length
    held = sum(each.keys.nbytes + each.values.nbytes for each in model.new_cache(1))
    assert cache(ours) * context == held
    apply_lora_to_model(model, 4, 8, ("query", "key", "value", "output", "ffn_up", "ffn_down"))
    assert count_lora_parameters(model) == ours.layers * 4 * sum(n + m for n, m in ours.shapes())


def test_the_drawing_has_the_pages_sizes(page):
    models = page[0]["MODELS"]
    for design, name in zip(two_blocks.compute(), ("this GPT", "Llama 3 8B"), strict=True):
        sizes = models[name]
        assert (design.layers, design.width, design.queries, design.keys, design.hidden) == (
            sizes.layers, sizes.width, sizes.heads, sizes.kv_heads, sizes.hidden)
        assert design.gated == (sizes.matrices == 3)
        words = two_blocks.alt([design])
        assert ("RMSNorm" in words) == design.rms and f"{design.hidden:,} wide" in words


def test_shared_keys_are_drawn_with_the_sizes_that_the_page_counts(page):
    llama, cache = page[0]["MODELS"]["Llama 3 8B"], page[0]["cache"]
    assert (llama.width, llama.heads) == (shared_keys.WIDTH, shared_keys.QUERIES)
    assert (llama.width, shared_keys.compute().rows) == llama.shapes()[1]
    for keys in (32, 8, 1):
        drawn = shared_keys.compute(keys)
        assert drawn.stored == cache(llama, keys)
        assert f"stores {drawn.stored:,} bytes" in shared_keys.alt(drawn)
    with pytest.raises(ValueError, match="keys is 3; it must divide the 32 query heads"):
        shared_keys.compute(3)


def test_the_page_adapts_the_small_llama(page):
    """All matrices of its blocks; the tied table, as the page says, not."""
    assert "2.26 nats on held-out text 7 pairs a block, 73,984 numbers your GPT," in page[1]
    right = [int(each) for each in re.findall(
        r"100 steps: [\d.]+ nats a token of the answers, (\d+) of 192 right", page[1])]
    always, = re.findall(r" (\d+) of 192 your GPT, after", page[1])
    losses = [float(each) for each in re.findall(r" 100 steps: ([\d.]+) nats a token", page[1])]
    own, nothing, table, blocks, both = losses  # what of the small Llama is trained
    assert abs(own - both) < 0.1 and both + 0.5 < min(table, blocks) < max(table, blocks) < nothing
    assert len(right) == 5 and all(abs(each - int(always)) <= 12 for each in right)  # no facts
    grown, w = page[0]["grown"], page[0]["w"]
    beside = grown["lora_weights"](w, ("token_embedding",), 2, np.random.default_rng(0))
    _, back = grown["model"](np.arange(6)[None], w | beside)
    with pytest.raises(KeyError, match="token_embedding"):
        back(np.ones((1, 6, len(w["token_embedding.weights"])), np.float32), {})


def test_the_drawn_pairs_are_those_that_the_page_counts(page):
    for block, name in zip(block_pairs.compute(8), ("this GPT", "Llama 3 8B"), strict=True):
        sizes = page[0]["MODELS"][name]
        assert list(block.shapes.values()) == sizes.shapes() and block.layers == sizes.layers
        assert f"[{block.adapter:,}]{{.measured}}" in PAGES["modern"]


def test_latent_attention_is_drawn_and_counted_with_the_same_sizes(page):
    code, = (each for each in CELL.findall(PAGES["modern"]) if "squeeze =" in each)
    names: dict = {}
    exec(code, names)
    data = latent_attention.compute()
    assert (data.width, data.squeezed, data.heads) == (names["d"], names["latent"], names["heads"])
    assert names["squeeze"] == data.width * data.kept
    assert f"{2 * 61 * data.kept:,} a token" in page[1]
    shapes = [(7168, 1536), (1536, 128 * 192), (7168, data.kept),
              (512, 128 * 256), (128 * 128, 7168)]
    assert names["attention"] == sum(n * m for n, m in shapes)
    assert names["ends"] == sum(n + m for n, m in shapes)  # of A and B together, at rank 1


#: The functions of the reader's file that change on the way to a Llama, as the page shows them.
LLAMA = (BOOK / "small_llama.py").read_text(encoding="utf-8")
SMALL = {"VOCABULARY": 50, "D_MODEL": 32, "HEADS": 4, "KV_HEADS": 2, "HIDDEN": 40, "LAYERS": 2}


@pytest.fixture(scope="module")
def newer():
    """The reader's file, and behind it the functions that take the place of its own."""
    names: dict = {}
    exec(my_gpt(13) + LLAMA, names)
    return names


@pytest.fixture
def tiny(newer):
    """The same with small sizes, which its functions look up when they are called."""
    whole = {name: newer[name] for name in SMALL}
    newer.update(SMALL)
    yield newer
    newer.update(whole)


def test_the_page_names_what_changes_in_the_readers_file():
    told = PAGES["modern"].split("From top to bottom:", 1)[1].split("```{literalinclude}")[0]
    readers, given = LLAMA.split("KV_HEADS = 2", 1)
    changed = re.findall(r"^def (\w+)", given, re.M)
    named = [name for name in re.findall(r"`([a-z_]+)`", told)
             if name not in ("gelu", "attend", "turned", "grouped")]
    assert sorted(named) == sorted(changed)
    assert "{literalinclude} small_llama.py" in PAGES["modern"]
    own = re.findall(r"^def (\w+)", my_gpt(6), re.M)
    assert re.findall(r"^def (\w+)", readers, re.M) == ["turned", "grouped"]  # the new ones
    for name in ("turned", "grouped"):  # the page's solutions, to the letter
        solved = readers[readers.index(f"def {name}("):].split("\n\n\n")[0]
        assert solved.replace(f"def {name}(", f"def {name}_solution(") in PAGES["modern"]
    assert [name for name in own if name in changed] == changed  # in the order of its lines


def test_the_readers_file_becomes_a_llama(tiny, rng):
    w = {name: array.astype(np.float64) for name, array in tiny["new_weights"](rng).items()}
    model = LlamaModel(LlamaConfig(vocabulary_size=50, context_length=64, embedding_dimension=32,
                                   heads=4, kv_heads=2, layers=2, feed_forward_dimension=40,
                                   dtype="float64"), w)
    tokens = rng.integers(0, 50, (3, 21))
    logits, back = tiny["model"](tokens[:, :-1], w)
    np.testing.assert_allclose(logits, model.forward(tokens[:, :-1]), rtol=0, atol=1e-9)
    _, d_logits = tiny["cross_entropy"](logits, tokens[:, 1:])
    grads: dict = {}
    back(d_logits, grads)
    model.backward(d_logits)
    assert set(grads) == set(model.gradients())
    for name, grad in model.gradients().items():
        np.testing.assert_allclose(grads[name], grad, rtol=0, atol=1e-9, err_msg=name)
    written = tiny["generate"](w, tokens[:, :5], 9)
    for end in range(5, 14):  # with its cache as without
        best = tiny["model"](written[:, :end], w)[0][:, -1].argmax(-1)
        assert (written[:, end] == best).all()


def test_the_lines_of_chapter_13_adapt_the_newer_block(tiny, rng):
    w = tiny["new_weights"](rng)
    w |= tiny["lora_weights"](w, ("key", "gate"), 2, rng)
    start = "transformer_stack.layers.1."
    key = f"{start}self_attention.key_linear.weights"
    assert w[f"{key}.lora_B"].shape == (16, 2) and w[f"{key}.lora_A"].shape == (2, 32)
    assert w[f"{start}feed_forward.gate_linear.weights.lora_B"].shape == (40, 2)
    tokens = rng.integers(0, 50, (3, 21))
    logits, back = tiny["model"](tokens[:, :-1], w)
    grads: dict = {}
    back(tiny["cross_entropy"](logits, tokens[:, 1:])[1], grads)
    assert key not in grads and np.abs(grads[f"{key}.lora_B"]).max() > 0


def test_the_small_llama_trains_with_the_readers_sizes(newer):
    """It starts near an equal guess, learns, and stays in float32."""
    w = newer["new_weights"](np.random.default_rng(0))
    count = sum(array.size for name, array in w.items())
    assert count == 1_000 * 128 + 4 * (128 * (2 * 128 + 2 * 64 + 3 * 344) + 2 * 128) + 128
    stream = practice_streams()[0]
    losses = newer["train"](w, stream, 40, total=40, warmup=4, batch=8)
    assert 6.9 < losses[0] < 7.9 and np.mean(losses[-5:]) < 5.2
    assert {array.dtype for array in w.values()} == {np.dtype(np.float32)}
    assert newer["model"](stream[None, :128], w)[0].shape == (1, 128, 1_000)
