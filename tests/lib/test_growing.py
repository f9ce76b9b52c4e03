"""The reader's file: how its cells are joined, and what it can do at each chapter's end."""

import ast
import importlib
import json
import re

import numpy as np
import pytest
from helpers import central_differences, refused

from lib import growing
from lib.corpus.tasks import load_task
from lib.evaluation import encode_examples
from lib.finetuning import FineTuning, finetune
from lib.generation import generate, start_of_text
from lib.growing import (
    changes,
    chapters,
    grow,
    listing,
    my_gpt,
    practice,
    sources,
    tagged_cells,
)
from lib.lora import LoRALinear, apply_lora_to_model, get_lora_parameters
from lib.losses import IGNORE, cross_entropy
from lib.model import GPTConfig, GPTModel
from lib.optim import warmup_cosine
from lib.pretraining import Recipe, load_history, pretraining_data
from lib.training import example_batch

GROWING = [2, 3, 4, 5, 6, 8, 13]
#: Lines of the file at the ends of chapters, at most, and of a cell.
LINES, CELL = {6: 200, 13: 250}, 14
#: Losses in float32, whose sums other processors add in another order: see test_base_model.
EARLY = 2e-4
#: Held-out loss in nats after the small budget, of the models at the ends of chapters, seed 0.
BUDGET = {2: 3.20, 3: 2.68, 4: 2.31}
RECORDED = BUDGET
TINY = {"HEADS": 2, "LAYERS": 2, "D_MODEL": 8, "HIDDEN": 12, "VOCABULARY": 11}


def grown(chapter, **sizes):
    """The names of the file at a chapter's end."""
    names = {}
    grow(names, chapter)
    names.update(sizes)
    return names


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Writes chapters of cells, tagged or not, as notebooks; joins those instead."""
    def write(*files):
        for number, cells in enumerate(files, start=2):
            found = [{"metadata": {"tags": ["my-gpt" if tagged else "hide-input"]},
                      "source": cell.splitlines(keepends=True)} for tagged, cell in cells]
            (tmp_path / f"0{number}_x.ipynb").write_text(json.dumps({"cells": found}))
    monkeypatch.setattr(growing, "CHAPTERS", tmp_path)
    return write


def test_it_grows_in_the_chapters_that_build_and_fine_tune():
    assert list(chapters()) == GROWING


@pytest.mark.parametrize("chapter", GROWING)
def test_at_each_end_the_model_learns_from_its_own_batches(chapter, rng):
    names = grown(chapter)
    weights = names["new_weights"](rng)
    inputs, targets = names["windows"](rng.integers(0, 1000, 400), 0, batch=2, time=9)
    logits, back = names["model"](inputs, weights)
    assert logits.shape == (2, 9, 1000) and logits.dtype == np.float32
    grads = {}
    back(np.eye(1000, dtype=np.float32)[targets], grads)
    assert {name: grad.shape for name, grad in grads.items()} == {
        name: array.shape for name, array in weights.items()}
    assert all(np.abs(grad).max() > 0 for grad in grads.values())


@pytest.mark.parametrize("chapter", [2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_each_model_reaches_its_loss_within_the_small_budget(chapter):
    names = grown(chapter)
    [loss] = practice(names["model"], names["new_weights"], again=1, seeds=[0])
    assert loss == pytest.approx(BUDGET[chapter], abs=0.05)


@pytest.mark.parametrize("chapter", RECORDED)
def test_the_record_is_of_the_chapters_own_functions(chapter, monkeypatch):
    monkeypatch.setattr(growing, "borrowed_training", lambda *_, **__: pytest.fail("trained"))
    names = grown(chapter)
    losses = practice(names["model"], names["new_weights"])
    assert losses[0] == pytest.approx(RECORDED[chapter], abs=0.005) and len({*losses}) == 3


def test_a_changed_function_or_size_is_another_model():
    names = grown(3)
    before = sources(names["model"], names["new_weights"])
    assert "def attend(" in before and "def matrix(" in before and "def windows(" not in before
    names["HEADS"] = 2
    other = sources(names["model"], names["new_weights"])
    assert len({before, other, sources(names["model"]), sources(grown(2)["model"])}) == 4


def test_another_value_of_the_function_around_it_is_another_model():
    def around(part, size):
        return lambda x, w: part(x, w, "") * size

    names = grown(3)
    found = [sources(around(names[part], size))
             for part in ("linear", "attention") for size in (1, 2)]
    assert len({*found}) == 4 and "def attend(" in found[2] and "def attend(" not in found[0]


@pytest.mark.parametrize("cells, rate, loss", [(5, 0.014, 2.67), (7, 0.01, 2.62), (9, 0.01, 2.34)])
def test_within_a_chapter_it_is_what_was_measured_there(cells, rate, loss, monkeypatch):
    monkeypatch.setattr(growing, "borrowed_training", lambda *_, **__: pytest.fail("trained"))
    grow(names := {}, 3, cells)
    assert np.mean(practice(names["model"], names["new_weights"], rate=rate)) == pytest.approx(
        loss, abs=0.006)


@pytest.mark.parametrize("chapter", LINES)
def test_the_whole_file_is_short_and_needs_numpy_alone(chapter):
    text = my_gpt(chapter)
    assert text.count("\n") <= LINES[chapter]
    assert max(map(len, text.splitlines())) <= 100
    assert re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE) == ["math", "numpy"]


@pytest.mark.parametrize("chapter", GROWING)
def test_cells_are_short_and_functions_name_what_the_library_has(chapter):
    for cell in tagged_cells(chapters()[chapter]):
        assert cell.count("\n") < CELL, cell
        for name in re.findall(r"^def .*$", cell, re.MULTILINE):
            module, _, rest = re.search(r"# (lib\.\w+)(\.)([\w.]+)", name).groups()
            found = importlib.import_module(module)
            for part in rest.split("."):
                found = getattr(found, part)
            assert callable(found)


@pytest.mark.parametrize("chapter", GROWING)
def test_a_definition_stands_below_all_that_it_uses(chapter):
    body = ast.parse(my_gpt(chapter)).body
    place = {node.name: at for at, node in enumerate(body) if isinstance(node, ast.FunctionDef)}
    for name, at in place.items():
        used = {node.id for node in ast.walk(body[at]) if isinstance(node, ast.Name)}
        assert all(place[other] <= at for other in used & place.keys()), name


@pytest.mark.parametrize("chapter", GROWING)
def test_no_other_cell_takes_a_name_of_the_file(chapter):
    """Else the reader's functions would call something that is not theirs; sizes may change."""
    mine = {name for names in growing.defined(chapter) for name in names}
    mine = {name for name in mine if not name.isupper()} - {"np", "math"}
    for cell in json.loads(chapters()[chapter].read_text())["cells"]:
        if cell["cell_type"] == "code" and growing.TAG not in cell["metadata"].get("tags", []):
            assert not mine & {*bound(ast.parse("".join(cell["source"])))}, cell["source"]


