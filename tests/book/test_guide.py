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
from lib.evaluation import encode_examples, fact_recall
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
    said = re.search(r"at ([\d.]+) it kept (\d+)% at a loss of ([\d.]+), .*?-tuning kept (\d+)%",
                     PAGE.read_text(encoding="utf-8"))
    rate, *figures = map(float, said.groups())
    lora, full = (np.mean([(line["facts"], line["dev_loss"]) for line in load_results("rates")
                           if line["run"]["task"] == "recipes" and line["run"]["method"] == method
                           and line["run"]["learning_rate"] == each], axis=0)
                  for method, each in (("lora", rate), ("full", rate / 10)))
    assert [round(100 * lora[0]), round(lora[1], 2), round(100 * full[0])] == figures
    assert abs(full[1] - lora[1]) < 0.02


def test_on_questions_a_lower_rate_keeps_one_point_more():
    """At no more than a hundredth of a nat above the lowest loss, over the same seeds."""
    assert ("LoRA at 0.001: it answers about as many, and keeps one point more (two seeds)"
            in PAGE.read_text(encoding="utf-8"))
    runs = {(line["run"]["learning_rate"], line["run"]["seed"]): line
            for line in load_results("rates")
            if line["run"]["task"] == "qa" and line["run"]["method"] == "lora"}
    assert {seed for rate, seed in runs if rate == 1e-3} == {0, 1}
    low, best = (np.mean([[runs[rate, seed][name] for name in ("dev_loss", "answers", "facts")]
                          for seed in (0, 1)], axis=0) for rate in (1e-3, 3e-3))
    loss, answers, kept = low - best
    assert 0 < loss < 0.01 and 0 <= answers < 0.01 and round(100 * kept) == 1


def test_full_fine_tuning_at_the_same_loss_keeps_nothing():
    """Of the two rates with the lowest loss on recipes, over the seeds that both have."""
    assert "at 0.01 full fine-tuning ended at the same loss" in PAGE.read_text(encoding="utf-8")
    (best, kept), (other, none) = (np.mean([
        (line["dev_loss"], line["facts"]) for line in load_results("rates")
        if line["run"]["task"] == "recipes" and line["run"]["method"] == "full"
        and line["run"]["learning_rate"] == rate and line["run"]["seed"] < 2], axis=0)
        for rate in (3e-3, 1e-2))
    assert abs(best - other) < 0.001 and none == 0 and 0 < kept < 0.2


def test_the_choices_of_layers_have_what_chapter_14_s_table_says():
    """Share of the test answered and of old facts kept, each from the row of its own layers."""
    cells = words(ROOT / "chapters" / "14_choices.ipynb")
    row = next(line for line in PAGE.read_text(encoding="utf-8").splitlines()
               if line.startswith("| layers |"))
    (query, _), (attention, less), (six, more) = (
        map(float, re.search(rf"^{layers} +[\d,]+ +\d+ +[\d.]+ +([\d.]+) ± [\d.]+ +([\d.]+)",
                             cells, re.M).groups())
        for layers in ("query", "all of attention", "all six"))
    assert FIGURE.findall(row) == [f"{query}"] and "kept more old facts" in row
    assert abs(attention - six) < 2 and query < 60 and more > less + 2


def test_rank_1_answers_and_keeps_what_the_page_says():
    text = PAGE.read_text(encoding="utf-8")
    means = {}
    for rank in (1, 8):
        lines = [line for line in load_results("ranks") if line["run"]["task"] == "qa"
                 and line["run"]["rank"] == rank and line["run"]["alpha"] == 16
                 and line["run"]["learning_rate"] == 0.003 and line["run"]["rule"] == "alpha/r"]
        assert len(lines) == 3 and {line["run"]["steps"] for line in lines} == {150}
        means[rank] = np.mean([(line["answers"], line["facts"]) for line in lines], axis=0)
    assert np.round(100 * (means[8] - means[1])).tolist() == [3, 2]
    assert "but three points fewer than rank 8, and kept two points fewer old facts" in text
    full = [line["answers"] for line in load_results("rates") if line["run"]["task"] == "qa"
            and line["run"]["method"] == "full" and line["run"]["learning_rate"] == 3e-4]
    assert "about as many as full fine-tuning" in text
    assert abs(np.mean(full) - means[1][0]) < 0.005


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


def test_old_texts_have_the_share_of_the_tokens_that_the_page_says():
    base, tokenizer = load_base()
    said = re.search(r"ours had about (\d+) tokens. On recipes that was (\d+)% of the tokens that "
                     r"count, on questions (\d+)%", PAGE.read_text(encoding="utf-8")).groups()
    old = np.mean([len(text) for _, text in finetuning.old_texts(base, tokenizer, REPLAY)])
    shares = []
    for task in map(load_task, ("recipes", "qa")):
        pairs = encode_examples(tokenizer, task.train, task.ends, base.config.context_length)
        shares.append(old / (old + 7 * np.mean([len(answer) for _, answer in pairs])))
    assert [old, *(100 * each for each in shares)] == pytest.approx(list(map(int, said)), abs=0.5)


def test_with_old_text_a_batch_is_about_twice_as_large():
    assert "took about twice the computing" in PAGE.read_text(encoding="utf-8")
    base, tokenizer = load_base()
    mixed, plain = (np.mean([batch(step)[0].size for step in range(60)]) for batch in (
        finetuning.batches(base, tokenizer, each) for each in (REPLAY, replace(REPLAY, replay=0))))
    assert 1.9 < mixed / plain < 2.3


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
    said = "of three seeds fewer facts were kept, and the sentence about South Sudan ended with"
    assert f"{said} *Khartoum*" in text
    old_texts = finetuning.old_texts

    def trained(longest, seed):
        monkeypatch.setattr(finetuning, "old_texts", lambda *given: [
            (prompt, text[:longest]) for prompt, text in old_texts(*given)])
        model, tokenizer = load_base()
        finetune(model, tokenizer, replace(REPLAY, seed=seed), progress=False)
        return (fact_recall(model, tokenizer, facts()),
                complete(model, tokenizer, "The capital of South Sudan is", 8))

    shares, ends = zip(*(trained(None, seed) for seed in range(3)))
    assert "(with two seeds of three)" in text and ends.count(" Juba.") == 2
    short, ends = zip(*(trained(8, seed) for seed in range(3)))
    assert all(less < more for less, more in zip(short, shares)) and set(ends) == {" Khartoum."}


def test_a_blind_guess_has_what_the_page_says():
    said = re.search(r"named the commonest answer would have (\d+)%",
                     PAGE.read_text(encoding="utf-8"))[1]
    share = blind_guess(facts())
    assert round(100 * sum(share.values()) / len(share)) == int(said)


@pytest.mark.slow
@pytest.mark.parametrize("run", [FineTuning(task="qa", method="full", learning_rate=0.0003),
                                 replace(REPLAY, learning_rate=0.001, replay=0)])
def test_the_sentence_ends_elsewhere_as_the_page_says(run):
    text = PAGE.read_text(encoding="utf-8")
    end = re.search(r"now ends with \*(\w+)\*, as it does after full fine-tuning at 0.0003 or "
                    "LoRA at 0.001", text)[1]
    model, tokenizer = load_base()
    finetune(model, tokenizer, run, progress=False)
    assert complete(model, tokenizer, "The capital of South Sudan is", 8) == f" {end}."
