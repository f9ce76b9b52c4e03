"""window.lab, the model behind the page: asking, training, adapters, refusals; from the disk."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from engine import Engine

from benchmarks.lab_page import served_folder, write_page
from lib.adapters import attach_adapters, load_adapters, set_adapter_strength
from lib.corpus import facts, load_task
from lib.evaluation import encode_examples, exact_matches, fact_recall
from lib.generation import complete, next_token_probabilities, start_of_text
from lib.interchange import safetensors
from lib.interchange.page import as_it_travels, from_int8_bytes, int8_bytes
from lib.lora import TARGETS
from lib.pretraining import BASE

PROMPTS = ("Q: What is the capital of Peru?\nA:", "The capital of France is",
           "Q: What language do people speak in Kenya?\nA:", "One morning")
ASK = """([prompts, settings]) => Promise.all(prompts.map((prompt) => lab.ask(prompt, settings)))"""


@pytest.fixture(scope="module")
def shipped(base):
    """The base and its tokenizer as they travel: every matrix through int8."""
    model, tokenizer = base
    return as_it_travels(model), tokenizer


@pytest.fixture(scope="module")
def trained(page):
    """A training with the settings that a reader finds, kept in the page as `trained`."""
    return page.evaluate("""async () => {
        const steps = [];
        window.trained = await lab.train({}, (step) => steps.push(step));
        const { adapter, ...rest } = window.trained;
        return { ...rest, steps, kind: adapter.kind, names: Object.keys(adapter.arrays) };
    }""")


@pytest.fixture
def fresh(page):
    """The page with no adapter in use."""
    page.evaluate("lab.use(null)")
    return page


def taken_away(page, tmp_path):
    """The trained adapter as a file that the page wrote, for the library."""
    text = page.evaluate("""() => {
        const bytes = lab.save(trained.adapter);
        return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''));
    }""")
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(base64.b64decode(text))
    return path


def refused(page, code):
    """The message of the Error with which the page's code ends."""
    return page.evaluate(f"""async () => {{
        try {{ await {code}; }} catch (error) {{
          if (!(error instanceof Error)) throw new Error('no Error: ' + error);
          return error.message;
        }}
        throw new Error('not refused');
    }}""")


def test_ready(page):
    found = page.evaluate("""lab.ready.then(({ adapters, ...rest }) => ({ ...rest,
        adapters: Object.entries(adapters).map(([name, { rank, arrays }]) =>
          [name, rank, Object.keys(arrays).length]) }))""")
    assert found == {"kernels": "wasm", "bits": [16, 8, 4],
                     "tasks": ["qa", "pirate", "recipes", "instructions"],
                     "adapters": [["qa", 4, 24], ["pirate", 4, 24]]}


def test_the_base_answers_as_the_library_does(fresh, shipped):
    model, tokenizer = shipped
    for prompt, found in zip(PROMPTS, fresh.evaluate(ASK, [PROMPTS, {"n": 16}])):
        assert found["text"] == complete(model, tokenizer, prompt, 16)
        logits = model.forward(np.array([start_of_text(tokenizer, prompt)]), training=False)[0, -1]
        chances = next_token_probabilities(logits)
        best = np.argsort(-chances)[:5]
        assert [token for token, _ in found["top"]] == [tokenizer.token_text(i) for i in best]
        assert np.allclose([chance for _, chance in found["top"]], chances[best], atol=1e-5)


def test_drawn_answers_depend_on_the_seed_alone(fresh):
    settings = {"n": 20, "temperature": 1, "topP": 0.9}
    ask = [fresh.evaluate(ASK, [PROMPTS[3:], {**settings, "seed": seed}]) for seed in (1, 2, 1)]
    assert ask[0] == ask[2] and ask[0][0]["text"] != ask[1][0]["text"]


