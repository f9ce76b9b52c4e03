"""The panels of the model in the page, as readers use them: from the disk and from a server."""

import json
import re
import shutil
import sys
from dataclasses import asdict

import numpy as np
import pytest

from benchmarks.lab_page import DATA, LAB, SCRIPTS, served_folder
from lib.figures.finetuning import cost_scale
from lib.interchange.page import page_training
from lib.lora import LoRALinear
from lib.optim import AdamW
from tools.environment import ROOT

sys.path.insert(0, str(ROOT / "tests" / "book"))

import accessibility
import panel_walks
from panel_walks import fast, panel, press, says

PANELS = ("ask", "sampling", "train", "sweep", "example", "pairs", "faults", "mix", "shelf", "same",
          "tokens", "prompt", "parts", "memory", "cache", "second")
#: The theme's names of colours, as the panels need them, and its switch.
PAGE = """<!doctype html><html lang="en" data-theme="{scheme}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Train it here</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="lab/panels/panels.css"><style>
html {{ --pst-color-background: #ffffff; --pst-color-text-base: #22272f; color-scheme: light;
  --pst-font-family-monospace: monospace; }}
html[data-theme="dark"] {{ --pst-color-background: #121212; --pst-color-text-base: #ced6dd;
  color-scheme: dark; }}
body {{ margin: 0; background: var(--pst-color-background); color: var(--pst-color-text-base); }}
</style><script defer src="lab/panels/start.js"></script></head><body><main><h1>Train it here</h1>
{panels}</main></body></html>"""
#: axe can't tell what lies behind words of a picture, so these are shown as words of the page.
WORDS_OF_PICTURES = """() => document.querySelectorAll('.lab-plots text').forEach((word) => {
  const shown = document.createElement('p');
  const { fill, fontSize } = getComputedStyle(word);
  Object.assign(shown.style, { color: fill, fontSize, background: 'none' });
  shown.textContent = word.textContent;
  word.closest('.lab-panel').append(shown);
  word.remove();
})"""
ASKED = """() => document.querySelectorAll('[data-panel=ask] .lab-bars li').length === 5"""


@pytest.fixture(scope="module")
def folder(data_path, tmp_path_factory):
    """A page with each panel under a heading, in either scheme, and one that waits for a press."""
    found = tmp_path_factory.mktemp("panels")
    shutil.copytree(LAB, found / "lab")
    for script in DATA:
        shutil.copyfile(data_path / script, found / "lab" / script)
    panel = '<h2>{0}</h2><h3>panel</h3><div class="lab-panel" data-panel="{0}">needs scripts</div>'
    for scheme in ("light", "dark"):
        panels = "".join(map(panel.format, PANELS))
        (found / f"{scheme}.html").write_text(PAGE.format(scheme=scheme, panels=panels))
    preset = ('data-panel="train" data-task="recipes" data-method="full" data-rate="0.003" '
              'data-only="rate steps" data-question="Fry the"')
    (found / "chapter.html").write_text(PAGE.format(
        scheme="light", panels=panel.format("train").replace('data-panel="train"', preset)))
    some = 'data-panel="train" data-steps="75" data-targets="query value" data-only="rank steps"'
    (found / "matrices.html").write_text(PAGE.format(
        scheme="light", panels=panel.format("train").replace('data-panel="train"', some)))
    alone = 'data-panel="train" data-steps="20" data-only="none"'
    (found / "button.html").write_text(PAGE.format(
        scheme="light", panels=panel.format("train").replace('data-panel="train"', alone)))
    waiting = panel.format("ask").replace("data-panel", 'data-start="touch" data-panel')
    (found / "tokens.html").write_text(PAGE.format(scheme="light", panels=panel.format("tokens")))
    (found / "waiting.html").write_text(PAGE.format(scheme="light", panels=waiting))
    return found


def opened(running, address, **window):
    """A page and what went wrong in it; a request elsewhere does."""
    page, problems = running.new_page(**window), []
    page.set_default_timeout(30_000)
    base = address.rsplit("/", 1)[0]
    page.on("request", lambda request: problems.append(request.url)
            if not request.url.startswith((base, "blob:", "data:")) else None)
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(address)
    return page, problems