def bound(node):
    """The names that top-level statements bind."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from ((each.asname or each.name).split(".")[0] for each in names)
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            pass
        case _:
            for child in ast.iter_child_nodes(node):
                yield from bound(child)


@pytest.mark.parametrize("chapter, more", [(6, set()), (8, {"fine_tune"}),
                                           (13, {"fine_tune", "lora_weights"})])
def test_nothing_is_left_that_no_one_uses(chapter, more):
    names = ast.walk(ast.parse(my_gpt(chapter)))
    used = {node.id for node in names if isinstance(node, ast.Name)}
    defined = {name for names in growing.defined(chapter) for name in names}
    assert defined - used == {"new_weights", "train", "generate"} | more


def test_new_weights_are_those_that_the_library_starts_from():
    ours = grown(6)["new_weights"](np.random.default_rng(5))
    its = GPTModel(GPTConfig(), np.random.default_rng(5)).parameters()
    assert ours.keys() == its.keys()
    assert sum(array.size for array in ours.values()) == 1_044_736
    for name, array in its.items():
        assert ours[name].dtype == array.dtype and np.array_equal(ours[name], array), name


@pytest.mark.parametrize("chapter", [6, 13])
def test_it_gives_every_logit_of_the_base_model(chapter, base, rng):
    model, _ = base
    tokens = rng.integers(0, 1000, (4, 128))
    logits, _ = grown(chapter)["model"](tokens, model.parameters())
    np.testing.assert_allclose(logits, model.forward(tokens, training=False), rtol=0, atol=1e-4)


def test_it_repeats_the_first_recorded_losses():
    """Ten of them: chapter 5 repeats sixty, and its stored output holds the difference."""
    names, recipe = grown(5), Recipe()
    stream = pretraining_data(recipe)[1]
    weights = names["new_weights"](np.random.default_rng([recipe.seed, 2]))
    losses = names["train"](weights, stream, 10)
    np.testing.assert_allclose(losses, load_history()["losses"][:10], rtol=0, atol=EARLY)


def test_its_learning_rate_is_the_librarys():
    rate = grown(6)["learning_rate"]
    for step in (0, 50, 99, 100, 101, 700, 1399):
        assert rate(step, 1400, 100) == pytest.approx(warmup_cosine(step, 1400, 5e-3, 100))


def test_clipping_shortens_long_gradients_only():
    clip = grown(6)["clip"]
    grads = {"a": np.full((2, 2), 3.0), "b": np.full(2, 4.0)}
    clip(grads)
    assert sum((g * g).sum() for g in grads.values()) == pytest.approx(1)
    assert grads["a"][0, 0] / grads["b"][0] == pytest.approx(3 / 4)
    short = {"a": np.array([0.3, 0.4])}
    clip(short)
    assert short["a"].tolist() == [0.3, 0.4]


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0}, {"temperature": 0.8, "top_p": 0.9}])
def test_it_writes_what_the_library_writes(base, settings):
    model, tokenizer = base
    weights, start = model.parameters(), np.array([start_of_text(tokenizer, "One morning")] * 4)
    ours, its = (write(source, start, 25, rng=np.random.default_rng(3), **settings)
                 for write, source in ((grown(6)["generate"], weights), (generate, model)))
    assert np.array_equal(ours, its)
    assert weights.keys() == model.parameters().keys()  # the cache was put into a copy


def test_it_stops_where_the_library_stops_and_refuses_what_is_too_long(base):
    model, tokenizer = base
    write, start = grown(6)["generate"], np.array([start_of_text(tokenizer, "Chile")])
    ours = write(model.parameters(), start, 40, stop=tokenizer.eos_id)
    assert np.array_equal(ours, generate(model, start, 40, stop_token=tokenizer.eos_id))
    with pytest.raises(AssertionError, match="64 tokens"):
        write(model.parameters(), start, 65 - start.shape[1])


@pytest.mark.parametrize("chapter", [2, 3, 4, 6, 13])
def test_every_gradient_agrees_with_central_differences(chapter, rng):
    """float64, a tiny model; the loss is the mean of the logits under fixed random factors."""
    names = grown(chapter, **TINY)
    weights = {name: array + 0.3 * rng.standard_normal(array.shape)
               for name, array in names["new_weights"](rng).items()}
    tokens, factors = rng.integers(0, 11, (2, 6)), rng.standard_normal((2, 6, 11))
    grads = {}
    names["model"](tokens, weights)[1](factors, grads)
    assert grads.keys() == weights.keys()
    for name, array in weights.items():
        slopes = central_differences(lambda: (names["model"](tokens, weights)[0] * factors).sum(),
                                     array, list(np.ndindex(array.shape)))
        np.testing.assert_allclose(grads[name], slopes.reshape(array.shape), rtol=0, atol=1e-7,
                                   err_msg=name)


@pytest.mark.parametrize("chapter, ignored", [(5, 0), (8, 0), (8, 2)])
def test_the_gradient_of_its_loss_agrees_with_central_differences(chapter, ignored, rng):
    cross_entropy = grown(chapter)["cross_entropy"]
    logits, targets = rng.standard_normal((2, 3, 7)), rng.integers(0, 7, (2, 3))
    targets[0, :ignored] = IGNORE
    gradient = cross_entropy(logits, targets)[1]
    slopes = central_differences(lambda: cross_entropy(logits, targets)[0], logits,
                                 list(np.ndindex(logits.shape)))
    np.testing.assert_allclose(gradient.ravel(), slopes, rtol=0, atol=1e-9)


def test_its_loss_is_the_librarys_where_targets_are_ignored(rng):
    logits = rng.standard_normal((4, 5, 9)).astype(np.float32)
    targets = np.where(rng.random((4, 5)) < 0.5, IGNORE, rng.integers(0, 9, (4, 5)))
    assert 0 < (targets == IGNORE).sum() < targets.size
    (ours, gradient), (its, wanted) = (loss(logits, targets)
                                       for loss in (grown(8)["cross_entropy"], cross_entropy))
    assert ours == pytest.approx(its, abs=1e-6) and gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, wanted, rtol=0, atol=1e-7)
    assert not gradient[targets == IGNORE].any()


@pytest.fixture(scope="module")
def asked(base):
    """``batch_at`` of the questions, with the examples and the seed of a run of the library."""
    examples = encode_examples(base[1], load_task("qa").train)
    return lambda step: example_batch(examples, step, seed=0, batch=16)


def copied(weights):
    return {name: array.copy() for name, array in weights.items()}


def test_its_fine_tuning_is_the_librarys(base, asked):
    model, tokenizer = base
    weights, its = copied(model.parameters()), model.copy()
    losses = grown(8)["fine_tune"](weights, asked, 6, peak=1e-3)
    run = FineTuning(method="full", steps=6, learning_rate=1e-3)
    np.testing.assert_allclose(losses, finetune(its, tokenizer, run, progress=False), rtol=0,
                               atol=EARLY)
    assert losses[-1] < losses[0] / 2
    for name, array in its.parameters().items():
        np.testing.assert_allclose(weights[name], array, rtol=0, atol=2e-4, err_msg=name)


def test_it_moves_only_what_it_is_told_to_train(base, asked):
    before = base[0].parameters()
    weights, named = copied(before), [name for name in before if ".layers.1." in name]
    grown(8)["fine_tune"](weights, asked, 2, trained=named)
    assert 0 < len(named) < len(before)
    assert named == [name for name in before if not np.array_equal(weights[name], before[name])]


def test_decay_shrinks_what_no_example_reads(base, asked):
    """All steps together; the rate is a twentieth of its peak in the last one."""
    before, after = base[0].parameters(), {}
    for decay in (0, 0.5):
        after[decay] = copied(before)
        grown(8)["fine_tune"](after[decay], asked, 2, peak=0.01, decay=decay)
    name = "token_embedding.weights"
    unread = min({*range(1000)} - {*asked(0)[0].flat} - {*asked(1)[0].flat})
    assert np.array_equal(after[0][name][unread], before[name][unread])
    rates = [warmup_cosine(step, 2, 0.01, 0) for step in (0, 1)]
    np.testing.assert_allclose(after[0.5][name][unread], before[name][unread]
                               * np.prod([1 - rate * 0.5 for rate in rates]), rtol=1e-6)


PARTS = ("query", "key", "value")


def its_name(name):
    """An adapter's array in the library, where the layer has the name and not its matrix."""
    return name.replace(".weights.", ".")


