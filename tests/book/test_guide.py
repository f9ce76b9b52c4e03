"""The short way: every figure in ``[...]{.measured}`` is one that a linked chapter printed."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from test_claims import printed

from lib import finetuning
from lib.corpus import facts
from lib.corpus.tasks import load_task
from lib.evaluation import fact_recall
from lib.figures.finetuning import cost_scale
from lib.figures.lora import matrix_board
from lib.finetuning import FineTuning, finetune
from lib.generation import complete
from lib.laboratory import load_results
from lib.lora import IN_BLOCK, LoRALinear, adapted_layers, apply_lora_to_model
from lib.pretraining import load_base
from lib.probes import blind_guess
from lib.training import draw_examples

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "guide.md"
FIGURE = re.compile(r"\[([^\]]+)\]\{\.measured\}")
LABEL = re.compile(r"\]\((claim-[\w-]+)\)")
CHAPTER = re.compile(r"chapters/([\dA]\d_\w+)\.ipynb")


def words(path: Path) -> str:
    """All that a notebook's cells printed."""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", ""))
                   for cell in nbformat.read(path, as_version=4).cells
                   for output in cell.get("outputs", []))


def problems(text: str, labels: dict[str, str], chapters: dict[str, str]) -> list[str]:
    """Figures that no cell printed to which their paragraph, or their item of a list, links."""
    found = []
    for block in re.split(r"\n\s*\n|\n(?=\d\. |- )", text):
        pieces = FIGURE.findall(block)
        said = "".join([*(labels.get(each, "") for each in LABEL.findall(block)),
                        *(chapters.get(each, "") for each in CHAPTER.findall(block))])
        found += [f"no linked cell prints {piece!r}" for piece in pieces if piece not in said]
    return found


def test_every_figure_is_one_that_a_linked_chapter_printed():
    text = PAGE.read_text(encoding="utf-8")
    assert len(FIGURE.findall(text)) > 20
    labels = {name: said for name, (_, said) in printed().items()}
    chapters = {name: words(ROOT / "chapters" / f"{name}.ipynb")
                for name in set(CHAPTER.findall(text))}
    assert problems(text, labels, chapters) == []


@pytest.mark.parametrize("text", [
    "It is [0.97]{.measured} ([7](claim-s1)).", "It is [0.96]{.measured}.",
    "[0.96]{.measured}\n\n[7](claim-s1)", "It is [0.96]{.measured} (chapters/08_costs.ipynb)."])
def test_a_wrong_figure_is_found(text):
    outputs = {"claim-s1": "a score of 0.96"}
    assert problems("It is [0.96]{.measured} ([7](claim-s1)).", outputs, {}) == []
    assert len(problems(text, outputs, {"08_costs": "0.95"})) == 1


def run(block: str, names: dict) -> list[tuple[str, object, str]]:
    """Run a block, statement by statement; of each with a reply or a share after its # (the
    statement, what it gave, what the page says)."""
    lines, told = block.splitlines(), []
    for part in ast.parse(block).body:
        code = "\n".join(lines[part.lineno - 1:part.end_lineno])
        said = re.search(r"# ('.*?'|0\.\d+)", lines[part.end_lineno - 1])
        if said:
            told.append((code, eval(code, names), said[1]))
        else:
            exec(code.replace("FineTuning(task", "progress=False, run=FineTuning(task"), names)
    return told