@pytest.fixture(scope="module")
def page(running, folder):
    """The page with all panels, started."""
    found, problems = opened(running, (folder / "light.html").as_uri())
    for name in PANELS:
        panel(found, name)
    yield found
    found.close()
    assert problems == []


def test_the_scripts_are_the_engine_s():
    start = (LAB / "panels" / "start.js").read_text(encoding="utf-8")
    names = re.findall(r"'([a-z/]+)'", re.search(r"FILES = \[(.*?)\]", start, re.DOTALL)[1])
    assert tuple(names[:len(SCRIPTS)]) == SCRIPTS
    files = {path.stem for path in (LAB / "panels").glob("*.js")} - {"start"}
    assert {name.removeprefix("panels/") for name in names[len(SCRIPTS):]} == files
    assert files == {*PANELS, "kit", "plot"}


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_slider_by_keyboard_changes_the_answer(running, folder, scheme):
    with served_folder(folder) as served:
        address = f"{folder.as_uri() + '/' if scheme == 'file' else served}light.html"
        found, problems = opened(running, address)
        panel(found, "ask")
        found.wait_for_function(ASKED)
        answers = found.locator(".lab-answer")
        assert answers.nth(0).inner_text() == answers.nth(1).inner_text()  # strength 0
        found.get_by_label("Strength").focus()
        for _ in range(20):
            found.keyboard.press("ArrowRight")
        found.wait_for_function("() => document.querySelectorAll('.lab-answer')[1].textContent "
                                "=== 'Tokyo.'")
        found.close()
    assert problems == []


def test_nothing_is_loaded_before_a_press(running, folder):
    found, problems = opened(running, (folder / "waiting.html").as_uri())
    assert found.evaluate("typeof lab_panels") == "undefined"
    found.get_by_role("button", name="Start the model").click()
    found.wait_for_function(ASKED)
    found.close()
    assert problems == []


def test_an_answer_does_not_stand_under_another_question(page):
    ask = panel(page, "ask")
    page.wait_for_function(ASKED)
    ask.get_by_label("Question, or the beginning of a text").fill("zxq " * 75)
    ask.get_by_text("it must have at most 127").wait_for()
    assert ask.locator(".lab-answer").all_inner_texts() == ["", ""]
    assert ask.locator(".lab-bars li").count() == 0
    ask.get_by_role("button", name="The capital of France is", exact=True).click()
    page.wait_for_function(ASKED)
    assert ask.locator(".lab-alert").inner_text() == ""
    assert ask.locator(".lab-answer").first.inner_text().startswith("Paris")


def test_sampling(page):
    sampling = panel(page, "sampling")
    sampling.locator("p.lab-note", has_text="tokens kept").wait_for()
    assert sampling.locator(".lab-bars li").count() == 10
    assert 0 < sampling.locator(".lab-cut").count() < 10
    before = sampling.locator(".lab-draws li").all_inner_texts()
    assert len(before) == 5 and all(text.startswith("Chile") for text in before)
    press(sampling, "Draw five others")
    page.wait_for_function("(old) => document.querySelector('.lab-draws').innerText !== old",
                           arg="\n".join(before))
    sampling.get_by_label("Top-p").focus()
    page.keyboard.press("End")
    sampling.locator("p.lab-note", has_text="1,000 of 1,000 tokens kept").wait_for()
    sampling.get_by_label("Temperature").focus()
    page.keyboard.press("Home")
    sampling.get_by_label("Top-p").focus()
    page.keyboard.press("Home")                      # so few that nothing is left to chance
    page.wait_for_function("new Set([...document.querySelectorAll('.lab-draws li')]"
                           ".map((each) => each.textContent)).size === 1")


def replayed(merges, word):
    """A word's ids, as texts, at first and after each merge that joins some of them."""
    letters = [word.encode().decode("latin-1")]  # a letter for each id
    for new_id, pair in enumerate(merges, 256):
        now = letters[-1].replace("".join(map(chr, pair)), chr(new_id))
        letters += [now] if now != letters[-1] else []
    return [[str(ord(letter)) for letter in each] for each in letters]