def test_sixty_steps_answer_nine_of_ten_questions(trained):
    print(f"held-out {trained['heldOut']:.3f}, facts kept {trained['factsKept']:.3f}, loss "
          f"{trained['losses'][0]:.3f} to {trained['losses'][-1]:.4f}, {trained['seconds']:.1f} s")
    assert trained["kind"] == "lora" and not trained["stopped"]
    assert len(trained["losses"]) == 60 and len(trained["names"]) == 2 * 24
    assert [each["step"] for each in trained["steps"]] == list(range(1, 61))
    assert [each["loss"] for each in trained["steps"]] == trained["losses"]
    assert trained["heldOut"] >= 0.9


def test_the_adapter_answers_the_same_in_the_library(page, trained, shipped, tmp_path):
    adapters = safetensors.load_adapters(taken_away(page, tmp_path))
    assert set(adapters.arrays) == set(trained["names"])
    model, tokenizer = attach_adapters(shipped[0].copy(), adapters), shipped[1]
    test = encode_examples(tokenizer, load_task("qa").test)
    right, kept = exact_matches(model, test).mean(), fact_recall(model, tokenizer, facts())
    print(f"held-out {right:.4f} in the library, {trained['heldOut']:.4f} in the page; facts "
          f"{kept:.4f} and {trained['factsKept']:.4f}")
    # An answer whose two likeliest tokens are equal to six digits may turn out either way.
    assert abs(right - trained["heldOut"]) <= 1 / len(test)
    assert abs(kept - trained["factsKept"]) <= 1 / 640
    page.evaluate("lab.use(trained.adapter)")
    for strength in (0.5, 1, 1.5):
        set_adapter_strength(model, strength)
        found = page.evaluate(ASK, [PROMPTS, {"n": 12, "strength": strength}])
        assert [each["text"] for each in found] == [complete(model, tokenizer, prompt, 12)
                                                    for prompt in PROMPTS]


def test_strength_0_gives_the_base_s_answers(page, trained):
    page.evaluate("lab.use(trained.adapter)")
    off, on = (page.evaluate(ASK, [PROMPTS, {"strength": strength}]) for strength in (0, 1))
    page.evaluate("lab.use(null)")
    assert off == page.evaluate(ASK, [PROMPTS, {}])
    assert off != on


def without(model, kind, block, head=None):
    """A copy of the library's model in which one part adds nothing."""
    copy = model.copy()
    layer = copy.transformer_stack.layers[block - 1]
    if kind == "feed-forward":
        layer.feed_forward.down_linear.weights[...] = 0
    else:  # a head owns as many columns of the output matrix as it gathers numbers
        columns = slice(None) if head is None else slice(32 * (head - 1), 32 * head)
        layer.self_attention.output_linear.weights[:, columns] = 0
    return copy


@pytest.mark.parametrize("name", ["attention 1", "attention 4", "feed-forward 2", "feed-forward 4",
                                  "head 1.1", "head 3.4"])
def test_a_part_that_is_off_adds_nothing(fresh, shipped, name):
    model, tokenizer = shipped
    kind, number = name.split()
    cut = without(model, kind, *map(int, number.split(".")))
    whole = fresh.evaluate(ASK, [PROMPTS, {"n": 12}])
    found = fresh.evaluate(ASK, [PROMPTS, {"n": 12, "off": [name]}])
    for prompt, each in zip(PROMPTS, found, strict=True):
        assert each["text"] == complete(cut, tokenizer, prompt, 12)
        logits = cut.forward(np.array([start_of_text(tokenizer, prompt)]), training=False)[0, -1]
        best = np.sort(next_token_probabilities(logits))[::-1][:5]
        assert np.allclose([chance for _, chance in each["top"]], best, atol=1e-5)
    assert found != whole == fresh.evaluate(ASK, [PROMPTS, {"n": 12}])


def test_fewer_directions(page, trained):
    """Of rank 4, all four directions say what the adapter says; one says something else."""
    page.evaluate("lab.use(trained.adapter)")
    whole = page.evaluate(ASK, [PROMPTS, {}])
    tops = {rank: page.evaluate(ASK, [PROMPTS[:1], {"rank": rank}])[0]["top"] for rank in (1, 3, 4)}
    assert np.allclose([chance for _, chance in tops[4]], [chance for _, chance in whole[0]["top"]],
                       atol=1e-4)
    assert abs(tops[1][0][1] - tops[4][0][1]) > 0.01
    assert "rank is 5, it must be at most 4" in refused(page, "lab.ask('a', {rank: 5})")


