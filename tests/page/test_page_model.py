"""The page's model against the library's: logits, gradients, the KV cache, steps, merging."""

import numpy as np
import pytest
from engine import MODEL, flat, given_model, worst
from helpers import random_batch, random_tokens, tiny_model

from lib.adapters import get_adapters
from lib.lora import (
    TARGETS,
    adapted_layers,
    apply_lora_to_model,
    get_lora_gradients,
    get_lora_parameters,
    merge_lora_weights,
)
from lib.losses import IGNORE
from lib.optim import AdamW
from lib.training import loss_and_gradients, train_step, train_step_lora

LOGITS = MODEL + "return model.forward(given.tokens, given.batch);"
GRADIENTS = MODEL + """
const loss = E.loss_and_gradients(model, given.inputs, given.targets, given.batch);
return { loss, gradients: model.gradients() };"""
IN_BLOCKS = TARGETS[:6]
TARGET_SETS = [*((target,) for target in TARGETS), ("query", "value"), IN_BLOCKS, TARGETS]


def adapted(model, targets, rank, rng, size=0.05):
    """The model with adapters of which neither A nor B is zero."""
    apply_lora_to_model(model, rank, 2.0 * rank, targets, rng=rng)
    for array in get_lora_parameters(model).values():
        array += (size * rng.standard_normal(array.shape)).astype(array.dtype)
    return model


def batch_of(model, rng, batch=8, time=32, ignored=0.0):
    inputs, targets = (random_tokens(model, rng, batch, time) for _ in range(2))
    targets[rng.random(targets.shape) < ignored] = IGNORE
    return inputs, targets


def given_lora(model):
    """What ``bridge.model`` needs to have this adapted model."""
    adapters = get_adapters(model)
    return given_model(model, adapters.rank, adapters.alpha, adapters.target_modules)


def compare(engine, model, inputs, targets, given, gradients_of=lambda model: model.gradients()):
    """Largest differences of loss and gradients from the library's in float64; how large those
    gradients are; and by how much the library's own in float32 differ from them.
    """
    exact = model.astype(np.float64)
    loss, _ = loss_and_gradients(exact, inputs, targets)
    wanted = gradients_of(exact)
    found = engine.run(GRADIENTS, **given, **flat(inputs, targets))
    assert found["gradients"].keys() == wanted.keys()
    loss_and_gradients(model, inputs, targets)
    errors = [max(worst(each[name], array) for name, array in wanted.items())
              for each in (found["gradients"], gradients_of(model))]
    return (abs(found["loss"] - loss), errors[0],
            max(np.abs(array).max() for array in wanted.values()), errors[1])


def test_logits_of_the_base(engine, base, rng):
    model = base[0]
    tokens = random_tokens(model, rng, 4, 32)
    wanted = model.astype(np.float64).forward(tokens).reshape(128, -1)
    found = engine.run(LOGITS, **given_model(model), tokens=tokens.reshape(-1), batch=4)
    error = worst(found, wanted) / np.abs(wanted).max()
    own = worst(model.forward(tokens).reshape(128, -1), wanted) / np.abs(wanted).max()
    print(f"{engine.kernels}: logits {error:.1e} of the largest, {np.abs(wanted).max():.1f}; "
          f"the library in float32 {own:.1e}")
    assert error < 1e-5


def test_logits_with_adapters(engine, base, rng):
    model = adapted(base[0].copy(), TARGETS, 4, rng)
    tokens = random_tokens(model, rng, 2, 16)
    wanted = model.astype(np.float64).forward(tokens).reshape(32, -1)
    found = engine.run(LOGITS, **given_lora(model), tokens=tokens.reshape(-1), batch=2)
    error = worst(found, wanted) / np.abs(wanted).max()
    print(f"{engine.kernels}: logits with adapters {error:.1e} of the largest")
    assert error < 1e-5


def test_full_gradients_of_the_base(engine, base, rng):
    model = base[0].copy()
    errors = compare(engine, model, *batch_of(model, rng), given_model(model))
    print(f"{engine.kernels}: loss {errors[0]:.1e}, full gradients {errors[1]:.1e} of "
          f"{errors[2]:.2f}; the library's {errors[3]:.1e}")
    assert errors[0] < 1e-6 and errors[1] < 3e-7