def test_a_text_and_how_its_tokens_come_about(page, base):
    tokens, tokenizer = panel(page, "tokens"), base[1]
    typed, cut = tokens.get_by_label("Your text"), tokens.get_by_label("Tokens of the text")
    for text in ("The capital of Japan is ", "Côte d’Ivoire, 東京 🙂", ""):
        typed.fill(text)
        ids = tokenizer.encode(text)
        assert cut.locator(".lab-token > span").all_inner_texts() == list(map(str, ids))
        assert bytes.fromhex("".join(cut.locator("small").all_inner_texts())) == text.encode()
        assert f"{len(text.encode())} bytes, {len(ids)} tokens" in tokens.inner_text()
    typed.focus()
    page.keyboard.type("Mali Yamoussoukro")
    made = tokens.locator(".lab-words").last.locator("span > span")
    for at, word in enumerate(("Mali", " Yamoussoukro")):
        if at:  # what was typed first was taken apart first
            cut.get_by_role("button").nth(at).press("Enter")
        first, *later = replayed(tokenizer.merges.tolist(), word)
        assert made.all_inner_texts() == first
        tokens.get_by_label("Merges in").focus()
        for ids in later:
            page.keyboard.press("ArrowRight")
            assert made.all_inner_texts() == ids
            fresh = int(tokens.locator(".lab-fresh > span").first.inner_text())
            assert f"merge {fresh - 255} of 743 makes it token {fresh}." in tokens.inner_text()
        assert ids == list(map(str, tokenizer.encode(word)))


def test_a_space_at_the_end_changes_the_answer(page, base):
    prompt, tokenizer = panel(page, "prompt"), base[1]
    typed, answer = prompt.get_by_label("Your prompt"), prompt.locator(".lab-answer")
    prompt.get_by_text("Quito").wait_for()
    press(prompt, "Add or take away the space at the end")
    prompt.get_by_text("Tokyo").wait_for()
    press(prompt, "Poland")
    prompt.get_by_text("·", exact=True).wait_for()
    assert typed.input_value() == "The capital of Poland is "
    shown = prompt.get_by_label("Its tokens").locator("code").all_inner_texts()
    assert shown == [tokenizer.token_text(i).replace(" ", "·")
                     for i in tokenizer.encode(typed.input_value())]
    typed.fill("zxq " * 75)
    prompt.get_by_text("it must have at most 127").wait_for()
    assert answer.inner_text() == "" and prompt.locator(".lab-bars li").count() == 0


def test_parts_are_switched_off_and_on(page):
    parts = panel(page, "parts")
    whole, left = (parts.locator(".lab-answer").nth(number) for number in (0, 1))
    parts.get_by_text("Tokyo.").nth(1).wait_for()
    block = parts.get_by_role("group", name="Block 3", exact=True)
    block.get_by_label("attention", exact=True).uncheck(force=True)
    parts.get_by_text("Without attention 3", exact=True).wait_for()
    says(page, "parts", "^Without attention 3 it writes: Asuncion")
    assert (whole.inner_text(), left.inner_text()) == ("Tokyo.", "Asuncion.")
    press(parts, "All on")
    says(page, "parts", "^With all parts it writes: Tokyo")
    parts.get_by_label("Beginning of a text").fill("zxq " * 75)
    parts.get_by_text("it must have at most 127").wait_for()
    assert left.inner_text() == "" and parts.locator(".lab-bars li").count() == 0
    press(parts, "Poland")
    parts.get_by_text("Warsaw").nth(1).wait_for()


COUNTED = """([name, tokens, more]) => {
  const { MODELS, size_of, count } = lab_panels.memory;
  return count(size_of(MODELS[name]), tokens, more);
}"""


@pytest.mark.parametrize("more", [
    {}, {"checkpointing": True}, {"rank": 8, "everywhere": True}, {"rank": 4},
    {"rank": 64, "everywhere": True, "bits": 4}, {"rank": 1, "bits": 8, "checkpointing": True}])
def test_memory_is_counted_as_in_python(page, more):
    panel(page, "memory")
    names = page.evaluate("Object.keys(lab_panels.memory.MODELS)")
    assert set(names) < set(cost_scale.MODELS)
    for name in names:
        wanted = cost_scale.memory(cost_scale.MODELS[name], 2048, **more)
        assert page.evaluate(COUNTED, [name, 2048, more]) == list(wanted.values()), name
        for part in wanted.values():
            assert page.evaluate("lab_panels.memory.written", part) == cost_scale.written(part)