def test_the_library_s_adapter_in_the_page(fresh, shipped, tmp_path):
    model, tokenizer = shipped
    adapted = attach_adapters(model.copy(), load_adapters(BASE.with_name("qa-lora.npz")))
    path = tmp_path / "qa.safetensors"
    safetensors.save_adapters(adapted, path)
    found = fresh.evaluate("""async ([text, prompts]) => {
        await lab.use(lab.load(lab_parts.quantise({}).bytes_of(text)));
        return Promise.all(prompts.map((prompt) => lab.ask(prompt, { n: 12 })));
    }""", [base64.b64encode(path.read_bytes()).decode(), PROMPTS])
    assert [each["text"] for each in found] == [complete(adapted, tokenizer, prompt, 12)
                                                for prompt in PROMPTS]


def test_the_shipped_adapters_answer_as_the_library_s(fresh, shipped):
    """They travel as int8, like the base."""
    model, tokenizer = shipped
    adapters = load_adapters(BASE.with_name("qa-lora.npz"))
    adapted = attach_adapters(model.copy(), replace(adapters, arrays={
        name: from_int8_bytes(int8_bytes(array), array.shape)
        for name, array in adapters.arrays.items()}))
    found = fresh.evaluate("""async ([prompts]) => {
        await lab.use((await lab.ready).adapters.qa);
        return Promise.all(prompts.map((prompt) => lab.ask(prompt, { n: 12 })));
    }""", [PROMPTS])
    assert [each["text"] for each in found] == [complete(adapted, tokenizer, prompt, 12)
                                                for prompt in PROMPTS]


def test_a_mixture_is_the_sum_of_its_parts(fresh):
    """An adapter mixed with itself in two halves is the adapter; with nothing of it, the base."""
    mixed, alone, none, plain = fresh.evaluate("""async (prompt) => {
        const { qa, pirate } = (await lab.ready).adapters, found = [];
        for (const adapter of [lab.mix([[qa, 0.25], [qa, 0.75], [pirate, 0]]), qa,
          lab.mix([[qa, 0]]), null]) {
          await lab.use(adapter);
          found.push((await lab.ask(prompt, { n: 8 })).top);
        }
        return found;
    }""", PROMPTS[0])
    for some, others in ((mixed, alone), (none, plain)):
        assert [token for token, _ in some] == [token for token, _ in others]
        assert np.allclose([chance for _, chance in some], [chance for _, chance in others],
                           atol=1e-5)
    assert alone != plain


def test_tokens_and_scores(fresh, shipped):
    tokenizer = shipped[1]
    assert fresh.evaluate("lab.tokens(' harbour')") == [
        tokenizer.decode([each]) for each in tokenizer.encode(" harbour")]
    found = fresh.evaluate("lab.score({ task: 'qa' })")
    assert found["heldOut"] == 0 and found["factsKept"] > 0.95


@pytest.mark.parametrize("init, moves", [("B zero", True), ("both zero", False),
                                         ("both random", True)])
def test_how_an_adapter_starts(fresh, init, moves):
    found = fresh.evaluate("""(init) => lab.train({ steps: 2, init, measureEvery: 1, score: false })
        .then(({ losses, adapter }) => [losses, Object.values(adapter.arrays).some(({ numbers }) =>
          numbers.some((x) => x !== 0))])""", init)
    standard = fresh.evaluate("lab.train({ steps: 1, score: false }).then((run) => run.losses)")
    assert found[1] == moves
    assert (found[0][0] == standard[0]) == (init != "both random")  # BA is zero at first