@pytest.mark.parametrize("targets", [("query", "value"), IN_BLOCKS], ids="+".join)
def test_lora_gradients_of_the_base(engine, base, targets, rng):
    model = adapted(base[0].copy(), targets, 4, rng)
    errors = compare(engine, model, *batch_of(model, rng), given_lora(model), get_lora_gradients)
    print(f"{engine.kernels}, {'+'.join(targets)}: loss {errors[0]:.1e}, gradients {errors[1]:.1e} "
          f"of {errors[2]:.3f}; the library's {errors[3]:.1e}")
    assert errors[0] < 1e-6 and errors[1] < 3e-7


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("targets", TARGET_SETS, ids="+".join)
def test_gradients_of_odd_shapes_with_masked_targets(wasm, targets, rank, rng):
    model = tiny_model(rng, targets, rank, 5.0, dtype=np.float32)
    inputs, wanted = random_batch(model, rng)
    loss, error, largest, own = compare(wasm, model, inputs, wanted,
                                        given_model(model, rank, 5.0, targets), get_lora_gradients)
    print(f"loss {loss:.1e}, gradients {error:.1e} of {largest:.2f}; the library's {own:.1e}")
    # Some of these models enlarge rounding a thousand times: then the library's is as large.
    assert loss < 1e-6 and error < 4 * own + 1e-6 * max(1, largest)


def test_full_gradients_of_odd_shapes(engine, rng):
    model = tiny_model(rng, dtype=np.float32)
    loss, error, largest, own = compare(engine, model, *random_batch(model, rng),
                                        given_model(model))
    print(f"loss {loss:.1e}, gradients {error:.1e} of {largest:.2f}; the library's {own:.1e}")
    assert loss < 1e-6 and error < 4 * own + 1e-6 * max(1, largest)


def test_finite_differences(wasm, rng):
    """The page's own loss, stepped: nothing of the library is asked."""
    model = tiny_model(rng, TARGETS, 2, dtype=np.float32)
    slopes = wasm.run(MODEL + """
        const loss = () => {
          const before = E.mark();
          const wanted = given.targets.flatMap((target, row) => (target < 0 ? [] : [row]));
          const logits = model.forward(given.inputs, given.batch, { wanted });
          const value = E.cross_entropy(logits, wanted.map((row) => given.targets[row]));
          E.release(before);
          return value;
        };
        E.loss_and_gradients(model, given.inputs, given.targets, given.batch);
        const gradients = model.gradients(), step = 2 ** -9;
        return Object.entries(E.get_lora_parameters(model)).flatMap(([name, { numbers }]) =>
          [0, numbers.length - 1].map((i) => {
            const kept = numbers[i], [above, below] = [step, -step].map((by) => {
              numbers[i] = kept + by;
              return loss();
            });
            numbers[i] = kept;
            return [gradients[name].numbers[i], (above - below) / (2 * step)];
          }));""", **given_model(model, 2, 3.0, TARGETS), **flat(*random_batch(model, rng)))
    found, wanted = np.array(slopes).T
    print(f"finite differences: {worst(found, wanted):.1e} of {np.abs(wanted).max():.2f}")
    assert len(found) >= 2 * 28 and np.abs(wanted).max() > 0.05
    assert worst(found, wanted) < 3e-4


def test_the_cache_gives_what_a_whole_forward_gives(engine, base, rng):
    model = adapted(base[0].copy(), IN_BLOCKS, 4, rng)
    tokens = random_tokens(model, rng, 1, 24).reshape(-1)
    whole, pieces = engine.run(MODEL + """
        const whole = model.forward(given.tokens, 1), past = model.new_cache(), pieces = [];
        for (const [from, to] of [[0, 5], [5, 6], [6, 13], ...[...Array(11).keys()].map((i) =>
          [13 + i, 14 + i])]) {
          pieces.push(model.forward(given.tokens.slice(from, to), 1, { training: false, past }));
        }
        return [whole, pieces];""", **given_lora(model), tokens=tokens)
    error = worst(np.concatenate(pieces), whole) / np.abs(whole).max()
    print(f"{engine.kernels}: cache {error:.1e} of the largest logit")
    assert error < 3e-6


def test_adamw_steps(wasm, rng):
    shapes = {"matrix": (5, 3), "vector": (7,)}
    parameters = {name: rng.standard_normal(shape).astype(np.float32)
                  for name, shape in shapes.items()}
    gradients = [{name: (10.0 ** -step * rng.standard_normal(shape)).astype(np.float32)
                  for name, shape in shapes.items()} for step in range(3)]
    found = wasm.run("""
        const of = (arrays) => Object.fromEntries(Object.entries(arrays).map(([name, array]) =>
          [name, bridge.matrix(E, array)]));
        const parameters = of(given.parameters), optimizer = new E.AdamW({ weight_decay: 0.1 });
        for (const each of given.gradients) optimizer.step(of(each), parameters, 0.02);
        return parameters;""", parameters=parameters, gradients=gradients)
    wanted = {name: array.astype(np.float64) for name, array in parameters.items()}
    optimizer = AdamW(weight_decay=0.1)
    for each in gradients:
        optimizer.step(each, wanted, 0.02)
    for name, array in wanted.items():
        assert worst(found[name].reshape(array.shape), array) < 5e-7
        assert worst(parameters[name], array) > 0.02