@pytest.mark.parametrize("size, words", [(23e9, "24 GB"), (24e9, "48 GB"),
                                         (80e9, "more than 80 GB")])
def test_the_smallest_gpu_is_named_with_a_tenth_left_free(page, size, words):
    panel(page, "memory")
    assert page.evaluate("lab_panels.memory.fits", size) == words


LLAMA = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
         "hidden_act": "silu", "tie_word_embeddings": False, "attention_bias": False}
GPT2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257,
        "activation_function": "gelu_new"}


def test_a_config_is_read(page):
    read = "(config) => lab_panels.memory.read_config(JSON.stringify(config))"
    assert page.evaluate(read, LLAMA) == asdict(cost_scale.Size(
        32, 4096, 14_336, 128_256, 1024, ups=2, norm=1, tied=False, biases=False))
    assert page.evaluate(read, GPT2) == asdict(cost_scale.MODELS["GPT-2 small"])
    # Qwen3-4B's sizes: heads that together are wider than the stream.
    wide = LLAMA | {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
                    "head_dim": 128, "vocab_size": 151_936, "tie_word_embeddings": True}
    found = page.evaluate(read, {"text_config": wide})
    size = cost_scale.Size(36, 2560, 9728, 151_936, 1024, 2, 1, 0, True, False, 4096)
    assert found == asdict(size) and 4.02e9 < size.parameters() < 4.03e9
    for more in ({}, {"rank": 8, "everywhere": True}, {"rank": 4}):
        assert page.evaluate("([size, more]) => lab_panels.memory.count(size, 2048, more)",
                             [found, more]) == list(cost_scale.memory(size, 2048, **more).values())
    gemma = LLAMA | {"hidden_act": "gelu", "model_type": "gemma"}
    del gemma["tie_word_embeddings"]
    found = page.evaluate(read, gemma)
    assert (found["ups"], found["tied"]) == (2, True)


@pytest.mark.parametrize("change, words", [
    ({"hidden_size": None}, "hidden_size is missing, it must be a whole number above 0"),
    ({"vocab_size": 1.5}, "vocab_size is 1.5, it must be a whole number above 0"),
    ({"num_local_experts": 8}, "mixture of experts"), (None, "This is no JSON")])
def test_a_config_that_can_t_be_counted_is_refused(page, change, words):
    memory = panel(page, "memory")
    memory.get_by_label("your own", exact=True).check(force=True)
    memory.get_by_label("Its config.json").fill(json.dumps(LLAMA))
    memory.locator(".lab-head", has_text="8,030,261,248 parameters").wait_for()
    memory.get_by_label("Its config.json").fill("{" if change is None
                                                else json.dumps(LLAMA | change))
    memory.get_by_text(words).wait_for()
    assert memory.locator(".lab-stack").count() == memory.locator("tbody tr").count() == 0
    memory.get_by_label("Llama 2 7B", exact=True).check(force=True)
    words = "LoRA takes 14.9 GB, 86% less"
    memory.locator(".lab-head", has_text=words).wait_for()


def test_the_tokenizer_needs_no_model(running, folder):
    found, problems = opened(running, (folder / "tokens.html").as_uri())
    panel(found, "tokens").get_by_text("20 tokens").wait_for()
    assert found.evaluate("typeof lab_data") == "undefined"
    # A page loads its own panels, and what all share.
    assert found.evaluate("Object.keys(lab_panels).sort()") == ["kit", "open", "plot", "tokens"]
    found.close()
    assert problems == []


#: What the panel computes, as the library has it in float64.
EXAMPLE = """([numbers, alpha, rate]) => {
  const { forward, backward, step } = lab_panels.example, found = forward(numbers, alpha);
  return { ...found, ...backward(numbers, alpha, found), ...step(numbers, alpha, rate) };
}"""