@pytest.mark.parametrize("rank", [4, 8])
def test_a_training_goes_on_with_an_adapter(fresh, rank):
    # Before it has moved anything, it is that adapter, also with a new half beside it.
    score, after, wide = fresh.evaluate("""async (rank) => {
        const { adapters } = await lab.ready;
        await lab.use(adapters.qa);
        const before = await lab.score({ task: 'qa' });
        const { adapter } = await lab.train({ from: adapters.qa, rank, steps: 1, learningRate: 0,
          task: 'instructions', score: false });
        const name = Object.keys(adapter.arrays).find((each) => each.endsWith('lora_B'));
        return [before.heldOut, (await lab.score({ task: 'qa' })).heldOut,
          [adapter.rank, adapter.alpha, adapter.targets.length, ...adapter.arrays[name].shape]];
    }""", rank)
    assert score == after > 0.8 and wide == [rank, 2 * rank, 3, 128, rank]


def test_an_adapter_is_frozen_under_a_new_half(fresh):
    # Its numbers stay, to the bit, while the new half learns.
    old, new = fresh.evaluate("""async () => {
        const first = (await lab.ready).adapters.qa, { rank } = first;
        const { adapter } = await lab.train({ from: first, rank: 2 * rank, freeze: true, steps: 3,
          score: false });
        const moved = [false, false];                                   // the old half, the new one
        for (const [name, { shape, numbers }] of Object.entries(first.arrays)) {
          const after = adapter.arrays[name], [rows, columns] = after.shape;
          const in_A = name.endsWith('lora_A');
          after.numbers.forEach((number, i) => {
            const row = Math.floor(i / columns), column = i % columns;
            if ((in_A ? row : column) >= rank) moved[1] ||= !in_A && number !== 0;
            else moved[0] ||= number !== numbers[row * shape[1] + column];
          });
        }
        return moved;
    }""")
    assert new and not old


def test_the_same_seed_gives_the_same_losses(fresh):
    losses = [fresh.evaluate("(seed) => lab.train({ steps: 3, seed, score: false })"
                             ".then((run) => run.losses)", seed) for seed in (5, 5, 6)]
    assert losses[0] == losses[1] != losses[2]


def test_two_workers_give_the_losses_of_one(fresh):
    """To the last bit: a batch is cut in two whoever computes it."""
    for settings in ({"steps": 4}, {"steps": 3, "method": "full", "score": False},
                     {"steps": 2, "bits": 4, "score": False}):
        one, two = (fresh.evaluate("""(settings) => lab.train(settings).then(
            ({ losses, workers, heldOut, factsKept }) => [losses, workers, heldOut, factsKept])""",
                                   {**settings, "workers": workers}) for workers in (1, 2))
        assert (one[1], two[1]) == (1, 2)
        assert one[0] == two[0] and one[2:] == two[2:]


def test_sixteen_bits_are_loaded_when_they_are_chosen(fresh, base):
    assert fresh.evaluate("typeof lab_float16") == "undefined"
    found = fresh.evaluate("""async (prompts) => {
        const run = await lab.train({ bits: 16, steps: 2, score: false });
        const answers = await Promise.all(prompts.map((prompt) =>
          lab.ask(prompt, { strength: 0, n: 12 })));
        await lab.use(null);
        return { bits: run.adapter.bits, workers: run.workers, losses: run.losses, answers };
    }""", PROMPTS)
    assert found["bits"] == 16 and fresh.evaluate("typeof lab_float16") == "object"
    model, tokenizer = base
    assert [each["text"] for each in found["answers"]] == [complete(model, tokenizer, prompt, 12)
                                                           for prompt in PROMPTS]


def test_what_a_draw_draws_from(fresh, shipped):
    model, tokenizer = shipped
    ids = np.array([start_of_text(tokenizer, "Chile")])
    logits = model.forward(ids, training=False)[0, -1]
    for temperature, top_p in ((1, 0.95), (2, 1), (0.5, 0.4)):
        warm = next_token_probabilities(logits, temperature)
        cut = next_token_probabilities(logits, temperature, top_p=top_p)
        found = fresh.evaluate("(settings) => lab.next('Chile', settings)",
                               {"temperature": temperature, "topP": top_p})
        order = np.argsort(-warm)[:10]
        assert [token for token, *_ in found["top"]] == [tokenizer.decode([i]) for i in order]
        for at, wanted in ((1, warm), (2, cut)):
            assert np.allclose([each[at] for each in found["top"]], wanted[order], atol=1e-4)
        assert found["kept"] == (cut > 0).sum()
        assert abs(found["entropy"] + (cut[cut > 0] * np.log(cut[cut > 0])).sum()) < 1e-3