@pytest.mark.parametrize("size, shrink", [(0.5, 1), (1, 1), (1.25, 0.8), (1e6, 1e-6)])
def test_gradients_are_clipped_by_their_joint_norm(wasm, size, shrink):
    gradients = {"a": size * np.array([[0.6, 0.0]]), "b": size * np.array([0.0, 0.0, -0.8])}
    code = """
        const of = ([name, array]) => [name, bridge.matrix(E, array)];
        return E.clip_gradient_norm(Object.fromEntries(Object.entries(given.gradients).map(of)),
          given.most);"""
    assert np.isclose(wasm.run(code, gradients=gradients, most=1.0000001), shrink, rtol=1e-6)
    gradients["a"][0, 1] = np.inf
    with pytest.raises(Exception, match="not finite: a lower learning rate may help"):
        wasm.run(code, gradients=gradients, most=1)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_training_steps(engine, method, rng):
    """Three steps with clipping, from gradients to weights, against the library's."""
    targets = TARGETS if method == "lora" else ()
    model = tiny_model(rng, targets, 2, dtype=np.float32)
    batches = [random_batch(model, rng) for _ in range(3)]
    given = given_model(model, *((2, 3.0, targets) if targets else ()))
    found = engine.run(MODEL + """
        const optimizer = new E.AdamW(), step = given.lora ? E.train_step_lora : E.train_step;
        const losses = given.batches.map(({ inputs, targets, batch }) =>
          step(model, optimizer, inputs, targets, batch, 0.01, 0.1));
        return { losses, arrays: model.trainable_parameters() };""", **given,
                       batches=[flat(*each) for each in batches])
    exact, optimizer = model.astype(np.float64), AdamW()
    step = train_step_lora if targets else train_step
    losses = [step(exact, optimizer, *each, 0.01, 0.1) for each in batches]
    error = max(worst(found["arrays"][name].reshape(array.shape), array)
                for name, array in exact.trainable_parameters().items())
    print(f"{engine.kernels}, {method}: arrays after three steps {error:.1e}")
    assert np.abs(np.subtract(found["losses"], losses)).max() < 1e-5
    assert error < 2e-4      # Adam divides by small gradients: rounding of them is enlarged


def test_strength_0_is_the_base_to_the_bit(engine, base, rng):
    model = adapted(base[0].copy(), TARGETS, 4, rng)
    tokens = random_tokens(model, rng, 2, 16).reshape(-1)
    plain = engine.run(LOGITS, **given_model(base[0]), tokens=tokens, batch=2)
    off, on, merged, weights = engine.run(MODEL + """
        const layers = Object.values(E.adapted_layers(model));
        const on = model.forward(given.tokens, 2);
        for (const layer of layers) layer.strength = 0;
        return [model.forward(given.tokens, 2), on, layers.map(E.merge_lora_weights),
          layers.map((layer) => layer.base_weights)];""", **given_lora(model),
                                          tokens=tokens)
    assert off.tobytes() == plain.tobytes() and on.tobytes() != plain.tobytes()
    assert len(merged) == 26
    for one, other in zip(merged, weights):
        assert one.tobytes() == other.tobytes()


def test_merged_weights(wasm, rng):
    model = tiny_model(rng, TARGETS, 3, 5.0, dtype=np.float32)
    found = wasm.run(MODEL + """
        return Object.values(E.adapted_layers(model)).map(E.merge_lora_weights);""",
                     **given_model(model, 3, 5.0, TARGETS))
    for array, layer in zip(found, adapted_layers(model).values(), strict=True):
        assert worst(array, merge_lora_weights(layer)) < 1e-6


def test_a_refused_adapter_changes_nothing(wasm, rng):
    model = tiny_model(rng, dtype=np.float32)
    messages = wasm.run(MODEL + """
        const said = (call) => { try { call(); } catch (error) { return error.message; } };
        const apply = (...settings) =>
          said(() => E.apply_lora_to_model(model, ...settings, () => 0));
        return [apply(9, 8, ['query', 'output_projection']), apply(2, 0, ['query']),
          apply(2, 8, ['keys']), said(() => model.forward([11], 1)),
          said(() => model.forward(Array(11).fill(0), 1)),
          String(Object.keys(E.adapted_layers(model))), said(() => E.train_step_lora(model))];""",
                        **given_model(model))
    for message, words in zip(messages, (
            "rank is 9, it must be a whole number from 1 to 8", "alpha is 0, it must be",
            "targets is [\"keys\"], it must be a list of names from query", "token id 11",
            "11 tokens is longer than the context of 10", "", "carries no LoRA adapters"),
            strict=True):
        assert words in message
    assert messages[5] == ""