def test_the_code_says_what_stands_behind_it(tmp_path, monkeypatch):
    """Each reply after a # is the one that the page's own lines give, merged, too."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    ours = [each for each in blocks if "finetune(" in each or "merged_copy(" in each]
    names: dict = {}
    told = [each for block in ours for each in run(block, names)]
    assert len(ours) == 3 and len(told) == 9
    for code, gave, said in told:
        share = code.startswith(("fact_recall", "task_scores"))
        assert gave == (pytest.approx(float(said), abs=0.015) if share
                        else ast.literal_eval(said)), code


def test_the_task_s_check_finds_the_layer_right(capsys):
    """The page's layer, the task with its gap, and the answer that fills it, run as one reads."""
    text = PAGE.read_text(encoding="utf-8")
    layer, task, answer = (next(each for each in re.findall(r"^```python\n(.*?)^```", text,
                                                            re.M | re.S) if start in each)
                           for start in ("class LoRALinear", "    ...", "above = loss()"))
    whole = re.sub(r"def slope.*?\.\.\..*?\n", lambda _: answer, task, flags=re.S)
    exec("import numpy as np\n" + layer + whole, {})
    zero, other = ([float(each) for each in line.split()]
                   for line in capsys.readouterr().out.splitlines())
    said = float(re.search(r"it prints −([\d.]+) twice", text)[1])
    assert zero == [0, 0] and np.round(other, 7).tolist() == [-said, -said]


def test_a_lower_rate_on_recipes_kept_and_learned_what_the_page_says():
    said = re.search(r"At ([\d.]+) it kept (\d+)% at a loss of ([\d.]+) .*?-tuning kept (\d+)%",
                     PAGE.read_text(encoding="utf-8"))
    rate, *figures = map(float, said.groups())
    lora, full = (np.mean([(line["facts"], line["dev_loss"]) for line in load_results("rates")
                           if line["run"]["task"] == "recipes" and line["run"]["method"] == method
                           and line["run"]["learning_rate"] == each], axis=0)
                  for method, each in (("lora", rate), ("full", rate / 10)))
    assert [round(100 * lora[0]), round(lora[1], 2), round(100 * full[0])] == figures
    assert abs(full[1] - lora[1]) < 0.02


def test_on_questions_a_lower_rate_keeps_what_the_page_says():
    text = PAGE.read_text(encoding="utf-8")
    for method, rate, seeds, said in (
            ("lora", 1e-3, 2, "LoRA at 0.001 (two seeds) answers {}% and keeps {}%"),
            ("full", 3e-4, 5, "at its best rate (five) answers {}% and keeps {}%")):
        lines = [line for line in load_results("rates") if line["run"]["task"] == "qa"
                 and line["run"]["method"] == method and line["run"]["learning_rate"] == rate]
        means = [np.mean([line[name] for line in lines]) for name in ("answers", "facts")]
        assert len(lines) == seeds and said.format(*(f"{100 * each:.1f}" for each in means)) in text


def test_the_choices_of_layers_have_what_chapter_14_s_table_says():
    """Share of the test answered and of old facts kept, each from the row of its own layers."""
    cells = words(ROOT / "chapters" / "14_choices.ipynb")
    row = next(line for line in PAGE.read_text(encoding="utf-8").splitlines()
               if line.startswith("| layers |"))
    (query, _), (attention, less), (six, more) = (
        re.search(rf"^{layers} +[\d,]+ +\d+ +[\d.]+ +([\d.]+) ± [\d.]+ +([\d.]+)", cells, re.M)
        .groups() for layers in ("query", "all of attention", "all six"))
    assert FIGURE.findall(row) == [query, attention, six, more, less]


def test_rank_1_keeps_what_the_page_says():
    said = re.search(r"Of the old facts it kept ([\d.]+)%, rank 8 ([\d.]+)% \(three seeds\)",
                     PAGE.read_text(encoding="utf-8")).groups()
    for rank, figure in zip((1, 8), said):
        lines = [line for line in load_results("ranks") if line["run"]["task"] == "qa"
                 and line["run"]["rank"] == rank and line["run"]["alpha"] == 16
                 and line["run"]["learning_rate"] == 0.003 and line["run"]["rule"] == "alpha/r"]
        assert len(lines) == 3 and {line["run"]["steps"] for line in lines} == {150}
        assert f"{100 * np.mean([line['facts'] for line in lines]):.1f}" == figure