def test_a_training_can_be_stopped_asked_and_not_doubled(fresh):
    found = fresh.evaluate("""async () => {
        const said = (promise) => promise.then(() => 'not refused', (error) => error.message);
        let meanwhile, number = 0;
        const run = await lab.train({ steps: 500, score: false }, ({ step }) => {
          number = step;
          if (step === 2) meanwhile = Promise.all([said(lab.train({})), said(lab.use(null)),
            said(lab.ask('a', { rank: 1 })),
            lab.ask('The capital of France is', { n: 3, strength: 0 })]);
          if (step === 3) lab.stop();
        });
        return { run: { ...run, adapter: 0 }, number, meanwhile: await meanwhile };
    }""")
    run, (twice, use, rank, answer) = found["run"], found["meanwhile"]
    alone = fresh.evaluate("lab.train({ steps: 500, score: false },"
                           " ({ step }) => step === 3 && lab.stop())"
                           ".then((run) => run.losses)")
    both = min(len(alone), len(run["losses"]))
    assert alone[:both] == run["losses"][:both]      # the question at strength 0 left no trace
    assert run["stopped"] and 3 <= len(run["losses"]) == found["number"] < 200
    for message in (twice, use, rank):
        assert "has to wait: a training is running, stop it first" in message
    assert answer["text"] and len(answer["top"]) == 5


def test_own_questions(fresh):
    found = fresh.evaluate("""async () => {
        const pairs = [['Q: Who?\\nA:', ' Nobody.'], ['Q: Where?\\nA:', ' Nowhere.']];
        const run = await lab.train({ pairs, steps: 30, batch: 2, score: false });
        return [run.heldOut, run.losses, (await lab.ask('Q: Who?\\nA:')).text,
          (await lab.ask('Q: Where?\\nA:')).text];
    }""")
    assert found[0] is None and found[1][-1] < 0.2 < found[1][0]
    assert found[2:] == [" Nobody.", " Nowhere."]


def test_full_fine_tuning_and_its_strength(fresh):
    plain = fresh.evaluate(ASK, [PROMPTS, {}])
    found = fresh.evaluate("""async () => {
        window.full = (await lab.train({ method: 'full', learningRate: 1e-3, steps: 12,
          score: false })).adapter;
        return Object.keys(full.arrays).length;
    }""")
    tuned, off = (fresh.evaluate(ASK, [PROMPTS, {"strength": strength}]) for strength in (1, 0))
    assert found == 44 and tuned != plain and off == plain
    again = fresh.evaluate("""async (prompts) => {
        await lab.use(null);
        await lab.use(lab.load(lab.save(full)));
        return Promise.all(prompts.map((prompt) => lab.ask(prompt)));
    }""", PROMPTS)
    assert again == tuned


@pytest.mark.parametrize("settings", [{"method": "full"}, {"rank": 64, "targets": TARGETS}],
                         ids=["full", "lora"])
def test_the_largest_batch_fits_the_memory(fresh, settings):
    """Sixteen rows of 64 tokens, of which all but one carry a loss."""
    found = Engine(fresh).run("""
        const pairs = Array.from({ length: 16 }, (_, i) => ['a', ' b'.repeat(90)]);
        const own = new E.Lab({ ...lab_data, facts: lab_data.facts.slice(0, 1) });
        const run = await own.train({ ...given.settings, pairs, batch: 16, steps: 1 }, () => {},
          () => {});
        return [run.losses.length, E.peak_megabytes()];""", settings=settings)
    print(f"{found[1]:.0f} MB")
    assert found[0] == 1 and 40 < found[1] < 128