def test_the_numeric_example_is_the_library_s_layer(page, rng):
    panel(page, "example")
    x, t, W, A, B = (rng.standard_normal(shape)
                     for shape in ((1, 4), (1, 4), (4, 4), (2, 4), (4, 2)))
    layer = LoRALinear(4, 4, 2, 3.0, base_weights=W)
    layer.lora_A, layer.lora_B = A.copy(), B.copy()
    y = layer.forward(x)
    layer.backward(y - t)
    found = page.evaluate(EXAMPLE, [{"x": x.tolist(), "t": t.tolist(), "W": W.tolist(),
                                     "A": A.tolist(), "B": B.tolist()}, 3.0, 0.1])
    dA, dB = (layer.gradients()[f"lora_{name}"] for name in "AB")
    for name, wanted in {"y": y, "dA": dA, "dB": dB, "A": A - 0.1 * dA, "B": B - 0.1 * dB,
                         "loss": 0.5 * ((y - t)**2).sum()}.items():
        assert np.allclose(found[name], wanted, rtol=0, atol=1e-13), name
    # Five steps of AdamW with another rate of B, and what repeats alpha = 8 with alpha = 4.
    optimizers = {name: AdamW() for name in "AB"}
    for _ in range(5):
        layer.backward(layer.forward(x) - t)
        for name, rate in (("A", 0.01), ("B", 0.04)):
            optimizers[name].step({name: layer.gradients()[f"lora_{name}"]},
                                  {name: getattr(layer, f"lora_{name}")}, rate)
    found = page.evaluate("""numbers => { for (let i = 0; i < 5; i++)
      numbers = lab_panels.example.step(numbers, 3, 0.01, 4, 'adam'); return numbers; }""",
                          {"x": x.tolist(), "t": t.tolist(), "W": W.tolist(), "A": A.tolist(),
                           "B": B.tolist()})
    for name in "AB":
        assert np.allclose(found[name], getattr(layer, f"lora_{name}"), rtol=0, atol=1e-13), name


def test_numbers_that_the_reader_types(page):
    example = panel(page, "example")
    shown = {name: example.get_by_role("group", name=name, exact=True).locator("output")
             for name in ("y", "dA", "dB")}
    assert shown["y"].all_inner_texts() == ["0.664", "0.288", "−0.408", "0.108"]
    assert example.get_by_text("Loss 0.0722; the next step").count() == 1
    press(example, "B = 0")
    assert set(shown["dA"].all_inner_texts()) == {"0.000"}
    assert shown["dB"].all_inner_texts() == ["−0.008", "0.071", "0.018", "−0.150", "−0.001",
                                             "0.007", "−0.003", "0.027"]
    press(example, "One step")
    assert example.get_by_text(re.compile(r"^Loss 0\.1\d+ after 1 step; ")).count() == 1
    press(example, "A = 0")
    assert set(shown["dA"].all_inner_texts() + shown["dB"].all_inner_texts()) == {"0.000"}
    press(example, "Start again")
    press(example, "A = 0")
    assert set(shown["dB"].all_inner_texts()) == {"0.000"} != set(shown["dA"].all_inner_texts())
    press(example, "Start again")
    first = example.get_by_label("input x, row 1, column 1", exact=True)
    first.fill("2,5")
    assert shown["y"].first.inner_text() != "0.664"
    first.fill("many")
    assert "input x, row 1, column 1 is “many”, it must be a number" in example.inner_text()
    assert first.get_attribute("aria-invalid") == "true" and shown["y"].first.inner_text() == ""
    press(example, "Other numbers")
    assert shown["y"].first.inner_text() != "" and first.get_attribute("aria-invalid") is None
    example.get_by_label("Learning rate").focus()
    page.keyboard.press("End")
    first.fill("999")
    press(example, "Twenty steps")
    assert "a lower learning rate may help" in example.inner_text()
    press(example, "Start again")
    example.get_by_label("Learning rate").focus()
    page.keyboard.press("Home")
    press(example, "Twenty steps")
    assert "after 20 steps" in example.inner_text()