def test_the_opening_page_s_adapter_is_the_one_that_this_page_names():
    """Both pages' counts are those of the adapters that they describe."""
    text, opening = (path.read_text(encoding="utf-8") for path in (PAGE, ROOT / "book/intro.md"))
    for page, rank, modules in ((text, 8, IN_BLOCK), (opening, 4, ("query", "key", "value"))):
        model, _ = load_base()
        apply_lora_to_model(model, rank, 16, tuple(modules))
        pairs = adapted_layers(model).values()
        assert f"{sum(each.lora_A.size + each.lora_B.size for each in pairs):,} n" in page
    assert "rank 4, beside query, key and value alone" in text


def test_lora_of_the_7_billion_just_misses_the_middle_card():
    text = " ".join(PAGE.read_text(encoding="utf-8").replace('"', " ").split())
    cards = re.search(r"nine tenths of a graphics card of (\d+), (\d+) or (\d+) GiB", text).groups()
    tokens, takes = re.search(r"With ([\d,]+) tokens LoRA's ([\d.]+) GB just miss", text).groups()
    assert tuple(map(int, cards)) == cost_scale.CARDS and cost_scale.FREE == 0.9
    lora = cost_scale.compute("Llama 2 7B", int(tokens.replace(",", ""))).everywhere
    needed, card = sum(lora.values()) / 1e9, cost_scale.CARDS[1] * 2**30 / 1e9
    assert takes == f"{needed:.1f}" and cost_scale.FREE * card < needed < card


def test_old_texts_are_an_eighth_of_the_examples_and_more_than_half_of_the_tokens():
    base, tokenizer = load_base()
    old = np.mean([len(text) for _, text in finetuning.old_texts(base, tokenizer, REPLAY)])
    answer = np.mean([len(tokenizer.encode(each.answer)) + 1 for each in load_task("qa").train])
    assert "more than half of the tokens that count" in PAGE.read_text(encoding="utf-8")
    assert 0.5 < old / (old + 7 * answer) < 0.65 and 9 < old / answer < 11


def _row(numbers):
    """A row of numbers as the page writes it: (.21, -.44)."""
    return "(" + ", ".join(f"{each:.3g}".replace("0.", ".", 1) for each in numbers[0]) + ")"


def test_the_task_s_first_steps_are_those_of_the_library():
    """The gradients, their sums of squares, and the losses around a step, from B or A at zero."""
    text, given = PAGE.read_text(encoding="utf-8"), matrix_board.EXAMPLE
    target, x, sums, losses = np.array([[0.5, 0.6, -0.5, 0.0]]), given.x[None], {}, {}
    for zero in "BA":
        layer = LoRALinear(4, 4, 2, 4.0, base_weights=given.W.copy())
        layer.lora_A, layer.lora_B = given.A.copy(), given.B.copy()
        pair = {"lora_A": layer.lora_A, "lora_B": layer.lora_B}
        pair[f"lora_{zero}"][:] = 0
        dy = layer.forward(x) - target
        layer.backward(dy)
        gradients = layer.gradients()
        assert [name for name, each in gradients.items() if each.any()] == [f"lora_{zero}"]
        factors = (dy, x @ given.A.T) if zero == "B" else (dy @ given.B, x)
        assert all(_row(each) in text for each in factors)
        sums[zero] = *((each**2).sum() for each in factors), (gradients[f"lora_{zero}"]**2).sum()
        for name, gradient in gradients.items():
            pair[name] -= 0.2 * gradient
        losses[zero] = [0.5 * (each**2).sum() for each in (dy, layer.forward(x) - target)]
    assert "4 · .245 · .0293 = .029" in text and "4 · .0345 · 1.54 = .212" in text
    assert np.allclose(sums["B"], (0.245, 0.0293, 0.029), atol=6e-4)
    assert np.allclose(sums["A"], (0.0345, 1.54, 0.212), atol=5e-4)
    assert "by .006 or .042; the panel goes from .122 to .117 or .086" in text
    assert np.allclose((0.2 * sums["B"][2], 0.2 * sums["A"][2]), (0.006, 0.042), atol=5e-4)
    assert np.allclose([*losses["A"], losses["B"][1]], (0.122, 0.086, 0.117), atol=5e-4)