def test_training_through_four_bits(fresh):
    plain = fresh.evaluate(ASK, [PROMPTS, {}])
    found = fresh.evaluate("""async () => {
        const run = await lab.train({ bits: 4, steps: 8, score: false });
        const base = await lab.ask('One morning', { strength: 0 });
        await lab.use(null);
        return { bits: run.adapter.bits, losses: run.losses, base };
    }""")
    assert found["bits"] == 4 and found["losses"][-1] < found["losses"][0]
    assert found["base"]["top"] != plain[3]["top"]       # the base was another while it trained
    assert fresh.evaluate(ASK, [PROMPTS, {}]) == plain


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_training_that_breaks_ends_in_words_and_leaves_the_base(fresh, method):
    plain = fresh.evaluate(ASK, [PROMPTS[:1], {}])[0]
    message, losses, answer = Engine(fresh).run("""
        const own = new E.Lab(lab_data), losses = [];
        const report = ({ loss }) => {
          losses.push(loss);
          own.model.final_norm.gamma.numbers[3] = NaN;
        };
        const message = await own.train({ method: given.method, steps: 9 }, report, () => {})
          .then(() => 'not refused', (error) => error.message);
        return [message, losses, own.ask(given.prompt, {})];""", prompt=PROMPTS[0], method=method)
    assert "the loss is NaN: a lower learning rate may help" in message
    assert len(losses) == 1 and answer == plain


@pytest.mark.parametrize("code, words", [
    ("lab.ask(3)", "prompt is 3, it must be a text"),
    ("lab.ask('a', {strength: NaN})", "strength is NaN, it must be a number from -10 to 10"),
    ("lab.ask('a', {rank: 0})", "rank is 0, it must be a whole number from 1 to 64"),
    ("lab.ask('a', {rank: 2})", "rank is 2, but no adapter is in use"),
    ("lab.ask('a', {off: ['head 1.5']})", "off is [\"head 1.5\"], it must be a list of names from"),
    ("lab.ask('a', {off: 'head 1.1'})", "off is \"head 1.1\", it must be a list of names from"),
    ("lab.ask('a', {n: 1.5})", "n is 1.5, it must be a whole number from 1 to 127"),
    ("lab.ask('a', {topP: 0})", "topP is 0, it must be above 0 and at most 1"),
    ("lab.ask('a', {temperature: '1'})", "temperature is \"1\", it must be a number from 0"),
    ("lab.next('a', {temperature: 0})", "temperature is 0, it must be a number from 0.001 to 100"),
    ("lab.ask('a', {seed: -1})", "seed is -1, it must be a whole number from 0"),
    ("lab.ask('a', {top_p: 1})", "there is no setting top_p: allowed are strength, rank, n"),
    ("lab.ask('a\\ud800')", "half of a surrogate pair"),
    ("lab.ask('a '.repeat(200))", "it must have at most 127"),
    ("lab.train({task: 'shout'})", "task is \"shout\", it must be one of qa, pirate, recipes,"),
    ("lab.train({method: 'dora'})", "method is \"dora\", it must be one of lora, full"),
    ("lab.train({rank: 65})", "rank is 65, it must be a whole number from 1 to 64"),
    ("lab.train({alpha: 0})", "alpha is 0, it must be above 0"),
    ("lab.train({learningRate: -1})", "learningRate is -1, it must be a number from 0 to 10"),
    ("lab.train({targets: ['keys']})", "targets is [\"keys\"], it must be a list of names from"),
    ("lab.train({targets: []})", "targets is [], it must be a list of names from query, key"),
    ("lab.train({steps: 0})", "steps is 0, it must be a whole number from 1 to 2000"),
    ("lab.train({batch: 0})", "batch is 0, it must be a whole number from 1 to 1024"),
    ("lab.train({batch: 40})", "batch is 40, it must be at most 31: the longest example has 33"),
    ("lab.train({bits: 7})", "bits is 7, it must be one of 16, 8, 4"),
    ("lab.train({workers: 3})", "workers is 3, it must be a whole number from 1 to 2"),
    ("lab.train({pairs: []})", "pairs is [], it must be a list of [prompt, answer]"),
    ("lab.train({pairs: [['a', 'b'], ['c']]})", "pair 2 is [\"c\"], it must be [prompt, answer]"),
    ("lab.train({pairs: [['a '.repeat(99), 'b']]})", "pair 1 has a prompt of 101 tokens, it must"),
    ("lab.train({pairs: [['a', 'b']], task: 'qa'})", "task is \"qa\", it must be left out"),
    ("lab.use({kind: 'lora', rank: 1, alpha: 1, targets: ['query'], arrays: {}})",
     "the adapter lacks transformer_stack.layers.0.self_attention.query_linear.lora_A"),
    ("lab.use({kind: 'lora', rank: 1, alpha: 1, targets: ['query'], arrays: {x: {shape: [1]}}})",
     "the adapter has x, which this model has no place for"),
    ("lab.use(3)", "adapter is 3, it must be one that train or load gave, or null"),
    ("lab.train({init: 'A zero'})", "init is \"A zero\", it must be one of B zero, both zero"),
    ("lab.train({from: 3})", "from is 3, it must be a LoRA adapter, or null"),
    ("lab.ready.then(({adapters}) => lab.train({from: adapters.qa, alpha: 8}))",
     "alpha is 8, it must be left out where from is given"),
    ("lab.ready.then(({adapters}) => lab.train({from: adapters.qa, rank: 3}))",
     "rank is 3, it must be a whole number from 4 to 64"),
    ("lab.ready.then(({adapters}) => lab.train({from: {...adapters.qa, arrays: {}}}))",
     "the adapter lacks transformer_stack.layers.0.self_attention.query_linear.lora_A"),
    ("lab.train({freeze: true})", "freeze is true, it must be false where no new rows stand"),
    ("lab.train({measureEvery: -1})", "measureEvery is -1, it must be a whole number from 0"),
    ("lab.score({task: 'shout'})", "task is \"shout\", it must be one of qa, pirate"),
    ("lab.tokens(3)", "text is 3, it must be a text"),
    ("lab.mix([])", "mix takes a list of [LoRA adapter, weight], a finite number"),
    ("lab.save(null)", "adapter is null, it must be one that train or load gave"),
    ("lab.load('text')", "bytes is text, it must be a Uint8Array"),
    ("lab.load(new Uint8Array(20))", "this is no whole safetensors file")])