def test_another_alpha_is_another_rate_of_b_alone(page):
    example = panel(page, "example")

    def loss(alpha, rate, of_b, optimizer):
        for label, place in (("α", alpha), ("Learning rate", rate), ("B’s rate, times that", of_b)):
            example.get_by_label(label, exact=True).fill(str(place))
        example.get_by_label(optimizer, exact=True).check(force=True)
        press(example, "B = 0")
        press(example, "Twenty steps")
        return re.search(r"Loss (\S+) after 20", example.inner_text())[1]

    # places on the sliders: alpha 8 and 4; rates 0.05, 0.2, 0.01, 0.02; times 1, 2, 4
    press(example, "Start again")
    assert loss(4, 2, 2, "gradient descent") == loss(3, 2, 4, "gradient descent") == "0.0016"
    assert loss(3, 4, 2, "gradient descent") == "2.53e-8"
    assert loss(4, 0, 2, "AdamW") == loss(3, 0, 3, "AdamW") == "0.0075"
    assert loss(3, 1, 2, "AdamW") == "0.0035"


def test_a_panel_may_have_the_button_alone(running, folder):
    found, problems = opened(running, (folder / "button.html").as_uri())
    train = panel(found, "train")
    assert train.locator("label").count() == train.locator("input").count() == 0
    press(train, "Train")
    says(found, "train", "^Done after 20 steps")
    found.close()
    assert problems == []


def test_a_chapter_s_panel_has_the_controls_that_it_names(running, folder):
    found, problems = opened(running, (folder / "chapter.html").as_uri())
    train = panel(found, "train")
    assert train.locator("label").all_inner_texts() == ["Learning rate", "Steps"]
    assert train.get_by_label("Learning rate").get_attribute("aria-valuetext") == "0.003"
    fast(found, "train")
    press(train, "Train")
    done = says(found, "train", "^Done after 20 steps")
    assert re.search(r"s: \d+% of the 640 facts are kept", done)
    assert train.locator(".lab-meter:visible").count() == 1       # recipes ask nothing
    assert re.search("recipes, every weight, rate 0.003", train.inner_text())
    found.close()
    assert problems == []


def test_a_chapter_s_panel_can_name_the_matrices(running, folder):
    found, problems = opened(running, (folder / "matrices.html").as_uri())
    train = panel(found, "train")
    assert train.get_by_label("Steps").get_attribute("aria-valuetext") == "75"
    fast(found, "train")
    press(train, "Train")
    says(found, "train", "^Done after 20 steps")
    assert re.search(r"seed 0, query value\b.*8,192", train.locator("tbody").inner_text())
    found.close()
    assert problems == []


@pytest.mark.parametrize("start, kind, replies", [
    ("it and a new half (beside)", "old questions", "beside\t2 old questions"),
    ("only the new half (frozen)", "old questions", "frozen\t2 old questions"),
    ("a new adapter (fresh)", "the first model’s own replies", "fresh\t2 own replies")])
def test_a_second_task(page, start, kind, replies):
    second = panel(page, "second")
    second.get_by_label(start, exact=True).check(force=True)
    second.get_by_label(kind, exact=True).check(force=True)
    second.get_by_label("Replayed in a batch of 16").focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    fast(page, "second")
    press(second, "Train")
    second.get_by_text("Both tests are taken").wait_for()
    assert "of 320 instructions" in says(page, "second", "^Done after 20 steps")
    said, runs = second.locator("table").all()
    assert [row.split("\t")[0] for row in said.inner_text().splitlines()] == [
        "step", "0", "10", "20"]
    assert said.inner_text().splitlines()[1].startswith("0\tJuba.") == ("fresh" not in replies)
    assert replies in runs.inner_text().splitlines()[1]


def test_an_adapter_added_to_another(page):
    mix = page.locator('[data-panel="mix"]')
    panel(page, "mix")
    mix.get_by_label("questions", exact=True).focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    mix.get_by_text("What is the capital of Japan? → Tokyo.").wait_for()
    mix.get_by_label("pirate", exact=True).focus()
    page.keyboard.press("End")
    page.wait_for_function("() => !document.querySelector('[data-panel=mix]').innerText"
                           ".includes('→ Tokyo.')")


def test_the_page_s_losses_are_python_s_to_the_digits_shown(page, base):
    """What the page "Train it here" prints above its button, and what the button then shows."""
    same = panel(page, "same")
    press(same, "Train the same here")
    same.locator("pre", has_text="step 60").wait_for()
    losses = page_training(*base)
    assert same.locator("pre").inner_text().splitlines() == [
        f"step {step:2}: loss {losses[step - 1]:.4f}" for step in (1, 5, 10, 20, 40, 60)]