def test_its_adapters_start_as_the_librarys_and_change_no_logit(base, rng):
    model, names = base[0], grown(13)
    adapters = names["lora_weights"](model.parameters(), ("query", "value", "up_linear"), 4,
                                     np.random.default_rng(3))
    wanted = get_lora_parameters(apply_lora_to_model(
        model.copy(), 4, target_modules=("query", "value", "ffn_up"), rng=np.random.default_rng(3)))
    assert {its_name(name) for name in adapters} == {*wanted} and len(adapters) == 24
    for name, array in adapters.items():
        assert array.dtype == np.float32 and np.array_equal(array, wanted[its_name(name)])
    tokens = rng.integers(0, 1000, (2, 20))
    plain, adapted = (names["model"](tokens, model.parameters() | more)[0]
                      for more in ({}, adapters))
    assert np.array_equal(plain, adapted)


@pytest.mark.parametrize("rank, alpha", [(1, 8), (4, 8), (4, 3)])
def test_its_layer_computes_what_the_librarys_computes(rank, alpha, rng):
    its = LoRALinear(6, 5, rank, alpha, rng=rng)
    its.lora_B[...] = rng.standard_normal((5, rank))
    weights = {"m": its.base_weights, "m.lora_A": its.lora_A, "m.lora_B": its.lora_B}
    x, dy, grads = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 3, 5)), {}
    y, back = grown(13, ALPHA=alpha)["linear"](x, weights, "m")
    np.testing.assert_allclose(y, its.forward(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(back(dy, grads), its.backward(dy), rtol=0, atol=1e-6)
    assert grads.keys() == {"m.lora_A", "m.lora_B"}
    for name, wanted in its.grads.items():
        np.testing.assert_allclose(grads[f"m.{name}"], wanted, rtol=0, atol=1e-6, err_msg=name)


def test_every_gradient_with_adapters_agrees_with_central_differences(rng):
    """float64, a tiny model; what is adapted has no gradient of its own."""
    names = grown(13, **TINY)
    weights = {name: array + 0.3 * rng.standard_normal(array.shape)
               for name, array in names["new_weights"](rng).items()}
    adapters = {name: array + 0.3 * rng.standard_normal(array.shape) for name, array in
                names["lora_weights"](weights, ("query", "down"), 2, rng).items()}
    assert len(adapters) == 8
    tokens, factors, grads = rng.integers(0, 11, (2, 6)), rng.standard_normal((2, 6, 11)), {}
    mine = weights | adapters
    names["model"](tokens, mine)[1](factors, grads)
    assert grads.keys() == mine.keys() - {name.rpartition(".")[0] for name in adapters}
    for name in grads:
        slopes = central_differences(lambda: (names["model"](tokens, mine)[0] * factors).sum(),
                                     mine[name], list(np.ndindex(mine[name].shape)))
        np.testing.assert_allclose(grads[name], slopes.reshape(mine[name].shape), rtol=1e-6,
                                   atol=1e-7, err_msg=name)


def test_its_lora_training_is_the_librarys_and_moves_only_the_adapters(base, asked):
    model, tokenizer = base
    names, before = grown(13), copied(model.parameters())
    weights = model.parameters()
    adapters = names["lora_weights"](weights, PARTS, 4, np.random.default_rng(0))
    start = copied(adapters)
    losses = names["fine_tune"](weights | adapters, asked, 6, peak=5e-3, trained=adapters)
    its = model.copy()
    wanted = finetune(its, tokenizer, FineTuning(steps=6, learning_rate=5e-3), progress=False)
    np.testing.assert_allclose(losses, wanted, rtol=0, atol=EARLY)
    for name, array in get_lora_parameters(its).items():
        ours = adapters[name.replace(".lora", ".weights.lora")]
        np.testing.assert_allclose(ours, array, rtol=0, atol=1e-3, err_msg=name)
    assert not any(np.array_equal(adapters[name], start[name]) for name in start)
    assert all(np.array_equal(weights[name], before[name]) for name in before)


def test_later_definitions_take_the_place_of_earlier_ones_below_what_they_use(book):
    book([(True, "A = 1"), (True, "def f():\n    return A"), (False, "print(f())"),
          (True, "def g():\n    return f()")],
         [(True, "import numpy as np\nimport sys"), (True, "# two\nA = 2\nB = 3"),
          (True, "def h():  # new\n    return B"), (True, "def f():\n    return A + h()")])
    assert my_gpt(2).splitlines()[1:] == [
        "", "A = 1", "", "def f():", "    return A", "", "def g():", "    return f()"]
    marked = {line for line, new in listing(3) if new}
    assert my_gpt(3).splitlines()[1:] == [
        "", "import sys", "import numpy as np", "", "# two", "A = 2", "B = 3", "",
        "def h():  # new", "    return B", "", "def f():", "    return A + h()", "",
        "def g():", "    return f()"]
    assert marked == {"import sys", "import numpy as np", "# two", "A = 2", "B = 3",
                      "def h():  # new", "    return B", "    return A + h()"}
    assert all(new for line, new in listing(2) if line)


def test_of_a_changed_function_only_the_new_lines_are_shown(book):
    book([(True, "def f():\n    a = 1\n    b = 2\n    c = 3\n    return a"),
          (True, "def g():\n    return 1")],
         [(True, "def f():\n    a = 1\n    b = 2\n    c = 4\n    return a"),
          (True, "def h():\n    return 3")])
    assert changes(3, "f", "g", "h").splitlines() == [
        "def f():", "    ...", "    c = 4", "    ...", "", "def g():", "    ...", "",
        "def h():", "    return 3"]


@pytest.mark.parametrize("cell", ["print(1)", "A = 1\nfor i in 1, 2:\n    pass", "A[0] = 1"])
def test_a_cell_that_runs_something_is_refused(book, cell):
    book([(True, cell)])
    with refused("my-gpt", repr(ast.unparse(ast.parse(cell).body[-1]))):
        my_gpt(2)


def test_names_defined_together_stay_together(book):
    book([(True, "A, B = 1, 2")], [(True, "B = 3")])
    with refused("chapter 3", "B"):
        my_gpt(3)


@pytest.mark.parametrize("chapter", [1, 7, "3"])
def test_a_chapter_without_such_cells_is_refused(chapter):
    with refused(repr(chapter).strip("'"), GROWING):
        my_gpt(chapter)