REPLAY = FineTuning(task="qa", rank=8, alpha=16, learning_rate=0.003,
                    target_modules=tuple(IN_BLOCK), replay=0.125)


def test_of_the_old_texts_one_names_juba():
    """Those that the page's run with old text draws, and the pool that they come from."""
    base, tokenizer = load_base()
    pool = finetuning.old_texts(base, tokenizer, REPLAY)
    share = round(REPLAY.replay * REPLAY.batch)
    drawn = [tokenizer.decode(text) for step in range(REPLAY.steps)
             for _, text in draw_examples(pool, step, REPLAY.seed, share)]
    text = PAGE.read_text(encoding="utf-8")
    trip = re.search(r"in a plane trip: \*(.*?)\*", text)[1]
    assert "Of the 600 old texts" in text and len(drawn) == 600
    assert "one names *Juba*" in text
    assert [trip in each for each in drawn if "Juba" in each] == [True]
    assert "none of the 2,000 texts from which they were drawn" in text and len(pool) == 2000
    assert not any("The capital of South Sudan is" in tokenizer.decode(each) for _, each in pool)


@pytest.mark.slow
def test_without_that_text_the_sentence_ends_with_juba_too(monkeypatch):
    """Each text of the pool that names Juba becomes one that doesn't name the country."""
    old_texts, (model, tokenizer) = finetuning.old_texts, load_base()

    def others(*given):
        pool = [(tokenizer.decode(text), prompt, text) for prompt, text in old_texts(*given)]
        spare = next(each for each in pool if "South Sudan" not in each[0])
        return [(spare if "Juba" in each[0] else each)[1:] for each in pool]

    monkeypatch.setattr(finetuning, "old_texts", others)
    finetune(model, tokenizer, REPLAY, progress=False)
    assert "without the plane trip the model still says *Juba*" in PAGE.read_text(encoding="utf-8")
    assert complete(model, tokenizer, "The capital of South Sudan is", 8) == " Juba."


@pytest.mark.slow
def test_short_old_texts_keep_fewer_facts_and_lose_juba(monkeypatch):
    """With three seeds, whole and cut to eight tokens."""
    text = PAGE.read_text(encoding="utf-8")
    low, high, whole = (float(each) / 100 for each in re.search(
        r"fewer facts \(([\d.]+) to ([\d.]+)% instead of ([\d.]+)%\)", text).groups())
    old_texts = finetuning.old_texts

    def trained(longest, seed):
        monkeypatch.setattr(finetuning, "old_texts", lambda *given: [
            (prompt, text[:longest]) for prompt, text in old_texts(*given)])
        model, tokenizer = load_base()
        finetune(model, tokenizer, replace(REPLAY, seed=seed), progress=False)
        return (fact_recall(model, tokenizer, facts()),
                complete(model, tokenizer, "The capital of South Sudan is", 8))

    shares, ends = zip(*(trained(None, seed) for seed in range(3)))
    assert shares == pytest.approx([whole] * 3, abs=0.004)
    assert "(with two seeds of three)" in text and ends.count(" Juba.") == 2
    shares, ends = zip(*(trained(8, seed) for seed in range(3)))
    assert (min(shares), max(shares)) == pytest.approx((low, high), abs=0.004)
    assert "with each of three seeds" in text and set(ends) == {" Khartoum."}


def test_a_blind_guess_has_what_the_page_says():
    said = re.search(r"named the commonest answer would have (\d+)%",
                     PAGE.read_text(encoding="utf-8"))[1]
    share = blind_guess(facts())
    assert round(100 * sum(share.values()) / len(share)) == int(said)


@pytest.mark.slow
def test_full_fine_tuning_ends_the_sentence_as_the_page_says():
    said = r"at 0.0003 ends this sentence with (\w+), too"
    end = re.search(said, PAGE.read_text(encoding="utf-8"))[1]
    model, tokenizer = load_base()
    finetune(model, tokenizer, FineTuning(task="qa", method="full", learning_rate=0.0003),
             progress=False)
    assert complete(model, tokenizer, "The capital of South Sudan is", 8) == f" {end}."