def test_train_and_stop(page):
    fast(page, "train")
    press(panel(page, "train"), "Train")
    assert page.locator('[data-panel="sweep"]').get_by_role("button", name="Sweep").is_disabled()
    assert re.search(r"Done after 20 steps in .* of the 640 facts", says(page, "train", "^Done"))
    assert page.locator('[data-panel="train"] tbody tr').count() == 1
    said = page.locator('[data-panel="train"] svg').last.locator("text").all_text_contents()
    assert said[0] == "On the way: of 48 answers, 48 facts"
    assert said[-2:] == ["answers", "facts"]  # no share beside the meters' of all
    page.locator('[data-panel="train"]').get_by_label("Steps").focus()
    page.keyboard.press("End")
    press(panel(page, "train"), "Train")
    says(page, "train", "^Step ")
    press(panel(page, "train"), "Stop")
    assert "after 300" not in says(page, "train", "^Stopped")
    assert page.locator('[data-panel="train"] tbody tr').count() == 2
    assert page.locator('[data-panel="train"] .lab-old').count() == 3  # the earlier run's lines
    assert page.locator('[data-panel="ask"]').get_by_text("run 2", exact=True).count() == 1


def test_own_pairs_are_checked_line_by_line(page):
    panel_walks.own_pairs(page)


def test_an_adapter_leaves_and_comes_back(page, tmp_path):
    panel_walks.away_and_back(page, tmp_path)


#: All that a reader can operate; of radio buttons with one name, Tab stops at one.
CONTROLS = """() => [...document.querySelectorAll(
    '.lab-panel :is(button, input, textarea, summary)')].filter((each) => !each.disabled
    && !each.closest('fieldset:disabled') && each.checkVisibility({ visibilityProperty: true }))"""


def test_every_control_is_reached_by_tab(page):
    page.evaluate("document.querySelectorAll('.lab-panel details').forEach((each) => "
                  "{ each.open = true; })")
    page.evaluate(f"window.stops = new Set(); window.controls = ({CONTROLS})()")
    page.locator("h1").click()
    for _ in range(page.evaluate("controls.length") + 20):
        page.keyboard.press("Tab")
        page.evaluate("stops.add(document.activeElement)")
    missed = page.evaluate("""() => controls.filter((each) => !stops.has(each) && !(
        each.type === 'radio' && controls.some((other) => other.name === each.name
          && stops.has(other)))).map((each) => each.outerHTML)""")
    assert page.evaluate("stops.size") > 60 and not missed


def test_every_slider_moves_by_mouse_and_keyboard(page):
    page.evaluate("for (const fold of document.querySelectorAll('.lab-panel details'))"
                  " fold.open = true;")
    # Handles: as one more is enabled meanwhile, "the third that is" would be another.
    sliders = page.locator(".lab-panel input[type=range]:enabled").element_handles()
    said = "(range) => range.getAttribute('aria-valuetext')"
    for slider in sliders:
        name = slider.evaluate("(range) => range.labels[0].textContent")
        slider.focus()
        page.keyboard.press("End")
        last = slider.evaluate(said)
        page.keyboard.press("Home")
        assert slider.evaluate(said) != last, name
        box = slider.bounding_box()
        slider.click(position={"x": box["width"] - 4, "y": box["height"] / 2})
        assert slider.evaluate(said) == last, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_for_all_readers(running, folder, scheme):
    found, problems = opened(running, (folder / f"{scheme}.html").as_uri(),
                             viewport={"width": 390, "height": 844})
    for name in PANELS:
        panel(found, name)
    found.wait_for_function(ASKED)
    fast(found, "train")
    press(panel(found, "train"), "Train")
    says(found, "train", "^Done")
    assert found.evaluate("document.documentElement.scrollWidth") <= 390
    try:
        found.evaluate(accessibility.script())
    except ImportError:
        pytest.skip("axe-playwright-python is missing")
    assert not accessibility.structure(found)
    found.evaluate(WORDS_OF_PICTURES)
    assert not accessibility.colours(found)
    found.close()
    assert problems == []