def test_refusals_name_the_value_and_what_is_allowed(fresh, code, words):
    before = fresh.evaluate(ASK, [PROMPTS[:1], {"n": 3}])
    assert words in refused(fresh, code)
    assert fresh.evaluate(ASK, [PROMPTS[:1], {"n": 3}]) == before


def test_plain_javascript_does_the_same(running, page, trained):
    """A page that does without WebAssembly: the same answers, nearly the same losses."""
    other = running.new_page()
    other.set_default_timeout(600_000)
    other.goto(page.url)
    assert other.evaluate("lab.start('js')")["kernels"] == "js"
    page.evaluate("lab.use(null)")
    assert [each["text"] for each in other.evaluate(ASK, [PROMPTS, {"n": 8}])] == [
        each["text"] for each in page.evaluate(ASK, [PROMPTS, {"n": 8}])]
    losses = [each.evaluate("lab.train({ pairs: [['Who?', ' Nobody.']], steps: 4, batch: 1, "
                            "score: false }).then((run) => run.losses)") for each in (page, other)]
    print(f"losses of wasm and js differ by {np.abs(np.subtract(*losses)).max():.1e}")
    assert 0 < np.abs(np.subtract(*losses)).max() < 1e-4
    other.close()


def test_it_works_from_a_server_too(running, page, data_path, tmp_path):
    write_page(tmp_path, data_path)
    with served_folder(tmp_path) as address:
        other = running.new_page()
        other.goto(f"{address}index.html")
        page.evaluate("lab.use(null)")
        assert other.evaluate(ASK, [PROMPTS, {"n": 8}]) == page.evaluate(ASK, [PROMPTS, {"n": 8}])
        other.close()


def test_missing_data_is_told(running, data_path, tmp_path):
    page = write_page(tmp_path, data_path)
    (tmp_path / "lab-data.js").unlink()
    other = running.new_page()
    other.goto(page.as_uri())
    assert "the model's data could not be loaded from" in refused(other, "lab.ready")
    other.close()
